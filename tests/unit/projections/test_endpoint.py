"""The endpoint and the workbench on it: for the owner on this machine, and no script but its own."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from projections.reports import questions
from projections.serving.endpoint import serve_endpoint
from projections.serving.settings import ProjectionSettings, endpoint_file
from projections.store.client import Store
from schemas.failures import ContractBroken
from tests.support.projecting import fill, project
from tests.support.scripted import Script
from tests.support.workbench import HOSTILE, SUBJECTS, CaughtUp, day

NOTICE = ["one-user mode: done as <root>"]


@pytest.fixture
def status() -> CaughtUp:
    return CaughtUp()


@pytest.fixture
def address(engine: Store, status: CaughtUp, tmp_path: Path) -> Iterator[dict[str, str]]:
    fill(engine, day())
    own = tmp_path / "own"
    own.mkdir()
    (own / "large_payments.sql").write_text(
        "-- Which payments are large?\n-- parameter least UInt64: least amount, minor units\n"
        "SELECT paytrace_transaction_id, amount_minor, currency FROM fct_payments WHERE amount_minor >= {least:UInt64}"
    )
    (own / "mine.sql").write_text("-- What is mine?\nSELECT 7 AS seven")
    (own / "no_head.sql").write_text("SELECT 1")
    (own / "My Report.sql").write_text("-- Mine?\nSELECT 1")
    (own / "open_items.sql").write_text("-- Mine?\nSELECT 1")
    (own / "writes.sql").write_text("-- Does it write?\nDROP TABLE fct_payments")
    settings = ProjectionSettings(
        clickhouse_dsn="chdb:///unused",
        bootstrap_servers="",
        data_dir=tmp_path,
        access_notice=lambda: "".join(NOTICE),
        reports_dir=own,
    )
    with serve_endpoint(settings, engine, status):
        yield json.loads(endpoint_file(tmp_path).read_text("utf-8"))


@pytest.fixture
def browser(address: dict[str, str]) -> Iterator[httpx2.Client]:
    """A browser that came in by the address in projector.json."""
    with httpx2.Client(base_url=address["url"], follow_redirects=True, trust_env=False, timeout=60) as client:
        # The cookie is what a browser comes in with; the overview behind it asks every report.
        assert client.get(address["console"], follow_redirects=False).is_redirect
        yield client


def token_of(console: str) -> str:
    """The token in the console's address."""
    return httpx2.URL(console).params["token"]


def test_today_says_whether_every_cent_is_accounted_for(browser: httpx2.Client) -> None:
    page = browser.get("/console/").text
    for said in (
        "Every cent accounted for",
        "1,419.50",
        "125.00",
        "1,264.50",
        "30.00",
        "Names an invoice abas does not",
    ):
        assert said in page


def test_a_loss_is_said_aloud(browser: httpx2.Client, engine: Store) -> None:
    script = Script()
    lost = script.captured("9", 77_00)
    project(engine, [replace(lost, offset=1_000, headers=())])
    assert "77.00 not accounted for" in browser.get("/console/").text


@pytest.mark.parametrize(
    "name", ["waiting", "deposits", "disputes", "approvals", "alerts", "payments", "reports", "parked"]
)
def test_every_entry_of_the_menu_leads_somewhere(browser: httpx2.Client, name: str) -> None:
    assert f'href="/console/{name}"' in browser.get("/console/").text
    assert browser.get(f"/console/{name}").status_code == 200


def test_every_report_is_listed_the_user_s_own_among_them_and_bad_files_are_named(browser: httpx2.Client) -> None:
    page = browser.get("/console/reports").text
    for name in (*questions.report_names(), "mine", "large_payments", "no_head"):
        assert f"{name}<" in page
    assert "no_head.sql says not what it answers" in page
    assert "a report is called by a-z" in page
    assert "Saldo&#39;s own report is called open_items" in page
    assert browser.get("/console/reports/mine").status_code == 200
    answer = browser.get("/console/reports/large_payments", params={"least": "100000"}).text
    assert "1,234.50" in answer
    assert "125.00" not in answer
    for name, said in (
        ("large_payments", 'name="least"'),
        ("large_payments?least=x", "BAD_QUERY_PARAMETER"),
        ("writes", "is not allowed"),
        ("no_head", "says not what it answers"),
        ("mine?as=pdf", "is no form of a file"),
    ):
        refused = browser.get(f"/console/reports/{name}")
        assert refused.status_code == 400
        assert said in refused.text
    assert browser.get("/console/reports/nope").status_code == 404


