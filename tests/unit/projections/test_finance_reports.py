"""Reports for finance over one small story: fees, ratios, what is on its way, days to cash, and what is to come."""

from __future__ import annotations

from datetime import date

import pytest

from projections.store.client import Store
from schemas.records.payments import CaptureReversalReason, CodeKind, NextStep, PaymentMethod, TransactionStatus
from schemas.records.settlement import ProcessorEntryKind
from schemas.topic import Topic
from tests.support.examples import example
from tests.support.policies import DEPOSITS
from tests.support.projecting import asked, fill
from tests.support.scripted import Script
from tests.support.settlement import Account, bank, batch, entry, reported, settled


def settle(engine: Store, account: Account) -> None:
    """Fill the tables with what one merchant account's rules decided."""
    script = Script()
    for event in account.events:
        script.write(Topic.SETTLEMENT_EVENTS, event)
    fill(engine, script.messages)


@pytest.fixture
def month(engine: Store) -> Store:
    """Two batches, one paid out two days later less its fee; the other is on its way; an invoice is open."""
    script, account = Script(), Account()
    account.report(settled("1", 100_00, 0, 1), settled("2", 50_00, 0, 1), batch(1, 150_00, 0))
    account.report(entry("F1", 4_50, 0, ProcessorEntryKind.FEE, 1), bank("b1", 145_50, 2, 1))
    account.report(settled("3", 80_00, 3, 2), batch(2, 80_00, 3))
    for event in account.events:
        script.write(Topic.SETTLEMENT_EVENTS, event)
    script.open_item("9", 77_00)
    for payment, minor in (("1", 100_00), ("2", 50_00), ("3", 80_00), ("4", 20_00)):
        script.captured(payment, minor)
    script.refunded("5", 10_00)
    fill(engine, script.messages)
    return engine


def test_fees_are_held_against_what_was_captured(month: Store) -> None:
    (row,) = asked(month, "fees_by_month")
    assert (row["captured"], row["reported_fees"], row["kept_fees"], row["fees"]) == ("230.00", "4.50", "0.00", "4.50")
    assert row["effective_rate_bps"] == 196  # 4.50 of 230.00


def test_a_fee_that_comes_as_an_entry_after_its_deposit_counts_once(engine: Store) -> None:
    account = Account(policy=DEPOSITS)
    account.report(settled("1", 100_00, 0), reported("D1", 1, gross=100_00, fees=3_20, net=96_80))
    account.report(bank("b1", 96_80, 2, deposit="D1"), entry("F1", 3_20, 3, ProcessorEntryKind.FEE, deposit="D1"))
    settle(engine, account)
    (row,) = asked(engine, "fees_by_month")
    assert (row["reported_fees"], row["kept_fees"], row["fees"]) == ("3.20", "0.00", "3.20")


def test_what_goes_back_is_a_share_of_what_came(month: Store) -> None:
    (row,) = asked(month, "refund_and_chargeback_ratios")
    assert (row["payment_count"], row["refund_count"], row["refund_count_bps"]) == (4, 1, 2500)
    assert (row["refunded"], row["refund_amount_bps"], row["chargeback_count"]) == ("10.00", 400, 0)


def test_what_no_bank_line_paid_is_in_transit_with_its_age(month: Store) -> None:
    (row,) = asked(month, "deposits_in_transit", today="2026-03-10")
    assert (row["batch_number"], row["in_transit"], row["days"]) == (2, "80.00", 5)


def test_days_to_cash_are_weighted_by_amount(month: Store) -> None:
    (row,) = asked(month, "days_to_cash")
    assert (row["line_count"], row["paid_out"], row["mean_days"], row["longest_days"]) == (2, "150.00", 2.0, 2)


def test_the_two_bridges_are_joined_and_close(month: Store) -> None:
    rows = {row["what"]: row["amount_minor"] for row in asked(month, "clearing_reconciliation")}
    assert rows["= PayTrace holds"] == 240_00
    assert rows["- captured and not settled yet"] == -10_00  # 20.00 captured less 10.00 refunded
    assert rows["= settled, as the deposit bridge took it over"] == 230_00
    assert (rows["- fees"], rows["- deposited by the bank"], rows["= on its way to the bank"]) == (
        -4_50,
        -145_50,
        80_00,
    )
    assert rows["residual"] == 0


def test_a_line_that_the_deposit_bridge_has_otherwise_is_no_silent_gap(engine: Store) -> None:
    script, account = Script(), Account()
    account.report(settled("1", 90_00, 0, 1))
    for event in account.events:
        script.write(Topic.SETTLEMENT_EVENTS, event)
    script.captured("1", 100_00)
    fill(engine, script.messages)
    rows = {row["what"]: row["amount_minor"] for row in asked(engine, "clearing_reconciliation")}
    assert rows["- differs from what was settled"] == -10_00
    assert rows["residual"] == 0


def test_a_months_statement_goes_from_opening_to_closing(month: Store) -> None:
    march = {row["what"]: row["amount_minor"] for row in asked(month, "period_statement", month="2026-03-15")}
    assert march == {"opening": 0, "captured": 230_00, "fees": -4_50, "deposited": -145_50, "closing": 80_00}
    april = {row["what"]: row["amount_minor"] for row in asked(month, "period_statement", month="2026-04-01")}
    assert april == {"opening": 80_00, "closing": 80_00}


def test_a_statement_shows_the_rest_of_a_deposit_after_its_fees(engine: Store) -> None:
    account = Account(policy=DEPOSITS)
    account.report(settled("1", 100_00, 0), entry("F1", 3_20, 1, ProcessorEntryKind.FEE))
    account.report(reported("D1", 1, gross=100_00, fees=3_20, net=95_80), bank("b1", 95_80, 2, deposit="D1"))
    settle(engine, account)
    steps = [row["what"] for row in asked(engine, "period_statement", month="2026-03-15")]
    assert steps == ["opening", "captured", "fees", "rest", "deposited", "closing"]


