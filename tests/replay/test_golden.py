"""Each golden scenario, twice: what the rules say today is what the files say, with restarts and without."""

from __future__ import annotations

import pytest

from streams.rules.catalogue import KINDS
from tests.replay.golden import ROOT, read, reported
from tests.replay.line import Run, run
from tests.replay.scenarios import SCENARIOS

NAMES = sorted(path.parent.name for path in ROOT.glob("*/input.jsonl"))

# What each scenario is about, beside its files: the documents that abas must hold at its end.
DOCUMENTS = {
    "chargeback_after_posting": ["LHKJDHBCFIICMCB", "LHMEGBNAGLCJGDA", "PT79388123"],
    "chargeback_that_flips": ["LHKJDHBCFIICMCB", "LJOFNPAIHLHMGPJ", "LNKEJCHEOBGOILD", "PT79388123"],
    "dispute_lost_after_its_deadline_then_won": [
        "LHKJDHBCFIICMCB",
        "LNKEJCHEOBGOILD",
        "PT79388123",
        "PT79388123L1",
        "PT79388123L1U1",
    ],
    "ach_cleared_then_returned": ["PT79388123", "PT79388123N"],
    "amount_differs": ["PT79388123"],
    "clock_of_paytrace_days_ahead": ["PT79388123"],
    "deposit_of_a_batch": ["LBOENKIGMJJENLI", "PT79388123", "PT9001"],
    "divided_by_hand_and_put_on_account": [
        "PT2",
        "PT79388123S1",
        "PT79388123S2",
        "PT79388123S3",
        "PT79388123V",
        "PT79388123V-2",
        "PT79388123V-3",
    ],
    "refunds_against_credit_memos": [
        "PT79388123",
        "PT9001",
        "PT9002",
        "PT9002V",
        "PT9003S1",
        "PT9003S2S1",
        "PT9003S2S2",
    ],
    "money_on_account_by_rule": [
        "PT2",
        "PT2P1",
        "PT2P2",
        "PT79388123S1",
        "PT79388123S2",
        "PT79388123S2P1",
        "PT79388123S2P1U1",
        "PT79388123V",
        "PT79388123V-2",
    ],
    "invoices_that_look_like_card_numbers": ["PT1", "PT2"],
    "duplicated_and_reordered": ["PT79388123", "PT9001"],
    "paid_in_another_currency": [],
    "one_payment_of_two_invoices_then_refunded": ["PT2S1", "PT2S2", "PT9001S1", "PT9001S2"],
    "partial_refund_after_settlement": ["PT79388123", "PT9001"],
    "repeated_refunds": ["PT79388123", "PT9001", "PT9002", "PT9003"],
    "assigned_and_remembered": ["PT1", "PT2"],
    "rates_known_asked_for_and_corrected": [],
    "refund_requested_at_abas_that_a_second_person_approves": [],
    "reassigned_after_posting": ["PT79388123", "PT79388123A1", "PT79388123U1", "PT79388123V"],
    "refund_found_by_its_card": ["PT2", "PT79388123", "PT9001", "PT9002"],
    "refunds_without_payment": ["PT79388123", "PT9001", "PT9002"],
    "run_of_subscription_declined_tried_again_and_paid": ["PT503"],
    "sale_posted": ["PT79388123"],
    "seen_four_weeks_late": ["PT79388123", "PT79388123A1", "PT79388123U1", "PT9001"],
    "vault_customer_known_late": ["PT1"],
    "short_payment_confirmed_and_rest_written_off": ["PT79388123", "PT79388123W1"],
    "three_part_payments_of_one_invoice": ["PT1", "PT2", "PT3"],
    "tie": [],
    "tie_rejected_in_part": [],
    "two_people_decide_at_once": ["PT79388123"],
    "unknown_invoice_then_known": ["PT79388123"],
    "unreadable_until_it_settled": ["PT79388123"],
    "void_after_posting": ["PT79388123", "PT79388123V"],
    "voided_by_rule_103": [],
    "held_by_rules_of_risk_and_released": ["PT1", "PT2"],
    "rules_adopted_between_two_decisions": ["PT2", "PT79388123", "PT79388123W1"],
    "write_off_that_a_second_person_approves": ["PT79388123", "PT79388123W1"],
    "write_off_reversed": ["PT2", "PT79388123", "PT79388123W1", "PT79388123W1U1"],
    "wrong_match_unmatched": ["PT79388123", "PT79388123U1"],
}


async def played(name: str, *, restarts: bool) -> Run:
    return await run(read(ROOT / name / "input.jsonl"), restarts=restarts)


@pytest.mark.parametrize("name", NAMES)
async def test_events_and_commands_are_those_of_the_files(name: str) -> None:
    found = await played(name, restarts=False)
    assert found.events == read(ROOT / name / "events.jsonl")
    assert found.commands == read(ROOT / name / "commands.jsonl")
    assert list(found.documents) == DOCUMENTS[name]


@pytest.mark.parametrize("name", NAMES)
async def test_a_second_run_differs_in_no_byte_though_every_task_starts_again_and_again(name: str) -> None:
    once, again = await played(name, restarts=False), await played(name, restarts=True)
    assert once.records == again.records
    assert once.states == again.states


@pytest.mark.parametrize("name", NAMES)
async def test_nothing_is_parked_and_each_command_is_given_once(name: str) -> None:
    found = await played(name, restarts=True)
    assert not [line for line in found.events if line["type"] == "RecordParked"]
    documents = [line["record"] for line in found.commands if line["type"] == "PostDocument"]
    references = [document["posting_reference"] for document in documents]
    assert len(references) == len(set(references))


async def test_decisions_before_an_adoption_are_by_the_old_rules_and_those_after_by_the_new() -> None:
    found = await played("rules_adopted_between_two_decisions", restarts=True)
    by_type = {name: [one["record"] for one in found.events if one["type"] == name] for name in
               ("DecisionRefused", "DecisionTaken", "PaymentMatched", "RulesRefused", "RulesAccepted")}  # fmt: skip
    (refused,) = by_type["DecisionRefused"]
    assert "above the limit of 10.00 USD for one invoice (limits version 1)" in refused["refused_because"]
    assert [one["decision"] for one in by_type["DecisionTaken"]] == ["CONFIRM", "WRITE_OFF"]
    assert [one["rule_version"] for one in by_type["PaymentMatched"]] == [2, 3]
    assert len(by_type["RulesAccepted"]) == len(KINDS) + 2
    assert [one["refusal"] for one in by_type["RulesRefused"]] == [
        "version 2 is in force; raise the version of this text above it"
    ]


async def test_repeats_and_another_order_end_in_the_same_documents_as_the_tidy_story() -> None:
    tidy = await played("partial_refund_after_settlement", restarts=False)
    messy = await played("duplicated_and_reordered", restarts=False)
    assert _money(messy) == _money(tidy)


def test_the_files_report_the_scenarios_of_today() -> None:
    assert NAMES == sorted(DOCUMENTS) == sorted(scenario.__name__ for scenario in SCENARIOS)
    for scenario in SCENARIOS:
        assert reported(scenario()) == read(ROOT / scenario.__name__ / "input.jsonl")


def _money(found: Run) -> set[tuple[str, int]]:
    documents = [line["record"] for line in found.commands]
    return {(one["posting_reference"], line["amount_minor"]) for one in documents for line in one["lines"]}
