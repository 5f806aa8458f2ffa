"""The agent that carries out payment requests: each begun and carried out once; a replay acts on nothing."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any

import pytest

from app.operators.dead_letters import DeadLetters, ParkedRecord
from app.proofs.rebuild import compare_agents
from connectors.paytrace.errors import CallInDoubt
from schemas import catalog
from schemas.failures import Unavailable
from schemas.records.gateway import (
    CarryOutGatewayCall,
    GatewayCallBegun,
    GatewayCallDone,
    GatewayCallParked,
    GatewayCallRefused,
    HoldCharges,
    HoldRefunds,
    PaymentRequestKind,
    RefundsHeld,
    ReleaseCharges,
    RequestGatewayCall,
)
from schemas.records.payments import CodeKind, RefundLinked
from schemas.records.tasks import ParkedDiscardRequested, ParkedReplayRequested
from schemas.topic import Topic
from schemas.wire.codec import Codec
from streams.edges.claims import TOPIC, Claims
from streams.edges.send_to_paytrace import Subject, evolve, route, send_to_paytrace
from streams.log.memory import MemoryLog
from streams.tasks.membership import SoleOwner
from streams.tasks.ports import SilentObserver
from streams.tasks.processor import Effect, Processor
from streams.tasks.stores import MemoryStore
from streams.tasks.task import Task, TaskRules
from tests.support.signing import RING, SIGNER, by_hand
from tests.support.task_lab import FragileLog, Killed

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def fields(reference: str) -> dict[str, Any]:
    return {
        "payment_request_id": f"request-{reference}",
        "call_reference": reference,
        "subject": "payment/79388123",
        "kind": PaymentRequestKind.REFUND,
        "paytrace_transaction_id": "79388123",
        "vault_customer_id": None,
        "abas_customer_id": "70001",
        "amount_minor": 1250,
        "currency": "USD",
        "occurred_at": NOW,
    }


def as_call(reference: str) -> dict[str, Any]:
    return {**fields(reference), "description": ""}


class Gateway:
    """Refunds whatever it is asked to, or refuses what its name says."""

    def __init__(self) -> None:
        self.carried_out: list[tuple[str, frozenset[str]]] = []

    async def begin(self, request: RequestGatewayCall) -> GatewayCallBegun | GatewayCallRefused:
        if request.call_reference == "old":
            return GatewayCallRefused(**fields("old"), code="too-old", message="waited too long")
        return GatewayCallBegun(**as_call(request.call_reference), merchant="main", seen_before=("1",), begun_at=NOW)

    async def carry_out(self, call: CarryOutGatewayCall, taken: frozenset[str]) -> GatewayCallDone | GatewayCallRefused:
        self.carried_out.append((call.call_reference, taken))
        result = f"refund-{call.call_reference}"
        return GatewayCallDone(**fields(call.call_reference), result_transaction_id=result, code="106", message="done")


async def live(processor: Processor[Subject, Any, Any], *records: Any) -> tuple[list[Any], list[Any]]:
    """Events and outputs of these records and of what they send back to their own inbox."""
    state, inbox = Subject(), list(records)
    events: list[Any] = []
    outputs: list[Any] = []
    while inbox:
        found = await processor.events(state, inbox.pop(0))
        state = reduce(evolve, found, state)
        events += found
        sent = [output for event in found for output in route(state, event)]
        inbox += [output.record for output in sent if output.topic == processor.inbox]
        outputs += sent
    return events, outputs


async def test_a_call_is_begun_then_carried_out_and_everyone_who_waits_is_reported() -> None:
    gateway = Gateway()
    events, outputs = await live(send_to_paytrace(gateway), RequestGatewayCall(**as_call("a")))
    assert [type(event) for event in events] == [GatewayCallBegun, GatewayCallDone]
    assert [(output.topic, type(output.record)) for output in outputs] == [
        ("gateway.commands.v1", CarryOutGatewayCall),
        ("gateway.inbox.v1", GatewayCallBegun),
        ("gateway.inbox.v1", GatewayCallDone),
        ("payments.observations.v1", RefundLinked),
    ]
    assert outputs[0].record.seen_before == ("1",)
    assert outputs[3].record.refund_transaction_id == "refund-a"


async def test_what_was_asked_twice_is_done_once_and_calls_on_one_subject_know_of_each_other() -> None:
    gateway = Gateway()
    twice = [RequestGatewayCall(**as_call(name)) for name in ("a", "b", "a", "b")]
    events, _ = await live(send_to_paytrace(gateway), *twice)
    assert len(events) == 4
    assert gateway.carried_out == [("a", frozenset()), ("b", frozenset({"refund-a"}))]


async def test_what_is_refused_before_it_began_is_not_carried_out() -> None:
    gateway = Gateway()
    events, outputs = await live(send_to_paytrace(gateway), RequestGatewayCall(**as_call("old")))
    assert [type(event) for event in events] == [GatewayCallRefused]
    assert [output.topic for output in outputs] == ["gateway.inbox.v1"]
    assert gateway.carried_out == []


def code_of(
    payment: str, code: str, entries: int | None = None, is_held: bool = True, days_ago: int = 0
) -> HoldCharges:
    return HoldCharges(
        subject="vault/acme",
        vault_customer_id="acme",
        paytrace_transaction_id=payment,
        code_kind=CodeKind.RETURN,
        code=code,
        meaning="its meaning",
        is_held=is_held,
        most_entries=entries,
        entries_days=180 if entries else None,
        amount_minor=1250,
        currency="USD",
        noticed_on=(NOW - timedelta(days=days_ago)).date(),
        occurred_at=NOW,
    )


def charge(reference: str, amount_minor: int = 1250) -> RequestGatewayCall:
    of_vault = {"subject": "vault/acme", "kind": PaymentRequestKind.CHARGE, "paytrace_transaction_id": None}
    return RequestGatewayCall(
        **{**as_call(reference), **of_vault, "vault_customer_id": "acme", "amount_minor": amount_minor}
    )


RELEASE = ReleaseCharges(
    command_id="c1",
    subject="vault/acme",
    vault_customer_id="acme",
    decided_by="maria",
    authenticated_by="session",
    reason="account number corrected",
    occurred_at=NOW,
)


async def test_a_code_stops_charges_of_its_vault_customer_until_a_person_releases_them() -> None:
    gateway = Gateway()
    told = [code_of("P1", "R10"), charge("a"), charge("b", 5), RELEASE, charge("c")]
    events, outputs = await live(send_to_paytrace(gateway), *told)
    refused = [event for event in events if isinstance(event, GatewayCallRefused)]
    assert [(event.call_reference, event.code) for event in refused] == [("a", "charges-held"), ("b", "charges-held")]
    assert refused[0].message == (
        "payment P1 came back with R10 (its meaning), so vault customer acme is not charged. Once the cause is "
        "remedied in PayTrace, `saldo decide release-charges acme`, then ask again"
    )
    assert [name for name, _ in gateway.carried_out] == ["c"]
    assert [output.topic for output in outputs][:2] == ["gateway.inbox.v1", "gateway.inbox.v1"]


async def test_a_later_code_of_the_payment_lifts_what_an_earlier_one_held() -> None:
    gateway = Gateway()
    events, _ = await live(
        send_to_paytrace(gateway), code_of("P1", ""), code_of("P1", "R01", is_held=False), charge("a")
    )
    assert isinstance(events[-1], GatewayCallDone)
    assert (await live(send_to_paytrace(gateway), code_of("P2", "R01", is_held=False)))[0] == []


async def test_entries_of_one_amount_are_capped_within_their_days() -> None:
    back = [code_of("P1", "R01", 3, days_ago=90), code_of("P2", "R09", 3, days_ago=60), code_of("P3", "R01", 3)]
    events, _ = await live(send_to_paytrace(Gateway()), *back[:2], charge("a"), back[2], charge("b"), charge("c", 5))
    outcomes = {e.call_reference: type(e) for e in events if isinstance(e, GatewayCallDone | GatewayCallRefused)}
    assert outcomes == {"a": GatewayCallDone, "b": GatewayCallRefused, "c": GatewayCallDone}
    old = [code_of("P1", "R01", 3, days_ago=181), *back[1:]]
    events, _ = await live(send_to_paytrace(Gateway()), *old, charge("d"))
    assert isinstance(events[-1], GatewayCallDone)


def hold(dispute_id: str, charged_back_minor: int) -> HoldRefunds:
    return HoldRefunds(
        subject="payment/79388123",
        paytrace_transaction_id="79388123",
        settlement_account="main/USD",
        dispute_id=dispute_id,
        charged_back_minor=charged_back_minor,
        currency="USD",
        occurred_at=NOW,
    )


async def test_a_charged_back_payment_is_not_refunded_besides_until_its_disputes_are_won() -> None:
    gateway = Gateway()
    taken = [hold("CB1", 1000), hold("CB1", 1000), hold("CB2", 250)]
    events, outputs = await live(send_to_paytrace(gateway), *taken, RequestGatewayCall(**as_call("a")))
    assert [type(event) for event in events] == [RefundsHeld, RefundsHeld, GatewayCallRefused]
    assert events[-1].code == "charged-back"
    assert events[-1].message.startswith("dispute CB1, CB2 has taken 12.50 USD of this payment")
    assert [output.topic for output in outputs] == ["gateway.inbox.v1"]
    assert gateway.carried_out == []
    one_won = [*taken, hold("CB1", 0), RequestGatewayCall(**as_call("a"))]
    assert (await live(send_to_paytrace(gateway), *one_won))[0][-1].code == "charged-back"
    both_won = [*taken, hold("CB1", 0), hold("CB2", 0), RequestGatewayCall(**as_call("a"))]
    assert (await live(send_to_paytrace(gateway), *both_won))[0][-1].code == "106"


async def test_a_chargeback_between_the_two_steps_of_a_refund_stops_it_and_other_calls_go_on() -> None:
    gateway = Gateway()
    processor = send_to_paytrace(gateway)
    events, _ = await live(processor, RequestGatewayCall(**as_call("a")), hold("CB1", 1250))
    assert [type(event) for event in events] == [GatewayCallBegun, RefundsHeld, GatewayCallRefused]
    assert gateway.carried_out == []
    state = reduce(evolve, events, Subject())
    (begun,) = await processor.events(state, RequestGatewayCall(**as_call("v") | {"kind": PaymentRequestKind.VOID}))
    assert isinstance(begun, GatewayCallBegun)


async def test_a_replay_reports_the_same_and_asks_nobody() -> None:
    names = ("a", "old", "b", "a")
    records: list[Any] = [RequestGatewayCall(**as_call(name)) for name in names]
    records += [hold("CB1", 1250), RequestGatewayCall(**as_call("c"))]
    gateway = Gateway()
    processor = send_to_paytrace(gateway)
    events, outputs = await live(processor, *records)
    asked = len(gateway.carried_out)
    assert processor.recall is not None
    again = Effect(
        name=processor.name,
        inbox=processor.inbox,
        journal=processor.journal,
        state_type=Subject,
        initial=Subject(),
        evolve=evolve,
        route=route,
        perform=processor.recall(events),
    )
    assert await live(again, *records) == (events, outputs)
    assert len(gateway.carried_out) == asked
    with pytest.raises(Unavailable):
        await again.events(Subject(), RequestGatewayCall(**as_call("never")))


class Clock(Gateway):
    """Says the same at each asking, but at another time."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    async def begin(self, request: RequestGatewayCall) -> GatewayCallBegun | GatewayCallRefused:
        self.asked += 1
        return replace(await super().begin(request), occurred_at=NOW + timedelta(seconds=self.asked))

    async def carry_out(self, call: CarryOutGatewayCall, taken: frozenset[str]) -> GatewayCallDone | GatewayCallRefused:
        self.asked += 1
        return replace(await super().carry_out(call, taken), occurred_at=NOW + timedelta(seconds=self.asked))


