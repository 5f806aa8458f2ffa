"""Files as other people's programs write them, matched from end to end: what a finance person may expect of each."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from openpyxl import Workbook

from reconcile.engine.lines import Side
from reconcile.files.errors import FileUnreadable
from reconcile.files.profile import SideProfile, load_profile
from reconcile.files.reading import SideFile, read_side
from reconcile.files.run import run
from schemas.checks.sensitive.identity import mask_of
from schemas.files.owned import FileInvalid

Pairs = dict[str, tuple[str, str]]  # left id -> right id and status


def matched(tmp_path: Path, left: str, right: str, remittance: str = "") -> Pairs:
    paths = {"left.csv": left, "right.csv": right} | ({"advice.csv": remittance} if remittance else {})
    for name, text in paths.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    advice = tmp_path / "advice.csv" if remittance else None
    run(tmp_path / "left.csv", tmp_path / "right.csv", tmp_path / "out", None, advice, lambda *_: None)
    with (tmp_path / "out" / "matches.csv").open(newline="", encoding="utf-8") as file:
        return {row["left_id"]: (row["right_id"], row["status"]) for row in csv.DictReader(file)}


def read(tmp_path: Path, text: str, name: str = "f.csv") -> SideFile:
    (tmp_path / name).write_text(text, encoding="utf-8")
    return read_side(tmp_path / name, Side.LEFT)


# -- references -----------------------------------------------------------------------------------------------------


def test_a_number_of_a_year_is_one_however_it_is_joined_and_filled(tmp_path: Path) -> None:
    invoices = ["INV-2026/0012", "INV-2026/0112", "INV-2026/1200", "INV-2026/0120"]
    left = "id,date,amount,text\n" + "".join(f"{one},2026-11-01,500.00,x\n" for one in invoices)
    left = left.replace("id,", "invoice no,")
    texts = ["INV20260012", "INV 2026 112", "inv.2026-1200", "2026/120"]
    right = "date,amount,text\n" + "".join(f"2026-11-{10 + at},500.00,{text}\n" for at, text in enumerate(texts))
    found = matched(tmp_path, left, right)
    assert {one: pair[0] for one, pair in found.items()} == {
        one: f"row-{at}" for at, one in enumerate(invoices, start=2)
    }


def test_places_in_two_files_are_no_shared_ids(tmp_path: Path) -> None:
    found = matched(
        tmp_path,
        "date,amount,text\n2026-11-01,5.00,alpha\n2026-11-01,5.00,beta\n",
        "date,amount,text\n2026-11-01,5.00,beta\n2026-11-01,5.00,alpha\n",
    )
    assert {one: pair[0] for one, pair in found.items()} == {"row-2": "row-3", "row-3": "row-2"}
    assert "row2" not in (tmp_path / "out" / "evidence.jsonl").read_text()


# -- numbers that must not travel on --------------------------------------------------------------------------------

CARD = "4111111111111111"
CARD_SPACED = "4111 1111 1111 1111"
IBAN = "DE89370400440532013000"


def test_no_card_or_account_number_is_written_or_shown(tmp_path: Path) -> None:
    left = (
        f"id,date,amount,description,customer,Bank\n{CARD},2026-11-24,10.00,card {CARD_SPACED} order 881,Ann Lee,x\n"
        f"L2,2026-11-24,20.00,from {IBAN.lower()} order 882,{IBAN},{IBAN}\nL3,2026-11-24,bad {CARD},{CARD},Ann Lee,x\n"
        f"L4,{CARD},7.00,x,Ann Lee,x\n"
    )
    right = (
        f"date,amount,description\n2026-11-24,10.00,VISA {CARD} 881\n2026-11-24,20.00,Konto-Nr. 1234567890 882\n"
        "2026-11-24,99.00,acct 123456789012\n"
    )
    matched(tmp_path, left, right)
    written = "".join(path.read_text() for path in sorted((tmp_path / "out").iterdir()))
    for number in (CARD, CARD_SPACED, IBAN, IBAN.lower(), "1234567890", "123456789012", "411111"):
        assert number not in written
    assert "************1111" in written


def test_an_advice_that_names_a_payment_by_a_card_number_still_finds_it(tmp_path: Path) -> None:
    found = matched(
        tmp_path,
        "invoice_id,date,customer,amount\nRE-1001,2026-11-01,Ann Lee,50.00\n",
        f"payment_id,date,payer,amount\n{CARD},2026-11-05,ANN LEE,50.00\n",
        f"payment_id,invoice,amount\n{CARD},RE 1001,50.00\n",
    )
    assert found == {"RE-1001": (mask_of("4111111111111111"), "confirmed")}


# -- remittance -----------------------------------------------------------------------------------------------------

ITEMS = (
    "invoice id,due date,amount,customer\nRE-100,2026-11-01,500.00,Alpha\nRE-101,2026-11-02,300.00,Alpha\n"
    "GS-9001,2026-11-03,-100.00,Alpha\n"
)
ALL_OF_THEM = dict.fromkeys(("RE-100", "RE-101", "GS-9001"), ("P1", "confirmed"))


@pytest.mark.parametrize(
    "advice",
    [
        "payment id,invoice,amount\nP1,RE-100,500.00\nP1,RE 101,300.00\nP1,GS 9001,-100.00\n",
        "payment id,invoice,amount\nP1,RE-100,500.00\nP1,RE 101,300.00\nP1,GS 9001,100.00\n",
        'payment id,invoice\nP1,"RE-100, RE-101, GS-9001"\n',
        "payment id,invoice\nP1,RE-100\nP1,RE-101\nP1,GS-9001\n",
        "payment id,invoice,amount\n",
    ],
    ids=[
        "with a minus",
        "without a minus",
        "one list, no amounts",
        "rows without amounts",
        "in the payment's own text",
    ],
)
def test_a_credit_note_that_the_payer_names_is_set_off_in_full(tmp_path: Path, advice: str) -> None:
    text = "RE100 RE101 less GS9001"
    found = matched(tmp_path, ITEMS, f"payment id,date,amount,payer,text\nP1,2026-11-10,700.00,ALPHA,{text}\n", advice)
    assert found == ALL_OF_THEM


def test_a_credit_note_that_frees_more_than_the_invoices_take_is_left_open(tmp_path: Path) -> None:
    found = matched(
        tmp_path,
        ITEMS,
        "payment id,date,amount,payer\nP1,2026-11-10,500.00,ALPHA\n",
        'payment id,invoice\nP1,"RE-100, GS-9001"\n',
    )
    assert set(found) == {"RE-100"}


def test_an_advice_reports_numbers_of_one_year_apart(tmp_path: Path) -> None:
    found = matched(
        tmp_path,
        "invoice id,due date,amount,customer\nINV-2026/0012,2026-11-01,500.00,Alpha\n"
        "INV-2026/0112,2026-11-02,500.00,Alpha\nINV-2026/0013,2026-11-03,300.00,Alpha\n",
        "payment id,date,amount,payer\nP1,2026-11-10,500.00,ALPHA\nP2,2026-11-10,800.00,ALPHA\n",
        'payment id,invoice,amount\nP1,INV 2026 112,500.00\nP2,"2026/0012, 0013",800.00\n',
    )
    assert found == {
        "INV-2026/0112": ("P1", "confirmed"),
        "INV-2026/0012": ("P2", "confirmed"),
        "INV-2026/0013": ("P2", "confirmed"),
    }


# -- tables ---------------------------------------------------------------------------------------------------------


def test_a_report_with_titles_account_headings_and_totals_has_only_its_lines(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        'Acme Supply LLC\n"All Dates"\n\nDate,Transaction Type,Num,Name,Memo,Amount\nChecking 1010,,,,,\n'
        '11/24/2026,Payment,1001,"Smith, John",INV-7,"$1,250.00"\n11/23/2026,Check,1002,Ace,tools,($75.25)\n'
        'Total for Checking 1010,,,,,"$1,174.75"\nTOTAL,,,,,"$1,174.75"\n',
    )
    assert [line.amount_minor for line in found.lines] == [125000, -7525]
    assert not found.bad
    assert [note.partition(":")[0] for note in found.notes] == [
        "left out as totals or balances",
        "left out as headings and rows without date and amount",
    ]


def test_a_header_of_two_rows_with_merged_cells_is_read_as_both_words(tmp_path: Path) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (
        ["Open items"],
        [],
        ["Document", None, "Customer", None, "Amount", "Text"],
        ["No.", "Date", "No.", "Name", "EUR", None],
        ["RE-1001", 46345, 70001, "One Ltd", 1190.0, "delivery"],
        ["RE-1002", 46346, 70002, "Two Ltd", 238.0, "service"],
        [None, None, None, "Sum", 1428.0, None],
    ):
        sheet.append(row)
    sheet.merge_cells("A3:B3")
    sheet.merge_cells("C3:D3")
    book.save(tmp_path / "items.xlsx")
    found = read_side(tmp_path / "items.xlsx", Side.LEFT)
    assert [(line.id, str(line.on), line.counterparty, line.amount_minor, line.currency) for line in found.lines] == [
        ("RE-1001", "2026-11-19", "One Ltd", 119000, "EUR"),
        ("RE-1002", "2026-11-20", "Two Ltd", 23800, "EUR"),
    ]
    assert not found.bad


def test_spanish_short_headers_and_the_invoice_number_as_id(tmp_path: Path) -> None:
    found = read(
        tmp_path, "F. CONTABLE;F. VALOR;CONCEPTO;IMPORTE;Nº Factura\n25/11/2026;26/11/2026;X;1.500,00;F-26/91\n"
    )
    line = found.lines[0]
    assert (line.id, str(line.on), str(line.value_on), line.amount_minor) == (
        "F-26/91",
        "2026-11-25",
        "2026-11-26",
        150000,
    )


def test_repeated_ids_stay_ids_and_are_reported(tmp_path: Path) -> None:
    found = read(tmp_path, "id,date,amount\n1,2026-11-24,10.00\n1,2026-11-24,20.00\n2,2026-11-24,30.00\n")
    assert [line.id for line in found.lines] == ["1", "1#2", "2"]
    assert found.notes == ["lines whose id stands above them already: 1 ('1' became 1#2)"]


def test_a_sign_of_several_currencies_is_not_taken_for_the_columns_most_common_one(tmp_path: Path) -> None:
    found = read(tmp_path, 'date,amount\n2026-11-24,€10.00\n2026-11-24,"¥1,000"\n2026-11-24,$5.00\n2026-11-24,€7.00\n')
    assert [(line.amount_minor, line.currency) for line in found.lines] == [(1000, "EUR"), (700, "EUR")]
    assert [row.line for row in found.bad] == [3, 4]


def test_euros_in_words_name_the_currency(tmp_path: Path) -> None:
    found = read(tmp_path, "Date;Libellé;Débit euros;Crédit euros\n25/11/2026;VIR;;1 234,50\n")
    assert (found.lines[0].amount_minor, found.lines[0].currency) == (123450, "EUR")


# -- days without a year --------------------------------------------------------------------------------------------

OVER_NEW_YEAR = ["2026-12-30", "2027-01-02"]


@pytest.mark.parametrize(
    "text",
    [
        "Zeitraum;28.12.2026;bis;10.01.2027\nDatum;Text;Betrag\n30.12.;a;10,00\n02.01.;b;20,00\n",
        "Period: Dec 28, 2026 to Jan 10, 2027\nDate,Text,Amount\n12/30,a,10.00\n01/02,b,20.00\n",
        "Account from 2026-12-28\nDate,Text,Amount\n30 Dec,a,10.00\n2 Jan,b,20.00\n",
    ],
)
def test_a_day_without_a_year_is_of_the_period_above_the_table(tmp_path: Path, text: str) -> None:
    found = read(tmp_path, text)
    assert [str(line.on) for line in found.lines] == OVER_NEW_YEAR
    assert any("dates have no year" in note for note in found.notes)


def test_a_day_without_a_year_is_refused_unless_the_profile_gives_a_period(tmp_path: Path) -> None:
    text = "Years 2025 and 2026\nDate,Text,Amount\n12/30,a,10.00\n01/02,b,20.00\n"
    with pytest.raises(FileUnreadable, match="has no year; give the profile a period"):
        read(tmp_path, text)
    profile = SideProfile(period="2026-12-28/2027-01-10")
    found = read_side(tmp_path / "f.csv", Side.LEFT, profile)
    assert [str(line.on) for line in found.lines] == OVER_NEW_YEAR


def test_a_period_that_is_none_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("left:\n  period: soon\n")
    with pytest.raises(FileInvalid, match=r"p\.yaml:2: left\.period: is 'soon'; write 2026-12-01"):
        load_profile(tmp_path / "p.yaml")


# -- more of the kind -----------------------------------------------------------------------------------------------


def test_a_header_that_comes_again_on_every_page_is_no_bad_row(tmp_path: Path) -> None:
    found = read(tmp_path, "Date,Text,Amount\n11/24/2026,a,5.00\nDate,Text,Amount\n11/25/2026,b,6.00\n")
    assert [line.amount_minor for line in found.lines] == [500, 600]
    assert not found.bad


def test_headers_of_sap_lists_and_with_a_polish_l(tmp_path: Path) -> None:
    sap = read(tmp_path, "Posting Date,Vendor,Ref,Amt in loc.cur.,Curr.\n2026-11-24,Ace,INV-1,12.50,EUR\n")
    polish = read(tmp_path, "Data operacji;Tytuł;Kwota;Waluta\n2026-11-24;CZEK;1 250,00;EUR\n", "g.csv")
    assert [line.amount_minor for line in (*sap.lines, *polish.lines)] == [1250, 125000]
    assert polish.lines[0].text == "CZEK"


def test_a_number_with_two_digits_of_the_year(tmp_path: Path) -> None:
    left = "id,date,amount,invoice\n" + "".join(f"{at},2026-11-01,500.00,F-26/0009{at}\n" for at in (1, 2, 3))
    right = "date,amount,text\n" + "".join(f"2026-11-04,500.00,F260009{at}\n" for at in (3, 1, 2))
    found = matched(tmp_path, left, right)
    assert {one: pair[0] for one, pair in found.items()} == {"1": "row-3", "2": "row-4", "3": "row-2"}


def test_amounts_in_cents_beside_amounts_in_euros_are_reported(tmp_path: Path) -> None:
    matched(
        tmp_path,
        "id,date,amount\n1,2026-11-24,125000\n2,2026-11-24,7525\n",
        "id,date,amount\nA,2026-11-24,1250.00\nB,2026-11-24,75.25\n",
    )
    assert "seem to be cents" in (tmp_path / "out" / "summary.json").read_text()
