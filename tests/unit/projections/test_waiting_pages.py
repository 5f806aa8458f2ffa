"""Waiting: what a case says, splits that must close, equal cases, and forms that name what they mean."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Mount
from starlette.testclient import TestClient

from app.api.commands import CommandForm as Form
from app.api.commands import Field, Kind
from projections.console import waiting
from projections.console.app import TokenDoor, console_app
from projections.console.asking import Asking
from projections.console.decisions import CommandForm, Person, Result, Room
from projections.console.parts import MOUNTED_AT
from projections.console.shown import MINUS, initials, money

SINCE = "2026-11-24T09:00:00.000000Z"
ITEMS = [
    dict(zip(("abas_open_item_id", "invoice_number", "due_on", "open_minor", "currency"), values, strict=True))
    for values in (
        ("OI-1", "RE-1", "2026-11-12", 90_000, "USD"),
        ("OI-2", "RE-2", None, 61_210, "USD"),
        ("OI-3", "RE-3", None, 5_000, "EUR"),
    )
]


def row(reference: str = "PT1", minor: int = 145_448, number: int = 0, **more: Any) -> dict[str, Any]:
    found = {
        "waiting_since": SINCE, "abas_customer_id": "70001", "posting_reference": reference,
        "paytrace_transaction_id": reference.removeprefix("PT"), "signed_minor": minor, "signed": str(minor / 100),
        "currency": "USD", "names_invoice": "", "waits_in": "receivables", "reason": "AMOUNT_DIFFERS", "detail": "",
        "suggestion_number": number, "invoice_numbers": ["RE-1"] if number else [],
        "abas_open_item_ids": ["OI-1"] if number else [], "part_amounts": [minor] if number else [],
        "open_amounts": [minor + 500] if number else [], "suggestion_code": f"C{number}" if number else "", "kind": "",
        "rule": "", "agrees": [], "differs": [],
    }  # fmt: skip
    return found | more


class Answers(Asking):
    """Reports that say what the test wants."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        super().__init__(None, day_zone="America/Los_Angeles")  # type: ignore[arg-type]  # nothing is asked
        self.found = rows

    def rows(self, name: str, **given: str) -> Any:
        return {"waiting_with_candidates": tuple(self.found), "open_items_of_a_customer": tuple(ITEMS)}.get(name, ())

    def kept(self, name: str, make: Callable[[Any], Any]) -> Any:
        return make(self.rows(name))


def case_of(*rows: dict[str, Any]) -> waiting.Case:
    (case,) = waiting.cases_of(Answers(list(rows)))
    return case


@pytest.mark.parametrize(
    ("parts", "closes", "left"),
    [
        ({"part:OI-1": "900.00", "part:OI-2": "500", "part:on-account": "54.48"}, True, "0.00"),
        ({"part:OI-1": "900"}, False, "554.48"),
        ({"part:OI-1": "950.00", "part:OI-2": "504.48"}, False, "0.00"),  # more than is open
        ({"part:OI-1": "1,454.48"}, False, "0.00"),  # the same
        ({"part:on-account": "1,454.48"}, True, "0.00"),
        ({"part:on-account": "1454,48"}, False, "1,454.48"),  # a comma that stands between no thousands
        ({"part:on-account": "1454.489"}, False, "1,454.48"),
        ({"part:on-account": "-1"}, False, "1,454.48"),
        ({"part:on-account": "1e3"}, False, "1,454.48"),
        ({"part:OI-3": "50.00", "part:on-account": "1,404.48"}, False, "50.00"),  # another currency is not offered
        ({}, False, "1,454.48"),
    ],
)
def test_a_split_is_sent_only_when_it_closes(parts: Mapping[str, str], closes: bool, left: str) -> None:
    split = waiting.split_of(case_of(row()), ITEMS, parts)
    assert (split.closes, split.left) == (closes, left)
    asked = waiting.command_of(case_of(row()), "split", "", parts, Answers([]))
    assert (asked is not None) == closes


