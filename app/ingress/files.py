"""The ways in for what processors and banks state: a file as an upload, and hooks of disputes.

Decides what of an uploaded body is a file and what becomes of it. All of the body is signed, so nobody on the way
changes whose file it is or what it is for. A file never touches a disk here, because nothing was masked in it yet; what
is kept of it is what is kept of every file (app/files).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec

from app.files.reading import FileReader, Understood, read_bank
from app.files.register import FileRegister
from app.ingress import reading
from app.ingress.guard import guard_text
from app.ingress.limits import Crowd
from app.ingress.problems import FieldError, away, unfit
from reconcile.files.bank_lines import Selection
from reconcile.files.dispute_hooks import HookReader
from reconcile.files.errors import FileUnreadable
from reconcile.files.values import BadValue
from schemas.failures import ContractBroken, Unavailable
from schemas.records import Record

UPLOAD_TYPE: Final = "saldo.file"
ORIGIN: Final = "upload"
_MOST_LISTED: Final = 50
_AT_ONCE: Final = 2  # with max_upload_bytes, bounds the memory that uploads take: some ten times a body each


@dataclass(frozen=True, slots=True)
class Said:
    """What a body says.

    Shapes: before is durable before records are handed over; answer is what the sender learns besides the number of
            records, their event ids by default.
    """

    records: tuple[Record, ...]
    before: tuple[Record, ...] = ()
    answer: Mapping[str, Any] = field(default_factory=dict)


class Upload(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a sender says of a file. The last four are about bank statements alone."""

    purpose: Literal["disputes", "deposits", "bank"]
    file_name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    content: str
    merchant: str | None = None
    account: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,40}$")] | None = None
    bank_account: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{0,6}$")] = ""
    intraday: bool = False


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole body of an upload."""

    type: str
    data: Upload


class FileWays:
    """Reads bodies of both ways."""

    def __init__(
        self,
        reader: FileReader,
        hooks: HookReader,
        register: FileRegister,
        *,
        only: re.Pattern[str] | None,
        timeout_s: float,
        retry_after_s: int,
        now: Callable[[], datetime],
    ) -> None:
        """Take what reads files and hooks; only chooses lines of bank statements, None takes all of them."""
        self._reader, self._hooks, self._register = reader, hooks, register
        self._only = only
        self._timeout_s, self._retry_after_s = timeout_s, retry_after_s
        self._now = now
        self._crowd = Crowd(_AT_ONCE)

    async def dispute_hook(self, body: bytes) -> Said:
        """Return the facts of a hook, all or none."""
        return Said(await asyncio.to_thread(self._facts_of, body))

    def _facts_of(self, body: bytes) -> tuple[Record, ...]:
        text = reading.to_text(body)
        guard_text(text)
        try:
            return self._hooks.read(reading.to_json(text), self._now())
        except BadValue as error:
            raise unfit(FieldError("body", str(error))) from None

    async def upload(self, body: bytes) -> Said:
        """Return the file and its facts, as of the first reading of these bytes."""
        with self._crowd.enter():
            understood = await asyncio.to_thread(self._understood, body)
            try:
                async with asyncio.timeout(self._timeout_s):
                    first = await self._register.first_read_at(understood.digest)
            except (TimeoutError, Unavailable, ContractBroken):
                raise away("broker-away", "The broker did not answer; nothing is taken.", self._retry_after_s) from None
        understood = understood.first_read_at(first)
        return Said(understood.facts, understood.received, _answer(understood))

    def _understood(self, body: bytes) -> Understood:
        given = _message(reading.to_json(reading.to_text(body)))
        if given.merchant is not None and given.merchant not in self._reader.labels:
            raise unfit(FieldError("data.merchant", f"one of {', '.join(self._reader.labels)}"))
        try:
            content = base64.b64decode(given.content, validate=True)
        except (binascii.Error, ValueError):
            raise unfit(FieldError("data.content", "the bytes of the file as base64")) from None
        try:
            with _in_memory(content) as path:
                return self._read(given, path)
        except FileUnreadable as error:
            raise unfit(FieldError("data.content", f"{error.reason}. {error.remedy}")) from None

    def _read(self, given: Upload, path: Path) -> Understood:
        file = self._reader.take(path, given.merchant, origin=ORIGIN, name=given.file_name)
        if given.purpose == "disputes":
            return self._reader.disputes(file)
        if given.purpose == "deposits":
            return self._reader.deposits(file)
        file.accounts.require_one(path)
        label, currency = file.accounts.of_row("", {})
        selection = Selection(label, given.account or label, currency, self._only, given.bank_account)
        return read_bank(file, selection, ends_days=not given.intraday)


def _message(value: Any) -> Upload:
    """Return what a sender says of a file; raises Problem (422) naming the field, also for what is sensitive in one."""
    # The file itself is masked where it is read: a statement holds account numbers, and its sender can't take them out.
    guarded = value
    if isinstance(value, dict) and isinstance(data := value.get("data"), dict) and isinstance(data.get("content"), str):
        guarded = {**value, "data": {**data, "content": ""}}
    guard_text(json.dumps(guarded, default=str))
    try:
        message = msgspec.convert(value, Message)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$.")
        raise unfit(FieldError(where.rstrip("`") or "body", f"correct it: {what[0].lower()}{what[1:]}")) from None
    if message.type != UPLOAD_TYPE:
        raise unfit(FieldError("type", UPLOAD_TYPE))
    return message.data


def _answer(understood: Understood) -> Mapping[str, Any]:
    """Return what a sender learns of a file; the same for the same file."""
    listed = understood.bad[:_MOST_LISTED]
    return {
        "file_digest": understood.digest,
        "left_out": [{"line": row.line, "reason": row.reason} for row in listed],
        "left_out_count": len(understood.bad),
        "notes": understood.notes,
    }


@contextmanager
def _in_memory(content: bytes) -> Iterator[Path]:
    """Hold a file that is on no disk and in no folder."""
    with os.fdopen(os.memfd_create("saldo-upload"), "wb") as file:
        file.write(content)
        file.flush()
        yield Path(f"/proc/self/fd/{file.fileno()}")
