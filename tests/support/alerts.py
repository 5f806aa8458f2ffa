"""Sightings, the time and rules for tests of alerts; NOON is Friday 2026-11-20, 12:00 UTC (07:00 in New York)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from schemas.records.alerts import (
    AlertConditionNoted,
    AlertConditionReported,
    AlertQueued,
    AlertTimeReached,
    AlertTold,
    NotificationRefused,
    NotificationSent,
    SendNotification,
)
from streams.domain import alerts
from streams.domain.alerts.policy import Policy
from streams.rules.alerts import read_alert_rules
from tests.support.builders import NOON

WASHED = "washed up/USD"
RULES = """
version: 1
hours:
  office: {zone: America/New_York, weekdays: [mon, tue, wed, thu, fri], begins: "08:00", ends: "18:00"}
receivers:
  finance: {by: [mail], gather: 5m, every: 1h, urgent_every: 10m, hours: office, most_lines: 2}
  operations: {by: [mail, webhook], gather: 1m, every: 10m}
rules:
  - {name: old, when: washed up, after: 10m, to: [finance], title: It washed up, remedy: Mop}
  - {name: older, when: washed up, after: 2h, severity: urgent, to: [finance, operations], title: Old, remedy: Mop more}
  - {name: much, when: flood, at_least_minor: {USD: 1000}, to: [operations], title: Flood, remedy: Swim}
  - {name: soon, when: deadline, before_due: 1d, severity: urgent, to: [operations], title: Soon, remedy: Answer}
  - {name: silent, when: silence, by: "12:00", hours: office, to: [operations], title: Silence, remedy: Ask}
"""
POLICY = read_alert_rules(RULES, "alert-rules")


def at(minutes: float) -> datetime:
    """Minutes after noon."""
    return NOON + timedelta(minutes=minutes)


def seen(
    minutes: float, *, about: str = WASHED, holds: bool = True, since: float = 0, due: float | None = None, **more: Any
) -> AlertConditionReported:
    """A sighting of a condition, which began `since` minutes after noon."""
    fields: dict[str, Any] = {"item_count": 1, "currency": None, "detail": "", "place": ""} | more
    return AlertConditionReported(
        about=about,
        condition=about.partition("/")[0],
        holds=holds,
        since_at=at(since),
        due_at=None if due is None else at(due),
        occurred_at=at(minutes),
        **fields,
    )


def said(kind: type[Any], minutes: float, *, about: str = WASHED, command_id: str = "c1", **more: Any) -> Any:
    """A person's command."""
    return kind(
        command_id=command_id,
        about=about,
        decided_by="mweber",
        authenticated_by="session",
        reason="seen to already",
        occurred_at=at(minutes),
        **more,
    )


class World:
    """The keys of the inbox, each with its state; what is routed to the inbox comes in at once, the time when asked."""

    def __init__(self, policy: Policy = POLICY) -> None:
        self.policy = policy
        self.states: dict[str, alerts.State] = {}
        self.events: list[Any] = []
        self.sent: list[Any] = []

    def tell(self, *records: Any) -> Sequence[Any]:
        """Let records in, in this order; return the events that they led to."""
        before = len(self.events)
        todo = list(records)
        while todo:
            record = todo.pop(0)
            state = self.states.get(record.about, alerts.INITIAL)
            for event in alerts.decide(state, record, self.policy):
                state = alerts.evolve(state, event)
                self.events.append(event)
                routed = [output.record for output in alerts.route(state, event)]
                todo += [one for one in routed if isinstance(one, AlertTold)]
                self.sent += [one for one in routed if not isinstance(one, AlertTold)]
            self.states[record.about] = state
        return self.events[before:]

    def wakes(self) -> dict[str, datetime]:
        """When each key wants to hear of the time, as `saldo run watch` reads it from the journal."""
        found: dict[str, datetime] = {}
        for event in self.events:
            if isinstance(event, AlertConditionNoted | AlertQueued):
                found.pop(event.about, None)
                if event.wake_at is not None:
                    found[event.about] = event.wake_at
        return found

    def pass_until(self, minutes: float) -> None:
        """Let the time pass up to there, telling each key that asked, in order."""
        asked: set[tuple[str, datetime]] = set()
        while due := sorted(
            (when, about) for about, when in self.wakes().items() if when <= at(minutes) and (about, when) not in asked
        ):
            when, about = due[0]
            asked.add((about, when))
            self.tell(AlertTimeReached(about=about, due_at=when, occurred_at=when))

    def of(self, kind: type[Any]) -> list[Any]:
        """The events of one type."""
        return [event for event in self.events if isinstance(event, kind)]


class Postbox:
    """A way to people that takes every message; the next attempts fail with these errors first."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.messages: list[SendNotification] = []

    async def send(self, command: SendNotification) -> NotificationSent | NotificationRefused:
        """See streams.edges.ports.Notifier."""
        if self.errors:
            raise self.errors.pop(0)
        self.messages.append(command)
        return NotificationSent(
            receiver=command.receiver, notification_id=command.notification_id, detail="taken", occurred_at=NOON
        )


def again(records: Iterable[Any]) -> list[Any]:
    """The same records once more, as whoever watches tells them after a restart."""
    return [replace(record) for record in records]
