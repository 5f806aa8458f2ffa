"""fct_records: every record that was accepted, whatever its type, so each number in a report can be traced to it.

Dead letters keep the parked bytes out of here: those may hold anything, and the topic has them.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from projections.coordinates import Coordinates
from projections.dead_letters import OpenedDeadLetter
from projections.tables.table import Row, Table
from schemas.codec import to_json
from schemas.records.tasks import PositionMarked

_INSTANTS = ("occurred_at", "observed_at", "settled_at", "requested_at", "received_at")
_WITHHELD = frozenset({"record_value", "record_headers"})


def project(record: Any, at: Coordinates) -> tuple[Row, ...]:
    """One row for each record, none for a position marker (it is the task's own bookkeeping)."""
    if isinstance(record, PositionMarked):
        return ()
    if isinstance(record, OpenedDeadLetter):
        record = record.letter
    body = {name: value for name, value in to_json(record).items() if name not in _WITHHELD}
    upstream = at.upstream
    return (
        {
            "upstream_topic": upstream.topic if upstream else "",
            "upstream_partition": upstream.partition if upstream else -1,
            "upstream_offset": upstream.offset if upstream else -1,
            "upstream_index": upstream.index if upstream else -1,
            "correlation_id": at.correlation_id,
            "causation_id": at.causation_id,
            "record_type": type(record).__name__,
            "record_key": (at.key or b"").decode("utf-8", "replace"),
            "paytrace_transaction_id": body.get("paytrace_transaction_id") or "",
            "refund_transaction_id": body.get("refund_transaction_id") or "",
            "posting_reference": body.get("posting_reference") or "",
            "abas_customer_id": body.get("abas_customer_id") or "",
            "currency": body.get("currency") or "",
            "amount_minor": body.get("amount_minor") or 0,
            "occurred_at": _instant(record) or at.recorded_at,
            "body": json.dumps(body, ensure_ascii=False, separators=(",", ":"), sort_keys=True),
        },
    )


def _instant(record: Any) -> datetime | None:
    for name in _INSTANTS:
        value = getattr(record, name, None)
        if isinstance(value, datetime):
            return value
    return None


TABLE = Table(
    name="fct_records",
    own_columns=(
        "upstream_topic",
        "upstream_partition",
        "upstream_offset",
        "upstream_index",
        "correlation_id",
        "causation_id",
        "record_type",
        "record_key",
        "paytrace_transaction_id",
        "refund_transaction_id",
        "posting_reference",
        "abas_customer_id",
        "currency",
        "amount_minor",
        "occurred_at",
        "body",
    ),
    project=project,
)
