"""fct_decisions: what people decided, who, when and why; carried out or refused."""

from __future__ import annotations

from typing import Any

from projections.messages.coordinates import Coordinates
from projections.tables.table import Row, Table
from schemas.records.receivables import DecisionRefused, DecisionTaken


def project(record: Any, at: Coordinates) -> tuple[Row, ...]:
    """One row for each command of a person."""
    if not isinstance(record, DecisionTaken | DecisionRefused):
        return ()
    return (
        {
            "command_id": record.command_id,
            "outcome": "TAKEN" if isinstance(record, DecisionTaken) else "REFUSED",
            "decision": record.decision.value,
            "abas_customer_id": record.abas_customer_id,
            "posting_reference": record.posting_reference,
            "abas_open_item_ids": list(record.abas_open_item_ids),
            "decided_by": record.decided_by,
            "authenticated_by": record.authenticated_by,
            "approved_by": record.approved_by or "",
            "reason": record.reason,
            "refused_because": record.refused_because if isinstance(record, DecisionRefused) else "",
            "occurred_at": record.occurred_at,
        },
    )


TABLE = Table(
    name="fct_decisions",
    own_columns=(
        "command_id",
        "outcome",
        "decision",
        "abas_customer_id",
        "posting_reference",
        "abas_open_item_ids",
        "decided_by",
        "authenticated_by",
        "approved_by",
        "reason",
        "refused_because",
        "occurred_at",
    ),
    reads=(DecisionTaken, DecisionRefused),
    project=project,
)
