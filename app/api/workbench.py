"""The workbench beside the API: its pages for whoever is logged in, its forms as commands in that person's name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.middleware.base import RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route

from app.access.actor import Actor, How, in_words
from app.access.errors import AccessDenied, LoginNeeded
from app.api.commands import CommandForm, Commands, Upload, ValuesInvalid
from app.api.people import People
from app.ingress.problems import Problem
from projections.console.app import console_app
from projections.console.decisions import Person, Result, Room
from projections.console.decisions import Upload as Sent
from projections.console.language import N_
from projections.console.parts import MOUNTED_AT
from projections.serving.settings import ProjectionSettings
from projections.store.client import Parameters, SqlReader
from projections.store.spool import Spool
from schemas.failures import SaldoError


def pages_of(
    projection: ProjectionSettings, commands: Commands, people: People, reader: Callable[[], SqlReader]
) -> Starlette:
    """Return the pages: the workbench at its own path, and the way to it."""
    bench = console_app(
        ReopenedReader(reader),
        PeopleDoor(people),
        day_zone=projection.day_zone,
        access_notice=projection.access_notice,
        own_reports=projection.reports_dir,
        decisions=WorkbenchDecisions(lambda: commands, _actor_of, people.access.may),
    )
    return Starlette(routes=[Route("/", _to_the_workbench), Mount(MOUNTED_AT, bench)])


def _to_the_workbench(_request: Request) -> Response:
    return RedirectResponse(f"{MOUNTED_AT}/", 303)


def _actor_of(request: Request) -> Actor:
    """Return whom the door let in."""
    found: Actor = request.state.actor
    return found


class ReopenedReader:
    """The read side, opened for each question: a projector may start anew meanwhile."""

    def __init__(self, reopen: Callable[[], SqlReader]) -> None:
        self._open = reopen

    def query(
        self,
        sql: str,
        parameters: Parameters | None = None,
        *,
        output_format: str = "JSONCompact",
        as_of: datetime | None = None,
    ) -> bytes:
        """Return the answer of one statement, whole."""
        with closing(self._open()) as reader:
            return reader.query(sql, parameters, output_format=output_format, as_of=as_of)

    def answer(
        self,
        sql: str,
        parameters: Parameters | None = None,
        *,
        output_format: str = "JSONCompact",
        as_of: datetime | None = None,
    ) -> Spool:
        """Return the same beside memory; the caller closes it."""
        with closing(self._open()) as reader:
            return reader.answer(sql, parameters, output_format=output_format, as_of=as_of)

    def close(self) -> None:
        """Keep nothing open."""


class PeopleDoor:
    """Lets in who is logged in and may read; who is not goes to the log-in and comes back."""

    def __init__(self, people: People) -> None:
        self._people = people

    async def admit(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        """Answer a request, or say what stands against it."""
        request.state.is_form = True  # its token is in its body, and proved there
        try:
            actor = await asyncio.to_thread(self._people.actor, request)
            await asyncio.to_thread(self._people.access.check, actor, "read")
        except LoginNeeded as error:
            if request.method != "GET":
                return PlainTextResponse(f"Nothing was sent: {error}", 401)
            query = f"?{request.url.query}" if request.url.query else ""
            return RedirectResponse(f"/login?{urlencode({'next': request.url.path + query})}", 303)
        except AccessDenied as error:
            return PlainTextResponse(str(error), 403)
        except Problem as problem:
            return problem.response(close=False)
        request.state.actor = actor
        return await call_next(request)

    def form_token(self, request: Request) -> str:
        """Return the token of this session."""
        return self._people.csrf(request)

    def proves(self, request: Request, given: str) -> bool:
        """Return whether it comes from our own origin with the token of this session."""
        try:
            self._people.prove_form(request, given)
        except Problem:
            return False
        return True


# Pages of the API beside the workbench, and the action of the access policy that each asks for.
_ROOMS: Mapping[tuple[str, str, str], str] = {
    (N_("Users and roles"), "/users", "people"): "manage-users",
    (N_("Audit"), "/audit", "shield"): "read",
}


class WorkbenchDecisions:
    """Gives commands for pages; what speaks against one is said on the page, in the words of the terminal."""

    def __init__(
        self,
        commands: Callable[[], Commands],
        actor_of: Callable[[Request], Actor],
        may: Callable[[Actor, str], bool] = lambda _actor, _action: False,
    ) -> None:
        """Bind to the commands, which are read at the first decision, and to whatever knows who sent a request.

        may says whether a person may do an action of the access policy, for links to pages beside the workbench.
        """
        self._may = may
        self._load = commands
        self._actor_of = actor_of

    @cached_property
    def _commands(self) -> Commands:
        return self._load()

    def forms(self) -> Sequence[CommandForm]:
        """Return every command, in the order in which the terminal shows them."""
        return self._commands.forms()

    def form(self, name: str) -> CommandForm:
        """Return one command; LookupError when there is none of this name."""
        return self._commands.form(name)

    def person(self, request: Request) -> Person:
        """Return who sent it; somebody who has not logged in may look and not decide."""
        try:
            actor = self._actor_of(request)
        except LoginNeeded as error:
            return Person("nobody", str(error), may_decide=False)
        about = in_words(actor.user_id, actor.how, actor.key_id)
        rooms = tuple(Room(*room) for room, action in _ROOMS.items() if self._may(actor, action))
        return Person(actor.user_id, about, log_out="/logout" if actor.how is How.SESSION else "", rooms=rooms)

    def give(self, request: Request, command: str, values: Mapping[str, Any]) -> Result:
        """Give a command and say what came of it; nothing that speaks against it is raised."""
        try:
            outcome = self._commands.perform(command, _with_files(values), self._actor_of(request))
        except ValuesInvalid as error:
            return Result("refused", tuple(error.problems.values()), problems=error.problems)
        except (SaldoError, LookupError) as error:
            return Result("refused", (str(error),))
        return Result(outcome.status.value, outcome.lines, outcome.proposal_id or "", outcome.sheets)


def _with_files(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values of a form as commands take them."""
    return {
        name: Upload(value.file_name, value.content) if isinstance(value, Sent) else value
        for name, value in values.items()
    }
