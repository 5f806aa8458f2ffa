"""Who hears of a transaction besides its money: rates, orders of shops, subscriptions."""

from __future__ import annotations

from schemas.records.by_topic import PaymentsEvents
from schemas.records.payments import (
    CaptureReversed,
    CodeKind,
    NextStep,
    NextStepFound,
    PaymentCaptured,
    PaymentStatusUnrecognized,
    ValuationAsked,
)
from schemas.records.rates import RateAsked
from schemas.records.subscriptions import PaymentSeen, SubscriptionPaymentSeen
from schemas.topic import Topic
from schemas.values.business_day import business_day
from streams.domain.output import Output
from streams.domain.payments.evolving import proof
from streams.domain.payments.orders import reports
from streams.domain.payments.state import State, value_date

_FAILURES = {CodeKind.DECLINE: PaymentSeen.DECLINED, CodeKind.RETURN: PaymentSeen.RETURNED}


def rates_hear(event: PaymentsEvents) -> tuple[Output, ...]:
    """Ask what a currency was worth."""
    if not isinstance(event, ValuationAsked):
        return ()
    asked = RateAsked(
        currency_pair=event.currency_pair,
        paytrace_transaction_id=event.paytrace_transaction_id,
        value_on=event.value_on,
        amount_minor=event.amount_minor,
        currency=event.currency,
        occurred_at=event.occurred_at,
    )
    return (Output(Topic.RATES_INBOX, asked),)


def orders_hear(state: State, event: PaymentsEvents) -> tuple[Output, ...]:
    """Report to the orders that name this transaction how far it is proved, where the event changed that."""
    if not state.is_news:
        return ()
    found = reports(event, proof(state), state.revision)
    return tuple(Output(Topic.ORDERS_INBOX, report) for report in found)


def subscriptions_hear(state: State, event: PaymentsEvents) -> tuple[Output, ...]:
    """Return what the subscriptions of a vault customer must know: money, its reversal, a decline, an open outcome."""
    step, code, meaning, again_on = NextStep.UNKNOWN, "", "", None
    match event:
        case PaymentCaptured():
            seen, on = PaymentSeen.CAPTURED, value_date(event)
        case CaptureReversed():
            seen, on = PaymentSeen.REVERSED, value_date(event)
        case PaymentStatusUnrecognized() if state.may_take_money:
            seen, on = PaymentSeen.UNCLEAR, business_day(event.occurred_at)
        case NextStepFound() if event.code_kind in _FAILURES and not event.pays_out:
            seen, on = _FAILURES[event.code_kind], event.noticed_on
            step, code, meaning, again_on = event.next_step, event.code, event.meaning, event.again_on
        case _:
            return ()
    if not event.vault_customer_id or event.amount_minor is None or not event.currency:
        return ()
    payment = SubscriptionPaymentSeen(
        vault_customer_id=event.vault_customer_id,
        paytrace_transaction_id=event.paytrace_transaction_id,
        seen=seen,
        amount_minor=event.amount_minor,
        currency=event.currency,
        invoice_number=event.invoice_number,
        happened_on=on,
        next_step=step,
        code=code,
        meaning=meaning,
        again_on=again_on,
        occurred_at=event.occurred_at,
    )
    return (Output(Topic.SUBSCRIPTIONS_INBOX, payment),)
