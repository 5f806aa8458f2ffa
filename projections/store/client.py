"""One door to ClickHouse, whether it is a server or the same engine inside our process (chDB).

clickhouse-connect speaks to both, so every SQL file runs on both. The embedded store belongs to one process at a time,
which the engine itself does not enforce; a lock file beside it does. For the projector, which writes, and for readers,
which can't.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import struct
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Protocol, cast
from urllib.parse import unquote, urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, DataError

from projections.store.errors import QueryRefused, RowsRefused, StoreBusy
from projections.store.spool import LARGEST_ANSWER, Spool
from projections.store.sql_guard import checked
from schemas.checks.plausibility import plain_text
from schemas.checks.sensitive import mask_sensitive
from schemas.failures import Unavailable

Parameters = Mapping[str, Any]

EMBEDDED_DATABASE = "saldo"
# What one statement of a reader may use. 4 GB is a sixth of the smallest machine that Saldo is run on; 120 s is less
# than the 300 s for which the command line waits; the size of an answer is explained in spool.py.
READER_LIMITS: Mapping[str, int] = {
    "max_memory_usage": 4_000_000_000,
    "max_execution_time": 120,
    "max_result_rows": 5_000_000,
    "max_result_bytes": LARGEST_ANSWER,
}
_FORMAT_NAME = re.compile(r"^[A-Za-z][A-Za-z0-9]*$")
_DATABASE_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")
_SYSTEM_WORDS = re.compile(r"\[Errno -?\d+\] (?P<words>[\w ,-]+)")
# It logs what it raises as well, past our own line for people.
logging.getLogger("clickhouse_connect").addHandler(logging.NullHandler())


# What a block is refused for before it reaches the engine: the client can't write a value as its column's type.
_UNFIT_VALUES = (DataError, ValueError, TypeError, AttributeError, OverflowError, struct.error)
# The same, found by the engine. CANNOT_PARSE_TEXT, _QUOTED_STRING, _INPUT_ASSERTION, _DATE, _DATETIME, TYPE_MISMATCH,
# ARGUMENT_OUT_OF_BOUND, CANNOT_CONVERT_TYPE, CANNOT_PARSE_NUMBER, INCORRECT_DATA, TOO_LARGE_ARRAY_SIZE,
# TOO_LARGE_STRING_SIZE, VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE, CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN, DECIMAL_OVERFLOW,
# VIOLATED_CONSTRAINT, UNKNOWN_ELEMENT_OF_ENUM. Every other code (no space, no memory, read only, no such table, too
# many parts) is the store's, and blamed on no record.
_UNFIT_CODES = frozenset({6, 26, 27, 38, 41, 53, 69, 70, 72, 117, 128, 131, 321, 349, 407, 469, 691})
_SERVER_CODE = re.compile(r"\bcode:? *(\d+)", re.IGNORECASE)
_PIECE_BYTES = 1 << 20
_LONGEST_REASON = 500
_LONGEST_REFUSAL = 3_000


class SqlReader(Protocol):
    """Where SQL can be asked, whoever holds the store; it can change nothing."""

    def query(
        self,
        sql: str,
        parameters: Parameters | None = None,
        *,
        output_format: str = "JSONCompact",
        as_of: datetime | None = None,
    ) -> bytes:
        """Return the answer of one statement in a ClickHouse output format, whole: for one that is small.

        as_of is the instant up to which records count, by Kafka's timestamp; None counts all.
        Raises: QueryRefused in the engine's own words.
        """
        ...

    def answer(
        self,
        sql: str,
        parameters: Parameters | None = None,
        *,
        output_format: str = "JSONCompact",
        as_of: datetime | None = None,
    ) -> Spool:
        """Return the same beside memory, for an answer of any size; the caller closes it."""
        ...

    def close(self) -> None:
        """Let go of the store."""
        ...


class Store:
    """One session on a store; threads wait for each other.

    Ensures: an insert is atomic (one block, one part) and on disk when it returns, on both kinds of store.
    """

    def __init__(
        self, client: Client, spool_dir: Path, lock: _StoreLock | None = None, *, is_embedded: bool = False
    ) -> None:
        self._client = client
        self._spool_dir = spool_dir
        self._lock = lock
        self._is_embedded = is_embedded
        self._in_use = threading.RLock()
        self._types: dict[str, Mapping[str, str]] = {}

    @property
    def database(self) -> str:
        """The database whose tables this session reads."""
        return str(self._client.database)

    def execute(self, sql: str, parameters: Parameters | None = None) -> None:
        """Run one statement that answers nothing."""
        with self._asking():
            self._client.command(sql, parameters=dict(parameters or {}))

    def rows(self, sql: str, parameters: Parameters | None = None) -> list[tuple[Any, ...]]:
        """Return rows of one query as Python values; instants are aware."""
        with self._asking():
            return [tuple(row) for row in self._client.query(sql, parameters=dict(parameters or {})).result_rows]

    def insert(self, table: str, columns: Sequence[str], values: Sequence[Sequence[Any]]) -> None:
        """Insert one block.

        Shapes: columns is (c,); values is (c, n), one sequence for each column. n == 0 does nothing.
        Raises: RowsRefused when a value does not fit its column, which no repetition changes; anything else is no fault
                of the rows (the store is away or full, a table is missing).
        """
        if not values or not values[0]:
            return
        types = self._column_types(table)
        names = [types[column] for column in columns]
        with self._asking():
            try:
                self._client.insert(
                    table, values, column_names=list(columns), column_type_names=names, column_oriented=True
                )
            except _UNFIT_VALUES as error:
                raise RowsRefused(f"{table}: {_plain(error)}") from error
            except ClickHouseError as error:
                if _server_code(error) in _UNFIT_CODES:
                    raise RowsRefused(f"{table}: {_plain(error)}") from error
                raise

    def query(
        self,
        sql: str,
        parameters: Parameters | None = None,
        *,
        output_format: str = "JSONCompact",
        as_of: datetime | None = None,
    ) -> bytes:
        """Return the answer of one statement whole; see `answer`."""
        with self.answer(sql, parameters, output_format=output_format, as_of=as_of) as spool:
            return spool.whole()

    def answer(
        self,
        sql: str,
        parameters: Parameters | None = None,
        *,
        output_format: str = "JSONCompact",
        as_of: datetime | None = None,
        settings: Mapping[str, str] | None = None,
        describes: bool = False,
        client_gone: threading.Event | None = None,
    ) -> Spool:
        """Ask one statement that only reads (sql_guard.py); the answer is in a ClickHouse output format.

        Parameters that the statement does not name count for nothing.

        as_of        the instant up to which records count: tables and views are what they were then
        settings     of this statement; whoever gives them has checked them, and the session must take them
        describes    answer the columns of the statement, not its rows
        client_gone  is set once nobody waits any more: the engine then ends at its next piece
        Raises: QueryRefused; also for an answer of more than LARGEST_ANSWER bytes.
        """
        if not _FORMAT_NAME.fullmatch(output_format):
            raise QueryRefused(f"no output format {output_format!r}", code="FORMAT")
        statement, bound = checked(self.rows, sql, parameters or {}, database=self.database)
        if describes:
            statement = f"DESCRIBE TABLE ({statement})"
        literals = {name: quoted(value) for name, value in sorted((settings or {}).items())}
        if as_of is not None:
            literals["additional_table_filters"] = self._up_to(as_of)
        spool = Spool(self._spool_dir, client_gone)
        try:
            give = self._through_pipe if self._is_embedded else self._streamed
            give(spool.take, statement, _clause(literals), bound, output_format)
        except BaseException:
            spool.close()
            raise
        return spool

    def _through_pipe(
        self, take: Callable[[bytes], None], statement: str, clause: str, bound: Parameters, output_format: str
    ) -> None:
        """Give an answer to take, piece by piece as the embedded engine writes it.

        What take raises is raised here, once the engine has come to its end; nothing more is given to it.
        """
        refusal: QueryRefused | None = None
        with _pipe_to(take) as (end, pieces):
            # APPEND, because what is there already, a pipe, is written to.
            statement += f" INTO OUTFILE '/dev/fd/{end}' APPEND" + clause
            try:
                with self._asking():
                    self._client.raw_query(statement, parameters=dict(bound), fmt=output_format)
            except QueryRefused as error:
                refusal = error
        pieces.result()
        if refusal is not None:
            raise refusal

    def _streamed(
        self, take: Callable[[bytes], None], statement: str, clause: str, bound: Parameters, output_format: str
    ) -> None:
        """Give an answer to take, piece by piece as a server sends it."""
        with self._asking():
            asked = self._client.raw_stream(statement + clause, parameters=dict(bound), fmt=output_format)
            with cast("IO[bytes]", asked) as stream:
                while piece := stream.read(_PIECE_BYTES):
                    take(piece)

    def close(self) -> None:
        """Let go of the store, and of its lock when this session took it."""
        self._client.close()
        if self._lock is not None:
            self._lock.release()

    def _up_to(self, as_of: datetime) -> str:
        """Return what leaves out of every table the rows of later records, as a literal of additional_table_filters.

        The engine puts it wherever a table is read, in views and subqueries too.
        """
        found = self.rows(
            "SELECT table FROM system.columns WHERE database = {database:String} AND name = 'recorded_at' AND table IN "
            "(SELECT name FROM system.tables WHERE database = {database:String} AND engine NOT LIKE '%View')",
            {"database": self.database},
        )
        condition = quoted(f"recorded_at <= toDateTime64('{as_of.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}', 6, 'UTC')")
        return "{" + ", ".join(f"{quoted(f'{self.database}.{table}')}: {condition}" for (table,) in found) + "}"

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Around each use of the engine: what it refuses is QueryRefused, and the next statement starts afresh.

        The embedded engine keeps what a statement had written before it failed, and gives it out as the answer of the
        next statement of the session; so something is asked whose answer nobody needs.
        """
        with self._in_use:
            try:
                with _refusals():
                    yield
            except (QueryRefused, RowsRefused):
                if self._is_embedded:
                    with suppress(ClickHouseError):
                        self._client.raw_query("SELECT 1", fmt="TabSeparated")
                raise

    def _column_types(self, table: str) -> Mapping[str, str]:
        known = self._types.get(table)
        if known is None:
            found = self.rows(
                "SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = {table:String}",
                {"table": table},
            )
            known = self._types[table] = {str(name): str(kind) for name, kind in found}
        return known


