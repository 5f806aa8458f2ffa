"""Records of the payments context: sightings of PayTrace transactions and what they prove.

Field for field like schemas/avro/payments/*.avsc; tests/catalog holds the two together.
Meaning, unit and source of each field stand in the .avsc, so that every language reads the same words.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class TransactionKind(StrEnum):
    """What PayTrace calls the transaction; UNKNOWN keeps raw_kind."""

    UNKNOWN = "UNKNOWN"
    SALE = "SALE"
    AUTHORIZATION = "AUTHORIZATION"
    REFUND = "REFUND"
    ACH_SALE = "ACH_SALE"
    ACH_REFUND = "ACH_REFUND"


class TransactionStatus(StrEnum):
    """Our reading of a PayTrace status; UNKNOWN keeps raw_status and is never money."""

    UNKNOWN = "UNKNOWN"
    AUTHORIZED = "AUTHORIZED"
    PENDING_SETTLEMENT = "PENDING_SETTLEMENT"
    SETTLED = "SETTLED"
    VOIDED = "VOIDED"
    VOIDED_BY_RULE = "VOIDED_BY_RULE"
    DECLINED = "DECLINED"
    ACH_PENDING = "ACH_PENDING"
    ACH_CLEARED = "ACH_CLEARED"
    ACH_RETURNED = "ACH_RETURNED"
    ACH_FAILED = "ACH_FAILED"


class PaymentMethod(StrEnum):
    """The rail that the money takes."""

    UNKNOWN = "UNKNOWN"
    CARD = "CARD"
    ACH = "ACH"


class ObservedBy(StrEnum):
    """The way a fact reached us; never part of its identity."""

    UNKNOWN = "UNKNOWN"
    POLL = "POLL"
    HOOK = "HOOK"
    SILENT_POST = "SILENT_POST"
    COMMAND = "COMMAND"


class VoidReason(StrEnum):
    """Who voided: the merchant, or the account rule behind response code 103."""

    UNKNOWN = "UNKNOWN"
    VOID = "VOID"
    AVS_CSC_RULE = "AVS_CSC_RULE"


class UnrecognizedReason(StrEnum):
    """What of an observation can't be read."""

    UNKNOWN = "UNKNOWN"
    STATUS_UNKNOWN = "STATUS_UNKNOWN"
    KIND_UNKNOWN = "KIND_UNKNOWN"
    AMOUNT_UNREADABLE = "AMOUNT_UNREADABLE"
    ROW_UNREADABLE = "ROW_UNREADABLE"


