"""Tables read rightly: signs, decimal marks, fees and bookings by what the file itself shows, and the rest reported."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconcile.engine.lines import Side
from reconcile.files.bank_lines import Selection, read_bank_lines
from reconcile.files.errors import FileUnreadable
from reconcile.files.profile import SideProfile
from reconcile.files.reading import SideFile, read_side
from reconcile.files.run import run
from tests.support.files import handed_in
from tests.unit.reconcile.files.test_statement_cases import CASES, SEEN


def case(name: str) -> SideFile:
    return read_side(CASES / name, Side.RIGHT)


def read(tmp_path: Path, *rows: str, profile: SideProfile | None = None) -> SideFile:
    path = tmp_path / "table.csv"
    path.write_text("\n".join(rows) + "\n", "utf-8")
    return read_side(path, Side.RIGHT, profile)


def amounts(found: SideFile) -> list[int]:
    return [line.amount_minor for line in found.lines]


def reported(found: SideFile) -> str:
    return "\n".join(found.notes)


def reasons(found: SideFile) -> list[tuple[int, str]]:
    return [(row.line, row.reason) for row in found.bad]


# -- signs ----------------------------------------------------------------------------------------------------------


def test_a_minus_beside_the_letter_turns_it(tmp_path: Path) -> None:
    folder = CASES / "csv-sign-column-with-one-negative"
    found = case("csv-sign-column-with-one-negative/bank.csv")
    assert amounts(found) == [-1190_00, 2380_00, 55_00, 500_00]
    assert "a minus beside the sign in 'S/H' turns it: 1 rows" in reported(found)
    outcome = run(folder / "ledger.csv", folder / "bank.csv", tmp_path / "out", None, None, lambda *_: None).outcome
    assert outcome.totals == {"XXX": (1745_00, 1745_00)}
    pairs = [(one.left_ids[0], one.right_ids[0]) for one in outcome.matches]
    assert pairs == [("L1", "row-2"), ("L2", "row-3"), ("L3", "row-4"), ("L4", "row-5")]


def test_a_row_without_a_letter_costs_only_itself(tmp_path: Path) -> None:
    assert amounts(case("csv-sign-column-with-one-negative/one-empty-letter.csv")) == [-10_00, 20_00, 0]
    found = read(
        tmp_path, "Date,Label,Amount,D/C", "2026-11-01,a,10.00,D", "2026-11-02,b,20.00,C", "2026-11-03,c,5.00,"
    )
    assert (amounts(found), reasons(found)) == ([-10_00, 20_00], [(4, "'' says neither debit nor credit")])


@pytest.mark.parametrize(
    ("header", "debit", "credit"),
    [
        ("Kz", "S", "H"),
        ("X", "D", "C"),
        ("Vorzeichen", "-", "+"),
        ("Art", "Zahlungsausgang", "Zahlungseingang"),
        ("Richtung", "Ausgang", "Eingang"),
        ("Kind", "Outgoing transfer", "Incoming transfer"),
        ("Movement", "Money out", "Money in"),
        ("Col 4", "withdrawal", "deposit"),
        ("Wn/Ma", "Wn", "Ma"),
    ],
)
def test_the_values_of_a_column_say_that_it_holds_the_sign(
    tmp_path: Path, header: str, debit: str, credit: str
) -> None:
    rows = [f"2026-11-0{day},text {day},{day}.00,{credit if day == 2 else debit}" for day in (1, 2, 3)]
    found = read(tmp_path, f"Date,Description,Amount,{header}", *rows)
    assert (amounts(found), found.understood["sign from"]) == ([-1_00, 2_00, -3_00], header)


def test_letters_that_repeat_the_sign_change_nothing(tmp_path: Path) -> None:
    rows = [f"2026-11-0{day},a,{'-' if day != 2 else ''}{day}.00,{'C' if day == 2 else 'D'}" for day in range(1, 8)]
    assert amounts(read(tmp_path, "Date,Label,Amount,D/C", *rows)) == [
        -1_00,
        2_00,
        *(-day * 100 for day in range(3, 8)),
    ]
    found = read(tmp_path, "Date,Label,Amount,D/C", *rows, "2026-11-09,b,-9.00,C")
    assert len(found.lines) == 7
    assert reasons(found) == [(9, "the sign of the amount is not that of 'C' beside it")]


def test_a_ledger_that_writes_credits_with_a_minus_keeps_its_signs(tmp_path: Path) -> None:
    found = read(
        tmp_path, "Date,Label,Amount,D/C", "2026-11-01,a,10.00,D", "2026-11-02,b,-4.00,C", "2026-11-03,c,7.00,D"
    )
    assert amounts(found) == [10_00, -4_00, 7_00]
    assert "the minus counts" in reported(found)


def test_a_letter_that_says_neither_costs_only_its_row(tmp_path: Path) -> None:
    rows = ["2026-11-01,a,10.00,DR", "2026-11-02,b,20.00,CR", "2026-11-03,c,5.00,XX"]
    found = read(tmp_path, "Date,Label,Amount,Flag", *rows)
    assert (amounts(found), reasons(found)) == ([-10_00, 20_00], [(4, "'XX' says neither debit nor credit")])


def test_a_balance_proves_letters_that_nobody_knows(tmp_path: Path) -> None:
    rows = ["2026-11-01,a,10.00,N,90.00", "2026-11-02,b,20.00,P,110.00", "2026-11-03,c,5.00,N,105.00"]
    found = read(tmp_path, "Date,Label,Amount,Flag,Balance", *rows)
    assert (amounts(found), found.bad) == ([-10_00, 20_00, -5_00], [])


def test_a_column_of_words_that_proves_too_little_is_reported(tmp_path: Path) -> None:
    rows = ["2026-11-01,a,1.00,Withdrawal", "2026-11-02,b,2.00,Card", "2026-11-03,c,3.00,Card", "2026-11-04,d,4.00,Fee"]
    found = read(tmp_path, "Date,Label,Amount,Type", *rows)
    assert amounts(found) == [1_00, 2_00, 3_00, 4_00]
    assert "'Type' says debit or credit in 1 of 4 rows and was not taken for the sign" in reported(found)


# -- decimal marks ----------------------------------------------------------------------------------------------------


def test_whole_thousands_are_no_small_change() -> None:
    for name in ("a.csv", "b.csv"):
        assert amounts(case(f"csv-only-whole-thousands/{name}")) == [-1000_00, 2500_00]
    assert "no value proves the decimal mark of 'Betrag'" in reported(case("csv-only-whole-thousands/a.csv"))
    assert case("csv-only-whole-thousands/b.csv").notes == []  # the other column proves it


@pytest.mark.parametrize(
    ("rows", "expected", "proven"),
    [
        (('"-1,000"', '"2,500"'), [-1000_00, 2500_00], False),
        (("-1.000", "0.500"), [-1_00, 50], True),
        (("-1000.000", "2.500"), [-1000_00, 2_50], True),
        (("-1.000", "2.500,50"), None, True),
        (("-1000", "2500"), [-1000_00, 2500_00], True),
    ],
)
def test_what_no_value_proves_is_reported(
    tmp_path: Path, rows: tuple[str, str], expected: list[int] | None, proven: bool
) -> None:
    cells = [f'"{row}"' if "," in row and not row.startswith('"') else row for row in rows]
    found = read(tmp_path, "Date,Label,Amount", *(f"2026-11-0{day},a,{cell}" for day, cell in enumerate(cells, 1)))
    assert amounts(found) == (expected or [-1000_00, 2500_50])
    assert ("decimal mark" not in reported(found)) is proven


def test_three_digits_are_decimals_where_the_currency_has_three(tmp_path: Path) -> None:
    found = read(tmp_path, "Date,Label,Amount,Currency", "2026-11-01,a,-1.250,KWD", "2026-11-02,b,2.500,KWD")
    assert amounts(found) == [-1250, 2500]
    assert "as that of decimals" in reported(found)


# -- gross, fee, net ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    ["Brutto,Entgelt,Netto,Guthaben", "Bruto,Tarifa,Neto,Saldo", "Lordo,Tariffa,Netto,Saldo", "Gross,Fee,Net,Balance"],
)
def test_net_is_the_money_and_gross_is_reported(tmp_path: Path, header: str) -> None:
    found = read(
        tmp_path, f"Datum,{header}", "14.11.2026,119.00,-3.21,115.79,1115.79", "15.11.2026,-5.00,0,-5.00,1110.79"
    )
    assert amounts(found) == [115_79, -5_00]
    assert f"not of {header.split(',')[0]!r}" in reported(found)


def test_the_german_wallet() -> None:
    found = case("csv-german-gross-fee-net/wallet.csv")
    assert (amounts(found), found.bad) == ([115_79, -500_00], [])
    assert "amounts are those of 'Netto', not of 'Brutto'" in reported(found)


def test_a_balance_proves_gross_amounts_and_fees(tmp_path: Path) -> None:
    rows = [
        "2026-11-01,10.00,-1.00,9.00,110.00",
        "2026-11-02,20.00,-2.00,18.00,130.00",
        "2026-11-03,5.00,0,5.00,135.00",
    ]
    found = read(tmp_path, "Date,Gross,Fee,Net,Balance", *rows)
    assert amounts(found) == [10_00, 20_00, 5_00]
    assert "proves amounts in 'Gross'" in reported(found)
    rows = ["2026-11-03,-25.00,1.00,974.00", "2026-11-04,100.00,0.50,1073.50", "2026-11-05,-40.00,0.00,1033.50"]
    found = read(tmp_path, "Date,Amount,Fee,Balance", *rows)
    assert amounts(found) == [-26_00, 99_50, -40_00]
    assert "that 'Fee' is taken off the amount" in reported(found)
    found = read(tmp_path, "Date,Amount,Fee", *(row.rpartition(",")[0] for row in rows))
    assert amounts(found) == [-25_00, 100_00, -40_00]
    assert "whether amounts have 'Fee' taken off already, nothing in the file proves" in reported(found)


def test_a_tax_between_net_and_gross_makes_gross_the_money(tmp_path: Path) -> None:
    found = read(tmp_path, "Belegnr;Belegdatum;Netto;USt;Brutto", "R1;01.11.2026;100,00;19,00;119,00")
    assert amounts(found) == [119_00]


# -- running balance ------------------------------------------------------------------------------------------------

STATEMENT = [
    ("2026-11-01", 10_00, 110_00),
    ("2026-11-02", -20_00, 90_00),
    ("2026-11-03", -30_00, 60_00),
    ("2026-11-04", 5_00, 65_00),
    ("2026-11-05", 5_00, 70_00),
]


def as_rows(statement: list[tuple[str, int, int]], *, unsigned: bool = False) -> list[str]:
    return [
        f"{on},text {on[-1]},{(abs(minor) if unsigned else minor) / 100:.2f},{balance / 100:.2f}"
        for on, minor, balance in statement
    ]


@pytest.mark.parametrize("newest_first", [False, True])
def test_a_missing_row_is_found_in_either_order(tmp_path: Path, newest_first: bool) -> None:
    rows = as_rows(STATEMENT)
    del rows[2]
    found = read(tmp_path, "Date,Label,Amount,Balance", *(rows[::-1] if newest_first else rows))
    assert sorted(amounts(found)) == [-20_00, 5_00, 5_00, 10_00]
    ((line, reason),) = reasons(found)
    assert line == (3 if newest_first else 4)
    assert "goes from 90.00" in reason
    assert "to 65.00, but the amount is 5.00" in reason


@pytest.mark.parametrize("newest_first", [False, True])
def test_a_balance_gives_unsigned_amounts_their_sign(tmp_path: Path, newest_first: bool) -> None:
    rows = as_rows(STATEMENT, unsigned=True)
    found = read(tmp_path, "Date,Label,Amount,Balance", *(rows[::-1] if newest_first else rows))
    assert amounts(found) == ([5_00, 5_00, -30_00, -20_00] if newest_first else [-20_00, -30_00, 5_00, 5_00])
    assert [reason[:8] for _, reason in reasons(found)] == ["no sign,"]  # nothing stands before the first


def test_amounts_that_are_all_credits_stay_as_they_are(tmp_path: Path) -> None:
    found = read(tmp_path, "Date,Label,Amount,Balance", "2026-11-01,a,10.00,110.00", "2026-11-02,b,5.00,115.00")
    assert (amounts(found), found.bad) == ([10_00, 5_00], [])


def test_rows_that_the_balance_leaves_out_are_not_booked(tmp_path: Path) -> None:
    rows = as_rows(STATEMENT)
    blank = [*rows[:2], "2026-11-02,hold,-300.00,", *rows[2:]]
    same = [*rows[:2], "2026-11-02,hold,-300.00,90.00", *rows[2:]]
    for mixed in (blank, same, blank[::-1]):
        found = read(tmp_path, "Date,Label,Amount,Balance", *mixed)
        assert sorted(amounts(found)) == sorted(minor for _, minor, _ in STATEMENT)
        assert "left out as not booked, as the balance in 'Balance' shows: 1" in reported(found)
    found = read(tmp_path, "Date,Label,Amount,Balance", *rows, "2026-11-06,new,-9.00,")
    assert [line for line, _ in reasons(found)] == [7]


def test_a_balance_after_the_last_row_of_each_day_counts_the_day(tmp_path: Path) -> None:
    rows = ["2026-11-01,a,10.00,", "2026-11-01,b,20.00,130.00", "2026-11-02,c,-5.00,", "2026-11-02,d,-6.00,119.00"]
    found = read(tmp_path, "Date,Label,Amount,Balance", *rows)
    assert (amounts(found), found.bad) == ([10_00, 20_00, -5_00, -6_00], [])


def test_a_balance_of_another_kind_proves_nothing_and_says_so(tmp_path: Path) -> None:
    rows = ["2026-11-01,a,10.00,3.00", "2026-11-02,b,20.00,5.00", "2026-11-03,c,-5.00,1.00"]
    found = read(tmp_path, "Date,Label,Amount,Balance", *rows)
    assert (amounts(found), found.bad) == ([10_00, 20_00, -5_00], [])
    assert "follows 0 of 2 amounts and proves nothing" in reported(found)


def test_what_invoices_have_left_open_is_no_running_balance(tmp_path: Path) -> None:
    rows = ["R1,2026-11-01,100.00,100.00", "R2,2026-11-02,50.00,0.00"]
    rows += ["R3,2026-11-03,30.00,30.00", "R4,2026-11-03,30.00,0.00"]
    found = read(tmp_path, "Invoice,Date,Amount,Balance", *rows)
    assert (amounts(found), found.bad) == ([100_00, 50_00, 30_00, 30_00], [])
    found = read(tmp_path, "Invoice,Date,Amount,Balance", *rows, "R5,2026-11-04,-20.00,0.00")
    assert (amounts(found), found.bad) == ([100_00, 50_00, 30_00, 30_00, -20_00], [])


def test_each_currency_has_a_balance_of_its_own(tmp_path: Path) -> None:
    rows = ["2026-11-01,a,10.00,110.00,EUR", "2026-11-01,b,1.00,6.00,USD", "2026-11-02,c,5.00,115.00,EUR"]
    found = read(tmp_path, "Date,Label,Amount,Balance,Currency", *rows, "2026-11-02,d,-2.00,4.00,USD")
    assert (amounts(found), found.bad, found.notes) == ([10_00, 1_00, 5_00, -2_00], [], [])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(-99_999, 99_999).filter(bool), min_size=4, max_size=12), st.booleans())
def test_a_whole_statement_is_never_blamed(
    tmp_path_factory: pytest.TempPathFactory, steps: list[int], turn: bool
) -> None:
    balance, rows = 500_00, []
    for at, step in enumerate(steps):
        balance += step
        rows.append((f"2026-11-{at + 1:02}", step, balance))
    lines = as_rows(rows)
    found = read(tmp_path_factory.mktemp("t"), "Date,Label,Amount,Balance", *(lines[::-1] if turn else lines))
    assert amounts(found) == (steps[::-1] if turn else steps)
    assert found.bad == []


# -- what is not booked ---------------------------------------------------------------------------------------------


def test_what_is_pending_reverted_or_denied_is_no_money() -> None:
    wallet, gateway = case("csv-rows-that-are-not-booked/wallet.csv"), case("csv-rows-that-are-not-booked/gateway.csv")
    assert (amounts(wallet), wallet.bad) == ([-25_00, 100_00], [])
    assert "left out as not booked: 2 (pending 1, reverted 1)" in reported(wallet)
    assert (amounts(gateway), gateway.bad) == ([96_80], [])
    assert "left out as not booked: 2 (denied 1, pending 1)" in reported(gateway)


@pytest.mark.parametrize(
    "status", ["Failed", "CANCELLED", "Authorized", "vorgemerkt", "En attente", "Declined by bank"]
)
def test_other_words_for_it(tmp_path: Path, status: str) -> None:
    found = read(tmp_path, "Date,Label,Amount,Status", "2026-11-01,a,1.00,Booked", f"2026-11-02,b,2.00,{status}")
    assert amounts(found) == [1_00]
    assert f"left out as not booked: 1 ({status.lower()} 1)" in reported(found)


def test_an_authorisation_is_no_money(tmp_path: Path) -> None:
    found = read(
        tmp_path, "Date,Type,Amount", "2026-11-01,General Authorization,1.00", "2026-11-02,Website Payment,2.00"
    )
    assert amounts(found) == [2_00]


def test_a_status_that_is_not_known_is_counted_and_reported(tmp_path: Path) -> None:
    found = read(tmp_path, "Date,Label,Amount,Status", "2026-11-01,a,1.00,Completed", "2026-11-02,b,2.00,Zonked")
    assert amounts(found) == [1_00, 2_00]
    assert "'Zonked' is not known to be booked or not; counted as booked: 1" in reported(found)


def test_the_status_of_an_open_invoice_and_a_state_of_a_country_say_nothing_of_it(tmp_path: Path) -> None:
    found = read(tmp_path, "Invoice,Due date,Amount,Status", "R1,2026-11-01,1.00,Pending", "R2,2026-11-01,2.00,Paid")
    assert amounts(found) == [1_00, 2_00]
    found = read(tmp_path, "Date,Label,Amount,State", "2026-11-01,a,1.00,CA", "2026-11-02,b,2.00,NY")
    assert (amounts(found), found.notes) == ([1_00, 2_00], [])


# -- accounts and advice --------------------------------------------------------------------------------------------


def test_a_table_of_two_accounts_is_imported_one_account_at_a_time(tmp_path: Path) -> None:
    rows = ["DE89370400440532013000;01.11.26;a;1,00;EUR", "DE02120300000000202051;01.11.26;b;2,00;EUR"]
    found = read(tmp_path, "Auftragskonto;Buchungstag;Verwendungszweck;Betrag;Waehrung", *rows)
    assert {line.account for line in found.lines} == {"..3000", "..2051"}
    assert "532013000" not in repr(found)
    path, selection = tmp_path / "table.csv", Selection("main", "giro", "EUR")
    with pytest.raises(FileUnreadable, match="several accounts"):
        read_bank_lines(handed_in(path, SEEN), selection)
    (line,) = read_bank_lines(handed_in(path, SEEN), Selection("main", "giro", "EUR", bank_account="2051")).lines
    assert line.amount_minor == 2_00


def test_accounts_that_headings_name_are_imported_one_at_a_time(tmp_path: Path) -> None:
    head = "Datum;Verwendungszweck;Betrag"
    rows = ["Umsätze;;", "Konto;Girokonto: DE89370400440532013000;", head, "24.11.2026;a;1,00", "25.11.2026;c;3,00"]
    rows += ["Konto;Extra-Konto: DE02120300000000202051;", head, "24.11.2026;b;2,00"]
    found = read(tmp_path, *rows)
    assert [(line.amount_minor, line.account) for line in found.lines] == [
        (1_00, "..3000"),
        (3_00, "..3000"),
        (2_00, "..2051"),
    ]
    assert "532013000" not in repr(found)
    path = tmp_path / "table.csv"
    with pytest.raises(FileUnreadable, match=r"several accounts; its accounts end in \.\.2051, \.\.3000"):
        read_bank_lines(handed_in(path, SEEN), Selection("main", "giro", "EUR"))
    (line,) = read_bank_lines(handed_in(path, SEEN), Selection("main", "giro", "EUR", bank_account="2051")).lines
    assert line.amount_minor == 2_00


@pytest.mark.parametrize("header", ["IBAN", "Konto", "Account"])
def test_a_column_that_may_hold_the_files_accounts_is_reported_and_a_profile_names_it(
    tmp_path: Path, header: str
) -> None:
    rows = [f"{header};Datum;Verwendungszweck;Betrag", "Giro 1;24.11.2026;a;1,00", "Spar 2;24.11.2026;b;2,00"]
    found = read(tmp_path, *rows)
    assert f"'{header}' holds 2 different values, which were not taken for accounts" in reported(found)
    found = read(tmp_path, *rows, profile=SideProfile(columns={"account": (header,)}))
    assert len({line.account for line in found.lines}) == 2


def test_an_account_name_with_a_number_is_no_counterparty(tmp_path: Path) -> None:
    names = ["Checking ...1234", "Savings ...9876"] * 2
    rows = [f"{name},2026-11-24,text {at},{at}.00" for at, name in enumerate(names, 1)]
    found = read(tmp_path, "Account Name,Date,Description,Amount", *rows)
    assert {line.account for line in found.lines} == {"..1234", "..9876"}


def applied(tmp_path: Path, invoices: str, payments: str, advice: str) -> dict[str, tuple[int, str]]:
    paths = []
    for name, text in (("invoices.csv", invoices), ("payments.csv", payments), ("advice.csv", advice)):
        paths.append(tmp_path / name)
        paths[-1].write_text(text, "utf-8")
    run(paths[0], paths[1], tmp_path / "out", None, paths[2], lambda *_: None)
    with (tmp_path / "out" / "matches.csv").open(encoding="utf-8") as file:
        return {row["left_id"]: (int(row["amount_minor"]), row["status"]) for row in csv.DictReader(file)}


@pytest.mark.parametrize("name", ["same-customer", "sister"])
def test_two_numbers_of_one_core_are_two_documents(tmp_path: Path, name: str) -> None:
    folder = CASES / "advice-two-circles-of-numbers"
    texts = [(folder / one).read_text() for one in (f"{name}.csv", "payment.csv", f"{name}-advice.csv")]
    found = applied(tmp_path, *texts)
    assert sorted(amount for amount, _ in found.values()) == [-50_00, 100_00]
    assert next(status for amount, status in found.values() if amount > 0) == "confirmed"


ERPNEXT = (
    "invoice id,due date,customer,amount\nACC-SINV-2026-00001,2026-11-01,Alpha,100.00\n"
    "ACC-SINV-RET-2026-00001,2026-11-05,Alpha,-50.00\n"
)


@pytest.mark.parametrize(
    "advice",
    [
        'P1,"ACC-SINV-2026-00001, ACC-SINV-RET-2026-00001"\n',
        'P1,"ACC-SINV-RET-2026-00001 ACC-SINV-2026-00001"\n',
        "P1,ACC-SINV-2026-00001\nP1,ACC-SINV-RET-2026-00001\n",
    ],
)
def test_default_names_of_erpnext(tmp_path: Path, advice: str) -> None:
    payment = "payment id,date,payer,amount\nP1,2026-11-12,ALPHA,50.00\n"
    found = applied(tmp_path, ERPNEXT, payment, "payment id,invoice\n" + advice)
    assert {name: amount for name, (amount, _) in found.items()} == {
        "ACC-SINV-2026-00001": 100_00,
        "ACC-SINV-RET-2026-00001": -50_00,
    }


@pytest.mark.parametrize(
    "written",
    [
        "SINV-2026-00001, SINV-RET-2026-00001",  # without the prefix that both have
        "ACC-SINV-2026-00001/ACC-SINV-RET-2026-00001",
    ],
)
def test_numbers_cut_short_or_joined_by_a_slash_are_still_two_documents(tmp_path: Path, written: str) -> None:
    other = "ACC-PINV-2026-00001,2026-11-02,Alpha,60.00\n"
    payment = "payment id,date,payer,amount\nP1,2026-11-12,ALPHA,50.00\n"
    found = applied(tmp_path, ERPNEXT + other, payment, f'payment id,invoice\nP1,"{written}"\n')
    assert {name: amount for name, (amount, _) in found.items()} == {
        "ACC-SINV-2026-00001": 100_00,
        "ACC-SINV-RET-2026-00001": -50_00,
    }


SISTERS = (
    "invoice id,due date,customer,amount\nN-1001,2026-11-01,Alpha Nord,100.00\nS-1001,2026-11-01,Alpha Sued,80.00\n"
    "N-1002,2026-11-03,Alpha Nord,50.00\nS-1002,2026-11-03,Alpha Sued,{rest}\n"
)


def test_digits_that_leave_a_choice_are_decided_by_the_sum_or_only_suggested(tmp_path: Path) -> None:
    payment, advice = "payment id,date,payer,amount\nP1,2026-11-12,ALPHA GROUP,150.00\n", "payment id,invoice\n"
    found = applied(tmp_path, SISTERS.format(rest="70.00"), payment, advice + 'P1,"1001, 1002"\n')
    assert sum(amount for amount, _ in found.values()) == 150_00
    assert {status for _, status in found.values()} == {"suggested"}  # 100 + 50, or 80 + 70
    payment = payment.replace("150.00", "155.00")
    found = applied(tmp_path, SISTERS.format(rest="75.00"), payment, advice + 'P1,"1001, 1002"\n')
    assert {name: amount for name, (amount, _) in found.items()} == {"S-1001": 80_00, "S-1002": 75_00}


def test_a_year_before_the_letters_is_no_number_of_its_own(tmp_path: Path) -> None:
    invoices = "invoice id,due date,customer,amount\n2026-RE-0012,2026-11-01,Alpha,100.00\n"
    invoices += "2026-GS-0012,2026-11-02,Alpha,-40.00\n"
    payment = "payment id,date,payer,amount\nP1,2026-11-12,ALPHA,60.00\n"
    found = applied(tmp_path, invoices, payment, 'payment id,invoice\nP1,"RE-0012, GS-0012"\n')
    assert {name: amount for name, (amount, _) in found.items()} == {"2026-RE-0012": 100_00, "2026-GS-0012": -40_00}


@pytest.mark.parametrize("written", ["SINV-00001-2", "your invoice SINV-00001-2 of May", "SINV-00001-2, SINV-00003"])
def test_an_amended_invoice_is_no_range(tmp_path: Path, written: str) -> None:
    invoices = (
        "invoice id,due date,customer,amount\nSINV-00001,2026-11-01,Alpha,9.00\nSINV-00002,2026-11-01,Alpha,8.00\n"
    )
    invoices += "SINV-00003,2026-11-01,Alpha,3.00\nSINV-00001-2,2026-11-01,Alpha,7.00\n"
    both = "00003" in written
    payment = f"payment id,date,payer,amount\nP1,2026-11-12,ALPHA,{10 if both else 7}.00\n"
    found = applied(tmp_path, invoices, payment, f'payment id,invoice\nP1,"{written}"\n')
    assert set(found) == ({"SINV-00001-2", "SINV-00003"} if both else {"SINV-00001-2"})
    assert sum(amount for amount, _ in found.values()) == (10_00 if both else 7_00)


def test_an_exact_number_beats_the_digits_of_another_whose_amount_is_equal(tmp_path: Path) -> None:
    invoices = "invoice id,due date,customer,amount\nRE-1001,2026-11-01,Alpha,100.00\nSE-1001,2026-11-01,Alpha,60.00\n"
    payment = "payment id,date,payer,amount\nP1,2026-11-12,ALPHA,60.00\n"
    found = applied(tmp_path, invoices, payment, "payment id,invoice,amount\nP1,RE-1001,60.00\n")
    assert set(found) == {"RE-1001"}


def test_a_line_that_stays_open_says_how_far_the_other_side_reaches(tmp_path: Path) -> None:
    left, right = tmp_path / "left.csv", tmp_path / "right.csv"
    left.write_text("id,date,amount,text\nL1,2026-11-20,7.00,a\nL2,2026-11-03,9.00,b\n")
    right.write_text("id,date,amount,text\nR1,2026-11-01,100.00,x\nR2,2026-11-10,200.00,y\n")
    outcome = run(left, right, tmp_path / "out", None, None, lambda *_: None).outcome
    said = {one.id: one.reason for one in outcome.unmatched}
    assert said["L1"].endswith("on the other side, which ends on 2026-11-10, 10 days before this line")
    assert said["L2"] == "no line or group of this amount on the other side"