def open_store(dsn: str) -> Store:
    """Open a store for writing, making its database when it is new.

    Raises: StoreBusy when another process holds the embedded store; QueryRefused when the server says no.
    """
    if not dsn.startswith("chdb:"):
        return Store(_server_client(dsn, read_only=False), Path(tempfile.gettempdir()))
    path = embedded_path(dsn)
    path.mkdir(parents=True, exist_ok=True)
    lock = _StoreLock(path)
    try:
        return Store(_embedded_client(path), path.parent, lock, is_embedded=True)
    except BaseException:
        lock.release()
        raise


def open_read_only(dsn: str, *, beside_writer: bool = False) -> Store:
    """Open a store for reading only: the engine refuses every change in this session.

    beside_writer is for a second session inside the process that already holds the embedded store.
    Raises: StoreBusy when another process holds the embedded store.
    """
    if not dsn.startswith("chdb:"):
        return Store(_server_client(dsn, read_only=True), Path(tempfile.gettempdir()))
    path = embedded_path(dsn)
    if not beside_writer:
        path.mkdir(parents=True, exist_ok=True)
    lock = None if beside_writer else _StoreLock(path)
    try:
        client = _reading_client(path)
    except BaseException:
        if lock is not None:
            lock.release()
        raise
    return Store(client, path.parent, lock, is_embedded=True)


