"""`saldo match` as a finance person meets it: what is shown, what is written, and what a stopped run leaves."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from app.cli.match import register
from reconcile.files import writing
from reconcile.files.errors import OutputRefused

APP = typer.Typer()
register(APP)


@APP.callback()
def _root() -> None:
    """One command among several, as in the real command line."""


LEDGER = "id,date,customer,text,amount\nL1,2026-03-02,Meyer,RE-77001,1250.00\nL2,2026-03-03,Blue,RE-77002,33.10\n"
BANK = (
    "Datum;Name;Text;Betrag;Währung\n03.03.2026;MEYER;RE-77001;1.250,00;EUR\n"
    "04.03.2026;Bank;Gebühr;-5,00;EUR\nSumme;;;1.245,00;EUR\n"
)


def run(tmp_path: Path, *more: str, bank: str = BANK, out: Path | None = None) -> Result:
    left, right = tmp_path / "ledger.csv", tmp_path / "bank.csv"
    left.write_text(LEDGER)
    right.write_text(bank)
    return CliRunner().invoke(APP, ["match", str(left), str(right), "--out", str(out or tmp_path / "out"), *more])


def rows_of(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))


def test_amounts_are_shown_as_money_and_files_keep_minor_units(tmp_path: Path) -> None:
    result = run(tmp_path)
    assert result.exit_code == 0, result.output
    assert "1,283.10" in result.output
    assert "128310" not in result.output.replace(",", "").replace("1283.10", "")
    bridge = rows_of(tmp_path / "out" / "bridge.csv")
    assert bridge[0] == ["currency", "what", "count", "amount_minor", "amount"]
    assert bridge[1] == ["EUR", "left total", "0", "128310", "1283.10"]
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["bridge"][0]["amount"] == "1283.10"
    assert summary["right"]["notes"] == ["left out as totals or balances: 1 (line 4)"]


def test_rules_and_columns_are_shown_on_request_only(tmp_path: Path) -> None:
    assert "Rule" not in run(tmp_path).output
    detailed = run(tmp_path, "--details").output
    assert "Rule same-amount: " in detailed
    assert "Right amount: Betrag" in detailed


def test_the_help_names_every_exit_code(tmp_path: Path) -> None:
    text = " ".join(CliRunner().invoke(APP, ["match", "--help"]).output.split())
    for words in ("0 all rows read", "3 rows left out", "2 nothing done", "4 a residual", "130 stopped by hand"):
        assert words in text


def test_a_statement_that_does_not_add_up_is_exit_code_three(tmp_path: Path) -> None:
    statement = ":20:A\n:25:1\n:60F:C260301EUR0,00\n:61:260302C1250,00NTRFRE-77001\n:62F:C260302EUR1,00\n"
    result = run(tmp_path, bank=statement)
    assert result.exit_code == 3
    assert "does not add up" in result.output
    assert rows_of(tmp_path / "out" / "bad_rows.csv")[1][:3] == ["right", "bank.csv", "5"]


def test_no_text_of_a_file_is_a_formula_in_the_answer(tmp_path: Path) -> None:
    bank = (
        "id,date,amount,text\n=cmd|' /C calc'!A0,2026-03-02,7.00,x\n@SUM(1),2026-03-02,8.00,x\n-2+3,2026-03-02,9.00,x\n"
    )
    run(tmp_path, bank=bank)
    for path in (tmp_path / "out").glob("*.csv"):
        for row in rows_of(path):
            assert not any(cell[:1] in "=+@\t\r|%" and cell for cell in row), (path.name, row)
            assert not any(cell[:1] == "-" and not cell[1:].replace(".", "").isdigit() for cell in row), row


def test_a_stopped_run_leaves_nothing_and_keeps_the_earlier_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    run(tmp_path)
    before = {path.name: path.read_bytes() for path in out.iterdir()}

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(writing, "_lines", stop)
    stopped = run(tmp_path, bank=BANK.replace("-5,00", "-6,00"))
    assert stopped.exit_code == 130
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert run(tmp_path, out=tmp_path / "fresh").exit_code == 130
    assert not (tmp_path / "fresh").exists()


def test_a_directory_that_cannot_be_written_is_refused_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "taken").write_text("a file")
    for out in (tmp_path / "taken", tmp_path / "taken" / "below"):
        refused = run(tmp_path, bank="", out=out)
        assert refused.exit_code == 2
        assert "is a file, not a directory" in refused.output
    monkeypatch.setattr(os, "access", lambda *_: False)  # a test that runs as root has every right
    with pytest.raises(OutputRefused, match="no right to write"):
        writing.check_out(tmp_path / "out")


def test_a_full_disk_is_reported_and_not_a_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writing, "_whole", full)
    result = run(tmp_path)
    assert result.exit_code == 2
    assert "No space left" in result.output
    assert not (tmp_path / "out").exists()


def test_an_advice_with_totals_and_rows_without_a_number(tmp_path: Path) -> None:
    invoices, payments, advice = (tmp_path / name for name in ("invoices.csv", "payments.csv", "advice.csv"))
    invoices.write_text(
        "invoice_id,customer_name,invoice_date,due_date,amount\nINV-00104,Blue Lake Inc,2026-01-07,2026-02-07,200.00\n"
        "INV-00105,Blue Lake Inc,2026-01-08,2026-02-01,300.00\n"
    )
    payments.write_text(
        "payment_id,payer_name,payment_date,amount\nP1,BLUE LAKE,2026-02-03,300.00\nP2,BLUE LAKE,2026-02-04,200.00\n"
    )
    advice.write_text("Payment;Invoice;Amount\nP1;;300,00\nP2;lNV-1O4;200,00\nTotal;;500,00\n")
    out = tmp_path / "out"
    words = ["match", str(invoices), str(payments), "--remittance", str(advice), "--out", str(out)]
    result = CliRunner().invoke(APP, words)
    assert result.exit_code == 0, result.output
    assert {(row[1], row[2]) for row in rows_of(out / "matches.csv")[1:]} == {("INV-00105", "P1"), ("INV-00104", "P2")}