def test_cash_flow_looks_back_at_the_bank_and_ahead_at_what_is_due(month: Store) -> None:
    rows = {row["day"]: row for row in asked(month, "cash_flow", today="2026-03-05")}
    assert rows["2026-03-04"]["deposited"] == "145.50"
    assert rows["2026-03-07"]["deposits_due"] == "80.00"  # settled on the 5th, two days later as the one before
    november = {row["day"]: row for row in asked(month, "cash_flow", today="2026-11-25")}
    assert november["2026-12-01"]["open_items_due"] == "77.00"
    assert november["2026-11-25"]["deposits_due"] == "80.00", "what is late is due now"


def test_declines_are_grouped_by_reason_and_what_came_later_is_named(engine: Store) -> None:
    script = Script()
    script.observed("1", 30_00, TransactionStatus.DECLINED)
    script.observed("2", 40_00, TransactionStatus.DECLINED)
    fill(engine, script.messages)
    (row,) = asked(engine, "declines")
    assert (row["declined_count"], row["declined"], row["came_later_count"]) == (2, "70.00", 0)


def test_codes_say_what_is_next_who_is_held_and_how_near_a_limit_is(engine: Store) -> None:
    script = Script()
    script.observed("1", 30_00, TransactionStatus.DECLINED)
    found = example(
        "NextStepFound",
        paytrace_transaction_id="1",
        code_kind=CodeKind.DECLINE,
        code="43",
        code_class="never",
        next_step=NextStep.STOP,
    )
    script.write(Topic.PAYMENTS_EVENTS, found)
    for payment, vault in (("1", "acme"), ("2", "acme"), ("3", "beta")):
        script.write(
            Topic.GATEWAY_OUTCOMES,
            example(
                "ChargesHeld",
                subject=f"vault/{vault}",
                vault_customer_id=vault,
                paytrace_transaction_id=payment,
                code_kind=CodeKind.DECLINE,
            ),
        )
    fill(engine, script.messages)
    (row,) = asked(engine, "declines")
    assert (row["code"], row["class"], row["next_step"]) == ("43", "never", "stop")
    (step,) = asked(engine, "next_steps")
    assert (step["next_step"], bool(step["is_held"])) == ("stop", False), "held is the vault customer of the code"
    (person,) = [row for row in asked(engine, "what_needs_a_person") if row["kind"] == "charges held"]
    assert person["item_count"] == 2
    assert [
        (row["rate"], row["debit_count"], row["state"]) for row in asked(engine, "ach_return_rates", today="2026-11-30")
    ] == [
        ("unauthorised", 0, "fine"),
        ("administrative", 0, "fine"),
        ("all", 0, "fine"),
    ]
    script.write(Topic.GATEWAY_OUTCOMES, example("ChargesReleased", subject="vault/acme", vault_customer_id="acme"))
    fill(engine, script.messages)
    (person,) = [row for row in asked(engine, "what_needs_a_person") if row["kind"] == "charges held"]
    assert person["item_count"] == 1


def test_known_rates_say_who_changed_them_and_what_they_valued(engine: Store) -> None:
    script = Script()
    same = {"currency_pair": "USD/EUR", "rate_on": date(2026, 3, 4), "rate_provider": "ecb"}
    topic = Topic.RATES_EVENTS
    script.write(topic, example("RateRecorded", **same, rate="0.92"))
    answered = {**same, "rate": "0.92", "value_on": date(2026, 3, 4)}
    script.write(topic, example("RateAnswered", **answered, paytrace_transaction_id="1"))
    script.write(topic, example("RateCorrected", **same, rate="1/1.0857", previous_rate="0.92"))
    script.write(topic, example("RateAnswered", **{**answered, "rate": "1/1.0857"}, paytrace_transaction_id="2"))
    script.command("1", 125_00)
    script.posted("1", 125_00)
    fill(engine, script.messages)
    (row,) = asked(engine, "known_rates", today="2026-03-10")
    assert (row["shown_rate"], row["previous_rate"], row["change_count"]) == ("0.921065", "0.92", 1)
    assert (row["age_days"], row["provider"], row["payment_count"], row["used_before_change"]) == (6, "ecb", 2, 1)
    assert (row["payments"], row["documents"]) == (["1", "2"], ["PT1"])


def test_what_customers_pay_into_the_bank_account_stands_apart(engine: Store) -> None:
    script = Script()
    captured = {"method": PaymentMethod.BANK_TRANSFER, "currency": "USD", "value_on": date(2026, 3, 4)}
    topic = Topic.PAYMENTS_EVENTS
    script.write(topic, example("PaymentCaptured", **captured, paytrace_transaction_id="BTA", amount_minor=90_00))
    script.write(topic, example("PaymentCaptured", **captured, paytrace_transaction_id="BTB", amount_minor=5_00))
    reason = CaptureReversalReason.ACH_RETURN
    script.write(
        topic,
        example("CaptureReversed", **captured, paytrace_transaction_id="BTB", amount_minor=5_00, reason=reason),
    )
    fill(engine, script.messages)
    states = {row["paytrace_transaction_id"]: row["state"] for row in asked(engine, "bank_transfers")}
    assert states == {"BTA": "waiting", "BTB": "returned"}
    (day,) = asked(engine, "cash_flow", today="2026-03-05")
    assert (day["transfers"], day["deposited"]) == ("90.00", "0.00")
    assert [row for row in asked(engine, "clearing_reconciliation") if row["amount_minor"]] == []
