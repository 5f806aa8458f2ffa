"""fct_settlement_batches: each change of a settlement batch as PayTrace showed it, with what does not add up."""

from __future__ import annotations

from typing import Any

from projections.messages.coordinates import Coordinates
from projections.tables.table import Row, Table
from schemas.records.settlement import SettlementBatchObserved


def project(record: Any, at: Coordinates) -> tuple[Row, ...]:
    """One row for each SettlementBatchObserved."""
    if not isinstance(record, SettlementBatchObserved):
        return ()
    return (
        {
            "batch_id": record.batch_id,
            "merchant": record.merchant,
            "batch_number": record.batch_number,
            "settled_on": record.settled_on,
            "settled_at": record.settled_at,
            "net_minor": record.net_minor,
            "sales_minor": record.sales_minor,
            "refund_minor": record.refund_minor,
            "currency": record.currency,
            "transaction_count": record.transaction_count,
            "listed_net_minor": record.listed_net_minor,
            "listed_count": record.listed_count,
            "is_consistent": record.is_consistent,
            "mismatch": record.mismatch,
            "observed_at": record.observed_at,
        },
    )


TABLE = Table(
    name="fct_settlement_batches",
    own_columns=(
        "batch_id",
        "merchant",
        "batch_number",
        "settled_on",
        "settled_at",
        "net_minor",
        "sales_minor",
        "refund_minor",
        "currency",
        "transaction_count",
        "listed_net_minor",
        "listed_count",
        "is_consistent",
        "mismatch",
        "observed_at",
    ),
    reads=(SettlementBatchObserved,),
    project=project,
)
