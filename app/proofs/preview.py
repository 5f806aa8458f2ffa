"""What would a proposed mapping have decided? The real records of a period, decided again by it, and the difference.

For `saldo mapping preview`. Every agent that asks the ERP for documents by the mapping is decided twice in a shadow
that touches nothing (rebuild.py): by the rules of then, and with the proposed mapping for the records of the period. A
record belongs to the day that it states, else to the business day of its instant. What came after the period is decided
by the rules of then, and what follows for it shows too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from app.proofs.rebuild import Again, Past, decide_again, past_of
from app.topics.writing import instant_of
from schemas import catalog
from schemas.failures import ContractBroken
from schemas.records import Record
from schemas.records.erp import DocumentLine, PostDocument, Side
from schemas.records.tasks import RecordParked
from schemas.topic import Topic
from schemas.values.business_day import business_day
from schemas.values.money import Money
from schemas.wire.codec import Codec
from streams.log.ports import Log
from streams.log.signing import Ring
from streams.rules.catalogue import ACCOUNT_MAPPING
from streams.tasks.processor import AnyProcessor, Decider
from streams.tasks.rules import RulesUsed

_DAYS = ("value_on", "moved_on", "booked_on", "decided_on")  # the day that a record is about, where it states one
_COMPARED = ("account", "cost_centre", "tax_code", "text", "open_item")


@dataclass(frozen=True, slots=True)
class Period:
    """Business days from the first to the last, both included; zone says when a day begins."""

    first: date
    last: date
    zone: ZoneInfo

    def has(self, record: Record) -> bool:
        """Return whether a record belongs to the period."""
        stated = (getattr(record, name, None) for name in _DAYS)
        day = next((one for one in stated if one is not None), None) or business_day(instant_of(record), self.zone)
        return self.first <= day <= self.last


@dataclass(frozen=True, slots=True)
class Change:
    """One document that differs: None before where it appears, None after where it vanishes.

    because  why it waits now, where the decider says so
    """

    before: PostDocument | None
    after: PostDocument | None
    because: str = ""

    @property
    def document(self) -> PostDocument:
        """The document, as it would be where it still is."""
        found = self.after or self.before
        assert found is not None, "one of both is there"
        return found

    @property
    def differences(self) -> Sequence[str]:
        """What differs in a document that is on both sides, one line of it after the other."""
        if self.before is None or self.after is None:
            return ()
        return tuple(_differences(self.before, self.after))


@dataclass(frozen=True, slots=True)
class Preview:
    """What a proposed mapping would have changed. record_count is how many records of the period were decided again."""

    changes: Sequence[Change]
    undecided: Sequence[str] = field(default=())
    record_count: int = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing differs."""
        return not self.changes and not self.undecided

    def sums(self) -> Mapping[tuple[str, str], tuple[int, int]]:
        """Return (account, currency) -> minor units before and after, debits less credits, of what differs."""
        totals: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
        for change in self.changes:
            for side, document in enumerate((change.before, change.after)):
                for line in () if document is None else document.lines:
                    sign = 1 if line.side is Side.DEBIT else -1
                    totals[line.account, line.currency][side] += sign * line.amount_minor
        return {key: (before, after) for key, (before, after) in sorted(totals.items()) if before != after}


def deciders_of_documents(processors: Sequence[AnyProcessor]) -> list[Decider[Any, Any, Any]]:
    """Return those that ask the ERP for documents by the mapping."""
    return [
        one
        for one in processors
        if isinstance(one, Decider) and one.rules is not None and ACCOUNT_MAPPING.name in one.rules.names
        and one.name in _asking()
    ]  # fmt: skip


async def preview(
    processors: Sequence[AnyProcessor], text: str, period: Period, log: Log, codec: Codec, ring: Ring
) -> Preview:
    """Decide the records of a period again by this text of the mapping, and compare the documents.

    Ensures: nothing is written anywhere; each inbox is decided as far as its agent has come.
    Raises:  ContractBroken where records of then can't be decided any more.
    """
    changes: list[Change] = []
    undecided: list[str] = []
    records = 0
    for processor in deciders_of_documents(processors):
        proposed = _Proposed(processor, text, period)
        for partition in range(log.partition_count(processor.inbox)):
            name = f"{processor.name}/{partition}"
            past = await past_of(processor, partition, log, codec, ring)
            then = await decide_again(processor, partition, log, codec, ring, past)
            again = await decide_again(proposed.processor, partition, log, codec, ring, past)
            if stopped := then.stopped_because or again.stopped_because:
                raise ContractBroken(f"{name} can't be decided again: {stopped}")
            before, after = _documents(then, codec), _documents(again, codec)
            events = [codec.decode_as_written(one.value) for one in again.shadow.records(processor.journal, partition)]
            changes += _changes(before, after, _waiting(events))
            undecided += _undecided(events, past, name)
        records += proposed.record_count
    return Preview(changes, undecided, records)


