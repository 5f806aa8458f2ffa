"""Dispute reports of processors: any columns, any words; what is not known is listed and never guessed."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from openpyxl import Workbook

from reconcile.files.disputes import load_dispute_profile, read_disputes
from reconcile.files.errors import FileUnreadable
from reconcile.files.received import Accounts, GivenFile, ReadFile
from schemas.files.owned import FileInvalid
from schemas.records.disputes import DisputeFact as Fact
from schemas.records.disputes import DisputeObserved
from tests.support.files import MAIN, SEVERAL, handed_in

SEEN = datetime(2026, 11, 30, 7, tzinfo=UTC)
REPORT = """Processor Ltd.;;;;;;;
Case Number;Status;Status Date;Dispute Amount;Reason Code;Respond By;Transaction ID;Cardholder
CB-1;1st Chargeback;11/20/2026;1,234.50;10.4;12/08/2026;79388123;Jane Roe
CB-2;Retrieval Request;11/21/2026;;;12/01/2026;79388124;John Doe
CB-1;Chargeback Reversal;11/28/2026;-1,234.50;10.4;;79388123;Jane Roe
CB-3;Sent to the moon;11/28/2026;5.00;;;;
CB-4;Debit;11/28/2026;;;;;
"""


def read(
    path: Path, profile: Path | None = None, seen: datetime = SEEN, accounts: Accounts = MAIN
) -> ReadFile[DisputeObserved]:
    return read_disputes(handed_in(path, seen, accounts), load_dispute_profile(profile))


def written(tmp_path: Path, text: str, name: str = "disputes.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, "utf-8")
    return path


def test_rows_become_facts_of_cases_and_what_can_t_be_read_is_listed(tmp_path: Path) -> None:
    found = read(written(tmp_path, REPORT))
    assert [(fact.dispute_case, fact.fact, fact.entered_on.day, fact.amount_minor) for fact in found.facts] == [
        ("main/USD/CB-1", Fact.OPENED, 20, 1_234_50),
        ("main/USD/CB-1", Fact.DEBITED, 20, 1_234_50),
        ("main/USD/CB-2", Fact.RETRIEVAL_REQUESTED, 21, 0),
        ("main/USD/CB-1", Fact.CREDITED, 28, 1_234_50),
    ]
    opened = found.facts[0]
    assert (opened.reason_code, opened.respond_by_on, opened.paytrace_transaction_id) == (
        "10.4",
        date(2026, 12, 8),
        "79388123",
    )
    assert opened.origin == f"file:{found.digest}#3"
    reasons = [(bad.line, bad.reason) for bad in found.bad]
    assert reasons[0] == (6, "stage 'Sent to the moon' is not known; add it below stages: of a profile")
    assert reasons[1][0] == 7
    assert "no amount is stated" in reasons[1][1]


def test_the_file_is_kept_without_the_columns_that_no_profile_names(tmp_path: Path) -> None:
    (received,) = read(written(tmp_path, REPORT.replace("CB-3", "CB-4111111111111111"))).received
    assert (received.row_count, received.part_count, received.purpose) == (5, 1, "disputes")
    assert "Jane" not in received.content
    assert "4111111111111111" not in received.content
    rows = [json.loads(line) for line in received.content.splitlines()]
    assert rows[1] == {
        "line": 4,
        "case": "CB-2",
        "stage": "Retrieval Request",
        "date": "11/21/2026",
        "respond_by": "12/01/2026",
        "transaction": "79388124",
    }


def test_the_same_file_says_the_same_and_a_workbook_too(tmp_path: Path) -> None:
    path = written(tmp_path, REPORT)
    assert read(path) == read(path)
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (
        ["Dispute ID", "Event", "Date", "Amount", "Currency", "Step"],
        ["CB-1", "CBK1", date(2026, 11, 20), 1234.5, "USD", 1],
        ["CB-1", "challenged", date(2026, 11, 25), None, "USD", 2],
    ):
        sheet.append(row)
    book.save(tmp_path / "disputes.xlsx")
    facts = read(tmp_path / "disputes.xlsx").facts
    assert [(fact.fact, fact.entered_on, fact.amount_minor, fact.sequence) for fact in facts] == [
        (Fact.OPENED, date(2026, 11, 20), 1_234_50, 1),
        (Fact.DEBITED, date(2026, 11, 20), 1_234_50, 1),
        (Fact.EVIDENCE_SUBMITTED, date(2026, 11, 25), 0, 2),
    ]


def test_a_profile_adds_headers_and_words_and_has_the_last_word(tmp_path: Path) -> None:
    profile = written(
        tmp_path,
        "columns: {case: Fallnummer, stage: Vorgang, date: Datum, amount: Betrag}\n"
        "stages: {Rueckbelastung: [OPENED], Chargeback: OPENED}\ndecimal: ','\ndate_format: '%d.%m.%Y'\n",
        "profile.yaml",
    )
    report = written(
        tmp_path,
        "Fallnummer;Vorgang;Datum;Betrag\nF1;R\u00fcckbelastung;05.11.2026;12,50\nF2;Chargeback;06.11.2026;1,00\n",
    )
    found = read(report, profile)
    assert [(fact.dispute_id, fact.fact, fact.entered_on) for fact in found.facts] == [
        ("F2", Fact.OPENED, date(2026, 11, 6))
    ]
    assert "ckbelastung" in found.bad[0].reason
    wrong = written(tmp_path, "stages: {Verloren: [GONE]}\n", "wrong.yaml")
    with pytest.raises(FileInvalid, match="stages"):
        load_dispute_profile(wrong)


def test_a_table_without_the_columns_of_a_dispute_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileUnreadable, match="no column for case and stage"):
        read(written(tmp_path, "Date,Amount,Currency,Text\n2026-11-20,12.00,USD,rent\n"))


def test_among_several_merchant_accounts_none_is_guessed(tmp_path: Path) -> None:
    path = written(tmp_path, REPORT)
    with pytest.raises(FileUnreadable, match="there are several: main, store"):
        read(path, accounts=SEVERAL)
    found = read(path, accounts=Accounts(SEVERAL.currencies, "store"))
    assert found.facts[0].dispute_case == "store/EUR/CB-1"
    assert found.received[0].merchant == "store"


def test_a_column_names_the_merchant_account_of_each_row(tmp_path: Path) -> None:
    profile = tmp_path / "p.yaml"
    profile.write_text("columns: {merchant: MID}\nmerchants: {4455: store, 4466: main}\n", "utf-8")
    text = "MID,Case,Status,Date,Amount\n4455,CB-1,Debit,2026-11-20,5.00\n4466,CB-2,Debit,2026-11-20,6.00\n"
    path = written(tmp_path, text + "4477,CB-3,Debit,2026-11-20,7.00\n,CB-4,Debit,2026-11-20,8.00\n")
    found = read(path, profile, accounts=SEVERAL)
    assert [(fact.dispute_case, fact.currency) for fact in found.facts] == [
        ("store/EUR/CB-1", "EUR"),
        ("main/USD/CB-2", "USD"),
    ]
    assert [(bad.line, bad.reason) for bad in found.bad] == [
        (4, "merchant account '4477' is none of main, store; add it below merchants:"),
        (5, "names no merchant account, and there are several: main, store"),
    ]
    assert found.received[0].merchant == ""
    found = read(path, profile, accounts=Accounts(SEVERAL.currencies, "main"))
    assert [fact.dispute_case for fact in found.facts] == ["main/USD/CB-2", "main/USD/CB-4"]
    assert found.bad[0].reason == "is of merchant account 'store', and the file was given for 'main'"


def test_a_file_that_is_too_large_is_refused_unread(tmp_path: Path) -> None:
    path = written(tmp_path, REPORT)
    with pytest.raises(FileUnreadable, match="more than 100"):
        GivenFile.of(path, MAIN, SEEN, origin="command", most_bytes=100)
