"""The agents that tell people: messages about alerts go out by e-mail and by webhook, each at least once.

A message is sent and then journaled; after a crash between the two it is sent again under the same name, by which its
receiver knows the repeat. A side that is away makes its task or its receiver wait; what it refuses for good is a fact.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any

from schemas.records.by_topic import MailCommands, MailOutcomes, WebhookCommands, WebhookOutcomes
from schemas.topic import Topic
from streams.edges.ports import Notifier
from streams.edges.stateless import Stateless, recall_by, unchanged
from streams.tasks.processor import Effect

# What a crash can make us send again.
MESSAGES_AT_ONCE = 5


def send_mail(notifier: Notifier) -> Effect[Stateless, MailCommands, MailOutcomes]:
    """Return the work of send-mail, by this mail server."""

    async def perform(_state: Stateless, command: MailCommands) -> tuple[MailOutcomes, ...]:
        return (await notifier.send(command),)

    return _sending("send-mail", Topic.MAIL_COMMANDS, Topic.MAIL_OUTCOMES, perform)


def send_webhooks(notifier: Notifier) -> Effect[Stateless, WebhookCommands, WebhookOutcomes]:
    """Return the work of send-webhooks, by HTTP."""

    async def perform(_state: Stateless, command: WebhookCommands) -> tuple[WebhookOutcomes, ...]:
        return (await notifier.send(command),)

    return _sending("send-webhooks", Topic.WEBHOOK_COMMANDS, Topic.WEBHOOK_OUTCOMES, perform)


def _sending(name: str, inbox: Topic, journal: Topic, perform: Any) -> Effect[Stateless, Any, Any]:
    return Effect(
        name=name,
        inbox=inbox,
        journal=journal,
        state_type=Stateless,
        initial=Stateless(),
        perform=perform,
        recall=recall_by(attrgetter("notification_id")),
        evolve=unchanged,
        batch_size=MESSAGES_AT_ONCE,
    )
