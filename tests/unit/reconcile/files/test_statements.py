"""Bank statements in the dialects of banks: signs, dates, references, balances, and what one bad entry costs."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from reconcile.engine.lines import Line, Side
from reconcile.files.errors import BadRow, FileUnreadable
from reconcile.files.masking import masked
from reconcile.files.reading import SideFile, read_side


def read(tmp_path: Path, content: str | bytes, encoding: str = "utf-8") -> SideFile:
    path = tmp_path / "statement"
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return read_side(path, Side.RIGHT)


# -- MT940 ----------------------------------------------------------------------------------------------------------


def mt940(*fields: str, opening: str = "C260301EUR100,00", closing: str = "") -> str:
    ends = (f":62F:{closing}",) if closing else ()
    return "\r\n".join((":20:STARTUMS", ":25:10020030/4567", ":28C:1/1", f":60F:{opening}", *fields, *ends, "-", ""))


@pytest.mark.parametrize(
    ("mark", "minor"),
    [("C", 1250), ("D", -1250), ("RC", -1250), ("RD", 1250), ("CR", 1250), ("DR", -1250), ("RCR", -1250)],
)
def test_a_reversal_turns_the_sign_and_a_funds_code_does_not(tmp_path: Path, mark: str, minor: int) -> None:
    line = read(tmp_path, mt940(f":61:2603020302{mark}12,50NTRFNONREF")).lines[0]
    assert line.amount_minor == minor
    assert bool(line.extra) is mark.startswith("R")


@pytest.mark.parametrize("amount", ["12,50", "000000000012,50", "12.50", "12,5"])
def test_amounts_as_banks_write_them(tmp_path: Path, amount: str) -> None:
    assert read(tmp_path, mt940(f":61:260302C{amount}NMSC")).lines[0].amount_minor == 1250


def test_german_subfields_give_name_text_and_references(tmp_path: Path) -> None:
    reported = (
        ":86:166?00SEPA-GUTSCHRIFT?109310?20EREF+E2E-4711 ?21SVWZ+RE 770012 vom 01.02.20?2226 Kd-Nr 88"
        "?30GENODEF1XXX?31DE89370400440532013000?32MEYERS OPTIK UND HOERGERAET?33E GMBH"
    )
    rows = [reported[at : at + 65] for at in range(0, len(reported), 65)]
    line = read(tmp_path, mt940(":61:2603020302C12,50NTRFKREF+//B-99", *rows)).lines[0]
    assert line.counterparty == "MEYERS OPTIK UND HOERGERAETE GMBH"
    assert "RE 770012 vom 01.02.2026 Kd-Nr 88" in line.text
    assert line.references == ("B-99", "E2E-4711")
    assert "3704" not in repr(line)  # no account number travels on


def test_dutch_keywords_between_slashes(tmp_path: Path) -> None:
    reported = (
        ":86:/TRTP/SEPA OVERBOEKING/IBAN/NL91ABNA0417164300/BIC/ABNANL2A/NAME/J JANSEN/REMI/Factuur 26-12/EREF/X-77/"
    )
    line = read(tmp_path, mt940(":61:260302D5,00NTRFEREF", reported)).lines[0]
    assert (line.counterparty, line.references) == ("J JANSEN", ("X-77",))
    assert line.text == "SEPA OVERBOEKING Factuur 26-12"


def test_polish_separator_and_plain_text(tmp_path: Path) -> None:
    fields = (
        ":61:260302D5,00NTRF",
        ":86:020~00PRZELEW~20FAKTURA 12/26~32JAN KOWALSKI",
        ":61:260303C1,00NTRF",
        ":86:FOO",
    )
    first, second = read(tmp_path, mt940(*fields)).lines
    assert (first.counterparty, first.text) == ("JAN KOWALSKI", "FAKTURA 12/26 PRZELEW")
    assert second.text == "FOO"


def test_a_broken_entry_costs_one_line_and_is_named(tmp_path: Path) -> None:
    found = read(tmp_path, mt940(":61:nonsense", ":61:260302C1,00NTRFGOOD-1", closing="C260302EUR999,00"))
    assert [line.references for line in found.lines] == [("GOOD-1",)]
    assert [row.line for row in found.bad] == [5]  # the balance cannot fit then, and is not blamed as well


def test_a_statement_that_does_not_add_up_is_reported_at_its_closing_balance(tmp_path: Path) -> None:
    good = mt940(":61:260302C1,00NTRF", closing="C260302EUR101,00")
    assert read(tmp_path, good).bad == []
    wrong = read(tmp_path, good + mt940(":61:260303C1,00NTRF", opening="C260302EUR101,00", closing="C260303EUR103,00"))
    assert len(wrong.lines) == 2
    assert [row.line for row in wrong.bad] == [13]
    assert "1.00 away" in wrong.bad[0].reason


def test_pages_and_several_statements_and_days_around_new_year(tmp_path: Path) -> None:
    text = "\n".join(
        (
            "{1:F01BANKDEFFAXXX}{2:I940X}{4:",
            ":20:A",
            ":25:1",
            ":60F:D251230EUR5,00",
            ":61:2512300102D1,00NTRF",
            ":62M:D251230EUR6,00",
            ":60M:D251230EUR6,00",
            ":61:2601021230C2,00NTRF",
            ":62F:D260102EUR4,00",
            "-}{1:F01}{4:",
            ":20:B",
            ":25:2",
            ":60F:C260101JPY7,",
            ":61:260230C3,NTRF",
            ":62F:C260301JPY10,",
            "-}",
        )
    )
    found = read(tmp_path, text)
    assert found.bad == []
    assert [(line.amount_minor, line.currency) for line in found.lines] == [(-100, "EUR"), (200, "EUR"), (3, "JPY")]
    assert [line.on for line in found.lines] == [date(2026, 1, 2), date(2025, 12, 30), date(2026, 2, 28)]


def test_intraday_sums_are_compared_and_expected_entries_left_out(tmp_path: Path) -> None:
    text = ":20:X\n:25:1\n:34F:EURD0,\n:61:260302C5,00NTRFA-1\n:61:260302EC7,00NTRFB-1\n:90C:1EUR5,00\n"
    found = read(tmp_path, text)
    assert [line.amount_minor for line in found.lines] == [500]
    assert "expected" in found.bad[0].reason
    assert (
        "sum in :90C:"
        in read(tmp_path, text.replace(":61:260302EC7,00NTRFB-1\n", "").replace("1EUR5", "1EUR6")).bad[0].reason
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "cp850"])
def test_encodings_of_banks(tmp_path: Path, encoding: str) -> None:
    text = mt940(":61:260302C5,00NTRF", ":86:166?20Gebühr für März?32Bäcker Möller")
    assert read(tmp_path, text, encoding).lines[0].counterparty == "Bäcker Möller"


# -- camt -----------------------------------------------------------------------------------------------------------


def entry(amount: str, direction: str, more: str = "", status: str = "BOOK") -> str:
    return (
        f'<Ntry><Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>{direction}</CdtDbtInd><Sts>{status}</Sts>'
        f"<BookgDt><Dt>2026-03-02+01:00</Dt></BookgDt>{more}</Ntry>\n"
    )


def balance(code: str, amount: str) -> str:
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>"
        f'<Amt Ccy="EUR">{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd></Bal>\n'
    )


def camt(*parts: str, space: str = "camt.053.001.08") -> str:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<n:Document xmlns:n="urn:iso:std:iso:20022:tech:xsd:{space}">'
        f"<BkToCstmrStmt><Stmt>\n{''.join(parts)}</Stmt></BkToCstmrStmt></n:Document>"
    )


def test_camt_balances_are_checked_and_pending_entries_counted(tmp_path: Path) -> None:
    parts = (balance("OPBD", "10.00"), entry("5.00", "CRDT"), entry("7.00", "CRDT", status="PDNG"))
    good = read(tmp_path, camt(*parts, balance("CLBD", "15.00")))
    assert (good.bad, [line.on for line in good.lines]) == ([], [date(2026, 3, 2)])
    assert good.notes == ["1 of 2 entries are not booked yet (pending or for information) and were left out"]
    wrong = read(tmp_path, camt(*parts, balance("CLBD", "16.00")))
    assert [row.line for row in wrong.bad] == [6]


def test_a_returned_payment_names_the_other_party_and_keeps_the_booked_sign(tmp_path: Path) -> None:
    parties = "<RltdPties><Dbtr><Nm>Us AG</Nm></Dbtr><Cdtr><Pty><Nm>Supplier Ltd</Nm></Pty></Cdtr></RltdPties>"
    details = f"<NtryDtls><TxDtls>{parties}<RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf></TxDtls></NtryDtls>"
    line = read(tmp_path, camt(entry("5.00", "CRDT", details))).lines[0]
    assert (line.amount_minor, line.counterparty, line.extra) == (500, "Supplier Ltd", {"return": "return"})


def test_a_collective_entry_is_one_line_with_the_references_of_its_parts(tmp_path: Path) -> None:
    parts = "".join(
        f"<TxDtls><Refs><EndToEndId>E-{at}</EndToEndId><InstrId>NOTPROVIDED</InstrId></Refs>"
        f'<AmtDtls><InstdAmt><Amt Ccy="USD">{at}.00</Amt></InstdAmt></AmtDtls>'
        f"<RmtInf><Strd><CdtrRefInf><Ref>RF{at}</Ref></CdtrRefInf></Strd></RmtInf></TxDtls>"
        for at in (1, 2)
    )
    line = read(tmp_path, camt(entry("3.00", "CRDT", f"<NtryDtls>{parts}</NtryDtls>"))).lines[0]
    assert line.references == ("E-1", "RF1", "E-2", "RF2")
    one = f"<NtryDtls>{parts[: parts.index('</TxDtls>') + 9]}</NtryDtls>"
    assert read(tmp_path, camt(entry("0.92", "CRDT", one))).lines[0].extra == {"foreign amount": "USD 1.00"}


def test_an_entry_reference_that_is_an_account_is_no_id(tmp_path: Path) -> None:
    more = "<NtryRef>DE89370400440532013000</NtryRef><AcctSvcrRef>S-1</AcctSvcrRef>"
    assert read(tmp_path, camt(entry("1.00", "DBIT", more))).lines[0].id == "S-1"


@pytest.mark.parametrize("version", ["camt.052.001.02", "camt.053.001.02", "camt.054.001.08", "camt.053.001.12"])
def test_versions_need_no_list(tmp_path: Path, version: str) -> None:
    assert len(read(tmp_path, camt(entry("1.00", "DBIT"), space=version)).lines) == 1


def test_a_file_that_says_utf8_and_is_not(tmp_path: Path) -> None:
    text = camt(entry("1.00", "DBIT", "<AddtlNtryInf>Gebühr</AddtlNtryInf>"))
    assert read(tmp_path, text, "cp1252").lines[0].text == "Gebühr"


@pytest.mark.parametrize(
    ("content", "reported"),
    [
        ('<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><Document>&b;</Document>', "DTD"),
        ("<Document><Stmt><Ntry>" + "<a>" * 5_000, "nested deeper"),
        ("<Document>\n<Stmt><Ntry>", "line 2"),
        ('<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.001.001.03"/>', "pain.001.001.03"),
    ],
)
def test_xml_that_is_no_statement_is_refused_with_the_reason(tmp_path: Path, content: str, reported: str) -> None:
    with pytest.raises(FileUnreadable, match=reported):
        read(tmp_path, content)


# -- BAI2 -----------------------------------------------------------------------------------------------------------


def bai2(*records: str, balances: str = "010,100000,,,015,112150,,", total: str = "") -> str:
    ends = (f"49,{total},9/",) if total else ()
    return "\n".join(
        ("01,BANK,ME,260303,0600,1,,,2/", "02,ME,BANK,1,260302,,USD,2/", f"03,123,,{balances}/", *records, *ends, "")
    )


def test_codes_funds_types_and_continued_texts(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        bai2(
            "16,165,12500,V,260304,,BANK-1,CUST-1,ORIG CO NAME:ACME CORP ORIG ID:99",
            "88, INVOICE 4711, PAID/NOT LATE",
            "16,475,250,S,100,100,50,,4711/",
            "88,CHECK PAID",
            "16,962,100,D,2,1,50,2,50,REF-9,,OWN CODE/",
            "16,890,,,,,ONLY A MESSAGE/",
        ),
    )
    first, second, third = found.lines
    assert (first.amount_minor, first.value_on, first.on) == (12500, date(2026, 3, 4), date(2026, 3, 2))
    assert first.references == ("BANK-1", "CUST-1")
    assert first.counterparty == "ACME CORP"
    assert "INVOICE 4711, PAID/NOT LATE" in first.text
    assert (second.amount_minor, second.references) == (-250, ("4711",))
    assert "CHECK PAID" in second.text
    assert (third.amount_minor, third.references) == (-100, ("REF-9",))
    assert found.bad == []
    assert "without money" in found.notes[0]


def test_control_totals_and_ledger_balances_are_checked(tmp_path: Path) -> None:
    records = ("16,165,12500,,,/", "16,475,350,,,/")
    assert read(tmp_path, bai2(*records, total="225000")).bad == []
    wrong = read(tmp_path, bai2(*records, balances="010,100000,,,015,112151,,", total="225000"))
    assert ["control total" in row.reason for row in wrong.bad] == [True, False]
    assert {row.line for row in wrong.bad} == {6}


def test_one_bad_record_costs_one_line(tmp_path: Path) -> None:
    found = read(tmp_path, bai2("16,165,abc,,,/", "16,XX,1,,,/", "16,165,5,,,/", total="1"))
    assert [line.amount_minor for line in found.lines] == [5]
    assert [row.line for row in found.bad] == [4, 5]


def test_several_records_on_one_line(tmp_path: Path) -> None:
    text = bai2("16,165,5,,,TEXT/", "16,475,7,,,TEXT/").replace("/\n", "/  ")
    assert [line.amount_minor for line in read(tmp_path, text).lines] == [5, -7]


# -- OFX ------------------------------------------------------------------------------------------------------------

OFX_HEAD = "OFXHEADER:100\nDATA:OFXSGML\nVERSION:102\nENCODING:USASCII\nCHARSET:1252\n\n<OFX><BANKMSGSRSV1><STMTTRNRS>"
OFX_TAIL = (
    "</BANKTRANLIST><LEDGERBAL><BALAMT>5.00<DTASOF>20261124</LEDGERBAL></STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>"
)
ACCOUNT = "<STMTRS><CURDEF>USD<BANKACCTFROM><BANKID>021000021<ACCTID>123456789012</BANKACCTFROM><BANKTRANLIST>"


def ofx(*entries: str) -> str:
    return f"{OFX_HEAD}{ACCOUNT}<DTSTART>20261101<DTEND>20261130\n" + "\n".join(entries) + OFX_TAIL


def test_ofx_without_end_tags(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        ofx(
            "<STMTTRN>\n<TRNTYPE>CREDIT\n<DTPOSTED>20261124120000.000[-5:EST]\n<TRNAMT>1250.00\n<FITID>F1\n"
            "<NAME>SMITH &amp; SONS\n<MEMO>INV 77001\n</STMTTRN>",
            "<STMTTRN><TRNTYPE>CHECK<DTPOSTED>20261125<TRNAMT>-75,25<FITID>F2<CHECKNUM>1002</STMTTRN>",
        ),
    )
    assert [(line.id, line.amount_minor, line.currency, str(line.on)) for line in found.lines] == [
        ("F1", 125000, "USD", "2026-11-24"),
        ("F2", -7525, "USD", "2026-11-25"),
    ]
    assert (found.lines[0].counterparty, found.lines[0].text) == ("SMITH & SONS", "INV 77001 credit")
    assert found.lines[1].references == ("1002",)
    assert found.understood["kind"] == "ofx"
    assert not found.bad


def test_ofx_as_xml_of_a_card_with_currencies(tmp_path: Path) -> None:
    entry = (
        "<STMTTRN><TRNTYPE>DEBIT</TRNTYPE><DTPOSTED>20261124</DTPOSTED>"
        "<TRNAMT>-{}</TRNAMT><FITID>{}</FITID>{}</STMTTRN>"
    )
    found = read(
        tmp_path,
        '<?xml version="1.0" encoding="UTF-8"?>\n<?OFX OFXHEADER="200" VERSION="211"?>\n<OFX><CREDITCARDMSGSRSV1>'
        "<CCSTMTTRNRS><CCSTMTRS><CURDEF>USD</CURDEF><BANKTRANLIST>"
        + entry.format("1.00", "A", "<PAYEE><NAME>Shop</NAME><CITY>Bonn</CITY></PAYEE><MEMO><![CDATA[a < b]]></MEMO>")
        + entry.format("2.00", "B", "<CURRENCY><CURRATE>1.1</CURRATE><CURSYM>EUR</CURSYM></CURRENCY>")
        + entry.format("3.00", "C", "<ORIGCURRENCY><CURRATE>1.1</CURRATE><CURSYM>EUR</CURSYM></ORIGCURRENCY>")
        + "</BANKTRANLIST></CCSTMTRS></CCSTMTTRNRS></CREDITCARDMSGSRSV1></OFX>",
    )
    assert [(line.amount_minor, line.currency) for line in found.lines] == [(-100, "USD"), (-200, "EUR"), (-300, "USD")]
    assert (found.lines[0].counterparty, found.lines[0].text) == ("Shop", "a < b debit")


def test_broken_ofx_entries_cost_only_themselves_and_pending_ones_are_reported(tmp_path: Path) -> None:
    text = ofx(
        "<STMTTRN><DTPOSTED>20261324<TRNAMT>1.00<FITID>1</STMTTRN>",
        "<STMTTRN><DTPOSTED>20261124<TRNAMT>none<FITID>2</STMTTRN>",
        "<STMTTRN><DTPOSTED>20261124<TRNAMT>3.00<FITID>3<CORRECTFITID>77<CORRECTACTION>DELETE</STMTTRN>",
        "<STMTTRN><DTPOSTED>20261124<TRNAMT>4.00<FITID>4</STMTTRN>",
        "</BANKTRANLIST><BANKTRANLISTP><STMTTRNP><DTTRAN>20261124<TRNAMT>5.00</STMTTRNP></BANKTRANLISTP><BANKTRANLIST>",
    )
    found = read(tmp_path, text)
    assert [line.amount_minor for line in found.lines] == [400]
    assert [row.line for row in found.bad] == [8, 9, 10]
    assert found.notes == ["pending entries left out: 1"]
    cut = read(tmp_path, text[: text.index("</STMTTRN>", text.index("<FITID>4"))])
    assert [line.amount_minor for line in cut.lines] == [400]
    assert "breaks off" in cut.bad[-1].reason


# -- all ------------------------------------------------------------------------------------------------------------


def test_ibans_are_cut_to_the_last_four_and_look_alikes_stay() -> None:
    assert masked("to DE89 3704 0044 0532 0130 00 RENT") == "to DE..3000 RENT"
    assert masked("GB82WEST12345698765432") == "GB..5432"
    assert masked("order AB12345678901234") == "order AB12345678901234"


@pytest.mark.parametrize(
    ("content", "reported"),
    [
        (b"OFXHEADER:100\nDATA:OFXSGML\n", "without a statement"),
        (b'<?xml version="1.0"?>\n<?OFX OFXHEADER="200"?><OFX></OFX>', "without a statement"),
        (b"!Type:Bank\nD1/1/26\n", "QIF"),
        (b"<html><table><tr><td>Amount</td></tr></table></html>", "HTML"),
        (b"\x1f\x8b\x08rest", "gzip"),
    ],
)
def test_other_formats_are_named_with_what_to_ask_for(tmp_path: Path, content: bytes, reported: str) -> None:
    with pytest.raises(FileUnreadable, match=reported) as refused:
        read(tmp_path, content)
    assert refused.value.remedy


def test_an_empty_statement_has_no_lines_and_says_so(tmp_path: Path) -> None:
    found = read(tmp_path, mt940(closing="C260301EUR100,00"))
    assert (found.lines, found.bad, found.notes) == ([], [], ["the file has no lines"])


def test_every_line_is_of_the_asked_side(tmp_path: Path) -> None:
    for content in (mt940(":61:260302C1,00NTRF"), camt(entry("1.00", "DBIT")), bai2("16,165,5,,,/")):
        found = read(tmp_path, content)
        assert all(isinstance(line, Line) and line.side is Side.RIGHT for line in found.lines)
        assert not any(isinstance(row, Line) for row in found.bad if isinstance(row, BadRow))
