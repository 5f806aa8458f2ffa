"""The one door to a terminal: lines, JSON and table cells in which other people's text can be read and can't act.

For every command and for the demo; ruff refuses typer.echo and print elsewhere. What ends a line is the end of an
argument, never a character in it, so a payer's note can't write a line of ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from schemas.values.foreign_text import for_json, for_terminal

if TYPE_CHECKING:
    from rich.text import Text


@dataclass(frozen=True, slots=True)
class Sheet:
    """Rows that a command found, for whoever shows them otherwise than as lines.

    Shapes: columns (c,), rows (n, c) of texts.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Heard(list[str]):
    """Lines that were said; sheets are the rows that were handed over beside them."""

    def __init__(self) -> None:
        super().__init__()
        self.sheets: list[Sheet] = []


# Who listens instead of the terminal: a command that is run for the API or a page.
_LISTENER: ContextVar[Heard | None] = ContextVar("listener", default=None)


@contextmanager
def heard() -> Iterator[Heard]:
    """Collect what is said in this context instead of printing it; of this thread and task alone."""
    lines = Heard()
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


def hand_over(sheet: Sheet) -> None:
    """Give rows to whoever listens in place of a terminal, which has them in its lines."""
    listener = _LISTENER.get()
    if listener is not None:
        listener.sheets.append(sheet)


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
