"""What both ways by which people are told of alerts have in common: how a message is refused, and where it leads."""

from __future__ import annotations

from schemas.records.alerts import AlertLine, NotificationRefused, SendNotification
from schemas.values.clock import utc_now


def refused(command: SendNotification, code: str, message: str) -> NotificationRefused:
    """Return that a message is not delivered, and why."""
    return NotificationRefused(
        receiver=command.receiver,
        notification_id=command.notification_id,
        code=code,
        message=message,
        occurred_at=utc_now(),
    )


def link_of(line: AlertLine, console_url: str) -> str:
    """Return the address of what a line is about in the console; empty where there is none."""
    return f"{console_url.rstrip('/')}/{line.place}" if console_url and line.place else ""
