"""Migrations: a table is what its row says, whether it was made today or altered on the way here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pytest

from projections import tables
from projections.store.client import Store, open_store
from projections.store.errors import MigrationBroken
from projections.store.migrate import ROOT, migrate, migrations
from projections.tables.columns import Column, Word, columns_of
from projections.tables.table import Table
from tests.support.first_tables import statements

NO_VIEWS: tuple[str, ...] = ()


@contextmanager
def opened(directory: Path) -> Iterator[Store]:
    store = open_store(f"chdb://{directory}")
    try:
        yield store
    finally:
        store.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstRow:
    """A table as it was."""

    number: int
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LaterRow:
    """A table as it is."""

    number: int
    kind: Annotated[Word, "what it is; it's new"]
    said: str | None


FIRST = Table(name="sample", row=FirstRow, order_by=("number",))
LATER = Table(name="sample", row=LaterRow, order_by=("number",))


def shape(store: Store) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Everything that a row says: columns, and keys, engine and comment of each table."""
    return (
        store.rows(
            "SELECT table, position, name, type, comment, compression_codec, default_expression, is_in_sorting_key "
            "FROM system.columns WHERE database = currentDatabase() ORDER BY table, position"
        ),
        store.rows(
            "SELECT name, engine_full, sorting_key, primary_key, partition_key, comment "
            "FROM system.tables WHERE database = currentDatabase() ORDER BY name"
        ),
    )


def migration(root: Path, name: str, up: str, check: str = "SELECT 1") -> None:
    folder = root / name
    folder.mkdir(parents=True)
    (folder / "up.sql").write_text(up)
    (folder / "check.sql").write_text(check)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Migrations that lead from FIRST to LATER."""
    root = tmp_path / "migrations"
    migration(
        root,
        "0001_sample_has_a_kind",
        "ALTER TABLE sample ADD COLUMN IF NOT EXISTS kind LowCardinality(String) DEFAULT 'old' "
        "COMMENT 'what it is; it\\'s new' AFTER number\n;\n"
        "ALTER TABLE sample MATERIALIZE COLUMN kind SETTINGS mutations_sync = 1\n;\n"
        "ALTER TABLE sample MODIFY COLUMN kind REMOVE DEFAULT\n;\n",
        "SELECT throwIf(count() > 0) FROM sample WHERE kind = ''",
    )
    migration(
        root,
        "0002_sample_may_say_nothing",
        "ALTER TABLE sample MODIFY COLUMN said Nullable(String)\n;\n"
        "ALTER TABLE sample MODIFY COMMENT 'A table as it is'\n;\n",
    )
    return root


def first(store: Store) -> None:
    store.execute(FIRST.ddl)
    store.insert("sample", FIRST.column_names, [[7], ["kept"]])


def test_tables_are_the_same_fresh_from_their_rows_and_through_every_migration(tmp_path: Path) -> None:
    with opened(tmp_path / "fresh") as store:
        migrate(store)
        fresh = shape(store)
        assert {name for name, *_ in fresh[1]} == {*tables.relations(), "saldo_migrations"}
    with opened(tmp_path / "first") as store:
        for statement in statements():
            store.execute(statement)
        assert migrate(store) == tuple(one.name for one in migrations())
        assert shape(store) == fresh


def test_a_filled_table_is_altered_once_and_keeps_its_rows(tmp_path: Path, root: Path) -> None:
    with opened(tmp_path / "fresh") as store:
        assert migrate(store, root, wanted=(LATER,), views=NO_VIEWS) == ()
        fresh = shape(store)
        assert [name for (name,) in store.rows("SELECT name FROM saldo_migrations ORDER BY name")] == [
            "0001_sample_has_a_kind",
            "0002_sample_may_say_nothing",
        ]
        assert migrate(store, root, wanted=(LATER,), views=NO_VIEWS) == ()
    with opened(tmp_path / "filled") as store:
        first(store)
        done = migrate(store, root, wanted=(LATER,), views=NO_VIEWS)
        assert done == ("0001_sample_has_a_kind", "0002_sample_may_say_nothing")
        assert store.rows("SELECT number, kind, said FROM sample") == [(7, "old", "kept")]
        assert shape(store) == fresh
        assert migrate(store, root, wanted=(LATER,), views=NO_VIEWS) == ()


def test_a_row_that_changed_without_a_migration_is_found(tmp_path: Path, root: Path) -> None:
    (tmp_path / "none").mkdir()
    with opened(tmp_path / "store") as store:
        first(store)
        with pytest.raises(MigrationBroken, match=r"sample .*kind LowCardinality\(String\).*said Nullable\(String\)"):
            migrate(store, tmp_path / "none", wanted=(LATER,), views=NO_VIEWS)
        (root / "0001_sample_has_a_kind" / "up.sql").write_text(
            "ALTER TABLE sample ADD COLUMN IF NOT EXISTS kind LowCardinality(String) DEFAULT 'old'\n;\n"
        )
        with pytest.raises(MigrationBroken, match="the order of its columns"):
            migrate(store, root, wanted=(LATER,), views=NO_VIEWS)


def test_a_table_comes_from_its_row_alone(tmp_path: Path) -> None:
    migration(tmp_path, "0001_makes_one", "CREATE TABLE sample (number Int64) ENGINE = Log\n;\n")
    with pytest.raises(MigrationBroken, match="alters no table"):
        migrations(tmp_path)


def test_a_migration_is_applied_once_and_never_edited(tmp_path: Path, root: Path) -> None:
    with opened(tmp_path / "store") as store:
        first(store)
        migrate(store, root, wanted=(LATER,), views=NO_VIEWS)
        edited = root / "0002_sample_may_say_nothing"
        (edited / "up.sql").write_text("ALTER TABLE sample DROP COLUMN said\n;\n")
        with pytest.raises(MigrationBroken, match="changed after it was applied"):
            migrate(store, root, wanted=(LATER,), views=NO_VIEWS)
        edited.rename(root / "0002_other")
        with pytest.raises(MigrationBroken, match="too old"):
            migrate(store, root, wanted=(LATER,), views=NO_VIEWS)
        (root / "0002_other").rename(root / "0003_other")
        with pytest.raises(MigrationBroken, match="number 0002"):
            migrate(store, root, wanted=(LATER,), views=NO_VIEWS)


def test_a_migration_whose_check_fails_is_not_taken_as_applied(tmp_path: Path, root: Path) -> None:
    (root / "0002_sample_may_say_nothing" / "check.sql").write_text("SELECT throwIf(1, 'not so')")
    with opened(tmp_path / "store") as store:
        first(store)
        for _ in range(2):
            with pytest.raises(MigrationBroken, match="not so"):
                migrate(store, root, wanted=(LATER,), views=NO_VIEWS)


def test_what_stands_beside_the_migrations_is_none() -> None:
    assert [one.name for one in migrations()] == sorted(path.name for path in ROOT.iterdir() if path.is_dir())


def test_a_column_says_name_type_and_comment() -> None:
    assert columns_of(LaterRow) == (
        Column("number", "Int64"),
        Column("kind", "LowCardinality(String)", comment="what it is; it's new"),
        Column("said", "Nullable(String)"),
    )


@pytest.mark.parametrize("kind", [dict[str, str], Word | None, tuple[str, ...] | None, str | int, float])
def test_a_field_that_no_column_holds_is_refused(kind: Any) -> None:
    @dataclass
    class Row:
        """A row."""

        amount: kind

    Row.__annotations__["amount"] = kind
    with pytest.raises(TypeError, match="field amount has type"):
        columns_of(Row)
