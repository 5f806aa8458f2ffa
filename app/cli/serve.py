"""`saldo serve`: what listens to the outside world, in the foreground."""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from typing import Annotated

import typer

from app.cli.processes import settings_of, until_stopped
from app.output.terminal import say
from streams.log.credentials import INGRESS, OPERATORS


class Door(StrEnum):
    """What can be served."""

    INGRESS = "ingress"
    API = "api"


def register(app: typer.Typer) -> None:
    """Hang `serve ingress` and `serve api` below the root."""
    app.command()(serve)


def serve(
    door: Annotated[
        Door,
        typer.Argument(
            help="ingress takes hooks, Silent Posts and observations; api commands and questions of people, machines."
        ),
    ],
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port; 0 takes a free one. Default: SALDO_INGRESS_PORT, SALDO_API_PORT."),
    ] = None,
) -> None:
    """Serve the ingress or the API over HTTP.

    What the ingress answers with 200 is durable in Kafka. SIGTERM or Ctrl-C ends it, once what is being answered is
    answered.
    """
    if door is Door.API:
        _serve_api(port)
    else:
        _serve_ingress(port)


def _serve_api(port: int | None) -> None:
    import asyncio

    from app.api.workbench import pages_of
    from app.cli.audit import audit_found
    from app.cli.forms import CliCommands
    from app.composition.api import api_of, run_api
    from app.composition.bootstrap import wait_for_topics

    settings = settings_of(OPERATORS)
    if port is not None:
        settings = settings.model_copy(update={"api": settings.api.model_copy(update={"port": port})})
    if settings.kafka.bootstrap_servers is None:
        wait_for_topics(settings)
    api = api_of(
        settings,
        CliCommands(wait_s=settings.api.command_wait_s),
        audit_found,
        pages=partial(pages_of, settings.projection),
    )
    say(f"workbench at {settings.api.address}/, API described at /docs")
    asyncio.run(until_stopped(settings, lambda settings, stop: run_api(settings, api, stop)))


def _serve_ingress(port: int | None) -> None:
    import asyncio

    from app.cli.connection import why_nobody_listens
    from app.composition.bootstrap import run_ingress, wait_for_topics

    settings = settings_of(INGRESS)
    if port is not None:
        settings = settings.model_copy(update={"ingress": settings.ingress.model_copy(update={"port": port})})
    if settings.kafka.bootstrap_servers is None:
        # The embedded broker tells its address once it runs; one that is named may come later than we do.
        wait_for_topics(settings)
    elif why := why_nobody_listens(settings.kafka.bootstrap_servers):
        where = settings.kafka.bootstrap_servers
        say(
            f"saldo: nobody listens at {where} ({why}); until a broker does, whatever comes in is answered 503",
            err=True,
        )
    if settings.ingress.metrics_port:
        from prometheus_client import start_http_server

        start_http_server(settings.ingress.metrics_port, addr="127.0.0.1")

    asyncio.run(until_stopped(settings, run_ingress))
