"""The topics that the projector reads, by the names that the catalogue gives them (tests hold the two together)."""

from __future__ import annotations

from schemas import catalog

PAYMENT_OBSERVATIONS = "payments.observations.v1"
PAYMENT_EVENTS = "payments.events.v1"
IDENTIFICATION_INBOX = "identification.inbox.v1"
IDENTIFICATION_EVENTS = "identification.events.v1"
RECEIVABLES_INBOX = "receivables.inbox.v1"
RECEIVABLES_EVENTS = "receivables.events.v1"
ERP_COMMANDS = "erp.commands.v1"
ERP_OUTCOMES = "erp.outcomes.v1"
SETTLEMENT_INBOX = "settlement.inbox.v1"
SETTLEMENT_EVENTS = "settlement.events.v1"

PROJECTOR = "projector"


def projected_topics() -> tuple[str, ...]:
    """Every topic that names the projector among its consumers, dead-letter topics included, in a fixed order."""
    return tuple(sorted(name for name, spec in catalog.topics().items() if PROJECTOR in spec.consumers))


def is_dead_letter_topic(topic: str) -> bool:
    """Whether a topic holds dead letters, which are identified by the record inside and not by `saldo-source`."""
    return catalog.topic(topic).role == "dlq"
