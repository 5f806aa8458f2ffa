"""What the workbench needs of whoever takes decisions: who asks, and one way to give a command in that person's name.

The read side knows no operator command: the application gives it one (app/composition), or none; then pages only show.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from starlette.middleware.base import RequestResponseEndpoint
    from starlette.requests import Request
    from starlette.responses import Response


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

    sheets    what it found, in rows
    problems  what does not fit, by the name of its field; the empty name is the command as a whole
    """

    status: str
    lines: tuple[str, ...]
    proposal_id: str = ""
    sheets: tuple[Sheet, ...] = ()
    problems: Mapping[str, str] = field(default_factory=dict)

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


class FormField(Protocol):
    """One thing that a command asks for; kind says how: text, integer, number, boolean, day, choice or file."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def label(self) -> str: ...  # noqa: D102
    @property
    def kind(self) -> str: ...  # noqa: D102
    @property
    def help(self) -> str: ...  # noqa: D102
    @property
    def is_required(self) -> bool: ...  # noqa: D102
    @property
    def is_many(self) -> bool: ...  # noqa: D102
    @property
    def default(self) -> Any: ...  # noqa: D102
    @property
    def choices(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def minimum(self) -> float | None: ...  # noqa: D102
    @property
    def maximum(self) -> float | None: ...  # noqa: D102


class CommandForm(Protocol):
    """A command as a form: `decide/confirm` in an address, `saldo decide confirm` at a terminal."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def title(self) -> str: ...  # noqa: D102
    @property
    def help(self) -> str: ...  # noqa: D102
    @property
    def fields(self) -> Sequence[FormField]: ...  # noqa: D102


class Decisions(Protocol):
    """Gives commands in the name of the person who sent a request."""

    def forms(self) -> Sequence[CommandForm]:
        """Return every command, in the order in which the terminal shows them."""
        ...

    def form(self, name: str) -> CommandForm:
        """Return one command; LookupError when there is none of this name."""
        ...

    def person(self, request: Request) -> Person:
        """Return who sent it."""
        ...

    def give(self, request: Request, command: str, values: Mapping[str, Any]) -> Result:
        """Give a command, called as at the terminal (`decide/confirm`), and wait, bounded, for what comes of it.

        What speaks against it (values, rights, the journal) is a Result that says so.
        """
        ...
