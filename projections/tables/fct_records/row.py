"""fct_records: every record that was accepted, whatever its type, so each number in a report can be traced to it.

Dead letters keep the parked bytes out of here: those may hold anything, and the topic has them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import msgspec

from projections.messages.coordinates import Coordinates
from projections.messages.dead_letters import OpenedDeadLetter
from projections.tables.about import amount_of, text_of
from projections.tables.columns import LongText, Number, Word
from projections.tables.keys import shown_key
from projections.tables.table import FactTable
from schemas.records.tasks import DeadLetter, PositionMarked

_INSTANTS = ("occurred_at", "observed_at", "settled_at", "requested_at", "received_at")
_WITHHELD = frozenset({"record_value", "record_headers"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordRow:
    """Every accepted record, one row each; repeats of a row are absorbed by its source."""

    upstream_topic: Word
    upstream_partition: Number
    upstream_offset: int
    upstream_index: Number
    correlation_id: str
    causation_id: str
    record_type: Word
    record_key: str
    paytrace_transaction_id: str
    refund_transaction_id: str
    posting_reference: str
    abas_customer_id: str
    currency: Word
    amount_minor: int
    occurred_at: datetime
    body: LongText


def project(record: Any, at: Coordinates) -> tuple[RecordRow, ...]:
    """Return one row for each record, none for a position marker (it is the task's own bookkeeping)."""
    if isinstance(record, PositionMarked):
        return ()
    if isinstance(record, OpenedDeadLetter):
        record = record.letter
    upstream = at.upstream
    return (
        RecordRow(
            upstream_topic=upstream.topic if upstream else "",
            upstream_partition=upstream.partition if upstream else -1,
            upstream_offset=upstream.offset if upstream else -1,
            upstream_index=upstream.index if upstream else -1,
            correlation_id=at.correlation_id,
            causation_id=at.causation_id,
            record_type=type(record).__name__,
            record_key=shown_key(at.key),
            paytrace_transaction_id=text_of(record, "paytrace_transaction_id"),
            refund_transaction_id=text_of(record, "refund_transaction_id"),
            posting_reference=text_of(record, "posting_reference"),
            abas_customer_id=text_of(record, "abas_customer_id"),
            currency=text_of(record, "currency"),
            amount_minor=amount_of(record),
            occurred_at=_instant(record) or at.recorded_at,
            body=_body(record),
        ),
    )


def _body(record: Any) -> str:
    """Return the record as JSON, field for field as schemas.wire.codec.to_json, by the faster encoder."""
    if isinstance(record, DeadLetter):
        record = {field.name: getattr(record, field.name) for field in fields(record) if field.name not in _WITHHELD}
    return msgspec.json.encode(record, order="sorted").decode()


def _instant(record: Any) -> datetime | None:
    for name in _INSTANTS:
        value = getattr(record, name, None)
        if isinstance(value, datetime):
            return value
    return None


TABLE = FactTable(
    name="fct_records",
    row=RecordRow,
    order_by=("paytrace_transaction_id",),
    reads=None,
    project=project,
)
