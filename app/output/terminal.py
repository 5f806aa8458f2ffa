"""The one door to a terminal: lines, JSON and table cells in which other people's text can be read and can't act.

For every command and for the demo; ruff refuses typer.echo and print elsewhere. What ends a line is the end of an
argument, never a character in it, so a payer's note can't write a line of ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import typer

from schemas.values.foreign_text import for_json, for_terminal

if TYPE_CHECKING:
    from rich.text import Text


# Who listens instead of the terminal: a command that is run for the API or a page.
_LISTENER: ContextVar[list[str] | None] = ContextVar("listener", default=None)


@contextmanager
def heard() -> Iterator[list[str]]:
    """Collect what is said in this context instead of printing it; of this thread and task alone."""
    lines: list[str] = []
    before = _LISTENER.set(lines)
    try:
        yield lines
    finally:
        _LISTENER.reset(before)


def say(*lines: str, err: bool = False) -> None:
    """Print each argument as one line, to stderr if err."""
    for line in lines:
        _say(for_terminal(line), err=err)


def say_json(value: Any, *, indent: int | None = None) -> None:
    """Print a value as JSON."""
    _say(for_json(value, indent=indent), err=False)


def _say(text: str, *, err: bool) -> None:
    listener = _LISTENER.get()
    if listener is None:
        typer.echo(text, err=err)
    else:
        listener.append(text)


def cell(text: object) -> Text:
    """Return what stands in a cell or title of a rich table: the text itself, without markup."""
    from rich.text import Text

    return Text(for_terminal(str(text)))
