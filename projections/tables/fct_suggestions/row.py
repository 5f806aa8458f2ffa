"""fct_suggestions: what was suggested for a receipt that waits, suggestion by suggestion.

The suggestions of one decision follow each other, the best one first, and the EntryWaiting of the receipt follows them;
so those that stand now are the last ones before the receipt's last EntryWaiting.
"""

from __future__ import annotations

from typing import Any

from projections.messages.coordinates import Coordinates
from projections.tables.table import Row, Table
from schemas.records.receivables import MatchSuggested


def project(record: Any, at: Coordinates) -> tuple[Row, ...]:
    """One row for each suggestion."""
    if not isinstance(record, MatchSuggested):
        return ()
    return (
        {
            "posting_reference": record.posting_reference,
            "paytrace_transaction_id": record.paytrace_transaction_id,
            "abas_customer_id": record.abas_customer_id,
            "amount_minor": record.amount_minor,
            "currency": record.currency,
            "suggestion_number": record.suggestion_number,
            "suggestion_count": record.suggestion_count,
            "abas_open_item_ids": list(record.abas_open_item_ids),
            "invoice_numbers": list(record.invoice_numbers),
            "part_amounts": list(record.part_amounts),
            "open_amounts": list(record.open_amounts),
            "suggestion_code": record.suggestion_code,
            "kind": record.kind,
            "rule": record.rule,
            "rule_version": record.rule_version,
            "score_hundredths": record.score_hundredths,
            "margin_hundredths": record.margin_hundredths,
            "agrees": list(record.agrees),
            "differs": list(record.differs),
            "occurred_at": record.occurred_at,
        },
    )


TABLE = Table(
    name="fct_suggestions",
    own_columns=(
        "posting_reference",
        "paytrace_transaction_id",
        "abas_customer_id",
        "amount_minor",
        "currency",
        "suggestion_number",
        "suggestion_count",
        "abas_open_item_ids",
        "invoice_numbers",
        "part_amounts",
        "open_amounts",
        "suggestion_code",
        "kind",
        "rule",
        "rule_version",
        "score_hundredths",
        "margin_hundredths",
        "agrees",
        "differs",
        "occurred_at",
    ),
    reads=(MatchSuggested,),
    project=project,
)
