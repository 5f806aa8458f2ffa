"""Statements of clients that are no SELECT and only look around: SHOW, DESCRIBE, EXISTS, as SELECTs over system tables.

They come in the engine's normal form (no comments, one spelling). What is not one of these goes on as it is, and the
guard of SQL decides about it. What is made here passes the same guard.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from projections.clickhouse_http.formats import known_format
from projections.clickhouse_http.native import NATIVE_REVISION
from projections.store.errors import QueryRefused

_NAME: Final = r"(?:[A-Za-z_][A-Za-z0-9_]*|`[^`\\]+`)"
_TEXT: Final = r"'(?:[^'\\]|\\.)*'"
_TABLE: Final = rf"(?:(?P<database>{_NAME})\.)?(?P<table>{_NAME})"
_LIKE: Final = rf"(?: (?P<like>(?:NOT )?I?LIKE {_TEXT}))?"
_LIMIT: Final = r"(?: (?P<limit>LIMIT \d+))?"
_FORMAT: Final = re.compile(r"(?P<rest>.*) FORMAT `?(?P<format>\w+)`?", re.DOTALL)
_PLAIN_SETTING: Final = r"[a-z_0-9]+ = (?:\d+(?:\.\d+)?|'[^'\\]*'|true|false)"
_SETTINGS: Final = re.compile(
    rf"(?P<rest>.*) SETTINGS (?P<settings>{_PLAIN_SETTING}(?:, {_PLAIN_SETTING})*)", re.DOTALL
)
_SETTING: Final = re.compile(r"([a-z_0-9]+) = (\d+(?:\.\d+)?|'[^'\\]*'|true|false)")
# `ORDER BY FORMAT DESC` ends like a format and names none.
_NO_FORMATS: Final = frozenset({"ASC", "DESC"})
_DESCRIBE_QUERY: Final = re.compile(r"DESCRIBE TABLE \((?P<query>.*)\)", re.DOTALL)
# What clickhouse-go asks first. The engine would give the machine's name; revision decides which Native it reads then.
_HELLO: Final = "SELECT displayName(), version(), revision(), timezone()"
_HELLO_ANSWERED: Final = (
    f"SELECT 'saldo' AS `displayName()`, version(), toUInt32({NATIVE_REVISION}) AS `revision()`, timezone()"
)
DEFAULT_DATABASE: Final = "default"


@dataclass(frozen=True, slots=True)
class Statement:
    """What shall be asked.

    text        a SELECT, or whatever the guard shall judge
    parameters  values of our own that it needs beside the client's
    describes   the columns of text are asked for, not its rows
    table       a table that must be there, database and name; else the answer is UNKNOWN_TABLE
    """

    text: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    describes: bool = False
    table: tuple[str, str] | None = None


def without_format(normal: str) -> tuple[str, str | None, Mapping[str, str]]:
    """Split off what may stand behind a statement in normal form: FORMAT and SETTINGS with plain values.

    Raises: QueryRefused, code UNKNOWN_FORMAT.
    """
    text, settings = _without_settings(normal)
    found = _FORMAT.fullmatch(text)
    if found is None or found["format"] in _NO_FORMATS:
        return text, None, settings
    name = known_format(found["format"])
    if name is None:
        raise QueryRefused(f"Unknown format {found['format']}", code="UNKNOWN_FORMAT")
    text, more = _without_settings(found["rest"])
    return text, name, {**more, **settings}


def _without_settings(normal: str) -> tuple[str, dict[str, str]]:
    """Take plain settings off a statement; another value (a map of filters) stays, for the guard to refuse."""
    found = _SETTINGS.fullmatch(normal)
    if found is None:
        return normal, {}
    return found["rest"], {name: value.strip("'") for name, value in _SETTING.findall(found["settings"])}


def with_table(normal: str, name: str, subquery: str) -> str:
    """Return a statement in normal form with a subquery in place of a table; what stands in a text stays."""
    table = re.compile(rf"(?P<text>{_TEXT})|(?<![\w.`]){re.escape(name)}(?![\w.`(])(?P<alias> AS)?")

    def put(found: re.Match[str]) -> str:
        if found["text"]:
            return found[0]
        return f"{subquery} AS" if found["alias"] else f"{subquery} AS {name.rpartition('.')[2]}"

    return table.sub(put, normal)


def as_select(normal: str, database: str) -> Statement:
    """Return what a statement in normal form, without FORMAT, means for a reader of this database."""
    if normal == _HELLO:
        return Statement(_HELLO_ANSWERED)
    query = _DESCRIBE_QUERY.fullmatch(normal)
    if query is not None:
        return Statement(query["query"], describes=True)
    for pattern, make in _LOOKS:
        found = pattern.fullmatch(normal)
        if found is not None:
            return make({name: value for name, value in found.groupdict().items() if value}, database)
    return Statement(normal)


def _databases(found: Mapping[str, str], _database: str) -> Statement:
    return Statement(f"SELECT name FROM system.databases WHERE 1{_like(found)} ORDER BY name{_limit(found)}")  # noqa: S608  # what is put in is a text or number of the engine's own spelling, and the guard sees all of it


def _tables(found: Mapping[str, str], database: str) -> Statement:
    named = {"saldo_database": _plain(found.get("from"), database)}
    rest = f"{_like(found)} ORDER BY name{_limit(found)}"
    return Statement(f"SELECT name FROM system.tables WHERE database = {{saldo_database:String}}{rest}", named)  # noqa: S608  # likewise


def _describe(found: Mapping[str, str], database: str) -> Statement:
    return _about(
        found,
        database,
        "SELECT name, type, default_kind AS default_type, default_expression, comment, "
        "compression_codec AS codec_expression, '' AS ttl_expression FROM system.columns "
        "WHERE database = {saldo_database:String} AND table = {saldo_table:String} ORDER BY position",
        must_exist=True,
    )


def _exists(found: Mapping[str, str], database: str) -> Statement:
    return _about(
        found,
        database,
        "SELECT toUInt8(count() > 0) AS result FROM system.tables "
        "WHERE database = {saldo_database:String} AND name = {saldo_table:String}",
        must_exist=False,
    )


def _exists_database(found: Mapping[str, str], database: str) -> Statement:
    named = {"saldo_database": _plain(found["database"], database)}
    return Statement(
        "SELECT toUInt8(count() > 0) AS result FROM system.databases WHERE name = {saldo_database:String}", named
    )


def _show_create(found: Mapping[str, str], database: str) -> Statement:
    return _about(
        found,
        database,
        "SELECT create_table_query AS statement FROM system.tables "
        "WHERE database = {saldo_database:String} AND name = {saldo_table:String}",
        must_exist=True,
    )


def _use(found: Mapping[str, str], database: str) -> Statement:
    checked_database(_plain(found.get("database"), database), database)
    return Statement("SELECT 1 WHERE 0")


def checked_database(name: str, database: str) -> None:
    """Let pass the database whose tables are read, and `default`, which clients send when nobody named one.

    Raises: QueryRefused, code UNKNOWN_DATABASE.
    """
    if name not in ("", database, DEFAULT_DATABASE):
        raise QueryRefused(
            f"Database {name[:100]} does not exist; the tables are in {database}", code="UNKNOWN_DATABASE"
        )


def _about(found: Mapping[str, str], database: str, select: str, *, must_exist: bool) -> Statement:
    place, table = _plain(found.get("database"), database), _plain(found["table"], "")
    named = {"saldo_database": place, "saldo_table": table}
    return Statement(select, named, table=(place, table) if must_exist else None)


def _like(found: Mapping[str, str]) -> str:
    return f" AND name {found['like']}" if "like" in found else ""


def _limit(found: Mapping[str, str]) -> str:
    return f" {found['limit']}" if "limit" in found else ""


def _plain(name: str | None, database: str) -> str:
    plain = (name or database).strip("`")
    return database if plain == DEFAULT_DATABASE and database else plain


_LOOKS: Final[tuple[tuple[re.Pattern[str], Callable[[Mapping[str, str], str], Statement]], ...]] = (
    (re.compile(rf"SHOW DATABASES{_LIKE}{_LIMIT}"), _databases),
    (re.compile(rf"SHOW TABLES(?: FROM (?P<from>{_NAME}))?{_LIKE}{_LIMIT}"), _tables),
    (re.compile(rf"DESCRIBE TABLE {_TABLE}"), _describe),
    (re.compile(rf"EXISTS (?:TABLE|VIEW) {_TABLE}"), _exists),
    (re.compile(rf"EXISTS DATABASE (?P<database>{_NAME})"), _exists_database),
    (re.compile(rf"SHOW CREATE (?:TABLE|VIEW) {_TABLE}"), _show_create),
    (re.compile(rf"USE (?P<database>{_NAME})"), _use),
)