@pytest.mark.parametrize("kill_at_append", [2, 4])
async def test_a_rebuild_is_identical_though_a_kill_let_it_say_the_same_in_other_words(kill_at_append: int) -> None:
    log = FragileLog(kill_at_append=kill_at_append)
    desk = Desk(Clock(), log)
    await desk.write(RequestGatewayCall(**as_call("a")))
    log.appends = 0
    with pytest.raises(Killed):
        await desk.rest()
    log.kill_at_append = None
    again = Desk(desk.gateway, log)
    await again.rest()
    assert [record.call_reference for record in again.reported(Topic.GATEWAY_INBOX)][-1] == "a"
    compared = await compare_agents([send_to_paytrace(Gateway())], log, Codec(), RING)
    assert [one.what for one in compared if not one.is_identical] == []
    # What was never sent, or sent otherwise, is not passed over.
    sent = log.records(Topic.GATEWAY_INBOX, 0)
    sent[:] = [
        replace(record, value=Codec().encode(GatewayCallRefused(**fields("a"), code="x", message="")))
        for record in sent
    ]
    compared = await compare_agents([send_to_paytrace(Gateway())], log, Codec(), RING)
    assert [one.what for one in compared if not one.is_identical] == [
        f"sent send-to-paytrace/0 > {Topic.GATEWAY_INBOX}"
    ]