def test_a_report_is_taken_home_as_a_file(browser: httpx2.Client) -> None:
    plain = browser.get("/console/reports/waiting_money?as=csv")
    assert plain.headers["content-disposition"].startswith('attachment; filename="waiting_money-')
    assert "1234.50" in plain.text
    assert "1234,50" in browser.get("/console/reports/waiting_money?as=csv&locale=de").text
    assert browser.get("/console/reports/waiting_money?as=xlsx").content.startswith(b"PK")


def test_what_has_no_amount_shows_none(browser: httpx2.Client) -> None:
    page = browser.get("/console/search", params={"q": "erp.outcomes.v1/0/0"}).text
    assert '<span class="hidden-text">none</span>' in page
    assert "DocumentPosted of key" in page


def test_a_payment_s_story_is_told_in_words_and_its_records_are_folded(browser: httpx2.Client) -> None:
    page = browser.get("/console/payments/1").text
    story, _, raw = page.partition("Raw records")
    for said in ("Captured", "Recognised as customer 70001", "Posted in abas as cash receipt ZE-1"):
        assert said in story
    assert "erp.outcomes.v1/0/0" in raw
    for code in ("PaymentCaptured", "payments.events.v1", "cash_receipt"):
        assert code not in story
    assert browser.get("/console/payments/nobody").status_code == 404


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("1", "Posted in abas as cash receipt"),
        (" RE-1 ", "Open item"),
        ("re-1", "OI-1"),
        ("OI-1", "invoice RE-1 of customer 70001"),
        ("70001", "Open item"),
        ("invoice:RE-3", "Way to its customer"),
        ("identification.inbox.v1/2/0", "Parked record"),
        ("identification.inbox.v1 2 0", "Parked record"),
        ("erp.outcomes.v1/0/0", "DocumentPosted of key"),
    ],
)
def test_search_takes_ids_of_every_kind(browser: httpx2.Client, wanted: str, said: str) -> None:
    answer = browser.get("/console/search", params={"q": wanted})
    assert answer.status_code == 200
    assert said in answer.text


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("invoices/re-1", ("Invoice RE-1", "Still open", "customers/70001", "payments/1")),
        ("customers/70001", ("Customer 70001", "Vault customer acme-inc is this customer", "invoices/RE-1")),
        ("orders/main/1203", ("Order W1203", "Not captured", "Waits: ", "main/1203")),
        ("subscriptions/C-1001/S-77", ("1 run to look at", "Run of 31 December: missed", "24.95")),
        ("disputes/CB-2026-0042", ("Dispute CB-2026-0042", "charged back", "Not decided yet", "payments/1")),
        ("bank-lines/main/2026-11-25/6f2d0a41c09be713", ("Nothing explains it yet", "Text at the bank")),
        ("payments/1", ("invoices/OI-1", "customers/70001", "Not accounted for")),
    ],
)
def test_each_thing_has_a_page_with_its_money_story_and_links(
    browser: httpx2.Client, path: str, said: tuple[str, ...]
) -> None:
    page = browser.get(f"/console/{path}").text
    words, _, raw = page.partition("<summary>Raw records")
    assert [one for one in said if one not in words] == []
    assert '<td class="code">' in raw
    assert re.search(r"\b(?:[A-Z][a-z]+){2,}\.v\d|\.events\.v1", words) is None, "codes and topics are folded"


def test_what_nobody_knows_has_no_page(browser: httpx2.Client) -> None:
    for kind in ("payments", "invoices", "customers", "orders/main", "subscriptions/C-1", "disputes", "bank-lines"):
        assert browser.get(f"/console/{kind}/nothing").status_code == 404


