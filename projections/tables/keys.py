"""A Kafka key as a table shows it: foreign producers choose theirs, so it is masked as a record's own field is."""

from __future__ import annotations

from schemas.checks.guard import masked_key


def shown_key(key: bytes | None) -> str:
    """Return text of a key; what is no UTF-8 is replaced, a card or bank number is masked and keeps its identity."""
    return (masked_key(key) or b"").decode("utf-8", "replace")