class _Proposed:
    """A processor that is handed the proposed mapping for the records of the period, and the one of then for others."""

    def __init__(self, processor: Decider[Any, Any, Any], text: str, period: Period) -> None:
        assert processor.rules is not None
        names, read, decide = processor.rules.names, processor.rules.read, processor.decide
        self.record_count = 0

        def both(*texts: str) -> tuple[Any, Any]:
            changed = (
                text if name == ACCOUNT_MAPPING.name else of_then for name, of_then in zip(names, texts, strict=True)
            )
            return read(*texts), read(*changed)

        def decide_by(state: Any, record: Record, policies: tuple[Any, Any]) -> tuple[Any, ...]:
            is_asked = period.has(record)
            self.record_count += is_asked
            return decide(state, record, policies[is_asked])

        self.processor = replace(processor, rules=RulesUsed(names, both), decide=decide_by)


def _asking() -> frozenset[str]:
    return frozenset(catalog.topic(Topic.ERP_COMMANDS).producers)


def _documents(again: Again, codec: Codec) -> dict[str, PostDocument]:
    """Return what would be asked for, by posting reference; of one that was asked for again, the last."""
    topic, shadow = Topic.ERP_COMMANDS, again.shadow
    found = [codec.decode_as_written(one.value) for part in range(shadow.partition_count(topic))
             for one in shadow.records(topic, part)]  # fmt: skip
    return {one.posting_reference: one for one in found if isinstance(one, PostDocument)}


def _changes(
    before: Mapping[str, PostDocument], after: Mapping[str, PostDocument], waiting: Mapping[str, str]
) -> list[Change]:
    found = [
        Change(before.get(one), after.get(one), "" if one in after else waiting.get(one, ""))
        for one in sorted(before.keys() | after.keys())
    ]
    return [one for one in found if one.before is None or one.after is None or one.differences]


def _differences(before: PostDocument, after: PostDocument) -> Iterator[str]:
    if before.kind != after.kind:
        yield f"kind: {before.kind} -> {after.kind}"
    for name in sorted(before.values.keys() | after.values.keys()):
        if (old := before.values.get(name)) != (new := after.values.get(name)):
            yield f"{name}: {_shown(old)} -> {_shown(new)}"
    for name in ("text", "posted_on"):
        if (old := getattr(before, name)) != (new := getattr(after, name)):
            yield f"{name.replace('_', ' ')}: {_shown(old)} -> {_shown(new)}"
    if [line.role for line in before.lines] != [line.role for line in after.lines]:
        yield f"lines: {_lines(before.lines)} -> {_lines(after.lines)}"
        return
    for old_line, new_line in zip(before.lines, after.lines, strict=True):
        changed = [
            f"{name.replace('_', ' ')} {_shown(getattr(old_line, name))} -> {_shown(getattr(new_line, name))}"
            for name in _COMPARED
            if getattr(old_line, name) != getattr(new_line, name)
        ]
        if _amount(old_line) != _amount(new_line):
            changed.append(f"amount {_amount(old_line)} -> {_amount(new_line)}")
        if changed:
            yield f"{old_line.role}: {', '.join(changed)}"


def _waiting(events: Sequence[Any]) -> Mapping[str, str]:
    """Return why documents wait, by posting reference: the last word of the journal."""
    return {
        one.posting_reference: one.detail
        for one in events
        if hasattr(one, "posting_reference") and hasattr(one, "detail")
    }


def _undecided(events: Sequence[Any], past: Past, name: str) -> Iterator[str]:
    """Yield each record that could be decided then and can't be decided by the proposed mapping."""
    for event in events:
        if isinstance(event, RecordParked) and event.offset not in past.verdicts.parked:
            yield f"{name}, record {event.offset}: {event.message}"


def line_in_words(line: DocumentLine) -> str:
    """Return a line as people read it: role, account, cost centre and category where it has one, side, amount."""
    centre = "" if line.cost_centre is None else f" cost centre {line.cost_centre}"
    category = "" if line.product_category is None else f" ({line.product_category})"
    return f"{line.role} {line.account}{centre}{category} {_amount(line)}"


def _amount(line: DocumentLine) -> str:
    return f"{line.side.value.lower()} {Money(line.amount_minor, line.currency)}"


def _lines(lines: Sequence[DocumentLine]) -> str:
    return ", ".join(map(line_in_words, lines))


def _shown(value: object) -> str:
    return "none" if value is None else str(value)
