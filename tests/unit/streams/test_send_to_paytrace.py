"""The agent that carries out wishes: each begun once, carried out once, told to who waits; a replay acts on nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import reduce
from typing import Any

import pytest

from schemas.failures import Unavailable, Unreadable
from schemas.records.gateway import (
    CarryOutGatewayCall,
    GatewayCallBegun,
    GatewayCallDone,
    GatewayCallRefused,
    RequestGatewayCall,
    WishKind,
)
from schemas.records.payments import RefundLinked
from streams.agents.send_to_paytrace import Subject, evolve, route, send_to_paytrace
from streams.tasks.processor import Processor

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def fields(reference: str) -> dict[str, Any]:
    return {
        "wish_id": f"wish-{reference}",
        "call_reference": reference,
        "subject": "payment/79388123",
        "kind": WishKind.REFUND,
        "paytrace_transaction_id": "79388123",
        "vault_customer_id": None,
        "abas_customer_id": "70001",
        "amount_minor": 1250,
        "currency": "USD",
        "occurred_at": NOW,
    }


class Gateway:
    """Refunds whatever it is asked to, or refuses what its name says."""

    def __init__(self) -> None:
        self.carried_out: list[tuple[str, frozenset[str]]] = []

    async def begin(self, request: RequestGatewayCall) -> GatewayCallBegun | GatewayCallRefused:
        if request.call_reference == "old":
            return GatewayCallRefused(**fields("old"), code="too-old", message="waited too long")
        return GatewayCallBegun(**fields(request.call_reference), seen_before=("1",), begun_at=NOW)

    async def carry_out(self, call: CarryOutGatewayCall, taken: frozenset[str]) -> GatewayCallDone | GatewayCallRefused:
        self.carried_out.append((call.call_reference, taken))
        result = f"refund-{call.call_reference}"
        return GatewayCallDone(**fields(call.call_reference), result_transaction_id=result, code="106", message="done")


async def live(processor: Processor[Subject], *records: Any) -> tuple[list[Any], list[Any]]:
    """Events and outputs of these records and of what they send back to their own inbox."""
    state, inbox, events, outputs = Subject(), list(records), [], []
    while inbox:
        found = await processor.events(state, inbox.pop(0))
        state = reduce(evolve, found, state)
        events += found
        sent = [output for event in found for output in route(state, event)]
        inbox += [output.record for output in sent if output.topic == processor.inbox]
        outputs += sent
    return events, outputs


async def test_a_call_is_begun_then_carried_out_and_everyone_who_waits_is_told() -> None:
    gateway = Gateway()
    events, outputs = await live(send_to_paytrace(gateway), RequestGatewayCall(**fields("a")))
    assert [type(event) for event in events] == [GatewayCallBegun, GatewayCallDone]
    assert [(output.topic, type(output.record)) for output in outputs] == [
        ("gateway.commands.v1", CarryOutGatewayCall),
        ("gateway.inbox.v1", GatewayCallDone),
        ("payments.observations.v1", RefundLinked),
    ]
    assert outputs[0].record.seen_before == ("1",)
    assert outputs[2].record.refund_transaction_id == "refund-a"


async def test_what_was_asked_twice_is_done_once_and_calls_on_one_subject_know_of_each_other() -> None:
    gateway = Gateway()
    twice = [RequestGatewayCall(**fields(name)) for name in ("a", "b", "a", "b")]
    events, _ = await live(send_to_paytrace(gateway), *twice)
    assert len(events) == 4
    assert gateway.carried_out == [("a", frozenset()), ("b", frozenset({"refund-a"}))]


async def test_what_is_refused_before_it_began_is_not_carried_out() -> None:
    gateway = Gateway()
    events, outputs = await live(send_to_paytrace(gateway), RequestGatewayCall(**fields("old")))
    assert [type(event) for event in events] == [GatewayCallRefused]
    assert [output.topic for output in outputs] == ["gateway.inbox.v1"]
    assert gateway.carried_out == []


async def test_a_replay_tells_the_same_and_asks_nobody() -> None:
    records = [RequestGatewayCall(**fields(name)) for name in ("a", "old", "b", "a")]
    gateway = Gateway()
    processor = send_to_paytrace(gateway)
    events, outputs = await live(processor, *records)
    asked = len(gateway.carried_out)
    assert processor.recall is not None
    again = Processor(
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
        await again.events(Subject(), RequestGatewayCall(**fields("never")))


async def test_another_record_has_no_rule() -> None:
    with pytest.raises(Unreadable):
        await send_to_paytrace(Gateway()).events(Subject(), NOW)
