"""Throw the projection away and make it again from the topics: the proof that it holds nothing of its own.

For `saldo rebuild`, for a migration that needs other rows from old records, and for whoever doubts a number.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass

from projections.batches.lag import ProjectorStatus
from projections.projector.writer import Projector, find_partitions, open_log
from projections.serving.settings import ProjectionSettings
from projections.store.client import Store, open_store
from projections.store.digest import TableDigest, digests
from projections.store.errors import HistoryGone
from projections.store.migrate import MIGRATIONS, migrate
from projections.tables import VIEWS, relations
from schemas.wire.codec import Codec


@dataclass(frozen=True, slots=True)
class Rebuild:
    """Digests of every table before and after; equal when the projection held what the topics hold."""

    before: tuple[TableDigest, ...]
    after: tuple[TableDigest, ...]

    @property
    def is_identical(self) -> bool:
        """Whether every table came back row for row."""
        return self.before == self.after


def rebuild(settings: ProjectionSettings, *, codec: Codec | None = None) -> Rebuild:
    """Catch up with the topics, throw every table away, project all of it again.

    Ensures: both digests are of the same records, the ones that Kafka held when this began. Stop the projector first:
             an embedded store enforces that, a server does not.
    Raises:  StoreBusy while a projector runs on the embedded store; HistoryGone when a topic is
             missing or no longer whole, before anything is thrown away.
    """
    store = open_store(settings.clickhouse_dsn)
    try:
        migrate(store, day_zone=settings.day_zone)
        with closing(open_log(settings)) as log:
            partitions, missing = find_partitions(log)
            if missing:
                raise HistoryGone(f"topic {missing[0]} does not exist, so nothing can be rebuilt from it")
            ends = log.ends(partitions)
            Projector(settings, store, log, ProjectorStatus(log), codec or Codec()).catch_up(ends)
            before = digests(store)
            throw_away(store)
            migrate(store, day_zone=settings.day_zone)
            Projector(settings, store, log, ProjectorStatus(log), codec or Codec()).catch_up(ends)
            return Rebuild(before, digests(store))
    finally:
        store.close()


def throw_away(store: Store) -> None:
    """Drop every table and view, positions and the record of migrations included."""
    for name in reversed(relations()):
        store.execute(f"DROP {'VIEW' if name in VIEWS else 'TABLE'} IF EXISTS {name}")
    store.execute(f"DROP TABLE IF EXISTS {MIGRATIONS.name}")
