"""Records of the gateway context: what others ask of the payment gateway, and what it made of that.

Field for field like schemas/avro/gateway/*.avsc; tests/catalog holds the two together.
Meaning, unit and source of each field stand in the .avsc, so that every language reads the same words.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class WishKind(StrEnum):
    """What is asked of the gateway; UNKNOWN keeps raw_kind and is never carried out."""

    UNKNOWN = "UNKNOWN"
    REFUND = "REFUND"
    VOID = "VOID"
    CAPTURE = "CAPTURE"
    CHARGE = "CHARGE"


class WishStatus(StrEnum):
    """How the wish stands at abas; only OPEN asks for anything, UNKNOWN keeps raw_status."""

    UNKNOWN = "UNKNOWN"
    OPEN = "OPEN"
    DONE = "DONE"
    REFUSED = "REFUSED"
    CANCELLED = "CANCELLED"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentWishObserved:
    """Somebody at abas asks something of the payment gateway; nothing has been done about it yet."""

    wish_id: str
    wish_number: str
    kind: WishKind
    raw_kind: str
    status: WishStatus
    raw_status: str
    abas_customer_id: str
    amount_minor: int
    currency: str
    paytrace_transaction_id: str | None = None
    vault_customer_id: str | None = None
    invoice_number: str | None = None
    requester: str | None = None
    reason: str
    observed_at: datetime
    raw: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentWishAccepted:
    """A wish that can be carried out; from now on it is carried out or refused, once."""

    wish_id: str
    call_reference: str
    subject: str
    kind: WishKind
    paytrace_transaction_id: str | None = None
    vault_customer_id: str | None = None
    invoice_number: str | None = None
    abas_customer_id: str
    amount_minor: int
    currency: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentWishTurnedDown:
    """A wish that can't be carried out as it stands; somebody has to change it at abas."""

    wish_id: str
    abas_customer_id: str
    code: str
    message: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentWishClosed:
    """What became of a wish that was accepted."""

    wish_id: str
    call_reference: str
    abas_customer_id: str
    is_done: bool
    code: str
    message: str
    result_transaction_id: str | None = None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestGatewayCall:
    """Command: carry out an accepted wish."""

    wish_id: str
    call_reference: str
    subject: str
    kind: WishKind
    paytrace_transaction_id: str | None = None
    vault_customer_id: str | None = None
    invoice_number: str | None = None
    abas_customer_id: str
    amount_minor: int
    currency: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayCallBegun:
    """The gateway was looked at before the call; the call may have been made from now on."""

    wish_id: str
    call_reference: str
    subject: str
    kind: WishKind
    paytrace_transaction_id: str | None = None
    vault_customer_id: str | None = None
    invoice_number: str | None = None
    abas_customer_id: str
    amount_minor: int
    currency: str
    seen_before: tuple[str, ...]
    begun_at: datetime
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CarryOutGatewayCall:
    """Command: make a call that was begun, after looking whether it was made already."""

    wish_id: str
    call_reference: str
    subject: str
    kind: WishKind
    paytrace_transaction_id: str | None = None
    vault_customer_id: str | None = None
    invoice_number: str | None = None
    abas_customer_id: str
    amount_minor: int
    currency: str
    seen_before: tuple[str, ...]
    begun_at: datetime
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayCallClaimed:
    """A process of ours is about to make a call; only the first claim of a call that can't be repeated may make it."""

    wish_id: str
    call_reference: str
    subject: str
    kind: WishKind
    amount_minor: int
    currency: str
    is_repeatable: bool
    claimed_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayCallDone:
    """Outcome: the gateway holds the effect of this call, once."""

    wish_id: str
    call_reference: str
    subject: str
    kind: WishKind
    paytrace_transaction_id: str | None = None
    vault_customer_id: str | None = None
    abas_customer_id: str
    amount_minor: int
    currency: str
    result_transaction_id: str | None = None
    code: str
    message: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayCallRefused:
    """Outcome: the gateway said no, or the call can't be made; a fact, not a failure."""

    wish_id: str
    call_reference: str
    subject: str
    kind: WishKind
    paytrace_transaction_id: str | None = None
    vault_customer_id: str | None = None
    abas_customer_id: str
    amount_minor: int
    currency: str
    code: str
    message: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldRefunds:
    """Command: refund nothing of this payment while a dispute takes money of it."""

    subject: str
    paytrace_transaction_id: str
    settlement_account: str
    dispute_id: str
    charged_back_minor: int
    currency: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundsHeld:
    """From now on refunds of this payment are refused, or, with 0 charged back, no more for this dispute."""

    subject: str
    paytrace_transaction_id: str
    settlement_account: str
    dispute_id: str
    charged_back_minor: int
    currency: str
    occurred_at: datetime
