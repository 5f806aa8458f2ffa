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
    """Nobody is known by this token; the next one is asked."""

    movement_id: str
    paytrace_transaction_id: str
    movement: Movement
    amount_minor: int
    currency: str
    method: PaymentMethod
    invoice_number: str | None = None
    vault_customer_id: str | None = None
    next_token: str
    later_tokens: tuple[str, ...] = ()
    value_on: date | None = None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentAwaitsReference:
    """Nobody is known by the last token: the money waits."""

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
