"""The shop's books: one counter of ids for everything. What a hook must say later is noted with the change itself."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import Any, Final

from infra.sandboxes.common.books import Books
from infra.sandboxes.shop.settings import ShopSandboxSettings

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS thing (
  id INTEGER PRIMARY KEY, kind TEXT NOT NULL, parent INTEGER NOT NULL, status TEXT NOT NULL,
  created_us INTEGER NOT NULL, modified_us INTEGER NOT NULL, doc TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS thing_kind ON thing (kind, parent);
CREATE TABLE IF NOT EXISTS hook (
  id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, topic TEXT NOT NULL, url TEXT NOT NULL,
  secret TEXT NOT NULL, status TEXT NOT NULL, failures INTEGER NOT NULL DEFAULT 0, pings INTEGER NOT NULL DEFAULT 1,
  created_us INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS job (
  id INTEGER PRIMARY KEY AUTOINCREMENT, hook INTEGER NOT NULL, thing INTEGER NOT NULL, UNIQUE (hook, thing));
CREATE TABLE IF NOT EXISTS request (id INTEGER PRIMARY KEY AUTOINCREMENT, line TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS delivery (id INTEGER PRIMARY KEY AUTOINCREMENT, line TEXT NOT NULL);
"""
_MOST_LINES: Final = 10_000


@dataclass(slots=True)
class Thing:
    """An order, refund, note, product, variation, category or customer; doc is what it holds besides."""

    id: int
    kind: str
    parent: int
    status: str
    created_us: int
    modified_us: int
    doc: dict[str, Any]


class Store(Books):
    """The books of one shop."""

    def __init__(self, settings: ShopSandboxSettings) -> None:
        """Open or make the books; raises ContractBroken when another version of the sandbox made them."""
        super().__init__(settings.data_dir / "shop.sqlite3", _SCHEMA)
        self._given = settings
        self._read_settings()

    def _read_settings(self) -> None:
        changed = json.loads(self.read_meta("settings", "{}"))
        self.settings = ShopSandboxSettings.model_validate({**self._given.model_dump(), **changed})

    def change_settings(self, wanted: dict[str, Any]) -> None:
        """Change settings for good. Raises: ValueError naming what does not fit."""
        changed = {**json.loads(self.read_meta("settings", "{}")), **wanted}
        ShopSandboxSettings.model_validate({**self._given.model_dump(), **changed})
        self.write_meta("settings", json.dumps(changed))
        self._read_settings()

    # --- things

    def next_id(self, *, skip: int = 0) -> int:
        """Return the next number of the counter that all things share; it leaves a gap of `skip` behind."""
        number = int(self.read_meta("next_id", str(self.settings.first_id)))
        self.write_meta("next_id", str(number + 1 + skip))
        return number

    def set_next_id(self, number: int) -> None:
        """Let the counter go on elsewhere, as after a restored database."""
        self.write_meta("next_id", str(number))

    def make(self, kind: str, doc: dict[str, Any], *, parent: int = 0, status: str = "", skip: int = 0) -> Thing:
        """Add a thing under the next number."""
        now = self.now_us()
        with self.transaction() as db:
            thing = Thing(self.next_id(skip=skip), kind, parent, status, now, now, doc)
            db.execute(
                "INSERT OR REPLACE INTO thing VALUES (?, ?, ?, ?, ?, ?, ?)",
                (thing.id, kind, parent, status, now, now, json.dumps(doc)),
            )
        return thing

    def save(self, thing: Thing, *, moves_modified: bool = True) -> None:
        """Keep what was changed of a thing."""
        if moves_modified:
            thing.modified_us = self.now_us()
        with self.transaction() as db:
            db.execute(
                "UPDATE thing SET status = ?, modified_us = ?, doc = ? WHERE id = ?",
                (thing.status, thing.modified_us, json.dumps(thing.doc), thing.id),
            )

    def remove(self, thing: Thing) -> None:
        """Delete a thing for good, and what belongs to it."""
        with self.transaction() as db:
            db.execute("DELETE FROM thing WHERE id = ? OR parent = ?", (thing.id, thing.id))

    def find(self, kind: str, number: int) -> Thing | None:
        """Return a thing by its id; None where there is none of this kind."""
        found = self.db.execute("SELECT * FROM thing WHERE id = ? AND kind = ?", (number, kind)).fetchone()
        return None if found is None else _thing(found)

    def all(self, kind: str, *, parent: int | None = None) -> list[Thing]:
        """Return every thing of a kind, by id; of one parent where it is given."""
        where, values = ("", (kind,)) if parent is None else (" AND parent = ?", (kind, parent))
        return [_thing(row) for row in self.rows(f"SELECT * FROM thing WHERE kind = ?{where} ORDER BY id", *values)]  # noqa: S608 -- our own words

    def note(self, table: str, line: dict[str, Any]) -> None:
        """Add a line to the log of requests or deliveries."""
        with self.transaction() as db:
            db.execute(f"INSERT INTO {table} (line) VALUES (?)", (json.dumps(line),))  # noqa: S608 -- our own tables
            db.execute(f"DELETE FROM {table} WHERE id <= (SELECT max(id) FROM {table}) - ?", (_MOST_LINES,))  # noqa: S608

    def lines(self, table: str) -> list[dict[str, Any]]:
        """Return the log of requests or deliveries."""
        return [json.loads(row["line"]) for row in self.rows(f"SELECT line FROM {table} ORDER BY id")]  # noqa: S608


def _thing(row: sqlite3.Row) -> Thing:
    return Thing(
        row["id"],
        row["kind"],
        row["parent"],
        row["status"],
        row["created_us"],
        row["modified_us"],
        json.loads(row["doc"]),
    )
