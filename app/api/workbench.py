"""Decisions of the workbench: its forms give the commands of the CLI, in the name of whoever sent them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from starlette.requests import Request

from app.access.actor import Actor, in_words
from app.access.errors import LoginNeeded
from app.api.commands import Commands, ValuesInvalid
from projections.console.decisions import Person, Result
from schemas.failures import SaldoError


class WorkbenchDecisions:
    """Gives commands for pages; what speaks against one is said on the page, in the words of the terminal."""

    def __init__(self, commands: Callable[[], Commands], actor_of: Callable[[Request], Actor]) -> None:
        """Bind to the commands, which are read at the first decision, and to whatever knows who sent a request."""
        self._load = commands
        self._actor_of = actor_of

    @cached_property
    def _commands(self) -> Commands:
        return self._load()

    def person(self, request: Request) -> Person:
        """Return who sent it; somebody who has not logged in may look and not decide."""
        try:
            actor = self._actor_of(request)
        except LoginNeeded as error:
            return Person("nobody", str(error), may_decide=False)
        return Person(actor.user_id, in_words(actor.user_id, actor.how, actor.key_id))

    def give(self, request: Request, command: str, values: Mapping[str, Any]) -> Result:
        """Give a command and say what came of it; nothing that speaks against it is raised."""
        try:
            outcome = self._commands.perform(command, values, self._actor_of(request))
        except ValuesInvalid as error:
            return Result("refused", tuple(error.problems.values()))
        except (SaldoError, LookupError) as error:
            return Result("refused", (str(error),))
        return Result(outcome.status.value, outcome.lines, outcome.proposal_id or "")
