"""An API for tests: real users, keys, policy, sessions and idempotency; commands and read side are scripted."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from starlette.types import ASGIApp

from app.access.access import Access
from app.access.actor import Actor, single_user
from app.access.roles import Role
from app.access.settings import AccessSettings
from app.api.app import Api
from app.api.audit import AuditFound, AuditWays
from app.api.commands import CommandForm, Given, Outcome, Status
from app.api.log_in import CALLBACK, LogIn
from app.api.oidc import Provider
from app.api.once import Once
from app.api.openapi import describe
from app.api.people import People, load_secret
from app.api.reports import Reports
from app.api.settings import ApiSettings
from app.api.users import UsersWays
from app.cli.forms import CliCommands
from app.ingress.server import listen, new_server
from projections.store.errors import QueryRefused
from projections.store.spool import Spool

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
PASSWORD = "correct horse battery"
HOST = "127.0.0.1:8490"


@cache
def _real() -> CliCommands:
    return CliCommands(wait_s=0)


class Scripted:
    """Commands whose forms and checks are the real ones and whose outcome is `outcome`; what was given is kept."""

    def __init__(self) -> None:
        self.real = _real()
        self.given: list[tuple[str, Mapping[str, Any], Actor]] = []
        self.outcome = Outcome(Status.DONE, ("done",), (Given("ConfirmMatch", "receivables.inbox.v1", 0, 7, ()),))
        self.fails: Exception | None = None
        self.note: Mapping[str, Any] | None = {"topic": "receivables.inbox.v1"}
        self.resumed: list[Sequence[Mapping[str, Any]]] = []

    def forms(self) -> Sequence[CommandForm]:
        return self.real.forms()

    def form(self, name: str) -> CommandForm:
        return self.real.form(name)

    def perform(
        self,
        name: str,
        values: Mapping[str, Any],
        actor: Actor,
        keep: Callable[[Mapping[str, Any]], None] | None = None,
    ) -> Outcome:
        self.real.proved(name, values)
        self.given.append((name, values, actor))
        if keep is not None and self.note is not None:
            keep(self.note)
        if self.fails is not None:
            raise self.fails
        return self.outcome

    def resume(self, kept: Sequence[Mapping[str, Any]]) -> Outcome:
        self.resumed.append(kept)
        return self.outcome


class Rows:
    """A read side that answers every report with the same rows."""

    def __init__(self, count: int = 5) -> None:
        self.count = count
        self.asked: list[tuple[Mapping[str, Any], datetime | None]] = []

    def query(
        self, sql: str, parameters: Any = None, *, output_format: str = "JSONCompact", as_of: datetime | None = None
    ) -> bytes:
        self.asked.append((parameters, as_of))
        if any(value == "refuse me" for value in (parameters or {}).values()):
            raise QueryRefused("no such day", code="CANNOT_PARSE")
        if any(value == "too early" for value in (parameters or {}).values()):
            raise QueryRefused("Unknown table rpt_x. In scope SELECT 1. (UNKNOWN_TABLE)", code="60")
        meta = [{"name": "id", "type": "Int64"}, {"name": "amount_minor", "type": "Int64"}]
        meta.append({"name": "currency", "type": "String"})
        rows = [[number, 100 * number, "USD"] for number in range(self.count)]
        return json.dumps({"meta": meta, "data": rows}).encode()

    def answer(
        self, sql: str, parameters: Any = None, *, output_format: str = "JSONCompact", as_of: datetime | None = None
    ) -> Spool:
        raise AssertionError("the API asks for whole answers")

    def close(self) -> None:
        """Hold nothing."""


@dataclass
class Answer:
    """An HTTP answer with every header as it was sent."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()

    def header(self, name: str) -> str:
        return next((value for found, value in self.headers if found == name), "")


