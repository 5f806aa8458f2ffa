"""Bank files as records: the same line has the same name in every file, and no account number travels on."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from reconcile.files.bank_lines import BankFile, Selection, batch_number_in, masked, read_bank_lines
from schemas.checks.sensitive import guard_key
from schemas.checks.sensitive.identity import mask_of
from schemas.records.settlement import BankDirection
from tests.support.files import handed_in

SEEN = datetime(2026, 11, 26, 7, tzinfo=UTC)
OURS = Selection(merchant="main", account="checking", currency="USD")
HEADER = "Date,Description,Reference,Amount\n"
ROWS = [
    "2026-11-24,PAYTRACE DEP BATCH 571,R1,146.10",
    "2026-11-24,COFFEE,,-3.00",
    "2026-11-24,COFFEE,,-3.00",
    "2026-11-25,PAYTRACE DEP,R2,99.00",
]
CAMT = """<?xml version="1.0"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt><Stmt>
<Acct><Id><IBAN>DE89370400440532013000</IBAN></Id></Acct>
<Ntry><NtryRef>1</NtryRef><Amt Ccy="USD">146.10</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts>BOOK</Sts>
<BookgDt><Dt>2026-11-24</Dt></BookgDt><ValDt><Dt>2026-11-24</Dt></ValDt><AcctSvcrRef>BR-77</AcctSvcrRef>
<NtryDtls><TxDtls><RmtInf><Ustrd>PAYTRACE DEP BATCH 571 FROM DE89370400440532013000</Ustrd></RmtInf></TxDtls></NtryDtls>
</Ntry></Stmt></BkToCstmrStmt></Document>
"""


def read(tmp_path: Path, rows: list[str], selection: Selection = OURS, name: str = "bank.csv") -> BankFile:
    path = tmp_path / name
    path.write_text(HEADER + "\n".join(rows) + "\n", "utf-8")
    return read_bank_lines(handed_in(path, SEEN), selection)


def ids(found: BankFile) -> set[str]:
    return {line.bank_line_id for line in found.lines}


def test_a_line_is_the_same_in_another_order_in_a_longer_file_and_with_a_narrower_choice(tmp_path: Path) -> None:
    whole = ids(read(tmp_path, ROWS))
    assert len(whole) == len(ROWS)
    assert ids(read(tmp_path, ROWS[::-1])) == whole
    assert ids(read(tmp_path, ROWS[:3])) < whole
    ours = Selection("main", "checking", "USD", re.compile("paytrace", re.IGNORECASE))
    found = read(tmp_path, ROWS, ours)
    assert ids(found) < whole
    assert (len(found.lines), found.left_out) == (2, 2)


def test_equal_lines_of_a_day_are_as_many_as_there_are(tmp_path: Path) -> None:
    assert len(ids(read(tmp_path, ROWS[1:3]))) == 2
    assert ids(read(tmp_path, ROWS[1:2])) < ids(read(tmp_path, ROWS[1:3]))


def test_each_line_says_which_way_when_and_which_batch(tmp_path: Path) -> None:
    found = read(tmp_path, ROWS)
    first = next(line for line in found.lines if line.batch_number)
    assert (first.amount_minor, first.direction, first.booked_on) == (146_10, BankDirection.CREDIT, date(2026, 11, 24))
    assert (first.batch_number, first.settlement_account, first.currency) == (571, "main/USD", "USD")
    assert {line.direction for line in found.lines if line.text == "COFFEE"} == {BankDirection.DEBIT}


def test_a_statement_ends_its_last_day_unless_reported_otherwise(tmp_path: Path) -> None:
    (ended,) = read(tmp_path, ROWS).ended
    assert (ended.settlement_account, ended.through_on, ended.line_count) == ("main/USD", date(2026, 11, 25), 4)
    path = tmp_path / "bank.csv"
    assert read_bank_lines(handed_in(path, SEEN), OURS, ends_days=False).ended == ()
    (longer,) = read_bank_lines(handed_in(path, SEEN), OURS, through_on=date(2026, 11, 27)).ended
    assert longer.through_on == date(2026, 11, 27)


def test_rows_that_cannot_be_read_are_listed_and_the_rest_goes_on(tmp_path: Path) -> None:
    found = read(tmp_path, [*ROWS, "2026-11-25,BROKEN,R3,abc"])
    assert len(found.lines) == len(ROWS)
    assert "abc" in found.bad[0].reason


def test_a_camt_statement_keeps_no_account_number(tmp_path: Path) -> None:
    path = tmp_path / "statement.xml"
    path.write_text(CAMT, "utf-8")
    found = read_bank_lines(handed_in(path, SEEN), OURS)
    assert found.kind == "camt"
    (line,) = found.lines
    assert line.batch_number == 571
    assert "0532013000" not in repr(found)
    assert ids(read_bank_lines(handed_in(path, SEEN), OURS)) == {line.bank_line_id}


@pytest.mark.parametrize(
    ("words", "number"),
    [
        ("PAYTRACE BATCH 571", 571),
        ("DEP GB571 MERCHANT", 571),
        ("batch no. 007", 7),
        ("BATCH#12", 12),
        ("BATCH 571 AND BATCH 572", None),
        ("BATCH 1.50", None),
        ("BATCH 12345", None),
        ("BATCHES 571", None),
        ("BATCH 000", None),
        ("GBP 571", None),
    ],
)
def test_a_batch_number_is_read_only_where_it_is_named(words: str, number: int | None) -> None:
    assert batch_number_in(words) == number


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("TRACE 091000012345678", f"TRACE {mask_of('091000012345678')}"),
        ("CARD 4012000098765439", f"CARD {mask_of('4012000098765439')}"),
        ("BATCH 571 20261124", "BATCH 571 20261124"),
        ("transfer acct 12345678", f"transfer acct {mask_of('12345678')}"),
    ],
)
def test_long_numbers_are_masked_with_their_identity(text: str, shown: str) -> None:
    assert masked(text) == shown


def test_lines_that_name_their_batch_come_first_so_the_others_find_what_is_left(tmp_path: Path) -> None:
    file = tmp_path / "bank.csv"
    file.write_text(
        "Date,Description,Amount\n"
        + "".join(f"2026-11-21,PAYTRACE ACH {number},{number}.00\n" for number in range(1, 5))
        + "2026-11-21,PAYTRACE DEP BATCH 17,120.00\n",
        "utf-8",
    )
    found = read_bank_lines(handed_in(file, datetime(2026, 11, 22, tzinfo=UTC)), Selection("main", "main", "USD"))
    assert [line.batch_number for line in found.lines] == [17, None, None, None, None]


def test_a_long_reference_is_masked_and_stays_itself(tmp_path: Path) -> None:
    rows = ["2026-11-24,PAYTRACE DEP TRACE 123456789012,987654321,146.10", "2026-11-25,RETURN 123456789012,,-3.00"]
    first, second = read(tmp_path, rows).lines
    assert first.text == f"PAYTRACE DEP TRACE {mask_of('123456789012')}"
    assert second.text == f"RETURN {mask_of('123456789012')}"
    assert first.bank_reference == mask_of("987654321")
    assert "123456789012" not in repr((first, second))


def test_the_name_of_a_line_does_not_depend_on_the_guard_key(tmp_path: Path) -> None:
    rows = ["2026-11-24,REFUND 4111 1111 1111 1111,,-3.00"]
    names = ids(read(tmp_path, rows))
    with guard_key(b"another key of the installation"):
        assert ids(read(tmp_path, rows)) == names
