"""The API: which path answers what, in which order a request is examined, and what is answered.

    host 421 -> path 404, method 405 -> room 503 -> who asks 401 403 -> too fast 429 -> may that person 403
    -> kind 415, body bounded 408 413, read 400 -> values 422 -> key 409 422 -> written, outcome 200 202 409, away 503

Nothing of a request is logged but the name of its route, the verdict, and the id of who asked.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from typing import Any, Final

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from app.access.actor import Actor, How
from app.access.errors import AccessDenied, LoginNeeded
from app.api.commands import Commands, Outcome, Status, ValuesInvalid
from app.api.once import InProgress, KeyReused, Once
from app.api.openapi import describe
from app.api.people import People, unknown
from app.api.reports import Reports
from app.api.settings import ApiSettings
from app.ingress.limits import Crowd, RateLimit, read_body
from app.ingress.page import CONTENT_SECURITY_POLICY, render
from app.ingress.problems import MEDIA_TYPE, FieldError, Problem, away, malformed, unfit
from app.ingress.reading import require_media_type, to_json, to_text
from projections.console import language
from projections.store.errors import QueryRefused
from schemas.failures import ContractBroken, SaldoError, Transient, Unreadable

logger = logging.getLogger(__name__)

JSON: Final = "application/json"
HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
# A page may narrow this, and none may widen it: no script or style but from files of ours.
STRICT_CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_KEY: Final = re.compile(r"[\x21-\x7e]{1,200}")
_STATUS: Final = {Status.DONE: 200, Status.PROPOSED: 202, Status.UNANSWERED: 202}
_RETRY_AFTER_S: Final = 2
_LONGEST_WORDS: Final = 500
NOBODY: Final = Actor("", How.SESSION, frozenset())
Answer = Callable[["Asked"], Awaitable[Response]]


@cache
def _pattern_of(path: str) -> re.Pattern[str]:
    return compile_path(path)[0]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of somebody who may make it, and what stood in its path."""

    request: Request
    actor: Actor
    path: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Way:
    """One route.

    path    with {names} of one part each
    needs   action or command of the access policy; "" is anybody who is known, None is anybody at all
    is_form whether a page's form is posted there, which carries its token in the body (People.prove_form)
    """

    method: str
    path: str
    needs: str | None
    answer: Answer
    is_form: bool = False

    def match(self, path: str) -> Mapping[str, str] | None:
        """Return the named parts of a path; None where it is another."""
        found = _pattern_of(self.path).match(path)
        return None if found is None else found.groupdict()


