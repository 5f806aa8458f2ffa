"""fct_journal_lines: each line of the ledger's journal, signed, a debit above zero."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from projections.messages.coordinates import Coordinates
from projections.tables.columns import Word
from projections.tables.table import FactTable
from schemas.records.ledger import JournalEntryMade


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalLineRow:
    """Each line of the ledger's journal. Amounts are signed, a debit above zero; the lines of an entry sum to zero."""

    settlement_account: Word
    entry_id: str
    kind: Word
    about_id: str
    paytrace_transaction_id: str
    posting_reference: str
    is_asked_for: bool
    role: Word
    amount_minor: int
    currency: Word
    base_minor: int | None
    base_currency: Word
    value_on: date
    occurred_at: datetime


def project(record: Any, at: Coordinates) -> tuple[JournalLineRow, ...]:
    """Return one row for each line of a JournalEntryMade."""
    return tuple(
        JournalLineRow(
            settlement_account=record.settlement_account,
            entry_id=record.entry_id,
            kind=record.kind,
            about_id=record.about_id,
            paytrace_transaction_id=record.paytrace_transaction_id or "",
            posting_reference=record.posting_reference or "",
            is_asked_for=record.is_asked_for,
            role=line.role,
            amount_minor=line.amount_minor,
            currency=line.currency,
            base_minor=line.base_minor,
            base_currency=line.base_currency,
            value_on=record.value_on,
            occurred_at=record.occurred_at,
        )
        for line in record.lines
    )


TABLE = FactTable(
    name="fct_journal_lines",
    row=JournalLineRow,
    order_by=("settlement_account", "role", "entry_id"),
    reads=(JournalEntryMade,),
    project=project,
)
