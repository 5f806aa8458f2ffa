"""Tables as banks, ledgers and gateways export them: what is decided for a whole column, and what is no line."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from reconcile.engine.lines import Side
from reconcile.files import tables
from reconcile.files.columns import by_header
from reconcile.files.encoding import decoded, encoding_of
from reconcile.files.errors import FileUnreadable
from reconcile.files.profile import SideProfile, load_profile
from reconcile.files.reading import SideFile, one_currency, read_side
from reconcile.files.values import BadValue, amount_minor, currency_in, date_order, money, read_date
from schemas.files.owned import FileInvalid


def read(tmp_path: Path, content: str | bytes, name: str = "f.csv", profile: SideProfile | None = None) -> SideFile:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_side(path, Side.RIGHT, profile)


def amounts(found: SideFile) -> list[int]:
    return [line.amount_minor for line in found.lines]


# -- amounts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "mark", "minor"),
    [
        ("1,23,456.78", ".", 12345678),
        ("1'234.50", ".", 123450),
        ("1\u2019234.50", ".", 123450),
        ("1 234,50", ",", 123450),
        ("1\u202f234,50 \u20ac", ",", 123450),
        ("12.50-", ".", -1250),
        ("(12.50)", ".", -1250),
        ("$(12.50)", ".", -1250),
        ("\u221212.50", ".", -1250),
        ("\u201412.50", ".", -1250),
        ("- 12.50", ".", -1250),
        ("-$12.50", ".", -1250),
        ("Rs. 12.50", ".", 1250),
        ("12,50 K\u010d", ",", 1250),
        ("z\u0142 12,50", ",", 1250),
        ("\u200e12.50", ".", 1250),
        ("12.50 DR", ".", -1250),
        ("12,50 S", ",", -1250),
        ("0012", ".", 1200),
    ],
)
def test_amounts_of_many_desks(written: str, mark: str, minor: int) -> None:
    assert amount_minor(written, mark, "EUR") == minor


@pytest.mark.parametrize(("written", "mark"), [("12,5", "."), ("1,2345.00", "."), ("12.50", ","), ("1.23.4", ",")])
def test_a_number_that_breaks_its_columns_decimal_mark_is_never_guessed(written: str, mark: str) -> None:
    with pytest.raises(BadValue, match="does not fit"):
        amount_minor(written, mark, "EUR")


@pytest.mark.parametrize("value", [1e308, float("nan"), Decimal("1e99999"), 10**400])
def test_numbers_that_money_cannot_have(value: Any) -> None:
    with pytest.raises(BadValue):
        amount_minor(value, ".", "EUR")


def test_money_is_shown_as_people_write_it() -> None:
    assert [money(-123456, "EUR"), money(5, "KWD"), money(1234567, "JPY")] == ["-1,234.56", "0.005", "1,234,567"]


def test_the_currency_beside_the_number_counts(tmp_path: Path) -> None:
    text = "date,amount\n2026-03-02,12.00 EUR\n2026-03-03,USD 5.00\n2026-03-04,7.00\n"
    assert [line.currency for line in read(tmp_path, text).lines] == ["EUR", "USD", "EUR"]
    assert [currency_in(cell) for cell in ("\u00a35", "$5", 5, "12 abc")] == ["GBP", "", "", ""]


def test_a_debit_column_of_negative_numbers_and_one_with_a_reversal(tmp_path: Path) -> None:
    negative = "date,debit,credit\n2026-03-02,-5.00,\n2026-03-03,-6.00,\n2026-03-04,1.00,\n2026-03-05,-,2.00\n"
    assert amounts(read(tmp_path, negative)) == [-500, -600, 100, 200]
    positive = "date,debit,credit\n2026-03-02,5.00,\n2026-03-03,6.00,\n2026-03-04,-1.00,\n"
    assert amounts(read(tmp_path, positive)) == [-500, -600, 100]


# -- dates ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "first"),
    [
        (["03/04/2026", "25/04/2026"], date(2026, 4, 3)),
        (["03/04/2026", "04/25/2026"], date(2026, 3, 4)),
        (["03.04.26"], date(2026, 4, 3)),
        (["26-03-04", "26-03-29", "26-04-01"], date(2026, 3, 4)),
        (["2026. 03. 04."], date(2026, 3, 4)),
        (["2026-03-04T23:30:00+02:00"], date(2026, 3, 4)),
        (["2026\u5e743\u67084\u65e5"], date(2026, 3, 4)),
        (["4 maj 2026"], date(2026, 5, 4)),
        (["04.03.99"], date(1999, 3, 4)),
        ([46085], date(2026, 3, 4)),
        (["46085"], date(2026, 3, 4)),
    ],
)
def test_dates_by_their_whole_column(column: list[Any], first: date) -> None:
    assert read_date(column[0], date_order(column)) == first


def test_a_date_order_that_nothing_proves_is_reported(tmp_path: Path) -> None:
    text = "date,amount\n03/04/2026,1.00\n"
    assert "no value proves" in read(tmp_path, text).notes[0]
    known = read(tmp_path, text, profile=SideProfile(date_format="%d/%m/%Y"))
    assert (known.notes, known.lines[0].on) == ([], date(2026, 4, 3))


# -- what is a line -------------------------------------------------------------------------------------------------


def test_preamble_totals_and_second_lines_of_text(tmp_path: Path) -> None:
    text = (
        "My bank;;;\nKonto;4711;;\n\nDatum;Text;Betrag;Saldo\n;Anfangssaldo;;100,00\n"
        "02.03.2026;Miete;-50,00;50,00\n;fuer April;;\n03.03.2026;Kunde;1.000,00;1.050,00\n\n"
        "Summe;;950,00;\n;Endsaldo;;1.050,00\n;Alle Angaben ohne Gewaehr;;\n"
    )
    found = read(tmp_path, text)
    assert [(line.amount_minor, line.text) for line in found.lines] == [(-5000, "Miete fuer April"), (100000, "Kunde")]
    assert found.bad == []
    assert "totals or balances: 3 (line 5, 10, 11)" in found.notes[0]
    assert "without date and amount: 1 (line 12)" in found.notes[1]


def test_a_total_without_a_label_in_the_date_is_not_a_line(tmp_path: Path) -> None:
    found = read(tmp_path, "date,text,amount\n2026-03-02,a,1.00\n2026-03-03,b,2.00\n,Total,3.00\n")
    assert amounts(found) == [100, 200]


def test_a_name_that_holds_such_a_word_is_a_line(tmp_path: Path) -> None:
    text = (
        "date,name,amount\n2026-03-02,Meyer,1.00\n,Total Energies SE,2.00\n,New Balance Ltd,3.00\n,Grand total:,6.00\n"
    )
    assert amounts(read(tmp_path, text)) == [100, 200, 300]
    assert amounts(read(tmp_path, "date,name,text,amount\n2026-03-02,a,b,1.00\n,Meyer,Saldo,2.00\n")) == [100, 200]


def test_columns_without_header_are_reported_by_their_values(tmp_path: Path) -> None:
    text = "02.03.2026;Miete;-50,00;50,00;EUR\n03.03.2026;Kunde;10,00;60,00;EUR\n04.03.2026;Bank;-1,00;59,00;EUR\n"
    found = read(tmp_path, text)
    assert next((line.amount_minor, line.currency, line.text) for line in found.lines) == (-5000, "EUR", "Miete")
    assert found.notes[0].startswith("no header row")
    with pytest.raises(FileUnreadable, match="header"):
        read(tmp_path, "02.03.2026;a;-50,00;51,00\n03.03.2026;b;10,00;60,00\n")  # two columns of amounts: which one?


def test_a_profile_may_name_columns_by_number(tmp_path: Path) -> None:
    text = "when,,what\n2026-03-02,5.00,x\n2026-03-03,6.00,y\n"
    profile = SideProfile(columns={"date": ("1",), "amount": ("2",), "text": ("what",)})
    with pytest.raises(FileUnreadable):
        read(tmp_path, text)
    header = "date,value,what\n"
    assert amounts(read(tmp_path, header + text.split("\n", 1)[1], profile=profile)) == [500, 600]


def test_headers_of_two_rows_and_the_fuller_date(tmp_path: Path) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["Date", "Text", "Amount", None], [None, None, "Debit", "Credit"], ["2026-03-02", "x", 5, None]):
        sheet.append(row)
    sheet.merge_cells("C1:D1")
    book.save(tmp_path / "f.xlsx")
    assert amounts(read_side(tmp_path / "f.xlsx", Side.RIGHT)) == [-500]
    text = "Booking date,Run date,amount\n,2026-03-02,1.00\n,2026-03-03,2.00\n"
    assert read(tmp_path, text).lines[1].on == date(2026, 3, 3)


def test_other_amount_columns_are_named(tmp_path: Path) -> None:
    found = read(tmp_path, "Date,Gross,Fee,Net\n2026-03-02,10.00,-0.30,9.70\n")
    assert amounts(found) == [970]
    assert found.notes == ["amounts are those of 'Net', not of 'Gross'"]


def test_an_account_number_names_nobody(tmp_path: Path) -> None:
    text = "Date,Amount,Counterparty,Name\n2026-03-02,1.00,NL91ABNA0417164300,Jansen BV\n"
    assert read(tmp_path, text).lines[0].counterparty == "Jansen BV"


# -- encodings ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Müller, Straße, déjà vu, cañón", "cp1252"),
        ("Дата операции;Сумма", "cp1251"),
        ("Číslo účtu;Částka;Datum zaúčtování", "cp1250"),
        ("wpłata własna; złoty", "cp1250"),
        ("Gebühr für März", "cp850"),
        ("Größe", "utf-8"),
    ],
)
def test_encodings_are_reported_by_bytes_that_only_one_explains(tmp_path: Path, text: str, encoding: str) -> None:
    path = tmp_path / "f"
    path.write_bytes(text.encode(encoding))
    assert encoding_of(path) == encoding
    assert decoded(path.read_bytes()) == text


def test_other_scripts_have_headers_too(tmp_path: Path) -> None:
    found = read(
        tmp_path, "Дата операции;Приход;Расход;Валюта\n02.03.2026;5,00;;RUB\n03.03.2026;;6,00;RUB\n".encode("cp1251")
    )
    assert [(line.amount_minor, line.currency) for line in found.lines] == [(500, "RUB"), (-600, "RUB")]


# -- JSON, Parquet, XLSX --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "document",
    [
        [{"id": "a", "date": "2026-03-02", "amount": {"value": "5.00", "currency": "EUR"}}],
        {"data": [{"id": "a", "date": "2026-03-02", "amount": "5.00", "currency": "EUR", "fees": [{"amount": 1}]}]},
        {"accounts": [{"transactions": {"booked": [{"id": "a", "date": "2026-03-02", "amount": "5.00 EUR"}],
                                        "pending": [{"id": "b", "date": "2026-03-02", "amount": "9.00 EUR"}]}}]},
    ],
)  # fmt: skip
@pytest.mark.parametrize("indent", [None, 2])
def test_json_documents_with_a_list_inside(tmp_path: Path, document: Any, indent: int | None) -> None:
    lines = read(tmp_path, json.dumps(document, indent=indent), "f.json").lines
    assert [(line.id, line.amount_minor, line.currency) for line in lines] == [("a", 500, "EUR")]


def test_statements_in_one_document_lose_no_line(tmp_path: Path) -> None:
    rows = [[{"id": f"{at}-{one}", "date": "2026-03-02", "amount": 1} for one in range(3 - at)] for at in range(2)]
    found = read(tmp_path, json.dumps([{"transactions": one} for one in rows], indent=1), "f.json")
    assert [line.id for line in found.lines] == ["0-0", "0-1", "0-2", "1-0", "1-1"]


def test_json_lines_go_on_after_a_broken_one(tmp_path: Path) -> None:
    text = '{"date":"2026-03-02","amount":1e99999}\n{broken\n{"date":"2026-03-02","amount":5.25}\n[1]\n'
    found = read(tmp_path, text, "f.jsonl")
    assert (amounts(found), [row.line for row in found.bad]) == ([525], [1, 2, 4])


def test_parquet_decimals_zones_and_structs(tmp_path: Path) -> None:
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    table = arrow.table(
        {
            "id": arrow.array(["a"], arrow.large_string()),
            "date": arrow.array([datetime(2026, 3, 2, 23, 30, tzinfo=UTC)], arrow.timestamp("us", tz="Europe/Berlin")),
            "amount": arrow.array([Decimal("12.50")], arrow.decimal128(18, 4)),
            "text": [{"one": "x", "two": "y"}],
        }
    )
    parquet.write_table(table, tmp_path / "f.parquet")
    line = read_side(tmp_path / "f.parquet", Side.RIGHT).lines[0]
    assert (line.amount_minor, line.on, line.text) == (1250, date(2026, 3, 3), "x y")


def test_several_sheets_are_reported_and_the_name_of_a_file_does_not_matter(tmp_path: Path) -> None:
    book = Workbook()
    for name in ("Notes", "March", "April"):
        sheet = book.create_sheet(name)
        for row in (["just", "words"],) if name == "Notes" else (["date", "amount"], [date(2026, 3, 2), 5]):
            sheet.append(row)
    book.save(tmp_path / "f.xlsx")
    found = read(tmp_path, (tmp_path / "f.xlsx").read_bytes(), "export.dat")
    assert (amounts(found), found.notes) == (
        [500],
        ["sheet 'March' was read; ['April'] look like tables too (a profile names a sheet)"],
    )
    assert len(read(tmp_path, (tmp_path / "f.xlsx").read_bytes(), "x", SideProfile(sheet="April")).lines) == 1
    with pytest.raises(FileUnreadable, match="no sheet 'May'"):
        read(tmp_path, (tmp_path / "f.xlsx").read_bytes(), "x", SideProfile(sheet="May"))


def test_hidden_rows_count_and_formulas_without_a_saved_value_are_explained(tmp_path: Path) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["date", "amount"], [date(2026, 3, 2), 5], [date(2026, 3, 3), "=1+1"], [date(2026, 3, 4), 7]):
        sheet.append(row)
    sheet.row_dimensions[4].hidden = True
    book.save(tmp_path / "f.xlsx")
    found = read_side(tmp_path / "f.xlsx", Side.RIGHT)
    assert (amounts(found), [row.line for row in found.bad]) == ([500, 700], [3])
    assert "formula" in found.notes[0]


def test_a_packed_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "BOMB_FROM", 100_000)
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["date", "amount", "A" * 30_000])
    for _ in range(20):
        sheet.append(["A" * 30_000] * 5)
    book.save(tmp_path / "f.xlsx")
    with pytest.raises(FileUnreadable, match="too many"):
        read_side(tmp_path / "f.xlsx", Side.RIGHT)


# -- hostile --------------------------------------------------------------------------------------------------------


def test_a_quote_that_nobody_closed_is_a_bad_row_and_not_silence(tmp_path: Path) -> None:
    rows = "".join(f"{at},2026-03-02,1.00,x\n" for at in range(300))
    found = read(tmp_path, f'id,date,amount,text\na,2026-03-02,1.00,x\nb,2026-03-02,1.00,"open\n{rows}')
    assert len(found.lines) == 1
    assert "takes lines 3 to 303" in found.bad[0].reason


def test_a_row_of_a_thousand_cells_and_zero_bytes(tmp_path: Path) -> None:
    found = read(tmp_path, f"id,date,amount\n1,2026-03-02,1.00{',x' * 100_000}\n2\x00,2026-03-02,2.00\n")
    assert ([line.id for line in found.lines], [row.line for row in found.bad]) == (["2"], [2])


def test_more_rows_than_memory_is_good_for_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "LARGEST_TABLE", 100)
    with pytest.raises(FileUnreadable, match="more than 100 rows"):
        read(tmp_path, "date,amount\n" + "2026-03-02,1.00\n" * 101)


def test_the_sample_of_a_long_table_is_small_and_even(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text("id,date,amount\n" + "".join(f"{at},2026-03-02,{at}.00\n" for at in range(25_000)))
    table = tables.read_table(path, "csv")
    assert table.count == 25_000
    assert tables.SAMPLE <= len(table.sample) <= 2 * tables.SAMPLE
    assert int(table.sample[-1][0]) > 24_900
    assert sum(1 for _ in table.each()) == sum(1 for _ in table.each()) == 25_000


@pytest.mark.parametrize("kind", ["directory", "pipe", "nowhere", "archive"])
def test_what_is_no_file_of_ours_is_refused(tmp_path: Path, kind: str) -> None:
    import os
    import zipfile

    path = tmp_path / kind
    if kind == "directory":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "archive":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.csv", "date,amount\n")
    with pytest.raises(FileUnreadable) as refused:
        read_side(path, Side.RIGHT)
    assert refused.value.remedy


def test_no_currency_against_several_is_reported(tmp_path: Path) -> None:
    several = read(tmp_path, "date,amount,currency\n2026-03-02,1.00,EUR\n2026-03-02,1.00,USD\n")
    bare = read(tmp_path, "date,amount\n2026-03-02,1.00\n")
    one_currency(several, bare)
    assert "EUR, USD" in bare.notes[0]


def test_a_profile_says_every_mistake_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    path.write_text('left:\n  currency: EURO\n  decimal: "."\nright:\n  sign: 2\n')
    with pytest.raises(FileInvalid) as refused:
        load_profile(path)
    assert [str(problem).split(": ")[0] for problem in refused.value.problems] == [f"{path}:2", f"{path}:5"]
    (tmp_path / "rules.yaml").write_bytes(b"\x80\xff")
    path.write_text("rules: rules.yaml\n")
    with pytest.raises(FileInvalid, match="UTF-8"):
        load_profile(path)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (
            "created,available_on,currency,gross,fee,net,automatic_payout_id",
            {"amount": "net", "batch_key": "automatic_payout_id"},
        ),
        (
            "Creation Date,Gross Currency,Gross Debit (GC),Net Currency,Net Debit (NC),Net Credit (NC)",
            {"debit": "Net Debit (NC)", "credit": "Net Credit (NC)", "currency": "Net Currency"},
        ),
        ("Date,Payee,Amount (EUR),Amount (Foreign Currency),Type Foreign Currency", {"amount": "Amount (EUR)"}),
        (
            "Posting Date,Amount in local currency,Local Currency",
            {"amount": "Amount in local currency", "currency": "Local Currency"},
        ),
        (
            "Date,Narration,Chq./Ref.No.,Value Dt,Withdrawal Amt.,Deposit Amt.",
            {"debit": "Withdrawal Amt.", "value_date": "Value Dt"},
        ),
        ("Datum,Gutschrift in CHF,Lastschrift in CHF", {"credit": "Gutschrift in CHF", "debit": "Lastschrift in CHF"}),
        (
            "Umsatz (ohne Soll/Haben-Kz),Soll/Haben-Kennzeichen,WKZ Umsatz,Belegdatum",
            {"amount": "Umsatz (ohne Soll/Haben-Kz)", "indicator": "Soll/Haben-Kennzeichen", "currency": "WKZ Umsatz"},
        ),
        (
            "Date,amount value,amount currency,Payment Method Name",
            {"amount": "amount value", "currency": "amount currency"},
        ),
        ("\u65e5\u4ed8,\u51fa\u91d1,\u5165\u91d1", {"date": "\u65e5\u4ed8", "debit": "\u51fa\u91d1"}),
    ],
)
def test_headers_of_banks_gateways_and_ledgers(headers: str, expected: dict[str, str]) -> None:
    names = headers.split(",")
    found = {meaning: names[at] for meaning, at in by_header(names).single.items()}
    assert {meaning: found.get(meaning) for meaning in expected} == expected
    assert "Payment Method Name" not in found.values()
    assert "Foreign" not in found.get("currency", "")


def test_valuta_is_a_date_or_a_currency_by_what_stands_there(tmp_path: Path) -> None:
    italian = read(tmp_path, "Data,Importo,Valuta\n02/03/2026,5.00,USD\n25/03/2026,6.00,USD\n")
    assert [line.currency for line in italian.lines] == ["USD", "USD"]
    german = read(tmp_path, "Datum;Betrag;Valuta\n02.03.2026;5,00;03.03.2026\n")
    assert german.lines[0].value_on == date(2026, 3, 3)