def open_client_session(dsn: str) -> Store:
    """Open a session of another program's client beside the writer of an embedded store, for reading only.

    Ensures: the system tables show what is Saldo's own. A statement may have settings of its own (readonly = 2), which
             the guard of SQL leaves to our code.
    """
    shown = {
        "system.databases": f"name = '{EMBEDDED_DATABASE}'",
        "system.tables": f"database = '{EMBEDDED_DATABASE}'",
        "system.columns": f"database = '{EMBEDDED_DATABASE}'",
    }
    filters = ", ".join(f"{quoted(table)}: {quoted(condition)}" for table, condition in shown.items())
    path = embedded_path(dsn)
    return Store(_reading_client(path, f"additional_table_filters = {{{filters}}}"), path.parent, is_embedded=True)


def _reading_client(path: Path, *settings: str) -> Client:
    """Return a session of the embedded engine that reads within the limits of a reader, with these settings besides."""
    client = _embedded_client(path)
    try:
        for setting in (*(f"{name} = {value}" for name, value in READER_LIMITS.items()), *settings):
            client.command(f"SET {setting}")
        # 2 lets our own code bring settings with a statement (as_of); the guard refuses them in a statement of others.
        client.command("SET readonly = 2")
    except BaseException:
        client.close()
        raise
    return client


def _clause(literals: Mapping[str, str]) -> str:
    return " SETTINGS " + ", ".join(f"{name} = {value}" for name, value in literals.items()) if literals else ""


