"""What the workbench needs of whoever takes decisions: who asks, and one way to give a command in that person's name.

The read side knows no operator command: the application gives it one (app/composition), or none; then pages only show.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from starlette.requests import Request


@dataclass(frozen=True, slots=True)
class Person:
    """Who uses the workbench: the name that decisions bear, how that is known, in words, and whether it may decide."""

    name: str
    about: str = ""
    may_decide: bool = True


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
