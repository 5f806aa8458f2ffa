"""What risk knows of one payment: a few facts and digests, and no name, street, mail or card number. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from schemas.records.payments import TransactionKind, TransactionObserved, TransactionStatus
from schemas.records.risk import RiskAsked, RiskFactKept, RiskKeyAsked
from schemas.values.references import card_digest

_CHARGES = {TransactionKind.SALE, TransactionKind.AUTHORIZATION, TransactionKind.ACH_SALE}
_REFUNDS = {TransactionKind.REFUND, TransactionKind.ACH_REFUND}
# A void by PayTrace's AVS or CSC rule took no money, as a decline.
_REFUSED = {TransactionStatus.DECLINED, TransactionStatus.VOIDED_BY_RULE}


class Key(StrEnum):
    """By what payments are taken together."""

    CARD = "card"
    CUSTOMER = "customer"
    ADDRESS = "address"
    MERCHANT = "merchant"


@dataclass(frozen=True, slots=True)
class PaymentFact:
    """One attempt to take or give back money, as it was first seen.

    Units:  amount_minor in minor units of currency, never negative; at is when PayTrace made it.
    Shapes: card, customer, address and order are digests or references; empty where nothing is known. PayTrace gives
            neither a fingerprint nor a brand, so card stands for last four digits within a merchant: two cards of the
            same last four are one here. order is what PayTrace itself names, so that two payments of an order compare.
            Countries are ISO 3166, two letters, or empty.
    """

    payment_id: str
    merchant: str
    at: datetime
    is_refund: bool
    is_approved: bool
    amount_minor: int
    currency: str
    card: str = ""
    customer: str = ""
    address: str = ""
    order: str = ""
    avs: str = ""
    csc: str = ""
    billing_country: str = ""
    shipping_country: str = ""
    refund_of: str = ""

    def value_of(self, key: Key) -> str:
        """Return what stands for this payment under a key; empty where nothing is known."""
        return {
            Key.CARD: self.card,
            Key.CUSTOMER: self.customer,
            Key.ADDRESS: self.address,
            Key.MERCHANT: self.merchant,
        }[key]


# What a record that asks about an attempt says of it, besides its name.
ATTEMPT: Final = (
    "merchant",
    "attempted_at",
    "is_refund",
    "is_approved",
    "amount_minor",
    "currency",
    "card",
    "customer",
    "address",
    "order_reference",
    "avs_response",
    "csc_response",
    "billing_country",
    "shipping_country",
)


def fact_asked(asked: RiskAsked | RiskKeyAsked | RiskFactKept) -> PaymentFact:
    """Return the fact of an attempt as the pipeline asks about it.

    Money is judged before anybody can say which payment a refund is of, so refund_of is empty.
    """
    return PaymentFact(
        payment_id=asked.paytrace_transaction_id,
        merchant=asked.merchant,
        at=asked.attempted_at,
        is_refund=asked.is_refund,
        is_approved=asked.is_approved,
        amount_minor=asked.amount_minor,
        currency=asked.currency,
        card=asked.card,
        customer=asked.customer,
        address=asked.address,
        order=asked.order_reference,
        avs=asked.avs_response,
        csc=asked.csc_response,
        billing_country=asked.billing_country,
        shipping_country=asked.shipping_country,
    )


def attempt_of(asked: RiskAsked | RiskKeyAsked | RiskFactKept) -> dict[str, Any]:
    """Return what a record says of an attempt, for the next record about it."""
    return {name: getattr(asked, name) for name in ATTEMPT}


@dataclass(frozen=True, slots=True)
class OrderHint:
    """What a shop's order says of the payments that it names."""

    customer: str
    address: str
    billing_country: str
    shipping_country: str


@dataclass(frozen=True, slots=True)
class Hints:
    """What other records say of payments.

    Shapes: order_of takes a payment id; address_of merchant and vault customer, and gives the digest of a place;
            refund_of takes a refund's id and gives its payment. None or empty where nothing is known.
    """

    order_of: Callable[[str], OrderHint | None]
    address_of: Callable[[str, str], str]
    refund_of: Callable[[str], str]


def fact_of(seen: Iterable[TransactionObserved], hints: Hints, country_in: Callable[[str], str]) -> PaymentFact | None:
    """Return the fact of one transaction from all its observations, in whatever order they come.

    The first observation that says a thing counts, so that what comes later (a settlement, a smaller capture) doesn't
    change what the payment looked like; a refusal counts whenever it shows.

    Shapes: country_in reads the billing country out of the masked original.
    Returns: None for what is no attempt to move money (a bank transfer), or can't be read.
    """
    readable = [one for one in seen if one.raw_amount is None and one.unreadable is None]
    in_order = sorted(readable, key=lambda one: (one.observed_at, one.status.value, one.amount_minor, one.raw))
    known = [one for one in in_order if one.kind in _CHARGES | _REFUNDS and one.status is not TransactionStatus.UNKNOWN]
    if not known:
        return None
    first = known[0]
    last_four = _first(one.card_last_four or "" for one in known)
    vault = _first(one.vault_customer_id or "" for one in known)
    order = hints.order_of(first.paytrace_transaction_id)
    own = f"vault/{first.merchant}/{vault}" if vault else ""
    return PaymentFact(
        payment_id=first.paytrace_transaction_id,
        merchant=first.merchant,
        at=first.created_at,
        is_refund=first.kind in _REFUNDS,
        is_approved=not any(one.status in _REFUSED for one in known),
        amount_minor=first.amount_minor,
        currency=first.currency,
        card=card_digest(first.merchant, last_four) if last_four else "",
        customer=own or (order.customer if order else ""),
        address=_first([order.address if order else "", hints.address_of(first.merchant, vault) if vault else ""]),
        order=_first(one.customer_reference or one.invoice_number or "" for one in known),
        avs=_first(one.avs_response for one in known),
        csc=_first(one.csc_response for one in known),
        billing_country=_first([*(country_in(one.raw) for one in known), order.billing_country if order else ""]),
        shipping_country=order.shipping_country if order else "",
        refund_of=hints.refund_of(first.paytrace_transaction_id),
    )


def _first(values: Iterable[str]) -> str:
    return next((value for value in values if value), "")
