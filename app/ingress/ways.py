"""The ways in for what PayTrace shows, each a pure path from a proved and guarded body to records of observations."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from app.ingress import guard, reading
from app.ingress.hints import HintResolver
from app.ingress.observations import read_observations
from app.ingress.problems import FieldError, unfit
from app.ingress.settings import IngressSettings
from schemas.failures import Unreadable
from schemas.records.payments import ObservedBy, TransactionObserved
from schemas.values.business_day import PAYTRACE_ZONE, with_days
from schemas.wire.codec import Codec
from streams.edges.ports import GatewayReader

_ROW_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}")
# Looked through in about a millisecond; ten times the size of a hook.
_AT_ONCE: Final = 16 * 1024
_MEMBERS: Final = frozenset({"type", "timestamp", "data"})
_HINT: Final = "data.transaction_id"
_ROWS: Final = "a row as a PayTrace export shows it, a list of rows, or {transaction_id} alone as a hint"
# With four questions at once and a second for each, a sender still has his answer before he gives up.
_MOST_CONFIRMED: Final = 20


class Ways:
    """Reads bodies; asks the gateway where a body is only a hint."""

    def __init__(
        self,
        gateway: GatewayReader,
        hints: HintResolver,
        codec: Codec,
        settings: IngressSettings,
        now: Callable[[], datetime],
        zone: ZoneInfo = PAYTRACE_ZONE,
    ) -> None:
        self._gateway = gateway
        self._hints = hints
        self._codec = codec
        self._believe_rows = settings.hook_rows == "fact"
        self._most = settings.max_observations
        self._most_ahead_s = settings.replay_window_s
        self._now = now
        self._zone = zone

    async def hook(self, body: bytes) -> tuple[TransactionObserved, ...]:
        """Return the records of a signed hook: its own rows, or what the gateway says of the id that it names."""
        text = reading.to_text(body)
        await _apart(guard.guard_text, text)
        value = reading.to_json(text)
        if not isinstance(value, dict):
            raise unfit(FieldError("body", "an object with type and data"))
        unknown = sorted(set(value) - _MEMBERS)
        if unknown:
            raise unfit(FieldError(unknown[0][:60], f"leave it out; known are {', '.join(sorted(_MEMBERS))}"))
        if value.get("type") != self._gateway.hook_type:
            raise unfit(FieldError("type", self._gateway.hook_type))
        data = value.get("data")
        if isinstance(data, dict) and set(data) == {"transaction_id"}:
            return await self._hints.settle(_id_of(data["transaction_id"]), ObservedBy.HOOK, _HINT)
        observed_at = self._moment(value.get("timestamp"))
        try:
            records = self._gateway.read_hook(body, observed_at)
        except Unreadable as error:
            field = getattr(error, "field_name", None)
            raise unfit(FieldError(f"data.{field}" if field else "data", _ROWS)) from None
        return records if self._believe_rows else await self._confirmed(records)

    def _moment(self, given: object) -> datetime:
        """Return when the relay saw the rows: a late hook would else undo what came after it."""
        try:
            moment = datetime.fromisoformat(given if isinstance(given, str) else "")
            ahead_s = (moment - self._now()).total_seconds()
        except (ValueError, TypeError, OverflowError):
            raise unfit(FieldError("timestamp", "when the row was read, as RFC 3339 with a zone")) from None
        if ahead_s > self._most_ahead_s:
            raise unfit(FieldError("timestamp", f"at most {self._most_ahead_s:g} s ahead of our clock"))
        return moment.astimezone(UTC)

    async def _confirmed(self, records: Sequence[TransactionObserved]) -> tuple[TransactionObserved, ...]:
        """Return what the gateway itself says of the transactions that these rows are about."""
        ids = sorted({record.paytrace_transaction_id for record in records})
        if len(ids) > _MOST_CONFIRMED:
            raise unfit(FieldError("data", f"{_MOST_CONFIRMED} rows or less, because each is asked about"))
        reported = [await self._hints.settle(name, ObservedBy.HOOK, _HINT) for name in ids]
        return tuple(record for records in reported for record in records)

    async def silent_post(self, body: bytes) -> tuple[TransactionObserved, ...]:
        """Return what the gateway says of the transaction that a Silent Post names.

        () when it names a customer only.
        """
        await _apart(guard.guard_form, reading.to_text(body))
        try:
            transaction_id = self._gateway.named_in(body)
        except Unreadable:
            raise unfit(
                FieldError("parmList", "one form field of NAME~value pairs joined by |, TRANSACTIONID among them")
            ) from None
        if transaction_id is None:
            return ()
        return await self._hints.settle(transaction_id, ObservedBy.SILENT_POST, "parmList.TRANSACTIONID")

    async def observations(self, body: bytes) -> tuple[TransactionObserved, ...]:
        """Return records in our own schema; business days that they leave out are filled in, in the merchant's zone."""
        text = reading.to_text(body)
        await _apart(guard.guard_text, text)
        latest = self._now() + timedelta(seconds=self._most_ahead_s)
        records = read_observations(reading.to_json(text), self._most, self._codec, latest)
        return tuple(with_days(record, self._zone) for record in records)


async def _apart(look: Callable[[str], None], text: str) -> None:
    """Look through a large text in a thread, so that nobody else waits for it."""
    if len(text) <= _AT_ONCE:
        look(text)
    else:
        await asyncio.to_thread(look, text)


def _id_of(given: object) -> str:
    text = str(given) if isinstance(given, int | str) and not isinstance(given, bool) else ""
    if not _ROW_ID.fullmatch(text):
        raise unfit(FieldError(_HINT, "the id of a transaction, as PayTrace gives it"))
    return text
