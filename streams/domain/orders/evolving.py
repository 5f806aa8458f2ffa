"""How each event changes what is remembered of an order, or of the hooks of a shop."""

from __future__ import annotations

from typing import TypeAlias, assert_never

from schemas.records.by_topic import OrdersEvents
from schemas.records.erp import RecordRefused, RecordSaved, SaveRecord
from schemas.records.orders import (
    OrderChanged,
    OrderCustomerAsked,
    OrderCustomerFound,
    OrderCustomerSource,
    OrderDecided,
    OrderDecision,
    OrderDecisionRefused,
    OrderDelivered,
    OrderGone,
    OrderInReview,
    OrderMoneyNamed,
    OrderMoneyReported,
    OrderPayerNamed,
    OrderPaymentAsked,
    OrderPaymentReported,
    OrderPaymentRequested,
    OrderPlaced,
    OrderRequestAnswered,
    OrderReviewEnded,
    OrderWaitEnded,
    OrderWaiting,
    ShopHooksChanged,
    ShopRefundSeen,
    ShopRefundVanished,
    ShopWriteRefused,
    ShopWritten,
    WriteToShop,
)
from schemas.records.risk import OrderRiskReported
from schemas.values.replacing import replace
from streams.domain.orders.state import REFUSED, State

Event: TypeAlias = OrdersEvents


def evolve(state: State, event: OrdersEvents) -> State:
    """Remember one event; accepts any event in any state."""
    match event:
        case OrderPlaced():
            return replace(state, placed=event, changed=None, is_gone=False)
        case OrderChanged():
            return replace(state, changed=event, is_gone=False)
        case OrderInReview():
            return replace(state, reviews=event.reviews, reviewed=event.shop_order)
        case OrderReviewEnded():
            return replace(state, reviews=())
        case OrderGone():
            return replace(state, is_gone=True)
        case ShopRefundSeen():
            return replace(state, refunds={**state.refunds, event.shop_refund_id: event})
        case ShopRefundVanished():
            left = {one: refund for one, refund in state.refunds.items() if one != event.shop_refund_id}
            return replace(state, refunds=left, vanished=state.vanished + 1)
        case ShopHooksChanged():
            return replace(state, hooks=event)
        case OrderPaymentAsked():
            return replace(state, asked_payments=state.asked_payments | {event.paytrace_transaction_id})
        case OrderPaymentReported():
            return replace(state, payments={**state.payments, event.paytrace_transaction_id: event})
        case OrderRiskReported():
            return _risk(state, event)
        case OrderCustomerAsked():
            return replace(state, asked_customer=event)
        case OrderCustomerFound():
            return replace(state, customers=_customers(state, event.source, event.abas_customer_id))
        case OrderPayerNamed():
            return replace(state, payers={**state.payers, event.paytrace_transaction_id: event})
        case SaveRecord():
            return replace(state, sales_order=event, refused=None)
        case RecordSaved():
            return replace(state, saved=event, refused=None)
        case RecordRefused():
            return replace(state, refused=event)
        case OrderMoneyNamed():
            return replace(state, money={**state.money, event.paytrace_transaction_id: event})
        case OrderMoneyReported():
            return replace(state, receipts={**state.receipts, event.posting_reference: event})
        case OrderDelivered():
            return replace(state, deliveries={**state.deliveries, event.delivery_number: event})
        case OrderPaymentRequested():
            return replace(state, requests={**state.requests, event.payment_request_id: event})
        case OrderRequestAnswered():
            return replace(state, answers={**state.answers, event.payment_request_id: event})
        case WriteToShop():
            return replace(state, writes={**state.writes, event.command_id: event})
        case ShopWritten():
            return replace(state, written={**state.written, event.command_id: event})
        case ShopWriteRefused():
            return replace(state, unwritten={**state.unwritten, event.command_id: event})
        case OrderWaiting():
            return replace(state, waits=event)
        case OrderWaitEnded():
            return replace(state, waits=None)
        case OrderDecided():
            return _decided(replace(state, command_ids=state.command_ids | {event.command_id}), event)
        case OrderDecisionRefused():
            return replace(state, command_ids=state.command_ids | {event.command_id})
        case _:
            assert_never(event)


def _risk(state: State, event: OrderRiskReported) -> State:
    name = event.paytrace_transaction_id
    known = state.risk.get(name)
    begins = event.is_held and (known is None or not known.is_held)
    holds = {**state.holds, name: state.holds.get(name, 0) + 1} if begins else state.holds
    return replace(state, risk={**state.risk, name: event}, holds=holds)


def _customers(state: State, source: OrderCustomerSource, customer: str | None) -> dict[str, str]:
    others = {known: one for known, one in state.customers.items() if known != source.value}
    return others if customer is None else {**others, source.value: customer}


def _decided(state: State, event: OrderDecided) -> State:
    match event.decision:
        case OrderDecision.ASSIGN_CUSTOMER:
            return replace(state, customers=_customers(state, OrderCustomerSource.PERSON, event.abas_customer_id))
        case OrderDecision.TAKE:
            return replace(state, taken=state.taken | {event.waited_for})
        case OrderDecision.LEAVE_OUT:
            return replace(state, is_left_out=True)
        case OrderDecision.TRY_AGAIN:
            kept = {one: answer for one, answer in state.answers.items() if answer.status not in REFUSED}
            asked = {one: request for one, request in state.requests.items() if one in kept or one not in state.answers}
            tried = len(state.requests) - len(asked) + state.tried
            again = replace(state, requests=asked, answers=kept, tried=tried, refused=None)
            return replace(again, sales_order=None if state.saved is None else state.sales_order)
        case _:
            return state
