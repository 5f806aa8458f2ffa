"""The processor of the demo keeps fees and a reserve of each batch once; its reports are read by our own readers."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from app.files.reading import FileReader
from app.files.settings import FilesSettings
from infra.demo.audit import LedgerDocument, ledger_problems
from infra.demo.bank import Bank, Kept
from infra.demo.month import DISPUTED, STAGES, plan_month
from infra.demo.plan import Course
from infra.demo.processor import LATE_FEE_MINOR, Processor, Stage
from schemas.records.disputes import DisputeFact
from schemas.values.business_day import PAYTRACE_ZONE
from tests.unit.infra.test_demo_bank import charge

TODAY = date(2026, 11, 23)


def read(tmp_path: Path, purpose: str, text: str) -> tuple[Any, ...]:
    reader = FileReader.of(FilesSettings(), {"main": "USD"})
    path = tmp_path / f"{purpose}.csv"
    path.write_text(text, "utf-8")
    given = reader.take(path, "main", origin="command")
    understood = reader.deposits(given) if purpose == "deposits" else reader.disputes(given)
    assert understood.bad == ()
    return understood.facts


def test_a_batch_is_reported_once_less_fees_and_reserve_and_the_bank_brings_the_net(tmp_path: Path) -> None:
    charges = [charge("1", 100_00, 17), charge("2", 30_00, 17, "REFUND"), charge("3", 41_00, None, "ACH_SALE")]
    processor = Processor()
    report, kept = processor.deposits(charges, TODAY)
    [deposit] = read(tmp_path, "deposits", report)
    assert (deposit.gross_minor, deposit.refunds_minor, deposit.fees_minor, deposit.reserve_minor) == (
        100_00,
        30_00,
        3_20,
        1_00,
    )
    assert kept == {17: Kept("DEP-261124-17", 3_20, 1_00, "USD")}
    assert deposit.net_minor == 65_80
    statement = Bank().statement(charges, TODAY, kept)
    assert statement is not None
    assert "PAYTRACE DEP BATCH 17 DEP-261124-17,65.80,USD" in statement.text
    assert processor.deposits(charges, TODAY) == ("", {})


def test_a_dispute_takes_its_money_when_it_is_opened_and_gives_it_back_when_it_is_won(tmp_path: Path) -> None:
    processor = Processor()
    processor.dispute([("395970001", 25_00, "USD"), ("395970002", 30_00, "USD")])
    report, moved = processor.stages([(0, Stage.OPENED), (1, Stage.OPENED)], TODAY)
    assert [fact.fact for fact in read(tmp_path, "disputes", report)] == [DisputeFact.OPENED, DisputeFact.DEBITED] * 2
    assert sorted(moved.values()) == [-30_00, -25_00]
    report, moved = processor.stages([(0, Stage.WON), (0, Stage.CREDITED), (1, Stage.LOST)], TODAY)
    facts = [fact.fact for fact in read(tmp_path, "disputes", report)]
    assert facts == [DisputeFact.WON, DisputeFact.CREDITED, DisputeFact.LOST]
    assert list(moved.values()) == [25_00]
    assert processor.stages([], TODAY) == ("", {})


def test_a_month_has_every_stage_of_a_dispute_a_closed_month_and_an_invoice_in_another_currency() -> None:
    now = datetime(2026, 11, 30, 12, tzinfo=UTC)
    month = plan_month(1, 300, now=now, zone=PAYTRACE_ZONE, label="T")
    reached = [stage for of_day in STAGES.values() for stage in of_day]
    assert {stage for _, stage in reached} == set(Stage)
    assert {number for number, _ in reached} == set(range(DISPUTED))
    assert (month[0].noon.year, month[0].noon.month) < (now.year, now.month)
    assert all(trading.noon.weekday() < 5 for trading in month)
    assert [deal.course for deal in month[0].day.deals].count(Course.FOREIGN_INVOICE) == 1
    assert {invoice.currency for invoice in month[0].day.invoices} == {"USD", "EUR"}


def test_a_document_of_the_ledger_stands_in_abas_once_or_is_a_problem() -> None:
    asked = [LedgerDocument("D1", "deposit", "posted"), LedgerDocument("F1", "fee", "posted")]
    entries = [{"posting_reference": "D1"}, {"posting_reference": "F1"}, {"posting_reference": "of others"}]
    assert ledger_problems(asked, entries) == []
    assert ledger_problems(asked, entries[1:]) == ["abas holds 0 entries of deposit D1"]
    assert ledger_problems(asked, [*entries, entries[0]]) == ["abas holds 2 entries of deposit D1"]
    waits = [LedgerDocument("D1", "deposit", "waiting")]
    assert ledger_problems(waits, []) == ["deposit D1 is waiting"]


def test_a_fee_that_is_told_late_is_missing_in_the_bank_line_of_the_largest_deposit_alone() -> None:
    charges = [charge("1", 100_00, 17), charge("2", 900_00, 18)]
    processor = Processor()
    _, kept = processor.deposits(charges, TODAY)
    shortened = processor.keep_more(kept)
    assert {number: one.minor - kept[number].minor for number, one in shortened.items()} == {17: 0, 18: LATE_FEE_MINOR}
    assert [one.deposit_id for one in processor.late] == [kept[18].deposit_id]
    assert processor.keep_more({}) == {}
