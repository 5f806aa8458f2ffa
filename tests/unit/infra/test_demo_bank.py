"""The bank of the trading day pays what PayTrace's books hold as settled, once, and names what it pays."""

from __future__ import annotations

from datetime import date
from typing import Any

from infra.demo.bank import statement_of

EVENING = "2026-11-23T23:30:00+00:00"


def charge(number: str, amount: int, batch: int | None, kind: str = "SALE", state: str = "SETTLED") -> dict[str, Any]:
    reported = {"id": number, "kind": kind, "state": state, "amount_minor": amount, "currency": "USD", "batch": batch}
    return {**reported, "settled_at": EVENING}


def lines(*charges: dict[str, Any], of: set[str]) -> list[str]:
    statement = statement_of(charges, of)
    return [] if statement is None else statement.text.splitlines()[1:]


def test_a_batch_is_one_line_less_its_refunds_and_debits_are_another() -> None:
    reported = lines(
        charge("1", 100_00, 17),
        charge("2", 30_00, 17, "REFUND"),
        charge("3", 41_00, None, "ACH_SALE"),
        charge("4", 50_00, None, "ACH_SALE", state="RETURNED"),
        charge("5", 9_00, 17, state="VOIDED"),
        of={"1", "3", "4"},
    )
    assert reported == ["2026-11-24,PAYTRACE ACH CREDIT,41.00,USD", "2026-11-24,PAYTRACE DEP BATCH 17,70.00,USD"]


def test_what_another_day_paid_out_is_not_paid_again() -> None:
    reported = lines(charge("1", 100_00, 17), charge("2", 7_00, None, "ACH_SALE"), charge("9", 1_00, 18), of={"9"})
    assert reported == ["2026-11-24,PAYTRACE DEP BATCH 18,1.00,USD"]


def test_the_bank_books_on_the_next_day() -> None:
    statement = statement_of([charge("1", 100, 17)], {"1"})
    assert statement is not None
    assert statement.booked_on == date(2026, 11, 24)


def test_without_settled_money_there_is_no_statement() -> None:
    assert statement_of([charge("1", 100, None, state="PENDING")], {"1"}) is None
    assert statement_of([], {"1"}) is None
