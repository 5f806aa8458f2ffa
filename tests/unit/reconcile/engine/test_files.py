"""Files in and out: header spellings, formats of values, bank statements, hostile files, exact outputs."""

from __future__ import annotations

import csv
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook
from typer.testing import CliRunner

from app.cli.match import register
from reconcile.engine.lines import Side
from reconcile.files.columns import by_header, column_names, own_names
from reconcile.files.errors import FileUnreadable
from reconcile.files.profile import Defaults, load_profile
from reconcile.files.reading import SideFile, one_currency, read_side
from reconcile.files.rules import DEFAULT_RULES, read_rules
from reconcile.files.values import BadValue, amount_minor, date_order, decimal_mark, read_date
from schemas.files.owned import FileInvalid
from schemas.values.foreign_text import for_spreadsheet

APP = typer.Typer()
register(APP)


@APP.callback()
def _root() -> None:
    """One command among several, as in the real command line."""


def written(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def read(path: Path) -> SideFile:
    return read_side(path, Side.RIGHT)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("id,date,amount,description\n1,2026-03-02,12.50,x\n", (1250, date(2026, 3, 2), "x")),
        ("Buchungstag;Betrag;Verwendungszweck\n02.03.2026;1.234,50;x\n", (123450, date(2026, 3, 2), "x")),
        ("Date,Debit,Credit,Details\n03/25/2026,12.00,,x\n", (-1200, date(2026, 3, 25), "x")),
        ("Datum;Soll;Haben;Text\n25.03.26;;7,00;x\n", (700, date(2026, 3, 25), "x")),
        ("date|amount|dr/cr|memo\n2026-03-02|5.00|DR|x\n2026-03-03|6.00|CR|y\n", (-500, date(2026, 3, 2), "x")),
        ("Fecha;Importe;Concepto\n2/3/2026;-3,5;x\n", (-350, date(2026, 3, 2), "x")),
        ("Transaction Date\tAmount (USD)\tNarrative\nMar 2, 2026\t($1,234.56)\tx\n", (-123456, date(2026, 3, 2), "x")),
        ("My bank\nAccount 1\n\ndate,amount,text\n20260302,1e2,x\n", (10000, date(2026, 3, 2), "x")),
    ],
)
def test_headers_and_values_of_many_kinds(tmp_path: Path, text: str, expected: tuple[int, date, str]) -> None:
    line = read(written(tmp_path / "f.csv", text)).lines[0]
    assert (line.amount_minor, line.on, line.text) == expected


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    path = written(tmp_path / "f.csv", "Datum;Betrag;Empfänger\n02.03.2026;1,00;Müller\n", encoding)
    assert read(path).lines[0].counterparty == "Müller"


def test_every_known_header_is_read_as_what_it_is_listed_for() -> None:
    for meaning in (
        "date",
        "value_date",
        "amount",
        "debit",
        "credit",
        "currency",
        "counterparty",
        "batch_key",
        "balance",
    ):
        for name in column_names()[meaning]:
            if sum(name in names for key, names in column_names().items() if not key.startswith("advice")) == 1:
                assert meaning in by_header([name, "zzz"]).single or meaning in ("debit", "credit"), (meaning, name)


def test_xlsx_parquet_and_jsonl_say_the_same_as_csv(tmp_path: Path) -> None:
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["id", "date", "amount", "text"])
    sheet.append(["a", date(2026, 3, 2), 12.5, "x"])
    book.save(tmp_path / "f.xlsx")
    table = arrow.table({"id": ["a"], "date": [date(2026, 3, 2)], "amount": [12.5], "text": ["x"]})
    parquet.write_table(table, tmp_path / "f.parquet")
    written(tmp_path / "f.jsonl", '{"id": "a", "date": "2026-03-02", "amount": 12.50, "text": "x"}\n')
    written(tmp_path / "f.csv", "id,date,amount,text\na,2026-03-02,12.50,x\n")
    lines = [read(tmp_path / f"f.{kind}").lines for kind in ("csv", "xlsx", "parquet", "jsonl")]
    assert lines[0] == lines[1] == lines[2] == lines[3]


