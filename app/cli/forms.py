"""Every command that a person may give, as forms and API routes offer it: the CLI's own functions, read and run.

One function is the whole definition of a command: signature and typer's metadata say what it asks for, `needs` who may,
the docstring what it does. So there is no second rule: what the terminal refuses, a form refuses in the same words.
"""

from __future__ import annotations

import base64
import inspect
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import Enum
from pathlib import Path
from types import GenericAlias, NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Final, Union, get_args, get_origin, get_type_hints

import typer
from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints, ValidationError, create_model
from pydantic import Field as Constraint
from typer.models import ArgumentInfo, OptionInfo

from app.access.actor import Actor
from app.api.commands import CommandForm, Field, Given, Kind, Outcome, Status, Upload, ValuesInvalid
from app.cli import build, identity, operators
from app.cli.errors import CannotRun
from app.output.terminal import heard
from schemas.files.owned import FileInvalid
from schemas.operator_commands import operator_commands

if TYPE_CHECKING:
    from app.operators.decisions import Place

# What a command asks for at a terminal alone; whoever runs the API decides it there.
_OF_THE_TERMINAL: Final = frozenset({"wait_s", "bootstrap_servers", "schema_registry_url", "as_json"})
# Writes a file of the machine that runs it.
_AT_THE_TERMINAL: Final = frozenset({"mapping/export"})
_ACTIONS: Final = frozenset({"import-bank", "import-disputes"})
# Only look, and are offered besides: what a person needs to see before a mapping is changed.
_LOOKS: Final = frozenset(
    {"mapping/check", "mapping/try", "mapping/preview", "mapping/history", "abas/fields", "dlq/show"}
)
_LONGEST_TEXT: Final = 4_000
_MOST_VALUES: Final = 1_000
_FILE_NAME: Final = re.compile(r"[^A-Za-z0-9._-]+")
_STATUS: Final = {
    0: Status.DONE,
    operators.WITH_REMARKS: Status.DONE,
    operators.REFUSED: Status.REFUSED,
    operators.UNANSWERED: Status.UNANSWERED,
}
_NO_NUL: Final = r"^[^\x00]*$"


class _File(BaseModel):
    """A file in JSON: its name, and its bytes as base64."""

    model_config = ConfigDict(extra="forbid")

    file_name: str = Constraint(min_length=1, max_length=200)
    content: str = Constraint(json_schema_extra={"contentEncoding": "base64"})

    def upload(self) -> Upload:
        """Return the file itself."""
        return Upload(self.file_name, base64.b64decode(self.content, validate=True))


@dataclass(frozen=True, slots=True)
class _Command:
    form: CommandForm
    run: Callable[..., None]
    model: type[BaseModel]
    hints: Mapping[str, Any]


