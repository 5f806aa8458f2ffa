"""One thing that an alert may be about: at most one open alert, whatever is seen of it, however often, in any order."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Final

from schemas.checks.attribution import why_not_attributed
from schemas.records.alerts import (
    AcknowledgeAlert,
    AlertAcknowledged,
    AlertChange,
    AlertClosed,
    AlertCommandRefused,
    AlertConditionNoted,
    AlertConditionReported,
    AlertLine,
    AlertOpened,
    AlertRepeated,
    AlertTimeReached,
    AlertTold,
    CloseAlert,
)
from schemas.values.replacing import replace
from streams.domain.alerts.policy import AlertRule, Policy, rank

ENDED: Final = "what it was about has ended"
RECEIVER: Final = "receiver/"  # how the key of a receiver begins
# What an alert says of its condition and its rule; AlertRepeated comes when one of these changed.
_SAID: Final = ("rule_name", "severity", "title", "detail", "remedy", "runbook", "place")
_MEASURED: Final = ("item_count", "amount_minor", "currency")


@dataclass(frozen=True, slots=True)
class Subject:
    """What is known of it.

    noted         the newest word
    alert         what was last said of the newest alert, open or not
    closed_by     person who closed it although its condition held; empty while it is open, or when it ended by itself
    openings      alerts that there were
    command_ids   commands of people that were answered
    """

    noted: AlertConditionNoted | None = None
    alert: AlertOpened | None = None
    is_open: bool = False
    closed_by: str = ""
    openings: int = 0
    command_ids: frozenset[str] = field(default_factory=frozenset)


def reported(state: Subject, seen: AlertConditionReported, policy: Policy) -> tuple[Any, ...]:
    """Return what follows from a sighting; () for one that is older than what is known, or tells nothing.

    Ensures: the newest sighting counts whatever the order; of two of one instant, the one that says it is over, then
             the one that says more.
    """
    noted = state.noted
    if noted is None and not seen.holds:
        return ()
    if noted is not None and _age(seen) <= _age(noted):
        return ()
    return _judged(state, seen, policy, seen.occurred_at)


def time_reached(state: Subject, told: AlertTimeReached, policy: Policy) -> tuple[Any, ...]:
    """Return what follows from the time, or from rules that changed: what is known is judged by them anew."""
    if state.noted is None or not state.noted.holds:
        return ()
    return _judged(state, state.noted, policy, told.occurred_at)


def commanded(state: Subject, command: AcknowledgeAlert | CloseAlert) -> tuple[Any, ...]:
    """Return what follows from a person's command; () for one that was answered."""
    if command.command_id in state.command_ids:
        return ()
    alert = state.alert
    refused = why_not_attributed(command.decided_by, command.reason)
    if not refused and (alert is None or not state.is_open or alert.alert_id != command.alert_id):
        refused = f"there is no open alert {command.alert_id} about this; `saldo alerts list` shows what is open"
    if refused:
        return (refusal(command, refused),)
    kind = AlertAcknowledged if isinstance(command, AcknowledgeAlert) else AlertClosed
    return (
        kind(
            command_id=command.command_id,
            about=command.about,
            alert_id=command.alert_id,
            decided_by=command.decided_by,
            authenticated_by=command.authenticated_by,
            reason=command.reason,
            occurred_at=command.occurred_at,
        ),
    )


def refusal(command: Any, why: str) -> AlertCommandRefused:
    """Return the answer to a command that is not carried out."""
    return AlertCommandRefused(
        command_id=command.command_id,
        about=command.about,
        decided_by=command.decided_by,
        authenticated_by=command.authenticated_by,
        reason=command.reason,
        refused_because=why,
        occurred_at=command.occurred_at,
    )


def noted(state: Subject, event: AlertConditionNoted) -> Subject:
    """Remember the newest word; what a person closed may open again once it has ended."""
    return replace(state, noted=event, closed_by=state.closed_by if event.holds else "")


def alerted(state: Subject, event: AlertOpened | AlertRepeated) -> Subject:
    """Remember what is said of the open alert."""
    openings = state.openings + isinstance(event, AlertOpened)
    said = AlertOpened(**{one.name: getattr(event, one.name) for one in fields(AlertOpened)})
    return replace(state, alert=said, is_open=True, closed_by="", openings=openings)


