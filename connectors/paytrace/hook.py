"""Reads the body of a signed hook into observations; whoever receives it has verified the signature before.

PayTrace itself sends no hooks. This is our own generic shape (Standard Webhooks) for whoever sits between and
does send some: data is one export row or a list of them, in PayTrace's words, so the same mapping reads it and
the same fact seen by hook and by poll differs in observed_by alone. Pure.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from connectors.paytrace import wire
from connectors.paytrace.errors import UnreadableAnswer
from connectors.paytrace.mapping import ACH_STATUS_NAMES, to_ach_observed, to_transaction_observed
from connectors.paytrace.settings import PayTraceSettings
from schemas.records.payments import ObservedBy, TransactionObserved

HOOK_TYPE: Final = "paytrace.transaction.changed"
# A thousand rows a hook: far beyond a batch of changes, and a bound for memory.
_MAX_ROWS: Final = 1000


def read_hook(body: bytes, settings: PayTraceSettings, *, observed_at: datetime) -> tuple[TransactionObserved, ...]:
    """Read {"type": "paytrace.transaction.changed", "data": row or [rows]}.

    Ensures: all rows or none; the same observations that a poll of these rows would give, but for observed_by.
    Raises:  UnreadableAnswer for another shape or type; UnreadableRow for a row without a usable id.
    """
    try:
        message = wire.decode(body)
    except ValueError as error:
        raise UnreadableAnswer(f"hook: {error}") from error
    if not isinstance(message, dict) or message.get("type") != HOOK_TYPE:
        raise UnreadableAnswer(f"hook: expected an object of type {HOOK_TYPE}")
    data = message.get("data")
    rows = data if isinstance(data, list) else [data]
    if len(rows) > _MAX_ROWS:
        raise UnreadableAnswer(f"hook: more than {_MAX_ROWS} rows")
    read = tuple(_read(row, settings, observed_at) for row in rows if isinstance(row, dict))
    if not read or len(read) != len(rows):
        raise UnreadableAnswer("hook: data must be a row or a list of rows")
    return read


def _read(row: wire.JsonObject, settings: PayTraceSettings, observed_at: datetime) -> TransactionObserved:
    convert = to_ach_observed if _is_ach(row) else to_transaction_observed
    return convert(
        row,
        merchant=settings.merchant,
        zone=settings.zone,
        observed_at=observed_at,
        observed_by=ObservedBy.HOOK,
        currency=settings.currency,
        fold=settings.fold,
    )


def _is_ach(row: wire.JsonObject) -> bool:
    """Return whether a row is of the ACH list: its rows have a status, those of the card export a code and message."""
    if "check_transaction_id" in row:
        return True
    return "status_code" not in row and any(name in row for name in ACH_STATUS_NAMES)
