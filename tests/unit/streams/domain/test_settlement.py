"""Rules of the settlement context: what a deposit pays out, what is a break, and when a day closes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from schemas.failures import Unreadable
from schemas.records.disputes import DisputeMovement
from schemas.records.identification import Movement
from schemas.records.payments import PaymentMethod
from schemas.records.settlement import (
    BankLineDismissed,
    BreakReason,
    CardTypeObserved,
    CardTypeRecorded,
    DepositBreakFound,
    DepositMatched,
    DepositMatchSuggested,
    DepositMissing,
    DepositUnmatched,
    FeeScheduleAccepted,
    FeeScheduleProposed,
    ProcessorEntryKind,
    SettlementLineRefused,
    SettlementLinesSetAside,
    SettlementRequestRefused,
)
from streams.domain import settlement
from tests.support.settlement import (
    Account,
    accept,
    bank,
    batch,
    confirm,
    day,
    dismiss,
    disputed_money,
    entry,
    folded,
    names,
    noon,
    reject,
    settled,
    statement,
    unmatch,
)


@pytest.fixture
def account() -> Account:
    return Account()


# -- explained deposits ----------------------------------------------------------------------------------------------


def test_a_deposit_that_names_its_complete_batch_is_explained_and_the_day_closes(account: Account) -> None:
    account.report(settled("1", 100_00, 0, 17), settled("2", 50_00, 0, 17), batch(17, 150_00, 0))
    events = account.report(bank("b1", 150_00, 1, 17), statement(1))
    assert names(events) == ["SettlementDayStated", "SettlementLineRecorded", "DepositMatched", "SettlementDayStated"]
    matched = account.of(DepositMatched)[0]
    assert (matched.line_ids, matched.rule, matched.fee_minor) == (
        ("1:CAPTURED", "2:CAPTURED"),
        "deposit-by-batch-key",
        0,
    )
    assert all(reported.is_closed and reported.residual_minor == 0 for reported in account.days.values())
    assert account.days[0].in_transit_minor == 150_00
    assert account.days[1].closing_minor == 0
    assert account.open_line_ids == []


def test_a_refund_in_the_batch_is_taken_out_of_its_deposit(account: Account) -> None:
    refund = settled("9", 30_00, 0, 17, movement=Movement.REFUNDED)
    account.report(settled("1", 100_00, 0, 17), refund, batch(17, 70_00, 0), bank("b1", 70_00, 1, 17))
    assert account.of(DepositMatched)[0].line_ids == ("1:CAPTURED", "9:REFUNDED")


def test_without_a_batch_number_the_only_days_that_fit_to_the_cent_are_found(account: Account) -> None:
    account.report(settled("1", 100_00, 0), settled("2", 41_17, 0), settled("3", 99_99, 1), bank("b1", 141_17, 1))
    assert account.of(DepositMatched)[0].line_ids == ("1:CAPTURED", "2:CAPTURED")
    assert account.open_line_ids == ["3:CAPTURED"]


def test_an_exact_sum_among_few_lines_is_sure_and_among_many_a_suggestion() -> None:
    few, many = Account(), Account()
    few.report(*(settled(str(n), amount, 0) for n, amount in enumerate((123_45, 678_90, 555_55, 1_000_00))))
    few.report(bank("b1", 123_45 + 555_55, 1))
    assert few.of(DepositMatched)[0].line_ids == ("0:CAPTURED", "2:CAPTURED")
    many.report(*(settled(str(n), 100_03 * 3**n % 90_001, 0) for n in range(16)))
    many.report(bank("b1", sum(100_03 * 3**n % 90_001 for n in (1, 4, 9)), 1))
    assert not many.of(DepositMatched)
    assert many.of(DepositMatchSuggested) or many.of(DepositBreakFound)[0].reason is BreakReason.SEVERAL_WAYS


def test_two_deposits_of_one_amount_are_never_distinguished_by_chance(account: Account) -> None:
    account.report(bank("b1", 100_00, 1), bank("b2", 100_00, 1), settled("1", 100_00, 0), settled("2", 100_00, 1))
    account.report(statement(1))
    assert not account.of(DepositMatched)
    assert account.of(DepositMatchSuggested) or account.of(DepositBreakFound)


@pytest.mark.parametrize(("one", "other"), [(20_29, 13_00), (1, 33_28), (1_000_00, 7)])
def test_a_batch_whose_sum_another_payment_has_alone_is_a_suggestion(account: Account, one: int, other: int) -> None:
    whole = one + other
    account.report(settled("1", one, 2, 7), settled("2", other, 2, 7), batch(7, whole, 2))
    account.report(settled("3", whole, 2, method=PaymentMethod.ACH))
    events = account.report(bank("b1", whole, 4))
    assert not [event for event in events if isinstance(event, DepositMatched)]
    # The line that names the batch takes it, and then only one explanation is left.
    account.report(bank("b2", whole, 4, 7))
    found = {event.bank_line_id: event.line_ids for event in account.of(DepositMatched)}
    assert found == {"b1": ("3:CAPTURED",), "b2": ("1:CAPTURED", "2:CAPTURED")}


def test_several_sets_that_fit_are_a_break(account: Account) -> None:
    account.report(*(settled(str(n), 100_00, 0, n + 1) for n in range(3)), bank("b1", 200_00, 1))
    broken = account.of(DepositBreakFound)[0]
    assert broken.reason is BreakReason.SEVERAL_WAYS
    assert (broken.open_count, broken.open_minor) == (3, 300_00)


def test_a_batch_of_last_time_round_is_another_batch(account: Account) -> None:
    account.report(settled("1", 100_00, 0, 17), batch(17, 100_00, 0))
    account.report(settled("2", 70_00, 5, 17), batch(17, 70_00, 5), bank("b1", 70_00, 6, 17))
    assert account.of(DepositMatched)[0].line_ids == ("2:CAPTURED",)


def test_the_last_line_of_a_batch_lets_its_deposit_be_explained(account: Account) -> None:
    account.report(settled("1", 100_00, 0, 17), batch(17, 150_00, 0), bank("b1", 150_00, 1, 17))
    broken = account.of(DepositBreakFound)[0]
    assert (broken.reason, broken.difference_minor) == (BreakReason.BATCH_INCOMPLETE, 50_00)
    events = account.report(settled("2", 50_00, 0, 17))
    assert names(events) == ["SettlementLineRecorded", "DepositMatched"]


def test_the_batch_may_be_stated_last(account: Account) -> None:
    account.report(bank("b1", 100_00, 1, 17), settled("1", 100_00, 0, 17))
    assert account.of(DepositBreakFound)[0].reason is BreakReason.BATCH_UNKNOWN
    account.report(batch(17, 100_00, 0))
    assert account.of(DepositMatched)[0].line_ids == ("1:CAPTURED",)


def test_a_statement_that_contradicts_its_list_explains_nothing(account: Account) -> None:
    account.report(settled("1", 100_00, 0, 17), batch(17, 100_00, 0, is_consistent=False), bank("b1", 100_00, 1, 17))
    assert account.of(DepositBreakFound)[0].reason is BreakReason.BATCH_INCOMPLETE


def test_lines_of_a_batch_that_another_deposit_names_are_left_to_it(account: Account) -> None:
    account.report(settled("1", 100_00, 0, 17), batch(17, 120_00, 0), bank("b1", 120_00, 1, 17), bank("b2", 100_00, 1))
    assert {broken.bank_line_id: broken.reason for broken in account.of(DepositBreakFound)} == {
        "b1": BreakReason.BATCH_INCOMPLETE,
        "b2": BreakReason.NO_RECORDS,
    }


def test_a_sum_far_from_a_bank_line_is_no_explanation_of_it(account: Account) -> None:
    """RENT 100.00 beside 217,492.81 of open money: it stays unexplained, all of it, and says what is open."""
    account.report(settled("1", 150_000_00, 0), settled("2", 67_492_81, 0), bank("b1", 100_00, 1))
    broken = account.of(DepositBreakFound)[-1]
    assert (broken.reason, broken.difference_minor) == (BreakReason.NOTHING_NEAR, 100_00)
    assert (broken.open_count, broken.open_minor) == (2, 217_492_81)
    assert broken.detail == (
        "no days, batch or sum of open lines comes within 10 % of it; open are 2 lines, 217492.81 USD in all"
    )


@pytest.mark.parametrize(
    ("deposit_minor", "reason", "difference_minor"),
    [
        (91_00, BreakReason.DIFFERENCE_IS_NO_FEE, 9_00),
        (110_00, BreakReason.DIFFERENCE_IS_NO_FEE, -10_00),
        (90_00, BreakReason.NOTHING_NEAR, 90_00),
        (112_00, BreakReason.NOTHING_NEAR, 112_00),
        (-100_00, BreakReason.NOTHING_NEAR, -100_00),
    ],
)
def test_the_closest_sum_is_named_within_a_tenth_of_the_bank_line(
    account: Account, deposit_minor: int, reason: BreakReason, difference_minor: int
) -> None:
    account.report(settled("1", 100_00, 0), bank("b1", deposit_minor, 1))
    broken = account.of(DepositBreakFound)[-1]
    assert (broken.reason, broken.difference_minor) == (reason, difference_minor)


def test_a_chargeback_that_the_bank_books_alone_is_found_by_its_amount(account: Account) -> None:
    account.report(settled("1", 100_00, 0, 17), batch(17, 100_00, 0), bank("b1", 100_00, 1, 17))
    account.report(disputed_money("CB1", 100_00, 4), bank("b2", -100_00, 5))
    assert account.of(DepositMatched)[1].line_ids == ("CB1:CHARGED_BACK",)
    account.report(disputed_money("CB1", -100_00, 8), bank("b3", 100_00, 9), statement(9))
    assert account.days[9].closing_minor == 0
    assert account.days[9].is_closed


def test_an_ach_return_is_taken_out_of_the_deposit_of_its_day(account: Account) -> None:
    cleared = settled("a1", 80_00, 1, method=PaymentMethod.ACH)
    returned = settled("a0", 30_00, 1, method=PaymentMethod.ACH, movement=Movement.RETURNED)
    account.report(cleared, returned, bank("b1", 50_00, 2))
    assert account.of(DepositMatched)[0].line_ids == ("a0:RETURNED", "a1:CAPTURED")


def test_an_ach_debit_that_clears_and_comes_back_within_a_day_makes_no_break(account: Account) -> None:
    cleared = settled("a1", 80_00, 1, method=PaymentMethod.ACH)
    returned = settled("a1", 80_00, 1, method=PaymentMethod.ACH, movement=Movement.RETURNED)
    account.report(settled("1", 100_00, 1), settled("2", 41_17, 1), cleared, returned, bank("b1", 141_17, 2))
    (matched,) = account.of(DepositMatched)
    assert matched.line_ids == ("1:CAPTURED", "2:CAPTURED", "a1:CAPTURED", "a1:RETURNED")
    assert matched.rule == "deposit-by-whole-days"
    assert "cancel each other out" in matched.evidence[-1]
    assert account.open_line_ids == []


# -- fees ------------------------------------------------------------------------------------------------------------


def test_a_fee_that_the_processor_reports_is_a_line_like_any_other(account: Account) -> None:
    account.report(settled("1", 100_00, 0, 17), batch(17, 100_00, 0), entry("f1", 2_55, 0, ProcessorEntryKind.FEE, 17))
    account.report(bank("b1", 97_45, 1, 17), statement(1))
    matched = account.of(DepositMatched)[0]
    assert (matched.line_ids, matched.fee_minor, matched.schedule_version) == (("1:CAPTURED", "f1"), 0, "none")


def test_a_reserve_is_held_and_released_in_the_bridge(account: Account) -> None:
    account.report(settled("1", 100_00, 0, 17), batch(17, 100_00, 0))
    account.report(entry("r1", 10_00, 0, ProcessorEntryKind.RESERVE_HELD, 17), bank("b1", 90_00, 1, 17))
    account.report(entry("r2", 10_00, 6, ProcessorEntryKind.RESERVE_RELEASED), bank("b2", 10_00, 6), statement(6))
    assert account.days[0].new_by_kind == {"CAPTURED": 100_00, "RESERVE_HELD": -10_00}
    assert account.days[6].closing_minor == 0


def fee_of(amount_minor: int) -> int:
    return (amount_minor * 240 + 5_000) // 10_000 + 15


def with_fees(account: Account, days: int) -> None:
    for on in range(days):
        amounts = [10_00 + 137 * on, 77_10 + 411 * on % 5_000, 300_00 - 17 * on * on][: 1 + on % 3]
        account.report(*(settled(f"{on}-{n}", amount, on, on + 1) for n, amount in enumerate(amounts)))
        account.report(batch(on + 1, sum(amounts), on))
        account.report(bank(f"b{on}", sum(amounts) - sum(map(fee_of, amounts)), on + 1, on + 1))


def test_fees_are_learned_from_keyed_deposits_proposed_and_explain_nothing_before_they_are_accepted(
    account: Account,
) -> None:
    with_fees(account, 12)
    assert not account.of(DepositMatched)
    assert {broken.reason for broken in account.of(DepositBreakFound)} == {BreakReason.DIFFERENCE_IS_NO_FEE}
    proposed = account.of(FeeScheduleProposed)[-1]
    assert (proposed.rate_bps_by_card_type, proposed.per_item_by_card_type) == ({"CARD": 240}, {"CARD": 15})
    assert not any(reported.is_closed for on, reported in account.days.items() if on > 0)

    account.report(accept(proposed.version), statement(12))
    assert len(account.of(DepositMatched)) == 12
    assert all(abs(one.fee_minor - one.expected_fee_minor) <= 2 for one in account.of(DepositMatched))
    assert all(reported.is_closed and reported.residual_minor == 0 for reported in account.days.values())
    assert account.of(FeeScheduleAccepted)[0].requested_by == "maria"


def test_a_fee_outside_the_tolerance_of_the_schedule_is_a_break(account: Account) -> None:
    with_fees(account, 12)
    account.report(accept(account.of(FeeScheduleProposed)[-1].version))
    account.report(
        settled("x", 100_00, 20, 99), batch(99, 100_00, 20), bank("bx", 100_00 - fee_of(100_00) - 5_00, 21, 99)
    )
    broken = account.of(DepositBreakFound)[-1]
    assert (broken.bank_line_id, broken.reason) == ("bx", BreakReason.DIFFERENCE_IS_NO_FEE)
    assert broken.difference_minor == 5_00


def test_card_types_get_rates_of_their_own(account: Account) -> None:
    account.report(settled("1", 100_00, 0, 17))
    reported = CardTypeObserved(
        settlement_account="main/USD", paytrace_transaction_id="1", card_type="AMEX", observed_at=noon(0), raw="{}"
    )
    assert names(account.report(reported, reported)) == [CardTypeRecorded.__name__]
    assert account.state.lines()["1:CAPTURED"].card_type == "AMEX"


# -- operators -------------------------------------------------------------------------------------------------------


def test_a_confirmed_difference_is_booked_in_the_name_of_the_operator(account: Account) -> None:
    account.report(settled("1", 100_00, 0, 17), batch(17, 100_00, 0), bank("b1", 97_00, 1, 17))
    events = account.report(confirm("b1", "1:CAPTURED"))
    matched = events[0]
    assert (matched.matched_by, matched.reason, matched.fee_minor) == ("maria", "looked it up", 3_00)
    account.report(statement(1))
    assert account.days[1].is_closed
    assert account.report(confirm("b1", "1:CAPTURED")) == []


def test_a_suggestion_is_confirmed_as_it_was_shown(account: Account) -> None:
    account.report(bank("b1", 100_00, 1), bank("b2", 100_00, 1), settled("1", 100_00, 0), statement(1))
    suggested = account.of(DepositMatchSuggested)[-1]
    assert "name the lines" in account.report(confirm(suggested.bank_line_id, minute=5))[0].refusal
    shown = confirm(suggested.bank_line_id, *suggested.line_ids, suggestion_code=suggested.suggestion_code)
    assert names(account.report(shown))[0] == DepositMatched.__name__


def test_a_suggestion_that_changed_is_neither_confirmed_nor_rejected(account: Account) -> None:
    account.report(bank("b1", 100_00, 1), bank("b2", 100_00, 1), settled("1", 100_00, 0), statement(1))
    stands = account.of(DepositMatchSuggested)[-1]
    line, code = stands.bank_line_id, stands.suggestion_code
    account.report(settled("2", 100_00, 9))
    before = account.state
    for minute, request in enumerate(
        (
            confirm(line, "1:CAPTURED", minute=1, suggestion_code="22222"),
            confirm(line, "2:CAPTURED", minute=2, suggestion_code=code),
            reject(line, "1:CAPTURED", minute=3, code="22222"),
            reject(line, "2:CAPTURED", minute=4, code=code),
            reject(line, minute=5),
        )
    ):
        (refused,) = account.report(request)
        assert "is gone or has changed" in refused.refusal, minute
        assert f"suggested now: {code} (1 line, 100.00 USD, difference 0.00 USD)" in refused.refusal
    assert replace(account.state, answered={}) == replace(before, answered={})
    assert names(account.report(reject(line, "1:CAPTURED", minute=6, code=code)))[0] == "DepositMatchRejected"


def test_the_second_operator_reads_what_the_first_decided(account: Account) -> None:
    account.report(settled("1", 100_00, 0, 17), batch(17, 100_00, 0), bank("b1", 97_00, 1, 17), bank("rent", -9_00, 1))
    account.report(confirm("b1", "1:CAPTURED"), dismiss("rent"))
    for request in (confirm("b1", "1:CAPTURED", minute=2), reject("b1", "1:CAPTURED", minute=3), dismiss("b1", 4)):
        (refused,) = account.report(request)
        assert refused.refusal == (
            "it is matched: unmatch it first; maria matched it at 2026-05-01 00:00 UTC: looked it up"
        )
    (refused,) = account.report(dismiss("rent", 5))
    assert "dismissed as other business; maria dismissed it at 2026-05-01 00:00 UTC" in refused.refusal


def test_a_bank_line_that_is_dismissed_makes_no_other_one_sure(account: Account) -> None:
    account.report(bank("b1", 100_00, 1), bank("b2", 100_00, 1), settled("1", 100_00, 0), statement(1))
    account.report(dismiss("b1"), settled("2", 1_00, 9), statement(9))
    assert account.of(DepositMatched) == []
    (suggested,) = [line.suggested for line in account.state.deposits.values()]
    assert suggested is not None
    assert "not sure: b1 has the same amount" in suggested.evidence


def test_what_was_rejected_is_not_suggested_again(account: Account) -> None:
    account.report(bank("b1", 100_00, 1), bank("b2", 100_00, 1), settled("1", 100_00, 0), statement(1))
    suggested = account.of(DepositMatchSuggested)[-1]
    account.report(reject(suggested.bank_line_id, *suggested.line_ids), settled("2", 1_00, 9))
    last = [event for event in account.events if getattr(event, "bank_line_id", "") == suggested.bank_line_id][-1]
    assert last.reason is BreakReason.REJECTED


def test_an_unmatched_deposit_opens_its_lines_takes_back_its_fee_and_waits_for_an_operator(account: Account) -> None:
    account.report(
        settled("1", 100_00, 0, 17), batch(17, 100_00, 0), bank("b1", 97_00, 1, 17), confirm("b1", "1:CAPTURED")
    )
    account.report(statement(1), unmatch("b1", 5), statement(2))
    assert account.of(DepositUnmatched)[0].fee_minor == 3_00
    assert account.open_line_ids == ["1:CAPTURED"]
    assert account.days[2].fee_minor == -3_00
    assert not account.days[1].is_closed
    account.report(confirm("b1", "1:CAPTURED", minute=9))
    assert account.days[1].is_closed


def test_a_bank_line_of_other_business_is_dismissed_and_its_day_closes(account: Account) -> None:
    account.report(
        settled("1", 100_00, 0, 17), batch(17, 100_00, 0), bank("b1", 100_00, 1, 17), bank("rent", -900_00, 1)
    )
    account.report(statement(1))
    assert account.days[1].open_bank_line_ids == ("rent",)
    before = account.days[1]
    assert not before.is_closed
    account.report(dismiss("rent"), statement(2))
    assert account.of(BankLineDismissed)[0].deposit_minor == -900_00
    assert account.days[1].is_closed
    assert account.days[2].dismissed_minor == -900_00


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (confirm("b9", "1:CAPTURED"), "no open bank line"),
        (confirm("b1", "nothing"), "not open: nothing"),
        (confirm("b1"), "name the lines that it pays out; nothing is suggested now"),
        (confirm("b1", "1:CAPTURED", suggestion_code="22222"), "suggestion 22222 is gone or has changed"),
        (confirm("b1", "1:CAPTURED", reason=" "), "is no reason"),
        (confirm("b1", "1:CAPTURED", requested_by="rule"), "is no person"),
        (confirm("b0", "1:CAPTURED"), "unmatch it first"),
        (reject("b1"), "nothing is suggested"),
        (reject("b9"), "no open bank line"),
        (unmatch("b1"), "not matched"),
        (dismiss("b9"), "no open bank line"),
        (accept(1), "nothing is proposed"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_a_request_that_cannot_be_done_is_refused_once_and_changes_nothing(request_: object, words: str) -> None:
    account = Account()
    account.report(settled("0", 50_00, 0, 16), batch(16, 50_00, 0), bank("b0", 50_00, 1, 16))
    account.report(settled("1", 100_00, 0, 17), batch(17, 100_00, 0), bank("b1", 97_00, 1, 17))
    before = account.state
    events = account.report(request_)
    assert names(events) == [SettlementRequestRefused.__name__]
    assert words in events[0].refusal
    assert replace(account.state, answered={}) == replace(before, answered={})
    assert account.report(request_) == []


def test_a_request_about_an_account_that_nobody_knows_is_refused(account: Account) -> None:
    assert "nothing is known" in account.report(dismiss("b1"))[0].refusal


# -- days ------------------------------------------------------------------------------------------------------------


def test_a_late_line_counts_on_the_day_that_runs_and_no_past_day_changes(account: Account) -> None:
    account.report(settled("1", 100_00, 0), settled("2", 50_00, 3))
    first = account.days[0]
    account.report(settled("late", 25_00, 0), settled("3", 1_00, 4))
    assert account.days[0] == first
    assert account.days[3].new_by_kind == {"CAPTURED": 75_00}
    assert account.days[3].opening_minor == first.closing_minor


def test_money_that_no_deposit_pays_out_is_missed_and_its_day_is_not_closed_any_more(account: Account) -> None:
    account.report(settled("1", 100_00, 0, 17), batch(17, 100_00, 0), statement(0))
    before = account.days[0]
    assert before.is_closed
    account.report(settled("2", 10_00, 11))
    missing = account.of(DepositMissing)[0]
    assert (missing.batch_id, missing.line_ids, missing.open_minor) == (f"main/17/{day(0)}", ("1:CAPTURED",), 100_00)
    assert not account.days[0].is_closed
    account.report(settled("3", 10_00, 12))
    assert len(account.of(DepositMissing)) == 1
    account.report(bank("b1", 100_00, 12), confirm("b1", "1:CAPTURED"))
    assert account.days[0].is_closed


def test_money_overdue_for_weeks_leaves_the_state_and_stays_open(account: Account) -> None:
    account.report(settled("1", 100_00, 0), settled("2", 10_00, 40), settled("3", 10_00, 41))
    assert account.of(SettlementLinesSetAside)[0].open_minor == 100_00
    assert account.open_line_ids == ["2:CAPTURED", "3:CAPTURED"]
    assert account.days[40].in_transit_minor == 110_00
    assert not account.days[0].is_closed


def test_a_statement_ends_the_day_that_runs_and_repeats_end_nothing(account: Account) -> None:
    assert account.report(statement(5)) == []
    account.report(settled("1", 100_00, 0))
    assert names(account.report(statement(0), statement(0))) == ["SettlementDayStated"]


# -- repeats, strange records, bounds --------------------------------------------------------------------------------


def test_every_record_reported_twice_changes_nothing_the_second_time(account: Account) -> None:
    story = [
        settled("1", 100_00, 0, 17),
        batch(17, 100_00, 0),
        bank("b1", 97_00, 1, 17),
        entry("f1", 2_00, 1, ProcessorEntryKind.FEE),
        disputed_money("CB1", 5_00, 1),
        confirm("b1", "1:CAPTURED"),
        unmatch("b1", 3),
    ]
    for record in story:
        account.report(record)
        assert account.report(record) == []
    again = Account()
    again.report(*story)
    assert again.report(*(record for record in story if not hasattr(record, "requested_by"))) == []


def test_a_bank_line_too_old_to_be_known_is_refused(account: Account) -> None:
    account.report(settled("1", 100_00, 500))
    assert names(account.report(bank("b1", 100_00, 2))) == [SettlementLineRefused.__name__]


@pytest.mark.parametrize(
    "record",
    [
        settled("1", -1, 0),
        settled("1", 100, 0, movement=Movement.UNKNOWN),
        replace(settled("1", 100, 0), currency="EUR"),
        bank("b1", 100, 9, seen=0),
        entry("f1", 100, 0, ProcessorEntryKind.UNKNOWN),
        replace(disputed_money("d1", 100, 0), movement=DisputeMovement.UNKNOWN),
    ],
    ids=["negative", "no movement", "currency of another account", "days ahead", "unknown entry", "unknown stage"],
)
def test_what_is_no_money_is_parked(account: Account, record: object) -> None:
    with pytest.raises(Unreadable):
        account.report(record)


def test_state_does_not_grow_with_the_days(account: Account) -> None:
    sizes = []
    for on in range(60):
        account.report(settled(f"{on}", 100_00 + on, on, on + 1), batch(on + 1, 100_00 + on, on))
        account.report(bank(f"b{on}", 100_00 + on, on + 1, on + 1))
        sizes.append(len(account.state.matches) + len(account.state.stated) + len(account.state.lines()))
    assert max(sizes) == max(sizes[:30])


def test_state_survives_its_snapshot_and_its_journal(account: Account) -> None:
    with_fees(account, 12)
    account.report(accept(account.of(FeeScheduleProposed)[-1].version), unmatch("b9", 7), bank("odd", 1_00, 14))
    encoded = msgspec.msgpack.encode(account.state)
    assert msgspec.msgpack.decode(encoded, type=settlement.State) == account.state
    assert folded(account.events) == account.state


def test_evolve_accepts_any_event_in_any_state(account: Account) -> None:
    with_fees(account, 12)
    account.report(accept(account.of(FeeScheduleProposed)[-1].version), unmatch("b9", 7))
    for event in account.events:
        settlement.evolve(settlement.INITIAL, event)
        settlement.evolve(account.state, replace(event, occurred_at=event.occurred_at + timedelta(days=1)))
