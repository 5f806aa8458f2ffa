"""The one reader of files that people own: rules, limits, profiles, kinds, topics, column names, the access policy.

YAML text becomes a pydantic model. Everything that is wrong is found at once, each with file, line, field, value and
remedy, and with what was probably meant. Values pass the guard against card and bank numbers before they are shown.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from schemas.checks.sensitive import mask_sensitive
from schemas.failures import ContractBroken
from schemas.files.yaml_lines import Lines, Misfits, dotted, near, read_yaml
from schemas.files.yaml_lines import Path as YamlPath

M = TypeVar("M", bound=BaseModel)
_LONGEST_VALUE = 60
_FORMS: Mapping[str, str] = {"int": "a whole number", "float": "a number", "bool": "true or false", "date": "a day"}


class Entry(BaseModel):
    """A part of such a file: it doesn't change, and a name that nobody reads is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True, slots=True, order=True)
class FileProblem:
    """One thing that is wrong: where, which field (empty for the whole file), and what with value and remedy."""

    file: str
    line: int
    field: str
    what: str

    def __str__(self) -> str:
        return ": ".join(part for part in (f"{self.file}:{self.line}", self.field, self.what) if part)


class FileInvalid(ContractBroken):
    """A file that can't be used; one line per problem."""

    def __init__(self, problems: Iterable[FileProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


def read_owned(path: Path, model: type[M], *, refuse: Callable[[Sequence[FileProblem]], Exception] = FileInvalid) -> M:
    """Read a file.

    Raises: FileInvalid, or what `refuse` makes of the problems.
    """
    return parse_owned(text_of(path, refuse=refuse), model, file=str(path), refuse=refuse)


def text_of(path: Path, *, refuse: Callable[[Sequence[FileProblem]], Exception] = FileInvalid) -> str:
    """Return the text of a file; raises as `read_owned` where it is none."""
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise refuse([FileProblem(str(path), 1, "", "is no text; save it as UTF-8")]) from None
    except OSError as error:
        what = f"can't be read ({error.strerror}); correct the path, or let this user read it"
        raise refuse([FileProblem(str(path), 1, "", what)]) from None


def parse_owned(
    text: str, model: type[M], *, file: str, refuse: Callable[[Sequence[FileProblem]], Exception] = FileInvalid
) -> M:
    """Read a text that came from a file, or from a record that holds one; `file` names it in messages."""
    return parse_with_lines(text, model, file=file, refuse=refuse)[0]


def parse_with_lines(
    text: str, model: type[M], *, file: str, refuse: Callable[[Sequence[FileProblem]], Exception] = FileInvalid
) -> tuple[M, Lines]:
    """Read a text, and keep the line of each entry for whoever has more to say about it."""
    try:
        document, lines = read_yaml(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        what = f"no YAML: {getattr(error, 'problem', None) or error}; correct indentation, colons and quotes"
        raise refuse([FileProblem(file, mark.line + 1 if mark else 1, "", mask_sensitive(what))]) from None
    if document is None:
        raise refuse([FileProblem(file, 1, "", "is empty; write it, or begin with the one that ships with Saldo")])
    found = [(path, "is written twice; keep one") for path in lines.twice]
    value = None
    try:
        value = model.model_validate(document)
    except ValidationError as error:
        found += _findings(error.errors(), model)
    if found or value is None:
        raise refuse(problems_at(found, lines, file))
    return value, lines


def problems_at(found: Iterable[tuple[YamlPath, str]], lines: Lines, file: str) -> list[FileProblem]:
    """Return what was found about entries, each with its line."""
    return [FileProblem(file, lines.nearest(path), dotted(path), text) for path, text in found]


# -- from pydantic's words to ours -----------------------------------------------------------------------------------


def _findings(errors: Iterable[Mapping[str, Any]], model: type[BaseModel]) -> list[tuple[YamlPath, str]]:
    found: list[tuple[YamlPath, str]] = []
    for error in errors:
        own = error.get("ctx", {}).get("error")
        if isinstance(own, Misfits):
            found += [((*error["loc"], *path), text) for path, text in own.found]
        else:
            found.append((tuple(error["loc"]), _plain(error, model)))
    return found


def _plain(error: Mapping[str, Any], model: type[BaseModel]) -> str:
    kind, given = error["type"], error["input"]
    match kind:
        case "missing":
            return "is missing; write it"
        case "extra_forbidden":
            remedy = near(str(error["loc"][-1]), _names_at(model, error["loc"][:-1]), "")
            return f"is no entry here; {remedy or 'remove it, or correct its name'}"
        case "literal_error" | "enum":
            return f"is {shown(given)}; write {error['ctx']['expected']}{_meant(given, error['ctx']['expected'])}"
        case "string_type" if isinstance(given, int | float):
            return "is read as a number; put it in quotes"
        case "string_pattern_mismatch":
            return f"is {shown(given)}, which doesn't have the form {error['ctx']['pattern']}; correct it"
        case "model_type" | "dict_type" | "mapping_type":
            return f"is {shown(given)}; write entries below it, each as `name: value`"
        case "list_type" | "tuple_type" | "set_type" | "frozen_set_type":
            return f"is {shown(given)}; write a list, such as [a, b]"
        case "value_error":
            return mask_sensitive(str(error["ctx"]["error"]))
    base, _, ending = kind.partition("_")
    if base in _FORMS and ending in ("parsing", "type", "from_float"):
        return f"is {shown(given)}; write {_FORMS[base]}"
    return f"is {shown(given)}; {error['msg'][0].lower()}{error['msg'][1:]}"


def shown(value: object) -> str:
    """Return a value in quotes for a message: cut short, and without card and bank numbers."""
    text = mask_sensitive(repr(value))
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 3]}..."


def _meant(given: object, expected: str) -> str:
    if not isinstance(given, str):
        return ""
    guess = near(given, [one.strip(" '\"") for one in expected.replace(" or ", ", ").split(",")], "none")
    return "" if guess == "none" else f" ({guess})"


def _names_at(model: type[BaseModel], path: YamlPath) -> list[str]:
    """Return the names that may stand where a strange one does."""
    types_there: list[Any] = [model]
    for part in path:
        types_there = [below for one in types_there for below in _below(one, part)]
    return sorted({name for one in types_there if _is_model(one) for name in one.model_fields})


def _below(annotation: Any, part: str | int) -> Iterator[Any]:
    if _is_model(annotation):
        if part in annotation.model_fields:
            yield from _members(annotation.model_fields[part].annotation)
        return
    args = get_args(annotation)
    of_entries = isinstance(part, str) and len(args) == 2
    if of_entries or (isinstance(part, int) and args):
        yield from _members(args[1] if of_entries else args[0])


def _members(annotation: Any) -> Iterator[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _members(get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for one in get_args(annotation):
            yield from _members(one)
    elif origin is not Literal:
        yield annotation


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
