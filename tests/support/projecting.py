"""Project scripted messages into a store as the writer does, without Kafka."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from weakref import WeakKeyDictionary

from projections.batches.batch import Batch
from projections.batches.flush import flush
from projections.batches.positions import load_progress
from projections.reports import questions
from projections.store.client import Store
from schemas.wire.codec import Codec
from streams.log.records import Inbound

NOW = datetime(2026, 11, 25, 20, 0, tzinfo=UTC)
# What `fill` put into a store, as long as nothing else was projected into it.
_filled: WeakKeyDictionary[Store, str] = WeakKeyDictionary()


def project(store: Store, messages: Iterable[Inbound]) -> None:
    """Take up the store's own positions, then project these messages as one batch."""
    _filled.pop(store, None)
    batch = Batch(load_progress(store), Codec())
    for message in messages:
        batch.add(message)
    flush(store, batch)


def fill(store: Store, messages: Sequence[Inbound]) -> None:
    """Let a store hold these messages alone; nothing is done where it holds them since the last `fill`.

    For tests that only read: the store is shared, and the next of them finds it as it is.
    """
    reported = hashlib.sha256(repr(messages).encode()).hexdigest()
    if _filled.get(store) != reported:
        wipe(store)
        project(store, messages)
        _filled[store] = reported


def bridge(store: Store) -> dict[str, int]:
    """Every term of the money lines, over all currencies."""
    rows: list[tuple[Any, ...]] = store.rows("SELECT term, sum(minor) FROM rpt_money GROUP BY term")
    return {str(term): int(minor) for term, minor in rows if minor}


def residual(store: Store) -> int:
    """captured - refunded - voided - returned - charged back - posted - waiting - parked."""
    terms = bridge(store)
    out = ("refunded", "voided", "returned", "charged_back")
    net = terms.get("captured", 0) - sum(terms.get(term, 0) for term in out)
    return net - sum(terms.get(term, 0) for term in ("posted", "waiting", "parked"))


def asked(store: Store, name: str, **given: str) -> tuple[dict[str, Any], ...]:
    """Return the rows of a report, in the zone of the merchant."""
    report = questions.load(name)
    values = questions.values_for(report, given, day_zone="America/Los_Angeles", now=NOW)
    return questions.ask(store, report, values).records


def wipe(store: Store) -> None:
    """Empty every table, positions included; what migrations were applied stays known."""
    _filled.pop(store, None)
    filled = store.rows(
        "SELECT name FROM system.tables "
        "WHERE database = currentDatabase() AND total_rows > 0 AND name != 'saldo_migrations'"
    )
    for (table,) in filled:
        store.execute(f"TRUNCATE TABLE {table}")
