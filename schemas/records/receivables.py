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


class Decision(StrEnum):
    """What a person decides about money that waits or was matched."""

    UNKNOWN = "UNKNOWN"
    CONFIRM = "CONFIRM"
    REJECT = "REJECT"
    SPLIT = "SPLIT"
    WRITE_OFF = "WRITE_OFF"
    ON_ACCOUNT = "ON_ACCOUNT"
    UNMATCH = "UNMATCH"
    POST_AGAIN = "POST_AGAIN"
    UNDO_WRITE_OFF = "UNDO_WRITE_OFF"
    ASSIGN_CUSTOMER = "ASSIGN_CUSTOMER"
    REASSIGN = "REASSIGN"
    REMEMBER = "REMEMBER"
    FORGET = "FORGET"
    MATCH_REFUND = "MATCH_REFUND"
    REFUND_ON_ACCOUNT = "REFUND_ON_ACCOUNT"
    HAND_OVER = "HAND_OVER"


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
    value_on: date | None = None
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
    differs: tuple[str, ...] = ()
    score_hundredths: int = 0
    runner_up: str = ""
    runner_up_distance_hundredths: int = 0
    decided_by: str | None = None


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
    value_on: date | None = None
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


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchSuggested:
    """One suggestion for a receipt that waits: the money may belong to these open items, and a person decides."""

    posting_reference: str
    paytrace_transaction_id: str
    abas_customer_id: str
    amount_minor: int
    currency: str
    suggestion_number: int
    suggestion_count: int
    abas_open_item_ids: tuple[str, ...]
    invoice_numbers: tuple[str, ...]
    part_amounts: tuple[int, ...]
    open_amounts: tuple[int, ...] = ()
    kind: str = ""
    rule: str
    rule_version: int
    score_hundredths: int
    margin_hundredths: int
    agrees: tuple[str, ...]
    differs: tuple[str, ...]
    occurred_at: datetime
    suggestion_code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntrySplit:
    """A receipt or reversal is divided; its parts follow at once and take its place."""

    posting_reference: str
    paytrace_transaction_id: str
    abas_customer_id: str
    direction: EntryDirection
    amount_minor: int
    currency: str
    part_references: tuple[str, ...]
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryPartMade:
    """A part of a divided entry: a document of its own."""

    posting_reference: str
    split_from: str
    paytrace_transaction_id: str
    abas_customer_id: str
    direction: EntryDirection
    amount_minor: int
    currency: str
    takes_back: str | None = None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryPutOnAccount:
    """A receipt or a refund goes to the customer's account, without an open item."""

    posting_reference: str
    paytrace_transaction_id: str
    abas_customer_id: str
    amount_minor: int
    currency: str
    decided_by: str
    direction: EntryDirection = EntryDirection.RECEIPT
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryUnmatched:
    """A match is dissolved: of a posted receipt by a reversal, behind which the money waits again."""

    posting_reference: str
    paytrace_transaction_id: str
    abas_customer_id: str
    abas_open_item_id: str | None = None
    amount_minor: int
    currency: str
    reversal_reference: str | None = None
    released_reference: str | None = None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RestWriteOffRequested:
    """What is left of a paid open item is given up; abas is asked to post it."""

    posting_reference: str
    paytrace_transaction_id: str
    abas_customer_id: str
    abas_open_item_id: str
    invoice_number: str
    amount_minor: int
    currency: str
    decided_by: str
    reason: str
    value_on: date | None = None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RestWrittenOff:
    """abas holds the write-off."""

    posting_reference: str
    paytrace_transaction_id: str
    abas_customer_id: str
    abas_open_item_id: str
    amount_minor: int
    currency: str
    abas_document_id: str
    abas_document_number: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RestWriteOffRefused:
    """abas refused the write-off; the rest stays open."""

    posting_reference: str
    paytrace_transaction_id: str
    abas_customer_id: str
    abas_open_item_id: str
    amount_minor: int
    currency: str
    detail: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RestWriteOffReversalRequested:
    """A write-off was wrong; abas is asked to take it back."""

    posting_reference: str
    paytrace_transaction_id: str
    abas_customer_id: str
    reverses_reference: str
    abas_open_item_id: str
    invoice_number: str
    amount_minor: int
    currency: str
    decided_by: str
    reason: str
    value_on: date | None = None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RestWriteOffReversed:
    """abas holds the document that takes the write-off back; the rest is open again."""

    posting_reference: str
    paytrace_transaction_id: str
    abas_customer_id: str
    reverses_reference: str
    abas_open_item_id: str
    amount_minor: int
    currency: str
    abas_document_id: str
    abas_document_number: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RestWriteOffReversalRefused:
    """abas refused to take the write-off back; it stands."""

    posting_reference: str
    paytrace_transaction_id: str
    abas_customer_id: str
    reverses_reference: str
    abas_open_item_id: str
    amount_minor: int
    currency: str
    detail: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmMatch:
    """Command of a person: take this suggestion, as it was shown. Key: abas_customer_id."""

    command_id: str
    abas_customer_id: str
    posting_reference: str
    abas_open_item_ids: tuple[str, ...]
    part_amounts: tuple[int, ...] = ()
    currency: str | None = None
    suggestion_code: str = ""
    decided_by: str
    authenticated_by: str = ""
    approved_by: str | None = None
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectMatch:
    """Command of a person: never suggest these open items for this payment again. Key: abas_customer_id."""

    command_id: str
    abas_customer_id: str
    posting_reference: str
    abas_open_item_ids: tuple[str, ...]
    suggestion_code: str = ""
    decided_by: str
    authenticated_by: str = ""
    approved_by: str | None = None
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitEntry:
    """Command of a person: divide a receipt by amounts over open items. Key: abas_customer_id."""

    command_id: str
    abas_customer_id: str
    posting_reference: str
    abas_open_item_ids: tuple[str, ...]
    part_amounts: tuple[int, ...]
    currency: str
    decided_by: str
    authenticated_by: str = ""
    approved_by: str | None = None
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOffRest:
    """Command of a person: give up what is left of a paid open item, within the limit. Key: abas_customer_id."""

    command_id: str
    abas_customer_id: str
    abas_open_item_id: str
    amount_minor: int | None = None
    currency: str
    decided_by: str
    authenticated_by: str = ""
    approved_by: str | None = None
    reason: str
    decided_on: date | None = None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PutOnAccount:
    """Command of a person: post a receipt without an open item. Key: abas_customer_id."""

    command_id: str
    abas_customer_id: str
    posting_reference: str
    amount_minor: int | None = None
    currency: str | None = None
    decided_by: str
    authenticated_by: str = ""
    approved_by: str | None = None
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UnmatchEntry:
    """Command of a person: this match was wrong, the money waits again. Key: abas_customer_id."""

    command_id: str
    abas_customer_id: str
    posting_reference: str
    decided_by: str
    authenticated_by: str = ""
    approved_by: str | None = None
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PostAgain:
    """Command of a person: what abas refused fits now, ask for the same document again. Key: abas_customer_id."""

    command_id: str
    abas_customer_id: str
    posting_reference: str
    amount_minor: int | None = None
    currency: str | None = None
    decided_by: str
    authenticated_by: str = ""
    approved_by: str | None = None
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoWriteOff:
    """Command of a person: this write-off was wrong, the rest is open again. Key: abas_customer_id."""

    command_id: str
    abas_customer_id: str
    posting_reference: str
    decided_by: str
    authenticated_by: str = ""
    approved_by: str | None = None
    reason: str
    decided_on: date | None = None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionTaken:
    """A person's command was carried out; what followed from it stands behind it."""

    command_id: str
    abas_customer_id: str
    decision: Decision
    posting_reference: str
    abas_open_item_ids: tuple[str, ...]
    decided_by: str
    authenticated_by: str = ""
    approved_by: str | None = None
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRefused:
    """A person's command was not carried out; nothing else happened."""

    command_id: str
    abas_customer_id: str
    decision: Decision
    posting_reference: str
    abas_open_item_ids: tuple[str, ...]
    decided_by: str
    authenticated_by: str = ""
    approved_by: str | None = None
    reason: str
    refused_because: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReassignPayment:
    """Command of a person: this payment belongs to another customer. Key: abas_customer_id."""

    command_id: str
    abas_customer_id: str
    paytrace_transaction_id: str
    to_customer_id: str
    decided_by: str
    authenticated_by: str = ""
    approved_by: str | None = None
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentReassigned:
    """All money of this payment goes to another customer, also what moves later."""

    abas_customer_id: str
    paytrace_transaction_id: str
    to_customer_id: str
    command_id: str
    decided_by: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryMoved:
    """An entry that is not in abas goes from one customer to another. Key: abas_customer_id."""

    abas_customer_id: str
    from_customer_id: str
    to_customer_id: str
    command_id: str
    posting_reference: str
    kind: str
    paytrace_transaction_id: str
    payment_id: str | None = None
    direction: EntryDirection
    amount_minor: int
    currency: str
    method: PaymentMethod
    invoice_number: str | None = None
    takes_back: str | None = None
    money_at: datetime
    value_on: date | None = None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchRefund:
    """Command of a person: this refund takes that payment back. Key: abas_customer_id."""

    command_id: str
    abas_customer_id: str
    posting_reference: str
    payment_id: str
    amount_minor: int | None = None
    currency: str | None = None
    decided_by: str
    authenticated_by: str = ""
    approved_by: str | None = None
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PutRefundOnAccount:
    """Command of a person: post a refund to the customer's account, without a payment. Key: abas_customer_id."""

    command_id: str
    abas_customer_id: str
    posting_reference: str
    amount_minor: int | None = None
    currency: str | None = None
    decided_by: str
    authenticated_by: str = ""
    approved_by: str | None = None
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HandToFinance:
    """Command of a person: finance books this reversal outside of Saldo. Key: abas_customer_id."""

    command_id: str
    abas_customer_id: str
    posting_reference: str
    amount_minor: int | None = None
    currency: str | None = None
    decided_by: str
    authenticated_by: str = ""
    approved_by: str | None = None
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryHandedOver:
    """A reversal is finance's business from now on."""

    posting_reference: str
    paytrace_transaction_id: str
    abas_customer_id: str
    direction: EntryDirection
    amount_minor: int
    currency: str
    decided_by: str
    reason: str
    occurred_at: datetime
