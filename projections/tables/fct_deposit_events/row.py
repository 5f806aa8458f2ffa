"""fct_deposit_events: what became of each bank line and of money that no bank line pays out, event by event."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from projections.messages.coordinates import Coordinates
from projections.tables.columns import Word
from projections.tables.table import FactTable
from schemas.records.settlement import (
    BankLineDismissed,
    BankTransferRecorded,
    DepositBreakFound,
    DepositMatched,
    DepositMatchRejected,
    DepositMatchSuggested,
    DepositMissing,
    DepositRestExplained,
    DepositRestSuggested,
    DepositUnmatched,
    SettlementLineRefused,
    SettlementLinesSetAside,
    SettlementRequestRefused,
)
from schemas.signs import settlement_sign
from schemas.topic import Topic
from schemas.values.counting import counted

DEPOSIT_EVENTS = (
    DepositMatched,
    DepositMatchSuggested,
    DepositBreakFound,
    DepositMissing,
    DepositMatchRejected,
    DepositRestSuggested,
    DepositRestExplained,
    DepositUnmatched,
    BankLineDismissed,
    BankTransferRecorded,
    SettlementRequestRefused,
    SettlementLineRefused,
    SettlementLinesSetAside,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositEventRow:
    """What became of each bank line and of money that no bank line pays out, event by event."""

    record_type: Word
    settlement_account: Word
    bank_line_id: str
    deposit_id: str
    line_ids: tuple[str, ...]
    deposit_minor: int
    fee_minor: int
    rest_minor: int
    carried_minor: int
    expected_fee_minor: int
    open_minor: int
    currency: Word
    schedule_version: Word
    rule: Word
    evidence: tuple[str, ...]
    suggestion_code: str
    reason: Word
    detail: str
    decided_by: str
    why: str
    book_on: date | None
    occurred_at: datetime


def project(record: Any, _at: Coordinates) -> tuple[DepositEventRow, ...]:
    """Return one row for each event of a bank line, of missing money, and of what was refused."""
    reason, detail, why = _words(record)
    return (
        DepositEventRow(
            record_type=type(record).__name__,
            settlement_account=record.settlement_account,
            bank_line_id=getattr(record, "bank_line_id", getattr(record, "line_id", "")),
            deposit_id=getattr(record, "deposit_id", None) or "",
            line_ids=getattr(record, "line_ids", ()),
            deposit_minor=_deposit_minor(record),
            fee_minor=getattr(record, "fee_minor", 0),
            rest_minor=getattr(record, "rest_minor", 0),
            carried_minor=getattr(record, "carried_minor", 0),
            expected_fee_minor=getattr(record, "expected_fee_minor", 0),
            open_minor=getattr(record, "difference_minor", getattr(record, "open_minor", 0)),
            currency=getattr(record, "currency", ""),
            schedule_version=getattr(record, "schedule_version", ""),
            rule=getattr(record, "rule", ""),
            evidence=getattr(record, "evidence", ()),
            suggestion_code=getattr(record, "suggestion_code", ""),
            reason=reason,
            detail=detail,
            decided_by=getattr(record, "matched_by", getattr(record, "requested_by", "")),
            why=why,
            # A refusal changes no day of the bridge.
            book_on=getattr(record, "book_on", None),
            occurred_at=record.occurred_at,
        ),
    )


def _deposit_minor(record: Any) -> int:
    """Signed amount of the bank line, or of the line that was refused."""
    if isinstance(record, SettlementLineRefused):
        return settlement_sign(record.kind) * record.amount_minor
    return int(getattr(record, "deposit_minor", 0))


def _words(record: Any) -> tuple[str, str, str]:
    """Reason and detail of a break or refusal; an operator's own words stand apart."""
    match record:
        case DepositBreakFound():
            return record.reason.value, record.detail, ""
        case DepositMissing():
            return (
                "NO_DEPOSIT",
                f"{counted(record.line_count, 'line')} of {record.moved_on} {record.batch_id}".rstrip(),
                "",
            )
        case SettlementLinesSetAside():
            return "SET_ASIDE", counted(record.line_count, "line"), ""
        case SettlementLineRefused() if record.detail:
            return "ID_USED_TWICE", f"{record.line_id} of {record.moved_on}: {record.detail}", ""
        case SettlementLineRefused():
            return "TOO_OLD", f"{record.line_id} of {record.moved_on}, oldest {record.oldest_on}", ""
        case SettlementRequestRefused():
            return record.request.value, f"{record.subject}: {record.refusal}", record.reason
        case DepositMatchSuggested() | DepositRestSuggested():
            return "", "", ""
        case _:
            return "", "", record.reason


TABLE = FactTable(
    name="fct_deposit_events",
    row=DepositEventRow,
    order_by=("settlement_account", "bank_line_id"),
    reads=DEPOSIT_EVENTS,
    topics=frozenset({Topic.SETTLEMENT_EVENTS}),
    project=project,
)
