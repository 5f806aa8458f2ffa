"""The pages of log-in and log-out. A link opens after it: `next` is a path of ours, also through the provider."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from app.access.errors import AccessDenied, LoginNeeded
from app.api.app import Asked, Way
from app.api.oidc import Provider
from app.api.people import CSRF_FIELD, People, own_path
from app.ingress.limits import read_body
from app.ingress.problems import Problem
from app.ingress.reading import require_media_type, to_text
from projections.console.language import _, current
from schemas.failures import Transient

FORM: Final = "application/x-www-form-urlencoded"
CALLBACK: Final = "/login/callback"
_TEMPLATES: Final = Path(__file__).parent / "templates"
_MOST_BYTES: Final = 64 * 1024
_MOST_FIELDS: Final = 300
_BODY_TIMEOUT_S: Final = 10.0
ENVIRONMENT: Final = Environment(
    loader=FileSystemLoader(_TEMPLATES),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
ENVIRONMENT.globals |= {"_": _, "language": current}


class LogIn:
    """Log-in by password or provider, and log-out."""

    def __init__(self, people: People, provider: Provider | None, now: Callable[[], datetime]) -> None:
        """Take who knows people, and the provider, where there is one."""
        self._people = people
        self._provider = provider
        self._now = now

    def ways(self) -> tuple[Way, ...]:
        """Return the routes."""
        ways = (
            Way("GET", "/login", None, self._page),
            Way("POST", "/login", None, self._log_in),
            Way("POST", "/logout", None, self._log_out),
            Way("GET", "/login.css", None, self._style),
        )
        if self._provider is None:
            return ways
        return (*ways, Way("GET", "/login/provider", None, self._to_provider), Way("GET", CALLBACK, None, self._back))

    async def _page(self, asked: Asked) -> Response:
        return self._shown(asked.request, own_path(asked.request.query_params.get("next", "/")))

    def _shown(self, request: Request, next_path: str, problem: str = "", status: int = 200) -> Response:
        # The cookie comes first: the form's token is bound to it.
        holder = Response()
        self._people.begin(request, holder)
        page = HTMLResponse(
            ENVIRONMENT.get_template("login.html").render(
                next=next_path,
                problem=problem,
                notice=self._people.access.notice(),
                has_provider=self._provider is not None,
                csrf_token=self._people.csrf(request),
            ),
            status,
        )
        page.raw_headers += [pair for pair in holder.raw_headers if pair[0] == b"set-cookie"]
        return page

    async def _log_in(self, asked: Asked) -> Response:
        form = await read_form(asked.request)
        self._people.prove_form(asked.request, first(form, CSRF_FIELD))
        next_path = own_path(first(form, "next", "/"))
        try:
            token = await asyncio.to_thread(
                self._people.access.log_in, first(form, "user"), first(form, "password"), now=self._now()
            )
        except AccessDenied as error:
            return self._shown(asked.request, next_path, str(error), 401)
        return self._people.logged_in(RedirectResponse(next_path, 303), token)

    async def _log_out(self, asked: Asked) -> Response:
        form = await read_form(asked.request)
        self._people.prove_form(asked.request, first(form, CSRF_FIELD))
        return self._people.log_out(asked.request, RedirectResponse("/login", 303))

    async def _to_provider(self, asked: Asked) -> Response:
        assert self._provider is not None
        next_path = own_path(asked.request.query_params.get("next", "/"))
        try:
            address, state = await asyncio.to_thread(self._provider.begin, next_path)
        except (LoginNeeded, Transient) as error:
            return self._shown(asked.request, next_path, str(error), 503)
        response = RedirectResponse(address, 303)
        self._people.keep_state(response, state)
        return response

    async def _back(self, asked: Asked) -> Response:
        assert self._provider is not None
        query, next_path = dict(asked.request.query_params), "/"
        try:
            kept = self._people.kept_state(asked.request)
            next_path = own_path(str(kept.get("next", "/")))
            subject = await asyncio.to_thread(self._provider.subject, query, kept, now=self._now())
            token = self._people.access.log_in_by_provider(subject, now=self._now())
        except LoginNeeded as error:
            return self._people.forget_state(self._shown(asked.request, next_path, str(error), 401))
        except Transient as error:
            return self._shown(asked.request, next_path, str(error), 503)
        response = RedirectResponse(next_path, 303)
        return self._people.forget_state(self._people.logged_in(response, token))

    async def _style(self, _: Asked) -> Response:
        return Response((_TEMPLATES / "login.css").read_text("utf-8"), media_type="text/css")


async def read_form(request: Request) -> dict[str, list[str]]:
    """Return the fields of a form, each with its values. Raises: Problem."""
    require_media_type(request.headers.get("content-type", ""), request.headers.get("content-encoding", ""), FORM)
    text = to_text(await read_body(request, _MOST_BYTES, _BODY_TIMEOUT_S))
    try:
        return parse_qs(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise Problem(400, "malformed", "The form can't be read.") from None


def first(form: Mapping[str, Sequence[str]], name: str, default: str = "") -> str:
    """Return the first value of a form's field."""
    return form.get(name, [default])[0]
