"""Records of the settlement context: what PayTrace settles, what the bank pays out, and what lies between.

Field for field like schemas/avro/settlement/*.avsc; tests/catalog holds the two together.
Meaning, unit and source of each field stand in the .avsc, so that every language reads the same words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from schemas.records.identification import Movement
from schemas.records.payments import PaymentMethod


class BankDirection(StrEnum):
    """CREDIT is money into the deposit account, DEBIT money out of it."""

    UNKNOWN = "UNKNOWN"
    CREDIT = "CREDIT"
    DEBIT = "DEBIT"


class ProcessorEntryKind(StrEnum):
    """What the processor took or gave besides payments; UNKNOWN keeps raw_kind and is never money."""

    UNKNOWN = "UNKNOWN"
    FEE = "FEE"
    RESERVE_HELD = "RESERVE_HELD"
    RESERVE_RELEASED = "RESERVE_RELEASED"


class DisputeStage(StrEnum):
    """Where a dispute stands. A retrieval request moves no money, and UNKNOWN, which keeps raw_stage, neither."""

    UNKNOWN = "UNKNOWN"
    RETRIEVAL = "RETRIEVAL"
    CHARGED_BACK = "CHARGED_BACK"
    CHARGEBACK_REVERSED = "CHARGEBACK_REVERSED"


class SettlementLineKind(StrEnum):
    """What a line does to the money between the gateway and the bank. DEPOSITED and WITHDRAWN are bank lines."""

    UNKNOWN = "UNKNOWN"
    CAPTURED = "CAPTURED"
    AMOUNT_INCREASED = "AMOUNT_INCREASED"
    AMOUNT_DECREASED = "AMOUNT_DECREASED"
    VOIDED = "VOIDED"
    RETURNED = "RETURNED"
    REFUNDED = "REFUNDED"
    REFUND_VOIDED = "REFUND_VOIDED"
    CHARGED_BACK = "CHARGED_BACK"
    CHARGEBACK_REVERSED = "CHARGEBACK_REVERSED"
    FEE = "FEE"
    RESERVE_HELD = "RESERVE_HELD"
    RESERVE_RELEASED = "RESERVE_RELEASED"
    DEPOSITED = "DEPOSITED"
    WITHDRAWN = "WITHDRAWN"


class BreakReason(StrEnum):
    """Why nothing explains a bank line; one reason at a time, the detail says the rest."""

    UNKNOWN = "UNKNOWN"
    NO_RECORDS = "NO_RECORDS"
    BATCH_UNKNOWN = "BATCH_UNKNOWN"
    BATCH_INCOMPLETE = "BATCH_INCOMPLETE"
    DIFFERENCE_IS_NO_FEE = "DIFFERENCE_IS_NO_FEE"
    SEVERAL_WAYS = "SEVERAL_WAYS"
    REJECTED = "REJECTED"
    TOO_MANY_LINES = "TOO_MANY_LINES"
    NOTHING_NEAR = "NOTHING_NEAR"


class SettlementRequest(StrEnum):
    """What an operator asked for."""

    UNKNOWN = "UNKNOWN"
    CONFIRM_MATCH = "CONFIRM_MATCH"
    REJECT_MATCH = "REJECT_MATCH"
    UNMATCH = "UNMATCH"
    DISMISS_LINE = "DISMISS_LINE"
    ACCEPT_FEES = "ACCEPT_FEES"


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementBatchObserved:
    """A settlement batch as PayTrace shows it now, compared with the transactions that it lists."""

    settlement_account: str
    batch_id: str
    merchant: str
    batch_number: int
    settled_on: date
    settled_at: datetime
    raw_settled: str
    net_minor: int
    sales_minor: int | None = None
    refund_minor: int | None = None
    currency: str
    transaction_count: int | None = None
    sales_count: int | None = None
    refund_count: int | None = None
    listed_net_minor: int | None = None
    listed_count: int | None = None
    is_consistent: bool | None = None
    mismatch: str
    observed_at: datetime
    raw: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneySettled:
    """Money of one transaction that PayTrace has settled, so that the bank must pay it out or take it back."""

    settlement_account: str
    line_id: str
    paytrace_transaction_id: str
    movement: Movement
    amount_minor: int
    currency: str
    method: PaymentMethod
    batch_number: int | None = None
    settled_at: datetime
    moved_on: date | None = None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BankLineObserved:
    """A line of the bank statement of the account that deposits go to."""

    settlement_account: str
    bank_line_id: str
    direction: BankDirection
    raw_direction: str
    amount_minor: int
    currency: str
    booked_on: date
    value_on: date | None = None
    batch_number: int | None = None
    text: str
    bank_reference: str
    statement: str
    observed_at: datetime
    raw: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BankStatementEnded:
    """A bank statement was read up to this day: what the bank booked until then is known."""

    settlement_account: str
    through_on: date
    line_count: int
    statement: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessorEntryObserved:
    """A fee or reserve as the processor's statement shows it; PayTrace shows none."""

    settlement_account: str
    entry_id: str
    kind: ProcessorEntryKind
    raw_kind: str
    amount_minor: int
    currency: str
    entered_on: date
    batch_number: int | None = None
    observed_at: datetime
    raw: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeObserved:
    """A dispute as the processor's statement or portal shows it; PayTrace shows none."""

    settlement_account: str
    dispute_id: str
    stage: DisputeStage
    raw_stage: str
    paytrace_transaction_id: str | None = None
    amount_minor: int
    currency: str
    reason_code: str
    entered_on: date
    observed_at: datetime
    raw: str
    sequence: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CardTypeObserved:
    """The card type of a transaction, which decides its fee; PayTrace's export shows none."""

    settlement_account: str
    paytrace_transaction_id: str
    card_type: str
    observed_at: datetime
    raw: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmDepositMatch:
    """Operator command: this bank line pays out these lines, whatever the rules say."""

    settlement_account: str
    bank_line_id: str
    line_ids: tuple[str, ...]
    suggestion_code: str = ""
    requested_by: str
    authenticated_by: str = ""
    approved_by: str | None = None
    reason: str
    requested_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectDepositMatch:
    """Operator command: what is suggested for this bank line is wrong."""

    settlement_account: str
    bank_line_id: str
    line_ids: tuple[str, ...] = ()
    suggestion_code: str = ""
    requested_by: str
    authenticated_by: str = ""
    approved_by: str | None = None
    reason: str
    requested_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class UnmatchDeposit:
    """Operator command: take a match apart; its lines are open again."""

    settlement_account: str
    bank_line_id: str
    requested_by: str
    authenticated_by: str = ""
    approved_by: str | None = None
    reason: str
    requested_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DismissBankLine:
    """Operator command: this bank line is no business of the merchant account."""

    settlement_account: str
    bank_line_id: str
    requested_by: str
    authenticated_by: str = ""
    approved_by: str | None = None
    reason: str
    requested_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptFeeSchedule:
    """Operator command: from now on this proposed schedule explains fees."""

    settlement_account: str
    version: int
    requested_by: str
    authenticated_by: str = ""
    approved_by: str | None = None
    reason: str
    requested_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementLineRecorded:
    """A line entered the books between gateway and bank, once."""

    settlement_account: str
    line_id: str
    kind: SettlementLineKind
    amount_minor: int
    currency: str
    moved_on: date
    book_on: date
    card_type: str
    batch_number: int | None = None
    settled_at: datetime | None = None
    paytrace_transaction_id: str | None = None
    text: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementLineRefused:
    """A line does not count: too old to tell whether it was here before, or its id was used for another line."""

    settlement_account: str
    line_id: str
    kind: SettlementLineKind
    amount_minor: int
    currency: str
    moved_on: date
    oldest_on: date
    occurred_at: datetime
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeRecorded:
    """A fact of a dispute was recorded: what it took or gave back, and what the dispute takes now."""

    settlement_account: str
    dispute_id: str
    stage: DisputeStage
    raw_stage: str
    sequence: int | None = None
    named_transaction_id: str | None = None
    amount_minor: int
    previous_minor: int
    charged_back_minor: int
    previous_transaction_id: str | None = None
    paytrace_transaction_id: str | None = None
    currency: str
    reason_code: str
    entered_on: date
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementBatchRecorded:
    """A settlement batch is new or has changed."""

    settlement_account: str
    batch_id: str
    batch_number: int
    settled_on: date
    settled_at: datetime
    net_minor: int
    currency: str
    is_consistent: bool | None = None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CardTypeRecorded:
    """The card type of an open line is known."""

    settlement_account: str
    paytrace_transaction_id: str
    card_type: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositMatched:
    """A bank line is explained: what it pays out and what was kept as fee."""

    settlement_account: str
    bank_line_id: str
    line_ids: tuple[str, ...]
    records_minor: int
    deposit_minor: int
    fee_minor: int
    expected_fee_minor: int
    currency: str
    schedule_version: str
    rule: str
    rule_version: int
    evidence: tuple[str, ...]
    matched_by: str
    authenticated_by: str = ""
    approved_by: str | None = None
    reason: str
    book_on: date
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositMatchSuggested:
    """What a bank line may pay out, not surely enough: waits for an operator."""

    settlement_account: str
    bank_line_id: str
    line_ids: tuple[str, ...]
    records_minor: int
    deposit_minor: int
    fee_minor: int
    expected_fee_minor: int
    currency: str
    schedule_version: str
    rule: str
    rule_version: int
    evidence: tuple[str, ...]
    book_on: date
    occurred_at: datetime
    suggestion_code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositBreakFound:
    """A bank line that nothing explains yet."""

    settlement_account: str
    bank_line_id: str
    reason: BreakReason
    detail: str
    deposit_minor: int
    difference_minor: int
    open_count: int
    open_minor: int
    currency: str
    book_on: date
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositMissing:
    """Lines for which no bank line has come in the time that one takes."""

    settlement_account: str
    batch_id: str
    moved_on: date
    line_ids: tuple[str, ...]
    line_count: int
    open_minor: int
    currency: str
    book_on: date
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementLinesSetAside:
    """Lines overdue for so long that no rule asks about them any more; they stay open."""

    settlement_account: str
    line_count: int
    open_minor: int
    currency: str
    book_on: date
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositMatchRejected:
    """An operator turned down what was suggested."""

    settlement_account: str
    bank_line_id: str
    line_ids: tuple[str, ...]
    requested_by: str
    authenticated_by: str = ""
    approved_by: str | None = None
    reason: str
    book_on: date
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositUnmatched:
    """An operator took a match apart: its lines are open again."""

    settlement_account: str
    bank_line_id: str
    line_ids: tuple[str, ...]
    fee_minor: int
    currency: str
    requested_by: str
    authenticated_by: str = ""
    approved_by: str | None = None
    reason: str
    book_on: date
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BankLineDismissed:
    """An operator declared a bank line to be no business of the merchant account."""

    settlement_account: str
    bank_line_id: str
    deposit_minor: int
    currency: str
    requested_by: str
    authenticated_by: str = ""
    approved_by: str | None = None
    reason: str
    book_on: date
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementRequestRefused:
    """An operator's request could not be done; nothing changed."""

    settlement_account: str
    request: SettlementRequest
    subject: str
    refusal: str
    requested_by: str
    authenticated_by: str = ""
    approved_by: str | None = None
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeScheduleProposed:
    """Past batches suggest this fee schedule; it counts once an operator accepts it."""

    settlement_account: str
    version: int
    rate_bps_by_card_type: Mapping[str, int]
    per_item_by_card_type: Mapping[str, int]
    per_batch_minor: int
    tolerance_fixed_minor: int
    tolerance_per_item_hundredths: int
    currency: str
    batch_count: int
    explained_count: int
    worst_difference_minor: int
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeScheduleAccepted:
    """An operator accepted a fee schedule."""

    settlement_account: str
    version: int
    rate_bps_by_card_type: Mapping[str, int]
    per_item_by_card_type: Mapping[str, int]
    per_batch_minor: int
    tolerance_fixed_minor: int
    tolerance_per_item_hundredths: int
    currency: str
    batch_count: int
    explained_count: int
    worst_difference_minor: int
    requested_by: str
    authenticated_by: str = ""
    approved_by: str | None = None
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementDayStated:
    """The bridge of one day at its end, and again when its standing changes."""

    settlement_account: str
    book_on: date
    is_closed: bool
    currency: str
    opening_minor: int
    new_by_kind: Mapping[str, int]
    deposited_minor: int
    fee_minor: int
    dismissed_minor: int
    closing_minor: int
    in_transit_minor: int
    unexplained_minor: int
    residual_minor: int
    open_bank_line_ids: tuple[str, ...]
    overdue_count: int
    occurred_at: datetime
