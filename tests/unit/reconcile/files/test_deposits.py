"""Deposit reports of processors: which column is which, which way signs go, and what a row that can't be read costs."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from reconcile.files.deposits import load_deposit_profile, read_deposits
from reconcile.files.errors import FileUnreadable
from reconcile.files.received import Accounts, ReadFile
from schemas.records.settlement import DepositReported
from tests.support.files import MAIN, SEVERAL, handed_in

SEEN = datetime(2026, 3, 9, 7, tzinfo=UTC)


def read(path: Path, text: str, profile: Path | None = None, accounts: Accounts = MAIN) -> ReadFile[DepositReported]:
    path.write_text(text)
    return read_deposits(handed_in(path, SEEN, accounts), load_deposit_profile(profile))


@pytest.mark.parametrize("minus", ["", "-"])
def test_a_row_is_a_deposit_whichever_way_its_signs_are_written(tmp_path: Path, minus: str) -> None:
    found = read(
        tmp_path / "d.csv",
        "Deposit ID,Deposit Date,Gross,Refunds,Fees,Adjustments,Net,Batch\n"
        f"D1,2026-03-03,500.00,{minus}50.00,{minus}14.50,0.00,435.50,B571\n"
        f"D2,2026-03-04,100.00,0.00,{minus}3.20,-1.00,95.80,\n",
    )
    first, second = found.facts
    assert (first.deposit_id, first.reported_on, first.batch_number) == ("D1", date(2026, 3, 3), 571)
    assert (first.gross_minor, first.refunds_minor, first.fees_minor, first.net_minor) == (50000, 5000, 1450, 43550)
    assert second.other_parts == {"adjustments": -100}
    assert first.source_file == f"{found.digest}#2"
    assert (found.bad, found.notes) == ((), ())


def test_a_row_that_says_no_net_is_left_out_and_a_wrong_sum_is_told(tmp_path: Path) -> None:
    found = read(
        tmp_path / "d.csv",
        "Payout,Date,Gross,Fees,Net\nP1,2026-03-03,100.00,3.00,97.00\nP2,2026-03-04,100.00,3.00,90.00\n"
        "P3,2026-03-05,10.00,0.10,\n",
    )
    assert [one.deposit_id for one in found.facts] == ["P1", "P2"]
    assert found.bad[0].reason == "has no net amount"
    assert found.notes == ("the parts of 1 deposit are not the net: P2",)


def test_a_report_without_gross_says_that_its_signs_are_not_proved(tmp_path: Path) -> None:
    found = read(tmp_path / "d.csv", "Payout,Date,Fees,Net\nP1,2026-03-03,-3.00,97.00\n")
    assert (found.facts[0].gross_minor, found.facts[0].fees_minor) == (None, 300)
    assert "has no gross amounts" in found.notes[0]


def test_a_profile_names_the_headers_of_another_report(tmp_path: Path) -> None:
    profile = tmp_path / "p.yaml"
    profile.write_text("columns: {deposit: Auszahlung, net: Betrag}\nothers: [Sonstiges]\ndecimal: ','\n")
    text = "Auszahlung;Date;Gross;Sonstiges;Betrag\nA1;2026-03-03;1.000,00;-10,00;990,00\n"
    (one,) = read(tmp_path / "d.csv", text, profile).facts
    assert (one.gross_minor, one.other_parts, one.net_minor) == (100000, {"sonstiges": -1000}, 99000)


def test_a_file_without_the_needed_columns_is_refused_with_what_it_has(tmp_path: Path) -> None:
    with pytest.raises(FileUnreadable, match="no column for deposit and net among: Payout date, Gross"):
        read(tmp_path / "d.csv", "Payout date,Gross\n2026-03-03,1.00\n")


def test_the_file_is_kept_with_the_columns_that_are_understood_masked(tmp_path: Path) -> None:
    found = read(
        tmp_path / "d.csv",
        "Payout,Date,Gross,Fees,Adjustments,Net,Owner\nP-4111111111111111,2026-03-03,100.00,3.00,,97.00,Jane Roe\n",
    )
    (kept,) = found.received
    assert (kept.purpose, kept.merchant, kept.row_count, kept.file_digest) == ("deposits", "main", 1, found.digest)
    assert "Jane" not in kept.content
    assert "4111111111111111" not in kept.content


def test_among_several_merchant_accounts_none_is_guessed(tmp_path: Path) -> None:
    text = "Payout,Date,Net,MID\nP1,2026-03-03,97.00,4455\n"
    with pytest.raises(FileUnreadable, match="there are several: main, store"):
        read(tmp_path / "d.csv", text, accounts=SEVERAL)
    profile = tmp_path / "p.yaml"
    profile.write_text("columns: {merchant: MID}\nmerchants: {4455: store}\n")
    (one,) = read(tmp_path / "d.csv", text, profile, SEVERAL).facts
    assert (one.settlement_account, one.currency) == ("store/EUR", "EUR")
