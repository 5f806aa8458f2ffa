"""Three sources, one truth: hook, Silent Post and poll of the same facts, in any order, any number of times.

Through the real ways in (HTTP, mapping, codec, inbox) into the real task with the real payment decider, on a log in
memory. Each way may be missing for any fact, as long as one of them tells it.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from app.sources.polling import Publisher
from connectors.paytrace import wire
from connectors.paytrace.settings import PayTraceSettings
from connectors.paytrace.source import PayTraceSource
from connectors.paytrace.wire import JsonObject
from schemas.records.identification import Movement, PaymentToIdentify
from schemas.records.payments import (
    AuthorizationRecorded,
    CaptureRecorded,
    PaymentStatusRecognized,
    TransactionObserved,
)
from schemas.records.tasks import PositionMarked, RulesAdopted
from schemas.wire.codec import Codec
from schemas.wire.envelope import header_text
from streams.agents import FOLD_PAYMENTS
from streams.log.memory import MemoryLog
from streams.tasks.membership import SoleOwner
from streams.tasks.ports import SilentObserver
from streams.tasks.stores import MemoryStore
from streams.tasks.task import Task, TaskRules
from tests.support.adopted import adopt_into
from tests.support.builders import SIGNS
from tests.support.ingress import HOOK_TYPE, INBOX, ROW, Direct, NoReader, memory_log, new_app
from tests.support.signing import RING

JOURNAL, NEXT = "payments.events.v1", "identification.inbox.v1"
CODEC = Codec()
BEGAN = datetime(2026, 11, 20, 20, tzinfo=UTC)
TODAY = date(2026, 11, 20)

PENDING = {"status_code": "Y", "status_message": "Pending Settlement", "settled": ""}
SETTLED = {"status_code": "GB12", "status_message": "GB12", "settled": "11/20/2026 8:00:00 PM"}
VOIDED = {"status_code": "N", "status_message": "Voided", "settled": ""}
DECLINED = {"status_code": "N", "status_message": "Declined", "settled": "", "approval_code": ""}
AUTHORIZED = {
    "transaction_type": "AUTHORIZATION",
    "status_code": "N",
    "status_message": "Authorization Only",
    "settled": "",
}
CAPTURED = {"transaction_type": "AUTHORIZATION"}
REFUND = {"transaction_type": "REFUND", "amount": 30.0}

# What becomes of one transaction, fact after fact.
LIVES: tuple[tuple[JsonObject, ...], ...] = (
    (PENDING, SETTLED),
    (PENDING, VOIDED),
    (AUTHORIZED, CAPTURED | PENDING, CAPTURED | SETTLED),
    (AUTHORIZED, AUTHORIZED | VOIDED),
    (DECLINED,),
    (REFUND | PENDING, REFUND | SETTLED),
    (REFUND | PENDING, REFUND | VOIDED),
)
# The amount of a capture changes: the money must agree, while the way there depends on what was seen first.
ADJUSTED: tuple[tuple[JsonObject, ...], ...] = (
    (PENDING, PENDING | {"amount": 140.0}, SETTLED | {"amount": 140.0}),
    (PENDING, PENDING | {"amount": 90.0}, PENDING | {"amount": 90.0} | VOIDED),
)


class Way(Enum):
    """How a fact reaches us."""

    HOOK = "hook"
    HOOK_HINT = "hook hint"
    SILENT_POST = "Silent Post"
    POLL = "poll"


@dataclass(frozen=True)
class Seen:
    """One observation of one fact by one way, so many minutes after the fact."""

    row: dict[str, Any]
    way: Way
    at: datetime


class Books(NoReader):
    """PayTrace at one moment."""

    def __init__(self) -> None:
        self.row: JsonObject = {}

    async def export_transaction(self, transaction_id: str) -> JsonObject | None:
        assert str(self.row["transaction_id"]) == transaction_id
        return self.row

    async def export_transactions(self, start: date, end: date) -> list[JsonObject]:
        return [self.row] if start == TODAY else []


class World:
    """The ways in on one log, at a time that the test sets."""

    def __init__(self) -> None:
        self.log: MemoryLog = memory_log()
        self.books = Books()
        self.at = BEGAN
        # The replay window is about the real clock of networks; the books have a clock of their own here.
        self.client = Direct(new_app(self.log, reader=self.books, now=lambda: self.at.timestamp()))
        self.publisher = Publisher("paytrace", self.log, CODEC)
        self.source = PayTraceSource(self.books, PayTraceSettings(ach_source="off"), now=lambda: self.at)

    def see(self, seen: Seen) -> None:
        body = json.dumps(seen.row).encode()
        exported = wire.decode(body)
        assert isinstance(exported, dict)
        self.books.row, self.at = exported, seen.at
        identity = seen.row["transaction_id"]
        match seen.way:
            case Way.HOOK:
                message = {"type": HOOK_TYPE, "timestamp": seen.at.isoformat(), "data": seen.row}
                answer = self.client.hook(message, at=seen.at.timestamp())
            case Way.HOOK_HINT:
                message = {"type": HOOK_TYPE, "data": {"transaction_id": identity}}
                answer = self.client.hook(message, at=seen.at.timestamp())
            case Way.SILENT_POST:
                answer = self.client.silent_post(f"parmList=ORDERID~1|TRANSACTIONID~{identity}|APPCODE~X|".encode())
            case Way.POLL:
                asyncio.run(self.publisher.publish(self.polled()))
                return
        assert answer.status == 200, answer.body

    async def polled(self) -> AsyncIterator[Any]:
        async for observation in self.source.poll(TODAY, TODAY):
            yield observation

    def fold(self) -> Outcome:
        adopt_into(self.log)

        async def run() -> None:
            for partition in range(self.log.partition_count(INBOX)):
                task = Task(
                    FOLD_PAYMENTS,
                    partition,
                    log=self.log,
                    store=MemoryStore(),
                    codec=CODEC,
                    ring=RING,
                    membership=SoleOwner(),
                    observer=SilentObserver(),
                    rules=TaskRules(failures_in_a_row=3, marker_every=1_000),
                )
                await task.advance(self.log.records(INBOX, partition))

        asyncio.run(run())
        self.client.__exit__()
        return Outcome(self.all(JOURNAL), self.all(NEXT), self.observation_ids())

    def all(self, topic: str) -> list[Any]:
        found = [
            CODEC.decode(record.value)
            for partition in range(self.log.partition_count(topic))
            for record in self.log.records(topic, partition)
        ]
        return [record for record in found if not isinstance(record, PositionMarked | RulesAdopted)]

    def observation_ids(self) -> set[str | None]:
        return {
            header_text(record.headers, "ce_id")
            for partition in range(self.log.partition_count(INBOX))
            for record in self.log.records(INBOX, partition)
            if isinstance(CODEC.decode(record.value), TransactionObserved)
        }


@dataclass(frozen=True)
class Outcome:
    """What came of it."""

    events: list[Any]
    sent: list[Any]
    observation_ids: set[str | None]

    @property
    def facts(self) -> Counter[tuple[Any, ...]]:
        """The events without the moment of their observation, which is not the same by each way.

        AuthorizationRecorded, CaptureRecorded and PaymentStatusRecognized are left out: they move nothing and only
        remember how late what is known was seen again.
        """
        return Counter(
            (type(event).__name__, *(getattr(event, f.name) for f in fields(event) if f.name != "occurred_at"))
            for event in self.events
            if not isinstance(event, AuthorizationRecorded | CaptureRecorded | PaymentStatusRecognized)
        )

    @property
    def net_minor(self) -> Counter[str]:
        """What each payment moves in the end."""
        net: Counter[str] = Counter()
        for sent in self.sent:
            assert isinstance(sent, PaymentToIdentify)
            net[sent.paytrace_transaction_id] += SIGNS[Movement(sent.movement)] * sent.amount_minor
        return net


def published(observations: Sequence[Seen]) -> Outcome:
    world = World()
    for seen in observations:
        world.see(seen)
    return world.fold()


@st.composite
def days(draw: st.DrawFn, lives: tuple[tuple[JsonObject, ...], ...]) -> tuple[list[Seen], list[Seen]]:
    """Each fact once by poll in order, and the same facts as three unreliable sources tell them."""
    plain: list[Seen] = []
    wild: list[Seen] = []
    for number in range(draw(st.integers(1, 3))):
        for step, change in enumerate(draw(st.sampled_from(lives))):
            row = ROW | {"transaction_id": 79388000 + number} | change
            at = BEGAN + timedelta(hours=step)
            plain.append(Seen(row, Way.POLL, at))
            ways = draw(st.lists(st.sampled_from(Way), min_size=1, max_size=4))
            wild += [Seen(row, way, at + timedelta(minutes=draw(st.integers(0, 50)))) for way in ways]
    return plain, draw(st.permutations(wild))


PROPERTY = hypothesis_settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.thorough
@PROPERTY
@given(days(LIVES))
def test_any_order_any_number_any_one_missing_is_one_event_set(found: tuple[list[Seen], list[Seen]]) -> None:
    plain, wild = map(published, found)
    assert wild.facts == plain.facts
    assert max(wild.facts.values()) == 1
    assert wild.net_minor == plain.net_minor
    assert wild.observation_ids == plain.observation_ids


@pytest.mark.thorough
@PROPERTY
@given(days(ADJUSTED))
def test_the_money_agrees_when_amounts_change(found: tuple[list[Seen], list[Seen]]) -> None:
    plain, wild = map(published, found)
    assert +wild.net_minor == +plain.net_minor
    assert -wild.net_minor == -plain.net_minor
    assert wild.observation_ids == plain.observation_ids


def test_a_hook_that_comes_a_day_late_does_not_bring_back_an_old_amount() -> None:
    first = ROW | PENDING
    changed = ROW | PENDING | {"amount": 140.0}
    world = World()
    world.see(Seen(changed, Way.POLL, BEGAN + timedelta(hours=1)))
    world.at = BEGAN + timedelta(days=1)
    late = {"type": HOOK_TYPE, "timestamp": BEGAN.isoformat(), "data": first}
    assert world.client.hook(late, at=world.at.timestamp()).status == 200
    assert world.fold().net_minor == {str(ROW["transaction_id"]): 140_00}
