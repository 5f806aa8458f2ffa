"""`saldo run`: one process of the pipeline in the foreground, as a supervisor or an orchestrator starts it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.processes import settings_of, until_stopped
from streams.log.credentials import PROJECTOR, SCHEDULES, WATCH, WORKER

if TYPE_CHECKING:
    from app.settings.settings import Settings


class SourceName(StrEnum):
    """The outside systems that can be read."""

    PAYTRACE = "paytrace"
    ABAS = "abas"
    REPORTS = "reports"
    RATES = "rates"
    SHOP = "shop"


def register(app: typer.Typer) -> None:
    """Hang `run worker|source|projector|watch|schedules` below the root."""
    run = typer.Typer(help="One process of the pipeline, in the foreground.", no_args_is_help=True)
    commands: tuple[Callable[..., None], ...] = (worker, source, projector, watch, schedules)
    for command in commands:
        run.command()(command)
    app.add_typer(run, name="run")


def worker() -> None:
    """Run every agent.

    Start several and Kafka spreads the partitions over them.
    """
    settings = settings_of(WORKER)
    import faust

    from app.composition.bootstrap import wait_for_topics, worker_app
    from app.composition.collector import look_for_garbage_rarely
    from app.output.logs import logging_config

    wait_for_topics(settings)
    if settings.worker.metrics_port:
        from prometheus_client import start_http_server

        start_http_server(settings.worker.metrics_port, addr="127.0.0.1")
    app = worker_app(settings)
    look_for_garbage_rarely()
    faust.Worker(
        app,
        loglevel=settings.log_level,
        redirect_stdouts=False,
        logging_config=logging_config(settings.log_level),
    ).execute_from_commandline()


def source(name: Annotated[SourceName, typer.Argument(help="The system to read.")]) -> None:
    """Read an outside system again and again.

    Each change is reported once.
    """
    import asyncio

    settings = settings_of(f"source-{name.value}")
    from app.composition import bootstrap

    sources: dict[SourceName, Callable[[Settings, asyncio.Event], Awaitable[None]]] = {
        SourceName.PAYTRACE: bootstrap.run_paytrace_source,
        SourceName.ABAS: bootstrap.run_abas_source,
        SourceName.REPORTS: bootstrap.run_reports_source,
        SourceName.RATES: bootstrap.run_rates_source,
        SourceName.SHOP: bootstrap.run_shop_source,
    }
    bootstrap.wait_for_topics(settings)
    asyncio.run(until_stopped(settings, sources[name]))


def projector() -> None:
    """Project every topic into ClickHouse.

    In embedded mode it also answers SQL for the other commands and shows the pages of the workbench.
    """
    settings = settings_of(PROJECTOR)
    from app.composition.bootstrap import run_projector, wait_for_topics
    from app.composition.collector import look_for_garbage_rarely

    wait_for_topics(settings)
    look_for_garbage_rarely()
    run_projector(settings)


def watch() -> None:
    """Watch for what people should be alerted to.

    One is enough; one on each machine that runs workers or sources sees them all.
    """
    import asyncio

    settings = settings_of(WATCH)
    from app.composition import bootstrap

    bootstrap.wait_for_topics(settings)
    asyncio.run(until_stopped(settings, bootstrap.run_watch))


def schedules() -> None:
    """Run what the settings schedule, when it is due.

    One for an installation.
    """
    import asyncio

    settings = settings_of(SCHEDULES)
    from app.composition import bootstrap

    bootstrap.wait_for_topics(settings)
    asyncio.run(until_stopped(settings, bootstrap.run_schedules))
