"""From a Kafka message to a record at its coordinates; what can't be read becomes a record that says so.

For the projection, which never stops at one bad record: it goes to fct_unreadable with where and why.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any

from projections.messages.coordinates import Coordinates
from projections.messages.dead_letters import open_dead_letter
from projections.tables.fct_unreadable.row import UnreadableRecord
from schemas import catalog
from schemas.checks.guard import masked_bytes, masked_header
from schemas.checks.plausibility import UNKNOWN_INSTANT, plain_text
from schemas.checks.sensitive import mask_sensitive
from schemas.failures import SaldoError, Unreadable
from schemas.records.tasks import DeadLetter
from schemas.wire.codec import Codec
from schemas.wire.envelope import SourcePosition, header_map
from streams.log.records import Inbound


def read(message: Inbound, codec: Codec) -> tuple[Coordinates, Any]:
    """Coordinates and record of one message; never raises for what a message holds.

    The record is a dataclass of schemas.records, an OpenedDeadLetter, or an UnreadableRecord. An unreadable value keeps
    its `saldo-source`, so a repeat of it is still known as one.
    """
    headers = header_map(message.headers)
    upstream, trouble = _upstream(headers.get("saldo-source"))
    at = Coordinates(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        key=message.key,
        # A foreign producer may send no headers at all; its coordinates then tell the record apart.
        event_id=_id(headers.get("ce_id")) or f"{message.topic}/{message.partition}/{message.offset}",
        recorded_at=_recorded_at(message.timestamp_ms),
        upstream=upstream,
        correlation_id=_id(headers.get("saldo-correlation-id")),
        causation_id=_id(headers.get("saldo-causation-id")),
    )
    if trouble is not None:
        return at, _unreadable(message, trouble)
    try:
        record = codec.decode(message.value)
    except SaldoError as error:
        return at, _unreadable(message, error)
    if type(record).__name__ not in _carried(message.topic):
        return at, _unreadable(message, Unreadable(f"{message.topic} does not carry {type(record).__name__}"))
    return at, open_dead_letter(record, codec) if isinstance(record, DeadLetter) else record


@cache
def _carried(topic: str) -> frozenset[str]:
    return frozenset(record.name for record in catalog.topic(topic).records)


def _upstream(header: bytes | None) -> tuple[SourcePosition | None, Exception | None]:
    if header is None:
        return None, None
    try:
        return SourcePosition.parse(_text(header)), None
    except ValueError as error:
        return None, Unreadable(str(error))


def _recorded_at(timestamp_ms: int) -> datetime:
    """Kafka's timestamp, which a producer may set to anything; what the tables can't hold is the unknown instant."""
    try:
        recorded_at = datetime.fromtimestamp(timestamp_ms / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return UNKNOWN_INSTANT
    return recorded_at if 1900 <= recorded_at.year < 2300 else UNKNOWN_INSTANT


def not_stored(message: Inbound, reason: str) -> UnreadableRecord:
    """Return what stands for a record that reads well and that a table does not take."""
    return UnreadableRecord(value=masked_bytes(message.value), error_type="NotStored", message=_plain(reason))


def _plain(text: str) -> str:
    """Return a reason as a table takes it, whatever it quotes."""
    return plain_text(mask_sensitive(text.encode("utf-8", "replace").decode()))


def _unreadable(message: Inbound, error: Exception) -> UnreadableRecord:
    kept = masked_bytes(message.value)  # a digest without a key is no mask: numbers could be tried out until one fits
    return UnreadableRecord(value=kept, error_type=type(error).__name__, message=_plain(str(error)))


def _id(value: bytes | None) -> str:
    return masked_header(_text(value))


def _text(value: bytes | None) -> str:
    return "" if value is None else value.decode("utf-8", "replace")
