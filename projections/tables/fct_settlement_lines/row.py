"""fct_settlement_lines: each line between gateway and bank, once, with the day of the bridge on which it counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from projections.messages.coordinates import Coordinates
from projections.tables.columns import Number, Word
from projections.tables.money import settlement_term
from projections.tables.table import FactTable
from schemas.records.settlement import SettlementLineRecorded
from schemas.signs import settlement_sign
from schemas.topic import Topic


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementLineRow:
    """Each line between gateway and bank, once, with the day of the bridge on which it counts."""

    settlement_account: Word
    line_id: str
    kind: Word
    fee_kind: Word
    term: Word
    signed_minor: int
    tax_minor: int
    bank_fee_minor: int
    currency: Word
    moved_on: date
    book_on: date
    card_type: Word
    batch_number: Number | None
    deposit_id: str
    dispute_id: str
    paytrace_transaction_id: str
    text: str
    occurred_at: datetime


def project(record: Any, _at: Coordinates) -> tuple[SettlementLineRow, ...]:
    """Return one row for each SettlementLineRecorded."""
    return (
        SettlementLineRow(
            settlement_account=record.settlement_account,
            line_id=record.line_id,
            kind=record.kind.value,
            fee_kind=record.fee_kind,
            term=settlement_term(record.kind),
            signed_minor=settlement_sign(record.kind) * record.amount_minor,
            tax_minor=record.tax_minor,
            bank_fee_minor=record.fee_minor,
            currency=record.currency,
            moved_on=record.moved_on,
            book_on=record.book_on,
            card_type=record.card_type,
            batch_number=record.batch_number,
            deposit_id=record.deposit_id or "",
            dispute_id=record.dispute_id or "",
            paytrace_transaction_id=record.paytrace_transaction_id or "",
            text=record.text,
            occurred_at=record.occurred_at,
        ),
    )


TABLE = FactTable(
    name="fct_settlement_lines",
    row=SettlementLineRow,
    order_by=("settlement_account", "line_id"),
    reads=(SettlementLineRecorded,),
    topics=frozenset({Topic.SETTLEMENT_EVENTS}),  # the ledger's inbox has some of them again
    project=project,
)
