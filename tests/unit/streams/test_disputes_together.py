"""A dispute through the task layer: settlement, payment and gateway hear of it, and a rebuild decides the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from app.proofs.rebuild import compare_agents
from schemas import catalog
from schemas.records.disputes import DisputeFact
from schemas.records.gateway import GatewayCallRefused, PaymentRequestKind, RequestGatewayCall
from schemas.records.payments import PaymentChargebackReversed, PaymentChargedBack
from schemas.records.payments import TransactionStatus as Status
from schemas.records.tasks import RulesAdopted
from schemas.wire.codec import Codec
from streams.agents import FOLD_PAYMENTS, FOLLOW_DISPUTES, RECONCILE_DEPOSITS
from streams.edges.send_to_paytrace import send_to_paytrace
from streams.log.memory import MemoryLog
from streams.tasks.membership import SoleOwner
from streams.tasks.ports import SilentObserver
from streams.tasks.processor import AnyProcessor
from streams.tasks.stores import MemoryStore
from streams.tasks.task import Task, TaskRules
from tests.support.adopted import adopt_into
from tests.support.builders import PAYMENT, at, observation
from tests.support.settlement import dispute
from tests.support.signing import RING, SIGNER, by_hand


class Nobody:
    """A gateway that must not be asked."""

    async def begin(self, request: Any) -> Any:
        raise AssertionError(request)

    async def carry_out(self, call: Any, taken: frozenset[str]) -> Any:
        raise AssertionError(call)


def task(processor: AnyProcessor, log: MemoryLog) -> Task[Any]:
    return Task(
        processor,
        0,
        log=log,
        store=MemoryStore(),
        codec=Codec(),
        ring=RING,
        membership=SoleOwner(),
        observer=SilentObserver(),
        rules=TaskRules(),
    )


async def test_a_dispute_reaches_payment_and_gateway_and_a_rebuild_is_identical() -> None:
    log = MemoryLog(dict.fromkeys(catalog.topics(), 1), signer=SIGNER)
    adopt_into(log)
    processors: tuple[AnyProcessor, ...] = (
        FOLLOW_DISPUTES,
        RECONCILE_DEPOSITS,
        FOLD_PAYMENTS,
        send_to_paytrace(Nobody()),
    )

    async def report(topic: str, record: Any) -> None:
        key = catalog.topic(topic).key_of(record)
        await log.append([by_hand(log, topic, record, Codec().encode(record), key=key)])
        for _ in range(3):  # with new tasks each time, which know only what their journals say
            for processor in processors:
                await task(processor, log).catch_up()

    await report("payments.observations.v1", observation(Status.SETTLED, settled_at=at(3)))
    flips = [DisputeFact.DEBITED, DisputeFact.CREDITED, DisputeFact.DEBITED]
    for on, kind in enumerate(flips):
        fact = replace(dispute("CB1", 100_00, 270 + on, kind), paytrace_transaction_id=PAYMENT)
        await report("disputes.inbox.v1", fact)
        await report("disputes.inbox.v1", fact)
    refund = RequestGatewayCall(
        payment_request_id="w1",
        call_reference="SALDO-R-w1",
        subject=f"payment/{PAYMENT}",
        kind=PaymentRequestKind.REFUND,
        paytrace_transaction_id=PAYMENT,
        description="",
        abas_customer_id="70001",
        amount_minor=100_00,
        currency="USD",
        occurred_at=at(9),
    )
    await report("gateway.commands.v1", refund)

    events = [Codec().decode(record.value) for record in log.records("payments.events.v1", 0)]
    disputed = [event for event in events if isinstance(event, PaymentChargedBack | PaymentChargebackReversed)]
    assert [event.amount_minor for event in disputed] == [100_00, 0, 100_00]
    inbox = [Codec().decode(record.value) for record in log.records("gateway.inbox.v1", 0)]
    (answer,) = [record for record in inbox if not isinstance(record, RulesAdopted)]
    assert isinstance(answer, GatewayCallRefused)
    assert answer.code == "charged-back"
    compared = await compare_agents(processors, log, Codec(), RING)
    assert [one.what for one in compared if not one.is_identical] == []
