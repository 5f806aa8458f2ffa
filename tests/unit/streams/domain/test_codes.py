"""What the codes of returns, notices of change and declines allow next, and whose charges they hold."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.files.owned import FileInvalid, text_of
from schemas.records.gateway import HoldCharges
from schemas.records.payments import CodeKind, NextStep, NextStepFound, ReportPaymentCode
from schemas.records.payments import TransactionKind as Kind
from schemas.records.payments import TransactionStatus as Status
from schemas.records.subscriptions import SubscriptionPaymentSeen
from streams.domain import payments
from streams.domain.payments.codes import banking_day_after
from streams.rules.catalogue import PAYMENT_CODES
from streams.rules.codes import payment_codes
from tests.support.builders import PAYMENT, Ledger, at, key_by, observation

TEXT = text_of(PAYMENT_CODES.shipped)
CODES = payment_codes(TEXT, "payment-codes")


def book() -> Ledger:
    return Ledger(payments, key_by("paytrace_transaction_id"))


def returned(code: str | None, minute: int = 5, **more: Any) -> Any:
    return observation(Status.ACH_RETURNED, kind=Kind.ACH_SALE, return_code=code, minute=minute, **more)


def reported(code: str, kind: CodeKind, on: date = date(2026, 3, 4), minute: int = 9) -> ReportPaymentCode:
    return ReportPaymentCode(
        command_id="c1",
        paytrace_transaction_id=PAYMENT,
        code=code,
        code_kind=kind,
        noticed_on=on,
        decided_by="maria",
        authenticated_by="session",
        reason="letter",
        occurred_at=at(minute),
    )


def steps(ledger: Ledger) -> list[NextStepFound]:
    return [event for event in ledger.events if isinstance(event, NextStepFound)]


@pytest.mark.parametrize(
    ("code", "step", "counts_as", "is_stopped"),
    [
        ("R01", NextStep.AGAIN, "", False),
        ("R03", NextStep.CORRECT, "administrative", True),
        ("R08", NextStep.AUTHORISE, "", True),
        ("R10", NextStep.STOP, "unauthorised", True),
        ("R20", NextStep.OTHER_WAY, "", True),
        ("R99", NextStep.PERSON, "", True),
        (None, NextStep.PERSON, "", True),
    ],
)
def test_a_return_says_its_next_step(code: str | None, step: NextStep, counts_as: str, is_stopped: bool) -> None:
    (found,) = steps(book().given(returned(code)))
    assert (found.next_step, found.code_class, found.stops_charges) == (step, counts_as, is_stopped)


def test_a_code_that_is_seen_later_counts_and_none_after_it_does_not() -> None:
    late = book().given(returned(None), returned("R01", minute=6), returned("R01", minute=7), returned(None, minute=8))
    assert [found.code for found in steps(late)] == ["", "R01"]
    assert [(hold.is_held, hold.most_entries, hold.entries_days) for hold in late.sent(HoldCharges)] == [
        (True, None, None),
        (True, 3, 180),
    ]
    early = book().given(returned("R01", minute=6), returned(None))
    assert early.state.codes == late.state.codes


def test_a_code_without_vault_customer_holds_once_the_customer_is_seen() -> None:
    ledger = book().given(returned("R10", vault=None))
    assert ledger.sent(HoldCharges) == []
    ledger.given(returned("R10", minute=6), returned("R10", minute=7))
    (hold,) = ledger.sent(HoldCharges)
    assert (hold.subject, hold.code) == ("vault/acme", "R10")


def test_a_notice_of_change_names_what_to_correct_and_until_when_but_no_money_moves() -> None:
    ledger = book().given(observation(Status.ACH_CLEARED, kind=Kind.ACH_SALE))
    before = len(ledger.events)
    ledger.given(reported("C01", CodeKind.CHANGE))
    (found,) = ledger.events[before:]
    assert (found.correct, found.correct_by_on) == ("account number", date(2026, 3, 12))
    (hold,) = ledger.sent(HoldCharges)
    assert (hold.is_held, hold.amount_minor, hold.meaning) == (
        True,
        100_00,
        "the bank asks for a correction: account number",
    )


@pytest.mark.parametrize(("kind", "tries"), [(Kind.SALE, 1), (Kind.REFUND, 0)])
def test_a_declined_refund_is_no_try_of_a_charge(kind: Kind, tries: int) -> None:
    ledger = book().given(observation(Status.DECLINED, kind=kind))
    (found,) = steps(ledger)
    assert found.pays_out is (kind is Kind.REFUND)
    assert len(ledger.sent(SubscriptionPaymentSeen)) == tries


def test_the_return_of_a_refund_holds_no_charges() -> None:
    ledger = book().given(observation(Status.ACH_PENDING, kind=Kind.ACH_REFUND))
    ledger.given(observation(Status.ACH_RETURNED, kind=Kind.ACH_REFUND, return_code="R02", minute=5))
    (found,) = steps(ledger)
    assert (found.next_step, found.stops_charges) == (NextStep.STOP, False)
    assert [hold.is_held for hold in ledger.sent(HoldCharges)] == [False]


@pytest.mark.parametrize(
    ("words", "code", "step", "days"),
    [
        ("43 stolen card", "43", NextStep.STOP, None),
        ("  DECLINE - Do not honor", "05", NextStep.AGAIN, 1),
        ("EXPIRED CARD - Expired card", "54", NextStep.CORRECT, None),
        ("N/Declined", "", NextStep.AGAIN, 1),
        ("OK nothing", "", NextStep.AGAIN, 1),
    ],
)
def test_a_decline_is_read_by_its_code_or_its_words(words: str, code: str, step: NextStep, days: int | None) -> None:
    (found,) = steps(book().given(observation(Status.DECLINED, raw_status=words)))
    assert (found.code, found.next_step) == (code, step)
    assert found.again_on == (None if days is None else found.noticed_on + timedelta(days=days))


@pytest.mark.parametrize(
    ("was", "becomes", "told"),
    [
        ("step: authorise", "step: sometime", "write 'again', 'correct', 'authorise'"),
        ("step: authorise", "step: stop, again_after_days: 2", "is stop, which is never tried again"),
        ("at_most: {entries: 3, days: 180}", "at_most: {entries: 3, days: 180}, hold: true", "is true beside at_most"),
        ("  R01:", "  R1:", "doesn't have the form"),
    ],
)
def test_a_text_that_says_two_things_is_refused(was: str, becomes: str, told: str) -> None:
    with pytest.raises(FileInvalid, match=told):
        payment_codes(TEXT.replace(was, becomes, 1), "payment-codes")


@given(st.dates(date(2026, 1, 1), date(2027, 12, 31)), st.integers(0, 30))
def test_a_banking_day_is_a_weekday_with_so_many_weekdays_to_it(day: date, days: int) -> None:
    found = banking_day_after(day, days)
    between = [day + timedelta(days=one) for one in range(1, (found - day).days + 1)]
    assert sum(one.weekday() < 5 for one in between) == days
    assert not days or found.weekday() < 5


def test_every_listed_code_has_a_meaning_and_only_again_has_a_day_or_a_cap() -> None:
    for kind, listed in CODES.listed.items():
        for code, one in listed.items():
            assert one.meaning, (kind, code)
            assert one.step is NextStep.AGAIN or (one.again_after_days, one.most_entries) == (None, None)


def test_while_an_outcome_is_not_known_its_payer_is_not_charged_again() -> None:
    line = book().given(observation(Status.UNKNOWN, raw_status="timeout"))
    line.when(observation(Status.DECLINED, raw_status="do not honor", minute=9))
    held: list[HoldCharges] = [output.record for output in line.outputs if isinstance(output.record, HoldCharges)]
    first, *_, last = [one for one in held if one.code_kind is CodeKind.UNKNOWN]
    assert (first.subject, first.is_held, last.is_held) == ("vault/acme", True, False)


def test_a_refund_whose_outcome_is_not_known_holds_no_charge() -> None:
    line = book().given(observation(Status.UNKNOWN, kind=Kind.REFUND, raw_status="timeout"))
    line.when(observation(Status.SETTLED, kind=Kind.REFUND, minute=9))
    assert not [output for output in line.outputs if isinstance(output.record, HoldCharges)]
