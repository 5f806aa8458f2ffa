"""Decisions of pages: whatever a command says, also against it, is said on the page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Mount, Route

from app.access.actor import Actor, How
from app.access.errors import AccessDenied, LoginNeeded
from app.access.roles import Role
from app.api.commands import Outcome, Status, ValuesInvalid
from app.api.workbench import PeopleDoor, WorkbenchDecisions, _actor_of
from app.cli.forms import _LOOKS, CliCommands
from projections.console import app as console
from projections.console.asking import Asking
from projections.console.parts import MOUNTED_AT
from tests.support.api import Browser, Installation, installation
from tests.support.passwords import quick_passwords

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
        ("cases/assign", ("case", "assignee")), ("cases/comment", ("case",)),
        ("decide/unmatch", ("reference",)), ("decide/post-again", ("reference",)),
    ):  # fmt: skip
        assert {*fields, "why"} <= {field.name for field in commands.form(command).fields}


# -- pages beside the API ------------------------------------------------------------------------------------------


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    quick_passwords(monkeypatch)
    monkeypatch.setattr(Asking, "rows", lambda *_asked, **_given: ())
    found = installation(tmp_path)
    bench = console.console_app(
        None,  # type: ignore[arg-type]  # nothing is asked
        PeopleDoor(found.people),
        day_zone="UTC",
        decisions=WorkbenchDecisions(lambda: found.commands, _actor_of),
    )
    found.api._pages = Starlette(routes=[Mount(MOUNTED_AT, bench)])
    return found


def alert_form(browser: Browser) -> dict[str, str]:
    found = re.search(r'name="csrf_token" value="([0-9a-f]+)"', browser.ask("GET", "/console/alerts").text)
    return {"do": "close", "alert_id": "A1", "why": "seen and mended", "form_token": found[1] if found else ""}


def test_a_page_opens_after_log_in_and_its_form_is_given_in_that_person_s_name(house: Installation) -> None:
    house.user("ada", Role.ADMIN, Role.OPERATOR)
    browser = house.browser()
    sent = browser.ask("GET", "/console/alerts?x=1")
    assert (sent.status, sent.header("location")) == (303, "/login?next=%2Fconsole%2Falerts%3Fx%3D1")
    assert browser.form("/console/alerts", do="close", alert_id="A1", why="seen and mended").status == 401
    browser.log_in("ada")
    page = browser.ask("GET", "/console/alerts")
    assert page.status == 200
    assert "script-src 'self'" in page.header("content-security-policy")
    for wrong in ({"form_token": ""}, {"form_token": "0" * 64}):
        assert browser.form("/console/alerts", **alert_form(browser) | wrong).status == 403
    assert house.commands.given == []
    assert browser.form("/console/alerts", **alert_form(browser)).status == 303
    ((name, values, actor),) = house.commands.given
    assert (name, values["alert_id"], actor.user_id) == ("alerts/close", "A1", "ada")
    stranger = house.browser()
    stranger.cookies = dict(browser.cookies)
    token = alert_form(browser)
    browser.form("/logout", csrf_token=token["form_token"])
    assert stranger.ask("GET", "/console/alerts").status == 303, "a session that ended opens nothing"


def test_every_page_and_form_for_every_role(house: Installation) -> None:
    """Nobody sees a page or sends a form before log-in; whoever may read sees all, and forms need the page's token.

    What a form's command may do is the command's own question, the same as at the terminal (test_forms.py).
    """
    house.user("ada", Role.ADMIN)
    for role in Role:
        house.user(f"{role}-one", role)
    browsers = {}
    for role in Role:
        browsers[role] = house.browser()
        browsers[role].log_in(f"{role}-one")
    pages = house.api._pages
    assert isinstance(pages, Starlette)
    (mount,) = pages.routes
    assert isinstance(mount, Mount)
    routes = [route for route in mount.routes if isinstance(route, Route)]
    assert {"/mapping/draft", "/deposits/statement", "/deposits/line", "/parked/chosen", "/live"} <= {
        route.path for route in routes
    }
    for route in routes:
        path = console_path(route.path)
        for method in (route.methods or set()) - {"HEAD"}:
            nobody = house.browser().ask(method, path)
            assert nobody.status == (303 if method == "GET" else 401), path
            for role, browser in browsers.items():
                may = role in house.access.policy.rule("read").roles
                if method == "POST":
                    assert browser.form(path, do="confirm", why="as agreed").status == 403, (path, role)
                elif route.path != "/live":
                    assert (browser.ask("GET", path).status == 403) == (not may), (path, role)
    assert house.commands.given == [] or {name for name, _, _ in house.commands.given} <= _LOOKS


def test_every_command_is_a_form_that_says_beside_each_field_what_does_not_fit(house: Installation) -> None:
    house.user("ada", Role.ADMIN, Role.ACCOUNTANT)
    browser = house.browser()
    browser.log_in("ada")
    listed = browser.ask("GET", "/console/commands").text
    for form in house.commands.forms():
        assert f'href="/console/commands/{form.name}"' in listed
        page = browser.ask("GET", f"/console/commands/{form.name}")
        assert page.status == 200
        assert all(f'name="{field.name}"' in page.text for field in form.fields)
    assert browser.ask("GET", "/console/commands/no/such").status == 404
    path = "/console/commands/dispute/record"
    asked = browser.ask("GET", f"{path}?dispute=D%22%3E").text
    assert 'value="D&#34;&gt;"' in asked
    token = re.findall(r'name="csrf_token" value="([0-9a-f]+)"', asked)[0]
    sent = {"form_token": token, "dispute": "D1", "fact": "WON", "sequence": "x", "why": "as the bank wrote"}
    wrong = browser.form(path, **sent)
    assert (wrong.status, 'aria-invalid="true"' in wrong.text, house.commands.given) == (422, True, [])
    assert browser.form(path, **sent | {"sequence": "2"}).status == 200
    ((name, values, actor),) = house.commands.given
    assert (name, values["sequence"], "on" in values, actor.user_id) == ("dispute/record", "2", False, "ada")


def console_path(path: str) -> str:
    return MOUNTED_AT + re.sub(r"\{\w+(:\w+)?\}", "1", path)