class CaptureReversalReason(StrEnum):
    """Why captured money went away without a refund."""

    UNKNOWN = "UNKNOWN"
    VOID = "VOID"
    ACH_RETURN = "ACH_RETURN"


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionObserved:
    """One sighting of a PayTrace transaction: our reading beside the source's own words."""

    paytrace_transaction_id: str
    merchant: str
    kind: TransactionKind
    raw_kind: str
    status: TransactionStatus
    raw_status: str
    raw_response_code: str | None = None
    method: PaymentMethod
    amount_minor: int
    currency: str
    approval_code: str
    invoice_number: str | None = None
    vault_customer_id: str | None = None
    customer_reference: str | None = None
    description: str
    card_last_four: str | None = None
    avs_response: str
    csc_response: str
    batch_number: int | None = None
    return_code: str | None = None
    created_at: datetime
    raw_created: str
    created_on: date | None = None
    settled_at: datetime | None = None
    raw_settled: str
    settled_on: date | None = None
    returned_on: date | None = None
    observed_at: datetime
    observed_on: date | None = None
    observed_by: ObservedBy
    raw_amount: str | None = None
    unreadable: str | None = None
    raw: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundLinked:
    """A refund transaction is known to refund this payment (PayTrace itself gives no link)."""

    paytrace_transaction_id: str
    refund_transaction_id: str
    amount_minor: int
    currency: str
    linked_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeReported:
    """What a dispute takes from this payment now, as the settlement context keeps it."""

    paytrace_transaction_id: str
    settlement_account: str
    dispute_id: str
    raw_stage: str
    charged_back_minor: int
    currency: str
    reason_code: str
    entered_on: date
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentAuthorized:
    """Approved, not captured: no money yet."""

    paytrace_transaction_id: str
    merchant: str
    method: PaymentMethod
    amount_minor: int
    currency: str
    invoice_number: str | None = None
    vault_customer_id: str | None = None
    card_last_four: str | None = None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AchPaymentInitiated:
    """An ACH debit was accepted, which is not collected."""

    paytrace_transaction_id: str
    merchant: str
    method: PaymentMethod
    amount_minor: int
    currency: str
    invoice_number: str | None = None
    vault_customer_id: str | None = None
    card_last_four: str | None = None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentCaptured:
    """Money in: a card capture, or an ACH debit that cleared. Once per payment."""

    paytrace_transaction_id: str
    merchant: str
    method: PaymentMethod
    amount_minor: int
    currency: str
    invoice_number: str | None = None
    vault_customer_id: str | None = None
    customer_reference: str | None = None
    card_last_four: str | None = None
    value_on: date | None = None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureAmountChanged:
    """A later sighting carries another captured amount."""

    paytrace_transaction_id: str
    previous_minor: int
    amount_minor: int
    currency: str
    value_on: date | None = None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureSighted:
    """The captured amount of a later sighting, moving no money; so an older one cannot win by arriving late."""

    paytrace_transaction_id: str
    status: TransactionStatus
    amount_minor: int
    currency: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentSettled:
    """The payment is in a settlement batch."""

    paytrace_transaction_id: str
    merchant: str
    amount_minor: int
    currency: str
    batch_number: int | None = None
    settled_at: datetime
    settled_on: date | None = None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentVoided:
    """Cancelled before settlement. Money only when a CaptureReversed comes with it."""

    paytrace_transaction_id: str
    merchant: str
    method: PaymentMethod
    amount_minor: int
    currency: str
    reason: VoidReason
    value_on: date | None = None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentDeclined:
    """Not approved: no money."""

    paytrace_transaction_id: str
    merchant: str
    method: PaymentMethod
    amount_minor: int
    currency: str
    approval_message: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AchPaymentFailed:
    """The ACH debit ended without money."""

    paytrace_transaction_id: str
    raw_status: str
    value_on: date | None = None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AchPaymentReturned:
    """The ACH debit came back. Money only when a CaptureReversed comes with it."""

    paytrace_transaction_id: str
    return_code: str | None = None
    value_on: date | None = None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureReversed:
    """Money out: captured money was voided or returned."""

    paytrace_transaction_id: str
    merchant: str
    method: PaymentMethod
    amount_minor: int
    currency: str
    invoice_number: str | None = None
    vault_customer_id: str | None = None
    card_last_four: str | None = None
    reason: CaptureReversalReason
    value_on: date | None = None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundIssued:
    """Money out: a refund transaction, with an id of its own."""

    paytrace_transaction_id: str
    merchant: str
    method: PaymentMethod
    amount_minor: int
    currency: str
    invoice_number: str | None = None
    vault_customer_id: str | None = None
    customer_reference: str | None = None
    card_last_four: str | None = None
    value_on: date | None = None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundSettled:
    """The refund is in a settlement batch."""

    paytrace_transaction_id: str
    merchant: str
    amount_minor: int
    currency: str
    batch_number: int | None = None
    settled_at: datetime
    settled_on: date | None = None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundReversed:
    """Money in again: a refund was voided."""

    paytrace_transaction_id: str
    merchant: str
    method: PaymentMethod
    amount_minor: int
    currency: str
    invoice_number: str | None = None
    vault_customer_id: str | None = None
    card_last_four: str | None = None
    value_on: date | None = None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundApplied:
    """This payment was refunded, in part or in whole, by a refund transaction."""

    paytrace_transaction_id: str
    refund_transaction_id: str
    amount_minor: int
    currency: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentChargedBack:
    """Money out: a dispute takes this payment, or more of it than before."""

    paytrace_transaction_id: str
    settlement_account: str
    dispute_id: str
    raw_stage: str
    previous_minor: int
    amount_minor: int
    currency: str
    reason_code: str
    entered_on: date
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentChargebackReversed:
    """Money in again: a dispute gave back what it took, in whole or in part."""

    paytrace_transaction_id: str
    settlement_account: str
    dispute_id: str
    raw_stage: str
    previous_minor: int
    amount_minor: int
    currency: str
    reason_code: str
    entered_on: date
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentStatusUnrecognized:
    """The latest observation can't be read as money or as no money; it counts as neither, and waits."""

    paytrace_transaction_id: str
    raw_kind: str
    raw_status: str
    reason: UnrecognizedReason = UnrecognizedReason.UNKNOWN
    detail: str | None = None
    raw_amount: str | None = None
    amount_minor: int | None = None
    currency: str = ""
    kind: TransactionKind = TransactionKind.UNKNOWN
    method: PaymentMethod = PaymentMethod.UNKNOWN
    merchant: str = ""
    invoice_number: str | None = None
    vault_customer_id: str | None = None
    card_last_four: str | None = None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentStatusRecognized:
    """An observation as late as this could be read; what was unrecognized before it waits no more."""

    paytrace_transaction_id: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentContradicted:
    """Sightings that cannot both be true, for a person to look at."""

    paytrace_transaction_id: str
    detail: str
    occurred_at: datetime
