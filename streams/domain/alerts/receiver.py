"""One receiver: what it is to be told, and when its next message goes out. Never by a clock: the time is a record."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from schemas.checks.attribution import why_not_attributed
from schemas.records.alerts import (
    AlertChange,
    AlertLine,
    AlertQueued,
    AlertSeverity,
    AlertsNotified,
    AlertTimeReached,
    AlertTold,
    SendTestMessage,
)
from schemas.values.replacing import replace
from streams.domain.alerts.policy import Policy, Receiver, rank
from streams.domain.alerts.subject import RECEIVER, refusal

_NEVER: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Queue:
    """What one receiver is to be told.

    pending      alerts of the next message, by id
    told         alerts of earlier messages that are not over
    wake_at      when the next message is due; None when nothing is pending
    sent_at      when the last message went out
    """

    pending: Mapping[str, AlertLine] = field(default_factory=dict)
    told: frozenset[str] = frozenset()
    wake_at: datetime | None = None
    sent_at: datetime = _NEVER
    messages: int = 0
    command_ids: frozenset[str] = field(default_factory=frozenset)


def told(state: Queue, news: AlertTold, policy: Policy) -> tuple[Any, ...]:
    """Return what follows from an alert that changed: it waits for the next message, or leaves it, or goes at once."""
    receiver = _receiver(news.about, policy)
    if receiver is None:
        return ()
    after = with_lines(state, news.lines)
    if after.pending == state.pending:
        return ()
    due = _due(after, receiver, news.occurred_at)
    wakes = None if due is None or due <= news.occurred_at else due
    queued = AlertQueued(about=news.about, lines=news.lines, wake_at=wakes, occurred_at=news.occurred_at)
    if due is None or wakes is not None:
        return (queued,)
    return (queued, _message(queue_changed(state, queued), receiver, news.about, news.occurred_at))


def time_reached(state: Queue, told_at: AlertTimeReached, policy: Policy) -> tuple[Any, ...]:
    """Return the message that is due; later when working hours have not begun, () when nothing waits for this time."""
    if state.wake_at != told_at.due_at:
        return ()
    receiver = _receiver(told_at.about, policy)
    now = told_at.occurred_at
    if receiver is None:
        return ()
    if not _is_urgent(state) and receiver.hours is not None and not receiver.hours.is_open(now):
        opens = receiver.hours.opens(now)
        return (AlertQueued(about=told_at.about, lines=(), wake_at=opens, occurred_at=now),)
    return (_message(state, receiver, told_at.about, now),)


def tested(state: Queue, command: SendTestMessage, policy: Policy) -> tuple[Any, ...]:
    """Return the test message that a person asks for; () for a command that was answered."""
    if command.command_id in state.command_ids:
        return ()
    receiver = _receiver(command.about, policy)
    refused = why_not_attributed(command.decided_by, command.reason)
    if not refused and receiver is None:
        known = ", ".join(policy.receivers)
        refused = f"the rules know no {command.about}; they know {known} (`saldo rules show alert-rules`)"
    if refused or receiver is None:
        return (refusal(command, refused),)
    line = AlertLine(
        alert_id="TEST",
        change=AlertChange.TEST,
        severity=AlertSeverity.NORMAL,
        about_alert=command.about,
        title="A test of alerts",
        detail=f"{command.decided_by} asked for it: {command.reason}",
        remedy="Nothing is to be done",
        runbook="",
        place="",
        item_count=0,
        since_at=command.occurred_at,
    )
    at = command.occurred_at
    return (_notified(state, receiver, command.about, at, (line,), 0, command_id=command.command_id),)


def with_lines(state: Queue, lines: tuple[AlertLine, ...]) -> Queue:
    """Return the queue once these alerts changed.

    Ensures: an alert that is over, or that somebody has taken on, before its message went out is not told at all.
    """
    pending = dict(state.pending)
    for line in lines:
        match line.change:
            case AlertChange.OPENED | AlertChange.ESCALATED:
                pending[line.alert_id] = line
            case AlertChange.CLOSED if line.alert_id in state.told:
                pending[line.alert_id] = line
            case _:
                pending.pop(line.alert_id, None)
    return replace(state, pending=pending)


def queue_changed(state: Queue, event: AlertQueued) -> Queue:
    """Remember what is to be told, and when."""
    return replace(with_lines(state, event.lines), wake_at=event.wake_at)


def notified(state: Queue, event: AlertsNotified) -> Queue:
    """Remember that a message went out."""
    if event.is_test:
        return replace(state, messages=state.messages + 1, command_ids=state.command_ids | {event.command_id})
    closed = {line.alert_id for line in state.pending.values() if line.change is AlertChange.CLOSED}
    return replace(
        state,
        pending={},
        told=(state.told | set(state.pending)) - closed,
        wake_at=None,
        sent_at=event.occurred_at,
        messages=state.messages + 1,
    )


def _receiver(about: str, policy: Policy) -> Receiver | None:
    return policy.receivers.get(about.removeprefix(RECEIVER))


def _is_urgent(state: Queue) -> bool:
    return any(
        line.severity is AlertSeverity.URGENT and line.change is not AlertChange.CLOSED
        for line in state.pending.values()
    )


def _due(state: Queue, receiver: Receiver, now: datetime) -> datetime | None:
    """Return when the next message is due; None when nothing is pending."""
    if not state.pending:
        return None
    if _is_urgent(state):
        due = max(now, _later(state.sent_at, receiver.urgent_every_s))
    else:
        due = max(now + timedelta(seconds=receiver.gather_s), _later(state.sent_at, receiver.every_s))
        due = due if receiver.hours is None else receiver.hours.opens(due)
    return due if state.wake_at is None else min(due, state.wake_at)


def _later(at: datetime, seconds: float) -> datetime:
    return at if at == _NEVER else at + timedelta(seconds=seconds)


def _message(state: Queue, receiver: Receiver, about: str, at: datetime) -> AlertsNotified:
    ordered = sorted(
        state.pending.values(),
        key=lambda line: (line.change is AlertChange.CLOSED, -rank(line.severity), line.since_at, line.alert_id),
    )
    listed = tuple(ordered[: receiver.most_lines])
    return _notified(state, receiver, about, at, listed, len(ordered) - len(listed))


def _notified(
    state: Queue,
    receiver: Receiver,
    about: str,
    at: datetime,
    lines: tuple[AlertLine, ...],
    more_count: int,
    *,
    command_id: str = "",
) -> AlertsNotified:
    text = f"{about}\n{state.messages + 1}\n{at.isoformat()}"
    return AlertsNotified(
        command_id=command_id,
        about=about,
        notification_id="N" + hashlib.sha256(text.encode()).hexdigest()[:20].upper(),
        receiver=receiver.name,
        channels=receiver.by,
        lines=lines,
        severity=max((line.severity for line in lines), key=rank),
        more_count=more_count,
        is_test=bool(command_id),
        occurred_at=at,
    )
