"""A dead letter together with what it holds: the parked record, read again where that is possible.

For the tables of parked money: a dead letter alone says where and why, the record inside says how much.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from schemas.failures import SaldoError
from schemas.records.tasks import DeadLetter
from schemas.wire.codec import Codec
from schemas.wire.envelope import header_text


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedDeadLetter:
    """A dead letter and the record inside; None when its bytes make no sense here either."""

    letter: DeadLetter
    record: Any | None
    event_id: str


def open_dead_letter(letter: DeadLetter, codec: Codec) -> OpenedDeadLetter:
    """Read the record inside a dead letter; what cannot be read stays whole in its topic."""
    try:
        # As it was reported: most records are parked because their values cannot be true, and people look for them.
        record = codec.decode_as_written(letter.record_value)
    except SaldoError:
        record = None
    event_id = header_text(tuple(letter.record_headers.items()), "ce_id") or ""
    return OpenedDeadLetter(letter=letter, record=record, event_id=event_id)
