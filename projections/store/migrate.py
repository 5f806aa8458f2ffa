"""Brings a store's tables to today's shape, one numbered migration after the other, each exactly once.

A migration is a folder `NNNN_name` with `notes.md` (why), `up.sql` (statements, each ended by a line with `;`) and
`check.sql` (a query that must not fail afterwards). As long as no installation exists, the first one has neither: it
makes every table as its table.sql states it, so that a table is stated once. Views that speak of business days are made
anew each time, in the merchant's zone as it is set then: a view holds no rows. What was applied is recorded with the
digest of its statements, so a file that was edited after the fact is found. A migration that stopped halfway is not
recorded: write each statement so that it can run again.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from projections import tables
from projections.store.client import Store
from projections.store.errors import MigrationBroken, QueryRefused
from schemas.values.business_day import PAYTRACE_ZONE

ROOT = Path(__file__).parent / "migrations"
FIRST = "0001_tables"
_FOLDER = re.compile(r"^(\d{4})_[a-z0-9_]+$")
_END_OF_STATEMENT = re.compile(r"^;[ \t]*$", re.MULTILINE)

_RECORD_TABLE = """
CREATE TABLE IF NOT EXISTS saldo_migrations
(
    name String,
    up_sha256 FixedString(64)
)
ENGINE = ReplacingMergeTree
ORDER BY name
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1
COMMENT 'Which migrations this database has been through'
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the tables' history."""

    name: str
    statements: tuple[str, ...]
    check: str
    up_sha256: str


def migrations(root: Path = ROOT) -> tuple[Migration, ...]:
    """Every migration in order.

    Raises: MigrationBroken when numbers repeat or leave a gap, so two branches can't both be 0007.
    """
    folders = sorted(path for path in root.iterdir() if _FOLDER.match(path.name))
    for number, folder in enumerate(folders, start=1):
        if int(folder.name[:4]) != number:
            raise MigrationBroken(f"migration {folder.name} should have number {number:04d}")
    return tuple(_read(folder) for folder in folders)


def migrate(store: Store, root: Path = ROOT, *, day_zone: str = PAYTRACE_ZONE.key) -> tuple[str, ...]:
    """Apply what is missing and name it; () when the store is up to date.

    Ensures: the days of every view are days of day_zone.
    Raises: MigrationBroken when an applied file has changed, the store is newer than this Saldo, or a check fails.
    """
    store.execute(_RECORD_TABLE)
    applied = {str(name): _text(digest) for name, digest in store.rows("SELECT * FROM saldo_migrations FINAL")}
    known = migrations(root)
    unknown = sorted(set(applied) - {migration.name for migration in known})
    if unknown:
        raise MigrationBroken(f"the store knows migration {unknown[0]}, this Saldo does not: it is too old for it")
    done = []
    for migration in known:
        if migration.name in applied:
            if applied[migration.name] != migration.up_sha256:
                raise MigrationBroken(
                    f"{migration.name} changed after it was applied: write a new migration, "
                    "or throw the projection away and build it again from the topics"
                )
            continue
        _apply(store, migration, day_zone)
        done.append(migration.name)
    for name in tables.views_with_days():
        view = tables.in_zone(tables.ddl(name), day_zone)
        store.execute(view.replace("CREATE VIEW IF NOT EXISTS", "CREATE OR REPLACE VIEW", 1))
    return tuple(done)


def _apply(store: Store, migration: Migration, day_zone: str) -> None:
    for statement in migration.statements:
        store.execute(tables.in_zone(statement, day_zone))
    try:
        store.rows(migration.check)
    except QueryRefused as error:
        raise MigrationBroken(f"{migration.name}: the check failed: {error}") from error
    store.insert("saldo_migrations", ("name", "up_sha256"), ([migration.name], [migration.up_sha256]))


def _read(folder: Path) -> Migration:
    if folder.name == FIRST and not (folder / "up.sql").exists():
        statements = tuple(tables.ddl(name).strip() for name in tables.relations())
        return Migration(folder.name, statements, _every_table_is_there(), _digest("\n;\n".join(statements)))
    up = (folder / "up.sql").read_text("utf-8")
    return Migration(
        name=folder.name,
        statements=tuple(part.strip() for part in _END_OF_STATEMENT.split(up) if part.strip()),
        check=(folder / "check.sql").read_text("utf-8"),
        up_sha256=_digest(up),
    )


def _every_table_is_there() -> str:
    count = len(tables.relations())
    return f"""
        SELECT throwIf(count() != {count}, 'expected {count} tables and views')
        FROM system.tables
        WHERE database = currentDatabase() AND name != 'saldo_migrations' AND NOT startsWith(name, 'own_')
    """  # noqa: S608 -- a number of our own


def _digest(up: str) -> str:
    return hashlib.sha256(up.encode()).hexdigest()


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
