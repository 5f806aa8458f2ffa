"""Every command as a form: a page asks for what the terminal asks for, and says what it refuses beside its field."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any, Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from projections.console.decisions import CommandForm, Decisions, FormField, Result, Upload
from projections.console.language import _
from projections.console.parts import Parts

HERE: Final = "/commands"
_INPUTS: Final = {"integer": "number", "number": "number", "day": "date", "file": "file"}


def path_of(command: str, back: str = "", **filled: str) -> str:
    """Return where the form of a command is, filled in; back is the page to which its outcome leads."""
    given = {**{name: value for name, value in filled.items() if value}, **({"back": back} if back else {})}
    return f"{HERE}/{command}" + (f"?{urlencode(given)}" if given else "")


def values_of(form: CommandForm, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a form brought as its command takes it; what was not filled in is left out."""
    values: dict[str, Any] = {}
    for field in form.fields:
        value = given.get(field.name, "")
        if field.kind == "boolean":
            values[field.name] = value == "on"
        elif isinstance(value, Upload):
            if value.content:
                values[field.name] = value
        elif field.is_many:
            if lines := [line.strip() for line in value.split("\n") if line.strip()]:
                values[field.name] = lines
        elif value.strip():
            values[field.name] = value.strip()
    return values


def shown_of(field: FormField, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a field as the page shows it: how it is asked for, and what stands in it."""
    value = given.get(field.name, "" if field.default is None else field.default)
    kind = "textarea" if field.is_many or field.name == "why" else "select" if field.choices else "input"
    return {
        "name": field.name,
        "label": _(field.label.capitalize()),
        "help": _(field.help),
        "is_needed": field.is_required,
        "kind": "checkbox" if field.kind == "boolean" else kind,
        "input": _INPUTS.get(field.kind, "text"),
        "choices": field.choices,
        "value": ""
        if isinstance(value, Upload | bool)
        else "\n".join(value)
        if isinstance(value, list)
        else str(value),
        "is_on": value in (True, "on"),
        "minimum": field.minimum,
        "maximum": field.maximum,
    }


class CommandPages(Parts):
    """The list of commands, and one of them as a form."""

    _decisions: Decisions | None

    def commands(self, request: Request) -> Response:
        """Return every command that may be given in the browser, by its group."""
        forms = [] if self._decisions is None else self._decisions.forms()
        groups = [
            {"title": _(name.capitalize()), "forms": list(members)}
            for name, members in groupby(forms, lambda form: form.name.partition("/")[0])
        ]
        return self._page(request, "commands.html", HERE, title=_("Every decision"), groups=groups)

    def command(self, request: Request) -> Response:
        """Return one command as a form; what stands in the address is filled in."""
        return self._command(request, request.query_params)

    def give_command(self, request: Request, form: Mapping[str, Any]) -> Response:
        """Give the command that a form is of, once."""
        found = self._form(request)
        if found is None:
            return self._command(request, form)
        result = self._give(request, found.name, values_of(found, form))
        back = form.get("back", "")
        if result.is_taken and back.startswith("/") and not back.startswith("//"):
            return self._said(back, result)
        return self._command(request, form, result=result, status=200 if result.is_taken else 422)

    def _form(self, request: Request) -> CommandForm | None:
        name = f"{request.path_params['group']}/{request.path_params['name']}"
        try:
            return None if self._decisions is None else self._decisions.form(name)
        except LookupError:
            return None

    def _command(
        self, request: Request, given: Mapping[str, Any], *, result: Result | None = None, status: int = 200
    ) -> Response:
        form = self._form(request)
        if form is None:
            return self._message(
                request, HERE, _("No such decision"), _("The list of every decision shows what there is."), 404
            )
        fields = [shown_of(field, given) for field in form.fields]
        return self._page(
            request, "command.html", HERE, title=_(form.title), form=form, fields=fields, back=given.get("back", ""),
            result=result, status=status,
            problems={} if result is None else result.problems,
        )  # fmt: skip
