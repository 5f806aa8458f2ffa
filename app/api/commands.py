"""What an operator command asks for and what came of it, for whoever offers commands: the API's routes, pages, forms.

A command is defined once, as the function that the CLI runs: its signature gives the option of the command line, the
field of a form and the member of a request (app/cli/forms.py reads it). Nothing here knows Kafka, HTTP or HTML.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from app.access.actor import Actor
from app.output.terminal import Sheet
from schemas.failures import SaldoError


class Kind(StrEnum):
    """How the value of a field is asked for."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DAY = "day"
    CHOICE = "choice"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that a command asks for.

    Shapes: a value of is_many is a list; of a FILE an Upload; a DAY is ISO text or a date.
    """

    name: str
    kind: Kind
    help: str
    is_required: bool
    is_many: bool = False
    default: Any = None
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None

    @property
    def label(self) -> str:
        """Its name for people."""
        return self.name.replace("_", " ")


@dataclass(frozen=True, slots=True)
class CommandForm:
    """One command: `decide/confirm` in an address, `saldo decide confirm` at a terminal.

    gives   operator commands and actions of the access policy; its actor must be allowed each of them
    schema  JSON Schema of its values
    """

    name: str
    title: str
    help: str
    gives: tuple[str, ...]
    fields: tuple[Field, ...]
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that comes with a command. Units: content in bytes, as they came."""

    file_name: str
    content: bytes


class Status(StrEnum):
    """What came of a command.

    PROPOSED waits for another person; UNANSWERED is durable, and its agent said nothing in time.
    """

    DONE = "done"
    PROPOSED = "proposed"
    REFUSED = "refused"
    UNANSWERED = "unanswered"


@dataclass(frozen=True, slots=True)
class Given:
    """One command record that was written, where, and all that its journal says of it (JSON; () if nothing in time)."""

    type: str
    topic: str
    partition: int
    offset: int
    events: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a command.

    lines        what the terminal would show, in words
    given        the records that were written; several where one command moves several customers' money
    proposal_id  where it waits for another person
    sheets       what it found, in rows
    """

    status: Status
    lines: tuple[str, ...]
    given: tuple[Given, ...] = ()
    proposal_id: str | None = None
    sheets: tuple[Sheet, ...] = ()


class ValuesInvalid(SaldoError):
    """Values that do not fit a command: what is wrong by field; the empty name is the command as a whole."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {what}" if name else what for name, what in problems.items()))
        self.problems = dict(problems)


class Commands(Protocol):
    """Every command that may be given from outside a terminal."""

    def forms(self) -> Sequence[CommandForm]:
        """Return every command, in the order in which the CLI shows them."""
        ...

    def form(self, name: str) -> CommandForm:
        """Return one command; LookupError when there is none of this name."""
        ...

    def perform(
        self,
        name: str,
        values: Mapping[str, Any],
        actor: Actor,
        keep: Callable[[Mapping[str, Any]], None] | None = None,
    ) -> Outcome:
        """Give a command in an actor's name and wait, bounded, for what comes of it. Blocks: not for an event loop.

        keep is called before each record is written, with what `resume` needs of it, JSON-ready.
        Shapes: values by name of field, as JSON or a form sends them; what is left out is its default.
        Raises: ValuesInvalid; AccessDenied naming who may; LookupError; Unavailable and other families of failure.
        """
        ...

    def resume(self, kept: Sequence[Mapping[str, Any]]) -> Outcome:
        """Return what came of records that were kept by a call whose process ended; those not written are written.

        Ensures: each is in its inbox once, whatever the process got done. Blocks.
        """
        ...
