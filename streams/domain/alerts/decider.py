"""Which conditions become alerts, and who is told of them when. Rules of agent `raise-alerts`.

The inbox has two kinds of keys: what an alert is about (subject.py) and receiver/<name> (receiver.py). A change of an
alert goes to its receivers as a record of the same inbox. A key that has to hear of the time says until when in its
journal (`wake_at`), and `saldo run watch` tells it (AlertTimeReached). Pure: no clock, so a replay sends nothing twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, TypeAlias, assert_never

from schemas.records.alerts import (
    AcknowledgeAlert,
    AlertAcknowledged,
    AlertChange,
    AlertClosed,
    AlertCommandRefused,
    AlertConditionNoted,
    AlertConditionReported,
    AlertOpened,
    AlertQueued,
    AlertRepeated,
    AlertsNotified,
    AlertTimeReached,
    AlertTold,
    CloseAlert,
    SendNotification,
    SendTestMessage,
)
from schemas.records.by_topic import AlertsEvents, AlertsInbox
from schemas.topic import Topic
from schemas.values.replacing import replace
from streams.domain.alerts import receiver, subject
from streams.domain.alerts.policy import Policy
from streams.domain.alerts.receiver import Queue
from streams.domain.alerts.subject import RECEIVER, Subject
from streams.domain.output import Output

Event: TypeAlias = AlertsEvents
AGENT: Final = "raise-alerts"
WAYS: Final = {"mail": Topic.MAIL_COMMANDS, "webhook": Topic.WEBHOOK_COMMANDS}


@dataclass(frozen=True, slots=True)
class State:
    """One key: what an alert is about, or a receiver. The other half stays empty."""

    subject: Subject = field(default_factory=Subject)
    queue: Queue = field(default_factory=Queue)


INITIAL: Final = State()


def decide(state: State, record: AlertsInbox, policy: Policy) -> tuple[Event, ...]:
    """Return what follows from a sighting, the time, news for a receiver, or a person's command.

    Ensures: of one subject at most one alert is open, in whatever order and however often it is seen.
    """
    match record:
        case AlertConditionReported():
            return subject.reported(state.subject, record, policy)
        case AlertTimeReached() if record.about.startswith(RECEIVER):
            return receiver.time_reached(state.queue, record, policy)
        case AlertTimeReached():
            return subject.time_reached(state.subject, record, policy)
        case AlertTold():
            return receiver.told(state.queue, record, policy)
        case AcknowledgeAlert() | CloseAlert():
            return subject.commanded(state.subject, record)
        case SendTestMessage():
            return receiver.tested(state.queue, record, policy)
        case _:
            assert_never(record)


def evolve(state: State, event: AlertsEvents) -> State:
    """Remember one event; accepts any event in any state."""
    match event:
        case AlertConditionNoted():
            return replace(state, subject=subject.noted(state.subject, event))
        case AlertOpened() | AlertRepeated():
            return replace(state, subject=subject.alerted(state.subject, event))
        case AlertAcknowledged() | AlertClosed():
            return replace(state, subject=subject.answered(state.subject, event))
        case AlertCommandRefused() if event.about.startswith(RECEIVER):
            ids = state.queue.command_ids | {event.command_id}
            return replace(state, queue=replace(state.queue, command_ids=ids))
        case AlertCommandRefused():
            return replace(state, subject=subject.answered(state.subject, event))
        case AlertQueued():
            return replace(state, queue=receiver.queue_changed(state.queue, event))
        case AlertsNotified():
            return replace(state, queue=receiver.notified(state.queue, event))
        case _:
            assert_never(event)


def route(state: State, event: AlertsEvents) -> tuple[Output, ...]:
    """Tell receivers of an alert that changed; hand a message to each way by which it goes."""
    match event:
        case AlertOpened():
            change = AlertChange.OPENED
        case AlertRepeated() if event.is_escalated:
            change = AlertChange.ESCALATED
        case AlertAcknowledged():
            change = AlertChange.ACKNOWLEDGED
        case AlertClosed():
            change = AlertChange.CLOSED
        case AlertsNotified():
            return tuple(Output(WAYS[way], _message(event)) for way in event.channels)
        case _:
            return ()
    news = subject.told(state.subject, change, event.occurred_at)
    return tuple(Output(Topic.ALERTS_INBOX, one) for one in news)


def _message(event: AlertsNotified) -> SendNotification:
    return SendNotification(
        receiver=event.receiver,
        notification_id=event.notification_id,
        lines=event.lines,
        severity=event.severity,
        more_count=event.more_count,
        is_test=event.is_test,
        occurred_at=event.occurred_at,
    )