def test_a_split_names_items_and_amounts() -> None:
    form = {"part:OI-1": "900.00", "part:on-account": "554.48"}
    asked = waiting.command_of(case_of(row()), "split", "", form, Answers([]))
    assert asked is not None
    assert asked[1] == {"reference": "PT1", "parts": ["OI-1=900.00", "on-account=554.48"]}


@pytest.mark.parametrize(("currency", "text", "part"), [("JPY", "1,454", "1454"), ("KWD", "1.454", "1.454")])
def test_a_split_knows_the_digits_of_its_currency(currency: str, text: str, part: str) -> None:
    case = case_of(row(minor=1_454, currency=currency))
    split = waiting.split_of(case, [], {"part:on-account": text})
    assert (split.closes, split.parts) == (True, (f"on-account={part}",))


def test_what_a_person_sees_has_a_mark_that_moves_with_it() -> None:
    seen = case_of(row(number=1)).seen
    assert seen == case_of(row(number=1)).seen
    for change in ({"abas_customer_id": "70002"}, {"signed_minor": 1}, {"suggestion_code": "X"}, {"open_amounts": [7]},
                   {"reason": "NO_OPEN_ITEM"}):  # fmt: skip
        assert case_of(row(number=1, **change)).seen != seen


def test_equal_cases_are_those_of_one_invoice_and_the_same_rest() -> None:
    rows = [row("PT1", 1_000, 1), row("PT2", 2_000, 1), row("PT3", 3_000, 1, open_amounts=[3_000]),
            row("PT4", 4_000, 1, open_amounts=[4_700]), row("PT5", 5_000, 1, currency="EUR"),
            row("PT6", 6_000, 1), row("PT6", 6_000, 2)]  # fmt: skip
    groups = waiting.equal_cases(waiting.cases_of(Answers(rows)))
    assert {key: [case.reference for case in group] for key, group in groups.items()} == {
        "AMOUNT_DIFFERS:500:USD": ["PT1", "PT2"]
    }


def test_a_button_means_what_it_names_and_nothing_that_is_not_offered() -> None:
    case = case_of(row(number=1))
    asking = Answers([])
    assert waiting.command_of(case, "confirm", "C1", {}, asking) == (
        "decide/confirm", {"reference": "PT1", "code": "C1"}, "goes to RE-1"
    )  # fmt: skip
    assert waiting.command_of(case, "confirm", "1", {}, asking) is None
    assert waiting.command_of(case, "hand-to-finance", "", {}, asking) is None
    refund = case_of(row(minor=-500, signed="-5.00", reason="REFUND_WITHOUT_PAYMENT"))
    assert waiting.command_of(refund, "on-account", "", {}, asking) is None
    assert waiting.command_of(refund, "match-refund", "", {"payment": " 77 "}, asking) == (
        "decide/match-refund", {"refund": "PT1", "payment": "77"}, "gives 77 back"
    )  # fmt: skip


def test_money_and_names_are_shown_as_people_read_them() -> None:
    assert money("-1454.40") == f"{MINUS}1,454.40"
    assert money("12 minor units") == "12 minor units"
    assert [initials(name) for name in ("maria", "Jana K.", "", "single-user:root")] == ["M", "JK", "?", "SU"]


# -- forms ---------------------------------------------------------------------------------------------------------


