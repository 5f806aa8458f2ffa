"""Every report answers, in every format, and says in words what it asks."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow.parquet as pq
import pytest
from rich.console import Console

from projections.reports import questions
from projections.reports.days import Days
from projections.store.client import Store
from projections.store.errors import QueryRefused
from schemas.records.identification import IdentificationReviewed, Movement, ReferenceRemembered, WaitingReason
from schemas.records.receivables import EntryDirection, EntryHandedOver, PostingRequested
from schemas.topic import Topic
from tests.support.erp_data import customer
from tests.support.examples import example
from tests.support.projecting import asked, fill, project
from tests.support.scripted import IDENTIFICATION, IDENTIFICATION_INBOX, RECEIVABLES, Script
from tests.support.settlement import Account, bank, batch, settled

ALERTS_EVENTS, APPROVALS_EVENTS = "alerts.events.v1", "approvals.events.v1"
NOW = datetime(2026, 11, 25, 20, 0, tzinfo=UTC)
VALUES = {
    "paytrace_transaction_id": "1",
    "id": "1",
    "kind": "invoice",
    "number": "RE-1",
    "abas_customer_id": "70001",
    "day": "2026-03-02",
    "month": "2026-03-02",
    "file": "5e1c0f7a",
    "shop_order": "main/1203",
    "ids": "1",
    "minors": "12500",
    "settlement_account": "main/USD",
}

NOTHING_OF_IT_THAT_DAY = {
    "alerts",
    "bank_transfers",
    "came_in",
    "case_notes",
    "closed_periods",
    "contested_payers",
    "customer_links",
    "customer_values",
    "days_to_cash",
    "decisions_about",
    "declines",
    "deposits_due",
    "documents_about",
    "expiring_cards",
    "handed_to_finance",
    "known_rates",
    "next_steps",
    "order_of",
    "orders",
    "orders_without_payment",
    "payment_methods",
    "payment_requests",
    "payments_about",
    "payments_that_do_not_balance",
    "payments_without_order",
    "records_about",
    "refunds_that_came_back",
    "remembered_payers",
    "risk_holds",
    "risk_outcomes",
    "schedule_runs",
    "shared_cards",
    "subscription_attempts",
    "subscription_runs",
    "subscriptions",
    "unapplied_cash",
    "unreadable_records",
}

# Its rows are the limits of the networks, whatever happened.
NAMES_LIMITS = {"ach_return_rates"}


@pytest.fixture
def day(engine: Store) -> Store:
    """One payment posted, one waiting, one parked, one refunded in part, in two currencies."""
    script = Script()
    script.open_item("1", 125_00)
    script.open_item("9", 77_00)
    script.captured("1", 125_00)
    script.identified("1", 125_00)
    script.matched("1", 125_00)
    script.requested("1", 125_00)
    script.command("1", 125_00)
    script.wait(hours=2)
    script.posted("1", 125_00)
    script.entry_posted("1", 125_00)
    script.open_item("1", 125_00, open_minor=0)
    script.open_item("8", -20_00)
    script.wait(hours=10)
    script.write(RECEIVABLES, write_off_requested())
    script.write(RECEIVABLES, example("MatchSuggested", posting_reference="1", paytrace_transaction_id="7"))
    for event in proposal("P1", ended=True):
        script.write(APPROVALS_EVENTS, event)
    script.captured("2", 50_00)
    script.identified("2", 50_00)
    script.waiting("2", 50_00, WaitingReason.AMOUNT_DIFFERS)
    script.captured("3", 30_00)
    script.parked(IDENTIFICATION, [m for m in script.messages if m.topic == IDENTIFICATION_INBOX][-1])
    script.currency = "JPY"
    script.captured("4", 8_000)
    script.awaits_reference("4", 8_000)
    script.refunded("5", 3_000)
    script.awaits_reference("5", 3_000, Movement.REFUNDED)
    script.write(Topic.SETTLEMENT_EVENTS, example("DepositMatchSuggested", bank_line_id="1"))
    for event in deposits():
        script.write(Topic.SETTLEMENT_EVENTS, event)
    for event in waiting_fee():
        script.write(Topic.LEDGER_ENTRIES, event)
    script.write(Topic.ERP_COMMANDS, customer("C-1"))
    for name in ("DisputeRecorded", "DisputeDeadlineNear"):
        script.write(Topic.DISPUTES_EVENTS, example(name))
    script.write(Topic.FILES, example("FileReceived"))
    script.write(Topic.DISPUTES_INBOX, example("DisputeObserved", dispute_id="1", dispute_case="main/USD/1"))
    script.write(Topic.RULES_EVENTS, example("RulesAccepted", number=1, version=1))
    script.write(Topic.RULES_EVENTS, example("RulesAccepted"))
    fill(engine, script.messages)
    return engine


def deposits() -> list[Any]:
    """A closed day, a break, a fee schedule, and money that is overdue."""
    account = Account()
    for on in range(12):
        account.report(settled(f"s{on}", 100_00 + on * 777, on, on + 1), batch(on + 1, 100_00 + on * 777, on))
        account.report(
            bank(f"b{on}", 100_00 + on * 777 - ((100_00 + on * 777) * 240 + 5_000) // 10_000, on + 1, on + 1)
        )
    account.report(settled("late", 5_00, 12), settled("last", 5_00, 30))
    return account.events


def waiting_fee() -> list[Any]:
    """An entry of the ledger whose document has no account."""
    document = {"posting_reference": "L1"}
    entry = example("JournalEntryMade", **document, kind="fee", paytrace_transaction_id="1", is_asked_for=True)
    return [entry, example("LedgerDocumentWaiting", **document)]


def proposal(proposal_id: str, *, ended: bool, expires_at: datetime = datetime(2099, 12, 31, tzinfo=UTC)) -> list[Any]:
    """A write-off that needs a second person."""
    same = {"proposal_id": proposal_id}
    proposed = example("CommandProposed", **same, amount_minor=7_50, currency="USD", expires_at=expires_at)
    return [proposed, *([example("ProposalApproved", **same)] if ended else [])]


def contested() -> IdentificationReviewed:
    """A vault customer that became known late names another customer."""
    return IdentificationReviewed(
        payment_token="payment:1",
        paytrace_transaction_id="1",
        abas_customer_id="70001",
        identified_by="invoice:RE-1",
        token="vault:acme",
        abas_customer_ids=("70002",),
        agrees=False,
        detail="vault:acme is known by 70002",
        occurred_at=NOW,
    )


def remembered() -> ReferenceRemembered:
    """A person said for whom a reference stands."""
    return ReferenceRemembered(
        token="vault:acme", abas_customer_id="70001", decided_by="mweber", reason="letter", occurred_at=NOW
    )


def handed_over() -> EntryHandedOver:
    """A refund that finance books."""
    return EntryHandedOver(
        posting_reference="PT9001",
        paytrace_transaction_id="9001",
        abas_customer_id="70001",
        direction=EntryDirection.REVERSAL,
        amount_minor=1_00,
        currency="USD",
        decided_by="mweber",
        reason="before our time",
        occurred_at=NOW,
    )


def write_off_requested() -> PostingRequested:
    """A person gives up the rest of an invoice."""
    return PostingRequested(
        document_kind="write_off",
        direction=EntryDirection.NONE,
        posting_reference="PT9W1",
        paytrace_transaction_id="9",
        abas_customer_id="70001",
        abas_open_item_id="1",
        invoice_number="RE-1",
        amount_minor=50,
        currency="USD",
        text="freight",
        lines=(),
        mapping_version="1",
        occurred_at=NOW,
    )


@pytest.mark.parametrize("name", questions.report_names())
def test_every_report_answers_in_every_format(day: Store, name: str) -> None:
    report = questions.load(name)
    assert report.question.endswith("?")
    assert report.description
    given = {parameter.name: VALUES[parameter.name] for parameter in report.parameters if parameter.default is None}
    values = questions.values_for(report, given, day_zone="America/Los_Angeles", now=NOW)
    answer = questions.ask(day, report, values)
    assert answer.rows or name in NOTHING_OF_IT_THAT_DAY

    records = json.loads(questions.as_json(answer))
    assert records == list(answer.records)
    assert len(list(csv.DictReader(io.StringIO(questions.as_csv(answer))))) == len(records)
    table = pq.read_table(io.BytesIO(questions.as_parquet(day, report, values)))
    assert table.num_rows == len(records)
    console = Console(file=io.StringIO(), width=400)
    console.print(questions.as_table(answer, title=report.question))
    assert isinstance(console.file, io.StringIO)
    assert report.question in console.file.getvalue()


def test_the_bridge_closes_in_each_currency(day: Store) -> None:
    jpy, usd = asked(day, "bridge_by_currency")
    assert (usd["currency"], usd["captured_minor"], usd["captured"], usd["posted"], usd["waiting"], usd["parked"]) == (
        "USD",
        205_00,
        "205.00",
        "125.00",
        "50.00",
        "30.00",
    )
    assert (jpy["captured"], jpy["refunded"], jpy["waiting"]) == ("8000", "3000", "5000")
    assert [row["residual_minor"] for row in (jpy, usd)] == [0, 0]
    assert asked(day, "payments_that_do_not_balance") == ()


def test_days_are_business_days_of_the_merchant(day: Store) -> None:
    """The second capture is at 00:00 in Los Angeles, a day after the first; in UTC both are on other days."""
    days = {row["day"] for row in asked(day, "bridge_by_day")}
    assert days == {"2026-11-20", "2026-11-21"}
    assert all(row["residual_minor"] == 0 for row in asked(day, "bridge_by_day"))


def test_a_payment_counts_on_its_business_day_whenever_it_was_seen_and_posted(store: Store) -> None:
    """A payment of 1 November that was seen on the 20th and posted on the 22nd."""
    script = Script(value_on=date(2026, 11, 1))
    script.captured("1", 125_00)
    script.identified("1", 125_00)
    script.requested("1", 125_00)
    script.wait(days=2)
    script.posted("1", 125_00)
    script.entry_posted("1", 125_00)
    project(store, script.messages)
    (bridge,) = asked(store, "bridge_by_day")
    assert (bridge["day"], bridge["captured_minor"], bridge["posted_minor"]) == ("2026-11-01", 125_00, 125_00)
    assert bridge["residual_minor"] == 0
    (activity,) = asked(store, "activity_by_day_method_and_state")
    assert (activity["day"], activity["payment_count"]) == ("2026-11-01", 1)
    requested = [row for row in asked(store, "explain", id="1") if row["what"] == "PostingRequested"]
    assert [row["value_on"] for row in requested] == ["2026-11-01"]
    story = asked(store, "story_of_one_payment", paytrace_transaction_id="1")
    assert any("value date 2026-11-01" in str(row["what"]) for row in story)


def test_a_document_asked_for_with_another_day_opens_both_days(store: Store) -> None:
    """Nothing forces the day of a document onto the day of its payment: a wrong one shows."""
    script = Script(value_on=date(2026, 11, 1))
    script.captured("1", 125_00)
    script.identified("1", 125_00)
    script.value_on = date(2026, 11, 20)
    script.requested("1", 125_00)
    script.posted("1", 125_00)
    project(store, script.messages)
    residuals = {row["day"]: row["residual_minor"] for row in asked(store, "bridge_by_day")}
    assert residuals == {"2026-11-01": 125_00, "2026-11-20": -125_00}


def test_what_is_left_open_is_named(store: Store) -> None:
    script = Script()
    script.captured("1", 100)
    script.identified("1", 100)
    script.requested("1", 100)
    script.posted("1", 90)
    project(store, script.messages)
    (row,) = asked(store, "payments_that_do_not_balance")
    assert (row["paytrace_transaction_id"], row["residual"]) == ("1", "0.10")


def test_what_people_decided_about_payers_and_refunds_is_listed(store: Store) -> None:
    script = Script()
    script.captured("1", 100_00)
    script.identified("1", 100_00)
    script.refunded("9001", 1_00)
    script.identified("9001", 1_00, Movement.REFUNDED)
    script.write(IDENTIFICATION, contested())
    script.write(IDENTIFICATION, remembered())
    script.write(RECEIVABLES, handed_over())
    project(store, script.messages)
    (contest,) = asked(store, "contested_payers")
    assert (contest["abas_customer_id"], contest["named_customer_ids"]) == ("70001", ["70002"])
    (link,) = asked(store, "remembered_payers")
    assert (link["reference"], link["abas_customer_id"], link["decided_by"]) == ("vault:acme", "70001", "mweber")
    (over,) = asked(store, "handed_to_finance")
    assert (over["posting_reference"], over["signed"]) == ("PT9001", "-1.00")
    (usd,) = asked(store, "bridge_by_currency")
    assert (usd["refunded"], usd["handed_over"]) == ("1.00", "-1.00")


def test_waiting_is_reported_with_reason_and_age(day: Store) -> None:
    rows = {
        (row["status"], row["reason"], row["currency"]): row
        for row in asked(day, "posted_waiting_parked_and_for_how_long")
    }
    assert rows["posted", "cash_receipt", "USD"]["median_hours"] == 2
    assert rows["waiting", "AMOUNT_DIFFERS", "USD"]["longest_hours"] == 108
    assert rows["waiting", "REFERENCE_UNKNOWN", "JPY"]["amount"] == "5000"
    assert rows["parked", "Boom", "USD"]["item_count"] == 1


def test_open_items_are_those_still_open(day: Store) -> None:
    (item,) = asked(day, "open_items")
    assert (item["invoice_number"], item["open"], item["overdue_days"]) == ("RE-9", "77.00", 0)
    (late,) = asked(day, "open_items", today="2026-12-11")
    assert late["overdue_days"] == 10


def test_an_item_without_a_due_date_is_overdue_nobody_knows_how_long(store: Store) -> None:
    script = Script()
    script.open_item("7", 50_00)
    script.open_item("8", 30_00, due_on=None)
    project(store, script.messages)
    known, unknown = asked(store, "open_items", today="2026-12-11")
    assert (known["overdue_days"], known["due_on"]) == (10, "2026-12-01")
    assert (unknown["overdue_days"], unknown["due_on"]) == (None, None)
    (customer,) = asked(store, "ageing", today="2026-12-11")
    aged = {name: customer[name] for name in ("open", "not_yet_due", "overdue_1_to_30", "due_date_unknown")}
    assert aged == {"open": "80.00", "not_yet_due": "0.00", "overdue_1_to_30": "50.00", "due_date_unknown": "30.00"}
    assert customer["oldest_days"] == 10
    (undue,) = asked(store, "ageing", today="2026-11-30")
    assert (undue["not_yet_due"], undue["due_date_unknown"]) == ("50.00", "30.00")


def test_the_story_goes_from_the_observation_to_the_document(day: Store) -> None:
    story = asked(day, "story_of_one_payment", paytrace_transaction_id="1")
    assert [row["record_type"] for row in story] == [
        "TransactionObserved",
        "PaymentToIdentify",
        "PaymentCaptured",
        "PaymentIdentified",
        "PaymentIdentified",
        "MovementRecorded",
        "PaymentMatched",
        "PostingRequested",
        "PostDocument",
        "DocumentPosted",
        "DocumentPosted",
        "EntryPosted",
        "JournalEntryMade",
    ]
    assert all(row["source_topic"] and row["source_offset"] is not None for row in story)
    assert "ZE-1" in str(story[-2]["what"])
    assert "fee: clearing 12500, unapplied -12500" in str(story[-1]["what"])


def test_the_story_of_a_parked_payment_reports_why(day: Store) -> None:
    story = asked(day, "story_of_one_payment", paytrace_transaction_id="3")
    assert [row["record_type"] for row in story][-2:] == ["DeadLetter", "RecordParked"]
    assert "cannot decide" in str(story[-1]["what"])


def test_money_in_parquet_is_exact(day: Store) -> None:
    report = questions.load("bridge_by_currency")
    table = pq.read_table(io.BytesIO(questions.as_parquet(day, report, {})))
    assert table.column("captured").to_pylist() == [Decimal("8000.0000"), Decimal("205.0000")]
    assert table.column("captured_minor").to_pylist() == [8_000, 205_00]


def test_a_missing_or_unknown_parameter_is_named() -> None:
    story = questions.load("story_of_one_payment")
    with pytest.raises(QueryRefused, match="needs paytrace_transaction_id"):
        questions.values_for(story, {}, day_zone="UTC", now=NOW)
    with pytest.raises(QueryRefused, match="no parameter 'colour'"):
        questions.values_for(story, {"colour": "red"}, day_zone="UTC", now=NOW)
    with pytest.raises(LookupError, match="bridge_by_day"):
        questions.load("../tables/fct_parked/table")


def test_a_parameter_is_data_and_never_sql(day: Store) -> None:
    assert asked(day, "story_of_one_payment", paytrace_transaction_id="' OR 1 = 1 --") == ()


def test_what_needs_a_person_is_counted_by_kind_and_currency(day: Store) -> None:
    rows = {(row["kind"], row["currency"]): row for row in asked(day, "what_needs_a_person")}
    money = {
        key: (row["item_count"], row["amount_minor"]) for key, row in rows.items() if "deposits" not in str(key[0])
    }
    breaks = [row for row in asked(day, "deposit_breaks") if row["status"] != "overdue"]
    assert money == {
        ("money waits", "USD"): (1, 50_00),
        ("money waits", "JPY"): (2, 5_000),
        ("records parked", "USD"): (1, 30_00),
        ("disputes to answer", "USD"): (1, 100_00),
        ("ledger documents waiting", "USD"): (1, 125_00),
        ("bank lines unexplained", "USD"): (len(breaks), sum(int(str(row["amount_minor"])) for row in breaks)),
    }
    overdue = [row for row in asked(day, "deposit_breaks") if row["status"] == "overdue"]
    assert rows["deposits overdue", "USD"]["item_count"] == len(overdue) > 0


def test_a_bank_line_that_nothing_explains_needs_a_person(store: Store) -> None:
    account = Account()
    account.report(bank("rent", 600_00, 1))
    script = Script()
    for event in account.events:
        script.write(Topic.SETTLEMENT_EVENTS, event)
    project(store, script.messages)
    (row,) = asked(store, "what_needs_a_person")
    assert (row["kind"], row["currency"], row["item_count"], row["amount_minor"]) == (
        "bank lines unexplained",
        "USD",
        1,
        600_00,
    )


def test_alerts_show_who_took_them_on_and_what_ended_them(store: Store) -> None:
    script = Script()
    for number, ends in enumerate(((), ("AlertAcknowledged",), ("AlertAcknowledged", "AlertClosed"))):
        alert = {"alert_id": f"A{number}"}
        script.write(ALERTS_EVENTS, example("AlertOpened", **alert))
        script.write(ALERTS_EVENTS, example("AlertRepeated", **alert, severity="URGENT", amount_minor=1_00))
        for name in ends:
            script.write(ALERTS_EVENTS, example(name, **alert))
    project(store, script.messages)
    found = [(row["alert_id"], row["status"], row["severity"], row["amount_minor"]) for row in asked(store, "alerts")]
    assert sorted(found[:2]) == [("A0", "open", "URGENT", 1_00), ("A1", "acknowledged", "URGENT", 1_00)]
    assert found[2:] == [("A2", "closed", "URGENT", 1_00)]
    (row,) = [row for row in asked(store, "what_needs_a_person") if row["kind"] == "alerts open"]
    assert row["item_count"] == 1


def test_an_open_proposal_needs_a_second_person_until_it_is_decided_or_expires(store: Store) -> None:
    script = Script()
    for event in (
        *proposal("P1", ended=False),
        *proposal("P2", ended=True),
        *proposal("P3", ended=False, expires_at=datetime(2026, 11, 21, tzinfo=UTC)),
    ):
        script.write(APPROVALS_EVENTS, event)
    project(store, script.messages)
    assert {row["proposal_id"]: (row["status"], row["decided_by"]) for row in asked(store, "proposals")} == {
        "P1": ("open", ""),
        "P2": ("approved", "dkim"),
        "P3": ("expired", ""),
    }
    (row,) = asked(store, "what_needs_a_person")
    assert (row["kind"], row["currency"], row["item_count"], row["amount_minor"]) == ("proposals open", "USD", 1, 7_50)


def test_nobody_is_needed_where_nothing_waits(store: Store) -> None:
    project(store, Script().messages)
    assert asked(store, "what_needs_a_person") == ()


# -- as of, and of a period --------------------------------------------------------------------------------------------


def test_every_report_is_asked_as_of_an_instant_and_of_a_period_where_it_has_one(day: Store) -> None:
    ever, never = (Days(date(year, 1, 1), date(last, 12, 31), "UTC") for year, last in ((1950, 2250), (2300, 2301)))
    later, earlier = NOW + timedelta(days=400), datetime(2020, 1, 1, tzinfo=UTC)
    for report in map(questions.load, questions.report_names()):
        given = {p.name: VALUES[p.name] for p in report.parameters if p.default is None}
        values = questions.values_for(report, given, day_zone="America/Los_Angeles", now=NOW)
        whole = questions.ask(day, report, values)
        assert questions.ask(day, report, values, as_of=later) == whole, report.name
        before = questions.ask(day, report, values, as_of=earlier)
        if report.name not in NAMES_LIMITS:
            assert not any(value for row in before.rows for value in row if isinstance(value, int)), report.name
        if report.period is None:
            with pytest.raises(QueryRefused, match=r"has no period.* bridge_by_day"):
                questions.ask(day, report, values, days=ever)
            continue
        place = whole.columns.index(report.period)
        held = questions.ask(day, report, values, days=ever)
        assert held.rows == tuple(row for row in whole.rows if row[place] is not None), report.name
        assert questions.ask(day, report, values, days=never).rows == ()


def test_a_period_holds_in_parquet_too(day: Store) -> None:
    report = questions.load("write_offs")
    values = questions.values_for(report, {}, day_zone="UTC", now=NOW)
    for year, count in ((2026, len(questions.ask(day, report, values).rows)), (1999, 0)):
        days = Days(date(year, 1, 1), date(year, 12, 31), "UTC")
        assert pq.read_table(io.BytesIO(questions.as_parquet(day, report, values, days=days))).num_rows == count


def test_as_of_shows_what_was_known_then(store: Store) -> None:
    script = Script()
    script.open_item("1", 125_00)
    script.captured("1", 125_00)
    script.identified("1", 125_00)
    script.requested("1", 125_00)
    known = datetime.fromtimestamp(script.messages[-1].timestamp_ms / 1000, UTC)
    script.wait(hours=5)
    script.posted("1", 125_00)
    script.captured("2", 50_00)
    project(store, script.messages)
    bridge = questions.load("bridge_by_currency")

    def row(as_of: datetime | None) -> dict[str, Any]:
        return questions.ask(store, bridge, {}, as_of=as_of).records[0]

    now, then = row(None), row(known)
    assert (now["captured_minor"], now["posted_minor"]) == (175_00, 125_00)
    assert (then["captured_minor"], then["posted_minor"], then["waiting_minor"]) == (125_00, 0, 125_00)
    assert row(None) == now, "the next question is of now again"


def test_of_adopted_rules_the_newest_of_a_name_is_in_force(day: Store) -> None:
    found = [(row["version"], row["adopted_by"], row["in_force"]) for row in asked(day, "rules_adopted")]
    assert found == [(2, "maria", True), (1, "maria", False)]
    assert not asked(day, "rules_adopted", rules_name="open-item-matching")
