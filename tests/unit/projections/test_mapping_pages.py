"""The mapping as pages: a form changes the text entry by entry, real documents say what it gives, two adopt it."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Mount
from starlette.testclient import TestClient

from app.cli.mapping_rows import TRIED
from app.output.terminal import Sheet
from projections.console import mapping_text
from projections.console.app import TokenDoor, console_app
from projections.console.asking import Asking
from projections.console.decisions import CommandForm, Person, Result
from projections.console.mapping import drafted
from projections.console.mapping_text import Line, TextInvalid
from projections.console.mapping_view import changes_in_words
from projections.console.parts import MOUNTED_AT
from projections.console.shown import MINUS
from streams.rules.catalogue import ACCOUNT_MAPPING
from streams.rules.mapping import account_mapping, lines_by_role

SHIPPED = ACCOUNT_MAPPING.shipped.read_text("utf-8")
XSS = '"><img src=x onerror=alert(1)>'
SPECIAL = Line("6857", "200", "19", "Fee {fee_kind}", "fee_kind = CHARGEBACK, RETRIEVAL; currency = USD",
               'amount >= 10.00 and method == "CARD"', "2027-01-01")  # fmt: skip


# -- the text ------------------------------------------------------------------------------------------------------


def test_what_nobody_touched_stays_as_it_is() -> None:
    general = mapping_text.read(SHIPPED).roles["fees"]
    text = mapping_text.with_lines(SHIPPED, "fees", [SPECIAL, *general])
    changed = [line for line in text.splitlines() if line not in SHIPPED.splitlines()]
    assert [line.split(":")[0].strip() for line in changed] == ["fees", "- {account", "- {account"]
    assert mapping_text.read(text).roles["fees"] == (SPECIAL, *general)
    assert mapping_text.with_lines(text, "fees", general) == SHIPPED
    account_mapping(text, "changed")


_WORDS = st.text(st.characters(exclude_categories=("C", "Z"), exclude_characters=",;=:"), min_size=1, max_size=8)
_LINES = st.builds(Line, account=_WORDS, cost_centre=_WORDS | st.just(""), text=_WORDS | st.just(""),
                   when=_WORDS.map(lambda value: f"currency = {value}") | st.just(""))  # fmt: skip


@settings(max_examples=12)
@drawn(lines=st.lists(_LINES, min_size=1, max_size=4), role=st.sampled_from(["fees", "bank", "fx_position", "new"]))
def test_whatever_a_form_says_is_read_back_as_it_was_said(lines: list[Line], role: str) -> None:
    text = mapping_text.with_lines(SHIPPED, role, lines)
    found = mapping_text.read(text)
    assert found.roles[role] == tuple(lines)
    before = mapping_text.read(SHIPPED)
    assert {**found.roles, role: ()} == {**before.roles, role: ()}
    assert found.policies == before.policies


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a: [",
        "version: x\naccounts: {}",
        "version: 1\naccounts: {a: [b]}",
        "&a [*a]",
        "version: 1\naccounts: {fees: &a [*a]}",
        "x" * 200_001,
    ],
)
def test_what_a_form_cannot_show_says_why(text: str) -> None:
    with pytest.raises(TextInvalid):
        mapping_text.read(text)


def form(**more: Any) -> dict[str, Any]:
    return {"base": SHIPPED, "text": SHIPPED, "do": "try", **more}


def test_a_form_means_its_fields_unless_somebody_edited_the_text() -> None:
    fees = {"line:fees:1:account": "6855", "line:fees:1:cost_centre": "100"}
    assert drafted(form(**fees)).text == SHIPPED
    assert drafted(form(**fees, text=SHIPPED.replace("\n", "\r\n"))).text == SHIPPED
    assert drafted(form(**{**fees, "line:fees:1:account": "1"}, text="version: 9")).text == "version: 9"
    added = drafted(form(**fees, do="add fees")).text
    assert [line.account for line in mapping_text.read(added).roles["fees"]] == ["", "6855"]
    moved = drafted(form(**fees, **{"line:fees:2:account": "1", "do": "up fees 2"})).text
    assert [line.account for line in mapping_text.read(moved).roles["fees"]] == ["1", "6855"]
    assert mapping_text.read(drafted(form(**fees, do="drop fees 1")).text).roles["fees"] == ()
    chosen = drafted(form(**{"policy:unapplied": "on_account", "policy:chargeback": XSS}))
    assert (mapping_text.read(chosen.text).policies["unapplied"], len(chosen.problems)) == ("wait", 1)
    said = changes_in_words(mapping_text.read(SHIPPED), mapping_text.read(moved))
    assert said == ["Fees: always → 1"]


# -- the pages -----------------------------------------------------------------------------------------------------


def lines_of(text: str) -> Sheet:
    """Return one receipt's clearing line, as `saldo mapping try` finds it."""
    given = mapping_text.read(text).roles["clearing"]
    account = given[0].account if given else ""
    values, facts = {"method": "CARD", "invoice_number": XSS}, {"method": "CARD", "customer": XSS}
    given_by = (str(int(bool(given))), account, "", "", "", "" if given else "no account")
    about = (XSS, "cash_receipt", "70001", "2026-11-24", "clearing", "debit", "97.00", "USD", "1361")
    return Sheet("lines", TRIED, ((*about, *given_by, json.dumps(values), json.dumps(facts)),))


