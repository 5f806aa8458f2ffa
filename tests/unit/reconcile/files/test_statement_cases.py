"""Bank statements read by their formats' grammar: what is booked, corrections, accounts, identity."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconcile.engine.lines import Side
from reconcile.files.bank_lines import Selection, read_bank_lines
from reconcile.files.errors import FileUnreadable
from reconcile.files.profile import SideProfile
from reconcile.files.reading import SideFile, read_side
from tests.support.files import handed_in

CASES = Path(__file__).parent / "cases"
SEEN = datetime(2026, 11, 26, 7, tzinfo=UTC)


def case(name: str) -> SideFile:
    return read_side(CASES / name, Side.RIGHT)


def read(tmp_path: Path, text: str | bytes, profile: SideProfile | None = None) -> SideFile:
    path = tmp_path / "statement"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_side(path, Side.RIGHT, profile)


def amounts(found: SideFile) -> list[int]:
    return [line.amount_minor for line in found.lines]


def imported(path: Path, bank_account: str = "") -> set[str]:
    selection = Selection("main", "giro", "EUR", bank_account=bank_account)
    return {line.bank_line_id for line in read_bank_lines(handed_in(path, SEEN), selection).lines}


# -- BAI2 -----------------------------------------------------------------------------------------------------------


def bai2(*records: str, group: str = "USD") -> str:
    head = ("01,BANK,ME,260303,0600,1,,,2/", f"02,ME,BANK,1,260302,,{group},2/", "03,123456,,010,0,,/")
    return "\n".join((*head, *records, ""))


def test_records_of_account_status_are_no_money(tmp_path: Path) -> None:
    found = case("bai2-account-status-codes-in-16/status.bai")
    assert (amounts(found), found.bad) == ([500_00], [])
    assert any("no money, left out: 2" in note for note in found.notes)
    found = read(tmp_path, bai2("16,919,5,,,/", "16,920,6,,,/", "16,959,7,,,/", "16,960,8,,,/", "16,010,9,,,/"))
    assert amounts(found) == [6, 7, -8]


def test_a_continuation_before_the_text_begins_a_new_field(tmp_path: Path) -> None:
    found = read(tmp_path, bai2("16,195,10000,V,261124", "88,1200,REF-9,CUST-7", "88,BATCH 571", "88,OF NOVEMBER"))
    (line,) = found.lines
    assert (line.references, str(line.value_on)) == (("REF-9", "CUST-7"), "2026-11-24")
    assert line.text.startswith("BATCH 571 OF NOVEMBER")


def test_a_day_in_a_text_begins_no_record(tmp_path: Path) -> None:
    found = read(tmp_path, bai2("16,195,10000,Z,B1,C1,DATED 11/16,BATCH 571/", "16,475,5,Z,B2,C2,ON 10/03,PAID/"))
    assert (amounts(found), found.bad) == ([10000, -5], [])
    assert "BATCH 571" in found.lines[0].text


# -- OFX ------------------------------------------------------------------------------------------------------------


def ofx(*entries: str, account: str = "111222", head: str = "<CURDEF>USD") -> str:
    rows = "\n".join(f"<STMTTRN>{one}</STMTTRN>" for one in entries)
    return (
        f"<STMTTRNRS><STMTRS>{head}<BANKACCTFROM><BANKID>1<ACCTID>{account}</BANKACCTFROM><BANKTRANLIST>\n{rows}"
        "</BANKTRANLIST></STMTRS></STMTTRNRS>"
    )


def whole(*statements: str) -> str:
    return f"OFXHEADER:100\nDATA:OFXSGML\n\n<OFX><BANKMSGSRSV1>{''.join(statements)}</BANKMSGSRSV1></OFX>"


def entry(amount: str, fitid: str, kind: str = "OTHER", more: str = "") -> str:
    return f"<TRNTYPE>{kind}<DTPOSTED>20261124<TRNAMT>{amount}<FITID>{fitid}{more}"


def test_corrections_replace_and_delete_what_they_name(tmp_path: Path) -> None:
    found = case("ofx-corrections/corr.ofx")
    assert (amounts(found), found.bad) == ([-53_87, -20_00], [])
    assert any("left out: 3" in note for note in found.notes)
    chain = (
        entry("-1.00", "A"),
        entry("-2.00", "B", more="<CORRECTFITID>A<CORRECTACTION>REPLACE"),
        entry("-3.00", "C", more="<CORRECTFITID>B<CORRECTACTION>REPLACE"),
    )
    assert amounts(read(tmp_path, whole(ofx(*chain)))) == [-3_00]


def test_a_correction_of_an_entry_that_is_not_there_is_reported(tmp_path: Path) -> None:
    found = read(tmp_path, whole(ofx(entry("-2.00", "B", more="<CORRECTFITID>OLD<CORRECTACTION>REPLACE"))))
    assert (amounts(found), len(found.bad)) == ([], 1)
    assert "OLD, which is not in this file" in found.bad[0].reason


def test_an_entry_ends_with_its_statement_if_no_end_tag_stands_there(tmp_path: Path) -> None:
    def statement(account: str) -> str:
        open_end = f"<CURDEF>USD<BANKACCTFROM><ACCTID>{account}</BANKACCTFROM><STMTTRN>{entry('1.00', 'A')}<NAME>Shop"
        return f"<STMTRS>{open_end}<LEDGERBAL><BALAMT>7</LEDGERBAL></STMTRS>"

    lines = read(tmp_path, whole(statement("111222"), statement("333444"))).lines
    assert [(line.amount_minor, line.account, line.counterparty) for line in lines] == [
        (1_00, "..1222", "Shop"),
        (1_00, "..3444", "Shop"),
    ]


def test_a_correction_counts_in_its_own_account(tmp_path: Path) -> None:
    other = ofx(entry("-9.00", "B", more="<CORRECTFITID>A<CORRECTACTION>DELETE"), account="333444")
    found = read(tmp_path, whole(ofx(entry("-1.00", "A")), other))
    assert (amounts(found), len(found.bad)) == ([-1_00], 1)


def test_the_direction_stands_in_the_type_where_no_amount_has_a_sign(tmp_path: Path) -> None:
    found = read(
        tmp_path, whole(ofx(entry("5.00", "1", "CREDIT"), entry("3.00", "2", "DEBIT"), entry("2.00", "3", "XFER")))
    )
    assert amounts(found) == [5_00, -3_00]
    assert "neither a sign nor the type" in found.bad[0].reason
    assert any("TRNTYPE" in note for note in found.notes)
    signed = read(tmp_path, whole(ofx(entry("5.00", "1", "DEBIT"), entry("-3.00", "2", "DEBIT"))))
    assert amounts(signed) == [5_00, -3_00]
    assert any("the sign counts: 1" in note for note in signed.notes)


def test_comments_are_no_entries_and_a_smaller_sign_ends_no_value(tmp_path: Path) -> None:
    text = whole(
        f"<!-- <STMTTRN>{entry('99.00', 'X')}</STMTTRN> -->"
        + ofx(entry("1.00", "A", more="<MEMO>paid < 5 days, <fast>"), "<!-- a\nb -->" + entry("none", "B"))
    )
    found = read(tmp_path, text)
    assert amounts(found) == [1_00]
    assert found.lines[0].text == "paid < 5 days,"
    assert [row.line for row in found.bad] == [6]


# -- several accounts -----------------------------------------------------------------------------------------------


def test_a_file_of_two_accounts_is_imported_one_account_at_a_time(tmp_path: Path) -> None:
    path = CASES / "import-bank-file-of-two-accounts/two.sta"
    with pytest.raises(FileUnreadable, match=r"several accounts; its accounts end in \.\.1111, \.\.1222.*--bank-acc"):
        imported(path)
    assert len(imported(path, "111")) == len(imported(path, "1222")) == 1
    with pytest.raises(FileUnreadable, match="no accounts that end in '999'"):
        imported(path, "999")
    assert any("2 accounts" in note for note in read_side(path, Side.LEFT).notes)


@pytest.mark.parametrize(
    "text",
    [
        whole(ofx(entry("1.00", "A")), ofx(entry("1.00", "A"), account="999888")),
        bai2("16,165,5,,,/", "49,5,2/", "03,777888,,010,0,,/", "16,165,5,,,/"),
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.02"><BkToCstmrStmt>'
        + "".join(
            f"<Stmt><Acct><Id><Othr><Id>{number}</Id></Othr></Id></Acct><Ntry><Amt Ccy='EUR'>1.00</Amt><CdtDbtInd>CRDT"
            "</CdtDbtInd><Sts>BOOK</Sts><BookgDt><Dt>2026-11-24</Dt></BookgDt></Ntry></Stmt>"
            for number in ("123456", "777888")
        )
        + "</BkToCstmrStmt></Document>",
    ],
)
def test_each_kind_of_statement_names_its_accounts(tmp_path: Path, text: str) -> None:
    assert len({line.account for line in read(tmp_path, text).lines}) == 2
    with pytest.raises(FileUnreadable, match="several accounts"):
        imported(tmp_path / "statement")
    assert len(imported(tmp_path / "statement", "888")) == 1


# -- the same line --------------------------------------------------------------------------------------------------


def test_a_line_is_the_same_in_the_files_of_the_day_and_of_the_week() -> None:
    folder = CASES / "camt-running-entry-numbers"
    days = imported(folder / "day1.xml") | imported(folder / "day2.xml")
    assert (len(days), imported(folder / "week.xml")) == (3, days)


def test_a_line_is_the_same_during_the_day_and_after_it() -> None:
    folder = CASES / "camt-running-entry-numbers"
    assert imported(folder / "intraday.xml") == imported(folder / "endofday.xml") == imported(folder / "endofday.sta")


@pytest.mark.parametrize("number", ["{}", "1000{}", "00100{}", "20261124-000{}"])
def test_running_numbers_of_a_table_report_no_line_apart(tmp_path: Path, number: str) -> None:
    head, rows = "Date,Document No,Description,Amount\n", ["2026-11-23,{},RENT,-5.00", "2026-11-24,{},PAYTRACE,7.00"]
    day, week = tmp_path / "day.csv", tmp_path / "week.csv"
    day.write_text(head + rows[1].format(number.format(1)) + "\n")
    week.write_text(head + rows[0].format(number.format(1)) + "\n" + rows[1].format(number.format(2)) + "\n")
    assert imported(day) < imported(week)


# -- profile and decimals -------------------------------------------------------------------------------------------


def test_currency_and_encoding_of_a_profile_count_for_statements(tmp_path: Path) -> None:
    sta = ":20:A\n:25:DE1/111\n:61:2611241124C5,00NTRFNONREF\n:86:M\u0159\u00ed\u017e\n-\n"
    found = read(tmp_path, sta.encode("cp1250"), SideProfile(currency="CZK", encoding="cp1250"))
    assert [(line.currency, line.amount_minor, line.text) for line in found.lines] == [
        ("CZK", 500, "M\u0159\u00ed\u017e")
    ]
    assert read(tmp_path, bai2("16,165,5,,,/", group=""), SideProfile(currency="CAD")).lines[0].currency == "CAD"
    found = read(tmp_path, whole(ofx(entry("5.00", "1"), head="")), SideProfile(currency="GBP"))
    assert found.lines[0].currency == "GBP"
    with pytest.raises(FileUnreadable, match="unknown encoding"):
        read(tmp_path, sta, SideProfile(encoding="klingon"))


def test_decimals_of_a_currency_are_those_of_iso_4217() -> None:
    for name in ("ledger.csv", "rsd.sta"):
        found = case(f"currency-decimals-rsd/{name}")
        assert (sorted(amounts(found)), found.bad) == ([-100_00, 1234_50], [])
