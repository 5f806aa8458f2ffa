"""Money in words or amounts that can't be read: listed, counted, beside the bridge, and gone once it could be read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import pytest

from app.cli import explain, waiting, ways_out
from app.cli.status import AgentLine, PersonLine, PipelineStatus
from projections import tables
from projections.reports import questions
from projections.store.client import Store
from projections.store.migrate import migrate
from schemas.records.payments import PaymentStatusRecognized, TransactionKind, UnrecognizedReason
from tests.support.examples import example
from tests.support.projecting import asked, bridge, project, residual
from tests.support.scripted import NOON, PAYMENTS, Script


def unrecognized(payment: str, amount_minor: int | None = 125_00, at: datetime = NOON, **changes: Any) -> Any:
    raw_amount = (
        {} if amount_minor is not None else {"raw_amount": "12,50", "reason": UnrecognizedReason.AMOUNT_UNREADABLE}
    )
    fields = {"paytrace_transaction_id": payment, "amount_minor": amount_minor, "occurred_at": at}
    return example("PaymentStatusUnrecognized", **{**fields, **raw_amount, **changes})


def recognized(payment: str, at: datetime) -> PaymentStatusRecognized:
    return PaymentStatusRecognized(paytrace_transaction_id=payment, occurred_at=at)


@pytest.fixture
def three(store: Store) -> Store:
    """A payment in words that nobody knows, a refund in others, and a payment whose amount is none."""
    script = Script()
    script.captured("9", 100)
    script.awaits_reference("9", 100)
    script.write(PAYMENTS, unrecognized("1"))
    script.write(PAYMENTS, unrecognized("2", 25_00, kind=TransactionKind.REFUND, raw_kind="REFUND"))
    script.write(PAYMENTS, unrecognized("3", None, raw_status="GB7/GB7"))
    project(store, script.messages)
    return store


def test_it_is_counted_beside_the_bridge_and_is_no_part_of_it(three: Store) -> None:
    assert bridge(three) == {"captured": 100, "waiting": 100}
    assert residual(three) == 0
    for name in ("bridge_by_currency", "bridge_by_day"):
        (row,) = (row for row in asked(three, name) if row["currency"] == "USD" and row["unrecognized_count"])
        assert (row["unrecognized_minor"], row["unrecognized_count"], row["residual_minor"]) == (100_00, 3, 0)
    assert asked(three, "payments_that_do_not_balance") == ()


def test_it_waits_in_every_list_of_waiting_money(three: Store) -> None:
    expected = {"1": 125_00, "2": -25_00, "3": 0}
    for name in ("waiting_money", "waiting_with_candidates"):
        rows = [row for row in asked(three, name) if row["waits_in"] == "payments"]
        assert {row["paytrace_transaction_id"]: row["signed_minor"] for row in rows} == expected
    status = [row for row in asked(three, "posted_waiting_parked_and_for_how_long") if row["status"] == "unrecognized"]
    assert {row["reason"]: (row["item_count"], row["amount_minor"]) for row in status} == {
        "STATUS_UNKNOWN": (2, 100_00),
        "AMOUNT_UNREADABLE": (1, 0),
    }
    assert asked(three, "waiting_with_candidates", abas_customer_id="70001") == ()


def test_it_is_a_payment_that_needs_attention(three: Store) -> None:
    rows = three.rows(
        "SELECT paytrace_transaction_id, kind, state, amount_minor, net_minor, needs_attention FROM fct_payments"
        " WHERE paytrace_transaction_id != '9' ORDER BY paytrace_transaction_id"
    )
    assert [tuple(map(str, row)) for row in rows] == [
        ("1", "PAYMENT", "UNRECOGNIZED", "12500", "0", str(rows[0][5])),
        ("2", "PAYMENT", "UNRECOGNIZED", "2500", "0", str(rows[0][5])),
        ("3", "PAYMENT", "UNRECOGNIZED", "0", "0", str(rows[0][5])),
    ]
    assert bool(rows[0][5])


def test_saldo_waiting_names_the_words_and_what_to_do(three: Store, capsys: pytest.CaptureFixture[str]) -> None:
    report = questions.load("waiting_with_candidates")
    values = questions.values_for(report, {}, day_zone="UTC", now=NOON + timedelta(days=2))
    waiting.show(ways_out.listed(questions.ask(three, report, values)).records)
    said = capsys.readouterr().out
    assert "1  125.00 USD, names RE-100451, since" in said
    assert "2  -25.00 USD" in said
    assert "3  amount not known, USD" in said
    assert "its amount can't be read: amount 12,50; PayTrace says GB7/GB7" in said
    assert said.count("saldo write payments.observations.v1") == 3


def test_saldo_explain_says_why_it_waits_and_when_it_could_be_read(store: Store) -> None:
    script = Script()
    script.write(PAYMENTS, unrecognized("1"))
    project(store, script.messages)
    rows = asked(store, "explain", id="1")
    (line,) = (text for row in rows for text in explain.step(row))
    assert "125.00 USD waits, PayTrace's status is not one that we know: PayTrace says Q/In review" in line
    assert explain.waits_unrecognized("1", rows)
    project(store, [script.write(PAYMENTS, recognized("1", NOON + timedelta(hours=1)))])
    rows = asked(store, "explain", id="1")
    assert [row["what"] for row in rows] == ["PaymentStatusUnrecognized", "PaymentStatusRecognized"]
    assert not explain.waits_unrecognized("1", rows)
    assert asked(store, "explain", id="re-100451")[0]["posting_reference"] == "1"


def test_the_latest_observation_counts_whatever_order_they_came_in(store: Store) -> None:
    script = Script()
    hour = timedelta(hours=1)
    script.write(PAYMENTS, recognized("1", NOON + hour))
    script.write(PAYMENTS, unrecognized("1", at=NOON))
    script.write(PAYMENTS, unrecognized("2", at=NOON + hour))
    script.write(PAYMENTS, unrecognized("2", at=NOON, raw_status="Q/Older"))
    script.write(PAYMENTS, recognized("3", NOON))
    script.write(PAYMENTS, unrecognized("3", at=NOON))
    project(store, script.messages)
    rows = asked(store, "waiting_money")
    assert [(row["paytrace_transaction_id"], row["detail"]) for row in rows] == [
        ("3", "PayTrace says Q/In review"),
        ("2", "PayTrace says Q/In review"),
    ]


def test_status_raises_attention_and_never_says_nothing_to_do() -> None:
    quiet = PipelineStatus((), (AgentLine("a", (), ()),), 0)
    assert quiet.in_a_word == "ready; nothing to do"
    line = PersonLine("payments not recognized", "USD", 3, 100_00, "2026-11-24 12:00:00")
    waits = PipelineStatus((), (AgentLine("a", (), ()),), 0, people=(line,))
    assert waits.in_a_word == "ready; 3 payments not recognized (100.00 USD), see `saldo waiting`"
    assert waits.exit_code == 4


def test_status_asks_what_the_reports_show(three: Store) -> None:
    assert [
        (row["item_count"], row["amount_minor"])
        for row in asked(three, "what_needs_a_person")
        if row["kind"] == "payments not recognized"
    ] == [(3, 100_00)]


def test_saldo_explain_says_why_a_payment_of_nobody_waits_and_whose_it_became(store: Store) -> None:
    script = Script()
    script.captured("9", 100_00)
    script.awaits_reference("9", 100_00)
    script.captured("8", 100_00)
    project(store, script.messages)
    for subject in ("9", "re-9"):
        (row,) = asked(store, "explain", id=subject)
        assert row["posting_reference"] == "9"
        (line,) = explain.step(row)
        assert line.endswith("100.00 USD waits, names what abas does not know: no open item carries invoice RE-9")
    assert asked(store, "explain", id="8") == ()
    written = len(script.messages)
    script.identified("9", 100_00)
    project(store, script.messages[written:])
    rows = asked(store, "explain", id="9")
    assert [row["what"] for row in rows] == ["PaymentAwaitsReference", "PaymentIdentified"]
    assert explain.step(rows[1])[0].endswith("100.00 USD belongs to customer 70001")


def test_days_without_a_value_date_are_days_of_the_merchants_zone(store: Store) -> None:
    """Midnight in London is the evening before in Los Angeles. A changed setting moves the views at the next start."""
    seen = datetime(2026, 11, 29, 0, 30, tzinfo=UTC)
    late = Script()
    late.write(PAYMENTS, unrecognized("7", 70_00, seen))
    late.write(PAYMENTS, example("PaymentAuthorized", paytrace_transaction_id="8", occurred_at=seen))
    # A document whose payment nobody knows: the day on which it was seen is all there is.
    late.now = seen
    late.posted("6", 60_00)
    project(store, late.messages)

    def days() -> set[str]:
        (opened,) = store.rows("SELECT toString(opened_on) FROM fct_payments WHERE paytrace_transaction_id = '8'")
        (booked,) = store.rows("SELECT toString(value_on) FROM rpt_money WHERE paytrace_transaction_id = '6'")
        (waits,) = store.rows("SELECT toString(waiting_on) FROM rpt_unrecognized_now")
        shown = {str(row["day"]) for row in asked(store, "bridge_by_day") if row["unrecognized_minor"] == 70_00}
        return {*opened, *booked, *waits, *shown}

    try:
        assert days() == {"2026-11-28"}
        assert migrate(store, day_zone="Europe/London") == ()
        assert days() == {"2026-11-29"}
    finally:
        migrate(store)


def test_no_sql_names_a_zone() -> None:
    """The zone of business days is one setting; SQL gets it, and UTC is the only zone that it may name itself."""
    root = Path(tables.__file__).parents[1]
    files = [*root.rglob("*.sql"), *root.rglob("row.py")]
    assert len(files) > 50
    zones = available_timezones() - {"UTC"}
    named = {
        (str(path.relative_to(root)), zone)
        for path in files
        for zone in zones
        if f"'{zone}'" in path.read_text("utf-8")
    }
    assert named == set()