# -- a call in doubt, in the task layer


class Doubtful(Gateway):
    """Says that nobody can tell, until the effect shows; `sent` and `looked` tell what it did."""

    def __init__(self) -> None:
        super().__init__()
        self.log = MemoryLog({TOPIC: 1}, signer=SIGNER)
        self.shows = False
        self.sent = 0

    async def carry_out(self, call: CarryOutGatewayCall, taken: frozenset[str]) -> GatewayCallDone | GatewayCallRefused:
        # Each time another process, as after a restart.
        claims = Claims(self.log, Codec(), claimed_by="worker-1 on till-3, process 4711")
        self.sent += await claims.may_make(call, is_repeatable=False)
        if not self.shows:
            raise CallInDoubt(f"{call.call_reference} may have been made")
        return await super().carry_out(call, taken)


@dataclass
class Desk:
    """One partition of the agent, as a worker and an operator see it."""

    gateway: Any = field(default_factory=Doubtful)
    log: MemoryLog = field(default_factory=lambda: MemoryLog(dict.fromkeys(catalog.topics(), 1), signer=SIGNER))

    def __post_init__(self) -> None:
        self.letters = DeadLetters(self.log, Codec())
        self.task = Task(
            send_to_paytrace(self.gateway),
            0,
            log=self.log,
            store=MemoryStore(),
            codec=Codec(),
            ring=RING,
            membership=SoleOwner(),
            observer=SilentObserver(),
            rules=TaskRules(),
        )

    async def write(self, record: Any) -> None:
        key, value = catalog.topic(Topic.GATEWAY_COMMANDS).key_of(record), Codec().encode(record)
        await self.log.append([by_hand(self.log, Topic.GATEWAY_COMMANDS, record, value, key=key)])

    async def rest(self) -> None:
        """Until nothing is left, what the agent sends to its own inbox included."""
        end = -1
        while end != len(self.log.records(Topic.GATEWAY_COMMANDS, 0)):
            end = len(self.log.records(Topic.GATEWAY_COMMANDS, 0))
            await self.task.catch_up()

    async def parked(self) -> list[ParkedRecord]:
        return await self.letters.parked(Topic.GATEWAY_COMMANDS)

    def reported(self, topic: str) -> list[Any]:
        return [Codec().decode(record.value) for record in self.log.records(topic, 0)]


