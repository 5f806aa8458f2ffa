"""Customers of the demo who pay into the bank: its books are what its statements say, and our reader finds that."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from infra.demo.audit import audit, document_problems
from infra.demo.plan import plan_day
from infra.demo.transfers import BANK_ACCOUNT, Transfers, rules_text
from reconcile.files.bank_lines import Selection, read_bank_lines
from reconcile.files.received import Accounts, GivenFile
from schemas.records.settlement import BankLineObserved
from streams.domain.settlement.transfers import named_by
from streams.rules.catalogue import deposit_policy

TODAY = date(2026, 11, 23)


def read(transfers: Transfers, days: tuple[int, ...], directory: Path) -> tuple[BankLineObserved, ...]:
    path = directory / "transfers.csv"
    path.write_text(transfers.statement(days, TODAY), "utf-8")
    given = GivenFile.of(path, Accounts({"main": "USD"}), datetime(2026, 11, 23, tzinfo=UTC), origin="command")
    return tuple(read_bank_lines(given, Selection("main", BANK_ACCOUNT, "USD"), ends_days=False).lines)


@pytest.mark.parametrize("days", [((0,), (1,), (2,)), ((0, 1, 2),)])
def test_each_line_names_its_invoice_and_the_books_of_the_bank_hold_it(
    tmp_path: Path, days: tuple[tuple[int, ...], ...]
) -> None:
    transfers = Transfers("5AF1", plan_day(1, 20).customers)
    policy, numbers = deposit_policy(rules_text()), {invoice.number for invoice in transfers.invoices}
    for some in days:
        lines = read(transfers, some, tmp_path)
        assert {line.bank_account for line in lines} == {BANK_ACCOUNT}
        assert {named_by(line.text, (), policy).invoice_number for line in lines} <= numbers
        transfers.book(lines)
    held = [*transfers.held.values()]
    assert Counter((one["kind"], one["state"]) for one in held) == {
        ("TRANSFER", "SETTLED"): 4,
        ("TRANSFER", "RETURNED"): 1,
        ("TRANSFER_REFUND", "SETTLED"): 1,
    }
    found = audit(held, [], [])
    assert found.paytrace_minor == {"USD": 312_40 + 730_55 - 290_00 + 175_00, "EUR": 450_00}
    assert len(found.problems) == 5, "each but the one that came back whole is missing in abas"
    assert transfers.statement((3,), TODAY) == ""


def test_a_document_that_stands_twice_or_not_at_all_or_a_kind_that_is_missing_is_a_problem() -> None:
    books = {"documents": [{"posting_reference": "A"}] * 2, "entries": [{"posting_reference": "B"}]}
    posted = [("A", "cash_receipt"), ("B", "fee"), ("C", "deposit")]
    assert document_problems(posted, ("fee", "adjustment"), books) == [
        "abas holds 2 documents of cash_receipt A",
        "abas holds 0 documents of deposit C",
        "no adjustment was posted",
    ]
