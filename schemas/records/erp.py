"""Records of the ERP sink: commands to abas and what abas made of them.

Field for field like schemas/avro/erp/*.avsc; tests/catalog holds the two together.
Meaning, unit and source of each field stand in the .avsc, so that every language reads the same words.
"""

from __future__ import annotations

from collections.abc import Mapping
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
    subject: str
    claim_id: str
    permit: str
    stage: ClaimStage
    claimed_by: str
    occurred_at: datetime


class Side(StrEnum):
    """Which side of the account."""

    UNKNOWN = "UNKNOWN"
    DEBIT = "DEBIT"
    CREDIT = "CREDIT"


class SubjectKind(StrEnum):
    """Whose document it is."""

    UNKNOWN = "UNKNOWN"
    CUSTOMER = "CUSTOMER"
    ACCOUNT = "ACCOUNT"


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentLine:
    """One line of a document: an account, or the subject itself, and what it is debited or credited with."""

    role: str
    account: str
    side: Side
    amount_minor: int
    currency: str
    open_item: str | None = None
    cost_centre: str | None = None
    tax_code: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordRow:
    """One row of a record, such as a position of a sales order."""

    row_key: str
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PostDocument:
    """Command: make the ERP hold this document once. Key: subject."""

    kind: str
    posting_reference: str
    reverses_reference: str | None = None
    subject_kind: SubjectKind
    subject: str
    values: Mapping[str, str]
    text: str | None = None
    lines: tuple[DocumentLine, ...]
    mapping_version: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveRecord:
    """Command: make the ERP hold this master data or business paper with these values. Key: subject."""

    kind: str
    natural_key: str
    subject: str
    values: Mapping[str, str]
    rows: tuple[RecordRow, ...]
    expected_version: int | None = None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentPosted:
    """Outcome: the ERP holds this document, once."""

    kind: str
    posting_reference: str
    reverses_reference: str | None = None
    subject_kind: SubjectKind
    subject: str
    document_id: str
    document_number: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentRefused:
    """Outcome: the ERP said no; a fact, not a failure."""

    kind: str
    posting_reference: str
    subject_kind: SubjectKind
    subject: str
    code: str
    message: str
    field_name: str | None = None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordSaved:
    """Outcome: the ERP holds this record with the values of the command."""

    kind: str
    natural_key: str
    subject: str
    erp_id: str
    erp_number: str
    erp_version: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordRefused:
    """Outcome: the ERP said no to a record, or holds another version than the change was decided on."""

    kind: str
    natural_key: str
    subject: str
    code: str
    message: str
    field_name: str | None = None
    occurred_at: datetime
