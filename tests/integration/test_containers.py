"""Each part in a container does its work; skipped where no container engine answers.

The suites run on containers as a whole with SALDO_TEST_PARTS=containers (tests/support/parts.py).
"""

from __future__ import annotations

from pathlib import Path

import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient

from projections.store.client import open_store
from projections.store.migrate import migrate
from tests.support.examples import example
from tests.support.kafka import running_broker
from tests.support.parts import SETTING, Parts, container_clickhouse, container_registry, engine_problem
from tests.support.worker_process import make_our_topics, outbound, produce

pytestmark = pytest.mark.containers


@pytest.fixture(autouse=True)
def _on_containers(monkeypatch: pytest.MonkeyPatch) -> None:
    if (problem := engine_problem()) is not None:
        pytest.skip(problem)
    monkeypatch.setenv(SETTING, Parts.CONTAINERS)


def test_a_broker_takes_our_topics_and_a_record(tmp_path: Path) -> None:
    with running_broker(tmp_path) as bootstrap:
        make_our_topics(bootstrap)
        record = outbound("payments.observations.v1", example("TransactionObserved"))
        assert produce(bootstrap, [record]) == [0]


def test_a_registry_holds_to_full_compatibility() -> None:
    with container_registry() as url:
        assert SchemaRegistryClient({"url": url, "timeout": 5}).get_compatibility() == "FULL_TRANSITIVE"


def test_a_clickhouse_server_takes_our_tables() -> None:
    with container_clickhouse() as dsn:
        store = open_store(f"{dsn}/saldo_here")
        migrate(store)
        assert store.rows("SELECT count() FROM fct_records") == [(0,)]
        store.close()
