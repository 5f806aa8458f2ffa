"""Reports in the browser: as of one moment in every form, links into what a row names, and the statement on paper."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from projections.console.app import TokenDoor, console_app
from projections.console.asking import Asking
from projections.console.grid import grid
from projections.console.parts import MOUNTED_AT
from projections.reports import period_pdf
from projections.reports.questions import Answer
from tests.support.api import Rows

AT = f"{MOUNTED_AT}/reports"
XSS = '"><img src=x onerror=alert(1)>'


@pytest.fixture
def reader() -> Rows:
    return Rows(count=2)


@pytest.fixture
def browser(reader: Rows, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    monkeypatch.setattr(Asking, "rows", lambda _self, _name, **_asked: ())
    app = console_app(reader, TokenDoor("token"), day_zone="America/New_York")
    with TestClient(Starlette(routes=[Mount(MOUNTED_AT, app)]), base_url="http://127.0.0.1") as client:
        client.get(f"{MOUNTED_AT}/?token=token", follow_redirects=False)
        yield client


def test_every_form_of_a_report_is_as_of_the_same_moment(browser: TestClient, reader: Rows) -> None:
    page = browser.get(f"{AT}/open_items?as_of=2026-11-03").text
    assert "as_of=2026-11-03&amp;as=xlsx" in page
    assert "as=pdf" not in page
    for kind in ("csv", "csv&locale=de_DE", "xlsx", "json"):
        assert browser.get(f"{AT}/open_items?as_of=2026-11-03&as={kind}").status_code == 200
    # The end of that day in New York.
    moment = datetime(2026, 11, 4, 4, 59, 59, 999_999, tzinfo=UTC)
    assert {as_of for _, as_of in reader.asked} == {moment}
    assert {parameters["today"] for parameters, _ in reader.asked} == {"2026-11-03"}


@pytest.mark.parametrize("query", ["as_of=2099-01-01", "from=never", "as=pdf", "as=exe", f"{XSS}=1"])
def test_what_cannot_be_answered_says_so_and_runs_nothing(browser: TestClient, query: str) -> None:
    answer = browser.get(f"{AT}/open_items?{query}")
    assert answer.status_code == 400
    assert XSS not in answer.text


def test_rows_lead_to_what_they_name() -> None:
    columns = ("paytrace_transaction_id", "bank_line_id", "settlement_account", "abas_customer_id", "detail")
    answer = Answer(columns, ("String",) * 5, (("p/1", "b 1", "main/USD", XSS, "x"),))
    hrefs = [cell.href for cell in grid(answer, base="/c").rows[0]]
    assert hrefs == [
        "/c/payments/p%2F1",
        "/c/bank-lines/b%201?account=main%2FUSD",
        None,
        "/c/customers/%22%3E%3Cimg%20src%3Dx%20onerror%3Dalert%281%29%3E",
        None,
    ]


def test_the_statement_on_paper_is_the_same_file_for_the_same_figures() -> None:
    columns = ("settlement_account", "month", "step", "what", "amount_minor", "currency", "entry_count")
    rows = tuple(
        (account, "2026-11-01", step, what, minor, "USD", 3)
        for account in ("main/USD", "<b>second</b>/USD")
        for step, what, minor in ((0, "opening", 1_000), (1, "captured", 123_456_789), (99, "closing", 123_457_000))
    )
    answer = Answer(columns, ("String", "Date", "Int64", "String", "Int128", "String", "Int64"), rows)
    made = [
        period_pdf.as_pdf(answer, datetime(2026, 11, 30, tzinfo=UTC), locale) for locale in ("de_DE", "de_DE", "en_GB")
    ]
    assert made[0] == made[1] != made[2]
    assert made[0].startswith(b"%PDF")
    assert made[0].count(b"/Type /Page\n") + made[0].count(b"/Type /Page ") == 2
    record = answer.records[:3]
    assert period_pdf._proof(record, "en_GB").endswith("moved 1,234,567.89, on the way 1,234,570.00: difference 7.89.")
