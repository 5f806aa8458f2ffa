"""fct_dead_letters: what each dead letter holds: where its record stands, why it was parked, how much money is in it.

The parked bytes themselves stay in the topic; here are their size and the fields that a report needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from projections.messages.coordinates import Coordinates
from projections.messages.dead_letters import OpenedDeadLetter
from projections.tables.about import text_of
from projections.tables.columns import Number, Word
from projections.tables.keys import shown_key
from projections.tables.money import parked_money
from projections.tables.table import FactTable


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterRow:
    """What each dead letter holds, and how much money is in it."""

    inbox_topic: Word
    inbox_partition: Number
    inbox_offset: int
    task: Word
    record_key: str
    record_type: Word
    record_event_id: str
    paytrace_transaction_id: str
    movement_id: str
    posting_reference: str
    abas_customer_id: str
    signed_minor: int
    currency: Word
    occurred_at: datetime | None
    behind: int | None
    error_type: Word
    message: str
    stack_digest: str
    received_at: datetime
    value_bytes: int


def project(record: Any, at: Coordinates) -> tuple[DeadLetterRow, ...]:
    """Return one row for each dead letter, opened or not."""
    letter, inner = record.letter, record.record
    return (
        DeadLetterRow(
            inbox_topic=letter.topic,
            inbox_partition=letter.partition,
            inbox_offset=letter.offset,
            task=letter.task,
            record_key=shown_key(letter.record_key),
            record_type=type(inner).__name__ if inner is not None else "",
            record_event_id=record.event_id,
            paytrace_transaction_id=text_of(inner, "paytrace_transaction_id"),
            movement_id=text_of(inner, "movement_id"),
            posting_reference=text_of(inner, "posting_reference"),
            abas_customer_id=text_of(inner, "abas_customer_id"),
            signed_minor=parked_money(letter.topic, inner),
            currency=text_of(inner, "currency"),
            occurred_at=getattr(inner, "occurred_at", None),
            behind=letter.behind,
            error_type=letter.error_type,
            message=letter.message,
            stack_digest=letter.stack_digest,
            received_at=letter.received_at,
            value_bytes=len(letter.record_value),
        ),
    )


TABLE = FactTable(
    name="fct_dead_letters",
    row=DeadLetterRow,
    order_by=("inbox_topic", "inbox_partition", "inbox_offset"),
    reads=(OpenedDeadLetter,),
    project=project,
)
