"""The tables of a story, projected in pieces by a projector that is killed, say what the books of both sides say."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator, Sequence

import pytest

from infra.demo.audit import OpenMoney, audit
from infra.demo.watch import NETTED, OPEN_MONEY
from projections.batches.batch import Batch, columns_of
from projections.batches.positions import load_progress
from projections.store.client import Store, open_store
from projections.store.digest import digests
from projections.store.migrate import migrate
from streams.log.records import Inbound
from tests.simulator.books import CODEC
from tests.simulator.run import Simulation, simulate
from tests.support.projecting import project, wipe

HANDED_OVER = "SELECT paytrace_transaction_id, minor, currency, detail FROM rpt_money WHERE term = 'handed_over'"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    opened = open_store(f"chdb://{tmp_path_factory.mktemp('simulated') / 'store'}")
    try:
        migrate(opened)
        yield opened
    finally:
        opened.close()


def killed_before_positions(store: Store, messages: Sequence[Inbound]) -> None:
    """Rows are stored first and positions last; here the projector dies in between."""
    batch = Batch(load_progress(store), CODEC)
    for message in messages:
        batch.add(message)
    for table, parts in batch.parts():
        store.insert(table.name, table.column_names, columns_of(parts))


@pytest.mark.parametrize("seed", [301, 302, 303])
def test_the_tables_of_a_story_close_at_zero_however_they_were_projected(store: Store, seed: int) -> None:
    found: list[Simulation] = []
    logging.disable(logging.CRITICAL)
    result = simulate(seed, prepare=found.append)
    logging.disable(logging.NOTSET)
    assert not result.problems, str(result)
    kept = found[0].broker.kept
    lanes = [kept.records(topic, number) for topic, count in kept.topics().items() for number in range(count)]

    wipe(store)
    for lane in lanes:
        project(store, lane)
    at_once = digests(store)

    wipe(store)
    rng = random.Random(seed)
    # Topics are read side by side, so a table may see what follows before what led to it.
    left = {number: 0 for number, lane in enumerate(lanes) if lane}
    while left:
        pieces: list[Inbound] = []
        for number in list(left):
            end = left[number] + rng.randrange(200)
            pieces += lanes[number][left[number] : end]
            left[number] = end
            if end >= len(lanes[number]):
                del left[number]
        if rng.random() < 0.5:
            killed_before_positions(store, pieces)
        project(store, pieces)
    assert digests(store) == at_once

    open_money, netted = (
        [
            OpenMoney(str(who), int(minor), str(currency), str(reason))
            for who, minor, currency, reason in store.rows(sql)
        ]
        for sql in (OPEN_MONEY, NETTED)
    )
    handed_over = "SELECT paytrace_transaction_id, minor, currency, detail FROM rpt_money WHERE term = 'handed_over'"
    open_money += [OpenMoney(str(w), int(m), str(c), str(d)) for w, m, c, d in store.rows(handed_over)]
    compared = audit([*result.charges, *result.transfers], result.documents, open_money, netted)
    assert compared.is_clean, compared.problems
