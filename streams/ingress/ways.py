"""The ways in, each a pure path from a proved and guarded body to records of observations."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any, Final

from schemas.codec import Codec
from schemas.failures import Unreadable
from schemas.records.payments import ObservedBy, TransactionObserved
from streams.ingress import guard, reading
from streams.ingress.hints import HintDesk
from streams.ingress.observations import read_observations
from streams.ingress.problems import FieldError, unfit
from streams.ports import GatewayDesk

_ROW_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}")
# Looked through in about a millisecond; ten times the size of a hook.
_AT_ONCE: Final = 16 * 1024
_MEMBERS: Final = frozenset({"type", "timestamp", "transaction", "transaction_id"})


class Ways:
    """Reads bodies; asks the gateway where a body is only a hint."""

    def __init__(self, gateway: GatewayDesk, hints: HintDesk, codec: Codec, *, believe_rows: bool, most: int) -> None:
        self._gateway = gateway
        self._hints = hints
        self._codec = codec
        self._believe_rows = believe_rows
        self._most = most

    async def hook(self, body: bytes) -> tuple[TransactionObserved, ...]:
        """The record of a signed hook: its own row, or what the gateway says of the id that it names."""
        text = reading.to_text(body)
        await _apart(guard.guard_text, text)
        value = reading.to_json(text)
        if not isinstance(value, dict):
            raise unfit(FieldError("body", "an object with transaction or transaction_id"))
        unknown = sorted(set(value) - _MEMBERS)
        if unknown:
            raise unfit(FieldError(unknown[0][:60], f"leave it out; known are {', '.join(sorted(_MEMBERS))}"))
        for name in ("type", "timestamp"):
            if not isinstance(value.get(name, ""), str):
                raise unfit(FieldError(name, "a text"))
        if ("transaction" in value) == ("transaction_id" in value):
            raise unfit(FieldError("transaction", "exactly one of transaction (a row) and transaction_id (a hint)"))
        if "transaction_id" in value:
            return await self._hints.settle(_id_of(value), ObservedBy.HOOK, "transaction_id")
        record = self._row(value["transaction"])
        if self._believe_rows:
            return (record,)
        return await self._hints.settle(record.paytrace_transaction_id, ObservedBy.HOOK, "transaction.transaction_id")

    async def silent_post(self, body: bytes) -> tuple[TransactionObserved, ...]:
        """What the gateway says of the transaction that a Silent Post names; () when it names a customer only."""
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
        """Records in our own schema."""
        text = reading.to_text(body)
        await _apart(guard.guard_text, text)
        return read_observations(reading.to_json(text), self._most, self._codec)

    def _row(self, row: Any) -> TransactionObserved:
        if not isinstance(row, dict):
            raise unfit(FieldError("transaction", "one row of a PayTrace v1 export, as an object"))
        try:
            return self._gateway.read_row(row)
        except Unreadable as error:
            field = getattr(error, "field_name", None) or "transaction_id"
            raise unfit(FieldError(f"transaction.{field}", "as a PayTrace v1 export shows it")) from None


async def _apart(look: Callable[[str], None], text: str) -> None:
    """Look through a large text in a thread, so that nobody else waits for it."""
    if len(text) <= _AT_ONCE:
        look(text)
    else:
        await asyncio.to_thread(look, text)


def _id_of(value: dict[str, Any]) -> str:
    given = value["transaction_id"]
    text = str(given) if isinstance(given, int | str) and not isinstance(given, bool) else ""
    if not _ROW_ID.fullmatch(text):
        raise unfit(FieldError("transaction_id", "the id of a transaction, as PayTrace gives it"))
    return text
