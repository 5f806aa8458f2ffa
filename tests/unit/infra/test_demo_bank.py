"""The bank of the demo pays what PayTrace's books hold as settled, once, and names what it pays."""

from __future__ import annotations

from datetime import date
from typing import Any

from infra.demo.bank import Bank, Kept

EVENING, TODAY = "2026-11-23T23:30:00+00:00", date(2026, 11, 23)


def charge(number: str, amount: int, batch: int | None, kind: str = "SALE", state: str = "SETTLED") -> dict[str, Any]:
    reported = {"id": number, "kind": kind, "state": state, "amount_minor": amount, "currency": "USD", "batch": batch}
    return {**reported, "settled_at": EVENING}


def lines(bank: Bank, *charges: dict[str, Any], **processor: Any) -> list[str]:
    statement = bank.statement(charges, TODAY, **processor)
    return [] if statement is None else statement.text.splitlines()[1:]


def test_a_batch_is_one_line_less_its_refunds_and_debits_are_another() -> None:
    reported = lines(
        Bank(),
        charge("1", 100_00, 17),
        charge("2", 30_00, 17, "REFUND"),
        charge("3", 41_00, None, "ACH_SALE"),
        charge("4", 50_00, None, "ACH_SALE", state="RETURNED"),
        charge("5", 9_00, 17, state="VOIDED"),
    )
    assert reported == ["2026-11-24,PAYTRACE ACH CREDIT,41.00,USD", "2026-11-24,PAYTRACE DEP BATCH 17,70.00,USD"]


def test_what_was_paid_out_is_not_paid_again_and_what_came_back_is_debited() -> None:
    bank = Bank()
    first = (charge("1", 100_00, 17), charge("2", 7_00, None, "ACH_SALE"))
    assert len(lines(bank, *first)) == 2
    assert lines(bank, *first) == []
    later = (first[0], charge("2", 7_00, None, "ACH_SALE", state="RETURNED"), charge("9", 1_00, 18))
    assert lines(bank, *later) == [
        "2026-11-24,PAYTRACE ACH RETURN 2,-7.00,USD",
        "2026-11-24,PAYTRACE DEP BATCH 18,1.00,USD",
    ]


def test_what_the_processor_keeps_comes_off_its_batch_and_what_it_takes_is_a_line() -> None:
    reported = lines(
        Bank(), charge("1", 100_00, 17), kept={17: Kept("D-1700", 3_00, 20, "USD")}, others={"CHARGEBACK X1": -25_00}
    )
    assert reported == ["2026-11-24,CHARGEBACK X1,-25.00,USD", "2026-11-24,PAYTRACE DEP BATCH 17 D-1700,96.80,USD"]


def test_the_bank_books_on_the_next_day() -> None:
    statement = Bank().statement([charge("1", 100, 17)], TODAY)
    assert statement is not None
    assert statement.booked_on == date(2026, 11, 24)


def test_without_settled_money_there_is_no_statement() -> None:
    assert Bank().statement([charge("1", 100, None, state="PENDING")], TODAY) is None
    assert Bank().statement([], TODAY) is None
