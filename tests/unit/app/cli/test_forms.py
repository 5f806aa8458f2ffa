"""Commands as forms and API routes offer them: read from the CLI's own functions, refused by field."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from app.access.actor import Actor, How, single_user
from app.access.errors import AccessDenied
from app.access.roles import Role
from app.api.commands import Kind, Upload, ValuesInvalid
from app.cli.forms import CliCommands
from app.output.terminal import heard, say
from schemas.operator_commands import operator_commands

WHY = "as the customer wrote"


@pytest.fixture(scope="module")
def commands() -> CliCommands:
    return CliCommands(wait_s=0)


@pytest.fixture(autouse=True)
def empty_installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALDO_DATA_DIR", str(tmp_path))


def problems_of(commands: CliCommands, name: str, values: Mapping[str, Any]) -> Mapping[str, str]:
    with pytest.raises(ValuesInvalid) as error:
        commands.perform(name, values, single_user())
    return error.value.problems


def test_every_operator_command_is_offered_but_those_of_the_approvals(commands: CliCommands) -> None:
    offered = {given for form in commands.forms() for given in form.gives}
    assert set(operator_commands()) - offered == {"ProposeCommand", "ReleasePaymentRequest"}


def test_what_belongs_to_a_terminal_is_no_field(commands: CliCommands) -> None:
    names = {field.name for form in commands.forms() for field in form.fields}
    assert not names & {"wait_s", "bootstrap_servers", "schema_registry_url", "out"}


def test_a_field_says_all_that_a_form_needs(commands: CliCommands) -> None:
    by_name = {field.name: field for field in commands.form("dispute/record").fields}
    assert (by_name["on"].kind, by_name["sequence"].kind) == (Kind.DAY, Kind.INTEGER)
    assert by_name["why"].is_required
    assert not by_name["payment"].is_required
    assert all(field.help for form in commands.forms() for field in form.fields if field.name not in ("file", "why"))
    assert {field.name for field in commands.form("decide/split").fields if field.is_many} == {"parts"}


def test_what_does_not_fit_is_said_beside_its_field(commands: CliCommands) -> None:
    problems = problems_of(commands, "decide/confirm", {"reference": "", "why": "ok", "code": 5, "more": 1})
    assert set(problems) == {"reference", "why", "code", ""}
    assert "is no reason" in problems["why"]


def test_an_empty_text_is_a_field_that_was_not_filled_in(commands: CliCommands) -> None:
    problems = problems_of(commands, "dispute/record", {"dispute": "D1", "fact": "WON", "why": WHY, "on": "2026-02-30"})
    assert set(problems) == {"on"}
    values = {"dispute": "D1", "fact": "NEVER", "why": WHY, "on": "", "sequence": ""}
    assert set(problems_of(commands, "dispute/record", values)) == {"fact"}


@pytest.mark.parametrize("content", ["no base64", "=====", "\u00b6"])
def test_a_file_that_is_no_base64_is_refused(commands: CliCommands, content: str) -> None:
    problems = problems_of(commands, "mapping/adopt", {"file": {"file_name": "m.yaml", "content": content}, "why": WHY})
    assert set(problems) == {"file"}


def test_a_file_is_read_and_its_place_is_never_said(commands: CliCommands) -> None:
    values = {"file": Upload("../../etc/mine.yaml", b"version: x\n"), "why": WHY}
    (field, said), *_ = problems_of(commands, "mapping/adopt", values).items()
    assert field == "file"
    assert "mine.yaml" in said
    assert "saldo-api-" not in said
    assert "/etc/" not in said


def test_who_may_not_give_it_is_refused_before_its_values_are_looked_at(commands: CliCommands) -> None:
    viewer = Actor("vera", How.SESSION, frozenset({Role.VIEWER}))
    with pytest.raises(AccessDenied, match="may not confirm a suggestion"):
        commands.perform("decide/confirm", {}, viewer)


def test_what_a_command_says_is_heard_in_its_own_context_alone() -> None:
    with heard() as outer:
        with heard() as inner:
            say("one")
        say("two")
    assert (inner, outer) == (["one"], ["two"])