class Api:
    """The ASGI application. More ways are given by `more`: pages, users, audit."""

    def __init__(
        self,
        settings: ApiSettings,
        commands: Commands,
        people: People,
        reports: Reports,
        once: Once,
        is_ready: Callable[[], bool],
        *,
        more: tuple[Way, ...] = (),
        pages: ASGIApp | None = None,
    ) -> None:
        """Wire the ways; nothing is contacted before the first request. pages answers what no way does."""
        self._settings = settings
        self._commands = commands
        self._people = people
        self._reports = reports
        self._once = once
        self._is_ready = is_ready
        self._pages = pages
        self._rate = RateLimit(settings.rate_per_s, settings.burst, time.monotonic)
        self._crowd = Crowd(settings.requests_at_once)
        self.ways: tuple[Way, ...] = (
            Way("GET", "/healthz", None, self._healthz),
            Way("GET", "/readyz", None, self._readyz),
            Way("GET", "/openapi.json", None, self._show_openapi),
            Way("GET", "/docs", None, self._show_docs),
            Way("GET", "/v1/me", "", self._me),
            Way("GET", "/v1/commands", "", self._list_commands),
            *(
                Way("POST", f"/v1/commands/{form.name}", form.gives[0], self._giving(form.name))
                for form in commands.forms()
            ),
            Way("GET", "/v1/reports", "read", self._list_reports),
            Way("GET", "/v1/reports/{name}", "read", self._report),
            *more,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; see the order at the top of the file."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        way: Way | None = None
        close = request.method not in {"GET", "HEAD"}
        try:
            self._require_host(request)
            found = self._way(request)
            if found is None:
                assert self._pages is not None, "a path that nobody answers is refused before"
                await self._pages(scope, receive, send)
                return
            way, path = found
            with self._crowd.enter(), language.of_request(request):
                response = await self._answered(way, request, path)
        except ClientDisconnect:
            return
        except Exception as error:
            problem = self._problem(error, way)
            response = problem.response(close=close)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers.setdefault("Content-Security-Policy", STRICT_CSP)
        response.headers.setdefault("Cache-Control", "no-store")
        if self._settings.is_secure:
            response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
        await response(scope, receive, send)

    async def _answered(self, way: Way, request: Request, path: Mapping[str, str]) -> Response:
        address = request.client.host if request.client else ""
        if way.needs is None:
            self._rate.take(address)
            return await way.answer(Asked(request, NOBODY, path))
        request.state.is_form = way.is_form
        try:
            actor = await asyncio.to_thread(self._people.actor, request)
        except (LoginNeeded, Problem):
            # Who guesses keys is slowed down by address; who is known has a measure of his own.
            self._rate.take(address)
            raise
        self._rate.take(f"{actor.user_id} {actor.key_id}")
        if way.needs:
            await asyncio.to_thread(self._people.access.check, actor, way.needs)
        return await way.answer(Asked(request, actor, path))

    def _require_host(self, request: Request) -> None:
        """Refuse a name that somebody else pointed at us, through which a page of his would be of our origin."""
        given = request.headers.get("host", "").lower()
        own = {self._settings.public_url.partition("://")[2].lower()}
        server = request.scope.get("server") or ("", 0)
        for name in ("127.0.0.1", "localhost", "[::1]", self._settings.host):
            own |= {name, f"{name}:{server[1]}"}
        if given not in own or not given:
            raise Problem(
                421,
                "other-host",
                "This is not the address of Saldo.",
                FieldError("host", "use the address that Saldo shows, or name it in SALDO_API_PUBLIC_URL"),
            )

    def _way(self, request: Request) -> tuple[Way, Mapping[str, str]] | None:
        path, methods = request.scope["path"], []
        for way in self.ways:
            named = way.match(path)
            if named is None:
                continue
            if way.method == request.method or (way.method == "GET" and request.method == "HEAD"):
                return way, named
            methods.append(way.method)
        if methods:
            allowed = ", ".join(sorted(set(methods)))
            raise Problem(
                405,
                "wrong-method",
                "This path takes another method.",
                FieldError("method", allowed),
                headers={"Allow": allowed},
            )
        if self._pages is not None:
            return None
        raise Problem(404, "no-such-path", "There is nothing here.", FieldError("path", "see /docs"))

    def _problem(self, error: Exception, way: Way | None) -> Problem:
        """Return what is answered to a request that failed, and log it."""
        match error:
            case Problem():
                problem = error
            case ValuesInvalid():
                problem = unfit(*(FieldError(name, what) for name, what in error.problems.items()))
            case LoginNeeded():
                problem = unknown(str(error))
            case AccessDenied():
                problem = Problem(403, "not-allowed", "This person may not do that.", FieldError("", str(error)))
            case QueryRefused() if "(UNKNOWN_TABLE)" in str(error):
                problem = away("not-ready", "Nothing is projected yet.", _RETRY_AFTER_S)
            case QueryRefused():
                # The engine quotes the whole statement behind these words.
                said = str(error).partition(" In scope ")[0][:_LONGEST_WORDS]
                problem = Problem(400, "bad-parameter", "It can't be answered.", FieldError("", said))
            case LookupError():
                problem = Problem(404, "not-found", "There is none of this name.", FieldError("", str(error)))
            case Unreadable():
                problem = Problem(422, "unfit", "The content does not fit.", FieldError("", str(error)))
            case KeyReused():
                problem = Problem(
                    422,
                    "key-reused",
                    "This idempotency key belongs to another request.",
                    FieldError("idempotency-key", "take a new key for a new request"),
                )
            case InProgress():
                problem = Problem(
                    409,
                    "in-progress",
                    "This request is being carried out.",
                    FieldError("idempotency-key", f"ask again in {_RETRY_AFTER_S} s with the same key"),
                    retry_after_s=_RETRY_AFTER_S,
                )
            case Transient() | ContractBroken() | TimeoutError():
                problem = away("not-ready", "Saldo can't do that now.", _RETRY_AFTER_S)
                logger.error("api is not ready", extra={"path": _shape(way), "error": str(error)})
            case SaldoError():
                problem = Problem(422, "refused", "That can't be done.", FieldError("", str(error)))
            case _:
                # The text of an unforeseen error may quote what was sent, so only its kind is kept.
                logger.exception("fault", extra={"path": _shape(way), "error": type(error).__name__}, exc_info=False)
                problem = Problem(
                    500, "fault", "This is a fault in Saldo.", FieldError("", "report it to the operator")
                )
        logger.info("refused", extra={"path": _shape(way), "status": problem.status, "code": problem.code})
        return problem

    # -- what everybody sees ---------------------------------------------------------------------------------------

    async def _healthz(self, _: Asked) -> Response:
        return json_response({"status": "ok"})

    async def _readyz(self, _: Asked) -> Response:
        if not await asyncio.to_thread(self._is_ready):
            raise away("not-ready", "Broker or read side does not answer.", _RETRY_AFTER_S)
        return json_response({"status": "ready"})

    @cached_property
    def description(self) -> dict[str, Any]:
        """The OpenAPI document."""
        return describe(self._settings, self._commands, self._reports)

    async def _show_openapi(self, asked: Asked) -> Response:
        return with_etag(asked.request, msgspec.json.encode(self.description))

    async def _show_docs(self, _: Asked) -> Response:
        page = await asyncio.to_thread(render, self.description)
        return HTMLResponse(page, headers={"Content-Security-Policy": CONTENT_SECURITY_POLICY})

    # -- commands --------------------------------------------------------------------------------------------------

    async def _me(self, asked: Asked) -> Response:
        return json_response(await asyncio.to_thread(self._what_may, asked.actor))

    def _what_may(self, actor: Actor) -> dict[str, Any]:
        return {
            "user_id": actor.user_id,
            "authenticated_by": actor.how.value,
            "roles": sorted(actor.roles),
            "scopes": sorted(actor.scopes),
            "ends_at": None if actor.ends_at is None else actor.ends_at.isoformat(),
            "commands": [form.name for form in self._commands.forms() if self._may(actor, form.gives)],
            "notice": self._people.access.notice(),
        }

    def _may(self, actor: Actor, names: tuple[str, ...]) -> bool:
        try:
            for name in names:
                self._people.access.check(actor, name)
        except AccessDenied:
            return False
        return True

    async def _list_commands(self, asked: Asked) -> Response:
        forms = [
            {
                "name": form.name,
                "title": form.title,
                "help": form.help,
                "gives": form.gives,
                "fields": [asdict(field) for field in form.fields],
            }
            for form in self._commands.forms()
        ]
        return with_etag(asked.request, msgspec.json.encode({"commands": forms}))

    def _giving(self, name: str) -> Answer:
        async def answer(asked: Asked) -> Response:
            values = await read_object(asked.request, self._settings)
            key = asked.request.headers.get("idempotency-key")
            if key is None:
                outcome, is_repeat = await asyncio.to_thread(self._commands.perform, name, values, asked.actor), False
            elif _KEY.fullmatch(key):
                outcome, is_repeat = await asyncio.to_thread(self._once.perform, name, values, asked.actor, key)
            else:
                raise malformed("The idempotency key can't be used.", "idempotency-key", "1 to 200 visible characters")
            logger.info("command", extra={"path": name, "by": asked.actor.user_id, "status": outcome.status.value})
            return _said(outcome, is_repeat=is_repeat)

        return answer

    # -- reports ---------------------------------------------------------------------------------------------------

    async def _list_reports(self, asked: Asked) -> Response:
        return with_etag(asked.request, msgspec.json.encode(await asyncio.to_thread(self._known_reports)))

    def _known_reports(self) -> dict[str, Any]:
        listed: list[dict[str, Any]] = []
        for name in self._reports.names():
            try:
                report = self._reports.load(name)
            except QueryRefused as error:
                listed.append({"name": name, "problem": str(error)})
                continue
            listed.append(
                {
                    "name": name,
                    "question": report.question,
                    "description": report.description,
                    "period": report.period_meaning,
                    "parameters": [asdict(parameter) for parameter in report.parameters],
                }
            )
        return {"reports": listed}

    async def _report(self, asked: Asked) -> Response:
        query = asked.request.query_params
        if len(set(query)) != len(query.multi_items()):
            raise malformed("A parameter stands twice.", "query", "give each parameter once")
        page = await asyncio.to_thread(self._reports.page, asked.path["name"], dict(query))
        rows = msgspec.json.encode(page.rows)
        following = msgspec.json.encode(page.next_cursor)
        body = b'{"columns":%b,"rows":%b,"next":%b}' % (msgspec.json.encode(page.columns), rows, following)
        # The cursor names an instant, so it differs each time; what was asked for is the rows.
        return with_etag(asked.request, body, of=rows + (b"" if page.next_cursor is None else b"more"), is_weak=True)


async def read_object(request: Request, settings: ApiSettings) -> dict[str, Any]:
    """Return a request's JSON object. Raises: Problem."""
    require_media_type(request.headers.get("content-type", ""), request.headers.get("content-encoding", ""), JSON)
    value = to_json(to_text(await read_body(request, settings.max_body_bytes, settings.body_timeout_s)))
    if not isinstance(value, dict):
        raise malformed("The body is no object.", "body", "send one JSON object of names and values")
    return value


def json_response(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a value as JSON."""
    return Response(msgspec.json.encode(value), status, dict(headers or {}), JSON)


def with_etag(request: Request, body: bytes, *, of: bytes | None = None, is_weak: bool = False) -> Response:
    """Return JSON with the digest of its content as ETag, or 304 where the asker has it."""
    etag = f'{"W/" if is_weak else ""}"{hashlib.sha256(body if of is None else of).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    known = [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]
    if "*" in known or etag.removeprefix("W/") in known:
        return Response(status_code=304, headers=headers)
    return Response(body, 200, headers, JSON)


def _said(outcome: Outcome, *, is_repeat: bool) -> Response:
    headers = {"Idempotency-Replayed": "true"} if is_repeat else {}
    said = asdict(outcome)
    if outcome.status is not Status.REFUSED:
        return json_response(said, _STATUS[outcome.status], headers)
    problem = Problem(409, "refused", "What is known stands against it.", FieldError("", "; ".join(outcome.lines)))
    body = msgspec.json.encode({**problem.document(), "outcome": said})
    return Response(body, 409, headers, MEDIA_TYPE)


def _shape(way: Way | None) -> str:
    return "none" if way is None else way.path
