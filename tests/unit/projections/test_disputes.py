"""A chargeback in the reports: a term of the bridge, money that waits, a state of the payment, a step of the story."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import reduce
from typing import Any

from app.cli.explain import step
from app.cli.waiting import show
from infra.demo.watch import OPEN_MONEY
from projections.store.client import Store
from schemas.records.disputes import DisputeFact, DisputeObserved
from schemas.records.payments import RefundLinked
from schemas.records.payments import TransactionStatus as Status
from schemas.topic import Topic
from streams.domain import disputes, payments, settlement
from tests.support.builders import observation, refund_linked
from tests.support.policies import DEPOSITS, DISPUTES, PAYMENTS
from tests.support.projecting import asked, bridge, project, residual
from tests.support.scripted import Script
from tests.support.settlement import bank, dispute

NOW = datetime(2026, 11, 25, 20, 0, tzinfo=UTC)
WON = DisputeFact.CREDITED


def of(transaction: str | None, fact: DisputeObserved) -> DisputeObserved:
    return replace(fact, paytrace_transaction_id=transaction)


def projected(store: Store, transactions: Sequence[str], *facts: Any) -> None:
    """Settled payments of 100.00 that are posted in abas, then these facts, as the agents decide them."""
    script = Script()
    states: dict[str, payments.State] = {}

    def pay(record: Any) -> None:
        key = record.paytrace_transaction_id
        events = payments.decide(states.get(key, payments.INITIAL), record, PAYMENTS)
        states[key] = reduce(payments.evolve, events, states.get(key, payments.INITIAL))
        for event in events:
            script.write(Topic.PAYMENTS_EVENTS, event)

    for key in transactions:
        pay(observation(Status.SETTLED, 100_00, payment=key))
        script.identified(key, 100_00)
        script.requested(key, 100_00)
        script.command(key, 100_00)
        script.posted(key, 100_00)
        script.entry_posted(key, 100_00)
    account = settlement.INITIAL
    cases: dict[str, disputes.State] = {}

    def settle(record: Any) -> None:
        nonlocal account
        for event in settlement.decide(account, record, DEPOSITS):
            account = settlement.evolve(account, event)
            script.write(Topic.SETTLEMENT_EVENTS, event)

    for fact in facts:
        if isinstance(fact, RefundLinked):
            pay(fact)
            continue
        if not isinstance(fact, DisputeObserved):
            settle(fact)
            continue
        case = cases.get(fact.dispute_case, disputes.INITIAL)
        for event in disputes.decide(case, fact, DISPUTES):
            cases[fact.dispute_case] = disputes.evolve(case, event)
            script.write(Topic.DISPUTES_EVENTS, event)
            for output in disputes.route(cases[fact.dispute_case], event):
                if output.topic == Topic.SETTLEMENT_INBOX:
                    settle(output.record)
                elif output.topic == Topic.PAYMENTS_OBSERVATIONS:
                    pay(output.record)
    project(store, script.messages)


def test_a_chargeback_is_gone_from_the_gateway_and_waits_until_it_is_booked_or_won(store: Store, capsys: Any) -> None:
    projected(store, ["1"], of("1", dispute("CB1", 100_00, 4)))
    assert bridge(store) == {"captured": 100_00, "posted": 100_00, "charged_back": 100_00, "waiting": -100_00}
    (row,) = asked(store, "bridge_by_currency")
    assert (row["net_minor"], row["residual_minor"], row["unexplained_minor"]) == (0, 0, 0)
    assert [day["residual_minor"] for day in asked(store, "bridge_by_day")] == [0, 0]
    assert asked(store, "payments_that_do_not_balance") == ()
    (waits,) = asked(store, "waiting_money")
    assert (waits["waits_in"], waits["reason"], waits["signed_minor"]) == ("disputes", "CHARGEBACK_NOT_BOOKED", -100_00)
    assert waits["detail"] == "dispute CB1, DEBITED, reason code 10.4, of 2026-03-06"
    (status,) = store.rows("SELECT state, charged_back_minor, net_minor, needs_attention FROM fct_payments")
    assert status == ("CHARGED_BACK", 100_00, 0, False)
    ages = asked(store, "posted_waiting_parked_and_for_how_long")
    assert [(row["place"], row["amount_minor"]) for row in ages if row["status"] == "waiting"] == [
        ("disputes", -100_00)
    ]
    show(asked(store, "waiting_with_candidates", abas_customer_id=""))
    reported = capsys.readouterr().out
    assert "1  -100.00 USD" in reported
    assert "a dispute moved money that is not booked in abas yet: dispute CB1, DEBITED, reason code 10.4" in reported


def test_what_flips_ends_with_the_last_fact(store: Store) -> None:
    facts = [of("1", dispute("CB1", 100_00, 4)), of("1", dispute("CB1", 100_00, 8, WON))]
    projected(store, ["1"], *facts)
    assert bridge(store) == {"captured": 100_00, "posted": 100_00}
    assert [day["residual_minor"] for day in asked(store, "bridge_by_day")] == [0, 0]
    assert asked(store, "waiting_money") == ()
    assert store.rows("SELECT state, net_minor FROM fct_payments") == [("SETTLED", 100_00)]


def test_a_dispute_flipped_back_takes_the_money_again_and_a_part_only_what_it_says(store: Store) -> None:
    flips = [dispute("CB1", 30_00, 4), dispute("CB1", 30_00, 8, WON), dispute("CB1", 30_00, 12)]
    projected(store, ["1"], *(of("1", fact) for fact in flips), of("1", dispute("CB2", 20_00, 12)))
    assert bridge(store) == {"captured": 100_00, "posted": 100_00, "charged_back": 50_00, "waiting": -50_00}
    assert [row["signed_minor"] for row in asked(store, "waiting_money")] == [-30_00, -20_00]
    assert store.rows("SELECT state, net_minor, needs_attention FROM fct_payments") == [
        ("PARTLY_CHARGED_BACK", 50_00, False)
    ]


def test_the_audit_of_the_books_of_both_sides_does_not_count_what_paytrace_does_not_know(store: Store) -> None:
    projected(store, ["1"], of("1", dispute("CB1", 100_00, 4)))
    assert store.rows(OPEN_MONEY) == []


def test_a_dispute_that_takes_what_was_refunded_already_is_for_a_person(store: Store) -> None:
    projected(store, ["1"], refund_linked("9", 80_00, payment="1"), of("1", dispute("CB1", 30_00, 4)))
    assert store.rows("SELECT state, needs_attention FROM fct_payments") == [("CHARGED_BACK", True)]


def test_an_unknown_payment_and_none_at_all_are_shown_and_wait(store: Store, capsys: Any) -> None:
    facts = of("404", dispute("CB1", 70_00, 4)), dispute("CB2", 5_00, 4), dispute("CB3", 5_00, 4)
    projected(store, ["1"], *facts)
    assert residual(store) == 0
    waits = {(row["reason"], row["paytrace_transaction_id"]): row for row in asked(store, "waiting_money")}
    assert {key: row["signed_minor"] for key, row in waits.items()} == {
        ("CHARGEBACK_OF_UNKNOWN_PAYMENT", "404"): -70_00,
        ("CHARGEBACK_NAMES_NO_PAYMENT", ""): -5_00,
    }
    assert store.rows("SELECT state, needs_attention FROM fct_payments WHERE paytrace_transaction_id = '404'") == [
        ("CHARGED_BACK", True)
    ]
    show(asked(store, "waiting_with_candidates", abas_customer_id=""))
    reported = capsys.readouterr().out
    assert reported.count("names no payment  -5.00 USD") == 2
    assert "dispute CB2" in reported
    assert "dispute CB3" in reported


def test_a_dispute_that_names_another_payment_later_moves_to_it(store: Store) -> None:
    facts = dispute("CB1", 100_00, 4), of("1", dispute("CB1", 100_00, 6)), of("2", dispute("CB1", 100_00, 8))
    projected(store, ["1", "2"], *facts)
    assert residual(store) == 0
    assert [(row["paytrace_transaction_id"], row["signed_minor"]) for row in asked(store, "waiting_money")] == [
        ("2", -100_00)
    ]
    assert dict(store.rows("SELECT paytrace_transaction_id, state FROM fct_payments")) == {
        "1": "SETTLED",
        "2": "CHARGED_BACK",
    }


def test_explain_reports_each_fact_by_payment_dispute_and_posting_reference(store: Store) -> None:
    projected(store, ["1"], of("1", dispute("CB1", 100_00, 4)), of("1", dispute("CB1", 100_00, 8, WON)))
    for subject in ("1", "CB1", "PT1"):
        steps = [row for row in asked(store, "explain", id=subject) if row["what"] == "DisputeRecorded"]
        assert [row["posting_reference"] for row in steps] == ["dispute CB1", "dispute CB1"]
        assert step(steps[0])[0].endswith(
            "charged back (DEBITED, reason code 10.4, of 2026-03-06, payment 1); "
            "100.00 USD is charged back now; what the ledger booked of it is in saldo report trial_balance"
        )
        assert step(steps[1])[0].endswith("of 2026-03-10, payment 1); nothing is charged back now")


def test_the_story_of_the_payment_names_the_dispute(store: Store) -> None:
    projected(store, ["1"], of("1", dispute("CB1", 100_00, 4)))
    story = asked(store, "story_of_one_payment", paytrace_transaction_id="1")
    (charged,) = [row for row in story if row["record_type"] == "PaymentChargedBack"]
    assert charged["what"] == "CB1 | DEBITED | 10.4 | 2026-03-06"


def test_a_line_whose_id_stands_for_another_one_is_a_break(store: Store) -> None:
    projected(store, [], bank("b1", 100_00, 1), bank("b1", 90_00, 1))
    (refused,) = [row for row in asked(store, "deposit_breaks") if row["status"] == "refused"]
    assert (refused["reason"], refused["id"], refused["amount_minor"]) == ("ID_USED_TWICE", "b1", 90_00)
