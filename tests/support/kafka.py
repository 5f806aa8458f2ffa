"""One real broker for a whole test session, and topics on it.

`tests/conftest.py` loads this module as a plugin. Each test makes its own topics (names from `unique`), so tests
share the broker without sharing records.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator, Mapping

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from streams.embedded.kafka import EmbeddedKafka
from streams.log.cluster import Cluster

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Bootstrap string of a broker that starts with the first test that asks for it and ends with the session."""
    with EmbeddedKafka(tmp_path_factory.mktemp("saldo"), die_with_parent=True) as broker:
        yield broker.bootstrap_servers


def make_topics(bootstrap: str, partitions: Mapping[str, int], config: Mapping[str, str] | None = None) -> None:
    """Create topics (name -> partition count) and return when the broker has them.

    Raises: KafkaException when one exists already or is refused.
    """
    admin = AdminClient({"bootstrap.servers": bootstrap})
    futures = admin.create_topics(
        [NewTopic(name, count, 1, config=dict(config or {})) for name, count in partitions.items()]
    )
    for future in futures.values():
        future.result(timeout=30)
    # The controller confirms, and the broker that clients ask learns of it a moment later.
    deadline = time.monotonic() + 90
    while not all(_has_leaders(admin, name) for name in partitions):
        assert time.monotonic() < deadline, f"the broker does not show {', '.join(partitions)}"
        time.sleep(0.02)
    # A leader is named before it answers; this waits for every one of them.
    every = [(name, number) for name, count in partitions.items() for number in range(count)]
    Cluster({"bootstrap.servers": bootstrap}).ends(every)


def _has_leaders(admin: AdminClient, topic: str) -> bool:
    found = admin.list_topics(topic, timeout=30).topics[topic]
    return found.error is None and all(partition.leader >= 0 for partition in found.partitions.values())


def unique(name: str) -> str:
    """Return a topic or group name that no other test of this machine uses: name-<pid>-<n>."""
    return f"{name}-{os.getpid()}-{next(_NUMBERS)}"
