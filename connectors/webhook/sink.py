"""Sends messages about alerts as signed webhooks, at least once: a repeat carries the same webhook-id."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import httpx2
from standardwebhooks.webhooks import Webhook

from connectors.common.notices import link_of, refused
from connectors.common.reach import Way
from connectors.webhook.settings import WebhookSettings
from schemas.failures import Delayed
from schemas.failures.waiting import asked_and_granted_s
from schemas.records.alerts import AlertLine, NotificationRefused, NotificationSent, SendNotification
from schemas.values.clock import utc_now

TYPE = "saldo.alerts.notified"
# This message and no other is at fault, or whoever received is gone for good: sending it again would change nothing.
_FINAL = frozenset({400, 410, 413, 422})


class ReceiverAway(Delayed):
    """This receiver does not take messages now: it waits, and others go on."""


class WebhookSink:
    """Satisfies streams.edges.ports.Notifier. `transport` takes the place of the network."""

    def __init__(
        self, settings: WebhookSettings, *, console_url: str, transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        self._settings = settings
        self._console_url = console_url
        self._transport = transport

    async def send(self, command: SendNotification) -> NotificationSent | NotificationRefused:
        """Post one message; see streams.edges.ports.Notifier. Redirects are not followed."""
        settings = self._settings
        url = settings.to.get(command.receiver)
        if url is None:
            remedy = "add it to SALDO_WEBHOOK_TO, or take webhook out of its `by` in alert-rules"
            return refused(command, "no-address", f"{command.receiver} has no webhook; {remedy}")
        way = Way(f"webhook of {command.receiver}", url, settings, section="webhook", setting="to")
        body = json.dumps(payload(command, self._console_url), ensure_ascii=False, separators=(",", ":"))
        now = utc_now()
        secret = settings.secrets[command.receiver].get_secret_value()
        headers = {
            "content-type": "application/json",
            "webhook-id": command.notification_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(secret).sign(command.notification_id, now, body),
        }
        try:
            async with httpx2.AsyncClient(
                **way.client_options(self._transport), timeout=settings.timeout_s, follow_redirects=False
            ) as client:
                response = await client.post(url, content=body.encode(), headers=headers)
        except httpx2.HTTPError as error:
            raise ReceiverAway(way.why(error)) from error
        if response.is_success:
            return NotificationSent(
                receiver=command.receiver,
                notification_id=command.notification_id,
                detail=f"HTTP {response.status_code}",
                occurred_at=now,
            )
        if response.status_code in _FINAL:
            words = way.says(f"it refuses the message (HTTP {response.status_code})")
            return refused(command, str(response.status_code), words)
        asked_s, granted_s = asked_and_granted_s(response.headers, settings.longest_wait_s)
        words = way.says(f"HTTP {response.status_code}; it is sent again by itself")
        raise ReceiverAway(words, retry_after_s=granted_s, asked_s=asked_s)


def payload(command: SendNotification, console_url: str) -> dict[str, Any]:
    """Return the body: the alerts, as docs/alerts.md lists their fields."""
    return {
        "type": TYPE,
        "timestamp": _instant(command.occurred_at),
        "data": {
            "notification_id": command.notification_id,
            "receiver": command.receiver,
            "severity": command.severity.value.lower(),
            "is_test": command.is_test,
            "more_count": command.more_count,
            "alerts": [_alert(line, console_url) for line in command.lines],
        },
    }


def _alert(line: AlertLine, console_url: str) -> dict[str, Any]:
    return {
        "alert_id": line.alert_id,
        "change": line.change.value.lower(),
        "severity": line.severity.value.lower(),
        "about": line.about_alert,
        "title": line.title,
        "detail": line.detail,
        "remedy": line.remedy,
        "runbook": line.runbook,
        "link": link_of(line, console_url),
        "item_count": line.item_count,
        "amount_minor": line.amount_minor,
        "currency": line.currency,
        "since": _instant(line.since_at),
    }


def _instant(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"
