"""The trading day and the audit that judges it: an audit that finds nothing must be able to find something."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from infra.demo.audit import OpenMoney, audit
from infra.demo.plan import Course, captured_part, plan_day, refund_parts


def test_the_same_seed_is_the_same_day_and_another_is_another() -> None:
    assert plan_day(7, 150) == plan_day(7, 150)
    assert plan_day(7, 150) != plan_day(8, 150)


@pytest.mark.parametrize("payments", [100, 300])
def test_every_course_happens_on_a_whole_day(payments: int) -> None:
    day = plan_day(3, payments)
    assert len(day.deals) == payments
    assert {deal.course for deal in day.deals} == set(Course) - {Course.FOREIGN_INVOICE}


def test_amounts_are_distinct_but_for_the_ties_so_each_match_has_one_reason() -> None:
    day = plan_day(3, 300)
    assert len({deal.amount_minor for deal in day.deals}) == 300
    ties = {deal.amount_minor for deal in day.deals if deal.course is Course.TIE}
    twice = {amount for amount, count in Counter(i.amount_minor for i in day.invoices).items() if count == 2}
    assert ties <= twice
    assert min(deal.amount_minor for deal in day.deals) >= 10_00


def test_labels_keep_the_invoices_of_two_days_apart() -> None:
    one, other = plan_day(3, 100, label="A"), plan_day(3, 100, label="B")
    assert {i.number for i in one.invoices}.isdisjoint(i.number for i in other.invoices)


def test_parts_are_whole_cents_and_no_more_than_the_whole() -> None:
    for amount in range(10_00, 10_60):
        assert 0 < captured_part(amount) < amount
        assert sum(refund_parts(amount)) == amount // 2


# -- the audit -----------------------------------------------------------------------------------------------------


def charge(number: str, amount: int = 100, state: str = "SETTLED", kind: str = "SALE", **more: Any) -> dict[str, Any]:
    return {"id": number, "kind": kind, "state": state, "amount_minor": amount, "currency": "USD", **more}


def document(reference: str, amount: int = 100, kind: str = "receipt") -> dict[str, Any]:
    return {"posting_reference": reference, "kind": kind, "amount_minor": amount, "currency": "USD"}


def test_posted_once_waiting_or_parked_closes_at_zero() -> None:
    found = audit(
        [charge("1"), charge("2", 70), charge("3", state="VOIDED"), charge("4", 30, kind="REFUND"), charge("5", 10)],
        [
            document("PT1"),
            document("PT3"),
            document("PT3V", kind="reversal"),
            document("PT4", 30, kind="reversal"),
        ],
        [OpenMoney("2", 70, "USD", "NO_OPEN_ITEM"), OpenMoney("5", 10, "USD", "parked: Unreadable")],
    )
    assert found.problems == ()
    assert found.residual_minor == {"USD": 0}
    assert found.is_clean


def test_a_write_off_and_what_takes_it_back_are_none_of_paytraces_money() -> None:
    reversal = {**document("PT1W1U1", 3, kind="reversal"), "reverses_reference": "PT1W1"}
    found = audit([charge("1")], [document("PT1"), document("PT1W1", 3, kind="write_off"), reversal], [])
    assert found.is_clean
    assert not audit([charge("1")], [document("PT1"), reversal], []).is_clean, "a reversal of nothing"


@pytest.mark.parametrize(
    ("charges", "documents", "waiting", "problem"),
    [
        ([charge("1")], [], [], "SALE 1 (SETTLED) is worth 100, abas holds 0, 0 waits"),
        ([charge("1")], [document("PT1"), document("PT1")], [], "abas holds 2 documents under PT1"),
        ([charge("1")], [document("PT1", 90)], [], "SALE 1 (SETTLED) is worth 100, abas holds 90, 0 waits"),
        ([charge("1")], [document("PT1")], [OpenMoney("1", 100, "USD", "TIE")], "abas holds 100, 100 waits"),
        ([charge("1", state="VOIDED")], [document("PT1")], [], "SALE 1 (VOIDED) is worth 0, abas holds 100"),
        ([], [document("PT9")], [], "abas holds a document of 9, which no other books know"),
        ([charge("1", kind="ACH_SALE", state="PENDING")], [document("PT1")], [], "is worth 0, abas holds 100"),
        ([charge("4", kind="REFUND")], [document("PT4")], [], "REFUND 4 (SETTLED) is worth -100, abas holds 100"),
    ],
)
def test_what_is_lost_doubled_or_strange_is_named(
    charges: list[Any], documents: list[Any], waiting: list[Any], problem: str
) -> None:
    found = audit(charges, documents, waiting)
    assert any(problem in reported for reported in found.problems), found.problems
    assert not found.is_clean


def test_two_mistakes_that_make_up_for_each_other_are_still_two() -> None:
    found = audit([charge("1"), charge("2")], [document("PT1", 120), document("PT2", 80)], [])
    assert found.residual_minor == {"USD": 0}
    assert len(found.problems) == 2


def test_a_document_in_another_currency_does_not_close_the_balance() -> None:
    found = audit([charge("1")], [{**document("PT1"), "currency": "EUR"}], [])
    assert found.residual_minor["USD"] == 100
    assert not found.is_clean


def test_a_sale_and_its_refund_may_cancel_out_before_either_is_posted() -> None:
    charges = [charge("1"), {**charge("2"), "kind": "REFUND"}]
    pair = [OpenMoney("1", 100, "USD", "with PT2"), OpenMoney("2", -100, "USD", "with PT1")]
    assert audit(charges, [], [], pair).is_clean
    assert not audit(charges, [], []).is_clean
    assert not audit(charges[:1], [], [], pair[:1]).is_clean, "money that cancels out with nothing"


def test_a_short_day_has_every_kind_of_course_sooner_or_later() -> None:
    days = [plan_day(seed, 60) for seed in range(12)]
    assert {deal.course for day in days for deal in day.deals} == set(Course) - {Course.FOREIGN_INVOICE}
    assert all(len({deal.course for deal in day.deals}) > 12 for day in days)
