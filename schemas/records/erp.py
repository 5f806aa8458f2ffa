"""Records of the ERP sink: commands to abas and what abas made of them.

Field for field like schemas/avro/erp/*.avsc; tests/catalog holds the two together.
Meaning, unit and source of each field stand in the .avsc, so that every language reads the same words.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from schemas.records.payments import PaymentMethod


class ReversalReason(StrEnum):
    """Why a posted cash receipt is taken back."""

    UNKNOWN = "UNKNOWN"
    VOID = "VOID"
    ACH_RETURN = "ACH_RETURN"
    REFUND = "REFUND"
    CORRECTION = "CORRECTION"


@dataclass(frozen=True, slots=True, kw_only=True)
class PostCashReceipt:
    """Command: post a cash receipt for an open item. Key: abas_customer_id."""

    posting_reference: str
    paytrace_transaction_id: str
    abas_customer_id: str
    abas_open_item_id: str
    invoice_number: str
    amount_minor: int
    currency: str
    method: PaymentMethod
    value_on: date
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReverseCashReceipt:
    """Command: take back a posted cash receipt, in part or in whole. Key: abas_customer_id."""

    posting_reference: str
    paytrace_transaction_id: str
    abas_customer_id: str
    reverses_reference: str
    abas_open_item_id: str
    invoice_number: str
    amount_minor: int
    currency: str
    method: PaymentMethod
    reason: ReversalReason
    value_on: date
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PostOnAccountReceipt:
    """Command: post a cash receipt to the customer's account, without an open item. Key: abas_customer_id."""

    posting_reference: str
    paytrace_transaction_id: str
    abas_customer_id: str
    amount_minor: int
    currency: str
    method: PaymentMethod
    value_on: date
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PostWriteOff:
    """Command: write off what is left of a paid open item. Key: abas_customer_id."""

    posting_reference: str
    paytrace_transaction_id: str
    abas_customer_id: str
    abas_open_item_id: str
    invoice_number: str
    amount_minor: int
    currency: str
    value_on: date
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReverseWriteOff:
    """Command: take back a posted write-off. Key: abas_customer_id."""

    posting_reference: str
    paytrace_transaction_id: str
    abas_customer_id: str
    reverses_reference: str
    abas_open_item_id: str
    invoice_number: str
    amount_minor: int
    currency: str
    value_on: date
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CashReceiptPosted:
    """Outcome: abas holds this cash receipt, once."""

    posting_reference: str
    paytrace_transaction_id: str
    abas_customer_id: str
    amount_minor: int
    currency: str
    abas_document_id: str
    abas_document_number: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CashReceiptReversed:
    """Outcome: abas holds this reversal, once."""

    posting_reference: str
    paytrace_transaction_id: str
    abas_customer_id: str
    reverses_reference: str
    amount_minor: int
    currency: str
    abas_document_id: str
    abas_document_number: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOffPosted:
    """Outcome: abas holds this write-off, once."""

    posting_reference: str
    paytrace_transaction_id: str
    abas_customer_id: str
    amount_minor: int
    currency: str
    abas_document_id: str
    abas_document_number: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOffReversed:
    """Outcome: abas holds the document that takes a write-off back, once."""

    posting_reference: str
    paytrace_transaction_id: str
    abas_customer_id: str
    reverses_reference: str
    amount_minor: int
    currency: str
    abas_document_id: str
    abas_document_number: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PostingRefused:
    """Outcome: abas said no; a fact, not a failure."""

    posting_reference: str
    paytrace_transaction_id: str
    abas_customer_id: str
    amount_minor: int
    currency: str
    code: str
    message: str
    field_name: str | None = None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PostOnAccountRefund:
    """Command: post a refund to the customer's account; it takes no receipt back. Key: abas_customer_id."""

    posting_reference: str
    paytrace_transaction_id: str
    abas_customer_id: str
    amount_minor: int
    currency: str
    method: PaymentMethod
    value_on: date
    occurred_at: datetime


class ClaimStage(StrEnum):
    """What became of a claim, by the process that claimed."""

    UNKNOWN = "UNKNOWN"
    CLAIMED = "CLAIMED"
    WITHDRAWN = "WITHDRAWN"
    SAVED = "SAVED"


@dataclass(frozen=True, slots=True, kw_only=True)
class PostingClaimed:
    """A process is about to save a document in the ERP, or tells what became of such a claim of its own."""

    posting_reference: str
    abas_customer_id: str
    claim_id: str
    permit: str
    stage: ClaimStage
    claimed_by: str
    occurred_at: datetime
