"""Where there are several merchant accounts, no command guesses whose file or dispute it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.cli import saldo

REPORT = "Case,Status,Date,Amount\nCB-1,Chargeback,2026-11-20,100.00\n"
DEPOSITS = "Deposit ID,Deposit Date,Gross,Fees,Net\nD-1,2026-11-20,100.00,3.00,97.00\n"
BANK = "Date,Text,Amount\n2026-11-24,PAYTRACE DEP,146.10\n"


@pytest.fixture(autouse=True)
def _two_accounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "saldo.toml"
    config.write_text('[paytrace.accounts.main]\n[paytrace.accounts.store]\ncurrency = "EUR"\n', "utf-8")
    monkeypatch.setenv("SALDO_CONFIG", str(config))
    monkeypatch.setenv("SALDO_DATA_DIR", str(tmp_path / "data"))


@pytest.mark.parametrize(("command", "text"), [("disputes", REPORT), ("deposits", DEPOSITS)])
def test_a_report_is_refused_until_its_account_is_named(tmp_path: Path, command: str, text: str) -> None:
    path = tmp_path / "report.csv"
    path.write_text(text, "utf-8")
    refused = saldo("import", command, str(path), "--dry-run")
    assert refused.exit_code == 2
    assert "there are several: main, store. Give the file for one of them (--merchant" in refused.err
    refused = saldo("import", command, str(path), "--dry-run", "--merchant", "stroe")
    assert refused.exit_code != 0
    assert "there is no merchant account 'stroe'; name one of main, store" in refused.err
    taken = saldo("import", command, str(path), "--dry-run", "--merchant", "store")
    assert (taken.exit_code, taken.err) == (0, "")


def test_a_bank_line_needs_an_account_or_none(tmp_path: Path) -> None:
    path = tmp_path / "bank.csv"
    path.write_text(BANK, "utf-8")
    assert "there are several merchant accounts" in saldo("import", "bank", str(path), "--dry-run").err
    taken = saldo("import", "bank", str(path), "--dry-run", "--merchant", "store")
    assert "store/EUR: 1 line" in taken.out


@pytest.mark.parametrize(
    ("account", "problem"),
    [
        ((), "there are several merchant accounts; name one of main, store"),
        (("--account", "stroe/EUR"), "there is no merchant account 'stroe'"),
        (("--account", "store/EURO"), "'EURO' is none of ISO 4217"),
    ],
)
def test_a_person_names_the_account_of_a_dispute(account: tuple[str, ...], problem: str) -> None:
    refused = saldo("dispute", "record", "CB-1", "OPENED", "--why", "letter", *account)
    assert refused.exit_code != 0
    assert problem in refused.err
