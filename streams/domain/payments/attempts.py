"""What risk is asked of a transaction: the attempt as it was first seen, from all observations and orders. Pure.

Every order of arrival comes to the same attempt: the amount is that of the earliest observation, a refusal counts
whenever it shows, and of everything else the first value in alphabetical order, where observations do not agree at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from schemas.records.orders import OrderPaymentAsked
from schemas.records.payments import TransactionKind, TransactionObserved, TransactionStatus
from schemas.records.risk import RiskAsked
from schemas.values.references import card_digest, payment_token
from schemas.values.replacing import replace

_REFUNDS = (TransactionKind.REFUND, TransactionKind.ACH_REFUND)
ATTEMPTS = (TransactionKind.SALE, TransactionKind.AUTHORIZATION, TransactionKind.ACH_SALE, *_REFUNDS)
_VAULT = "vault/"
_REFUSED = (TransactionStatus.DECLINED, TransactionStatus.VOIDED_BY_RULE)


def seen(
    known: RiskAsked | None,
    observed: TransactionObserved,
    orders: Mapping[str, OrderPaymentAsked],
    *,
    has_moved: bool,
) -> tuple[RiskAsked, ...]:
    """Return the attempt with this observation; () where that is no attempt, can't be read, or says nothing new.

    has_moved says that money moved before risk was asked first, so that the attempt is evidence only.
    """
    is_readable = observed.unreadable is None and observed.raw_amount is None
    if observed.kind not in ATTEMPTS or observed.status is TransactionStatus.UNKNOWN or not is_readable:
        return ()
    fresh = _asked(observed, has_moved=has_moved)
    if known is None:
        return (_with_orders(fresh, orders),)
    first, other = known, fresh
    if (fresh.seen_at, fresh.amount_minor) < (known.seen_at, known.amount_minor):
        first, other = fresh, known
    merged = replace(
        first,
        is_approved=first.is_approved and other.is_approved,
        card=_one_of(first.card, other.card),
        customer=_customer(first.customer, other.customer),
        order_reference=_one_of(first.order_reference, other.order_reference),
        avs_response=_one_of(first.avs_response, other.avs_response),
        csc_response=_one_of(first.csc_response, other.csc_response),
        address=known.address,
        billing_country=known.billing_country,
        shipping_country=known.shipping_country,
        shop_orders=known.shop_orders,
        is_judged=known.is_judged,
    )
    return _changed(known, merged, observed.observed_at)


def ordered(
    known: RiskAsked, order: OrderPaymentAsked, orders: Mapping[str, OrderPaymentAsked]
) -> tuple[RiskAsked, ...]:
    """Return the attempt with what an order says that names it; () where that is nothing new."""
    return _changed(known, _with_orders(known, {**orders, order.shop_order: order}), order.occurred_at)


def _changed(known: RiskAsked, asked: RiskAsked, at: datetime) -> tuple[RiskAsked, ...]:
    if replace(asked, revision=known.revision, occurred_at=known.occurred_at) == known:
        return ()
    return (replace(asked, revision=known.revision + 1, occurred_at=at),)


def _asked(observed: TransactionObserved, *, has_moved: bool) -> RiskAsked:
    last_four, vault = observed.card_last_four, observed.vault_customer_id
    is_approved = observed.status not in _REFUSED
    return RiskAsked(
        payment_token=payment_token(observed.paytrace_transaction_id),
        paytrace_transaction_id=observed.paytrace_transaction_id,
        merchant=observed.merchant,
        attempted_at=observed.created_at,
        is_refund=observed.kind in _REFUNDS,
        is_approved=is_approved,
        amount_minor=observed.amount_minor,
        currency=observed.currency,
        card=card_digest(observed.merchant, last_four) if last_four else "",
        customer=f"{_VAULT}{observed.merchant}/{vault}" if vault else "",
        address="",
        order_reference=observed.customer_reference or observed.invoice_number or "",
        avs_response=observed.avs_response,
        csc_response=observed.csc_response,
        billing_country="",
        shipping_country="",
        shop_orders=(),
        is_judged=is_approved and not has_moved,
        seen_at=observed.observed_at,
        revision=1,
        occurred_at=observed.observed_at,
    )


def _with_orders(asked: RiskAsked, orders: Mapping[str, OrderPaymentAsked]) -> RiskAsked:
    """Return an attempt with what orders say that PayTrace does not; a vault customer goes before the buyer."""
    said = list(orders.values())
    return replace(
        asked,
        shop_orders=tuple(sorted(orders)),
        customer=_customer(asked.customer, *(one.customer for one in said)),
        address=_one_of(asked.address, *(one.place_digest for one in said)),
        billing_country=_one_of(asked.billing_country, *(one.billing_country for one in said)),
        shipping_country=_one_of(asked.shipping_country, *(one.shipping_country for one in said)),
    )


def _customer(*values: str) -> str:
    return _one_of(*(one for one in values if one.startswith(_VAULT))) or _one_of(*values)


def _one_of(*values: str) -> str:
    return min(filter(None, values), default="")
