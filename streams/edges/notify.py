"""The agents that tell people: messages about alerts go out by e-mail and by webhook, each at least once.

A message is sent and then journaled; after a crash between the two it is sent again under the same name, by which its
receiver knows the repeat. A side that is away makes its task or its receiver wait; what it refuses for good is a fact.
"""

from __future__ import annotations

from operator import attrgetter

from schemas.records.by_topic import MailCommands, MailOutcomes, WebhookCommands, WebhookOutcomes
from schemas.topic import Topic
from streams.edges.ports import Notifier
from streams.edges.stateless import Stateless, stateless
from streams.tasks.processor import Effect

# What a crash can make us send again.
MESSAGES_AT_ONCE = 5
_NAME = attrgetter("notification_id")


def send_mail(notifier: Notifier) -> Effect[Stateless, MailCommands, MailOutcomes]:
    """Return the work of send-mail, by this mail server."""

    async def perform(_state: Stateless, command: MailCommands) -> tuple[MailOutcomes, ...]:
        return (await notifier.send(command),)

    return stateless("send-mail", Topic.MAIL_COMMANDS, Topic.MAIL_OUTCOMES, perform, _NAME, batch_size=MESSAGES_AT_ONCE)


def send_webhooks(notifier: Notifier) -> Effect[Stateless, WebhookCommands, WebhookOutcomes]:
    """Return the work of send-webhooks, by HTTP."""

    async def perform(_state: Stateless, command: WebhookCommands) -> tuple[WebhookOutcomes, ...]:
        return (await notifier.send(command),)

    return stateless(
        "send-webhooks", Topic.WEBHOOK_COMMANDS, Topic.WEBHOOK_OUTCOMES, perform, _NAME, batch_size=MESSAGES_AT_ONCE
    )
