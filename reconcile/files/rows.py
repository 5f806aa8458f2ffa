"""The conventions of one table, found once for whole columns, and its rows as lines.

What is found: which column has what, the decimal mark, the order of day and month, where the sign stands, the currency.
Rows that are no lines (totals, carried balances, second lines of a text) are distinguished from rows that can't be
read.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import product
from typing import Any

from reconcile.engine.lines import Line, Side
from reconcile.engine.text import plain, word_set
from reconcile.files.banking import Accounts
from reconcile.files.bookings import (
    StatusColumn,
    is_authorisation,
    names_a_section,
    says_nothing_else,
    status_columns,
)
from reconcile.files.columns import Columns, beside, names_a_document, normal
from reconcile.files.directions import direction_of, opposites, sign_of
from reconcile.files.errors import BadRow
from reconcile.files.fees import proven_money
from reconcile.files.masking import account_in, shown
from reconcile.files.profile import SideProfile
from reconcile.files.running import Entry, against_balance, fits, follows
from reconcile.files.tables import Table, column
from reconcile.files.values import (
    CURRENCIES,
    EMPTY,
    NO_CURRENCY,
    SHARED_SIGNS,
    BadValue,
    DateOrder,
    amount_minor,
    currency_in,
    date_order,
    mark_of,
    period_in,
    precision,
    proven_mark,
    read_date,
)

EXTRA_LIMIT = 60  # characters; a longer extra column is prose, not a category
REMEMBERED = 100_000  # values of a kind that are kept to be shared
SAME_IDS = 0.5  # of the rows: more repeated, and a column named "id" tells something else than the line
FILLED = 0.8  # of a column's cells; one that is emptier is no good date or amount while another is fuller
NOTHING = frozenset({"", "-", "--", "\u2013", "\u2014", "n/a"})
TOTAL_WORDS = word_set(
    "total totals subtotal sum summe zwischensumme gesamt gesamtsumme saldo saldi balance kontostand anfangssaldo "
    "endsaldo uebertrag vortrag brought carried opening closing solde report totaal totale suma somme celkem razem "
    "osszesen yhteensa summa result ergebnis resultado итого остаток 合計 合计"
)
# What stands beside such a word in a label; with any other word it may be a name ("Total Energies", "New Balance").
LABEL_WORDS = word_set(
    "grand transactions transaction debits credits debit credit soll haben net all lines rows items of the at for per "
    "in am zum vom und and end start beginning begin period page account accounts amount ledger available bank current "
    "date forward down konto umsaetze eur usd gbp chf"
)
MOST_WORDS = 12  # different values of a column that may hold the sign
_DEBIT_ACCOUNT = frozenset({"sollkonto", "konto soll", "debit account", "compte debit", "account debit"})
_CREDIT_ACCOUNT = frozenset({"habenkonto", "konto haben", "credit account", "compte credit", "account credit"})
SIGN_ROWS = 2_000  # of the sample: enough to see which column holds the sign
FEE_ROWS = 300
BALANCE_ROWS = 500  # from the first: enough to see which reading of the columns a balance follows
_MONEY = re.compile(r"[-+(]?\s?(?:\d{1,3}(?:[.,' ]\d{3})*|\d+)(?:[.,]\d{2,3})?[)-]?")
_DUE = re.compile(
    r"\bdue\b|\bfaellig|\becheance\b|\bvencimiento\b|\bscadenza\b|\bvervaldatum\b|invoice date|rechnungsdatum"
)
_OPENS = re.compile(
    r"\b(?:opening|closing|brought|carried|forward|beginning|ending|anfang\w*|end(?:saldo|bestand)|vortrag|\w*vortrag"
    r"|uebertrag|alter (?:konto)?(?:saldo|stand)|neuer (?:konto)?(?:saldo|stand)|kontostand (?:am|vom|zum)"
    r"|solde (?:initial|final)|saldo (?:inicial|final|iniziale|finale|anterior))\b"
)
_STARS = re.compile(r"\s*\*{1,5}\s*")
_GROSS = re.compile(r"\b(?:gross|brutto\w*|bruto|lordo|brut)\b")
_NET = re.compile(r"\b(?:net|netto\w*|neto|liquido)\b")
_CLEARLY_OWN = frozenset({"auftragskonto", "iban auftragskonto", "eigenes konto", "own account", "our account",
                          "account iban", "rekeningnummer", "iban bban"})  # fmt: skip
_ACCOUNT = re.compile(r"[A-Z]{2}\d{2}[A-Z]{0,4}[\dA-Z ]*\d{6}[\dA-Z ]*|[\dX*. /-]{6,}")


# One reading of the columns: decimal mark, amount, balance, fee and its sign, sign column, sign of unmarked amounts,
# sign column of the balance.
_Columns = tuple[str, int, int, int, int, int | None, int, int]


@dataclass(slots=True)
class Sum:
    """What lines add up to, by currency, and how many they are."""

    lines: int = 0
    by_currency: Counter[str] = field(default_factory=Counter)

    def add(self, line: Line) -> None:
        """Count one more line."""
        self.lines += 1
        self.by_currency[line.currency] += line.amount_minor


class RowReader:
    """Reads the rows of one table by its conventions."""

    def __init__(self, name: str, side: Side, table: Table, columns: Columns, profile: SideProfile):
        self.name = name
        self.side = side
        self.table = table
        self.columns = columns
        self.days: dict[Any, date | None] = {}  # a day stands in many rows, and is read once
        self.shared: dict[str, str] = {}  # so does a customer, and is held once
        self.notes: list[str] = []
        self.unmarked = 1  # the sign of an amount without CR or DR
        self.balance_by = -1  # the column with the sign of the balance
        self.accounts = Accounts()
        self.status_at = self._status_columns(profile)
        self.types_at = [] if profile.columns else list(columns.alternatives.get("indicator", ()))
        self.statuses = Counter[str]()  # of rows that are not booked, by what they say
        rows = [row for row in table.sample if not self._not_booked(row)] or table.sample
        self.rows = rows
        self.single = _fullest(columns, rows, table.headers) if not profile.columns else dict(columns.single)
        if not profile.columns:
            self._complete_pair()
        single = self.single
        money = [at for key in ("amount", "debit", "credit", "amount_minor") if (at := single.get(key)) is not None]
        self.money_at = money[0]
        self.currency = profile.currency or columns.currency or _one_currency(rows, money) or NO_CURRENCY
        self.mark, self.open_mark = self._mark(profile, money)
        self.net = self._settle_amount(profile)
        dates = [at for key in ("date", "value_date") if (at := single.get(key)) is not None]
        self.order = date_order(
            (value for at in dates for value in column(rows, at)), profile.date_format, comma=self.mark == ","
        )
        if self.order.yearless:
            self.order = replace(self.order, period=self._period(profile))
        self.value_order = replace(self.order, pattern=profile.date_format)
        self.mixed = not profile.currency and "currency" not in single and _several_currencies(rows, money)
        self.id_at = self._id_column()
        self.fee_at, self.fee_sign = -1, 0
        self.directions: dict[tuple[int, str], int] = {}  # what a word of a column says, read once
        self.opposed: dict[int, Mapping[str, int]] = {}
        self.blank_sign = 0  # of a row whose sign column is empty
        self.unmarked = self._unmarked_sign()
        self.signed_by: int | None = None
        self.signed_by = self._indicator(profile)
        self.debits_signed = self._debits_are_signed()
        self.account_at = self._account_column()
        self.section_account = ""  # that a heading names, for the rows below it
        self._try_balance(profile)
        self.unsigned = self._unsigned()
        self.extra = self._extras()
        self._report()

    def understood(self) -> dict[str, str]:
        """Return how the file was read, for the summary."""
        headers = self.table.headers
        reported = {
            meaning: str(headers[at]) for meaning, at in self.single.items() if meaning not in ("balance", "indicator")
        }
        reported["id"] = str(headers[self.id_at]) if self.id_at is not None else "row number"
        if self.signed_by is not None:
            reported["sign from"] = str(headers[self.signed_by])
        reported["text"] = ", ".join(str(headers[at]) for at in self.columns.text)
        reported["reference"] = ", ".join(str(headers[at]) for at in self.columns.references)
        reported["decimal mark"] = self.mark
        if self.fee_at >= 0:
            reported["fee"] = str(headers[self.fee_at])
        return reported

    def read(self) -> Iterator[Line | BadRow]:
        """Yield all rows: lines, and the rows that can't be read; what is no line is counted in notes."""
        if "balance" not in self.single or self._lists_documents():
            for found in self._read():
                if isinstance(found, BadRow):
                    yield found
                elif not found.only_balance:
                    yield found.line
            return
        entries = []
        for found in self._read():
            if isinstance(found, Entry):
                entries.append(found)
            else:
                yield found
        header = str(self.table.headers[self.single["balance"]]).strip()
        checked = against_balance(self.name, header, entries, self.unsigned)
        self.notes.extend(checked.notes)
        yield from checked.bad
        yield from (entry.line for entry in checked.entries)

    def _read(self) -> Iterator[Entry | BadRow]:
        held: Entry | None = None
        last, totals, others = 0, [], []
        self.section_account = self.accounts.label(account_in(self.table.above)) if self.account_at < 0 else ""
        section = ""  # of rows that stand below "Pending transactions"
        sums = [Sum(), Sum()]  # of all lines, and of those since the last total
        for number, row in self.table.each():
            kind = self._kind(row)
            if kind == "more text" and held is not None and number == last + 1:
                held.line = replace(held.line, text=f"{held.line.text} {self._texts(row)}".strip())
            else:
                if held is not None:
                    yield held
                held = None
                if kind == "balance":
                    totals.append(number)
                    with suppress(BadValue):
                        yield self._balance_entry(number, row)
                elif kind == "total":
                    totals.append(number)
                elif kind != "line":
                    others.append(number)
                    if kind == "heading" and self.account_at < 0 and (named := account_in(_joined(row))):
                        self.section_account = self.accounts.label(named)
                    if kind == "heading" and (heading := next(filter(None, map(_text, row)), "")):
                        unbooked = names_a_section(heading) and says_nothing_else(heading)
                        section = heading.lower() if unbooked else ""
                elif says := self._not_booked(row) or section:
                    self.statuses[says] += 1
                else:
                    try:
                        held = self._entry(number, row)
                    except BadValue as error:
                        yield BadRow(self.name, number, str(error))
                    else:
                        if self._adds_up(held.line, sums):
                            totals.append(number)
                            held, sums[1] = None, Sum()
                        else:
                            for one in sums:
                                one.add(held.line)
            last = number
        if held is not None:
            yield held
        if self.statuses:
            said = ", ".join(f"{word} {count:,}" for word, count in sorted(self.statuses.items()))
            self.notes.append(f"left out as not booked: {sum(self.statuses.values()):,} ({said})")
        for rows, what in ((totals, "totals or balances"), (others, "headings and rows without date and amount")):
            if rows:
                shown = ", ".join(str(number) for number in rows[:5]) + (", ..." if len(rows) > 5 else "")
                self.notes.append(f"left out as {what}: {len(rows):,} (line {shown})")

    # -- one row ----------------------------------------------------------------------------------------------------

    def _kind(self, row: Sequence[Any]) -> str:
        """Return whether a row is a line, a total, a heading, or more text for the line above it."""
        if row[self.money_at] == self.table.headers[self.money_at] and list(row) == list(self.table.headers):
            return "heading"  # the header again, on a new page
        at = self.single.get("date")
        if "balance" in self.single and self._only_balance(row):
            return "balance"
        if at is None:
            return "total" if self._is_label(row) else "line"
        cell = row[at]
        if cell and not isinstance(cell, str):
            return "line"
        written = _text(cell)
        if written[:1].isalpha() and begins_a_total(written):
            return "total"
        if written[:1].isalpha() and sum(1 for one in row if _text(one)) == 1:
            return "heading"
        if written and any(char.isdigit() for char in written):
            return "line"
        amounts = any(self._amount_cells(row))
        if names_a_total(written) or (not written and self._is_label(row)):
            return "total"
        if written and not amounts and account_in(_joined(row)):
            return "heading"  # of the account whose rows follow
        return (
            "more text"
            if not written and not amounts and self.single.keys() & {"amount", "debit", "credit"}
            else "line"
        )

    def _only_balance(self, row: Sequence[Any]) -> bool:
        """Return whether a row shows the opening, closing or carried balance alone, in whatever column.

        It moves nothing.
        """
        shows = _text(row[self.single["balance"]])
        if shows in NOTHING or any(cell != shows and self._sign_in(cell) for cell in self._amount_cells(row)):
            return False
        reported = [text for at in self.columns.text if _has_letter(text := _text(row[at]))]
        if not reported:
            days = {self.single.get("date"), self.single.get("value_date")}
            reported = [text for at, cell in enumerate(row) if at not in days and _has_letter(text := _text(cell))]
        return any(map(_OPENS.search, map(plain, reported))) and all(
            names_a_total(text) for text in reported if text not in CURRENCIES
        )

    def _adds_up(self, line: Line, sums: Sequence[Sum]) -> bool:
        """Return whether a row without a day and without words is the sum of the lines above it."""
        if "date" not in self.single or line.on is not None or line.text or line.references or line.counterparty:
            return False
        return any(one.lines > 1 and one.by_currency[line.currency] == line.amount_minor for one in sums)

    def _is_label(self, row: Sequence[Any]) -> bool:
        """Return whether the only words of a row are those of a total, or the stars by which lists of SAP mark one."""
        if any(_STARS.fullmatch(_text(cell)) for cell in row if isinstance(cell, str)):
            return True
        words = [text for text in map(_text, row) if any(char.isalpha() for char in text) and text not in CURRENCIES]
        return bool(words) and all(names_a_total(text) for text in words)

    def _amount_cells(self, row: Sequence[Any]) -> Iterator[str]:
        for key in ("amount", "amount_minor", "debit", "credit"):
            at = self.single.get(key)
            if at is not None and (text := _text(row[at])) not in NOTHING:
                yield text

    def _entry(self, number: int, row: Sequence[Any]) -> Entry:
        line = self._line(number, row)
        balance = None
        if (at := self.single.get("balance")) is not None and _text(row[at]) not in NOTHING:
            with suppress(BadValue):
                balance = self._balance(row, line.currency)
        return Entry(number, line, balance, f"{line.currency} {line.account}")

    def _balance_entry(self, number: int, row: Sequence[Any]) -> Entry:
        currency = self._currency(row)
        account = self._account(row)
        on = self._day(row[self.single["date"]]) if "date" in self.single else None
        line = Line(f"row-{number}", self.side, 0, currency, on, account=account)
        balance = self._balance(row, currency)
        return Entry(number, line, balance, f"{currency} {account}", only_balance=True)

    def _account(self, row: Sequence[Any]) -> str:
        return self.accounts.label(_text(row[self.account_at])) if self.account_at >= 0 else self.section_account

    def _not_booked(self, row: Sequence[Any]) -> str:
        """Return what says that a row moved no money; nothing for one that did."""
        for one in self.status_at:
            if (said := _text(row[one.at])) and one.says(said) is False:
                return said.lower() if one.yes_means is None else str(self.table.headers[one.at]).strip().lower()
        return next((said.lower() for at in self.types_at if is_authorisation(said := _text(row[at]))), "")

    def _texts(self, row: Sequence[Any]) -> str:
        return " ".join(filter(None, (_text(row[at]) for at in self.columns.text)))

    def _line(self, number: int, row: Sequence[Any]) -> Line:
        single = self.single
        currency = self._currency(row)
        if not currency.isalpha() or len(currency) != 3:
            raise BadValue(f"currency {currency!r} is not a three-letter code")
        name = _text(row[self.id_at]) if self.id_at is not None else ""
        return Line(
            id=name or f"row-{number}",
            side=self.side,
            amount_minor=self._amount(row, currency),
            currency=currency,
            on=self._day(row[single["date"]]) if "date" in single else None,
            value_on=self._value_date(row),
            text=self._texts(row),
            counterparty=self._once(_text(row[single["counterparty"]])) if "counterparty" in single else "",
            references=tuple(filter(None, (_text(row[at]) for at in self.columns.references))),
            batch_key=_text(row[single["batch_key"]]) if "batch_key" in single else "",
            extra={
                self._once(str(self.table.headers[at])): self._once(value)
                for at in self.extra
                if (value := _text(row[at]))
            },
            numbered=not name,
            account=self._account(row),
        )

    def _day(self, cell: Any) -> date | None:
        if not isinstance(cell, str):
            return read_date(cell, self.order)
        if cell not in self.days:
            if len(self.days) >= REMEMBERED:
                self.days.clear()
            self.days[cell] = read_date(cell, self.order)
        return self.days[cell]

    def _once(self, text: str) -> str:
        if len(self.shared) >= REMEMBERED:
            self.shared.clear()
        return self.shared.setdefault(text, text)

    def _currency(self, row: Sequence[Any]) -> str:
        if "currency" in self.single and (named := _text(row[self.single["currency"]])):
            return self._once(named if named in CURRENCIES else currency_in(named) or named.upper()[:3])
        if self.mixed:
            cells = list(self._amount_cells(row))
            found = next(filter(None, map(currency_in, cells)), "")
            if not found and any(sign in cell for cell in cells for sign in SHARED_SIGNS):
                raise BadValue(f"{shown(cells[0])} does not say which currency; give the amounts a currency column")
            return found or self.currency
        return self.currency

    def _value_date(self, row: Sequence[Any]) -> date | None:
        at = self.single.get("value_date")
        if at is None:
            return None
        try:
            return read_date(row[at], self.value_order)
        except BadValue:
            return None  # a second date is a help, not a must

    def _amount(self, row: Sequence[Any], currency: str) -> int:
        single = self.single
        if "amount_minor" in single:
            amount = amount_minor(row[single["amount_minor"]], ".", currency, in_minor=True)
        elif "amount" in single:
            cell = row[single["amount"]]
            amount = amount_minor(cell, self.mark, currency)
            if self.unmarked < 0 and not mark_of(cell):
                amount = -amount
            if self.fee_at >= 0 and _text(row[self.fee_at]) not in NOTHING:
                amount += self.fee_sign * amount_minor(row[self.fee_at], self.mark, currency)
        else:
            amount, found = 0, False
            for key in ("credit", "debit"):
                cell = row[single[key]] if key in single else ""
                if _text(cell) in NOTHING:
                    continue
                part, found = amount_minor(cell, self.mark, currency), True
                amount += part if key == "credit" else part if self.debits_signed else -part
            if not found:
                raise BadValue(EMPTY)
        if self.signed_by is not None:
            sign = self._direction(self.signed_by, row[self.signed_by])
            if not sign and amount:
                raise BadValue(f"{_text(row[self.signed_by])!r} says neither debit nor credit")
            amount *= sign
        elif (
            self.contradicted_by is not None
            and amount * self._direction(self.contradicted_by, row[self.contradicted_by]) < 0
        ):
            raise BadValue(f"the sign of the amount is not that of {shown(_text(row[self.contradicted_by]))} beside it")
        return amount

    def _period(self, profile: SideProfile) -> tuple[date, date] | None:
        """Return when the file's days without a year may be: as the profile says, or the text above the table."""
        said = profile.period or self.table.above
        period = period_in(said, replace(self.order, pattern=""))
        if period:
            where = "in the profile" if profile.period else "above the table"
            self.notes.append(f"dates have no year; it is that of {period[0]} to {period[1]}, which stand {where}")
        return period

    # -- conventions ------------------------------------------------------------------------------------------------

    def _report(self) -> None:
        """Say what was decided though the file leaves a doubt."""
        headers, single = self.table.headers, self.single
        if self.order.guessed:
            how = "day before month" if self.order.day_first else "month before day"
            column_name = headers[single["date"]] if "date" in single else headers[single["value_date"]]
            self.notes.append(f"dates in {column_name!r} were read {how}, which no value proves (set date_format)")
        if self.open_mark:
            money = [one for key in ("amount", "debit", "credit") if (one := single.get(key)) is not None]
            written = ((one, _text(cell)) for one in money for cell in column(self.rows, one))
            seen = ((one, text) for one, text in written if re.search(r"\d[.,]\d{3}(?!\d)", text))
            at, example = next(seen, (self.money_at, ""))
            how = "thousands" if self.open_mark != self.mark else "decimals"
            self.notes.append(
                f"no value proves the decimal mark of {str(headers[at]).strip()!r}: in {shown(example)} the mark was "
                f"read as that of {how} (set decimal in a profile)"
            )
        if self.unmarked < 0:
            name = str(headers[single["amount"]]).strip()
            self.notes.append(
                f"some amounts in {name!r} are marked as credits and none as a debit: the others are debits"
            )
        others = [at for at in self.columns.alternatives.get("amount", ()) if at != single.get("amount")]
        names = [str(headers[at]).strip() for at in others if self._holds_amounts(at)]
        if "amount" in single and names:
            used = str(headers[single["amount"]]).strip()
            self.notes.append(f"amounts are those of {used!r}, not of {', '.join(map(repr, names))}")

    def _holds_amounts(self, at: int) -> bool:
        values = [value for value in column(self.table.sample[:200], at) if _text(value) not in NOTHING]
        good = 0
        for value in values:
            try:
                good += bool(amount_minor(value, self.mark, NO_CURRENCY))
            except BadValue:
                continue
        return good * 2 > len(values)

    def _debits_are_signed(self) -> bool:
        """Return whether a debit column writes money out as negative: then a positive debit is money back."""
        at = self.single.get("debit")
        if at is None:
            return False
        signs = Counter[bool]()
        for row in self.table.sample:
            try:
                signs[amount_minor(row[at], self.mark, NO_CURRENCY) < 0] += 1
            except BadValue:
                continue
        return signs[True] > signs[False]

    def _indicator(self, profile: SideProfile) -> int | None:
        """Return the column whose words or letters give the amounts their sign.

        None where the amounts have it themselves.

        Ensures: decided by the values, whatever the header is called. Where the letter only repeats the sign, rows in
                 which the two differ are bad; where it gives the sign, a minus beside it turns it (a reversal).
        """
        self.contradicted_by: int | None = None
        self.reported_signs = False
        money = self.single.get("amount", self.single.get("amount_minor"))
        if money is None:
            return None
        rows = [row for row in self.rows[:SIGN_ROWS] if self._kind(row) == "line"]
        signs = [self._sign_in(row[money]) for row in rows]
        if not any(signs):
            return None
        for at in self._sign_columns():
            self.opposed[at] = opposites(_text(row[at]) for row, sign in zip(rows, signs, strict=True) if sign)
            said = [self._direction(at, row[at]) for row in rows]
            named = "indicator" in profile.columns and at == self.single.get("indicator")
            if not named and not self._says_signs(at, rows, signs, said):
                continue
            seen = Counter(zip(signs, said, strict=True))
            agree, plus, minus = seen[-1, -1], seen[1, -1], seen[-1, 1]
            if plus > 2 * agree and minus > 2 * seen[1, 1] and minus and not named:
                header = str(self.table.headers[at]).strip()
                self.notes.append(
                    f"credits in {header!r} have a minus and debits none, as in a ledger; the minus counts"
                )
                return None
            if agree > 2 * plus and not named:
                if plus or minus:
                    self.contradicted_by = at
                return None  # the sign stands in the amount, and the letter repeats it
            header = str(self.table.headers[at]).strip()
            if turned := sum(1 for sign in signs if sign < 0):
                self.notes.append(f"a minus beside the sign in {header!r} turns it: {turned:,} rows")
            if self._only_minus(at, rows, signs):
                self.blank_sign = 1
                self.notes.append(f"{header!r} holds a minus or nothing; what has none was read as money in")
            return at
        if min(signs) >= 0 and not self.reported_signs:
            self._report_unsigned(rows, signs)
        return None

    def _direction(self, at: int, cell: Any) -> int:
        """Return the sign that a cell of a column says; 0 for none."""
        text = _text(cell)
        if not text:
            return self.blank_sign if at == self.signed_by else 0
        key = (at, text)
        if key not in self.directions:
            if len(self.directions) >= REMEMBERED:
                self.directions.clear()
            self.directions[key] = self.opposed.get(at, {}).get(plain(text).strip(" ."), 0) or direction_of(text)
        return self.directions[key]

    def _unmarked_sign(self) -> int:
        """Return the sign of an amount without a mark: minus, where some are marked as credits and none says debit."""
        at = self.single.get("amount")
        if at is None:
            return 1
        cells = [cell for cell in column(self.rows, at) if isinstance(cell, str) and any(map(str.isdigit, cell))]
        marks = Counter(map(mark_of, cells))
        signed = any("-" in cell or "(" in cell or "\u2212" in cell for cell in cells)
        return -1 if marks[1] and marks[0] and not marks[-1] and not signed else 1

    def _only_minus(self, at: int, rows: Sequence[Sequence[Any]], signs: Sequence[int]) -> bool:
        """Return whether a column beside the amounts, or named for it, holds a minus or nothing."""
        values = {_text(row[at]) for row, sign in zip(rows, signs, strict=True) if sign}
        near = abs(at - self.money_at) == 1 or self._named_for_signs(at)
        return near and {plain(value) for value in values} in ({"-", ""}, {"\u2212", ""})

    def _named_for_signs(self, at: int) -> bool:
        return at in self.columns.alternatives.get("indicator", ()) or at == self.single.get("indicator")

    def _report_unsigned(self, rows: Sequence[Sequence[Any]], signs: Sequence[int]) -> None:
        """Say that all amounts were read as money in, if a column may say otherwise in words that are not known."""
        if self._lists_documents() or "balance" in self.single:
            return
        headers = [normal(header) for header in self.table.headers]
        if _DEBIT_ACCOUNT & set(headers) and _CREDIT_ACCOUNT & set(headers):
            self.notes.append(
                "each row names the account that is debited and the one that is credited, so no amount has a sign; "
                "all were read as money in"
            )
            return
        used = {at for meaning, at in self.single.items() if meaning != "indicator"}
        used |= {*self.columns.text, *self.columns.references, *self.columns.id_candidates}
        used |= {one.at for one in self.status_at}
        for at in self._sign_columns():
            values = {_text(row[at]) for row, sign in zip(rows, signs, strict=True) if sign} - {""}
            if at in used or not 1 < len(values) <= MOST_WORDS or values <= CURRENCIES:
                continue
            longest = max(map(len, values))
            letters = len(values) == 2 and (longest == 1 or (longest == 2 and len(rows) >= 4))
            if self._named_for_signs(at) or letters or any(map(direction_of, values)):
                some = ", ".join(shown(value) for value in sorted(values)[:4])
                self.notes.append(
                    f"no amount has a sign, and all were read as money in; if {str(self.table.headers[at]).strip()!r} "
                    f"({some}) says which are money out, write D and C there"
                )
                return

    def _sign_columns(self) -> list[int]:
        """Return columns that may give the sign: those named so, then the ones that no other meaning has."""
        taken = {at for meaning, at in self.single.items() if meaning != "indicator"}
        named = [self.single["indicator"]] if "indicator" in self.single else []
        named += self.columns.alternatives.get("indicator", ())
        named += [
            at for at in beside(self.table.headers, "status") if normal(self.table.headers[at]) == "balance impact"
        ]
        others = [at for at in range(len(self.table.headers)) if at not in taken]
        return list(dict.fromkeys((*named, *others)))

    def _says_signs(self, at: int, rows: Sequence[Sequence[Any]], signs: Sequence[int], said: Sequence[int]) -> bool:
        """Return whether the values of a column say debit and credit, and are not just words among others."""
        values = [_text(row[at]) for row in rows]
        filled = [value for value, sign in zip(values, signs, strict=True) if value and sign]
        exact = sum(1 for value in filled if sign_of(value) or self.opposed[at])
        known = sum(1 for value in filled if self._direction(at, value))
        header = self._named_for_signs(at)
        needed = [value for value, sign in zip(values, signs, strict=True) if sign]
        if filled and self._only_minus(at, rows, signs):
            return True
        if not filled or len(filled) * 2 < len(needed):
            if exact and min(signs) >= 0 and (header or exact == len(filled)):
                self._report_few_signs(at, exact, len(needed))
            return False
        if header and exact >= 0.8 * len(filled):
            return True
        letters = all(len(value) <= 3 for value in filled) and max(said) > 0 > min(said)
        if letters and min(signs) >= 0 and exact * 2 > len(filled):
            return True  # whoever has a letter that says neither is a bad row
        if exact == len(filled) and (len(set(filled)) > 1 or (len(filled[0]) <= 2 and min(said) < 0)):
            return True
        unsigned = min(signs) >= 0
        if not unsigned or min(said) >= 0 or not known:
            return False
        most = max(3, min(MOST_WORDS, len(filled) // 2)) if at in self.columns.text else MOST_WORDS
        few = len(set(filled)) <= most and max(said) > 0
        if (header and known * 2 >= len(filled)) or (few and known == len(filled)):
            return True
        if header:
            self._report_few_signs(at, known, len(filled))
        return False

    def _report_few_signs(self, at: int, known: int, rows: int) -> None:
        self.reported_signs = True
        self.notes.append(
            f"{str(self.table.headers[at]).strip()!r} says debit or credit in {known:,} of {rows:,} rows and was not "
            "taken for the sign (name it as indicator in a profile if it is)"
        )

    def _sign_in(self, cell: Any) -> int:
        try:
            amount = amount_minor(cell, self.mark, NO_CURRENCY)
        except BadValue:
            return 0
        if self.unmarked < 0 and not mark_of(cell):
            amount = -amount
        return (amount > 0) - (amount < 0)

    def _mark(self, profile: SideProfile, money: Sequence[int]) -> tuple[str, str]:
        """Return the decimal mark, and the one that stays open: a value such as 2.500 may mean either.

        Ensures: what the amounts leave open other columns of money decide, then the currency: where it has two decimals
                 three digits are thousands.
        """
        if profile.decimal:
            return profile.decimal, ""
        proven, opened = proven_mark(value for at in money for value in column(self.rows, at))
        if proven or not opened:
            return proven or ".", ""
        taken = {self.single.get(meaning) for meaning in ("date", "value_date", "id", "indicator", "currency")}
        others = [at for at in range(len(self.table.headers)) if at not in taken and at not in money]
        marks = {
            proven_mark(values)[0]
            for at in others
            if (values := [one for cell in column(self.rows, at) if (one := _text(cell)) not in NOTHING])
            and all(_MONEY.fullmatch(value) for value in values)
        } - {""}
        if len(marks) == 1:
            return marks.pop(), ""
        currency = self.currency
        if (at := self.single.get("currency")) is not None:
            named = Counter(_text(cell) for cell in column(self.rows, at))
            currency = named.most_common(1)[0][0] if len(named) == 1 else currency
        if currency.isalpha() and precision(currency.upper()) == 3:
            return opened, opened
        return ("," if opened == "." else "."), opened

    def _complete_pair(self) -> None:
        """Find the other column of a debit or a credit column that stands alone: filled just where that one is not."""
        single = self.single
        lone = single.keys() & {"debit", "credit"}
        if len(lone) != 1 or "amount" in single or not self.rows:
            return
        have = lone.pop()
        gaps = [_text(row[single[have]]) in NOTHING for row in self.rows]
        for at in range(len(self.table.headers)):
            cells = [_text(row[at]) for row in self.rows]
            money = all(_MONEY.fullmatch(cell) for cell in cells if cell not in NOTHING)
            if at not in single.values() and money and any(gaps) and [cell not in NOTHING for cell in cells] == gaps:
                single["credit" if have == "debit" else "debit"] = at
                names = [repr(str(self.table.headers[one]).strip()) for one in (at, single[have])]
                self.notes.append(f"{names[0]} is filled where {names[1]} is empty, and was taken for its opposite")
                return

    def _settle_amount(self, profile: SideProfile) -> bool:
        """Take the amount that the arithmetic of the row proves to be the money; whether fees are off it already."""
        amounts = self.columns.alternatives.get("amount", ())
        if len(amounts) < 2 or profile.columns or "amount_minor" in self.single or "amount" not in self.single:
            return False
        headers, rows = self.table.headers, self.rows[:FEE_ROWS]
        read: dict[int, list[int | None]] = {}

        def values(at: int) -> list[int | None]:
            if at not in read:
                read[at] = [self._minor_or_none(row[at]) for row in rows]
            return read[at]

        found, net = proven_money(amounts, beside(headers, "fee"), beside(headers, "tax"), values)
        if found >= 0 and found != self.single["amount"]:
            self.single["amount"] = self.money_at = found
        return net

    def _minor_or_none(self, cell: Any) -> int | None:
        try:
            return amount_minor(cell, self.mark, NO_CURRENCY)
        except BadValue:
            return None

    def _status_columns(self, profile: SideProfile) -> list[StatusColumn]:
        """Return the columns that say whether a row is booked.

        None in a list of documents, whose status is another's.
        """
        if self._lists_documents():
            return []
        headers = self.table.headers
        named = {at for meaning, at in self.columns.single.items() if profile.columns or meaning != "indicator"}
        free = [at for at in range(len(headers)) if at not in named]
        found, notes = status_columns(headers, self.table.sample, free)
        self.notes.extend(notes)
        for one in found:
            said = Counter(text for cell in column(self.table.sample, one.at) if (text := _text(cell)))
            unknown = sorted(text for text in said if one.says(text) is None and not sign_of(text))
            if unknown:
                rows = sum(said[text] for text in unknown)
                self.notes.append(
                    f"in {str(headers[one.at]).strip()!r} {', '.join(map(shown, unknown[:5]))} is not known to be "
                    f"booked or not; counted as booked: {rows:,}"
                )
        if names_a_section(self.table.above):
            self.notes.append("the text above the table speaks of entries that are not booked; its rows were counted")
        return found

    def _lists_documents(self) -> bool:
        """Return whether the rows are documents, not money: their status and their balance are those of a document."""
        return any(_DUE.search(normal(header)) for header in self.table.headers)

    def _account_column(self) -> int:
        """Return the column of the file's own accounts; -1 where none is clear, for it may be the counterparty's."""
        if "account" in self.single:
            return self.single["account"]
        taken = set(self.single.values()) | set(self.columns.text)
        others = []
        named = [at for at in beside(self.table.headers, "own_account") if at not in taken]
        party = self.single.get("counterparty")
        if party is not None and normal(self.table.headers[party]) == "account name":
            named.append(party)  # "Checking ...1234" is no counterparty
        for at in named:
            name = normal(self.table.headers[at])
            values = [_text(cell) for cell in column(self.rows, at)]
            numbers = all(sum(map(str.isdigit, value)) >= 3 for value in values if value)
            repeated = name != "iban" and len(set(values)) * 2 <= len(values)  # an IBAN is as often the other party's
            if numbers and all(values) and (name in _CLEARLY_OWN or repeated):
                return at
            others += [at] if len(set(values) - {""}) > 1 and at != party else []
        for at in others[:1] if not account_in(self.table.above) else ():
            count = len({_text(cell) for cell in column(self.rows, at)} - {""})
            self.notes.append(
                f"{str(self.table.headers[at]).strip()!r} holds {count:,} different values, which were not taken for "
                "accounts of the file (columns: {account: ...} in a profile if they are)"
            )
        return -1

    def _unsigned(self) -> bool:
        """Return whether no amount has a sign and no column gives one, so that only a balance can."""
        at = self.single.get("amount", self.single.get("amount_minor"))
        if at is None or self.signed_by is not None or "balance" not in self.single or self._lists_documents():
            return False
        return not any(self._sign_in(row[at]) < 0 for row in self.rows)

    # -- what a balance proves about whole columns ------------------------------------------------------------------

    def _try_balance(self, profile: SideProfile) -> None:
        """Let a running balance decide between the readings of the columns that the file allows.

        Ensures: another reading than the usual one is taken only if more of its amounts lead from balance to balance.
        """
        if profile.columns:
            return
        if "balance" not in self.single or self._lists_documents():
            self._report_fee(0)
            return
        rows = [row for row in self._first_rows() if self._kind(row) == "line" and not self._not_booked(row)]
        amount, balance = self.single.get("amount", -1), self.single["balance"]
        usual: _Columns = (self.mark, amount, balance, -1, 0, self.signed_by, self.unmarked, -1)
        readings = [usual]
        marks = [self.mark] if not self.open_mark else [self.mark, "," if self.mark == "." else "."]
        amounts = [usual[1]]
        if "amount" in self.single and "amount_minor" not in self.single:
            amounts += [at for at in self.columns.alternatives.get("amount", ()) if at != usual[1]]
        balances = [usual[2], *(at for at in self.columns.alternatives.get("balance", ()) if at != usual[2])]
        fees = [(-1, 0)]
        if "amount" in self.single:
            fees += [(at, sign) for at in beside(self.table.headers, "fee") if at != usual[1] for sign in (-1, 1)]
        letters = [self.signed_by]
        if self.signed_by is None and self.contradicted_by is not None:
            letters.append(self.contradicted_by)
        elif self.signed_by is not None:
            letters.append(None)
        for mark, fee in product(marks, fees):
            for amount, balance in product(amounts, balances):
                signs = product(letters, sorted({self.unmarked, 1}), self._signs_of_balance(balance, rows))
                readings += [(mark, amount, balance, *fee, *one) for one in signs]
        best, most = usual, self._fits(usual, rows)
        if most < len(rows) - 1:
            for reading in readings[1:]:
                good = self._fits(reading, rows)
                if good > most:
                    best, most = reading, good
        if self.open_mark and most > self._fits(("," if best[0] == "." else ".", *best[1:]), rows):
            self.open_mark = ""  # the balance proves it
        if best == usual:
            self._report_fee(most)
            return
        headers, header = self.table.headers, str(self.table.headers[best[2]]).strip()
        self._take(best)
        proved = []
        if best[0] != usual[0]:
            proved.append(f"the decimal mark {best[0]!r}")
        if best[1] != usual[1]:
            proved.append(f"amounts in {str(headers[best[1]]).strip()!r}")
        if best[3] >= 0:
            proved.append(
                f"that {str(headers[best[3]]).strip()!r} is {'taken off' if best[4] < 0 else 'added to'} the amount"
            )
        if best[5] != usual[5]:
            proved.append(
                "signs of the amounts alone" if best[5] is None else f"signs by {str(headers[best[5]]).strip()!r}"
            )
        if proved:
            self.notes.append(f"the balance in {header!r} proves {', '.join(proved)}")

    def _signs_of_balance(self, balance: int, rows: Sequence[Sequence[Any]]) -> list[int]:
        """Return columns that may hold the sign of the balance: none, or the letters to the right or the left of it."""
        found = [-1]
        for at in (balance + 1, balance - 1):
            if 0 <= at < len(self.table.headers) and at not in (*self.single.values(), self.signed_by):
                letters = {text for row in rows if (text := _text(row[at]))}
                found += [at] if letters and len(letters) <= 2 and all(map(sign_of, letters)) else []
        return found

    def _balance(self, row: Sequence[Any], currency: str) -> int:
        """Return the balance of a row that shows one. Raises: BadValue."""
        balance = amount_minor(row[self.single["balance"]], self.mark, currency)
        return balance if self.balance_by < 0 else balance * (sign_of(_text(row[self.balance_by])) or 1)

    def _take(self, reading: _Columns) -> None:
        self.mark = reading[0]
        if reading[1] >= 0:
            self.single["amount"] = reading[1]
        self.single["balance"] = reading[2]
        self.fee_at, self.fee_sign, self.signed_by, self.unmarked, self.balance_by = reading[3:]

    def _fits(self, reading: _Columns, rows: Sequence[Sequence[Any]]) -> int:
        """Return how many amounts of these rows lead from balance to balance in one reading."""
        kept = (
            self.mark,
            self.single.get("amount", -1),
            self.single["balance"],
            self.fee_at,
            self.fee_sign,
            self.signed_by,
            self.unmarked,
            self.balance_by,
        )
        contradicted, self.contradicted_by = self.contradicted_by, None
        single = dict(self.single)
        self._take(reading)
        books: dict[str, list[tuple[int, int | None]]] = {}
        try:
            unsigned = self._unsigned()
            for row in rows:
                try:
                    currency = self._currency(row)
                    amount = self._amount(row, currency)
                    empty = _text(row[self.single["balance"]]) in NOTHING
                    balance = None if empty else self._balance(row, currency)
                except BadValue:
                    continue
                book = currency if self.account_at < 0 else f"{currency} {_text(row[self.account_at])}"
                books.setdefault(book, []).append((amount, balance))
            counts = [(steps, fits(steps, unsigned)[0]) for steps in books.values()]
            return sum(good for steps, good in counts if follows(steps, good, unsigned))
        finally:
            self._take(kept)
            self.single = single
            self.contradicted_by = contradicted

    def _first_rows(self) -> list[Sequence[Any]]:
        return [row for _, (_, row) in zip(range(BALANCE_ROWS), self.table.each(), strict=False)]

    def _report_fee(self, proven: int) -> None:
        """Say that fees stand beside the amounts and nothing shows whether the amounts have them in."""
        if proven or self.net or "amount" not in self.single:
            return
        used = normal(self.table.headers[self.single["amount"]])
        if used.startswith(("net", "liquido")) or used.endswith(("net", "netto")):
            return
        for at in beside(self.table.headers, "fee"):
            if any(self._sign_in(row[at]) for row in self.rows):
                name = str(self.table.headers[at]).strip()
                self.notes.append(f"whether amounts have {name!r} taken off already, nothing in the file proves")

    def _id_column(self) -> int | None:
        taken = {at for meaning, at in self.single.items() if meaning != "id"}
        documents = [at for at in self.columns.references if names_a_document(self.table.headers[at])]
        candidates = [at for at in dict.fromkeys((*self.columns.id_candidates, *documents)) if at not in taken]
        if not candidates:
            return None
        seen: dict[int, set[int]] = {at: set() for at in candidates}
        filled = Counter[int]()
        lines = 0
        for _, row in self.table.each():
            if self._kind(row) != "line":
                continue
            lines += 1
            for at in candidates:
                if value := _text(row[at]):
                    filled[at] += 1
                    seen[at].add(hash(value))
        for at in candidates:
            repeated = filled[at] - len(seen[at])
            exact = normal(self.table.headers[at]) in ("id", "line id", "transaction id", "txn id")
            enough = filled[at] and filled[at] >= 0.98 * lines
            if enough and (repeated == 0 or (exact and repeated <= SAME_IDS * lines)):
                return at
        return None

    def _extras(self) -> tuple[int, ...]:
        """Return columns that may say something about a line: short words, no numbers, dates or long prose."""
        found = []
        unused = [at for at in self.columns.id_candidates if at != self.id_at and at not in self.columns.references]
        indicator = self.single.get("indicator")
        if indicator is not None and self.signed_by is None:
            unused.append(indicator)
        rows = self.table.sample[:: max(1, len(self.table.sample) // 300)]
        for at in sorted({*self.columns.extra, *unused} - {self.id_at}):
            sample = [value for value in (_text(cell) for cell in column(rows, at)) if value]
            if not sample:
                continue
            wordy = sum(1 for value in sample if any(char.isalpha() for char in value) and len(value) <= EXTRA_LIMIT)
            if wordy >= 0.8 * len(sample) and not all(_is_date(value) for value in sample[:20]):
                found.append(at)
        return tuple(found)


def _fullest(columns: Columns, rows: Sequence[Sequence[Any]], headers: Sequence[Any]) -> dict[str, int]:
    """Return the columns by meaning; where the preferred one is mostly empty, the next that is not.

    Of a net and a gross amount the net one is money where a fee stands between them, the gross one where a tax does.
    """
    single = dict(columns.single)
    gross = [at for at in columns.alternatives.get("amount", ()) if _GROSS.search(normal(headers[at]))]
    taxed = beside(headers, "tax") and not beside(headers, "fee")
    if gross and taxed and "amount" in single and _NET.search(normal(headers[single["amount"]])):
        single["amount"] = gross[0]
    if rows:
        _settle_currency(single, columns, rows)
    for meaning in ("date", "amount", "counterparty"):
        if meaning not in single or not rows:
            continue
        shares = {}
        for at in columns.alternatives.get(meaning, ()):
            values = [_text(value) for value in column(rows, at)]
            if meaning == "counterparty":  # an account number names nobody
                values = [value for value in values if not _ACCOUNT.fullmatch(value)]
            shares[at] = sum(1 for value in values if value not in NOTHING) / len(rows)
        full = [at for at, share in shares.items() if share >= FILLED]
        if shares.get(single[meaning], 1) < FILLED:
            single[meaning] = full[0] if full else max(shares, key=lambda at: (shares[at], -at))
    return single


def _settle_currency(single: dict[str, int], columns: Columns, rows: Sequence[Sequence[Any]]) -> None:
    """Take for a currency column what holds codes: "valuta" is a date in German, a currency in Italian."""

    def codes(at: int) -> bool:
        values = [value for value in (_text(cell) for cell in column(rows, at)) if value not in NOTHING]
        return sum(1 for value in values if (value.isalpha() and len(value) <= 4) or currency_in(value)) * 2 > len(
            values
        )

    if "currency" in single and not codes(single["currency"]):
        others = [at for at in columns.alternatives.get("currency", ()) if codes(at)]
        if others:
            single["currency"] = others[0]
        else:
            del single["currency"]
    if "currency" not in single and "value_date" in single:
        at = single["value_date"]
        if all(_text(cell) in CURRENCIES for cell in column(rows, at)):
            single["currency"] = single.pop("value_date")


def _one_currency(rows: Sequence[Sequence[Any]], money: Sequence[int]) -> str:
    found = Counter(code for at in money for value in column(rows, at) if (code := currency_in(value)))
    return found.most_common(1)[0][0] if found else ""


def _several_currencies(rows: Sequence[Sequence[Any]], money: Sequence[int]) -> bool:
    return any(currency_in(value) for at in money for value in column(rows, at))


def names_a_total(text: str) -> bool:
    """Return whether a short text is the label of a total or of a balance carried forward."""
    words = {word for word in re.split(r"[\s\W\d_]+", plain(text)) if word}
    return bool(words & TOTAL_WORDS) and words <= TOTAL_WORDS | LABEL_WORDS


def begins_a_total(text: str) -> bool:
    """Return whether what stands in place of a date begins like a total: "Total for Checking"."""
    first = next((word for word in re.split(r"[\s\W\d_]+", plain(text)) if word), "")
    return first in TOTAL_WORDS


def _joined(row: Sequence[Any]) -> str:
    return " ".join(filter(None, map(_text, row)))


def _has_letter(text: str) -> bool:
    return any(char.isalpha() for char in text)


def _is_date(value: str) -> bool:
    try:
        return read_date(value, DateOrder(True)) is not None
    except BadValue:
        return False


def _text(cell: Any) -> str:
    if isinstance(cell, str):
        return cell.strip()
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    return str(cell).strip()
