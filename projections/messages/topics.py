"""The topics that the projector reads."""

from __future__ import annotations

from schemas import catalog

PROJECTOR = "projector"


def projected_topics() -> tuple[str, ...]:
    """Return every topic that names the projector as a consumer, dead-letter topics included, in a fixed order."""
    return tuple(sorted(name for name, spec in catalog.topics().items() if PROJECTOR in spec.consumers))


def is_dead_letter_topic(topic: str) -> bool:
    """Return whether a topic holds dead letters, identified by the record inside and not by `saldo-source`."""
    return catalog.topic(topic).role == "dlq"