CAMT = """<?xml version="1.0"?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><Stmt>
<Ntry><NtryRef>N1</NtryRef><Amt Ccy="EUR">120.50</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts>
<BookgDt><Dt>2026-03-02</Dt></BookgDt><NtryDtls><TxDtls><Refs><EndToEndId>RE-1</EndToEndId></Refs>
<RltdPties><Dbtr><Pty><Nm>Meyer GmbH</Nm></Pty></Dbtr></RltdPties><RmtInf><Ustrd>Invoice 1</Ustrd></RmtInf></TxDtls>
</NtryDtls></Ntry><Ntry><Amt Ccy="EUR">7.00</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts>PDNG</Sts></Ntry>
<Ntry><Amt Ccy="EUR">nonsense</Amt><CdtDbtInd>DBIT</CdtDbtInd></Ntry></Stmt></BkToCstmrStmt></Document>"""
MT940 = """:20:START
:25:12345678/0000123456
:28C:1/1
:60F:C260301EUR0,00
:61:2603020302C120,50NTRFRE-1//BANKREF
:86:Invoice 1 Meyer
:62F:C260302EUR120,50
"""
BAI2 = """01,0004,12345,260302,0829,001,80,1,2/
02,12345,0004,1,260302,0000,USD,2/
03,10200123456,USD,010,12050,,/
16,165,12050,0,BANKREF,RE-1,INVOICE 1 MEYER
16,475,700,0,,4711,CHECK PAID
49,24800,4/
98,24800,1,6/
99,24800,1,8/
"""


def test_camt(tmp_path: Path) -> None:
    found = read(written(tmp_path / "s.xml", CAMT))
    line = found.lines[0]
    assert (line.id, line.amount_minor, line.on, line.counterparty) == ("N1", 12050, date(2026, 3, 2), "Meyer GmbH")
    assert "RE-1" in line.references
    assert len(found.lines) == 1  # the pending entry is not booked
    assert "not a number" in found.bad[0].reason


def test_mt940(tmp_path: Path) -> None:
    line = read(written(tmp_path / "s.sta", MT940)).lines[0]
    assert (line.amount_minor, line.currency, line.on) == (12050, "EUR", date(2026, 3, 2))
    assert "RE-1" in line.references
    assert "Invoice 1" in line.text


def test_bai2(tmp_path: Path) -> None:
    lines = read(written(tmp_path / "s.bai", BAI2)).lines
    assert [line.amount_minor for line in lines] == [12050, -700]
    assert lines[0].on == date(2026, 3, 2)


def test_xml_with_an_entity_bomb_is_refused(tmp_path: Path) -> None:
    bomb = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "boom">]><Document>&b;</Document>'
    with pytest.raises(FileUnreadable):
        read(written(tmp_path / "s.xml", bomb))


