"""fct_settlement_lines: each line between gateway and bank, once, with the day of the bridge on which it counts."""

from __future__ import annotations

from typing import Any

from projections.messages.coordinates import Coordinates
from projections.tables.money import settlement_sign, settlement_term
from projections.tables.table import Row, Table
from schemas.records.settlement import SettlementLineRecorded


def project(record: Any, at: Coordinates) -> tuple[Row, ...]:
    """One row for each SettlementLineRecorded."""
    if not isinstance(record, SettlementLineRecorded):
        return ()
    return (
        {
            "settlement_account": record.settlement_account,
            "line_id": record.line_id,
            "kind": record.kind.value,
            "term": settlement_term(record.kind),
            "signed_minor": settlement_sign(record.kind) * record.amount_minor,
            "currency": record.currency,
            "moved_on": record.moved_on,
            "book_on": record.book_on,
            "card_type": record.card_type,
            "batch_number": record.batch_number,
            "paytrace_transaction_id": record.paytrace_transaction_id or "",
            "text": record.text,
            "occurred_at": record.occurred_at,
        },
    )


TABLE = Table(
    name="fct_settlement_lines",
    own_columns=(
        "settlement_account",
        "line_id",
        "kind",
        "term",
        "signed_minor",
        "currency",
        "moved_on",
        "book_on",
        "card_type",
        "batch_number",
        "paytrace_transaction_id",
        "text",
        "occurred_at",
    ),
    reads=(SettlementLineRecorded,),
    project=project,
)
