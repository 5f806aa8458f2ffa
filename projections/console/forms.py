"""Forms of every command, made of the definition that the terminal has: no field or rule is written a second time.

A page that knows better asks in its own way (Waiting); for everything else this is the way, with what the page knows
filled in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

# How the values of a field are typed into a form; a file is not asked for here.
_INPUTS: Final = {"integer": "number", "number": "number", "day": "date"}


@dataclass(frozen=True, slots=True)
class FormField:
    """One thing that a command asks for, as a form shows it."""

    name: str
    label: str
    means: str
    kind: str
    is_required: bool
    is_many: bool = False
    choices: tuple[str, ...] = ()

    @property
    def input_type(self) -> str:
        """The type of its input element."""
        return _INPUTS.get(self.kind, "text")


@dataclass(frozen=True, slots=True)
class Form:
    """One command: its name as an address has it, what it does, and its fields."""

    name: str
    title: str
    means: str
    fields: tuple[FormField, ...]

    @property
    def has_file(self) -> bool:
        """Whether it takes a file."""
        return any(field.kind == "file" for field in self.fields)


def path_of(command: str, back: str = "", **filled: str) -> str:
    """Return where the form of a command is, filled in; back is the page to which its outcome leads."""
    given = {**{name: value for name, value in filled.items() if value}, **({"back": back} if back else {})}
    return f"/do/{command}" + (f"?{urlencode(given)}" if given else "")


def values_of(form: Form, given: Mapping[str, str]) -> dict[str, Any]:
    """Return what a person filled in, as the command takes it; a field of several values has one a line."""
    values: dict[str, Any] = {}
    for field in form.fields:
        text = given.get(field.name, "").strip()
        if field.kind == "boolean":
            values[field.name] = bool(text)
        elif text:
            values[field.name] = [line.strip() for line in text.splitlines() if line.strip()] if field.is_many else text
    return values


def grouped(forms: Sequence[Form]) -> list[tuple[str, list[Form]]]:
    """Return the forms by the room of the terminal that they are in."""
    rooms: dict[str, list[Form]] = {}
    for form in forms:
        if not form.has_file:
            rooms.setdefault(form.name.partition("/")[0], []).append(form)
    return list(rooms.items())
