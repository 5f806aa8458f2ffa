"""fct_matches: which open item each receipt was matched with, on what evidence, by which rule or person."""

from __future__ import annotations

from typing import Any

from projections.messages.coordinates import Coordinates
from projections.tables.table import Row, Table
from schemas.records.receivables import PaymentMatched


def project(record: Any, at: Coordinates) -> tuple[Row, ...]:
    """One row for each match; decided_by is empty where a rule decided."""
    if not isinstance(record, PaymentMatched):
        return ()
    return (
        {
            "posting_reference": record.posting_reference,
            "paytrace_transaction_id": record.paytrace_transaction_id,
            "abas_customer_id": record.abas_customer_id,
            "abas_open_item_id": record.abas_open_item_id,
            "invoice_number": record.invoice_number,
            "amount_minor": record.amount_minor,
            "currency": record.currency,
            "rule": record.rule,
            "rule_version": record.rule_version,
            "agrees": list(record.evidence),
            "differs": list(record.differs),
            "score_hundredths": record.score_hundredths,
            "runner_up": record.runner_up,
            "runner_up_distance_hundredths": record.runner_up_distance_hundredths,
            "decided_by": record.decided_by or "",
            "occurred_at": record.occurred_at,
        },
    )


TABLE = Table(
    name="fct_matches",
    own_columns=(
        "posting_reference",
        "paytrace_transaction_id",
        "abas_customer_id",
        "abas_open_item_id",
        "invoice_number",
        "amount_minor",
        "currency",
        "rule",
        "rule_version",
        "agrees",
        "differs",
        "score_hundredths",
        "runner_up",
        "runner_up_distance_hundredths",
        "decided_by",
        "occurred_at",
    ),
    reads=(PaymentMatched,),
    project=project,
)
