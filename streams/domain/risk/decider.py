"""May a payment go on? Decided for the risk context: by rules that people own, then by a person. Agent `assess-risk`.

An attempt to move money comes once from fold-payments, whole, and again when more is known. Its payment asks each key
by which rules count: its card, customer, address and merchant account. A key remembers attempts and answers with the
rules that this one meets by those before it; the payment takes all answers together. What protects the money:

- an answer goes by the time of the attempts, so any order and any repetition of them ends in the same findings;
- the first decision waits for all keys; until then, and while it is held, the money does not go to its customer;
- a person alone releases what is held, and what was released is not held again by the same finding.
"""

from __future__ import annotations

from typing import assert_never

from schemas.records.by_topic import RiskEvents, RiskInbox
from schemas.records.risk import (
    OrderRiskReported,
    PaymentRiskDecided,
    ReleaseHeldPayment,
    RiskAsked,
    RiskAssessed,
    RiskDecisionRefused,
    RiskFactKept,
    RiskKeyAnswered,
    RiskKeyAsked,
    RiskStatus,
)
from schemas.topic import Topic
from schemas.values.replacing import replace
from streams.domain.output import Output
from streams.domain.risk import payment as assessed
from streams.domain.risk import together as taken_together
from streams.domain.risk.policy import Policy
from streams.domain.risk.state import INITIAL, State

__all__ = ["INITIAL", "State", "decide", "evolve", "route"]


def decide(state: State, record: RiskInbox, policy: Policy) -> tuple[RiskEvents, ...]:
    """Return what this attempt, answer or command changes.

    Ensures: what was here yields ().
    """
    match record:
        case RiskAsked():
            return assessed.on_asked(state.payment, record, policy)
        case RiskKeyAsked():
            return taken_together.on_asked(state.together, record, policy)
        case RiskKeyAnswered():
            return assessed.on_answer(state.payment, record, policy)
        case ReleaseHeldPayment():
            return () if record.command_id in state.command_ids else assessed.on_release(state.payment, record)
        case _:
            assert_never(record)


def evolve(state: State, event: RiskEvents) -> State:
    """Remember one event; accepts any event in any state."""
    match event:
        case RiskFactKept():
            return replace(state, together=taken_together.keep(state.together, event))
        case RiskKeyAnswered():
            return replace(state, together=taken_together.answered(state.together, event))
        case RiskAsked() | RiskKeyAsked() | RiskAssessed() | PaymentRiskDecided() | RiskDecisionRefused():
            command = getattr(event, "command_id", None)
            known = state.command_ids if command is None else state.command_ids | {command}
            return replace(state, payment=assessed.evolve(state.payment, event), command_ids=known)
        case _:
            assert_never(event)


def route(_state: State, event: RiskEvents) -> tuple[Output, ...]:
    """Questions to keys, answers to payments; a decision to where the money is held back, and to its orders."""
    match event:
        case RiskKeyAsked() | RiskKeyAnswered():
            return (Output(Topic.RISK_INBOX, event),)
        case PaymentRiskDecided():
            return (Output(Topic.IDENTIFICATION_INBOX, event), *_to_orders(event))
        case _:
            return ()


def _to_orders(event: PaymentRiskDecided) -> tuple[Output, ...]:
    return tuple(
        Output(
            Topic.ORDERS_INBOX,
            OrderRiskReported(
                shop_order=order,
                paytrace_transaction_id=event.paytrace_transaction_id,
                is_held=event.status is RiskStatus.HELD,
                detail=event.detail,
                revision=event.revision,
                occurred_at=event.occurred_at,
            ),
        )
        for order in event.shop_orders
    )