class Given:
    """Takes every decision, and remembers it."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, dict[str, Any]]] = []
        self.answer = Result("done", ("done",))

    def person(self, request: Request) -> Person:
        return Person("maria", rooms=(Room("Audit", "/audit", "shield"),))

    def forms(self) -> Sequence[CommandForm]:
        fields = (
            Field("invoice", Kind.TEXT, "Invoice number.", is_required=True),
            Field("parts", Kind.TEXT, "", is_required=False, is_many=True),
            Field("remember", Kind.BOOLEAN, "So it is next time.", is_required=False),
            Field("why", Kind.TEXT, "", is_required=True),
        )
        return (Form("decide/write-off", "Give up what is left.", "Once.", (), fields, {}),)

    def form(self, name: str) -> CommandForm:
        return {one.name: one for one in self.forms()}[name]

    def give(self, request: Request, command: str, values: Mapping[str, Any]) -> Result:
        self.taken.append((command, dict(values)))
        return self.answer


@pytest.fixture
def given() -> Given:
    return Given()


@pytest.fixture
def browser(given: Given, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    answers = Answers([row("PT1", 1_000, 1), row("PT2", 2_000, 1)])
    monkeypatch.setattr(Asking, "rows", lambda _self, name, **asked: answers.rows(name, **asked))
    app = console_app(None, TokenDoor("token"), day_zone="UTC", decisions=given)  # type: ignore[arg-type]
    with TestClient(Starlette(routes=[Mount(MOUNTED_AT, app)]), base_url="http://127.0.0.1") as client:
        client.get(f"{MOUNTED_AT}/?token=token", follow_redirects=False)
        yield client


def form_of(page: str) -> dict[str, str]:
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))


def test_a_decision_is_sent_once_with_its_reason_and_the_version_seen(browser: TestClient, given: Given) -> None:
    path = f"{MOUNTED_AT}/waiting/receivables/PT1"
    form = form_of(browser.get(path).text) | {"do": "confirm C1", "why": "the customer wrote so"}
    for wrong, status, said in (
        ({"why": ""}, 422, "the reason is missing"),
        ({"seen": "old"}, 409, "It changed while you were looking"),
        ({"do": "confirm C9"}, 422, "something is missing"),
        ({"form_token": "other"}, 403, "not of this browser"),
    ):
        refused = browser.post(path, data=form | wrong)
        assert (refused.status_code, said in refused.text) == (status, True)
    assert browser.post(path, data=form, headers={"origin": "http://elsewhere.example"}).status_code == 403
    assert given.taken == []
    done = browser.post(path, data=form)
    assert given.taken == [("decide/confirm", {"reference": "PT1", "code": "C1", "why": "the customer wrote so"})]
    assert "goes to RE-1" in done.text
    assert done.url.path == f"{MOUNTED_AT}/waiting"


def test_what_is_refused_is_said_and_the_words_stay(browser: TestClient, given: Given) -> None:
    given.answer = Result("refused", ("refused: maria decided it before",))
    path = f"{MOUNTED_AT}/waiting/receivables/PT1"
    answer = browser.post(path, data=form_of(browser.get(path).text) | {"do": "on-account", "why": "as <b>agreed</b>"})
    assert answer.status_code == 409
    assert "maria decided it before" in answer.text
    assert "as &lt;b&gt;agreed&lt;/b&gt;</textarea>" in answer.text


def test_equal_cases_are_decided_each_for_itself(browser: TestClient, given: Given) -> None:
    page = browser.get(f"{MOUNTED_AT}/waiting/equal", params={"key": "AMOUNT_DIFFERS:500:USD"}).text
    values = re.findall(r'name="cases" value="([^"]*)"', page)
    assert len(values) == 2
    form = form_of(page) | {"why": "bank fees, as every month"}
    assert browser.post(f"{MOUNTED_AT}/waiting/equal", data=form).status_code == 422
    moved = browser.post(f"{MOUNTED_AT}/waiting/equal", data=form | {"cases": [values[0], "PT2 C1 old"]})
    assert [command for command, _ in given.taken] == ["decide/confirm"]
    assert "1 of 2 confirmed" in moved.text


def test_a_decided_case_is_on_its_way_at_once_and_waits_again_when_it_is_taken_back(
    browser: TestClient, given: Given
) -> None:
    path = f"{MOUNTED_AT}/waiting/receivables/PT1"
    form = form_of(browser.get(path).text) | {"do": "confirm C1", "why": "the customer wrote so"}
    page = browser.post(path, data=form).text
    assert "Decided, on its way" in page
    assert "1 payment," in page
    assert browser.get(path).status_code == 409, "nobody decides it twice"
    assert browser.get(f"{MOUNTED_AT}/waiting/equal", params={"key": "AMOUNT_DIFFERS:500:USD"}).status_code == 404
    undone = browser.post(f"{MOUNTED_AT}/waiting/undo", data=form_of(page) | {"reference": "PT1"}).text
    assert given.taken[-1][0] == "decide/unmatch"
    assert "2 payments," in undone


def test_a_case_is_looked_after_and_commented_in_the_person_s_name(browser: TestClient, given: Given) -> None:
    path = f"{MOUNTED_AT}/waiting/receivables/PT1"
    form = form_of(browser.get(path).text)
    assert "Nobody looks after it yet" in browser.get(path).text
    browser.post(path, data=form | {"do": "take", "seen": "old"})
    assert browser.post(path, data=form | {"do": "comment", "comment": " "}).status_code == 422
    browser.post(path, data=form | {"do": "comment", "comment": "called twice, nobody answers"})
    (name, values), (comment, said) = given.taken
    assert (name, values["case"], values["assignee"]) == ("cases/assign", "receivables/PT1", "maria")
    assert (comment, said) == ("cases/comment", {"case": "receivables/PT1", "why": "called twice, nobody answers"})


def test_a_view_is_kept_under_a_name_and_forgotten(browser: TestClient) -> None:
    form = form_of(browser.get(f"{MOUNTED_AT}/waiting?order=amount").text)
    kept = browser.post(
        f"{MOUNTED_AT}/waiting/views", data=form | {"do": "keep", "name": "<b>Big</b>", "order": "amount", "x": "y"}
    )
    assert str(kept.url).endswith("/waiting?order=amount")
    assert '<a href="/console/waiting?order=amount" aria-current="true">&lt;b&gt;Big&lt;/b&gt;</a>' in kept.text
    gone = browser.post(f"{MOUNTED_AT}/waiting/views", data=form | {"do": "forget", "name": "<b>Big</b>"})
    assert "Big" not in gone.text


def test_a_command_has_the_form_that_its_definition_says(browser: TestClient, given: Given) -> None:
    assert 'href="/console/commands/decide/write-off"' in browser.get(f"{MOUNTED_AT}/commands").text
    page = browser.get(f"{MOUNTED_AT}/commands/decide/write-off?invoice=RE-1&back=/invoices/RE-1").text
    assert 'value="RE-1"' in page
    form = form_of(page) | {"invoice": "RE-1", "parts": "a=1\n b=2 ", "remember": "on", "why": "freight"}
    given.answer = Result("refused", ("above your limit",))
    refused = browser.post(f"{MOUNTED_AT}/commands/decide/write-off", data=form)
    assert (refused.status_code, "above your limit" in refused.text, "freight</textarea>" in refused.text) == (
        422, True, True,
    )  # fmt: skip
    assert given.taken == [
        ("decide/write-off", {"invoice": "RE-1", "parts": ["a=1", "b=2"], "remember": True, "why": "freight"})
    ]
    given.answer = Result("done", ("done",))
    done = browser.post(f"{MOUNTED_AT}/commands/decide/write-off", data=form, follow_redirects=False)
    assert done.headers["location"].startswith("/console/invoices/RE-1?said=")
    elsewhere = browser.post(
        f"{MOUNTED_AT}/commands/decide/write-off", data=form | {"back": "//elsewhere.example"}, follow_redirects=False
    )
    assert elsewhere.status_code == 200
    assert browser.get(f"{MOUNTED_AT}/commands/decide/nothing").status_code == 404


def test_pages_beside_the_workbench_stand_in_its_menu(browser: TestClient) -> None:
    assert '<a class="nav-item" href="/audit">' in browser.get(f"{MOUNTED_AT}/waiting").text
