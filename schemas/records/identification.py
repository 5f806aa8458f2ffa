"""Records of the identification context: whose money is it?

Field for field like schemas/avro/identification/*.avsc; tests/catalog holds the two together.
Meaning, unit and source of each field stand in the .avsc, so that every language reads the same words.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from schemas.records.payments import PaymentMethod


class Movement(StrEnum):
    """A change of money on one transaction, as identification and receivables see it."""

    UNKNOWN = "UNKNOWN"
    CAPTURED = "CAPTURED"
    AMOUNT_INCREASED = "AMOUNT_INCREASED"
    AMOUNT_DECREASED = "AMOUNT_DECREASED"
    VOIDED = "VOIDED"
    RETURNED = "RETURNED"
    REFUNDED = "REFUNDED"
    REFUND_VOIDED = "REFUND_VOIDED"


class WaitingReason(StrEnum):
    """Why money is not posted yet; one reason at a time, the detail says the rest."""

    UNKNOWN = "UNKNOWN"
    NO_REFERENCE = "NO_REFERENCE"
    REFERENCE_UNKNOWN = "REFERENCE_UNKNOWN"
    REFERENCE_AMBIGUOUS = "REFERENCE_AMBIGUOUS"
    NO_OPEN_ITEM = "NO_OPEN_ITEM"
    AMOUNT_DIFFERS = "AMOUNT_DIFFERS"
    SEVERAL_OPEN_ITEMS = "SEVERAL_OPEN_ITEMS"
    CURRENCY_DIFFERS = "CURRENCY_DIFFERS"
    RULED_OUT_BY_PERSON = "RULED_OUT_BY_PERSON"
    RECEIPT_NOT_POSTED = "RECEIPT_NOT_POSTED"
    REFUND_WITHOUT_PAYMENT = "REFUND_WITHOUT_PAYMENT"
    AMOUNT_INCREASED_AFTER_POSTING = "AMOUNT_INCREASED_AFTER_POSTING"
    POSTING_REFUSED = "POSTING_REFUSED"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentToIdentify:
    """Whose money is this? Key: the first of the tokens still to try."""

    movement_id: str
    paytrace_transaction_id: str
    movement: Movement
    amount_minor: int
    currency: str
    method: PaymentMethod
    invoice_number: str | None = None
    vault_customer_id: str | None = None
    tokens: tuple[str, ...]
    value_on: date | None = None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenItemReferenced:
    """An abas open item carries this reference. Key: token."""

    token: str
    abas_customer_id: str
    abas_open_item_id: str
    observed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerReferenced:
    """An abas customer is known by this reference. Key: token."""

    token: str
    abas_customer_id: str
    observed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceLearned:
    """This token stands for this abas customer."""

    token: str
    abas_customer_id: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentPassedOn:
    """A reference was asked and says who it stands for; the payment decides. Key: payment_token."""

    movement_id: str
    paytrace_transaction_id: str
    movement: Movement
    amount_minor: int
    currency: str
    method: PaymentMethod
    invoice_number: str | None = None
    vault_customer_id: str | None = None
    payment_token: str
    tokens: tuple[str, ...]
    token: str
    abas_customer_ids: tuple[str, ...]
    value_on: date | None = None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentAwaitsReference:
    """No token of the payment names one customer: the money waits."""

    movement_id: str
    paytrace_transaction_id: str
    movement: Movement
    amount_minor: int
    currency: str
    method: PaymentMethod
    invoice_number: str | None = None
    vault_customer_id: str | None = None
    token: str
    reason: WaitingReason
    detail: str
    value_on: date | None = None
    tokens: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentIdentified:
    """The payer is known. Journal event of identification and input of receivables."""

    movement_id: str
    paytrace_transaction_id: str
    movement: Movement
    amount_minor: int
    currency: str
    method: PaymentMethod
    invoice_number: str | None = None
    vault_customer_id: str | None = None
    abas_customer_id: str
    identified_by: str
    value_on: date | None = None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceAsked:
    """A payment asks who is known by this reference. Key: token."""

    token: str
    payment_token: str
    paytrace_transaction_id: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceAnswered:
    """Who is known by this reference, for a payment that asked. Key: payment_token."""

    payment_token: str
    paytrace_transaction_id: str
    token: str
    abas_customer_ids: tuple[str, ...]
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignCustomer:
    """Command of a person: this payment is that customer's. Key: payment_token."""

    command_id: str
    payment_token: str
    paytrace_transaction_id: str
    abas_customer_id: str
    decided_by: str
    authenticated_by: str = ""
    approved_by: str | None = None
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RememberReference:
    """Command of a person: this reference stands for that customer, whatever abas says. Key: token."""

    command_id: str
    token: str
    abas_customer_id: str
    decided_by: str
    authenticated_by: str = ""
    approved_by: str | None = None
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetReference:
    """Command of a person: what was remembered of this reference no longer counts. Key: token."""

    command_id: str
    token: str
    decided_by: str
    authenticated_by: str = ""
    approved_by: str | None = None
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceRemembered:
    """By a person's decision this token stands for this abas customer alone."""

    token: str
    abas_customer_id: str
    decided_by: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceForgotten:
    """A person's decision about this token no longer counts; what abas says counts again."""

    token: str
    abas_customer_id: str
    decided_by: str
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceAnswerRecorded:
    """A payment that waits heard who is known by one of its references."""

    payment_token: str
    paytrace_transaction_id: str
    token: str
    abas_customer_ids: tuple[str, ...]
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentificationReviewed:
    """A reference of higher priority answered after the payment was identified."""

    payment_token: str
    paytrace_transaction_id: str
    abas_customer_id: str
    identified_by: str
    token: str
    abas_customer_ids: tuple[str, ...]
    agrees: bool
    detail: str
    occurred_at: datetime
