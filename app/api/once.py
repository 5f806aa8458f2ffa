"""The same request twice is given once: claims by idempotency key, durable before anything is written.

    claim (key, digest of the request)  ->  each record, before it is written  ->  the outcome

A key that has its outcome answers it again. One that has none, since its process ended, is looked up by the records
that it noted (docs/adr/0024-claims-before-calls.md). Kept in one SQLite file that every API process of the machine
shares; a lock per key, which ends with its process, says that a request is being carried out.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from app.access.actor import Actor
from app.access.errors import AccessDenied
from app.api.commands import Commands, Given, Outcome, Status, Upload, ValuesInvalid
from app.output.terminal import Sheet
from schemas.failures import Refused, Unreadable

KEPT_FOR = timedelta(days=30)
_MAKE = """
CREATE TABLE IF NOT EXISTS requests (
    actor TEXT NOT NULL, key TEXT NOT NULL, digest TEXT NOT NULL, claimed_at TEXT NOT NULL,
    records TEXT NOT NULL DEFAULT '[]', outcome TEXT, PRIMARY KEY (actor, key)
) WITHOUT ROWID
"""


class KeyReused(Exception):
    """This key belongs to another request."""


class InProgress(Exception):
    """This very request is being carried out; its outcome can be asked for in a moment."""


class Once:
    """Gives commands by idempotency key."""

    def __init__(self, commands: Commands, path: Path, now: Callable[[], datetime]) -> None:
        """Open the file of claims; what is older than KEPT_FOR is forgotten."""
        self._commands = commands
        self._path = path
        self._now = now
        self._running: set[tuple[str, str]] = set()
        self._guard = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(0o600)
        # Open as long as the process: closing any handle of the file would free every lock that it has.
        self._locks = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        with self._open() as store:
            store.execute(_MAKE)
            store.execute("DELETE FROM requests WHERE claimed_at < ?", ((now() - KEPT_FOR).isoformat(),))

    def perform(self, name: str, values: Mapping[str, Any], actor: Actor, key: str) -> tuple[Outcome, bool]:
        """Give a command once for its key; says too whether this is the answer of an earlier request.

        A request that never reached an inbox (values that do not fit, no permission) frees its key.
        Raises: KeyReused; InProgress; and what Commands.perform raises.
        """
        place, digest = (actor.user_id, key), _digest(name, values)
        with self._alone(place):
            with self._open() as store:
                store.execute(
                    "INSERT OR IGNORE INTO requests (actor, key, digest, claimed_at) VALUES (?, ?, ?, ?)",
                    (*place, digest, self._now().isoformat()),
                )
                known, records, outcome = store.execute(
                    "SELECT digest, records, outcome FROM requests WHERE actor = ? AND key = ?", place
                ).fetchone()
            if known != digest:
                raise KeyReused
            if outcome is not None:
                return _outcome(json.loads(outcome)), True
            if noted := json.loads(records):
                found = self._commands.resume(noted)
            else:
                found = self._first(name, values, actor, place)
            if found.status is not Status.UNANSWERED:
                self._set(place, "outcome", json.dumps(asdict(found)))
            return found, bool(noted)

    def _first(self, name: str, values: Mapping[str, Any], actor: Actor, place: tuple[str, str]) -> Outcome:
        noted: list[Mapping[str, Any]] = []

        def keep(record: Mapping[str, Any]) -> None:
            noted.append(record)
            self._set(place, "records", json.dumps(noted))

        try:
            return self._commands.perform(name, values, actor, keep)
        except (ValuesInvalid, AccessDenied, LookupError, Unreadable, Refused):
            # A record is noted after it was encoded and before it is written: without a note nothing can be there.
            if not noted:
                with self._open() as store:
                    store.execute("DELETE FROM requests WHERE actor = ? AND key = ?", place)
            raise

    def _set(self, place: tuple[str, str], column: str, text: str) -> None:
        with self._open() as store:
            # The column is one of our own two.
            store.execute(f"UPDATE requests SET {column} = ? WHERE actor = ? AND key = ?", (text, *place))  # noqa: S608

    @contextmanager
    def _alone(self, place: tuple[str, str]) -> Iterator[None]:
        # Of 62 bits, so that two keys don't meet; between processes by the kernel, within one by the set.
        byte = int.from_bytes(hashlib.sha256(json.dumps(place).encode()).digest()[:8], "big") >> 2
        with self._guard:
            if place in self._running:
                raise InProgress
            try:
                fcntl.lockf(self._locks, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)
            except OSError:
                raise InProgress from None
            self._running.add(place)
        try:
            yield
        finally:
            with self._guard:
                fcntl.lockf(self._locks, fcntl.LOCK_UN, 1, byte)
                self._running.discard(place)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        # A connection each: requests run in threads. FULL: a claim outlives the machine.
        with closing(sqlite3.connect(self._path, timeout=10)) as store:
            store.execute("PRAGMA journal_mode = WAL")
            store.execute("PRAGMA synchronous = FULL")
            with store:
                yield store


def _digest(name: str, values: Mapping[str, Any]) -> str:
    def plain(value: Any) -> Any:
        return [value.file_name, hashlib.sha256(value.content).hexdigest()] if isinstance(value, Upload) else str(value)

    return hashlib.sha256(json.dumps([name, values], sort_keys=True, default=plain).encode()).hexdigest()


def _outcome(kept: dict[str, Any]) -> Outcome:
    given = tuple(Given(**{**one, "events": tuple(one["events"])}) for one in kept["given"])
    sheets = tuple(Sheet(one["title"], tuple(one["columns"]), tuple(map(tuple, one["rows"]))) for one in kept["sheets"])
    return Outcome(Status(kept["status"]), tuple(kept["lines"]), given, kept["proposal_id"], sheets)
