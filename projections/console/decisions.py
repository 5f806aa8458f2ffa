"""What the workbench needs of whoever takes decisions: who asks, and one way to give a command in that person's name.

The read side knows no operator command: the application gives it one (app/composition), or none; then pages only show.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from starlette.middleware.base import RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import Response

from projections.console.forms import Form


@dataclass(frozen=True, slots=True)
class Room:
    """A page beside the workbench: its title, its path from the root, its icon."""

    title: str
    path: str
    icon: str


@dataclass(frozen=True, slots=True)
class Person:
    """Who uses the workbench: the name that decisions bear, how that is known, in words, and whether it may decide.

    log_out is the path where its session ends; empty where there is none. rooms are pages beside the workbench that
    this person may open.
    """

    name: str
    about: str = ""
    may_decide: bool = True
    log_out: str = ""
    rooms: tuple[Room, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a command: done, proposed (waits for another person), refused, or unanswered; and in words."""

    status: str
    lines: tuple[str, ...]
    proposal_id: str = ""

    @property
    def is_taken(self) -> bool:
        """Whether it counts or will: nothing of it has to be said again."""
        return self.status in ("done", "proposed")


class Door(Protocol):
    """Lets people in, and proves that a form comes from a page that this browser was shown."""

    async def admit(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        """Answer a request: whoever may see pages is let through."""
        ...

    def form_token(self, request: Request) -> str:
        """Return what a form must bring back."""
        ...

    def proves(self, request: Request, given: str) -> bool:
        """Return whether a form is one of our pages', sent by the browser that it was shown to."""
        ...


class Decisions(Protocol):
    """Gives commands in the name of the person who sent a request."""

    def person(self, request: Request) -> Person:
        """Return who sent it."""
        ...

    def forms(self) -> Sequence[Form]:
        """Return the form of every command that may be given, in the order of the terminal."""
        ...

    def give(self, request: Request, command: str, values: Mapping[str, Any]) -> Result:
        """Give a command, called as at the terminal (`decide/confirm`), and wait, bounded, for what comes of it.

        What speaks against it (values, rights, the journal) is a Result that says so.
        """
        ...