@dataclass
class Browser:
    """Asks the application itself, and keeps cookies as a browser does."""

    app: ASGIApp
    cookies: dict[str, str] = field(default_factory=dict)
    host: str = HOST

    def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None, *, key: str = ""
    ) -> Answer:
        given = {"host": self.host, **(headers or {})}
        if self.cookies and "cookie" not in given:
            given["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if key:
            given["authorization"] = f"Bearer {key}"
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        if body is not None and not isinstance(body, bytes):
            given.setdefault("content-type", "application/json")
        where, _, query = path.partition("?")
        scope = {
            "type": "http",
            "method": method,
            "path": where,
            "raw_path": where.encode(),
            "query_string": query.encode(),
            "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in given.items()],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 8490),
            "scheme": "http",
            "http_version": "1.1",
        }
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": raw, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        async def ask() -> None:
            await self.app(scope, receive, send)

        asyncio.run(ask())
        named = [(name.decode().lower(), value.decode()) for name, value in sent[0]["headers"]]
        for _, value in (pair for pair in named if pair[0] == "set-cookie"):
            self._keep(value)
        return Answer(sent[0]["status"], named, b"".join(message.get("body", b"") for message in sent[1:]))

    def _keep(self, set_cookie: str) -> None:
        name, _, rest = set_cookie.partition("=")
        value, _, attributes = rest.partition(";")
        if "max-age=0" in attributes.lower():
            self.cookies.pop(name, None)
        else:
            self.cookies[name] = value

    def form(self, path: str, **fields: Any) -> Answer:
        body = urlencode(fields, doseq=True).encode()
        headers = {"content-type": "application/x-www-form-urlencoded", "origin": f"http://{self.host}"}
        return self.ask("POST", path, body, headers)

    def log_in(self, user: str, password: str = PASSWORD, next_path: str = "/users") -> Answer:
        token = csrf_in(self.ask("GET", f"/login?next={next_path}").text)
        return self.form("/login", csrf_token=token, user=user, password=password, next=next_path)


def csrf_in(page: str) -> str:
    """The token of a page's first form."""
    found = re.search(r'name="csrf_token" value="([0-9a-f]+)"', page)
    assert found is not None, page
    return found[1]


@dataclass
class Installation:
    """An API, and what stands behind it."""

    api: Api
    access: Access
    commands: Scripted
    rows: Rows
    people: People
    audits: list[AuditFound]

    def browser(self) -> Browser:
        return Browser(self.api)

    def user(self, name: str, *roles: Role) -> None:
        self.access.keeper(single_user(), now=NOW).add_user(name, roles, PASSWORD)

    def key(self, name: str, role: Role, scopes: Sequence[str] = ()) -> str:
        return self.access.keeper(single_user(), now=NOW).add_key(name, role, lasts=timedelta(days=9), scopes=scopes)


def described() -> dict[str, Any]:
    """The OpenAPI document of such an API."""
    reports = Reports(Rows, day_zone="UTC", own=None, page_size=2, max_page_size=50, now=lambda: NOW)
    return describe(ApiSettings(), _real(), reports)


def entry(number: int, **more: Any) -> Mapping[str, Any]:
    """A row of the audit."""
    row = {"inbox": "receivables.inbox.v1", "partition": 0, "offset": number, "what": "ConfirmMatch"}
    return {**row, **dict.fromkeys(("at", "who", "authenticated_by", "key", "why"), "x"), **more}


def installation(
    folder: Path,
    *,
    now: Callable[[], datetime] = lambda: NOW,
    is_owner: bool = True,
    provider: Provider | None = None,
    **changes: Any,
) -> Installation:
    """Put an API together as app/composition/api.py does."""
    settings = ApiSettings(**{"rate_per_s": 100_000.0, "burst": 100_000, **changes})
    access = Access(AccessSettings(session_s=3600), folder)
    people = People(access, settings, load_secret(folder / "api" / "secret"), now, lambda _: is_owner)
    commands, rows = Scripted(), Rows()
    reports = Reports(lambda: rows, day_zone="America/New_York", own=None, page_size=2, max_page_size=50, now=now)
    once = Once(commands, folder / "api" / "requests.sqlite", now)
    audits = [
        AuditFound(
            [entry(number) for number in range(5)], ["whole   a/0  5 commands  00"], [], lambda: "a\n", lambda: "{}\n"
        )
    ]
    if provider is None and settings.oidc_issuer:
        provider = Provider(settings, f"{settings.address}{CALLBACK}")
    more = (
        *LogIn(people, provider, now).ways(),
        *UsersWays(people, settings, now).ways(),
        *AuditWays(settings, lambda: audits[-1]).ways(),
    )
    api = Api(settings, commands, people, reports, once, lambda: True, more=more)
    return Installation(api, access, commands, rows, people, audits)


@contextmanager
def api_in_thread(api: Api, port: int = 0) -> Iterator[str]:
    """Serve from a thread until the block ends, on a free port unless one is named; gives the base address."""
    settings = ApiSettings(port=port)
    server = new_server(api, settings)
    listener = listen(settings, "api")
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()
