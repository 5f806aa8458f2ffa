"""What tests stand on: embedded parts, or containers where SALDO_TEST_PARTS=containers says so.

The same test bodies run on both: they ask for a broker, a registry or a ClickHouse server and do not know which it is.
Images are named without a registry's host; TESTCONTAINERS_HUB_IMAGE_NAME_PREFIX names a mirror. Every port is on
loopback, so the engine must be on this machine.
"""

from __future__ import annotations

import gc
import os
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Self

import httpx2
import pytest

from infra.embedded.kafka import server_properties
from infra.embedded.process import free_port
from infra.embedded.registry import takes_compatibility
from schemas.failures import ContractBroken, Unavailable
from streams.log.cluster import Cluster
from streams.log.credentials import ADMIN, provide_credentials

SETTING = "SALDO_TEST_PARTS"
START_TIMEOUT_S = 180.0
# The versions of the embedded parts (infra/embedded/jars.py; `SELECT version()` of chDB).
KAFKA_IMAGE = "apache/kafka:4.4.0"
REGISTRY_IMAGE = "apicurio/apicurio-registry:3.3.3"
CLICKHOUSE_IMAGE = "clickhouse/clickhouse-server:26.9"
_PROBE_S = 1.0


class Parts(StrEnum):
    """What brokers, registries and ClickHouse servers of tests are."""

    EMBEDDED = "embedded"
    CONTAINERS = "containers"


def chosen() -> Parts:
    """What the environment asks for; embedded where it is silent.

    Raises: pytest.UsageError for another word.
    """
    word = os.environ.get(SETTING, Parts.EMBEDDED)
    if word not in set(Parts):
        raise pytest.UsageError(f"{SETTING} is {word!r}; write {' or '.join(Parts)}")
    return Parts(word)


def engine_problem() -> str | None:
    """Say why no container can be started here; None when an engine answers."""
    import docker.errors  # type: ignore[import-untyped]
    from testcontainers.core.docker_client import DockerClient

    problem = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            client = DockerClient().client
            client.ping()
            client.close()
        except docker.errors.DockerException as error:
            problem = f"no container engine answers: {error}"
        gc.collect()  # a client that finds no engine leaves its socket open
    return problem


def refuse_without_engine() -> None:
    """Stop a run that asks for containers where none can be started: skipped tests would look like a green run.

    Raises: pytest.UsageError with the reason and the remedy.
    """
    if chosen() is Parts.CONTAINERS and (problem := engine_problem()) is not None:
        raise pytest.UsageError(
            f"{SETTING}=containers, and {problem}. Start Docker or Podman (DOCKER_HOST says where it listens), "
            f"or unset {SETTING} to run on embedded parts"
        )


@dataclass(frozen=True, kw_only=True)
class Image:
    """One container: what runs in it, which of its ports is ours, and when it is ready."""

    name: str
    port: int
    is_ready: Callable[[], bool]
    host_port: int
    env: Mapping[str, str] = field(default_factory=dict)
    # Content by path in the container.
    files: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def running_container(image: Image) -> Iterator[None]:
    """Run a container until the block ends; it is ready when the block begins."""
    from testcontainers.core.container import DockerContainer

    container = DockerContainer(image.name)
    # testcontainers types a port alone, and passes on what Docker takes: the address to listen on, too.
    container.ports[f"{image.port}/tcp"] = ("127.0.0.1", image.host_port)  # type: ignore[assignment]
    for name, value in image.env.items():
        container.with_env(name, value)
    for path, content in image.files.items():
        container.with_copy_into_container(content.encode(), path)
    with container:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not image.is_ready():
            if time.monotonic() > deadline:
                out, err = container.get_logs()
                raise TimeoutError(f"{image.name} did not answer: {(out + err).decode(errors='replace')[-3_000:]}")
            time.sleep(0.1)
        yield


class ContainerBroker:
    """A broker in a container with the configuration, the log-ins and the ACLs of the embedded one."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.credentials_dir = data_dir / "credentials"
        self.port = free_port()
        self._running = running_container(self.image())

    @property
    def bootstrap_servers(self) -> str:
        return f"127.0.0.1:{self.port}"

    def image(self) -> Image:
        users = provide_credentials(self.credentials_dir)
        # It is known by the same address inside and outside, so its port is the same on both sides.
        properties = server_properties(
            users, client=self.port, controller=free_port(), listen_on="0.0.0.0", log_dir="/var/lib/kafka/data"
        )
        probe = Cluster({"bootstrap.servers": self.bootstrap_servers, "log_level": 0, **users[ADMIN].options()})

        def answers() -> bool:
            try:
                return bool(probe.identity(timeout_s=_PROBE_S)[1])
            except (Unavailable, ContractBroken):
                return False

        return Image(
            name=KAFKA_IMAGE,
            port=self.port,
            host_port=self.port,
            is_ready=answers,
            files={"/mnt/shared/config/server.properties": properties},
        )

    def __enter__(self) -> Self:
        self._running.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._running.__exit__(None, None, None)


@contextmanager
def container_registry() -> Iterator[str]:
    """URL of a registry in a container at FULL_TRANSITIVE."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/apis/ccompat/v7"
    with running_container(
        Image(name=REGISTRY_IMAGE, port=8080, host_port=port, is_ready=lambda: takes_compatibility(url))
    ):
        yield url


@contextmanager
def container_clickhouse() -> Iterator[str]:
    """DSN of a ClickHouse server in a container, without a database: clickhouse://user:password@host:port."""
    port = free_port()
    env = {
        "CLICKHOUSE_USER": "saldo",
        "CLICKHOUSE_PASSWORD": "saldo-tests",
        "CLICKHOUSE_DEFAULT_ACCESS_MANAGEMENT": "1",
    }

    def answers() -> bool:
        try:
            return httpx2.get(f"http://127.0.0.1:{port}/ping", timeout=_PROBE_S).is_success
        except httpx2.TransportError:
            return False

    with running_container(Image(name=CLICKHOUSE_IMAGE, port=8123, host_port=port, is_ready=answers, env=env)):
        yield f"clickhouse://{env['CLICKHOUSE_USER']}:{env['CLICKHOUSE_PASSWORD']}@127.0.0.1:{port}"