@contextmanager
def _pipe_to(take: Callable[[bytes], None]) -> Iterator[tuple[int, Future[None]]]:
    """Hold the end of a pipe to write to inside the block, and what becomes of its pieces, done after the block."""
    reading, writing = os.pipe()

    def give() -> None:
        # Closed when take is done or raises: the engine, refused by the system, writes nothing more then.
        with open(reading, "rb", buffering=0) as pieces:
            while piece := pieces.read(_PIECE_BYTES):
                take(piece)

    with ThreadPoolExecutor(1, "answer") as threads:
        given = threads.submit(give)
        try:
            yield writing, given
        finally:
            os.close(writing)


def quoted(text: str) -> str:
    """Return the text as a literal of SQL."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def embedded_path(dsn: str) -> Path:
    """Directory of a chdb:// store; raises ValueError when it is not an absolute path."""
    parts = urlsplit(dsn)
    if parts.netloc or not parts.path.startswith("/"):
        raise ValueError(f"the embedded store needs an absolute path, chdb:///path/to/dir, got {dsn!r}")
    return Path(unquote(parts.path))


class _StoreLock:
    """Exclusive hold on an embedded store's directory; ends with the process, however it ends."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._file)
            raise StoreBusy(
                f"another process holds the embedded store {path}; ask through the running projector",
                retry_after_s=1.0,
            ) from None

    def release(self) -> None:
        os.close(self._file)


def _embedded_client(path: Path) -> Client:
    client = clickhouse_connect.get_client(interface="chdb", path=str(path), tz_mode="aware")
    client.command(f"CREATE DATABASE IF NOT EXISTS {EMBEDDED_DATABASE}")
    client.database = EMBEDDED_DATABASE
    return client


def _server_client(dsn: str, *, read_only: bool) -> Client:
    parts = urlsplit(dsn)
    database = unquote(parts.path.strip("/")) or "default"
    if not _DATABASE_NAME.match(database):
        raise ValueError(f"database name must be letters, digits and underscores, got {database!r}")
    secure = parts.scheme in ("clickhouses", "https")
    host, port = parts.hostname or "127.0.0.1", parts.port or (8443 if secure else 8123)
    with _refusals(f"{host}:{port}"):
        client = clickhouse_connect.get_client(
            host=host,
            port=port,
            username=unquote(parts.username or "default"),
            password=unquote(parts.password or ""),
            secure=secure,
            tz_mode="aware",
        )
        if not read_only:
            client.command(f"CREATE DATABASE IF NOT EXISTS {database}")
        client.database = database
        if read_only:
            # Each request of a server session carries the settings; the server then refuses every change.
            for name, value in READER_LIMITS.items():
                client.set_client_setting(name, str(value))
            client.set_client_setting("readonly", "2")
    return client


def _server_code(error: ClickHouseError) -> int | None:
    found = _SERVER_CODE.search(str(error))
    return int(found[1]) if found else None


def _plain(error: Exception) -> str:
    """Return why, in words that fit every table: what an engine quotes of a value may be anything."""
    cause = f" ({error.__cause__})" if error.__cause__ is not None else ""
    return plain_text(mask_sensitive(f"{error}{cause}".encode("utf-8", "replace").decode()))[:_LONGEST_REASON]


@contextmanager
def _refusals(address: str = "") -> Iterator[None]:
    """Raise the engine's errors as ours; with an address, silence is distinguished from an answer."""
    try:
        yield
    except ClickHouseError as error:
        if address and (why := _unreachable(error)):
            raise Unavailable(
                f"no ClickHouse answers at {address} ({why}); is it running, is SALDO_REPORTING_CLICKHOUSE_DSN right?"
            ) from error
        code = getattr(error, "name", None) or getattr(error, "code", None) or type(error).__name__
        raise QueryRefused(_in_short(str(error)), code=str(code)) from error


def _in_short(words: str) -> str:
    """Return the engine's words.

    What is wrong stands at the beginning and its name at the end, a long statement between.
    """
    if len(words) <= _LONGEST_REFUSAL:
        return words
    return f"{words[: _LONGEST_REFUSAL - 200]} ... {words[-200:]}"


def _unreachable(error: BaseException) -> str:
    """Return why no connection came about, in the system's own words; empty where one did."""
    text = str(error)
    if "Max retries exceeded" not in text and "Failed to establish" not in text:
        return ""
    found = _SYSTEM_WORDS.search(text)
    return found["words"] if found else "no connection"
