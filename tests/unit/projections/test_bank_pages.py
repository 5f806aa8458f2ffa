"""A bank line decided by hand, and a statement looked at before it is imported; whatever a bank wrote stays text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from app.output.terminal import Sheet
from projections.console.app import LARGEST_FORM, TokenDoor, console_app
from projections.console.asking import Asking
from projections.console.decisions import Result, Upload
from projections.console.parts import MOUNTED_AT
from projections.console.shown import MINUS
from tests.unit.projections.test_waiting_pages import Given, form_of

XSS = '"><img src=x onerror=alert(1)>'
LINE = {
    "settlement_account": "main/USD", "booked_on": "2026-11-24", "status": "suggested", "deposit_minor": 9_700,
    "deposit": "97.00", "fee_minor": 300, "currency": "USD", "line_count": 0, "text": f"PAYTRACE {XSS}", "detail": XSS,
    "decided_by": "rule", "rule": "", "bank_line_id": "B1&x",
}  # fmt: skip


def in_transit(line_id: str, minor: int, batch: int | None = 7, payment: str = "") -> dict[str, Any]:
    return {
        "line_id": line_id, "moved_on": "2026-11-23", "batch_number": batch, "kind": "CAPTURED", "amount_minor": minor,
        "amount": f"{minor / 100:.2f}", "currency": "USD", "paytrace_transaction_id": payment, "text": "",
    }  # fmt: skip


ROWS: dict[str, list[dict[str, Any]]] = {
    "bank_lines": [LINE],
    "suggestions_of_a_bank_line": [
        {"suggestion_code": "DABC", "settlement_account": "other/USD", "suggested_ids": ["s9"]},
        {"suggestion_code": "DXYZ", "settlement_account": "main/USD", "suggested_ids": ["s1"]},
    ],
    "lines_in_transit": [in_transit("s1", 8_000, payment=XSS), in_transit("s2", 1_700), in_transit("f1", -50, None)],
    "deposit_days": [],
}
PATH = f"{MOUNTED_AT}/deposits/line?account=main%2FUSD&line=B1%26x"
UPLOAD = f"{MOUNTED_AT}/deposits/statement"


@pytest.fixture
def given() -> Given:
    return Given()


@pytest.fixture
def browser(given: Given, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setattr(Asking, "rows", lambda _self, name, **_asked: tuple(ROWS.get(name, ())))
    app = console_app(None, TokenDoor("token"), day_zone="UTC", decisions=given)  # type: ignore[arg-type]
    with TestClient(Starlette(routes=[Mount(MOUNTED_AT, app)]), base_url="http://127.0.0.1") as client:
        client.get(f"{MOUNTED_AT}/?token=token", follow_redirects=False)
        yield client


def asked(given: Given) -> tuple[str, Mapping[str, Any]]:
    ((command, values),) = given.taken
    return command, values


def test_a_bank_line_is_matched_by_hand_and_its_sum_is_worked_out_before(browser: TestClient, given: Given) -> None:
    page = browser.get(PATH).text
    assert XSS not in page
    form = form_of(page)
    computed = browser.post(PATH, data=form | {"do": "compute", "lines": ["s1\ns2", "s1"]}).text
    assert f"97.00 {MINUS} 97.00 = <b>0.00 left" in re.sub(r"\s+", " ", computed)
    assert given.taken == []
    for wrong, status, said in (
        ({"why": "ok"}, 422, "the reason is missing"),
        ({"seen": "old"}, 409, "It changed while you were looking"),
        ({"lines": ""}, 422, "something is missing"),
        ({"do": "unmatch"}, 422, "something is missing"),
    ):
        refused = browser.post(
            PATH, data=form | {"do": "by-hand", "lines": "s1", "why": "paid out on two days"} | wrong
        )
        assert (refused.status_code, said in refused.text) == (status, True)
    browser.post(PATH, data=form | {"do": "by-hand", "lines": ["s1\ns2", "f1", "s1"], "why": "paid out with a fee"})
    assert asked(given) == (
        "deposits/confirm",
        {"bank_line": "B1&x", "account": "main/USD", "what": ["s1", "s2", "f1"], "why": "paid out with a fee"},
    )


@pytest.mark.parametrize(
    ("more", "command", "values"),
    [
        ({"do": "confirm"}, "deposits/confirm", {"what": ["DXYZ"]}),
        ({"do": "reject"}, "deposits/reject", {"code": "DXYZ"}),
        ({"do": "dismiss"}, "deposits/dismiss", {}),
        ({"do": "customer", "invoice": "RE-1, RE-2 RE-1", "vault_customer": " v9 "}, "deposits/customer",
         {"invoice": ["RE-1", "RE-2"], "vault_customer": "v9"}),
    ],
)  # fmt: skip
def test_each_button_of_a_bank_line_is_its_command(
    browser: TestClient, given: Given, more: dict[str, str], command: str, values: dict[str, Any]
) -> None:
    why = "as the bank wrote"
    answer = browser.post(PATH, data=form_of(browser.get(PATH).text) | more | {"why": why})
    assert answer.status_code == 200
    assert asked(given) == (command, {"bank_line": "B1&x", "account": "main/USD", "why": why, **values})


def test_a_bank_line_that_nobody_knows_is_none(browser: TestClient) -> None:
    assert browser.get(f"{MOUNTED_AT}/deposits/line?account=main%2FUSD&line=B2").status_code == 404


def test_a_statement_is_shown_and_then_imported_as_it_came(browser: TestClient, given: Given) -> None:
    sheet = Sheet(
        "lines",
        ("bank_line_id", "booked_on", "amount", "currency", "text"),
        (("B1&x", "2026-11-24", "97.00", "USD", "known"), ("B2", "2026-11-24", "-5.00", "USD", XSS)),
    )
    given.answer = Result("done", (f"{XSS}: (camt) 2 lines",), sheets=(sheet,))
    form = form_of(browser.get(UPLOAD).text) | {"do": "preview", "intraday": "on"}
    content = b"\x00\xffstatement"
    shown = browser.post(UPLOAD, data=form, files={"file": ("<b>&.xml", content)}).text
    assert XSS not in shown
    assert "<b>&.xml" not in shown
    assert "1 new" in shown
    assert "1 known" in shown
    assert given.taken == [("import/bank", {"intraday": True, "file": Upload("<b>&.xml", content), "dry_run": True})]
    held = form_of(shown)
    assert browser.post(UPLOAD, data=held | {"do": "import", "held": "other"}).status_code == 409
    browser.post(UPLOAD, data=held | {"do": "import"})
    assert given.taken[1:] == [("import/bank", {"intraday": True, "file": Upload("<b>&.xml", content)})]


def test_what_is_no_file_or_too_large_is_not_read(browser: TestClient, given: Given) -> None:
    form = form_of(browser.get(UPLOAD).text) | {"do": "preview"}
    assert browser.post(UPLOAD, data=form, files={"file": ("", b"")}).status_code == 422
    given.answer = Result("refused", ("can't be read",))
    assert "can&#39;t be read" in browser.post(UPLOAD, data=form, files={"file": ("a.csv", b"x")}).text
    too_large = browser.post(UPLOAD, content=b"x", headers={"content-length": str(LARGEST_FORM + 1)})
    assert too_large.status_code == 413


def test_several_parked_records_are_decided_with_one_reason(browser: TestClient, given: Given) -> None:
    at = f"{MOUNTED_AT}/parked"
    form = form_of(browser.get(at).text) | {"do": "replay", "why": "mended the mapping"}
    assert "Choose at least one" in browser.post(f"{at}/chosen", data=form | {"places": "x 1"}).text
    places = ["identification.inbox.v1 0 7", "settlement.inbox.v1 1 9"]
    assert "An auditor" in browser.post(f"{at}/chosen", data=form | {"places": places, "why": ""}).text
    assert given.taken == []
    assert "2 records of 2 decided again" in browser.post(f"{at}/chosen", data=form | {"places": places}).text
    values = {"inbox": "settlement.inbox.v1", "partition": 1, "offset": 9, "why": "mended the mapping"}
    assert given.taken[1] == ("dlq/replay", values)
    given.answer = Result("refused", (f"is not parked {XSS}",))
    refused = browser.post(f"{at}/chosen", data=form | {"places": places, "do": "discard"}).text
    assert "0 records of 2 given up" in refused
    assert XSS not in refused
    browser.post(f"{at}/resume", data=form | {"inbox": "settlement.inbox.v1", "partition": "1"})
    assert given.taken[-1][0] == "dlq/resume"
    given.answer = Result("done", ("{", f'"content": "{XSS}"'))
    shown = browser.get(f"{at}/record", params={"place": places[0]})
    assert (shown.status_code, XSS in shown.text) == (200, False)
    assert browser.get(f"{at}/record", params={"place": "x"}).status_code == 404
