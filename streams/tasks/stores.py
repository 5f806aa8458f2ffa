"""Where a task keeps the state of its keys: in memory, or in one SQLite file per task. One port, chosen by setting.

A store is a copy of what the journal says. It only shortens the restore and may be deleted at any moment; state and
progress change together, in one transaction, so after a kill it holds some earlier point of the journal, whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from streams.tasks.progress import Progress

S = TypeVar("S")


class StateStore(Protocol[S]):
    """State per key, and the progress that it belongs to."""

    def load(self, identity: str) -> Progress | None:
        """Return the progress stored under this identity; None when there is none, and then the store is empty."""
        ...

    def get(self, key: bytes) -> S | None:
        """State of one key."""
        ...

    def commit(self, changed: Mapping[bytes, S], progress: Progress) -> None:
        """Replace the state of the changed keys and the progress, together."""
        ...

    def items(self) -> Iterator[tuple[bytes, S]]:
        """Yield every key and its state, sorted by key."""
        ...

    def close(self) -> None:
        """Let go of files."""
        ...


class MemoryStore(Generic[S]):
    """State that ends with the process."""

    def __init__(self) -> None:
        self._states: dict[bytes, S] = {}

    def load(self, identity: str) -> Progress | None:
        """Find nothing, since nothing survives."""
        self._states.clear()
        return None

    def get(self, key: bytes) -> S | None:
        """State of one key."""
        return self._states.get(key)

    def commit(self, changed: Mapping[bytes, S], progress: Progress) -> None:
        """Replace the state of the changed keys."""
        self._states.update(changed)

    def items(self) -> Iterator[tuple[bytes, S]]:
        """Yield every key and its state, sorted by key."""
        return iter(sorted(self._states.items()))

    def close(self) -> None:
        """Close nothing: there is nothing to let go of."""


class SqliteStore(Generic[S]):
    """State in one SQLite file; states are msgpack of the state's dataclass."""

    def __init__(self, path: Path, state_type: type[S]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._decoder: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(state_type)
        self._identity = ""
        self._db = self._open()

    def load(self, identity: str) -> Progress | None:
        """Return the progress stored under this identity.

        An identity that differs (another topic of that name, another version of the state) or a file that cannot be
        read empties the store: it is only a copy.
        """
        self._identity = identity
        try:
            row = self._db.execute("SELECT identity, progress FROM task").fetchone()
            if row is not None and row[0] == identity:
                return Progress.from_bytes(row[1])
        except (sqlite3.DatabaseError, msgspec.MsgspecError, ValueError):
            self._db.close()
            for stale in self._path.parent.glob(self._path.name + "*"):
                stale.unlink(missing_ok=True)
            self._db = self._open()
        with self._db:
            self._db.execute("DELETE FROM task")
            self._db.execute("DELETE FROM state")
        return None

    def get(self, key: bytes) -> S | None:
        """State of one key."""
        row = self._db.execute("SELECT value FROM state WHERE key = ?", (key,)).fetchone()
        return None if row is None else self._decoder.decode(row[0])

    def commit(self, changed: Mapping[bytes, S], progress: Progress) -> None:
        """Replace the state of the changed keys and the progress, in one transaction."""
        with self._db:
            self._db.executemany(
                "INSERT OR REPLACE INTO state (key, value) VALUES (?, ?)",
                [(key, msgspec.msgpack.encode(state)) for key, state in changed.items()],
            )
            self._db.execute(
                "INSERT OR REPLACE INTO task (only, identity, progress) VALUES (1, ?, ?)",
                (self._identity, progress.to_bytes()),
            )

    def items(self) -> Iterator[tuple[bytes, S]]:
        """Yield every key and its state, sorted by key."""
        for key, value in self._db.execute("SELECT key, value FROM state ORDER BY key"):
            yield key, self._decoder.decode(value)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, check_same_thread=False)
        with contextlib.suppress(sqlite3.DatabaseError):
            # A lost tail is read again from the journal, so no write has to wait for the disk.
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = OFF")
            db.execute("CREATE TABLE IF NOT EXISTS state (key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID")
            db.execute("CREATE TABLE IF NOT EXISTS task (only INTEGER PRIMARY KEY, identity TEXT, progress BLOB)")
        return db


def digest(items: Iterator[tuple[bytes, Any]]) -> str:
    """Return a digest over keys and states, the same for the same state in whatever store it lies."""
    sha = hashlib.sha256()
    for key, state in items:
        encoded = msgspec.msgpack.encode(state, order="sorted")
        sha.update(len(key).to_bytes(4, "big") + key + len(encoded).to_bytes(4, "big") + encoded)
    return sha.hexdigest()
