"""A migrated store, opened once per module and emptied for each test: chDB, and a server where one is named.

SALDO_TEST_CLICKHOUSE_DSN (clickhouse://user:password@host:port) runs every one of these tests on that server as well,
in a database of its own that is dropped afterwards. SALDO_TEST_PARTS=containers runs them on a server in a container.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from projections.store.client import Store, open_store
from projections.store.migrate import migrate
from tests.support.parts import Parts, chosen, container_clickhouse
from tests.support.projecting import wipe

SERVER_DSN = os.environ.get("SALDO_TEST_CLICKHOUSE_DSN")
STORES = ["server"] if chosen() is Parts.CONTAINERS else ["chdb", "server"] if SERVER_DSN else ["chdb"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "engine" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.engine)


@pytest.fixture(scope="session")
def server_dsn() -> Iterator[str]:
    """The server that a setting names, or one in a container."""
    if SERVER_DSN:
        yield SERVER_DSN
    else:
        with container_clickhouse() as dsn:
            yield dsn


@pytest.fixture(scope="module", params=STORES)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Closed at the end of the module, because one process can hold only one embedded store at a time."""
    if request.param == "chdb":
        opened = open_store(f"chdb://{tmp_path_factory.mktemp('engine') / 'store'}")
    else:
        opened = open_store(f"{request.getfixturevalue('server_dsn')}/saldo_test_{os.getpid()}")
    try:
        migrate(opened)
        yield opened
    finally:
        if request.param == "server":
            opened.execute(f"DROP DATABASE saldo_test_{os.getpid()}")
        opened.close()


@pytest.fixture
def store(engine: Store) -> Store:
    wipe(engine)
    return engine
