"""Records of the receivables context: which open item does the money clear?

Field for field like schemas/avro/receivables/*.avsc; tests/catalog holds the two together.
Meaning, unit and source of each field stand in the .avsc, so that every language reads the same words.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from schemas.records.identification import Movement, WaitingReason
from schemas.records.payments import PaymentMethod


class EntryDirection(StrEnum):
    """RECEIPT lowers what the customer owes, REVERSAL raises it again."""

    UNKNOWN = "UNKNOWN"
    RECEIPT = "RECEIPT"
    REVERSAL = "REVERSAL"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenItemObserved:
    """An open item as abas shows it now. Key: abas_customer_id."""

    abas_open_item_id: str
    abas_customer_id: str
    invoice_number: str
    amount_minor: int
    open_minor: int
    currency: str
    due_on: date | None = None
    is_open: bool
    observed_at: datetime
    raw: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenItemRecorded:
    """An open item is new or has changed."""

    abas_open_item_id: str
    abas_customer_id: str
    invoice_number: str
    amount_minor: int
    open_minor: int
    currency: str
    due_on: date | None = None
    is_open: bool
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MovementRecorded:
    """A movement of an identified payment entered this customer's entries, once."""

    movement_id: str
    paytrace_transaction_id: str
    abas_customer_id: str
    movement: Movement
    amount_minor: int
    currency: str
    method: PaymentMethod
    invoice_number: str | None = None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryWaiting:
    """Money that should be posted in abas and cannot be yet."""

    posting_reference: str
    paytrace_transaction_id: str
    abas_customer_id: str
    direction: EntryDirection
    amount_minor: int
    currency: str
    invoice_number: str | None = None
    reason: WaitingReason
    detail: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentMatched:
    """A payment belongs to an open item; the evidence says why."""

    posting_reference: str
    paytrace_transaction_id: str
    abas_customer_id: str
    abas_open_item_id: str
    amount_minor: int
    currency: str
    invoice_number: str
    rule: str
    rule_version: int
    evidence: tuple[str, ...]
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PostingRequested:
    """A command to post this entry went to the ERP sink."""

    posting_reference: str
    paytrace_transaction_id: str
    abas_customer_id: str
    direction: EntryDirection
    amount_minor: int
    currency: str
    abas_open_item_id: str | None = None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryPosted:
    """abas holds the document for this entry."""

    posting_reference: str
    paytrace_transaction_id: str
    abas_customer_id: str
    direction: EntryDirection
    amount_minor: int
    currency: str
    abas_document_id: str
    abas_document_number: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryNetted:
    """The entry and its opposite cancelled out before posting: nothing to post."""

    posting_reference: str
    paytrace_transaction_id: str
    abas_customer_id: str
    direction: EntryDirection
    amount_minor: int
    currency: str
    netted_with: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundMatched:
    """A refund belongs to a payment of the same customer."""

    posting_reference: str
    paytrace_transaction_id: str
    abas_customer_id: str
    refund_transaction_id: str
    amount_minor: int
    currency: str
    rule: str
    occurred_at: datetime
