"""Deposits that the processor reported: what is recognised leaves clearing, and the rest waits where people see it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from schemas.failures import Unreadable
from schemas.records.identification import Movement
from schemas.records.settlement import (
    BreakReason,
    DepositBreakFound,
    DepositMatched,
    DepositMatchSuggested,
    DepositReportRecorded,
    DepositRestExplained,
    DepositRestSuggested,
    DepositUnmatched,
    FeeStatementRecorded,
    ProcessorEntryKind,
    SettlementRequestRefused,
)
from streams.domain import settlement
from tests.support.policies import DEPOSITS
from tests.support.settlement import (
    Account,
    bank,
    batch,
    confirm,
    disputed_money,
    entry,
    reject,
    reported,
    settled,
    statement,
    unmatch,
)

FEE = ProcessorEntryKind.FEE


@pytest.fixture
def account() -> Account:
    return Account(policy=DEPOSITS)


def matched(account: Account) -> list[tuple[str, tuple[str, ...], int, int]]:
    """Bank line, lines, fee and rest of each match."""
    return [
        (event.bank_line_id, event.line_ids, event.fee_minor, event.rest_minor) for event in account.of(DepositMatched)
    ]


# -- what a deposit holds --------------------------------------------------------------------------------------------


def test_a_fee_that_was_told_apart_is_a_line_and_not_counted_again(account: Account) -> None:
    account.report(
        settled("P1", 100_00, 0),
        entry("f1", 3_20, 1, FEE),
        reported("D1", 1, gross=100_00, fees=3_20, net=96_80),
        bank("b1", 96_80, 2, deposit="D1"),
    )
    assert matched(account) == [("b1", ("P1:CAPTURED", "f1"), 0, 0)]


def test_a_fee_that_only_the_report_tells_is_a_fee_and_its_entry_takes_its_place_later(account: Account) -> None:
    account.report(settled("P1", 100_00, 0), reported("D1", 1, gross=100_00, fees=3_20, net=96_80))
    account.report(bank("b1", 96_80, 2, deposit="D1"))
    assert matched(account) == [("b1", ("P1:CAPTURED",), 3_20, 0)]
    account.report(entry("f1", 3_20, 3, FEE, deposit="D1"))
    told = account.of(DepositRestExplained)[0]
    assert (told.line_ids, told.records_minor, told.fee_minor, told.rest_minor) == (("f1",), -3_20, -3_20, 0)
    assert account.open_line_ids == []
    assert account.state.matches["b1"].fee_minor == 0


def test_a_fee_carries_its_tax(account: Account) -> None:
    account.report(
        settled("P1", 500_00, 0),
        entry("f1", 10_00, 1, FEE, tax=1_90),
        reported("D1", 1, gross=500_00, fees=10_00, tax=1_90, net=488_10),
        bank("b1", 488_10, 2, deposit="D1"),
    )
    assert matched(account) == [("b1", ("P1:CAPTURED", "f1"), 0, 0)]
    assert [
        (event.amount_minor, event.tax_minor) for event in account.events if getattr(event, "line_id", "") == "f1"
    ] == [(11_90, 1_90)]


def test_a_fee_given_back_is_a_deposit_of_its_own(account: Account) -> None:
    account.report(entry("f2", 3_20, 1, ProcessorEntryKind.FEE_GIVEN_BACK))
    account.report(reported("D2", 1, gross=0, fees=-3_20, net=3_20), bank("b2", 3_20, 2, deposit="D2"))
    assert matched(account) == [("b2", ("f2",), 0, 0)]


def test_refunds_that_exceed_captures_are_a_deposit_below_zero(account: Account) -> None:
    account.report(
        settled("P1", 40_00, 0),
        settled("R1", 100_00, 0, movement=Movement.REFUNDED),
        entry("f1", 1_46, 1, FEE),
        reported("D1", 1, gross=40_00, refunds=100_00, fees=1_46, net=-61_46),
        bank("b1", -61_46, 2, deposit="D1"),
    )
    assert matched(account) == [("b1", ("P1:CAPTURED", "R1:REFUNDED", "f1"), 0, 0)]


def test_what_the_report_puts_into_other_categories_is_the_rest_and_each_is_named(account: Account) -> None:
    account.report(
        settled("P1", 1200_00, 0),
        disputed_money("X1", 300_00, 0),
        settled("R0", 210_00, 0, movement=Movement.REFUND_VOIDED),
        entry("f1", 100_00, 0, FEE),
    )
    others = {"corrections": 0, "grant": -550_00, "repayment": 600_00, "other": -10_00, "transfer": -150_00}
    report = reported(
        "D2", 0, gross=1200_00, chargebacks=300_00, refunds=-210_00, fees=100_00, others=others, net=900_00
    )
    account.report(report, bank("b1", 900_00, 1, deposit="D2"))
    (found,) = account.of(DepositMatched)
    assert (found.records_minor, found.rest_minor) == (1010_00, 110_00)
    told = " ".join(found.evidence)
    assert "net -110.00 USD in categories without an account: corrections 0.00 USD, grant -550.00 USD" in told
    assert account.of(DepositReportRecorded)[0].difference_minor == 0


def test_a_report_whose_parts_are_not_its_net_says_so(account: Account) -> None:
    account.report(settled("P1", 100_00, 0), reported("D1", 1, gross=100_00, net=98_00))
    assert account.of(DepositReportRecorded)[0].difference_minor == -2_00
    account.report(bank("b1", 98_00, 2, deposit="D1"))
    (found,) = account.of(DepositMatched)
    assert found.rest_minor == 2_00
    assert "deposit D1: its parts come to 100.00 USD, its net is 98.00 USD" in found.evidence


def test_the_oldest_days_are_paid_first_and_older_refunds_and_fees_with_them(account: Account) -> None:
    account.report(settled("R1", 30_00, 0, movement=Movement.REFUNDED), disputed_money("X1", 70_00, 10))
    account.report(
        entry("f1", 15_00, 10, ProcessorEntryKind.CHARGEBACK_FEE), settled("P8", 10_00, 64), settled("P9", 10_00, 65)
    )
    report = reported("D2", 65, gross=10_00, refunds=30_00, chargebacks=70_00, fees=15_00, net=-105_00)
    account.report(report, bank("b1", -105_00, 66, deposit="D2"))
    assert matched(account) == [("b1", ("P8:CAPTURED", "R1:REFUNDED", "X1:CHARGED_BACK", "f1"), 0, 0)]
    assert account.open_line_ids == ["P9:CAPTURED"]


def test_a_line_waits_for_payments_that_its_report_counts_and_nobody_has_told_yet(account: Account) -> None:
    account.report(reported("D1", 1, gross=150_00, net=150_00), bank("b1", 150_00, 2, deposit="D1"))
    account.report(settled("P1", 100_00, 0))
    broken = account.of(DepositBreakFound)[-1]
    assert broken.reason is BreakReason.REPORT_DIFFERS
    assert not account.of(DepositMatched)
    account.report(settled("P2", 50_00, 0))
    assert matched(account) == [("b1", ("P1:CAPTURED", "P2:CAPTURED"), 0, 0)]


def test_a_deposit_that_nobody_reported_is_explained_by_sums_or_waits(account: Account) -> None:
    account.report(bank("b1", 100_00, 1, deposit="D1"))
    assert account.of(DepositBreakFound)[0].reason is BreakReason.DEPOSIT_UNKNOWN
    account.report(settled("P1", 100_00, 0), statement(1))
    assert matched(account) == [("b1", ("P1:CAPTURED",), 0, 0)]


def test_a_line_that_names_nothing_is_the_one_reported_deposit_of_its_amount_or_waits(account: Account) -> None:
    account.report(settled("P1", 75_00, 0), entry("f1", 75, 0, FEE), reported("D1", 1, gross=75_00, fees=75, net=74_25))
    account.report(bank("b1", 74_25, 2))
    assert account.of(DepositMatched)[0].deposit_id == "D1"
    account.report(settled("P2", 75_00, 3), settled("P3", 75_00, 3))
    account.report(
        reported("D2", 4, gross=75_00, net=75_00), reported("D3", 4, gross=75_00, net=75_00), bank("b2", 75_00, 5)
    )
    broken = account.of(DepositBreakFound)[-1]
    assert (broken.reason, broken.detail) == (BreakReason.SEVERAL_WAYS, "equal candidates: D2, D3")
    assert account.open_line_ids == ["P2:CAPTURED", "P3:CAPTURED"]


# -- files -----------------------------------------------------------------------------------------------------------


def test_the_same_report_again_changes_nothing_and_a_corrected_one_counts(account: Account) -> None:
    first = reported("D1", 1, gross=99_00, net=99_00, file="a")
    assert len(account.report(first, first, reported("D1", 1, gross=99_00, net=99_00, file="b", seen=4))) == 1
    account.report(reported("D1", 1, gross=100_00, net=100_00, file="c", seen=5))
    assert account.report(reported("D1", 1, gross=99_00, net=99_00, file="a", seen=6)) == []
    # Never recorded, since it said nothing new; brought again it counts from its first reading.
    assert account.report(reported("D1", 1, gross=99_00, net=99_00, file="b", seen=4)) == []
    assert account.state.reports["D1"].reported.net_minor == 100_00


def test_a_report_of_a_day_that_lies_ahead_or_in_another_currency_is_refused(account: Account) -> None:
    with pytest.raises(Unreadable, match="lies ahead"):
        account.report(reported("D1", 30, gross=1, net=1, seen=1))


# -- several bank lines ----------------------------------------------------------------------------------------------


def test_a_deposit_may_come_in_parts(account: Account) -> None:
    account.report(settled("P1", 1500_00, 0), reported("D1", 1, gross=1500_00, net=1500_00))
    account.report(bank("b1", 1000_00, 2, deposit="D1"))
    (first,) = account.of(DepositMatched)
    assert (first.records_minor, first.carried_minor, first.rest_minor) == (1000_00, 500_00, 0)
    assert account.state.in_transit_minor == 500_00
    account.report(bank("b2", 500_00, 3, deposit="D1"), statement(4))
    assert account.state.in_transit_minor == 0
    assert account.days[3].is_closed
    account.report(unmatch("b1"))
    assert "unmatch those first" in account.of(SettlementRequestRefused)[0].refusal
    account.report(unmatch("b2", 1), unmatch("b1", 2))
    assert account.open_line_ids == ["P1:CAPTURED"]
    assert sum(event.records_minor for event in account.of(DepositUnmatched)) == 1500_00


def test_a_third_line_of_a_deposit_that_has_come_waits(account: Account) -> None:
    account.report(settled("P1", 100_00, 0), reported("D1", 1, gross=100_00, net=100_00))
    account.report(bank("b1", 100_00, 2, deposit="D1"), bank("b2", 100_00, 2, deposit="D1"))
    assert [event.bank_line_id for event in account.of(DepositMatched)] == ["b1"]
    assert "have brought all of it" in account.of(DepositBreakFound)[0].detail


# -- the rest --------------------------------------------------------------------------------------------------------


def with_rest(account: Account) -> None:
    """A fee of 1.00 that nobody named is missing in D1."""
    account.report(settled("P1", 100_00, 0), entry("f1", 3_20, 1, FEE))
    account.report(reported("D1", 1, gross=100_00, fees=3_20, net=96_80), bank("b1", 95_80, 2, deposit="D1"))


def test_a_rest_is_told_and_a_fee_that_names_the_deposit_explains_it(account: Account) -> None:
    with_rest(account)
    (found,) = account.of(DepositMatched)
    assert (found.records_minor, found.fee_minor, found.rest_minor) == (96_80, 0, 1_00)
    assert "deposit D1: 1.00 USD less than its parts explain" in found.evidence
    account.report(entry("rent", 1_00, 29, ProcessorEntryKind.FEE_STATEMENT, deposit="D1"))
    (explained,) = account.of(DepositRestExplained)
    assert (explained.line_ids, explained.records_minor, explained.rest_minor) == (("rent",), -1_00, 1_00)
    assert account.state.rests == {}
    assert account.open_line_ids == []


def with_counted_fee_and_rest(account: Account, rest_minor: int) -> None:
    """D1 kept a fee of 3.20 that its report says, and something else that nobody named."""
    account.report(settled("P1", 100_00, 0), reported("D1", 1, gross=100_00, fees=3_20, net=96_80))
    account.report(bank("b1", 96_80 - rest_minor, 2, deposit="D1"))
    assert matched(account) == [("b1", ("P1:CAPTURED",), 3_20, rest_minor)]


def test_a_late_fee_that_is_the_rest_to_the_cent_is_not_the_one_that_was_counted(account: Account) -> None:
    with_counted_fee_and_rest(account, 1_50)
    account.report(entry("late", 1_50, 9, FEE, deposit="D1"))
    (explained,) = account.of(DepositRestExplained)
    assert (explained.rule, explained.line_ids, explained.fee_minor, explained.rest_minor) == (
        "rest-by-late-lines", ("late",), 0, 1_50,
    )  # fmt: skip
    assert account.state.rests == {}
    account.report(entry("f1", 3_20, 10, FEE, deposit="D1"))
    told = account.of(DepositRestExplained)[1]
    assert (told.rule, told.line_ids, told.fee_minor, told.rest_minor) == ("fee-told-later", ("f1",), -3_20, 0)
    assert account.open_line_ids == []


def test_a_late_fee_that_is_no_rest_to_the_cent_is_the_one_that_was_counted(account: Account) -> None:
    with_counted_fee_and_rest(account, 1_50)
    account.report(entry("f1", 3_20, 9, FEE, deposit="D1"))
    assert account.of(DepositRestExplained)[0].rule == "fee-told-later"
    account.report(entry("late", 1_50, 10, FEE, deposit="D1"))
    assert account.of(DepositRestExplained)[1].rule == "rest-by-late-lines"
    assert account.state.rests == {}


def test_a_late_fee_that_may_be_the_rest_or_the_counted_one_is_for_a_person(account: Account) -> None:
    with_counted_fee_and_rest(account, 3_20)
    account.report(entry("f", 3_20, 9, FEE, deposit="D1"))
    assert not account.of(DepositRestExplained)
    (suggested,) = account.of(DepositRestSuggested)
    assert "not sure: it may be the fee that was counted with its deposit" in suggested.evidence


def test_a_payment_that_comes_late_explains_a_rest_less_its_fee(account: Account) -> None:
    account.report(settled("P1", 1000_00, 0), entry("f1", 29_30, 1, FEE), reported("D1", 1, net=1013_37))
    account.report(bank("b1", 1013_37, 2, deposit="D1"))
    assert account.of(DepositMatched)[0].rest_minor == -42_67
    account.report(settled("P2", 44_10, 0, seen=7))
    (explained,) = account.of(DepositRestExplained)
    assert (explained.line_ids, explained.fee_minor, explained.rest_minor) == (("P2:CAPTURED",), 1_43, -42_67)
    account.report(entry("f2", 1_43, 8, FEE, of="P2"))
    assert account.of(DepositRestExplained)[1].fee_minor == -1_43
    assert account.state.in_transit_minor == 0


def test_two_late_payments_that_explain_a_rest_alike_are_for_a_person(account: Account) -> None:
    account.report(settled("P1", 1000_00, 0), reported("D1", 1, net=1040_00), bank("b1", 1040_00, 2, deposit="D1"))
    account.report(settled("P2", 40_90, 0, seen=6))
    assert not account.of(DepositRestExplained) or account.of(DepositRestExplained)[0].line_ids == ("P2:CAPTURED",)
    other = Account(policy=DEPOSITS)
    other.report(settled("P1", 1000_00, 0), reported("D1", 1, net=1040_00), bank("b1", 1040_00, 2, deposit="D1"))
    other.report(settled("P5", 60_00, 0, seen=5), settled("P6", 20_00, 0, seen=6, movement=Movement.REFUNDED))
    assert other.of(DepositRestExplained)[0].line_ids == ("P5:CAPTURED", "P6:REFUNDED")


def test_a_line_that_explains_two_rests_explains_none_unseen(account: Account) -> None:
    for name, on in (("D1", 0), ("D2", 1)):
        account.report(settled(f"P{name}", 1000_00, on), reported(name, on, net=1040_00))
    account.report(bank("b1", 1040_00, 2, deposit="D1"), bank("b2", 1040_00, 2, deposit="D2"))
    assert [event.rest_minor for event in account.of(DepositMatched)] == [-40_00, -40_00]
    account.report(settled("late", 40_00, 0, seen=6))
    assert not account.of(DepositRestExplained)
    first = account.of(DepositRestSuggested)[0]
    account.report(confirm("b1", "late:CAPTURED"))
    assert account.of(DepositRestExplained)[0].matched_by == "maria"
    assert first.suggestion_code
    assert list(account.state.rests) == ["b2"]


def test_a_match_with_a_rest_is_taken_apart_with_it(account: Account) -> None:
    with_rest(account)
    account.report(unmatch("b1"))
    (event,) = account.of(DepositUnmatched)
    assert (event.records_minor, event.deposit_minor, event.fee_minor, event.rest_minor) == (96_80, 95_80, 0, 1_00)
    assert account.state.rests == {}
    assert account.open_line_ids == ["P1:CAPTURED", "f1"]
    account.report(confirm("b1", "P1:CAPTURED", "f1", minute=1))
    assert account.of(DepositMatched)[-1].fee_minor == 1_00  # a person who names the lines takes what is left for a fee


def test_a_rest_that_was_explained_is_taken_apart_with_what_explained_it(account: Account) -> None:
    with_rest(account)
    account.report(entry("rent", 1_00, 5, ProcessorEntryKind.FEE, deposit="D1"), unmatch("b1"))
    (event,) = account.of(DepositUnmatched)
    assert (event.line_ids, event.records_minor, event.rest_minor) == (("P1:CAPTURED", "f1", "rent"), 95_80, 0)


def test_a_rejected_explanation_of_a_rest_is_not_suggested_again(account: Account) -> None:
    for name, on in (("D1", 0), ("D2", 1)):
        account.report(settled(f"P{name}", 1000_00, on), reported(name, on, net=1040_00))
    account.report(bank("b1", 1040_00, 2, deposit="D1"), bank("b2", 1040_00, 2, deposit="D2"))
    account.report(settled("late", 40_00, 0, seen=6))
    suggested = account.of(DepositRestSuggested)[0]
    account.report(reject("b1", "late:CAPTURED", code=suggested.suggestion_code))
    assert account.state.rests["b1"].suggested is None
    account.report(settled("other", 20_00, 0, seen=7))
    assert len([event for event in account.of(DepositRestSuggested) if event.bank_line_id == "b1"]) == 1


def test_where_people_keep_the_rest_to_themselves_the_line_is_suggested() -> None:
    account = Account()
    with_rest(account)
    assert not account.of(DepositMatched)
    suggested = account.of(DepositMatchSuggested)[0]
    assert suggested.rest_minor == 1_00
    account.report(confirm("b1", *suggested.line_ids))
    (found,) = account.of(DepositMatched)
    assert (found.deposit_id, found.fee_minor, found.rest_minor, found.matched_by) == ("D1", 0, 1_00, "maria")


def test_a_named_batch_has_a_rest_that_an_accepted_schedule_explains_and_a_great_difference_waits(
    account: Account,
) -> None:
    account.report(settled("P1", 100_00, 0, 17), batch(17, 100_00, 0), bank("b1", 97_50, 1, 17))
    assert matched(account) == [("b1", ("P1:CAPTURED",), 0, 2_50)]
    account.report(settled("P2", 100_00, 0, 18), batch(18, 100_00, 0), bank("b2", 80_00, 1, 18))
    assert account.of(DepositBreakFound)[0].reason is BreakReason.DIFFERENCE_IS_NO_FEE


# -- the bank's own charges, and statements of fees -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("movement", "settled_minor", "amount", "booked"),
    [(Movement.CAPTURED, 102_00, 100_00, 95_00), (Movement.REFUNDED, 98_00, -100_00, -105_00)],
)
def test_charges_of_the_bank_are_fees_included_or_not(
    account: Account, movement: Movement, settled_minor: int, amount: int, booked: int
) -> None:
    account.report(settled("P1", settled_minor, 0, movement=movement))
    account.report(bank("b1", amount, 2, included=2_00, excluded=5_00))
    (found,) = account.of(DepositMatched)
    assert (found.deposit_minor, found.fee_minor, found.rest_minor) == (booked, 7_00, 0)


def test_a_fee_greater_than_its_deposit_waits_and_is_told(account: Account) -> None:
    account.report(settled("P1", 10_00, 0), bank("b1", 10_00, 2, excluded=11_00), statement(3))
    (broken,) = account.of(DepositBreakFound)
    assert (broken.reason, broken.deposit_minor) == (BreakReason.FEE_TOO_LARGE, 10_00)
    assert "fee 11.00 USD is greater than its amount 10.00 USD" in broken.detail


@pytest.mark.parametrize("named", ["S1", None])
def test_a_statement_of_fees_is_paid_by_a_debit_of_its_own(account: Account, named: str | None) -> None:
    account.report(settled("P1", 500_00, 30), entry("S1", 50_00, 31, ProcessorEntryKind.FEE_STATEMENT, tax=3_50))
    assert account.of(FeeStatementRecorded)[0].fee_minor == 53_50
    account.report(bank("b1", -53_50, 31, deposit=named))
    (found,) = account.of(DepositMatched)
    assert (found.fee_statement_id, found.line_ids, found.records_minor) == ("S1", (), 0)
    assert (found.deposit_minor, found.fee_minor, found.tax_minor) == (-53_50, 53_50, 3_50)
    assert account.open_line_ids == ["P1:CAPTURED"]
    account.report(entry("S1", 50_00, 31, ProcessorEntryKind.FEE_STATEMENT, tax=3_50), unmatch("b1"))
    assert list(account.state.statements) == ["S1"]


def test_two_statements_of_one_amount_are_not_told_apart_by_chance(account: Account) -> None:
    account.report(*(entry(name, 53_50, 31, ProcessorEntryKind.FEE_STATEMENT) for name in ("S1", "S2")))
    account.report(bank("b1", -53_50, 32))
    assert account.of(DepositBreakFound)[0].detail == "candidates: S1, S2"


def test_money_that_takes_is_open_longer_than_money_that_should_have_come(account: Account) -> None:
    account.report(settled("P1", 10_00, 0), settled("R1", 5_00, 0, movement=Movement.REFUNDED), settled("P2", 1_00, 40))
    assert account.open_line_ids == ["P2:CAPTURED", "R1:REFUNDED"]
    account.report(settled("P3", 1_00, 240))
    assert account.open_line_ids == ["P3:CAPTURED"]


def test_the_day_states_its_rest(account: Account) -> None:
    with_rest(account)
    account.report(statement(3))
    stated: Any = account.days[2]
    assert (stated.rest_minor, stated.fee_minor, stated.residual_minor, stated.is_closed) == (1_00, 0, 0, True)


# -- whose deposit it is -----------------------------------------------------------------------------------------------


def test_a_bank_line_names_its_deposit_in_its_words(account: Account) -> None:
    account.report(settled("P1", 100_00, 0), replace(bank("b1", 99_00, 2), text="PAYTRACE PAYOUT-77 INC"))
    account.report(reported("PAYOUT-77", 1, gross=100_00, net=100_00))
    assert account.of(DepositMatched)[0].deposit_id == "PAYOUT-77"
    assert account.of(DepositMatched)[0].rest_minor == 1_00


def test_a_line_without_a_merchant_goes_to_nobody_and_its_candidates_are_told() -> None:
    accounts = {merchant: Account(policy=DEPOSITS) for merchant in ("A", "B", "unassigned")}
    for merchant in ("A", "B"):
        report = replace(reported(f"D{merchant}", 1, gross=75_00, net=75_00), settlement_account=f"{merchant}/USD")
        (event,) = accounts[merchant].report(report)
        (announced,) = settlement.route(accounts[merchant].state, event)
        accounts["unassigned"].report(announced.record)
    lost = accounts["unassigned"]
    assert [output for event in lost.events for output in settlement.route(lost.state, event)] == []
    lost.report(replace(bank("b1", 75_00, 2), settlement_account="unassigned/USD"))
    (broken,) = lost.of(DepositBreakFound)
    assert broken.detail.startswith("2 equal candidates: A/USD/DA, B/USD/DB")
    assert not lost.of(DepositMatched)


@pytest.mark.parametrize("net", [90_00, 1, 123_456_78, -45_00])
@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (0, 2, 1), (2, 0, 1)])
def test_a_deposit_that_the_bank_gives_back_is_on_its_way_until_it_is_paid_again(
    net: int, order: tuple[int, ...]
) -> None:
    account = Account(policy=DEPOSITS)
    account.report(settled("P1", net, 2) if net > 0 else settled("R1", -net, 2, movement=Movement.REFUNDED))
    told = reported("D1", 3, net=net, gross=net if net > 0 else 0, refunds=0 if net > 0 else -net)
    lines = (bank("b1", net, 4, deposit="D1"), bank("b2", -net, 5, deposit="D1"), bank("b3", net, 9, deposit="D1"))
    account.report(told)
    for index in order[:2]:
        account.report(lines[index])
    if 2 not in order[:2]:
        assert account.state.in_transit_minor == net
    account.report(lines[order[2]])
    assert not account.state.deposits, [one.broken for one in account.state.deposits.values()]
    assert account.state.in_transit_minor == 0
    assert sorted(event.rule for event in account.of(DepositMatched)) == sorted(
        ["deposit-by-report", "deposit-by-report", "deposit-given-back"]
    )


@pytest.mark.parametrize("back", [90_01, 1_000_00])
def test_a_debit_of_more_than_what_came_is_left_to_a_person(back: int) -> None:
    account = Account(policy=DEPOSITS)
    account.report(settled("P1", 90_00, 2), reported("D1", 3, net=90_00, gross=90_00))
    account.report(bank("b1", 90_00, 4, deposit="D1"), bank("b2", -back, 5, deposit="D1"))
    assert [one.bank_line_id for one in account.state.deposits.values()] == ["b2"]
    assert account.of(DepositBreakFound)[-1].bank_line_id == "b2"


@pytest.mark.parametrize("back", [89_99, 1, 45_00])
@pytest.mark.parametrize("net", [90_00, 123_456_78])
def test_a_part_that_the_bank_takes_of_a_deposit_is_suggested_and_is_still_to_come_once_confirmed(
    net: int, back: int
) -> None:
    account = Account(policy=DEPOSITS)
    account.report(settled("P1", net, 2), reported("D1", 3, net=net, gross=net))
    account.report(bank("b1", net, 4, deposit="D1"), bank("b2", -back, 5, deposit="D1"))
    (suggested,) = account.of(DepositMatchSuggested)
    assert (suggested.rule, suggested.line_ids, suggested.deposit_id) == ("deposit-given-back", (), "D1")
    account.report(confirm("b2", suggestion_code="WRONG"))
    assert account.state.in_transit_minor == 0
    account.report(confirm("b2", minute=1, suggestion_code=suggested.suggestion_code))
    assert account.state.in_transit_minor == back
    assert not account.state.deposits
    account.report(bank("b3", back, 9, deposit="D1"))
    assert (account.state.in_transit_minor, account.state.deposits) == (0, {})


def test_a_part_that_a_person_turns_down_is_a_break_that_says_so() -> None:
    account = Account(policy=DEPOSITS)
    account.report(settled("P1", 90_00, 2), reported("D1", 3, net=90_00, gross=90_00))
    account.report(bank("b1", 90_00, 4, deposit="D1"), bank("b2", -5_00, 5, deposit="D1"))
    code = account.of(DepositMatchSuggested)[0].suggestion_code
    account.report(reject("b2", code=code))
    assert "all of it" in account.of(DepositBreakFound)[-1].detail
    assert len(account.of(DepositMatchSuggested)) == 1