async def in_doubt() -> Desk:
    desk = Desk()
    await desk.write(RequestGatewayCall(**as_call("a")))
    await desk.rest()
    return desk


async def test_a_call_in_doubt_is_parked_with_its_reason_and_parks_later_calls_on_the_same_payment() -> None:
    desk = await in_doubt()
    await desk.write(RequestGatewayCall(**as_call("b")))
    await desk.rest()
    head, behind = await desk.parked()
    assert (head.error_type, head.message) == ("CallInDoubt", "a may have been made")
    assert head.content is not None
    assert (head.content["type"], head.content["call_reference"]) == ("CarryOutGatewayCall", "a")
    assert behind.behind == head.offset
    begun, told = desk.reported(Topic.GATEWAY_INBOX)
    assert (type(begun), told.was_begun, told.message) == (GatewayCallBegun, True, "a may have been made")
    assert desk.task.stalled_because is None


async def test_a_replay_looks_again_and_never_sends() -> None:
    desk = await in_doubt()
    [parked] = await desk.parked()

    async def replay() -> None:
        await desk.letters.ask(
            parked,
            lambda now: ParkedReplayRequested(
                record_key=parked.key, requested_by="dana", reason="looked it up", requested_at=now
            ),
        )
        await desk.rest()

    await replay()
    assert [left.offset for left in await desk.parked()] == [parked.offset]
    desk.gateway.shows = True
    await replay()
    assert await desk.parked() == []
    kinds = [type(record) for record in desk.reported(Topic.GATEWAY_INBOX)]
    assert kinds == [GatewayCallBegun, GatewayCallParked, GatewayCallDone]
    assert desk.gateway.sent == 1


async def test_a_discard_gives_up_and_a_new_payment_request_is_another_call() -> None:
    desk = await in_doubt()
    [parked] = await desk.parked()
    await desk.letters.ask(
        parked,
        lambda now: ParkedDiscardRequested(
            record_key=parked.key, offset=parked.offset, requested_by="dana", reason="not there", requested_at=now
        ),
    )
    desk.gateway.shows = True
    await desk.write(RequestGatewayCall(**as_call("b")))
    await desk.rest()
    assert await desk.parked() == []
    given_up, *others = desk.reported(Topic.GATEWAY_INBOX)[2:]
    assert (given_up.code, given_up.message) == ("given-up", "given up by dana: not there")
    assert {record.call_reference for record in others} == {"b"}
    assert desk.gateway.sent == 2


async def test_a_rebuild_of_what_was_parked_and_released_is_identical() -> None:
    desk = await in_doubt()
    [parked] = await desk.parked()
    desk.gateway.shows = True
    await desk.letters.ask(
        parked,
        lambda now: ParkedReplayRequested(record_key=parked.key, requested_by="dana", reason="there", requested_at=now),
    )
    await desk.rest()
    compared = await compare_agents([send_to_paytrace(Gateway())], desk.log, Codec(), RING)
    assert compared
    assert [one.what for one in compared if not one.is_identical] == []
