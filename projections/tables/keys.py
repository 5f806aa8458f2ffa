"""A Kafka key as a table shows it: foreign producers choose theirs, so a card number in one is masked."""

from __future__ import annotations

from schemas.sensitive import mask_card_numbers


def shown_key(key: bytes | None) -> str:
    """Text of a key; what is no UTF-8 is replaced, what looks like a card number keeps its last four."""
    return mask_card_numbers((key or b"").decode("utf-8", "replace"))
