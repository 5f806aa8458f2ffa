"""Lines of real documents with the facts by which their accounts were chosen, for whoever writes a mapping.

The deciders themselves say the facts: their records are decided again in a shadow that touches nothing (rebuild.py),
and each question for an account is noted. So a mapping is tried on what really happens, and no second place knows what
is known of a line.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Final

from app.proofs.preview import deciders_of_documents
from app.proofs.rebuild import decide_again, past_of
from schemas.failures import ContractBroken
from schemas.records.erp import DocumentLine, PostDocument, SubjectKind
from schemas.topic import Topic
from schemas.values.money import Money
from schemas.wire.codec import Codec
from streams.domain.accounts import Account, AccountMapping, AccountRule, Accounts, Facts, Unmapped
from streams.log.ports import Log
from streams.log.signing import Ring
from streams.tasks.processor import AnyProcessor, Decider
from streams.tasks.rules import RulesUsed

# So long what was found serves again in a process that goes on: the facts of yesterday's payments do not change.
KEPT_S: Final = 600.0
# What was asked of a line: role, kind, amount, currency, value date, customer -> its facts and day.
_Asked = dict[tuple[str, ...], tuple[Facts, date]]


@dataclass(frozen=True, slots=True)
class Sample:
    """A line of a real document, the facts that were known of it, and the day by which its account was chosen."""

    document: PostDocument
    line: DocumentLine
    facts: Facts
    on: date


@dataclass(frozen=True, slots=True)
class Given:
    """What a mapping gives a line: which line of the role counted (from 1; 0 for none), and the account or why not."""

    number: int
    account: Account | Unmapped


def given(accounts: Accounts, sample: Sample) -> Given:
    """Return what a mapping gives a line of a real document."""
    rules: Sequence[AccountRule] = accounts.rules.get(sample.line.role, ())
    number = next((n for n, rule in enumerate(rules, 1) if rule.counts(sample.facts, sample.on)), 0)
    return Given(number, accounts.of(sample.line.role, sample.facts, sample.on))


async def samples(
    processors: Sequence[AnyProcessor], most: int, log: Log, codec: Codec, ring: Ring
) -> Sequence[Sample]:
    """Return the lines of the last documents that a mapping decided, `most` documents of each kind, the newest first.

    Lines that take an earlier document back have its accounts, whatever a mapping says, so they are none.

    Ensures: nothing is written anywhere.
    Raises:  ContractBroken where records of then can't be decided any more.
    """
    found: list[Sample] = []
    for processor in deciders_of_documents(processors):
        for partition in range(log.partition_count(processor.inbox)):
            asked: _Asked = {}
            past = await past_of(processor, partition, log, codec, ring)
            again = await decide_again(_noting(processor, asked), partition, log, codec, ring, past)
            if again.stopped_because:
                name = f"{processor.name}/{partition}"
                raise ContractBroken(f"{name} can't be decided again: {again.stopped_because}")
            shadow, topic = again.shadow, Topic.ERP_COMMANDS
            for part in range(shadow.partition_count(topic)):
                for record in shadow.records(topic, part):
                    command = codec.decode_as_written(record.value)
                    if isinstance(command, PostDocument):
                        found += _of_document(command, asked)
    found.sort(key=lambda one: one.document.occurred_at, reverse=True)
    return _newest(found, most)


class KeptSamples:
    """Samples of a process that goes on, found anew when they are older than KEPT_S."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._found: tuple[float, Sequence[Sample]] | None = None

    def get(self, find: Callable[[], Sequence[Sample]]) -> Sequence[Sample]:
        """Return what was found; one caller looks, the others wait for what it finds."""
        with self._lock:
            if self._found is None or self._now() - self._found[0] > KEPT_S:
                self._found = self._now(), find()
            return self._found[1]


def _newest(found: Sequence[Sample], most: int) -> list[Sample]:
    kept: dict[str, dict[str, None]] = {}
    for one in found:
        of_kind = kept.setdefault(one.document.kind, {})
        if len(of_kind) < most:
            of_kind[one.document.posting_reference] = None
    return [one for one in found if one.document.posting_reference in kept[one.document.kind]]


def _of_document(command: PostDocument, asked: _Asked) -> list[Sample]:
    customer = command.subject if command.subject_kind is SubjectKind.CUSTOMER else ""
    found = []
    for line in command.lines:
        amount = str(Money(line.amount_minor, line.currency).major)
        key = (line.role, command.kind, amount, line.currency, command.values.get("value_on", ""), customer)
        if key in asked:
            found.append(Sample(command, line, *asked[key]))
    return found


@dataclass(frozen=True, slots=True)
class _Noting(Accounts):
    """Accounts that note what they are asked; of the same line the newest question counts."""

    asked: _Asked = field(default_factory=dict)

    def of(self, role: str, facts: Facts, on: date) -> Account | Unmapped:
        """Return what the mapping gives, and note the question."""
        known = (facts.get(name, "") for name in ("kind", "amount", "currency"))
        self.asked[role, *known, on.isoformat(), facts.get("customer", "")] = (facts, on)
        return Accounts.of(self, role, facts, on)


def _noting(processor: Decider[Any, Any, Any], asked: _Asked) -> Decider[Any, Any, Any]:
    assert processor.rules is not None
    names, read = processor.rules.names, processor.rules.read

    def noted(*texts: str) -> Any:
        policy = read(*texts)
        mapping: AccountMapping = policy if isinstance(policy, AccountMapping) else policy.mapping
        noting = replace(mapping, accounts=_Noting(mapping.accounts.rules, asked))
        return noting if policy is mapping else replace(policy, mapping=noting)

    return replace(processor, rules=RulesUsed(names, noted))
