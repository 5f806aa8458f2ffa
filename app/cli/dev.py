"""`saldo dev`: the embedded broker and schema registry, alone and in the foreground, for people who build on them."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.identity import needs
from app.output.terminal import say
from streams.log.credentials import ADMIN

if TYPE_CHECKING:
    from infra.embedded.jars import Progress, ProgressListener
    from infra.embedded.server import EmbeddedServer

Port = Annotated[
    int, typer.Option(min=0, max=65535, help="Port for clients; 0 keeps the last one or takes a free one.")
]


def register(app: typer.Typer) -> None:
    """Hang `dev kafka|registry|kafka-tools` below the root."""
    dev = typer.Typer(help="Embedded servers for development, in the foreground.", no_args_is_help=True)
    commands: tuple[Callable[..., None], ...] = (kafka, registry)
    for command in commands:
        dev.command()(command)
    all_the_rest = {"allow_extra_args": True, "ignore_unknown_options": True}
    dev.command("kafka-tools", context_settings=all_the_rest)(kafka_tools)
    app.add_typer(dev, name="dev")


def kafka(port: Port = 0) -> None:
    """Run a real Kafka broker until Ctrl-C.

    One node, KRaft, its data below the data directory. It has no topics at first, and lets nobody do
    anything but the admin: `saldo topics apply --acls` makes ours.
    """
    from datetime import UTC, datetime

    from app.composition.keys import key_store
    from app.settings.settings import load_settings
    from infra.embedded.kafka import EmbeddedKafka

    settings = load_settings()
    key_store(settings).make(datetime.now(UTC))
    server = EmbeddedKafka(settings.data_dir, port=port, die_with_parent=True, on_progress=_fetching())
    _serve(server, "SALDO_KAFKA_BOOTSTRAP_SERVERS", SALDO_KAFKA_CREDENTIALS_PATH=str(server.credentials_dir))


def registry(port: Port = 0) -> None:
    """Run a real schema registry until Ctrl-C.

    Apicurio with the Confluent-compatible API, its data below the data directory. `saldo schemas publish` fills it.
    """
    from app.settings.settings import load_settings
    from infra.embedded.registry import EmbeddedRegistry

    server = EmbeddedRegistry(load_settings().data_dir, port=port, die_with_parent=True, on_progress=_fetching())
    _serve(server, "SALDO_SCHEMA_REGISTRY_URL")


@needs("read", "write")
def kafka_tools(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="Tool, e.g. kafka-topics; without one they are listed.")] = None,
    role: Annotated[str, typer.Option("--as", help="Whose log-in: a role of streams/log/credentials.py.")] = ADMIN,
) -> None:
    """Run one of Kafka's console tools.

    saldo dev kafka-tools kafka-console-consumer --topic payments.events.v1 --from-beginning --max-messages 3

    Brokers and log-in are filled in; everything behind the tool's name is the tool's own. It shows what the broker
    holds, Avro and all; `saldo topics peek` decodes.
    """
    from app.settings.settings import load_settings
    from infra.embedded import kafka_tools

    if name is None:
        say(*kafka_tools.TOOLS)
        return
    kafka_tools.main_class(name)  # says no before brokers are looked for
    connection = {key: str(value) for key, value in load_settings().as_role(role).kafka_options.items()}
    raise typer.Exit(kafka_tools.run(name, context.args, connection, on_progress=_fetching()))


def _fetching() -> ProgressListener:
    """Tells how the first fetch gets on, in steps of a quarter."""
    reported: set[int] = set()

    def report(fetched: Progress) -> None:
        quarter = 4 * fetched.done_bytes // max(1, fetched.total_bytes)
        if quarter not in reported:
            reported.add(quarter)
            say(f"  fetched {fetched.done_bytes >> 20} of {fetched.total_bytes >> 20} MiB")

    return report


def _serve(server: EmbeddedServer, variable: str, **more: str) -> None:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    say(f"starting {server.name} in {server.home}, log: {server.log_path}; the first time fetches its files")
    with server:
        say(f"{server.name} answers; Ctrl-C stops it. For other programs:")
        for name, value in {variable: server.address, **more}.items():
            say(f"export {name}={value}")
        while server.pid is not None and not stop.wait(0.5):
            continue
        if not stop.is_set():
            say(f"{server.name} ended by itself; see {server.log_path}", err=True)
            raise typer.Exit(1)