class House:
    """Two people and the commands of the mapping, whose files are read by the rules themselves."""

    def __init__(self) -> None:
        self.name = "rolf"
        self.text, self.version = SHIPPED, 1
        self.proposed: tuple[str, str] | None = None

    def person(self, request: Request) -> Person:
        return Person(self.name)

    def forms(self) -> Sequence[CommandForm]:
        return ()

    def form(self, name: str) -> CommandForm:
        raise LookupError(name)

    def give(self, request: Request, command: str, values: Mapping[str, Any]) -> Result:
        text = values["file"].content.decode() if "file" in values else ""
        match command:
            case "mapping/history":
                return Result("done", (), sheets=self.sheets())
            case "mapping/check":
                try:
                    roles = [(one.role, ", ".join(one.needed_by), "yes") for one in lines_by_role(text, "draft")]
                except Exception as error:
                    return Result("refused", (str(error),))
                policies = (("unapplied", "wait, on_account"),)
                return Result("done", (), sheets=(Sheet("roles", ("role", "needed_by", "is_whole"), tuple(roles)),
                                                  Sheet("policies", ("name", "words"), policies)))  # fmt: skip
            case "mapping/try":
                return Result("done", (), sheets=(lines_of(text),))
            case "abas/fields":
                row = ("head", "counter_account", "ycounteracct", "PS5:1", "", "required")
                columns = ("part", "role", "field", "type", "description", "need")
                return Result("done", (), sheets=(Sheet("fields", columns, (row,)),))
            case "mapping/preview":
                columns = ("posting_reference", "kind", "subject", "value_on", "what", "detail")
                row = ("PT1", "cash_receipt", "70001", "2026-11-24", "changes", f"clearing: 1361 -> {XSS}")
                sums = Sheet("accounts", ("account", "currency", "before", "after", "difference"),
                             (("1361", "USD", "97.00", "0.00", "-97.00"),))  # fmt: skip
                return Result("done", ("1 record",), sheets=(Sheet("documents", columns, (row,)), sums))
            case "mapping/propose":
                self.proposed = (self.name, text)
                return Result("proposed", ("proposed as P1",), "P1")
            case "mapping/approve" if self.proposed and self.proposed[0] != self.name:
                self.text, self.version, self.proposed = self.proposed[1], 2, None
                return Result("done", ("version 2 is in force",))
        return Result("refused", ("refused: rolf proposed it; another approver decides",))

    def sheets(self) -> tuple[Sheet, ...]:
        row = ("1", str(self.version), "d", "adopt-rules", "", "2026-11-24T10:00:00+00:00", XSS, self.text)
        columns = ("number", "version", "digest", "adopted_by", "approved_by", "adopted_at", "reason", "text")
        at = ("proposal_id", "version", "proposed_by", "reason", "expires_at", "text")
        open_ones = (
            (("P1", "2", self.proposed[0], XSS, "2026-11-27T10:00:00+00:00", self.proposed[1]),)
            if self.proposed
            else ()
        )
        return Sheet("versions", columns, (row,)), Sheet("proposals", at, open_ones)