class CliCommands:
    """The commands of this CLI."""

    def __init__(self, *, wait_s: float = operators.WAIT_S) -> None:
        """Read the commands. Units: wait_s is how long one waits for its outcome."""
        self._wait_s = wait_s
        self._commands = {one.form.name: one for one in _offered()}

    def forms(self) -> Sequence[CommandForm]:
        """Return every command, in the order in which the CLI shows them."""
        return [one.form for one in self._commands.values()]

    def form(self, name: str) -> CommandForm:
        """Return one command; LookupError when there is none of this name."""
        return self._found(name).form

    def perform(
        self,
        name: str,
        values: Mapping[str, Any],
        actor: Actor,
        keep: Callable[[Mapping[str, Any]], None] | None = None,
    ) -> Outcome:
        """Give a command in an actor's name and wait for what comes of it; app/api/commands.py says the rest."""
        command = self._found(name)
        with identity.acting(actor):
            identity.permit(*command.form.gives)
            return _run(command, _valid(command, values), self._wait_s, None if keep is None else _keeping(keep))

    def proved(self, name: str, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return values as the command takes them, without giving it; raises ValuesInvalid."""
        return _valid(self._found(name), values)

    def resume(self, kept: Sequence[Mapping[str, Any]]) -> Outcome:
        """Return what came of records whose process ended; app/api/commands.py says the rest."""
        given = [self._asked_again(one) for one in kept]
        events = [event for one in given for event in one.events]
        proposal_id = next((event["proposal_id"] for event in events if event["type"] == "CommandProposed"), None)
        refused = [why for event in events for why in (_why_refused(event),) if why]
        if not all(one.events for one in given):
            status = Status.UNANSWERED
        elif refused:
            status = Status.REFUSED
        else:
            status = Status.PROPOSED if proposal_id else Status.DONE
        lines = [f"refused: {why}" for why in refused] or [
            f"{one.type} was written before, and is answered" for one in given
        ]
        return Outcome(status, tuple(lines), tuple(given), proposal_id)

    def _asked_again(self, kept: Mapping[str, Any]) -> Given:
        from app.operators.decisions import Place
        from schemas.wire.codec import from_json

        command = from_json(kept["type"], kept["command"])
        since = Place(kept["inbox_offset"], kept["journal_offset"])
        answer = operators.with_client(
            lambda client: client.ask_again(kept["topic"], command, since, wait_s=self._wait_s)
        )
        return operators.given_record(kept["topic"], command, answer)

    def _found(self, name: str) -> _Command:
        found = self._commands.get(name)
        if found is None:
            raise LookupError(f"there is no command {name[:60]!a}")
        return found


def _keeping(keep: Callable[[Mapping[str, Any]], None]) -> Callable[[str, Any, Place], None]:
    """Return what notes a record before it is written, in JSON."""
    from schemas.wire.codec import to_json

    def note(topic: str, command: Any, place: Place) -> None:
        keep(
            {
                "topic": topic,
                "type": type(command).__name__,
                "command": to_json(command),
                "inbox_offset": place.inbox_offset,
                "journal_offset": place.journal_offset,
            }
        )

    return note


def _why_refused(event: Mapping[str, Any]) -> str:
    """Return why a journal says no; empty where it does not. Contexts name it in one of two ways."""
    said = event.get("refused_because") or event.get("refusal")
    if said or not event["type"].endswith("Refused"):
        return str(said or "")
    return str(event.get("message") or event["type"])


def _run(
    command: _Command, values: Mapping[str, Any], wait_s: float, before: Callable[[str, Any, Place], None] | None
) -> Outcome:
    """Run the CLI's function; what it says and writes is the outcome."""
    parameters = inspect.signature(command.run).parameters
    more = {"wait_s": wait_s} if "wait_s" in parameters else {}
    uploads = [name for name, value in values.items() if isinstance(value, Upload)]
    status = Status.DONE
    with ExitStack() as stack:
        given, lines = stack.enter_context(operators.noted(before)), stack.enter_context(heard())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="saldo-api-")))
        try:
            command.run(**_as_the_terminal_gives_them(values, folder), **more)
        except typer.Exit as ended:
            # 2 of a command that went wrong is for shells; it has said why.
            status = _STATUS.get(ended.exit_code, Status.REFUSED)
        except typer.BadParameter as error:
            raise ValuesInvalid({"": str(error.message)}) from error
        except CannotRun as error:
            name = error.field if error.field in parameters else ""
            raise ValuesInvalid({name: _without(folder, str(error))}) from error
        except FileInvalid as error:
            raise ValuesInvalid({next(iter(uploads), ""): _without(folder, str(error))}) from error
    if status is Status.DONE and given.proposal_id is not None:
        status = Status.PROPOSED
    said = tuple(_without(folder, line) for line in lines)
    return Outcome(status, said, tuple(given.records), given.proposal_id, tuple(lines.sheets))


def _without(folder: Path, line: str) -> str:
    """Return a line without the place where an upload was for a moment: its own name is enough."""
    return re.sub(rf"{re.escape(str(folder))}/\w+/", "", line)