def test_what_outside_systems_write_is_no_markup_on_any_page(browser: httpx2.Client, engine: Store) -> None:
    fill(engine, day(written_by_others=HOSTILE))
    for path in SUBJECTS:
        page = browser.get(f"/console/{path}").text
        assert HOSTILE not in page, path
        assert "&lt;b&gt;4&lt;/b&gt;" in page or path.startswith(("payments", "invoices", "bank-lines")), path


def test_search_that_finds_nothing_says_which_kinds_it_knows(browser: httpx2.Client) -> None:
    for answer in (browser.get("/console/search", params={"q": "nobody"}), browser.get("/console/search")):
        for kind in ("transaction id", "invoice number", "posting reference", "abas customer", "order:SO-4711",
                     "amount", "last four", "bank line", "dispute", "topic/partition/offset"):  # fmt: skip
            assert kind in answer.text


def test_the_console_keeps_its_address_and_its_token_over_restarts(
    store: Store, status: CaughtUp, tmp_path: Path
) -> None:
    settings = ProjectionSettings(clickhouse_dsn="chdb:///unused", bootstrap_servers="", data_dir=tmp_path / "kept")
    consoles = []
    for _ in range(2):
        with serve_endpoint(settings, store, status):
            consoles.append(json.loads(endpoint_file(settings.data_dir).read_text("utf-8"))["console"])
    assert consoles[0] == consoles[1]
    assert (settings.data_dir / "console.json").stat().st_mode & 0o777 == 0o600


def test_a_port_that_is_taken_is_named_and_a_kept_one_gives_way(store: Store, status: CaughtUp, tmp_path: Path) -> None:
    settings = ProjectionSettings(clickhouse_dsn="chdb:///unused", bootstrap_servers="", data_dir=tmp_path / "taken")
    with serve_endpoint(settings, store, status) as url:
        port = httpx2.URL(url).port
    with socket.create_server(("127.0.0.1", port or 0)):
        named = settings.model_copy(update={"http_port": port})
        refused = rf"port {port} of 127.0.0.1: another process has it; .* SALDO_REPORTING_HTTP_PORT"
        with pytest.raises(ContractBroken, match=refused), serve_endpoint(named, store, status):
            pass
        with serve_endpoint(settings, store, status) as other:
            assert httpx2.URL(other).port != port


def test_what_others_wrote_is_text_and_never_markup(browser: httpx2.Client) -> None:
    for path in (
        "/console/waiting",
        "/console/reports/waiting_money",
        "/console/payments",
        "/console/search?q=<b>4</b>",
    ):
        page = browser.get(path).text
        assert "<b>4</b>" not in page
        assert "&lt;b&gt;4&lt;/b&gt;" in page


def test_pages_run_their_own_scripts_alone(browser: httpx2.Client) -> None:
    for path in ("/console/", "/console/waiting", "/console/payments/1", "/console/static/console.css"):
        answer = browser.get(path)
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'self'; script-src 'self';")
        assert "unsafe" not in policy
        assert re.findall(r"<script[^>]*>(?!</script>)", answer.text) == []
        assert re.search(r"\s(style|on[a-z]+)=", answer.text) is None
        assert "http://" not in answer.text.replace(str(browser.base_url), "")


def test_without_the_token_nothing_is_shown(address: dict[str, str]) -> None:
    with httpx2.Client(base_url=address["url"], trust_env=False, timeout=60) as stranger:
        assert stranger.get("/console/").status_code == 401
        assert stranger.get("/console/payments/1?token=wrong").status_code == 401
        assert stranger.post("/sql", json={"sql": "SELECT 1"}).status_code == 401
        wrong = {"authorization": "Bearer wrong"}
        assert stranger.post("/sql", json={"sql": "SELECT 1"}, headers=wrong).status_code == 401
        assert stranger.get("/health").status_code == 200


def test_every_page_says_that_nobody_logs_in_until_somebody_does(browser: httpx2.Client) -> None:
    pages = ("/console/", "/console/reports/waiting_money", "/console/reports/nothing", "/console/payments/1")
    assert all("one-user mode: done as &lt;root&gt;" in browser.get(page).text for page in pages)
    said = NOTICE.pop()
    try:
        assert not any("one-user mode" in browser.get(page).text for page in pages)
    finally:
        NOTICE.append(said)


