"""Brings a store's tables to the shape that their rows say: made where they are missing, altered where they are older.

A new store gets every table from its row dataclass. A store that is filled goes through the migrations that it lacks,
numbered folders of ALTERs (migrations/README.md), each exactly once. Views hold no rows and are made anew each time, in
the merchant's zone as it is set then. Afterwards the columns of each table are compared with its row, so a row that was
changed without a migration is found before anything is written. What was applied is recorded with the digest of its
statements, so a file that was edited after the fact is found too.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from projections import tables
from projections.store.client import Store
from projections.store.errors import MigrationBroken, QueryRefused
from projections.tables.columns import Digest, values_of
from projections.tables.table import Table
from schemas.values.business_day import PAYTRACE_ZONE

ROOT = Path(__file__).parent / "migrations"
_FOLDER = re.compile(r"^(\d{4})_[a-z0-9_]+$")
_END_OF_STATEMENT = re.compile(r"^;[ \t]*$", re.MULTILINE)
_ALTER = re.compile(r"ALTER\s+TABLE\s+(\w+)\s", re.IGNORECASE)
_REBUILD = "write a migration, or throw the projection away and build it again from the topics"


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedMigration:
    """Which migrations this database has been through, or was new enough not to need."""

    name: str
    up_sha256: Digest


MIGRATIONS = Table(name="saldo_migrations", row=AppliedMigration, order_by=("name",))


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the tables' history."""

    name: str
    statements: tuple[str, ...]
    check: str
    up_sha256: str


def migrations(root: Path = ROOT) -> tuple[Migration, ...]:
    """Return every migration in order.

    Raises: MigrationBroken when numbers repeat or leave a gap, so two branches can't both be 0007; when a statement is
            no ALTER.
    """
    folders = sorted(path for path in root.iterdir() if _FOLDER.match(path.name))
    for number, folder in enumerate(folders, start=1):
        if int(folder.name[:4]) != number:
            raise MigrationBroken(f"migration {folder.name} should have number {number:04d}")
    return tuple(_read(folder) for folder in folders)


def migrate(
    store: Store,
    root: Path = ROOT,
    *,
    day_zone: str = PAYTRACE_ZONE.key,
    wanted: Iterable[Table[Any]] = tables.TABLES,
    views: Iterable[str] = tables.VIEWS,
) -> tuple[str, ...]:
    """Bring the tables to their rows' shape; name the migrations that were applied, () when none was missing.

    Ensures: each table has the columns of its row; the days of every view are days of day_zone.
    Raises:  MigrationBroken when an applied file has changed, the store is newer than this Saldo, a check fails, or a
             table differs from its row and no migration says how it comes there.
    """
    store.execute(MIGRATIONS.ddl)
    found = store.rows(f"SELECT name, up_sha256 FROM {MIGRATIONS.name} FINAL")  # noqa: S608 -- our own name
    applied = {str(name): _text(digest) for name, digest in found}
    known = migrations(root)
    unknown = sorted(set(applied) - {migration.name for migration in known})
    if unknown:
        raise MigrationBroken(f"the store knows migration {unknown[0]}, this Saldo does not: it is too old for it")
    wanted = tuple(wanted)
    there = _columns(store).keys() & {table.name for table in wanted}
    done = []
    for migration in known:
        if migration.name in applied:
            if applied[migration.name] != migration.up_sha256:
                raise MigrationBroken(f"{migration.name} changed after it was applied: {_REBUILD}")
            continue
        # A table that is not there is made as its row says, so there is nothing to alter.
        if _apply(store, migration, there):
            done.append(migration.name)
        _record(store, migration)
    for table in wanted:
        store.execute(table.ddl)
    _compare(store, wanted)
    for name in views:
        store.execute(tables.view_ddl(name, day_zone))
    return tuple(done)


def _apply(store: Store, migration: Migration, there: AbstractSet[str]) -> bool:
    """Run the statements about tables that are there, and the check; say whether any was run."""
    statements = [statement for statement in migration.statements if _altered(statement) in there]
    for statement in statements:
        store.execute(statement)
    if statements:
        try:
            store.rows(migration.check)
        except QueryRefused as error:
            raise MigrationBroken(f"{migration.name}: the check failed: {error}") from error
    return bool(statements)


def _record(store: Store, migration: Migration) -> None:
    row = values_of(AppliedMigration)(AppliedMigration(name=migration.name, up_sha256=migration.up_sha256))
    store.insert(MIGRATIONS.name, MIGRATIONS.column_names, [[value] for value in row])


def _compare(store: Store, wanted: Iterable[Table[Any]]) -> None:
    """Compare the columns of each table with its row."""
    there = _columns(store)
    for table in wanted:
        said = [(column.name, column.as_type) for column in table.columns]
        has = there[table.name]
        if has != said:
            lacks = ", ".join(f"{name} {kind}" for name, kind in said if (name, kind) not in has)
            holds = ", ".join(f"{name} {kind}" for name, kind in has if (name, kind) not in said)
            what = "; ".join([f"it lacks {lacks}"] * bool(lacks) + [f"it holds {holds}"] * bool(holds))
            raise MigrationBroken(
                f"{table.name} is not what its row says ({what or 'the order of its columns'}): {_REBUILD}"
            )


def _columns(store: Store) -> dict[str, list[tuple[str, str]]]:
    """Name and type of every column of every table, in order."""
    found: dict[str, list[tuple[str, str]]] = {}
    for table, name, kind in store.rows(
        "SELECT table, name, type FROM system.columns WHERE database = currentDatabase() ORDER BY table, position"
    ):
        found.setdefault(str(table), []).append((str(name), str(kind)))
    return found


def _read(folder: Path) -> Migration:
    up = (folder / "up.sql").read_text("utf-8")
    statements = tuple(part.strip() for part in _END_OF_STATEMENT.split(up) if part.strip())
    for statement in statements:
        if not _altered(statement):
            raise MigrationBroken(f"{folder.name}: {statement.splitlines()[0]!r} alters no table; a row makes its own")
    return Migration(
        name=folder.name,
        statements=statements,
        check=(folder / "check.sql").read_text("utf-8"),
        up_sha256=hashlib.sha256(up.encode()).hexdigest(),
    )


def _altered(statement: str) -> str:
    """Return the table that a statement alters; empty when it is no ALTER TABLE."""
    found = _ALTER.match(statement)
    return found[1] if found else ""


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
