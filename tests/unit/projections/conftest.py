"""A migrated store in this process (chDB), opened once per module and emptied for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from projections.client import Store, open_store
from projections.migrate import migrate
from tests.support.projecting import wipe


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Closed at the end of the module, because one process can hold only one embedded store at a time."""
    opened = open_store(f"chdb://{tmp_path_factory.mktemp('engine') / 'store'}")
    try:
        migrate(opened)
        yield opened
    finally:
        opened.close()


@pytest.fixture
def store(engine: Store) -> Store:
    wipe(engine)
    return engine
