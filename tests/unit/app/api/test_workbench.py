"""Decisions of pages: whatever a command says, also against it, is said on the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from starlette.requests import Request

from app.access.actor import Actor, How
from app.access.errors import AccessDenied, LoginNeeded
from app.api.commands import Outcome, Status, ValuesInvalid
from app.api.workbench import WorkbenchDecisions
from app.cli.forms import CliCommands
from projections.console import app as console

ASKED = Request({"type": "http", "method": "POST", "path": "/", "headers": []})
MARIA = Actor("maria", How.SESSION, frozenset())


class Scripted:
    """Commands that end as the test wants it."""

    def __init__(self, ends: Outcome | Exception) -> None:
        self.ends = ends

    def perform(self, name: str, values: Mapping[str, Any], actor: Actor) -> Outcome:
        assert (name, dict(values), actor) == ("decide/confirm", {"reference": "PT1"}, MARIA)
        if isinstance(self.ends, Exception):
            raise self.ends
        return self.ends


def decisions(ends: Outcome | Exception) -> WorkbenchDecisions:
    return WorkbenchDecisions(lambda: Scripted(ends), lambda _request: MARIA)  # type: ignore[arg-type,return-value]


@pytest.mark.parametrize(
    ("ends", "status", "said"),
    [
        (Outcome(Status.DONE, ("done, by maria",)), "done", "done, by maria"),
        (Outcome(Status.PROPOSED, ("proposed as P1",), proposal_id="P1"), "proposed", "proposed as P1"),
        (Outcome(Status.REFUSED, ("refused: it changed",)), "refused", "refused: it changed"),
        (Outcome(Status.UNANSWERED, ("written",)), "unanswered", "written"),
        (ValuesInvalid({"code": "is no suggestion"}), "refused", "is no suggestion"),
        (AccessDenied("maria may not"), "refused", "maria may not"),
        (LookupError("there is no command"), "refused", "there is no command"),
    ],
)
def test_what_came_of_it_is_said(ends: Outcome | Exception, status: str, said: str) -> None:
    result = decisions(ends).give(ASKED, "decide/confirm", {"reference": "PT1"})
    assert (result.status, result.lines) == (status, (said,))
    assert result.is_taken == (status in ("done", "proposed"))


def test_who_has_not_logged_in_may_look_and_not_decide() -> None:
    def nobody(_request: Request) -> Actor:
        raise LoginNeeded("log in")

    person = WorkbenchDecisions(CliCommands, nobody).person(ASKED)
    assert (person.may_decide, person.about) == (False, "log in")
    assert decisions(Outcome(Status.DONE, ())).person(ASKED).name == "maria"


def test_every_command_of_the_lists_exists_with_the_fields_that_its_form_brings() -> None:
    commands = CliCommands()
    for command, fields in console._COMMANDS.values():
        assert {*fields, "why"} <= {field.name for field in commands.form(command).fields}
    for command, fields in (
        ("decide/confirm", ("reference", "code")), ("decide/reject", ("reference", "every")),
        ("decide/split", ("reference", "parts")), ("decide/assign-customer", ("payment", "customer")),
        ("decide/match-refund", ("refund", "payment")), ("decide/refund-on-account", ("refund",)),
        ("decide/hand-to-finance", ("reversal",)), ("decide/on-account", ("reference",)),
        ("decide/unmatch", ("reference",)), ("decide/post-again", ("reference",)),
    ):  # fmt: skip
        assert {*fields, "why"} <= {field.name for field in commands.form(command).fields}