def _as_the_terminal_gives_them(values: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return values as typer would hand them over: a day as midnight, a file as a path."""

    def as_given(name: str, value: Any) -> Any:
        match value:
            case Upload():
                path = folder / name / (_FILE_NAME.sub("_", value.file_name).lstrip(".")[-100:] or "file")
                path.parent.mkdir()
                path.write_bytes(value.content)
                return path
            case date() if not isinstance(value, datetime):
                return datetime.combine(value, time())
            case _:
                return value

    return {name: as_given(name, value) for name, value in values.items()}


# -- reading the definitions ---------------------------------------------------------------------------------------


def _offered() -> list[_Command]:
    """Return what may be given from outside a terminal: whatever gives an operator command or takes a file."""
    found = []
    for group in build().registered_groups:
        assert group.typer_instance is not None
        for entry in group.typer_instance.registered_commands:
            gives = getattr(entry.callback, "needs", ())
            name = f"{group.name}/{entry.name}"
            is_given = set(gives) & (_ACTIONS | set(operator_commands()))
            if (is_given or name in _LOOKS) and name not in _AT_THE_TERMINAL:
                assert entry.callback is not None
                found.append(_read(name, entry.callback, gives))
    return found


def _read(name: str, run: Callable[..., None], gives: tuple[str, ...]) -> _Command:
    hints = get_type_hints(run, include_extras=True)
    fields, members = [], {}
    for parameter in inspect.signature(run).parameters.values():
        if parameter.name in _OF_THE_TERMINAL:
            continue
        field, member = _field(parameter, hints[parameter.name])
        fields.append(field)
        members[parameter.name] = member
    title, _, more = (inspect.getdoc(run) or "").partition("\n")
    # Members are set by (type, default); pydantic's own overloads can't say that of a mapping.
    model = create_model(name, __config__=ConfigDict(extra="forbid"), **members)  # type: ignore[call-overload]
    form = CommandForm(
        name, title.strip(), " ".join(more.split()), tuple(gives), tuple(fields), model.model_json_schema()
    )
    return _Command(form, run, model, hints)


def _field(parameter: inspect.Parameter, hint: Any) -> tuple[Field, tuple[Any, Any]]:
    """Return a parameter as a form knows it and as its values are proved."""
    base, *extras = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    info = next((extra for extra in extras if isinstance(extra, ArgumentInfo | OptionInfo)), None)
    assert info is not None, f"{parameter.name} has no typer.Argument or typer.Option"
    plain, is_many = _without_none(base)
    is_required = parameter.default is inspect.Parameter.empty
    # A type that is put together here, which a checker of types can't follow.
    proved: Any
    kind, proved = _proved(plain, info, least_length=1 if is_required else 0)
    default = None if is_required else parameter.default
    means = info.help or ""
    if is_many:
        proved = Annotated[
            GenericAlias(list, (proved,)), Constraint(min_length=1 if is_required else 0, max_length=_MOST_VALUES)
        ]
    if info.callback is not None:
        proved = Annotated[proved, BeforeValidator(_refusing(info.callback))]
    if not is_required and (default is None or is_many):
        # JSON may say null or leave it out; a form sends an empty text for what was not filled in.
        proved = Annotated[proved | None, BeforeValidator(_none_if_empty)]
    choices = tuple(str(one.value) for one in plain) if isinstance(plain, type) and issubclass(plain, Enum) else ()
    field = Field(parameter.name, kind, means, is_required, is_many, default, choices, info.min, info.max)
    return field, (proved, Constraint(... if is_required else default, description=means))


def _without_none(base: Any) -> tuple[Any, bool]:
    """Return the type of one value, and whether there are several."""
    if get_origin(base) in (Union, UnionType):
        (base,) = [one for one in get_args(base) if one is not NoneType]
    return (get_args(base)[0], True) if get_origin(base) is list else (base, False)


def _proved(plain: Any, info: ArgumentInfo | OptionInfo, *, least_length: int) -> tuple[Kind, Any]:
    bounds = Constraint(ge=info.min, le=info.max)
    if plain is str:
        return Kind.TEXT, Annotated[
            str, StringConstraints(min_length=least_length, max_length=_LONGEST_TEXT, pattern=_NO_NUL)
        ]
    if plain is bool:
        return Kind.BOOLEAN, bool
    if plain is int:
        # What the records can hold.
        return Kind.INTEGER, Annotated[int, bounds, Constraint(ge=-(2**63), le=2**63 - 1)]
    if plain is float:
        return Kind.NUMBER, Annotated[float, bounds]
    if plain is datetime:
        return Kind.DAY, date
    if plain is Path:
        return Kind.FILE, _File
    if isinstance(plain, type) and issubclass(plain, Enum):
        return Kind.CHOICE, plain
    raise TypeError(f"no form is known for a parameter of {plain!r}")


def _refusing(callback: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return typer's callback of one value as pydantic calls it."""

    def proved(value: Any) -> Any:
        try:
            return callback(value) if isinstance(value, str) else value
        except CannotRun as error:
            raise ValueError(str(error)) from error

    return proved


def _none_if_empty(value: Any) -> Any:
    return None if value == "" else value


# -- proving values ------------------------------------------------------------------------------------------------


def _valid(command: _Command, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values as the function takes them; those that were not given are left to its defaults.

    Raises: ValuesInvalid naming each field that does not fit; the value itself is never repeated.
    """
    uploads = {name: value for name, value in values.items() if isinstance(value, Upload)}
    try:
        found = command.model.model_validate(
            {name: {"file_name": one.file_name, "content": ""} for name, one in uploads.items()}
            | {name: value for name, value in values.items() if name not in uploads}
        )
    except ValidationError as error:
        problems: dict[str, str] = {}
        for one in error.errors(include_url=False, include_input=False):
            name = str(one["loc"][0]) if one["loc"] else ""
            known = name in command.model.model_fields
            problems.setdefault(name if known else "", one["msg"] if known else "there is no such field")
        raise ValuesInvalid({name: _in_our_words(what) for name, what in problems.items()}) from None
    given = {name: getattr(found, name) for name in found.model_fields_set}
    for name, value in given.items():
        if isinstance(value, _File):
            try:
                given[name] = uploads.get(name) or value.upload()
            except ValueError:
                raise ValuesInvalid({name: "content is no base64"}) from None
    return {name: value for name, value in given.items() if value is not None}


def _in_our_words(said: str) -> str:
    return said.removeprefix("Value error, ").removeprefix("--why ")