@pytest.fixture
def house() -> House:
    return House()


@pytest.fixture
def browser(house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setattr(Asking, "rows", lambda _self, _name, **_asked: ())
    app = console_app(None, TokenDoor("token"), day_zone="UTC", decisions=house)  # type: ignore[arg-type]
    with TestClient(Starlette(routes=[Mount(MOUNTED_AT, app)]), base_url="http://127.0.0.1") as client:
        client.get(f"{MOUNTED_AT}/?token=token", follow_redirects=False)
        yield client


def fields_of(page: str) -> dict[str, str]:
    """Return what a browser would send of a page's form."""
    found = {
        name: html.unescape(value) for name, value in re.findall(r'<input[^>]* name="([^"]+)" value="([^"]*)"', page)
    }
    found |= {
        name: html.unescape(text)
        for name, text in re.findall(r'<textarea[^>]*name="(\w+)"[^>]*>(.*?)</textarea>', page, re.S)
    }
    chosen = re.findall(r'<select id="[^"]*" name="([^"]+)">.*?<option value="([^"]*)" selected', page)
    return found | dict(chosen)


def test_a_change_is_tried_previewed_proposed_and_approved_by_another_person(browser: TestClient, house: House) -> None:
    at = f"{MOUNTED_AT}/mapping"
    assert "Version 1" in browser.get(at).text
    trial = browser.get(f"{at}/trial").text
    assert "1 of 1 documents pass" in trial
    draft = browser.get(f"{at}/draft").text
    sent = fields_of(draft) | {"line:clearing:1:account": "1399", "why": ""}
    tried = browser.post(f"{at}/draft", data=sent | {"do": "try"}).text
    assert "<b>1399</b>" in tried
    broken = browser.post(f"{at}/draft", data=sent | {"do": "try", "line:clearing:1:when": "method = CASH"}).text
    assert "is &#39;CASH&#39;, which is none" in broken
    preview = browser.post(f"{at}/draft", data=sent | {"do": "preview", "from": "2026-11-01", "to": "2026-11-30"})
    for _ in range(200):
        if f"{MINUS}97.00" in (found := browser.get(preview.url).text):
            break
    assert "1 document change" in found
    assert browser.post(f"{at}/draft", data=sent | {"do": "propose"}).status_code == 422
    browser.post(f"{at}/draft", data=sent | {"do": "propose", "why": "second merchant account"})
    path = f"{at}/proposals/P1"
    approval = fields_of(browser.get(path).text) | {"do": "approve", "why": "accounts looked up"}
    own = browser.post(path, data=approval)
    assert (own.status_code, "another approver decides" in own.text, house.version) == (409, True, 1)
    house.name = "jana"
    assert browser.post(path, data=approval).status_code == 200
    assert (house.version, mapping_text.read(house.text).roles["clearing"][0].account) == (2, "1399")
    assert browser.get(path).status_code == 404
    for page in (trial, draft, tried, found, browser.get(f"{at}/versions/1").text):
        assert XSS not in page


def test_a_preview_is_shown_to_whoever_asked_for_it(browser: TestClient, house: House) -> None:
    at = f"{MOUNTED_AT}/mapping"
    sent = fields_of(browser.get(f"{at}/draft").text) | {"do": "preview"}
    job = browser.post(f"{at}/draft", data=sent).url
    house.name = "jana"
    assert browser.get(job).status_code == 404


def test_the_mapping_is_in_the_language_of_its_reader(browser: TestClient) -> None:
    german = {"accept-language": "de"}
    page = browser.get(f"{MOUNTED_AT}/mapping", headers=german).text
    assert "Version 1 gilt seit 24. November 2026, 10:00 UTC" in page
    assert XSS not in page
    draft = browser.get(f"{MOUNTED_AT}/mapping/draft", headers=german).text
    assert "Zeile ergänzen: Gebühren für Rückbelastungen" in draft
    assert 'data-live-new="{n} neu"' in draft
    assert "fact = value, value; fact = value" in draft