def test_the_console_s_token_asks_no_sql_and_the_other_way_round(address: dict[str, str]) -> None:
    with httpx2.Client(base_url=address["url"], trust_env=False, timeout=60) as guest:
        console = {"authorization": f"Bearer {token_of(address['console'])}"}
        assert guest.post("/sql", json={"sql": "SELECT 1"}, headers=console).status_code == 401
        assert guest.get("/console/", params={"token": address["token"]}).status_code == 401


def test_the_token_leaves_the_address_and_the_rest_of_it_stays(address: dict[str, str]) -> None:
    with httpx2.Client(base_url=address["url"], trust_env=False, timeout=60) as browser:
        answer = browser.get("/console/search", params={"q": "1", "token": token_of(address["console"])})
        assert answer.status_code == 303
        assert answer.headers["location"] == "/console/search?q=1"
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie


def test_a_name_that_points_at_us_is_refused(address: dict[str, str]) -> None:
    with httpx2.Client(base_url=address["url"], trust_env=False, timeout=60) as rebound:
        assert rebound.get("/health", headers={"host": "attacker.example"}).status_code == 400


def test_sql_answers_in_the_format_asked_for_and_names_what_is_wrong(address: dict[str, str]) -> None:
    owner = {"authorization": f"Bearer {address['token']}"}
    with httpx2.Client(base_url=address["url"], headers=owner, trust_env=False, timeout=60) as client:
        body = {"sql": "SELECT {n:Int64} + 1 AS next", "parameters": {"n": 41}, "format": "CSVWithNames"}
        assert client.post("/sql", json=body).text == '"next"\n42\n'
        for sql, code in (("SELECT nope", "UNKNOWN_IDENTIFIER"), ("SELECT 1 INTO OUTFILE 'x'", "READONLY")):
            answer = client.post("/sql", json={"sql": sql})
            assert answer.status_code == 400
            assert answer.json()["code"] in (code, "47")
        assert client.post("/sql", json={"sql": "SELECT 1", "format": "TSV; DROP"}).status_code == 400
        for sent, named in (
            (b"{}", '"sql"'), (b"[1]", '"sql"'), (b"no json", "JSON"), (b'{"sql": 7}', '"sql"'), (b"\xff", "JSON"),
            (b'{"sql": "SELECT 1", "parameters": [1]}', '"parameters"'),
            (b'{"sql": "SELECT 1", "format": 1}', '"format"'),
        ):  # fmt: skip
            answer = client.post("/sql", content=sent)
            assert answer.status_code == 400
            assert answer.json()["code"] == "REQUEST"
            assert named in answer.json()["error"]


def test_lag_is_reported_by_topic_and_an_absent_broker_is_no_answer(address: dict[str, str], status: CaughtUp) -> None:
    with httpx2.Client(base_url=address["url"], trust_env=False, timeout=60) as client:
        reported = client.get("/lag").json()
        assert reported == {"total": 7, "topics": {"erp.outcomes.v1": 3, "payments.events.v1": 4}}
        status.broker_is_away = True
        assert client.get("/lag").status_code == 503


def test_prometheus_hears_how_far_it_is_and_what_waits_for_people(address: dict[str, str], status: CaughtUp) -> None:
    def metrics() -> list[str]:
        return httpx2.get(f"{address['url']}/metrics", trust_env=False).text.splitlines()

    reported = metrics()
    assert "saldo_projector_lag_records 7.0" in reported
    assert "saldo_projector_asks_broker 1.0" in reported
    assert 'saldo_person_items{currency="USD",kind="money waits"} 3.0' in reported
    assert 'saldo_person_items{currency="USD",kind="records parked"} 1.0' in reported
    assert not any("1234" in line for line in reported), "no amounts"
    status.broker_is_away = True
    reported = metrics()
    assert "saldo_projector_asks_broker 0.0" in reported
    assert not any(line.startswith("saldo_projector_lag_records ") for line in reported), "unknown is no number"
    assert any(line.startswith("saldo_person_items") for line in reported)
