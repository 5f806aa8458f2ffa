"""What risk reads of the real records, and what a backtest compares."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from app.cli import build, operators
from app.cli.risk import HELD
from app.operators.risk import Gathered, backtest, held
from schemas.records.payments import TransactionKind, TransactionStatus
from streams.domain.risk.facts import PaymentFact
from streams.domain.risk.policy import Outcome
from streams.rules.risk import SUGGESTED_RULES, read_risk_rules
from tests.support.examples import example

AT = datetime(2026, 11, 20, 18, 0, tzinfo=UTC)
ZONE = ZoneInfo("America/Los_Angeles")


def seen(number: str, **other: Any) -> Any:
    record = replace(
        example("TransactionObserved"),
        paytrace_transaction_id=number,
        merchant="main",
        kind=TransactionKind.SALE,
        status=TransactionStatus.PENDING_SETTLEMENT,
        amount_minor=4_200,
        currency="USD",
        card_last_four="1111",
        vault_customer_id=None,
        customer_reference=None,
        invoice_number="7",
        avs_response="No Match",
        csc_response="",
        created_at=AT,
        observed_at=AT,
        raw_amount=None,
        unreadable=None,
        raw='{"billing_address":{"country":"US","zip":"85284"}}',
    )
    return replace(record, **other)


def facts(*records: Any) -> list[PaymentFact]:
    found = Gathered()
    for record in records:
        found.take(record)
    return found.facts()


def test_the_first_observation_counts_in_any_order() -> None:
    first = seen("1", status=TransactionStatus.AUTHORIZED)
    later = seen(
        "1",
        amount_minor=3_000,
        status=TransactionStatus.SETTLED,
        observed_at=AT + timedelta(days=1),
        csc_response="Match",
    )
    by_order = {tuple(facts(*records)) for records in itertools.permutations([first, later, later])}
    ((fact,),) = by_order
    assert (fact.amount_minor, fact.avs, fact.csc, fact.billing_country) == (4_200, "No Match", "Match", "US")
    assert fact.card
    assert "1111" not in fact.card


def test_a_void_by_rule_is_no_payment_and_a_bank_line_none_at_all() -> None:
    voided = seen("1", status=TransactionStatus.VOIDED_BY_RULE, observed_at=AT + timedelta(seconds=5))
    (fact,) = facts(
        voided, seen("1"), seen("2", kind=TransactionKind.BANK_TRANSFER), seen("3", unreadable="created: x")
    )
    assert (fact.payment_id, fact.is_approved) == ("1", False)


def test_order_vault_customer_and_link_say_more() -> None:
    order = example("OrderPlaced")
    named = order.transactions[0].paytrace_transaction_id
    vault = replace(example("VaultCustomerObserved"), merchant="main", vault_customer_id="v1", place_digest="p1")
    link = replace(example("RefundLinked"), paytrace_transaction_id=named, refund_transaction_id="9")
    refund = seen("9", kind=TransactionKind.REFUND, vault_customer_id="v1")
    of_order, of_vault = sorted(facts(order, vault, link, refund, seen(named)), key=lambda one: one.is_refund)
    assert (of_order.customer, of_order.address) == (order.customer_key, order.place_digest or "")
    assert (of_order.shipping_country, of_order.order) == (order.shipping_country, "7")
    assert (of_vault.customer, of_vault.address, of_vault.refund_of) == ("vault/main/v1", "p1", named)


def test_a_backtest_compares_with_other_rules() -> None:
    shipped = read_risk_rules(SUGGESTED_RULES.read_text(), "shipped")
    text = "version: 2\nrules:\n  - {name: n, kind: answers, then: reject, avs: [No Match], why: w}\n"
    text += "  - {name: t, kind: card_testing, then: hold, by: merchant, within: 1h, small_minor: {EUR: 5}, "
    text += "declines: 1, why: w}\n"
    own = read_risk_rules(text, "own")
    day_before = seen("0", created_at=AT - timedelta(days=1), invoice_number="8")
    found = backtest(
        facts(day_before, seen("1"), seen("2", avs_response="")), own, shipped, date(2026, 11, 20), None, ZONE
    )
    assert [one.fact.payment_id for one in held(found.after)] == ["1"]
    changed = {after.fact.payment_id: (before.outcome, after.outcome) for before, after in found.changed}
    assert changed == {"1": (Outcome.PASS, Outcome.REJECT), "2": (Outcome.HOLD, Outcome.PASS)}
    assert (found.known["card"], found.known["customer"]) == (2, 0)
    assert found.silent == [("t", "USD")]


@pytest.mark.parametrize("as_json", [False, True])
def test_a_schedule_hears_of_what_does_not_pass(as_json: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Gathered()
    for record in (seen("1"), seen("2", card_last_four="2222"), seen("3", created_at=AT + timedelta(minutes=3))):
        found.take(record)
    monkeypatch.setattr(operators, "on_the_log", lambda *_: (found, "version: 1\nrules: []\n"))
    words = ["risk", "backtest", "--rules", str(SUGGESTED_RULES), "--fail-on-hold", *(["--json"] if as_json else [])]
    failed = CliRunner().invoke(build(), words)
    assert failed.exit_code == HELD
    if as_json:
        (line,) = failed.stdout.splitlines()
        (duplicate, _) = sorted(json.loads(line)["findings"], key=lambda one: one["rule"], reverse=True)
        assert duplicate["evidence"] == ["1"]
    else:
        assert "charged-twice: 42.00 USD again 3m after the same amount (limit: once within 10m)" in failed.stdout
        assert failed.stdout.splitlines()[-1] == "held or rejected: 1, 42.00 USD"
    fine = CliRunner().invoke(build(), [*words, "--to", "2026-11-19"])
    assert fine.exit_code == 0


def test_check_reads_what_ships_and_names_what_is_wrong(tmp_path: Path) -> None:
    fine = CliRunner().invoke(build(), ["risk", "check", str(SUGGESTED_RULES)])
    assert fine.exit_code == 0
    assert "version 2 can be used" in fine.output
    wrong = tmp_path / "risk.yaml"
    wrong.write_text("version: 1\nrules: [{name: a, kind: velocity, then: hold, why: b, by: card, within: 1h}]\n")
    refused = CliRunner().invoke(build(), ["risk", "check", str(wrong)])
    assert "at_most: is missing; write at_most, at_most_minor or both" in str(refused.exception)
