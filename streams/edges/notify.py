"""The agents that tell people: messages about alerts go out by e-mail and by webhook, each at least once.

A message is sent and then journaled; after a crash between the two it is sent again under the same name, by which its
receiver knows the repeat. A side that is away makes its task or its receiver wait; what it refuses for good is a fact.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from schemas.failures import Unavailable
from schemas.records import Record
from schemas.records.alerts import NotificationRefused, NotificationSent
from schemas.records.by_topic import MailCommands, MailOutcomes, WebhookCommands, WebhookOutcomes
from schemas.topic import Topic
from streams.edges.ports import Notifier
from streams.tasks.processor import Effect

# What a crash can make us send again.
MESSAGES_AT_ONCE = 5
_Outcomes: TypeAlias = tuple[NotificationSent | NotificationRefused, ...]


@dataclass(frozen=True, slots=True)
class Nothing:
    """These sinks keep no state: who gets a message twice knows it by its name."""


def send_mail(notifier: Notifier) -> Effect[Nothing, MailCommands, MailOutcomes]:
    """Return the work of send-mail, by this mail server."""

    async def perform(_state: Nothing, command: MailCommands) -> tuple[MailOutcomes, ...]:
        return (await notifier.send(command),)

    def evolve(state: Nothing, _event: MailOutcomes) -> Nothing:
        return state

    return Effect(
        name="send-mail",
        inbox=Topic.MAIL_COMMANDS,
        journal=Topic.MAIL_OUTCOMES,
        state_type=Nothing,
        initial=Nothing(),
        perform=perform,
        recall=_recall,
        evolve=evolve,
        batch_size=MESSAGES_AT_ONCE,
    )


def send_webhooks(notifier: Notifier) -> Effect[Nothing, WebhookCommands, WebhookOutcomes]:
    """Return the work of send-webhooks, by HTTP."""

    async def perform(_state: Nothing, command: WebhookCommands) -> tuple[WebhookOutcomes, ...]:
        return (await notifier.send(command),)

    def evolve(state: Nothing, _event: WebhookOutcomes) -> Nothing:
        return state

    return Effect(
        name="send-webhooks",
        inbox=Topic.WEBHOOK_COMMANDS,
        journal=Topic.WEBHOOK_OUTCOMES,
        state_type=Nothing,
        initial=Nothing(),
        perform=perform,
        recall=_recall,
        evolve=evolve,
        batch_size=MESSAGES_AT_ONCE,
    )


def _recall(events: Sequence[Record]) -> Callable[[Nothing, Any], Awaitable[_Outcomes]]:
    """Return what the journal holds of one record, without sending anything."""
    outcomes = {
        event.notification_id: event for event in events if isinstance(event, NotificationSent | NotificationRefused)
    }

    async def perform(_state: Nothing, command: Any) -> _Outcomes:
        outcome = outcomes.get(command.notification_id)
        if outcome is None:
            raise Unavailable(f"the journal holds no outcome of {command.notification_id}")
        return (outcome,)

    return perform