@pytest.mark.parametrize(
    "content", [b"", b"   \n", b"%PDF-1.7", b"\xd0\xcf\x11\xe0rest", b"a,b\n1,2\n", b"PK\x03\x04junk"]
)
def test_what_is_no_table_is_refused_with_a_remedy(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "f"
    path.write_bytes(content)
    with pytest.raises(FileUnreadable) as refused:
        read(path)
    assert refused.value.remedy


@settings(max_examples=150, deadline=None)
@given(
    st.binary(max_size=300),
    st.sampled_from(["", "date,amount\n", "<Document>", ":20:\n:61:", "01,\n02,", "{", "PK\x03\x04"]),
)
def test_random_bytes_never_crash(tmp_path_factory: pytest.TempPathFactory, tail: bytes, head: str) -> None:
    path = tmp_path_factory.mktemp("fuzz") / "f.bin"
    path.write_bytes(head.encode("latin-1") + tail)
    try:
        found = read(path)
    except FileUnreadable:
        return
    assert found.lines or found.bad or not found.lines


def test_bad_rows_are_listed_with_line_and_reason_and_the_rest_goes_on(tmp_path: Path) -> None:
    good = "id,date,amount,text\n1,2026-03-02,1.00,a\n"
    text = good + "2,2026-03-02,abc,b\n3,31.31.2026,1.00,c\n4,2026-03-02,=1+1,d\n5,2026-03-02,1.005,e\n"
    found = read(written(tmp_path / "f.csv", text))
    assert [line.id for line in found.lines] == ["1"]
    assert [row.line for row in found.bad] == [3, 4, 5, 6]
    assert "formula" in found.bad[2].reason


def test_repeated_ids_are_distinguished(tmp_path: Path) -> None:
    rows = "".join(f"{at % 40},2026-03-02,1.00\n" for at in range(41))
    found = read(written(tmp_path / "f.csv", "id,date,amount\n" + rows))
    assert len({line.id for line in found.lines}) == 41


@pytest.mark.parametrize(
    ("values", "mark"),
    [(["1.234,56"], ","), (["1,234.56"], "."), (["12,5"], ","), (["1,234", "5.5"], "."), (["7"], ".")],
)
def test_decimal_mark(values: list[str], mark: str) -> None:
    assert decimal_mark(values) == mark


@pytest.mark.parametrize(("currency", "minor"), [("EUR", 1200), ("JPY", 12), ("KWD", 12000)])
def test_minor_units_by_currency(currency: str, minor: int) -> None:
    assert amount_minor("12", ".", currency) == minor


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e999", "9" * 40, "", None, True, "--5", "@x"])
def test_what_is_no_amount_is_refused(value: Any) -> None:
    with pytest.raises(BadValue):
        amount_minor(value, ".", "EUR")


@pytest.mark.parametrize(
    ("values", "day_first"), [(["25/03/2026"], True), (["03/25/2026"], False), (["01.02.2026"], True)]
)
def test_date_order(values: list[str], day_first: bool) -> None:
    assert date_order(values).day_first is day_first


def test_a_day_that_does_not_exist_is_refused() -> None:
    with pytest.raises(BadValue):
        read_date("31.02.2026", date_order(["31.02.2026"]))


@pytest.mark.parametrize(
    ("cell", "expected"),
    [("=cmd|x", "'=cmd|x"), ("@SUM(A1)", "'@SUM(A1)"), ("-5.00", "-5.00"), ("+x", "'+x"), ("a=b", "a=b"), (7, 7)],
)
def test_no_cell_is_a_formula(cell: Any, expected: Any) -> None:
    assert for_spreadsheet(cell) == expected


def test_a_side_without_currency_takes_the_others(tmp_path: Path) -> None:
    yen = read(written(tmp_path / "a.csv", "date,amount,currency\n2026-03-02,100,JPY\n"))
    bare = read(written(tmp_path / "b.csv", "date,amount\n2026-03-02,100\n"))
    one_currency(yen, bare)
    assert (bare.lines[0].currency, bare.lines[0].amount_minor) == ("JPY", 100)


def test_a_profile_with_wrong_names_is_refused_with_file_and_line(tmp_path: Path) -> None:
    path = written(tmp_path / "p.yaml", "left:\n  colums: {id: x}\nright:\n  sign: 2\n")
    with pytest.raises(FileInvalid) as refused:
        load_profile(path)
    assert len(refused.value.problems) == 2
    assert str(refused.value.problems[0]) == f"{path}:2: left.colums: is no entry here; did you mean columns?"


LEDGER = (
    "id,date,amount,description,ref\nL1,2026-03-02,120.50,Meyer invoice,RE-77001\nL2,2026-03-03,33.10,Other,RE-77002\n"
)
BANK = "id,date,amount,description\nB1,2026-03-03,120.50,GUTSCHRIFT MEYER RE-77001\n=B2,2026-03-04,-5.00,FEE\n"


def run_match(tmp_path: Path, *more: str, bank: str = BANK) -> tuple[int, Path]:
    left, right = written(tmp_path / "l.csv", LEDGER), written(tmp_path / "r.csv", bank)
    out = tmp_path / "out"
    result = CliRunner().invoke(APP, ["match", str(left), str(right), "--out", str(out), *more])
    return result.exit_code, out


def rows_of(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))


def test_the_command_writes_the_files_the_issue_names(tmp_path: Path) -> None:
    code, out = run_match(tmp_path)
    assert code == 0
    matches = rows_of(out / "matches.csv")
    assert matches[0] == ["match_id", "left_id", "right_id", "amount_minor", "status", "rule", "score"]
    assert matches[1][1:4] == ["L1", "B1", "12050"]
    assert rows_of(out / "one_sided.csv")[0] == ["side", "id", "other_id", "kind", "status", "rule"]
    unmatched = rows_of(out / "unmatched.csv")
    assert unmatched[0] == ["side", "id", "reason", "nearest"]
    assert {row[1] for row in unmatched[1:]} == {"L2", "'=B2"}
    evidence = [json.loads(line) for line in (out / "evidence.jsonl").read_text().splitlines()]
    assert evidence[0]["rule"]
    assert evidence[0]["rules_version"] == read_rules(DEFAULT_RULES).version
    summary = json.loads((out / "summary.json").read_text())
    assert summary["residual_minor"] == {"XXX": 0}
    assert summary["unused_rules"]


