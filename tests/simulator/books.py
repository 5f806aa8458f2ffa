"""The books of all sides when everything is at rest: do they agree, to the cent and document by document?

Nothing here believes the pipeline but for what waits and what is parked, whose sum must fill the gap between PayTrace's
books and abas' books for each charge alone (infra/demo/audit.py). Then everything derived is derived again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any

from app.operators.dead_letters import DeadLetters, ParkedRecord
from app.operators.rules import in_force
from app.proofs.rebuild import compare_agents
from app.sources.polling import CURSORS, Publisher
from infra.demo.audit import OpenMoney, audit
from schemas import catalog
from schemas.records.identification import WaitingReason
from schemas.signs import movement_sign
from schemas.topic import Topic
from schemas.wire.codec import Codec
from streams.domain.receivables.account import EntryStatus
from streams.edges.ports import Observation
from streams.edges.publishing import observation_id
from streams.edges.subject_keys import SubjectKeys
from streams.log.memory import MemoryLog, ShadowLog
from streams.rules.catalogue import KINDS
from streams.tasks.membership import SoleOwner
from streams.tasks.ports import SilentObserver
from streams.tasks.processor import AnyProcessor
from streams.tasks.stores import MemoryStore
from streams.tasks.task import Task, TaskRules
from tests.simulator.story import Request
from tests.support.guard_key import PRIVACY_KEY
from tests.support.signing import RING

CODEC = Codec()


async def states(processor: AnyProcessor, log: MemoryLog) -> list[Any]:
    """The state of every key of an agent, as its journal folds to it."""
    found: list[Any] = []
    for partition in range(log.partition_count(processor.journal)):
        store: MemoryStore[Any] = MemoryStore()
        await _task(processor, partition, log, store).restore()
        found += [state for _, state in store.items()]
    return found


def _task(processor: AnyProcessor, partition: int, log: MemoryLog, store: MemoryStore[Any]) -> Task[Any]:
    return Task(
        processor,
        partition,
        log=log,
        store=store,
        codec=CODEC,
        ring=RING,
        membership=SoleOwner(),
        observer=SilentObserver(),
        rules=TaskRules(),
    )


async def parked(log: MemoryLog) -> list[ParkedRecord]:
    """Everything that is parked, of any inbox."""
    letters = DeadLetters(log, CODEC)
    return [
        one
        for spec in catalog.topics().values()
        if spec.role == "inbox" and spec.dlq is not None and not spec.awaits_agent
        for one in await letters.parked(spec.name)
    ]


async def problems(
    processors: Sequence[AnyProcessor],
    log: MemoryLog,
    charges: Sequence[Any],
    documents: Sequence[Any],
    requests: Sequence[Request],
    transfers: Sequence[Any] = (),
) -> list[str]:
    """Everything on which the sides do not agree; empty when nothing was lost or doubled.

    Shapes: charges are PayTrace's entries, transfers the bank's of customers, documents those of abas.
    """
    by_name = {processor.name: processor for processor in processors}
    open_money, netted, found = await _open_money(by_name, log)
    result = audit([*charges, *transfers], documents, open_money, netted)
    found += result.problems
    found += [f"residual of {currency} is {minor}" for currency, minor in result.residual_minor.items() if minor]
    still_parked = await parked(log)
    found += [
        f"parked: {one.inbox}/{one.partition}/{one.offset} {one.error_type}: {one.message}"
        for one in still_parked
        if one.inbox != Topic.GATEWAY_COMMANDS  # those are held against PayTrace's books
    ]
    found += _hold_requests(requests, charges, still_parked)
    found += await _in_force(processors, log)
    found += [
        f"not identical when derived again: {one.what} ({one.record_count} records)"
        for one in await compare_agents(processors, log, CODEC, RING)
        if not one.is_identical
    ]
    return found


async def _in_force(processors: Sequence[AnyProcessor], log: MemoryLog) -> list[str]:
    """Each partition decides by the rules that adopt-rules says are in force, and holds all of them."""
    accepted = await in_force(log, CODEC)
    found = [f"no {name} is in force" for name in KINDS if name not in accepted]
    for processor in processors:
        for partition in range(log.partition_count(processor.inbox) if processor.rules else 0):
            taken = (await _task(processor, partition, log, MemoryStore()).restore()).rules
            for name in processor.rules.names if processor.rules else ():
                held, wanted = taken.get(name), accepted.get(name)
                if wanted is not None and (held is None or held.number != wanted.number):
                    found.append(
                        f"{processor.name}/{partition} has {held} of {name}, in force is number {wanted.number}"
                    )
    return found


async def not_published(source: str, log: MemoryLog, *polls: AsyncIterator[Observation]) -> list[str]:
    """What a side shows and no inbox holds, and how much a source that starts anew would publish a second time."""
    topics = {topic: log.partition_count(topic) for topic in catalog.topics()}
    published = {
        record.event_id
        for topic, count in topics.items()
        for partition in range(count)
        for record in log.records(topic, partition)
    }
    found: list[str] = []

    # Reads what was remembered from the log, and writes beside it.
    aside = ShadowLog(log, topics, inbox=CURSORS, end=1 << 62)
    keys = SubjectKeys(log, CODEC, PRIVACY_KEY.encode, source=f"source-{source}")

    async def shown() -> AsyncIterator[Observation]:
        for poll in polls:
            async for subject, plain in poll:
                records = await keys.seal(plain)
                found.extend(
                    f"{source} shows {subject}, and no inbox holds {type(record).__name__}"
                    for record in records
                    if observation_id(record) not in published
                )
                yield subject, records

    again = Publisher(source, aside, CODEC)
    await again.remember()
    if count := await again.publish(shown()):
        found.append(f"{source}, started anew, publishes {count} things again")
    return found


def _hold_requests(
    requests: Sequence[Request], charges: Sequence[Any], still_parked: Sequence[ParkedRecord]
) -> list[str]:
    """Each request has its effect at PayTrace once, or none and is parked in doubt; nothing else has an effect."""
    made = Counter(
        Request("charge", str(charge["customer_id"]), int(charge["amount_minor"]))
        for charge in charges
        if str(charge["invoice_id"]).startswith("SALDO-R-") and charge["state"] != "DECLINED"
    )
    asked = set(requests)
    made.update(
        refund
        for charge in charges
        if (refund := Request("refund", str(charge["refund_of"]), int(charge["amount_minor"]))) in asked
    )
    in_doubt = {
        int(one.content["amount_minor"])
        for one in still_parked
        if one.inbox == Topic.GATEWAY_COMMANDS and one.content is not None and "amount_minor" in one.content
    }
    return [
        f"{request} was carried out {made[request]} times"
        for request in asked | set(made)
        if made[request] != (0 if request.amount_minor in in_doubt else 1)
    ]


async def _open_money(
    by_name: dict[str, AnyProcessor], log: MemoryLog
) -> tuple[list[OpenMoney], list[OpenMoney], list[str]]:
    """What waits, what cancelled out before it was posted, and what stands in a way in which nothing may rest."""
    waits: list[OpenMoney] = []
    netted: list[OpenMoney] = []
    unrest: list[str] = []
    for state in await states(by_name["identify-payers"], log):
        for waiting in state.payment.waiting:
            signed = movement_sign(waiting.movement) * waiting.amount_minor
            waits.append(OpenMoney(waiting.paytrace_transaction_id, signed, waiting.currency, str(waiting.reason)))
        for held in state.payment.held:
            signed = movement_sign(held.movement) * held.amount_minor
            waits.append(OpenMoney(held.paytrace_transaction_id, signed, held.currency, str(held.reason)))
            if held.reason is WaitingReason.RISK_UNANSWERED:
                unrest.append(f"payment {held.paytrace_transaction_id} has no answer of risk")
    statuses: Counter[str] = Counter()
    for state in await states(by_name["match-open-items"], log):
        for entry in state.entries.values():
            statuses[entry.status] += 1
            signed = entry.amount_minor if entry.is_receipt else -entry.amount_minor
            money = OpenMoney(entry.transaction_id, signed, entry.currency, str(entry.reason))
            match entry.status:
                case EntryStatus.WAITING | EntryStatus.HANDED_OVER:  # the latter is finance's to deal with
                    if not entry.is_write_off:
                        waits.append(money)
                case EntryStatus.NETTED:
                    netted.append(money)
                case EntryStatus.REQUESTED:
                    unrest.append(f"{entry.posting_reference} was asked of abas and has no outcome")
                case _:
                    pass
    return waits, netted, unrest
