"""The one door to a terminal: lines, JSON and table cells in which other people's text can be read and can't act.

For every command and for the demo; ruff refuses typer.echo and print elsewhere. What ends a line is the end of an
argument, never a character in it, so a payer's note can't write a line of ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from schemas.values.foreign_text import for_json, for_terminal

if TYPE_CHECKING:
    from rich.text import Text


def say(*lines: str, err: bool = False) -> None:
    """Print each argument as one line, to stderr if err."""
    for line in lines:
        typer.echo(for_terminal(line), err=err)


def say_json(value: Any, *, indent: int | None = None) -> None:
    """Print a value as JSON."""
    typer.echo(for_json(value, indent=indent))


def cell(text: object) -> Text:
    """Return what stands in a cell or title of a rich table: the text itself, without markup."""
    from rich.text import Text

    return Text(for_terminal(str(text)))