def answered(state: Subject, event: AlertAcknowledged | AlertClosed | AlertCommandRefused) -> Subject:
    """Remember a person's word, or that the alert is over."""
    ids = state.command_ids | {event.command_id} if event.command_id else state.command_ids
    if isinstance(event, AlertClosed):
        return replace(state, is_open=False, closed_by=event.decided_by, command_ids=ids)
    return replace(state, command_ids=ids)


def told(state: Subject, change: AlertChange, at: datetime) -> tuple[AlertTold, ...]:
    """Return the newest alert for each of its receivers."""
    alert = state.alert
    if alert is None:
        return ()
    line = AlertLine(
        alert_id=alert.alert_id,
        change=change,
        severity=alert.severity,
        about_alert=alert.about,
        title=alert.title,
        detail=alert.detail,
        remedy=alert.remedy,
        runbook=alert.runbook,
        place=alert.place,
        item_count=alert.item_count,
        amount_minor=alert.amount_minor,
        currency=alert.currency,
        since_at=alert.since_at,
    )
    return tuple(AlertTold(about=f"{RECEIVER}{name}", lines=(line,), occurred_at=at) for name in alert.receivers)


def _age(seen: AlertConditionReported | AlertConditionNoted) -> tuple[datetime, bool, int, int, str]:
    """Return what orders sightings; the greatest counts."""
    return seen.occurred_at, not seen.holds, seen.item_count, seen.amount_minor or 0, seen.detail


def _judged(
    state: Subject, seen: AlertConditionReported | AlertConditionNoted, policy: Policy, now: datetime
) -> tuple[Any, ...]:
    rule, wake_at = policy.met(seen, now)
    noted = AlertConditionNoted(
        about=seen.about,
        condition=seen.condition,
        holds=seen.holds,
        since_at=seen.since_at,
        due_at=seen.due_at,
        item_count=seen.item_count,
        amount_minor=seen.amount_minor,
        currency=seen.currency,
        detail=seen.detail,
        place=seen.place,
        wake_at=wake_at,
        occurred_at=seen.occurred_at,
    )
    return (noted, *_alert(state, noted, rule, now))


def _alert(state: Subject, seen: AlertConditionNoted, rule: AlertRule | None, now: datetime) -> tuple[Any, ...]:
    alert = state.alert
    if state.is_open and alert is not None:
        if rule is None:
            return (_ended(seen.about, alert.alert_id, now),)
        is_escalated = rank(rule.severity) > rank(alert.severity)
        receivers = alert.receivers if not is_escalated else tuple(sorted({*alert.receivers, *rule.to}))
        saying = {**_fields(seen, rule, now), "receivers": receivers, "alert_id": alert.alert_id}
        if all(getattr(alert, name) == saying[name] for name in (*_SAID, *_MEASURED)):
            return ()
        return (AlertRepeated(**saying, is_escalated=is_escalated),)
    if rule is None:
        return ()
    if state.closed_by and seen.holds and alert is not None and rank(rule.severity) <= rank(alert.severity):
        return ()  # a person closed it, and nothing is worse since
    number = state.openings + 1
    return (AlertOpened(**{**_fields(seen, rule, now), "alert_id": _name("A", seen.about, number)}),)


def _fields(seen: AlertConditionNoted, rule: AlertRule, now: datetime) -> dict[str, Any]:
    return {
        "about": seen.about,
        "condition": seen.condition,
        "rule_name": rule.name,
        "severity": rule.severity,
        "receivers": rule.to,
        "title": rule.title,
        "detail": seen.detail,
        "remedy": rule.remedy,
        "runbook": rule.runbook,
        "place": seen.place,
        "item_count": seen.item_count,
        "amount_minor": seen.amount_minor,
        "currency": seen.currency,
        "since_at": seen.since_at,
        "occurred_at": now,
    }


def _ended(about: str, alert_id: str, at: datetime) -> AlertClosed:
    return AlertClosed(
        command_id="", about=about, alert_id=alert_id, decided_by="", authenticated_by="", reason=ENDED, occurred_at=at
    )


def _name(letter: str, *parts: object) -> str:
    text = "\n".join(map(str, parts))
    return letter + hashlib.sha256(text.encode()).hexdigest()[:10].upper()
