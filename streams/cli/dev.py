"""`saldo dev`: the embedded broker and schema registry, alone and in the foreground, for people who build on them."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from streams.embedded.server import EmbeddedServer

Port = Annotated[
    int, typer.Option(min=0, max=65535, help="Port for clients; 0 keeps the last one or takes a free one.")
]


def register(app: typer.Typer) -> None:
    """Hang `dev kafka|registry` below the root."""
    dev = typer.Typer(help="Embedded servers for development, in the foreground.", no_args_is_help=True)
    commands: tuple[Callable[..., None], ...] = (kafka, registry)
    for command in commands:
        dev.command()(command)
    app.add_typer(dev, name="dev")


def kafka(port: Port = 0) -> None:
    """Run a real Kafka broker (KRaft, one node) with its data below the data directory."""
    from streams.embedded.kafka import EmbeddedKafka
    from streams.settings import load_settings

    _serve(EmbeddedKafka(load_settings().data_dir, port=port, die_with_parent=True), "SALDO_KAFKA_BOOTSTRAP_SERVERS")


def registry(port: Port = 0) -> None:
    """Run a real schema registry (Apicurio, Confluent-compatible API) with its data below the data directory."""
    from streams.embedded.registry import EmbeddedRegistry
    from streams.settings import load_settings

    _serve(EmbeddedRegistry(load_settings().data_dir, port=port, die_with_parent=True), "SALDO_SCHEMA_REGISTRY_URL")


def _serve(server: EmbeddedServer, variable: str) -> None:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with server:
        typer.echo(f"{server.name} answers; log: {server.log_path}\nexport {variable}={server.address}")
        while server.pid is not None and not stop.wait(0.5):
            continue
        if not stop.is_set():
            typer.echo(f"{server.name} ended by itself; see {server.log_path}", err=True)
            raise typer.Exit(1)
