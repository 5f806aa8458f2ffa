"""fct_suggestions: what was suggested for a receipt that waits, suggestion by suggestion.

The suggestions of one decision follow each other, the best one first, and the EntryWaiting of the receipt follows them;
so those that stand now are the last ones before the receipt's last EntryWaiting.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from projections.messages.coordinates import Coordinates
from projections.tables.columns import Number, Word
from projections.tables.table import FactTable
from schemas.records.receivables import MatchSuggested


@dataclass(frozen=True, slots=True, kw_only=True)
class SuggestionRow:
    """Each suggestion for a receipt."""

    posting_reference: str
    paytrace_transaction_id: str
    abas_customer_id: str
    amount_minor: int
    currency: Word
    suggestion_number: Number
    suggestion_count: Number
    abas_open_item_ids: tuple[str, ...]
    invoice_numbers: tuple[str, ...]
    part_amounts: Annotated[tuple[int, ...], "minor units of currency"]
    open_amounts: Annotated[tuple[int, ...], "minor units of currency"]
    suggestion_code: str
    kind: Word
    rule: Word
    rule_version: Number
    score_hundredths: Number
    margin_hundredths: Number
    agrees: tuple[str, ...]
    differs: tuple[str, ...]
    occurred_at: datetime


def project(record: Any, at: Coordinates) -> tuple[SuggestionRow, ...]:
    """Return one row for each suggestion."""
    return (
        SuggestionRow(
            posting_reference=record.posting_reference,
            paytrace_transaction_id=record.paytrace_transaction_id,
            abas_customer_id=record.abas_customer_id,
            amount_minor=record.amount_minor,
            currency=record.currency,
            suggestion_number=record.suggestion_number,
            suggestion_count=record.suggestion_count,
            abas_open_item_ids=record.abas_open_item_ids,
            invoice_numbers=record.invoice_numbers,
            part_amounts=record.part_amounts,
            open_amounts=record.open_amounts,
            suggestion_code=record.suggestion_code,
            kind=record.kind,
            rule=record.rule,
            rule_version=record.rule_version,
            score_hundredths=record.score_hundredths,
            margin_hundredths=record.margin_hundredths,
            agrees=record.agrees,
            differs=record.differs,
            occurred_at=record.occurred_at,
        ),
    )


TABLE = FactTable(
    name="fct_suggestions",
    row=SuggestionRow,
    order_by=("posting_reference",),
    reads=(MatchSuggested,),
    project=project,
)
