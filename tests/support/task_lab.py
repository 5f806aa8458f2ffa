"""A task under a microscope: a small processor on real topics, on a log in memory that can be broken at any step.

The processor counts: each RefundLinked of a payment becomes one RefundApplied (two for amounts over 1000), and one
PaymentToIdentify for the next inbox. An amount of 13 is refused as unreadable, 66 says that the world is away, and a
repeated refund id is silence.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from schemas import catalog
from schemas.failures import Unavailable, Unreadable
from schemas.records import Record
from schemas.records.identification import Movement, PaymentToIdentify
from schemas.records.payments import PaymentMethod, RefundApplied, RefundLinked
from schemas.records.tasks import PositionMarked
from schemas.topic import Topic
from schemas.wire.codec import Codec
from schemas.wire.envelope import SourcePosition, header_text, source_position
from schemas.wire.highwater import HighWater
from streams.domain.output import Output
from streams.log.memory import MemoryLog
from streams.log.outbound import Outbound
from streams.log.records import Inbound
from streams.tasks.membership import SoleOwner
from streams.tasks.ports import Membership, SilentObserver
from streams.tasks.processor import Decider, Effect
from streams.tasks.stores import MemoryStore, StateStore
from streams.tasks.task import Task, TaskRules
from tests.support.signing import RING, SIGNER, command_headers

INBOX = Topic.PAYMENTS_OBSERVATIONS
JOURNAL = Topic.PAYMENTS_EVENTS
NEXT = Topic.IDENTIFICATION_INBOX
DLQ = "payments.observations.v1.dlq"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
CODEC = Codec()


class Killed(BaseException):
    """The process ends here."""


@dataclass(frozen=True)
class Counted:
    refunds: tuple[str, ...] = ()
    total_minor: int = 0


Decide = Callable[[Counted, Any], tuple[Any, ...]]


def decide(state: Counted, record: RefundLinked) -> tuple[RefundApplied, ...]:
    if record.amount_minor == 13:
        raise Unreadable("amount 13 is unlucky")
    if record.amount_minor == 66:
        raise Unavailable("the world is away")
    if record.refund_transaction_id in state.refunds:
        return ()
    parts = 2 if record.amount_minor > 1000 else 1
    return tuple(
        RefundApplied(
            paytrace_transaction_id=record.paytrace_transaction_id,
            refund_transaction_id=record.refund_transaction_id,
            amount_minor=record.amount_minor // parts,
            currency=record.currency,
            occurred_at=record.occurred_at,
        )
        for _ in range(parts)
    )


def decide_mended(state: Counted, record: RefundLinked) -> tuple[RefundApplied, ...]:
    """The rule after a deploy that knows what to do with an amount of 13."""
    return decide(state, replace(record, amount_minor=14) if record.amount_minor == 13 else record)


def evolve(state: Counted, event: RefundApplied) -> Counted:
    return replace(
        state,
        refunds=(*state.refunds, event.refund_transaction_id),
        total_minor=state.total_minor + event.amount_minor,
    )


def route(_state: Counted, event: RefundApplied) -> tuple[Output, ...]:
    movement = PaymentToIdentify(
        movement_id=event.refund_transaction_id,
        paytrace_transaction_id=event.paytrace_transaction_id,
        movement=Movement.REFUNDED,
        amount_minor=event.amount_minor,
        currency=event.currency,
        method=PaymentMethod.CARD,
        tokens=("invoice:A",),
        occurred_at=event.occurred_at,
    )
    return (Output(NEXT, movement),)


COUNTING: Decider[Counted, Any, Any] = Decider(
    name="counting",
    inbox=INBOX,
    journal=JOURNAL,
    state_type=Counted,
    initial=Counted(),
    decide=decide,
    evolve=evolve,
    route=route,
)


def effect(**more: Any) -> Effect[Counted, Any, Any]:
    """The counting agent as one that acts: `perform` and whatever else an Effect takes."""
    return Effect(
        name=COUNTING.name,
        inbox=INBOX,
        journal=JOURNAL,
        state_type=Counted,
        initial=Counted(),
        evolve=evolve,
        route=route,
        **more,
    )


@dataclass
class FragileLog(MemoryLog):
    """Ends the process before the n-th append, or after some of its records are there."""

    kill_at_append: int | None = None
    records_before_kill: int = 0
    appends: int = 0
    order: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(dict.fromkeys(catalog.topics(), 1), signer=SIGNER)

    async def append(self, records: Sequence[Outbound]) -> Sequence[int]:
        if not records:
            return ()
        self.appends += 1
        if self.kill_at_append == self.appends:
            await super().append(records[: self.records_before_kill])
            raise Killed
        self.order += [record.topic for record in records]
        return await super().append(records)


@dataclass
class Lab:
    """One partition of the counting processor; `restart` is what a supervisor does after a crash."""

    log: FragileLog = field(default_factory=FragileLog)
    store: StateStore[Counted] = field(default_factory=MemoryStore)
    membership: Membership = field(default_factory=SoleOwner)
    rules: TaskRules = field(default_factory=lambda: TaskRules(failures_in_a_row=3, marker_every=1_000))
    processor: Decider[Counted, Any, Any] = COUNTING

    def __post_init__(self) -> None:
        self.task = self.new_task()

    def new_task(self, store: StateStore[Counted] | None = None, decide: Decide = decide) -> Task[Counted]:
        return Task(
            replace(self.processor, decide=decide),
            0,
            log=self.log,
            store=self.store if store is None else store,
            codec=CODEC,
            ring=RING,
            membership=self.membership,
            observer=SilentObserver(),
            rules=self.rules,
        )

    def restart(self) -> None:
        self.log.kill_at_append = None
        self.task = self.new_task()

    async def advance_all(self, batches: Sequence[Sequence[Inbound]]) -> None:
        for batch in batches:
            await self.task.advance(batch)

    def write(self, *records: RefundLinked, sources: Sequence[SourcePosition] = ()) -> list[Inbound]:
        """Put records into the inbox, as a producer would, and hand them over as Faust would deliver them."""
        return [
            self.write_bytes(
                record.paytrace_transaction_id.encode(),
                CODEC.encode(record),
                [("saldo-source", str(sources[number]).encode())] if sources else [],
            )
            for number, record in enumerate(records)
        ]

    def write_record(self, record: Record) -> Inbound:
        value = CODEC.encode(record)
        event_id = f"e{len(self.log.records(INBOX, 0))}"
        headers = command_headers(INBOX, record, value, event_id)
        return self.write_bytes(catalog.topic(INBOX).key_of(record), value, headers)

    def write_bytes(self, key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes]]) -> Inbound:
        written = Outbound(topic=INBOX, partition=0, key=key or b"", value=value or b"", headers=headers)
        self.log._append(written)
        kept = self.log.records(INBOX, 0)
        kept[-1] = replace(kept[-1], key=key, value=value)
        return kept[-1]

    def journal(self) -> list[object]:
        """Events that a reader of the journal accepts, position markers left out."""
        return [event for event in self.accepted(JOURNAL) if not isinstance(event, PositionMarked)]

    def outputs(self) -> list[object]:
        return self.accepted(NEXT)

    def accepted(self, topic: str) -> list[object]:
        """What a consumer with the high-water rule sees."""
        marks = HighWater()
        return [
            CODEC.decode(record.value)
            for record in self.log.records(topic, 0)
            if marks.accept(source_position(record.headers))
        ]

    def bytes_of(self, topic: str) -> list[tuple[bytes | None, bytes | None, object]]:
        """Accepted records to the byte, without markers: what must not differ between two runs."""
        marks = HighWater()
        return [
            (record.key, record.value, record.headers)
            for record in self.log.records(topic, 0)
            if marks.accept(source_position(record.headers))
            and header_text(record.headers, "ce_type") != "PositionMarked"
        ]


def refund(payment: str, refund_id: str, amount_minor: int = 100) -> RefundLinked:
    return RefundLinked(
        paytrace_transaction_id=payment,
        refund_transaction_id=refund_id,
        amount_minor=amount_minor,
        currency="USD",
        linked_by="test",
        occurred_at=NOON,
    )


def ids_of(events: Sequence[object]) -> list[str]:
    """The refund ids of RefundApplied events."""
    return [event.refund_transaction_id for event in events if isinstance(event, RefundApplied)]
