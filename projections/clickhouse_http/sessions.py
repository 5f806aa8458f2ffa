"""Sessions on the embedded store for the clients of this interface: each question gets one, some at a time.

A session reads with the limits of every reader, sees of the system tables what is Saldo's own, and lets a query bring
its own settings of output (readonly = 2); the guard of SQL refuses SETTINGS in a statement, so those are ours.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from projections.clickhouse_http import statements
from projections.clickhouse_http.asked import Asked
from projections.clickhouse_http.settings import listed_settings, settings_for
from projections.store.client import Store, open_client_session, quoted
from projections.store.errors import QueryRefused
from projections.store.spool import Spool
from projections.store.sql_guard import normal_form

# A dashboard asks some questions at once; each may use READER_LIMITS of memory.
SESSION_COUNT: Final = 3
# Longer than the panels of a dashboard need one after the other, shorter than the 300 s for which clients wait.
MOST_WAIT_S: Final = 60.0
_LOOK_S: Final = 0.2


class ClientSessions:
    """A few sessions, handed out one question at a time."""

    def __init__(self, dsn: str, *, count: int = SESSION_COUNT, most_wait_s: float = MOST_WAIT_S) -> None:
        self._most_wait_s = most_wait_s
        self._free: queue.SimpleQueue[Store] = queue.SimpleQueue()
        self._all: list[Store] = []
        try:
            for _ in range(count):
                self._all.append(open_client_session(dsn))
        except BaseException:
            self.close()
            raise
        self._settings = _as_values(self._all[0])
        for store in self._all:
            self._free.put(store)

    def answer(self, asked: Asked, client_gone: threading.Event) -> tuple[str, Spool]:
        """Format and content of the answer.

        Raises: QueryRefused; code TOO_MANY_SIMULTANEOUS_QUERIES when others are asked for too long.
        """
        with self._one(client_gone) as store:
            return _answer(store, asked, self._settings, client_gone)

    def close(self) -> None:
        """Let go of the store, after the questions that are being answered."""
        for store in self._all:
            store.close()

    @contextmanager
    def _one(self, client_gone: threading.Event) -> Iterator[Store]:
        store = self._next_free(client_gone)
        try:
            yield store
        finally:
            self._free.put(store)

    def _next_free(self, client_gone: threading.Event) -> Store:
        deadline = time.monotonic() + self._most_wait_s
        while True:
            try:
                return self._free.get(timeout=_LOOK_S)
            except queue.Empty:
                if client_gone.is_set():
                    raise QueryRefused("the client has closed its connection", code="QUERY_WAS_CANCELLED") from None
                if time.monotonic() > deadline:
                    raise QueryRefused(
                        f"Too many simultaneous queries: {len(self._all)} run already, and none has ended for "
                        f"{self._most_wait_s:.0f} s; ask again",
                        code="TOO_MANY_SIMULTANEOUS_QUERIES",
                    ) from None


def _answer(store: Store, asked: Asked, settings_table: str, client_gone: threading.Event) -> tuple[str, Spool]:
    statements.checked_database(asked.database, store.database)
    if not asked.statement.strip():
        raise QueryRefused("Empty query", code="SYNTAX_ERROR")
    text, named, settings = statements.without_format(normal_form(store.rows, asked.statement))
    statement = statements.as_select(statements.with_table(text, "system.settings", settings_table), store.database)
    if statement.table is not None:
        _must_exist(store, *statement.table)
    output_format = named or asked.output_format
    spool = store.answer(
        statement.text,
        {**asked.parameters, **statement.parameters},
        output_format=output_format,
        settings={**asked.settings, **settings_for(settings)},
        describes=statement.describes,
        client_gone=client_gone,
    )
    return output_format, spool


def _as_values(store: Store) -> str:
    """Return the settings that clients may see as a subquery: no reader may read the engine's own table of them."""
    found = dict(store.rows("SELECT name, value FROM system.settings"))
    rows = ", ".join(
        f"({quoted(name)}, {quoted(str(found[name]))}, {int(name == 'readonly')})"
        for name in listed_settings()
        if name in found
    )
    return f"(SELECT * FROM values('name String, value String, readonly UInt8', {rows}))"  # noqa: S608  # literals of our own


def _must_exist(store: Store, database: str, table: str) -> None:
    found = store.rows(
        "SELECT 1 FROM system.tables WHERE database = {database:String} AND name = {table:String}",
        {"database": database, "table": table},
    )
    if not found:
        raise QueryRefused(f"Table {database}.{table} does not exist", code="UNKNOWN_TABLE")
