"""fct_alerts: what people were alerted to, who took it on, and what ended it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from projections.messages.coordinates import Coordinates
from projections.tables.columns import Word
from projections.tables.table import FactTable
from schemas.records.alerts import AlertAcknowledged, AlertClosed, AlertOpened, AlertRepeated

ALERT_EVENTS = (AlertOpened, AlertRepeated, AlertAcknowledged, AlertClosed)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRow:
    """What people were alerted to, who took it on, and what ended it."""

    record_type: Word
    alert_id: str
    about: str
    condition: Word
    rule_name: Word
    severity: Word
    receivers: str
    title: str
    detail: str
    remedy: str
    item_count: int
    amount_minor: int | None
    currency: Word
    person: Word
    reason: str
    since_at: datetime | None
    occurred_at: datetime


def project(record: Any, at: Coordinates) -> tuple[AlertRow, ...]:
    """Return one row for each event of an alert."""
    match record:
        case AlertOpened() | AlertRepeated():
            return (
                AlertRow(
                    record_type=type(record).__name__,
                    alert_id=record.alert_id,
                    about=record.about,
                    condition=record.condition,
                    rule_name=record.rule_name,
                    severity=record.severity.value,
                    receivers=", ".join(record.receivers),
                    title=record.title,
                    detail=record.detail,
                    remedy=record.remedy,
                    item_count=record.item_count,
                    amount_minor=record.amount_minor,
                    currency=record.currency or "",
                    person="",
                    reason="",
                    since_at=record.since_at,
                    occurred_at=record.occurred_at,
                ),
            )
        case AlertAcknowledged() | AlertClosed():
            return (
                AlertRow(
                    record_type=type(record).__name__,
                    alert_id=record.alert_id,
                    about=record.about,
                    condition="",
                    rule_name="",
                    severity="",
                    receivers="",
                    title="",
                    detail="",
                    remedy="",
                    item_count=0,
                    amount_minor=None,
                    currency="",
                    person=record.decided_by,
                    reason=record.reason,
                    since_at=None,
                    occurred_at=record.occurred_at,
                ),
            )
        case _:
            return ()


TABLE = FactTable(
    name="fct_alerts",
    row=AlertRow,
    order_by=("alert_id",),
    reads=ALERT_EVENTS,
    project=project,
)
