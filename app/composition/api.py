"""Composes the API: its rooms are wired here and nowhere else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from functools import partial

from starlette.types import ASGIApp

from app.access.access import Access
from app.api.app import Api
from app.api.audit import AuditFound, AuditWays
from app.api.commands import Commands
from app.api.log_in import CALLBACK, LogIn
from app.api.oidc import Provider
from app.api.once import Once
from app.api.people import People, load_secret
from app.api.reports import Reports
from app.api.users import UsersWays
from app.ingress.server import serve_until
from app.settings.settings import Settings
from projections.serving.reader import connect_endpoint, open_reader
from projections.store.client import SqlReader
from projections.store.errors import StoreBusy
from schemas.failures import SaldoError
from schemas.values.clock import utc_now

# How pages are put beside the API: they take its commands, its people, and its way to the read side.
Pages = Callable[[Commands, People, Callable[[], SqlReader]], ASGIApp]


def api_of(
    settings: Settings,
    commands: Commands,
    audit: Callable[[], AuditFound],
    *,
    now: Callable[[], datetime] = utc_now,
    pages: Pages | None = None,
) -> Api:
    """Return the API of an installation; nothing is contacted before the first request."""
    own = settings.api
    folder = settings.data_dir.absolute() / "api"
    people = People(Access(settings.access, settings.data_dir.absolute()), own, load_secret(folder / "secret"), now)
    reader = partial(_reader, settings)
    reports = Reports(
        reader,
        day_zone=settings.paytrace.time_zone,
        own=settings.reports_dir,
        page_size=own.page_size,
        max_page_size=own.max_page_size,
        now=now,
    )
    once = Once(commands, folder / "requests.sqlite", now)
    provider = Provider(own, f"{own.address}{CALLBACK}") if own.oidc_issuer else None
    more = (
        *LogIn(people, provider, now).ways(),
        *UsersWays(people, own, now).ways(),
        *AuditWays(own, audit).ways(),
    )

    def is_ready() -> bool:
        try:
            with closing(reader()) as opened:
                opened.query("SELECT 1")
            return bool(settings.bootstrap_servers)
        except (SaldoError, OSError):
            return False

    mounted = None if pages is None else pages(commands, people, reader)
    return Api(own, commands, people, reports, once, is_ready, more=more, pages=mounted)


def _reader(settings: Settings) -> SqlReader:
    """Return a reader of the read side; never the embedded store itself, which the projector may be about to open.

    Raises: StoreBusy while no projector answers.
    """
    projection = settings.projection
    if not projection.is_embedded:
        return open_reader(projection)
    found = connect_endpoint(projection.data_dir)
    if found is None:
        raise StoreBusy("no projector answers; `saldo run projector` or `saldo up` starts it", retry_after_s=2.0)
    return found


async def run_api(settings: Settings, api: Api, stop: asyncio.Event) -> None:
    """Serve the API until asked to stop; what is being answered is answered first."""
    await serve_until(api, settings.api, "api", stop)