def test_the_exit_code_says_that_rows_were_left_out(tmp_path: Path) -> None:
    code, out = run_match(tmp_path, bank=BANK + "B3,2026-03-04,oops,x\n")
    assert code == 3
    assert rows_of(out / "bad_rows.csv")[1][:3] == ["right", "r.csv", "4"]


def test_a_missing_file_is_exit_code_two_and_writes_nothing(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        APP, ["match", str(tmp_path / "no"), str(tmp_path / "no"), "--out", str(tmp_path / "o")]
    )
    assert result.exit_code == 2
    assert not (tmp_path / "o").exists()


def test_remittance_applies_payments_to_invoices(tmp_path: Path) -> None:
    invoices = written(
        tmp_path / "i.csv",
        "invoice_id,customer_name,invoice_date,due_date,amount\nINV-00101,Meyer Optik,2026-01-05,2026-02-05,100.00\n"
        "INV-00102,Meyer Optik,2026-01-06,2026-02-06,50.00\nINV-00103,Meyer Optik,2026-01-07,2026-02-07,70.00\n",
    )
    payments = written(
        tmp_path / "p.csv",
        "payment_id,payer_name,payment_date,amount\nP1,MEYER OPTIK,2026-02-01,150.00\nP2,MEYER OPTIK,2026-02-02,30.00\n"
        "P3,MEYER OPTIK,2026-02-03,100.00\n",
    )
    advice = written(
        tmp_path / "a.csv",
        'payment_id,invoice_ref,amount\nP1,"Inv 101, 102",150.00\nP2,INV-1O3,30.00\nP3,INV-00101,100.00\n',
    )
    out = tmp_path / "out"
    result = CliRunner().invoke(
        APP, ["match", str(invoices), str(payments), "--out", str(out), "--remittance", str(advice)]
    )
    assert result.exit_code == 0, result.output
    found = {(row[1], row[2]): int(row[3]) for row in rows_of(out / "matches.csv")[1:]}
    assert found == {("INV-00101", "P1"): 10000, ("INV-00102", "P1"): 5000, ("INV-00103", "P2"): 3000}
    assert [row[1] for row in rows_of(out / "unmatched.csv")[1:]] == ["P3"]  # a double payment stays on account
    assert json.loads((out / "summary.json").read_text())["residual_minor"] == {"XXX": 0}


def test_headers_of_an_installation_are_known_besides_ours_and_preferred(tmp_path: Path) -> None:
    own = written(tmp_path / "names.yaml", "amount: [Zahlbetrag netto]\n")
    headers = ["Datum", "Betrag", "Zahlbetrag netto"]
    before = by_header(headers)
    with own_names(own):
        assert by_header(headers).single["amount"] == 2
    assert by_header(headers) == before
    assert before.single["amount"] == 1
    wrong = written(tmp_path / "wrong.yaml", "amonut: [Zahlbetrag]\n")
    with (
        pytest.raises(FileInvalid, match=r"wrong\.yaml:1: amonut: is no entry here; did you mean amount"),
        own_names(wrong),
    ):
        pass


def test_a_profile_and_the_settings_name_rules_and_headers(tmp_path: Path) -> None:
    own = written(tmp_path / "rules.yaml", "version: 7\nrules:\n  - {name: a, shape: group}\n")
    names = written(tmp_path / "names.yaml", "amount: [Zahlbetrag]\n")
    by_settings = load_profile(None, Defaults(own, names))
    assert (by_settings.rules.version, by_settings.column_names) == ("7", names)
    profile = written(tmp_path / "p.yaml", "rules: rules.yaml\ncolumn_names: names.yaml\n")
    assert (load_profile(profile).rules.version, load_profile(profile).column_names) == ("7", names)
    missing = written(tmp_path / "q.yaml", "left: {}\nrules: nowhere.yaml\n")
    with pytest.raises(FileInvalid, match=r"q\.yaml:2: rules: is .*nowhere\.yaml, which is no file"):
        load_profile(missing)
