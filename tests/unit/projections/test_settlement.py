"""The deposit bridge in SQL: what the agent's rules said is what the reports answer, to the cent and by id."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.cli.explain import step
from projections.store.client import Store
from schemas.records.identification import Movement
from schemas.records.settlement import ProcessorEntryKind
from schemas.topic import Topic
from tests.support.policies import DEPOSITS
from tests.support.projecting import asked, project
from tests.support.scripted import Script
from tests.support.settlement import (
    Account,
    bank,
    batch,
    confirm,
    day,
    dismiss,
    disputed_money,
    entry,
    reported,
    settled,
    statement,
    unmatch,
)

NOW = datetime(2026, 11, 25, 20, 0, tzinfo=UTC)


@pytest.fixture
def account(store: Store) -> Account:
    """Days with every term of the bridge, reported and projected."""
    account = Account()
    account.report(
        settled("1", 100_00, 0, 17), settled("2", 20_00, 0, 17, movement=Movement.REFUNDED), batch(17, 80_00, 0)
    )
    account.report(entry("f1", 1_50, 0, ProcessorEntryKind.FEE, 17), bank("b1", 78_50, 1, 17), bank("rent", -5_00, 1))
    account.report(settled("3", 50_00, 1, 18), batch(18, 50_00, 1), disputed_money("CB", 10_00, 1))
    account.report(entry("r1", 4_00, 2, ProcessorEntryKind.RESERVE_HELD), bank("b2", 49_00, 2, 18), statement(2))
    account.report(dismiss("rent"), confirm("b2", "3:CAPTURED", minute=1), statement(3), settled("4", 1_00, 4))
    script = Script()
    for event in account.events:
        script.write(Topic.SETTLEMENT_EVENTS, event)
    project(store, script.messages)
    return account


def test_every_day_says_what_its_agent_stated(store: Store, account: Account) -> None:
    found = {row["day"]: row for row in asked(store, "deposit_days")}
    for number, stated in account.days.items():
        row = found[day(number).isoformat()]
        assert row["status"] == ("CLOSED" if stated.is_closed else "NOT CLOSED")
        assert int(row["residual_minor"]) == 0
        assert int(row["opening_minor"]) == stated.opening_minor
        assert int(row["closing_minor"]) == stated.closing_minor == stated.in_transit_minor - stated.unexplained_minor
        assert -int(row["deposited_minor"]) == stated.deposited_minor
    assert found[day(4).isoformat()]["status"] == "RUNNING"
    assert found[day(0).isoformat()]["captured_minor"] == 100_00
    assert found[day(1).isoformat()]["charged_back_minor"] == -10_00


def test_the_lines_of_a_day_lead_from_its_opening_to_its_closing_and_name_their_records(
    store: Store, account: Account
) -> None:
    rows = [row for row in asked(store, "deposit_bridge") if row["day"] == day(2).isoformat()]
    by_line = {row["line"]: (int(row["amount_minor"]), row["ids"]) for row in rows}
    assert by_line["deposited"] == (-49_00, ["b2"])
    assert by_line["reserve"] == (-4_00, ["r1"])
    between = sum(amount for line, (amount, _) in by_line.items() if line not in OUTSIDE)
    assert by_line["opening"][0] + between == by_line["closing"][0]
    assert by_line["closing"][0] == by_line["in transit"][0] + by_line["unexplained"][0]
    assert by_line["residual"] == (0, [])
    assert rows[0]["line"] == "opening"


OUTSIDE = {"opening", "closing", "in transit", "unexplained", "residual"}


def test_breaks_show_what_waits_and_vanish_when_an_operator_explains_them(store: Store, account: Account) -> None:
    assert asked(store, "deposit_breaks") == ()
    account.report(unmatch("b2", 9))
    script = Script()
    for event in account.events:
        script.write(Topic.SETTLEMENT_EVENTS, event)
    project(store, script.messages)
    (row,) = asked(store, "deposit_breaks")
    assert (row["id"], row["status"], row["reason"]) == ("b2", "break", "DIFFERENCE_IS_NO_FEE")
    assert int(row["difference_minor"]) == 1_00


@pytest.mark.parametrize("subject", ["b2", "3:CAPTURED", "3"])
def test_a_bank_line_explains_itself_by_its_id_by_a_line_and_by_a_payment_that_it_pays_out(
    store: Store, account: Account, subject: str
) -> None:
    steps = asked(store, "explain", id=subject)
    assert [step["what"] for step in steps] == ["DepositBreakFound", "DepositMatched"]
    assert {step["posting_reference"] for step in steps} == {"bank line b2"}
    lines = [step(row)[0] for row in steps]
    assert "49.00 USD not explained, the difference is no fee that is known" in lines[0]
    assert "49.00 USD explained, by maria, by rule operator: 3:CAPTURED (looked it up)" in lines[1]


@pytest.mark.parametrize(
    ("subject", "kinds"),
    [
        ("b1", {"bank line"}),
        ("1:CAPTURED", {"bank line", "settlement line"}),
        ("17", {"bank line", "settlement line"}),
        ("CB:CHARGED_BACK", {"settlement line"}),
        ("settlement.events.v1/0/0", {"record"}),
        ("settlement.events.v1 0 0", {"record"}),
    ],
)
def test_search_finds_what_lies_between_gateway_and_bank(
    store: Store, account: Account, subject: str, kinds: set[str]
) -> None:
    assert {row["kind"] for row in asked(store, "search", id=subject)} == kinds


def test_lines_that_nothing_explains_do_not_make_up_for_each_other(store: Store) -> None:
    account, script = Account(), Script()
    account.report(bank("rent", -100_00, 1), bank("gift", 100_00, 1))
    for event in account.events:
        script.write(Topic.SETTLEMENT_EVENTS, event)
    project(store, script.messages)
    (row,) = asked(store, "what_needs_a_person")
    assert (row["kind"], row["item_count"], int(row["amount_minor"])) == ("bank lines unexplained", 2, 200_00)


def test_overdue_money_is_a_break_until_a_deposit_pays_it_out(store: Store) -> None:
    account, script = Account(), Script()
    account.report(settled("1", 100_00, 0, 17), settled("2", 10_00, 12))
    for event in account.events:
        script.write(Topic.SETTLEMENT_EVENTS, event)
    project(store, script.messages)
    (row,) = asked(store, "deposit_breaks")
    assert (row["status"], row["amount_minor"], row["suggested_ids"]) == ("overdue", 100_00, ["1:CAPTURED"])
    for event in account.report(bank("b1", 100_00, 12), confirm("b1", "1:CAPTURED")):
        script.write(Topic.SETTLEMENT_EVENTS, event)
    project(store, script.messages)
    assert asked(store, "deposit_breaks") == ()


def test_drill_down_names_every_record_of_a_day(store: Store, account: Account) -> None:
    rows = asked(store, "lines_of_a_deposit_day", day=day(0).isoformat())
    assert {row["id"]: int(row["amount_minor"]) for row in rows} == {
        "1:CAPTURED": 100_00,
        "2:REFUNDED": -20_00,
        "f1": -1_50,
    }


def test_a_rest_is_a_term_of_the_bridge_waits_for_a_person_and_leaves_when_it_is_explained(store: Store) -> None:
    account = Account(policy=DEPOSITS)
    account.report(settled("1", 100_00, 0), reported("PO-1", 1, gross=100_00, net=100_00))
    account.report(settled("9", 30_00, 1), reported("PO-2", 1, gross=30_00, net=30_00))
    account.report(bank("b1", 99_00, 2, deposit="PO-1"), statement(3))
    _projected(store, account)
    days = {row["day"]: row for row in asked(store, "deposit_days")}
    assert int(days[day(2).isoformat()]["rest_minor"]) == -1_00
    assert {int(row["residual_minor"]) for row in days.values()} == {0}
    (row,) = [row for row in asked(store, "deposit_breaks") if row["status"] == "rest"]
    assert (row["id"], int(row["amount_minor"])) == ("b1", 1_00)
    needed = {row["kind"]: int(row["amount_minor"]) for row in asked(store, "what_needs_a_person")}
    assert needed["rests of deposits"] == 1_00
    found = asked(store, "deposits_due", day=day(3).isoformat())
    assert [(row["deposit_id"], int(row["in_transit_minor"])) for row in found] == [("PO-2", 30_00)]
    found = asked(store, "deposits_due", day=day(1).isoformat())
    assert [row["deposit_id"] for row in found] == ["PO-1", "PO-2"]
    account.report(entry("rent", 1_00, 4, ProcessorEntryKind.FEE, deposit="PO-1"), statement(5))
    _projected(store, account)
    assert [row for row in asked(store, "deposit_breaks") if row["status"] == "rest"] == []
    assert {int(row["residual_minor"]) for row in asked(store, "deposit_days")} == {0}


def _projected(store: Store, account: Account) -> None:
    script = Script()
    for event in account.events:
        script.write(Topic.SETTLEMENT_EVENTS, event)
    project(store, script.messages)
