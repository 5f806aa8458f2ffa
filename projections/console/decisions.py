"""What the workbench needs of whoever takes decisions: who asks, and one way to give a command in that person's name.

The read side knows no operator command: the application gives it one (app/composition), or none; then pages only show.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from starlette.middleware.base import RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import Response


@dataclass(frozen=True, slots=True)
class Person:
    """Who uses the workbench: the name that decisions bear, how that is known, in words, and whether it may decide.

    log_out is the path where its session ends; empty where there is none.
    """

    name: str
    about: str = ""
    may_decide: bool = True
    log_out: str = ""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that a form brought. Units: content in bytes, as they came."""

    file_name: str
    content: bytes


class Sheet(Protocol):
    """Rows that a command found. Shapes: columns (c,), rows (n, c) of texts."""

    @property
    def title(self) -> str: ...  # noqa: D102
    @property
    def columns(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def rows(self) -> tuple[tuple[str, ...], ...]: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a command: done, proposed (waits for another person), refused, or unanswered; and in words.

    sheets  what it found, in rows
    """

    status: str
    lines: tuple[str, ...]
    proposal_id: str = ""
    sheets: tuple[Sheet, ...] = ()

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

    def give(self, request: Request, command: str, values: Mapping[str, Any]) -> Result:
        """Give a command, called as at the terminal (`decide/confirm`), and wait, bounded, for what comes of it.

        What speaks against it (values, rights, the journal) is a Result that says so.
        """
        ...
