"""A refund or charge is made at most once, wherever a process is paused or ended and whatever becomes of an answer.

The real sink and the real claims, on a log in memory and against books that can do everything a network can do to a
call. Two processes are moved await by await; whoever is not moved is paused, whoever is ended comes back as another.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.paytrace.errors import (
    CallInDoubt,
    CallStillUnknown,
    PaymentOutcomeUnknown,
    PayTraceUnavailable,
)
from connectors.paytrace.mapping import Meaning
from connectors.paytrace.ports import Answer, Charge, EntryClass
from connectors.paytrace.settings import PayTraceSettings
from connectors.paytrace.sink import PayTraceSink, SendingRights
from connectors.paytrace.wire import JsonObject
from schemas.failures import ContractBroken, Unavailable
from schemas.records.gateway import CarryOutGatewayCall, GatewayCallClaimed, GatewayCallDone, PaymentRequestKind
from schemas.wire.codec import Codec
from streams.edges.claims import TOPIC, Claims
from streams.log.memory import MemoryLog
from streams.log.outbound import Outbound
from streams.log.ports import Log
from tests.support.signing import SIGNER
from tests.support.stepping import Stepped, SteppedLog, finish, pause

NOON = datetime(2026, 11, 24, 20, tzinfo=UTC)
SETTINGS = PayTraceSettings(outcome_wait_s=90.0, api_version="v3")
NOBODY: frozenset[str] = frozenset()


class Fate(StrEnum):
    """What becomes of a call that moves money."""

    ANSWERED = "carried out and answered"
    UNREACHED = "PayTrace was not reached, and the client knows"
    CUT_BEFORE = "cut before the effect"
    CUT_AFTER = "cut after the effect"
    LATE = "cut, and the effect comes later"


@dataclass
class PayTrace:
    """Books of one merchant with a settled payment and a stored card; `fates` are those of the calls to come."""

    fates: list[Fate] = field(default_factory=list)
    has_card: bool = True
    rows: list[JsonObject] = field(default_factory=list)
    late: list[JsonObject] = field(default_factory=list)
    debits: set[str] = field(default_factory=set)
    sent: int = 0

    def land(self) -> None:
        """What is still on its way has its effect now."""
        self.rows += self.late
        self.late.clear()

    async def export_transactions(self, _start: date, _end: date) -> list[JsonObject]:
        await pause()
        rows = list(self.rows)
        await pause()
        return rows

    async def find_transactions(self, start: date, end: date, text: str) -> list[JsonObject]:
        return [row for row in await self.export_transactions(start, end) if row["invoice_id"] == text]

    async def export_transaction(self, transaction_id: str) -> JsonObject | None:
        await pause()
        return row(int(transaction_id), "SALE", 12500, "RE-1")

    async def export_customers(self, customer_id: str | None = None) -> list[JsonObject]:
        await pause()
        card = {"credit_card": {"masked_number": "************5439"}} if self.has_card else {}
        return [{"customer_id": customer_id, "customer_label": customer_id, **card}]

    async def sale_by_customer(self, _customer_id: str, charge: Charge) -> Answer:
        return await self._move("SALE", charge.amount_minor, charge.invoice_number)

    async def refund(self, _transaction_id: str, amount_minor: int | None = None) -> Answer:
        return await self._move("REFUND", amount_minor or 0, "")

    async def pay_by_ach(
        self, customer_id: str, charge: Charge, *, idempotency_key: str, entry_class: EntryClass = "WEB"
    ) -> Answer:
        await pause()
        self.debits.add(idempotency_key)
        await pause()
        return Answer(meaning=Meaning.ACH_ACCEPTED, response_code=120, status_message="", transaction_id="D1")

    async def capture(self, transaction_id: str, amount_minor: int | None = None) -> Answer:
        raise AssertionError("no test here captures")

    async def void(self, transaction_id: str) -> Answer:
        raise AssertionError("no test here voids")

    async def _move(self, kind: str, amount_minor: int, invoice: str) -> Answer:
        await pause()
        self.sent += 1
        made = row(900 + self.sent, kind, amount_minor, invoice)
        fate = self.fates.pop(0) if self.fates else Fate.ANSWERED
        if fate is Fate.UNREACHED:
            raise PayTraceUnavailable("connection refused")
        if fate is Fate.LATE:
            self.late.append(made)
        elif fate is not Fate.CUT_BEFORE:
            self.rows.append(made)
        await pause()
        if fate is not Fate.ANSWERED:
            raise PaymentOutcomeUnknown("no answer", path="/refund", reference=None)
        return Answer(meaning=Meaning.DONE, response_code=106, status_message="", transaction_id=str(900 + self.sent))

    @property
    def effects(self) -> int:
        return len(self.rows) + len(self.late)


def row(number: int, kind: str, amount_minor: int, invoice: str) -> JsonObject:
    return {
        "transaction_id": number,
        "credit_card": {"masked_number": "************5439"},
        "transaction_type": kind,
        "amount": f"{amount_minor / 100:.2f}",
        "invoice_id": invoice,
        "approval_code": "" if kind == "REFUND" else "TAS1",
        "status_code": "Y",
        "status_message": "Pending Settlement",
        "created": {"at": "11/24/2026 12:00:00 PM"},
        "settled": "",
        "customer_id": "",
    }


def call(kind: PaymentRequestKind = PaymentRequestKind.REFUND, reference: str = "SALDO-R-1") -> CarryOutGatewayCall:
    return CarryOutGatewayCall(
        payment_request_id="(1,900,0)",
        call_reference=reference,
        subject="payment/79388123",
        merchant="main",
        kind=kind,
        paytrace_transaction_id="79388123" if kind is PaymentRequestKind.REFUND else None,
        vault_customer_id="acme-inc" if kind is PaymentRequestKind.CHARGE else None,
        description="",
        abas_customer_id="70001",
        amount_minor=5000,
        currency="USD",
        seen_before=(),
        begun_at=NOON,
        occurred_at=NOON,
    )


class EverybodyMay:
    """What rights were before there were claims."""

    async def may_make(self, call: CarryOutGatewayCall, *, is_repeatable: bool) -> bool:
        return True

    def not_made(self, call: CarryOutGatewayCall) -> None:
        pass

    def first_of(self, call: CarryOutGatewayCall) -> str:
        return "somebody"


class Theatre:
    """The payment request, PayTrace, the log, and two processes at a time that may carry the payment request out."""

    def __init__(self, kind: PaymentRequestKind, fates: list[Fate], *, has_claims: bool = True) -> None:
        self.paytrace = PayTrace(fates)
        self.log = SteppedLog({TOPIC: 4})
        self.now = NOON
        self.call = call(kind)
        self.outcomes: list[Any] = []
        self._has_claims = has_claims
        self._started = 0
        self.sinks = [self._process(), self._process()]
        self.attempts: list[Stepped | None] = [None, None]

    def _process(self) -> PayTraceSink:
        self._started += 1
        rights: SendingRights = EverybodyMay()
        if self._has_claims:
            rights = Claims(self.log, Codec(), claimed_by=f"process {self._started}", now=lambda: self.now)
        return PayTraceSink(self.paytrace, SETTINGS, rights, now=lambda: self.now)

    def step(self, which: int) -> bool:
        """Move one process by one await; True when the payment request has come to its end: done, refused or parked."""
        attempt = self.attempts[which]
        if attempt is None:
            attempt = self.attempts[which] = Stepped(self.sinks[which].carry_out(self.call, NOBODY))
        try:
            if not attempt.step():
                return False
            self.outcomes.append(attempt.result)
        except (CallStillUnknown, PayTraceUnavailable):
            self.attempts[which] = None
            return False
        except CallInDoubt as doubt:
            self.outcomes.append(doubt)
        self.attempts[which] = None
        return True

    def restart(self, which: int) -> None:
        """kill -9, and another process in its place."""
        attempt = self.attempts[which]
        if attempt is not None:
            attempt.kill()
        self.attempts[which], self.sinks[which] = None, self._process()

    def to_the_end(self, which: int) -> Any:
        """Until the process has come to an end; time goes on as the task layer waits."""
        for _ in range(500):
            if self.step(which):
                return self.outcomes[-1]
            if self.attempts[which] is None:
                self.now += timedelta(seconds=60)
        raise AssertionError("no end in sight")


MOVES = st.lists(
    st.tuples(st.sampled_from([0, 1]), st.sampled_from(["step"] * 12 + ["restart", "wait", "land"])), max_size=60
)


@settings(max_examples=300)
@given(
    kind=st.sampled_from([PaymentRequestKind.REFUND, PaymentRequestKind.CHARGE]),
    fates=st.lists(st.sampled_from(list(Fate)), max_size=3),
    moves=MOVES,
)
def test_whatever_happens_to_two_processes_the_money_moves_once_or_a_person_is_asked(
    kind: PaymentRequestKind, fates: list[Fate], moves: list[tuple[int, str]]
) -> None:
    theatre = Theatre(kind, fates)
    for which, move in moves:
        match move:
            case "step":
                theatre.step(which)
            case "restart":
                theatre.restart(which)
            case "wait":
                theatre.now += timedelta(seconds=91)
            case _:
                theatre.paytrace.land()
        assert theatre.paytrace.effects <= 1
    # Whoever was paused wakes up, all that was under way has its effect, and an operator asks once more.
    for which in (0, 1):
        theatre.to_the_end(which)
    theatre.paytrace.land()
    theatre.restart(0)
    last = theatre.to_the_end(0)
    assert theatre.paytrace.effects <= 1
    for outcome in theatre.outcomes:
        assert isinstance(outcome, GatewayCallDone | CallInDoubt), outcome
        if isinstance(outcome, GatewayCallDone):
            assert outcome.result_transaction_id == str(theatre.paytrace.rows[0]["transaction_id"])
    assert isinstance(last, GatewayCallDone) == (theatre.paytrace.effects == 1)


@pytest.mark.parametrize(("has_claims", "effects"), [(False, 2), (True, 1)])
@pytest.mark.parametrize("kind", [PaymentRequestKind.REFUND, PaymentRequestKind.CHARGE])
def test_the_worker_that_wakes_up_within_a_call_made_it_twice_before_there_were_claims(
    kind: PaymentRequestKind, has_claims: bool, effects: int
) -> None:
    rehearsal = Theatre(kind, [], has_claims=has_claims)
    steps = 0
    while rehearsal.paytrace.sent == 0:
        rehearsal.step(0)
        steps += 1
    theatre = Theatre(kind, [], has_claims=has_claims)
    for _ in range(steps - 1):
        theatre.step(0)
    assert theatre.paytrace.sent == 0
    theatre.to_the_end(1)
    theatre.to_the_end(0)
    assert theatre.paytrace.effects == effects


def test_an_effect_that_shows_after_the_wait_is_parked_and_found_by_a_replay_that_sends_nothing() -> None:
    theatre = Theatre(PaymentRequestKind.REFUND, [Fate.LATE])
    doubt = theatre.to_the_end(0)
    assert isinstance(doubt, CallInDoubt)
    assert theatre.now - NOON >= timedelta(seconds=SETTINGS.outcome_wait_s)
    theatre.paytrace.land()
    for which in (0, 1):
        assert isinstance(theatre.to_the_end(which), GatewayCallDone)
    assert theatre.paytrace.sent == 1


def test_a_call_that_was_cut_off_is_looked_for_and_never_sent_again() -> None:
    theatre = Theatre(PaymentRequestKind.REFUND, [Fate.CUT_BEFORE])
    for _ in range(3):
        assert isinstance(theatre.to_the_end(0), CallInDoubt)
        theatre.restart(0)
    assert theatre.paytrace.sent == 1


def test_the_operator_reads_what_to_do_and_which_process_to_end() -> None:
    theatre = Theatre(PaymentRequestKind.REFUND, [Fate.CUT_BEFORE])
    theatre.to_the_end(0)
    theatre.restart(1)
    words = str(theatre.to_the_end(1))
    for part in (
        "refund SALDO-R-1 (50.00 USD of payment 79388123) may have been made, and is not sent again",
        "PayTrace shows no trace of it 90 s later",
        "process 1, claimed at 2026-11-24 20:00:00 UTC. End that process if it still runs",
        "saldo dlq replay, which looks again and never sends",
        "saldo dlq discard, and a new payment request in abas",
    ):
        assert part in words


def test_a_call_that_never_left_is_made_when_paytrace_is_back_unless_somebody_else_came() -> None:
    alone = Theatre(PaymentRequestKind.REFUND, [Fate.UNREACHED, Fate.UNREACHED])
    assert isinstance(alone.to_the_end(0), GatewayCallDone)
    assert (alone.paytrace.sent, alone.paytrace.effects) == (3, 1)
    overtaken = Theatre(PaymentRequestKind.REFUND, [Fate.UNREACHED])
    while overtaken.paytrace.sent == 0:
        overtaken.step(0)
    assert isinstance(overtaken.to_the_end(1), CallInDoubt)
    assert isinstance(overtaken.to_the_end(0), CallInDoubt)
    assert overtaken.paytrace.effects == 0


def test_two_equal_refunds_asked_for_at_once_are_both_made() -> None:
    theatre = Theatre(PaymentRequestKind.REFUND, [])
    first = finish(theatre.sinks[0].carry_out(call(), NOBODY))
    second = finish(theatre.sinks[0].carry_out(call(reference="SALDO-R-2"), NOBODY))
    assert first.result_transaction_id != second.result_transaction_id
    assert theatre.paytrace.effects == 2


def test_a_process_reports_again_what_it_knows_without_asking() -> None:
    theatre = Theatre(PaymentRequestKind.REFUND, [])
    first = theatre.to_the_end(0)
    theatre.paytrace.rows.clear()
    assert theatre.to_the_end(0) is first


def test_a_debit_is_repeated_under_its_key_but_not_where_a_card_may_have_been_charged() -> None:
    theatre = Theatre(PaymentRequestKind.CHARGE, [Fate.CUT_BEFORE])
    theatre.paytrace.has_card = False
    for which in (0, 1):
        assert isinstance(theatre.to_the_end(which), GatewayCallDone)
    assert theatre.paytrace.debits == {"SALDO-R-1"}
    theatre.paytrace.has_card = True
    theatre.restart(0)
    assert isinstance(theatre.to_the_end(0), CallInDoubt)
    other = Theatre(PaymentRequestKind.CHARGE, [Fate.CUT_BEFORE])
    other.to_the_end(0)
    other.paytrace.has_card = False
    assert isinstance(other.to_the_end(1), CallInDoubt)
    assert other.paytrace.debits == set()


# -- claims alone


def claims(log: Log, name: str) -> Claims:
    return Claims(log, Codec(), claimed_by=name, now=lambda: NOON)


async def may(who: Claims, reference: str = "SALDO-R-1") -> bool:
    return await who.may_make(call(reference=reference), is_repeatable=False)


async def test_the_first_of_all_processes_may_and_hears_it_once() -> None:
    log = MemoryLog({TOPIC: 4}, signer=SIGNER)
    a, b = claims(log, "a"), claims(log, "b")
    assert [await may(who) for who in (a, b, a, b)] == [True, False, False, False]
    assert await may(b, "SALDO-R-2") is True
    written = [record for partition in range(4) for record in log.records(TOPIC, partition)]
    assert len(written) == 3, "a process claims a call once, however often it asks"
    claim = Codec().decode(written[0].value)
    assert isinstance(claim, GatewayCallClaimed)
    assert (claim.claimed_by, written[0].key) == ("a", b"payment/79388123")
    assert len({dict(record.headers)["ce_id"] for record in written}) == 3


async def test_many_at_once_and_one_may() -> None:
    log = MemoryLog({TOPIC: 4}, signer=SIGNER)
    answers = await asyncio.gather(*(may(claims(log, f"p{number}")) for number in range(20)))
    assert sum(answers) <= 1


class Forgetful(MemoryLog):
    """A broker that can't be read now and then, or that ends a read too early."""

    breaks: bool = False
    short: bool = False

    async def watermarks(self, topic: str, partition: int) -> tuple[int, int]:
        if self.breaks:
            raise Unavailable("no answer")
        start, end = await super().watermarks(topic, partition)
        return (start, end - 1) if self.short else (start, end)


async def test_a_broker_that_can_not_be_read_costs_a_wait_and_no_claim() -> None:
    log = Forgetful({TOPIC: 4})
    who = claims(log, "a")
    log.breaks = True
    with pytest.raises(Unavailable):
        await may(who)
    log.breaks, log.short = False, True
    with pytest.raises(Unavailable):
        await may(who)
    log.short = False
    assert await may(who) is True


async def test_a_claim_that_nobody_can_read_stops_every_call_of_its_partition() -> None:
    log = MemoryLog({TOPIC: 1}, signer=SIGNER)
    await log.append([Outbound(topic=TOPIC, partition=0, key=b"x", value=b"\x07nonsense", headers=())])
    with pytest.raises(ContractBroken):
        await may(claims(log, "a"))
