"""Where the commands find Kafka and the schema registry: the option, else the environment.

One function, so that every command agrees and a change of source is a change here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.errors import CannotRun

if TYPE_CHECKING:
    from schemas.codec import Codec

KAFKA_VARIABLE = "SALDO_KAFKA_BOOTSTRAP_SERVERS"
REGISTRY_VARIABLE = "SALDO_SCHEMA_REGISTRY_URL"

BootstrapServers = Annotated[
    str | None, typer.Option(help=f"Kafka brokers, host:port[,host:port]. Default: {KAFKA_VARIABLE}.")
]
SchemaRegistryUrl = Annotated[
    str | None, typer.Option(help=f"Confluent-compatible schema registry. Default: {REGISTRY_VARIABLE}, else none.")
]


@dataclass(frozen=True, slots=True)
class Connection:
    """Client settings for Kafka (as confluent-kafka names them), and the registry's URL when there is one."""

    kafka: Mapping[str, str]
    schema_registry_url: str | None

    def codec(self) -> Codec:
        """A codec that writes Confluent frames when there is a registry, and reads both framings as far as it can."""
        from schemas.codec import Codec

        if self.schema_registry_url is None:
            return Codec()
        from schemas.registry import Registry

        return Codec(Registry(self.schema_registry_url))


def connect(bootstrap_servers: str | None = None, schema_registry_url: str | None = None) -> Connection:
    """Resolve options and environment; nothing is contacted yet.

    Raises: CannotRun when no broker is named.
    """
    brokers = bootstrap_servers or os.environ.get(KAFKA_VARIABLE)
    if not brokers:
        raise CannotRun(f"no Kafka is named; give --bootstrap-servers or set {KAFKA_VARIABLE}")
    # librdkafka would tell each failed attempt to connect on stderr; what matters reaches people as our own error.
    kafka = {"bootstrap.servers": brokers, "log_level": "2"}
    return Connection(kafka, registry_url(schema_registry_url))


def registry_url(option: str | None = None) -> str | None:
    """The schema registry from option or environment; None when there is none."""
    return option or os.environ.get(REGISTRY_VARIABLE) or None
