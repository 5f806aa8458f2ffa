"""Which alerts there are and what became of them, read from their journal. For `saldo alerts`.

The journal itself is asked, not the tables: alerts must show while ClickHouse is away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from schemas.records.alerts import AlertAcknowledged, AlertClosed, AlertOpened, AlertRepeated, AlertsNotified
from schemas.topic import Topic
from schemas.wire.codec import Codec
from streams.log.once import each_once
from streams.log.ports import Log

JOURNAL = Topic.ALERTS_EVENTS


@dataclass(frozen=True, slots=True)
class AlertSeen:
    """One alert: what was said first and last, who took it on, what ended it, and the messages that told of it."""

    opened: AlertOpened
    latest: AlertOpened | AlertRepeated
    acknowledged: AlertAcknowledged | None = None
    closed: AlertClosed | None = None
    messages: tuple[AlertsNotified, ...] = ()

    @property
    def status(self) -> str:
        """What became of it, in words."""
        if self.closed is not None:
            by = f" by {self.closed.decided_by}" if self.closed.decided_by else ""
            return f"closed{by} at {self.closed.occurred_at:%Y-%m-%d %H:%M} UTC: {self.closed.reason}"
        if self.acknowledged is not None:
            return f"open, taken on by {self.acknowledged.decided_by}: {self.acknowledged.reason}"
        return "open"

    @property
    def is_open(self) -> bool:
        """Whether its condition holds and nobody closed it."""
        return self.closed is None

    def as_json(self) -> Mapping[str, Any]:
        """JSON-ready fields."""
        latest = self.latest
        return {
            "alert_id": latest.alert_id,
            "status": self.status,
            "severity": latest.severity.value.lower(),
            "about": latest.about,
            "condition": latest.condition,
            "rule": latest.rule_name,
            "title": latest.title,
            "detail": latest.detail,
            "remedy": latest.remedy,
            "runbook": latest.runbook,
            "place": latest.place,
            "item_count": latest.item_count,
            "amount_minor": latest.amount_minor,
            "currency": latest.currency,
            "since": latest.since_at.isoformat(),
            "opened_at": self.opened.occurred_at.isoformat(),
            "receivers": list(latest.receivers),
            "messages": [
                {"notification_id": one.notification_id, "receiver": one.receiver, "at": one.occurred_at.isoformat()}
                for one in self.messages
            ],
        }


async def all_alerts(log: Log, codec: Codec) -> list[AlertSeen]:
    """Return every alert, oldest first."""
    found: dict[str, AlertSeen] = {}
    # Who is told is decided on the partition of the receiver, which may be read before that of the alert.
    messages: list[AlertsNotified] = []
    for partition in range(log.partition_count(JOURNAL)):
        async for record in each_once(log, JOURNAL, partition):
            event = codec.decode_as_written(record.value)
            if isinstance(event, AlertsNotified):
                messages.append(event)
            else:
                _take(found, event)
    for message in messages:
        _take_message(found, message)
    return sorted(found.values(), key=lambda one: one.opened.occurred_at)


def _take(found: dict[str, AlertSeen], event: Any) -> None:
    match event:
        case AlertOpened():
            found[event.alert_id] = AlertSeen(event, event)
        case AlertRepeated() if event.alert_id in found:
            found[event.alert_id] = replace(found[event.alert_id], latest=event)
        case AlertAcknowledged() if event.alert_id in found:
            found[event.alert_id] = replace(found[event.alert_id], acknowledged=event)
        case AlertClosed() if event.alert_id in found:
            found[event.alert_id] = replace(found[event.alert_id], closed=event)


def _take_message(found: dict[str, AlertSeen], message: AlertsNotified) -> None:
    for line in message.lines:
        if line.alert_id in found:
            seen = found[line.alert_id]
            found[line.alert_id] = replace(seen, messages=(*seen.messages, message))
