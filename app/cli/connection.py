"""Where the commands find Kafka and the schema registry: the option, else the settings.

One function, so that every command agrees and a change of source is a change here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.output.terminal import say

if TYPE_CHECKING:
    from pathlib import Path

    from schemas.wire.codec import Codec
    from streams.log.outbound import Signer

# All addresses together; a broker in the same network takes a connection in milliseconds.
LISTENS_WITHIN_S = 3.0
# What the client's own time limits come to for the questions that a command begins with (streams/log).
PATIENCE_S = 30.0
KAFKA_VARIABLE = "SALDO_KAFKA_BOOTSTRAP_SERVERS"
REMEDY = f"`saldo up` starts the embedded broker; another one is named by --bootstrap-servers or {KAFKA_VARIABLE}"
REGISTRY_VARIABLE = "SALDO_SCHEMA_REGISTRY_URL"

BootstrapServers = Annotated[
    str | None,
    typer.Option(help=f"Kafka brokers, host:port[,host:port]. Default: {KAFKA_VARIABLE}, else the embedded one."),
]
SchemaRegistryUrl = Annotated[
    str | None, typer.Option(help=f"Confluent-compatible schema registry. Default: {REGISTRY_VARIABLE}, else none.")
]


@dataclass(frozen=True, slots=True)
class Connection:
    """Client settings for Kafka (as confluent-kafka names them), and the registry's URL when there is one."""

    kafka: Mapping[str, Any]
    schema_registry_url: str | None
    replication_factor: int | None
    role: str
    private_key_path: Path
    public_keys_path: Path

    def signer(self) -> Signer:
        """Return what signs the commands that this person gives; raises ContractBroken without a key in the ring."""
        from app.composition.keys import load_known_signer

        return load_known_signer(self.private_key_path, self.role, self.public_keys_path)

    @contextmanager
    def codec(self) -> Iterator[Codec]:
        """Hold a codec that writes Confluent frames where there is a registry, and reads both framings."""
        from schemas.wire.codec import Codec

        if self.schema_registry_url is None:
            yield Codec()
            return
        from schemas.wire.registry import Registry

        with closing(Registry(self.schema_registry_url)) as registry:
            yield Codec(registry)


def connect(
    bootstrap_servers: str | None = None, schema_registry_url: str | None = None, *, role: str | None = None
) -> Connection:
    """Resolve options and settings, with the log-in of a role (SALDO_KAFKA_ROLE).

    Ensures: where nobody listens at the address, a line on stderr says so within some three seconds; the client goes on
             trying for its own time, since a broker that starts may come.

    Raises: ContractBroken when no broker is named and no embedded one runs, or the settings do not fit.
    """
    from app.settings.settings import load_settings

    settings = load_settings() if role is None else load_settings().as_role(role)
    kafka = settings.kafka_options_at(bootstrap_servers)
    if why := why_nobody_listens(address := str(kafka["bootstrap.servers"])):
        say(f"saldo: nobody listens at {address} ({why}); trying on for up to {PATIENCE_S:.0f} s. {REMEDY}", err=True)
    return Connection(
        kafka=kafka,
        schema_registry_url=schema_registry_url or settings.schema_registry_url or None,
        replication_factor=settings.kafka.replication_factor,
        role=settings.kafka.role,
        private_key_path=settings.private_key_path(settings.kafka.role),
        public_keys_path=settings.public_keys_path,
    )


def why_nobody_listens(address: str) -> str:
    """Return why none of these host:port takes a connection, each in its own words; empty as soon as one does."""
    import socket

    why: list[str] = []
    places = [place.strip() for place in address.split(",")]
    for place in places:
        host, _, port = place.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=LISTENS_WITHIN_S / len(places)).close()
        except TimeoutError:
            why.append("no answer")
        except OSError as error:
            why.append(error.strerror or str(error))
        except ValueError:
            why.append(f"{place} is not host:port")
        else:
            return ""
    return ", ".join(dict.fromkeys(why))


def registry_url(option: str | None = None) -> str | None:
    """Return the schema registry alone, for a command that needs no Kafka; None when there is none."""
    from app.settings.settings import load_settings

    return option or load_settings().schema_registry_url or None
