"""One real broker for a whole test session, and topics on it.

`tests/conftest.py` loads this module as a plugin. Each test makes its own topics (names from `unique`), so tests
share the broker without sharing records.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from infra.embedded.kafka import EmbeddedKafka
from infra.embedded.server import Command
from streams.log import acls
from streams.log.cluster import Cluster
from streams.log.credentials import ADMIN, OPERATORS, PROJECTOR, ROLES, VIEWER, WORKER, read_credentials, user_of
from tests.support.guard_key import GUARD_KEY, PRIVACY_KEY
from tests.support.parts import ContainerBroker, Parts, chosen
from tests.support.signing import write_keys

_NUMBERS = itertools.count(1)
_CREDENTIALS: dict[str, Path] = {}
_KEYS: dict[str, Path] = {}


class TestBroker(EmbeddedKafka):
    """A broker whose log-ins the helpers below find by its address; it lets nobody in without one, as in production."""

    __test__ = False

    def prepare(self) -> Command:
        """Prepare it; see EmbeddedServer."""
        command = super().prepare()
        _remember(self.bootstrap_servers, self.credentials_dir, self.data_dir)
        return command


@contextmanager
def running_broker(directory: Path) -> Iterator[str]:
    """Bootstrap string of a broker, embedded or in a container (tests/support/parts.py), until the block ends."""
    if chosen() is Parts.CONTAINERS:
        with ContainerBroker(directory) as broker:
            _remember(broker.bootstrap_servers, broker.credentials_dir, directory)
            yield broker.bootstrap_servers
    else:
        with TestBroker(directory, die_with_parent=True) as embedded:
            yield embedded.bootstrap_servers


def _remember(bootstrap: str, credentials: Path, directory: Path) -> None:
    _CREDENTIALS[bootstrap] = credentials
    _KEYS[bootstrap] = write_keys(directory / "keys")


def client_options(bootstrap: str, role: str = ADMIN) -> dict[str, Any]:
    """The connection of a test's own client: the admin, who may do everything, unless a role is named."""
    credentials = read_credentials(_CREDENTIALS[bootstrap] / f"{role}.json")
    return {"bootstrap.servers": bootstrap, "log_level": 2, **credentials.options()}


def projector_options(bootstrap: str) -> dict[str, str]:
    """The log-in of the projector, which may read and write nothing."""
    options = client_options(bootstrap, PROJECTOR)
    return {name: str(value) for name, value in options.items() if name != "bootstrap.servers"}


def kafka_env(bootstrap: str) -> dict[str, str]:
    """What commands need to find this broker; each logs in, and signs, as its own role."""
    if bootstrap not in _CREDENTIALS:  # an address where no broker of ours is, on purpose
        return {"SALDO_KAFKA_BOOTSTRAP_SERVERS": bootstrap}
    return {
        "SALDO_KAFKA_BOOTSTRAP_SERVERS": bootstrap,
        "SALDO_KAFKA_CREDENTIALS_PATH": str(_CREDENTIALS[bootstrap]),
        "SALDO_KEYS_PRIVATE_PATH": str(_KEYS[bootstrap]),
        "SALDO_KEYS_PUBLIC_PATH": str(_KEYS[bootstrap] / "public.json"),
        "SALDO_GUARD_KEY": GUARD_KEY,
        "SALDO_PRIVACY_KEY": PRIVACY_KEY,
    }


def use_broker(patch: pytest.MonkeyPatch, bootstrap: str) -> None:
    """Let commands of this process and its children find this broker."""
    for name, value in kafka_env(bootstrap).items():
        patch.setenv(name, value)


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Bootstrap string of a broker that starts with the first test that asks for it and ends with the session."""
    with running_broker(tmp_path_factory.mktemp("saldo")) as bootstrap:
        yield bootstrap


def make_topics(bootstrap: str, partitions: Mapping[str, int], config: Mapping[str, str] | None = None) -> None:
    """Create topics (name -> partition count) and return when the broker has them.

    Raises: KafkaException when one exists already or is refused.
    """
    admin = AdminClient(client_options(bootstrap))
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
    # The catalogue does not know these topics, so no permission follows from it.
    cluster = Cluster(client_options(bootstrap))
    acls.apply(cluster, acls.plan(_permissions(partitions) | (found := acls.observe(cluster)), found))
    # A leader is named before it answers; this waits for every one of them.
    every = [(name, number) for name, count in partitions.items() for number in range(count)]
    cluster.ends(every)


def _permissions(topics: Mapping[str, int]) -> frozenset[acls.Permission]:
    """Operators and workers may read and write the topics of a test, a viewer may read them."""
    allowed = {
        (OPERATORS, "READ"),
        (OPERATORS, "WRITE"),
        (WORKER, "READ"),
        (WORKER, "WRITE"),
        (VIEWER, "READ"),
        (PROJECTOR, "READ"),
    }
    return frozenset(
        acls.Permission("TOPIC", topic, user_of(role), operation) for topic in topics for role, operation in allowed
    ) | {acls.Permission(kind, "*", user_of(role), "DESCRIBE") for role in ROLES for kind in ("TOPIC", "GROUP")}


def _has_leaders(admin: AdminClient, topic: str) -> bool:
    found = admin.list_topics(topic, timeout=30).topics[topic]
    return found.error is None and all(partition.leader >= 0 for partition in found.partitions.values())


def unique(name: str) -> str:
    """Return a topic or group name that no other test of this machine uses: name-<pid>-<n>."""
    return f"{name}-{os.getpid()}-{next(_NUMBERS)}"
