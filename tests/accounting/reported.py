"""What people see of a story: the reports over the tables that its log makes, at the end or at any moment before."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

from projections.reports.questions import ask, load, values_for
from projections.store.client import Store, open_store
from projections.store.migrate import migrate
from schemas import catalog
from tests.accounting.world import World
from tests.support.projecting import project, wipe

Row = Mapping[str, Any]


class Reports:
    """The reports of one story."""

    def __init__(self, world: World, store: Store) -> None:
        """Project the story's log into the store, which then holds nothing else."""
        self._world, self._store = world, store
        wipe(store)
        project(store, (record for topic in catalog.topics() for record in world.log.records(topic, 0)))

    def rows(self, name: str, *, through: datetime | None = None, **values: str) -> list[Row]:
        """Return the rows of a report, as of a moment if one is given, by column; money in minor units."""
        report, now = load(name), through or self._world.now
        given = values_for(report, values, day_zone="UTC", now=now)
        answer = ask(self._store, report, given, as_of=through)
        return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]

    def by_end_of(self, day: date, name: str) -> list[Row]:
        """Return the rows of a report as people see it late in a day."""
        last = max((one for one in self._world.moments if one.date() <= day), default=self._world.now)
        return self.rows(name, through=last)

    def ever(self, name: str, is_it: Callable[[Row], bool], before: date = date.max) -> bool:
        """Say whether a report had such a row at any moment before a day, the last one first."""
        moments = [one for one in self._world.moments if one.date() < before]
        return any(is_it(row) for moment in reversed(moments) for row in self.rows(name, through=moment))


@contextmanager
def store_in(directory: Path) -> Iterator[Store]:
    """Open an empty store of the tables for any number of stories."""
    store = open_store(f"chdb://{directory / 'store'}")
    try:
        migrate(store)
        yield store
    finally:
        store.close()
