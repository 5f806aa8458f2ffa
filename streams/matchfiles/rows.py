"""The conventions of one table, found once for whole columns, and its rows as lines.

What is found: which column has what, the decimal mark, the order of day and month, where the sign stands, the currency.
Rows that are no lines (totals, carried balances, second lines of a text) are told apart from rows that can't be read.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from streams.domain.matching.lines import Line, Side
from streams.domain.matching.text import plain, word_set
from streams.matchfiles.columns import CURRENCIES, Columns, names_a_document, normal
from streams.matchfiles.errors import BadRow
from streams.matchfiles.masking import shown
from streams.matchfiles.profile import SideProfile
from streams.matchfiles.tables import Table, column
from streams.matchfiles.values import (
    EMPTY,
    NO_CURRENCY,
    SHARED_SIGNS,
    BadValue,
    DateOrder,
    amount_minor,
    currency_in,
    date_order,
    decimal_mark,
    period_in,
    read_date,
    sign_of,
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
_ACCOUNT = re.compile(r"[A-Z]{2}\d{2}[A-Z]{0,4}[\dA-Z ]*\d{6}[\dA-Z ]*|[\dX*. /-]{6,}")


class RowReader:
    """Reads the rows of one table by its conventions."""

    def __init__(self, name: str, side: Side, table: Table, columns: Columns, profile: SideProfile):
        self.name = name
        self.side = side
        self.table = table
        self.columns = columns
        self.single = _fullest(columns, table.sample) if not profile.columns else dict(columns.single)
        self.notes: list[str] = []
        single, rows = self.single, table.sample
        money = [at for key in ("amount", "debit", "credit", "amount_minor") if (at := single.get(key)) is not None]
        self.money_at = money[0]
        self.mark = profile.decimal or decimal_mark(value for at in money for value in column(rows, at))
        dates = [at for key in ("date", "value_date") if (at := single.get(key)) is not None]
        self.order = date_order(
            (value for at in dates for value in column(rows, at)), profile.date_format, comma=self.mark == ","
        )
        if self.order.yearless:
            self.order = replace(self.order, period=self._period(profile))
        self.value_order = replace(self.order, pattern=profile.date_format)
        self.currency = profile.currency or columns.currency or _one_currency(rows, money) or NO_CURRENCY
        self.mixed = not profile.currency and "currency" not in single and _several_currencies(rows, money)
        self.id_at = self._id_column()
        self.signed_by = self._indicator()
        self.debits_signed = self._debits_are_signed()
        self.extra = self._extras()
        self.days: dict[Any, date | None] = {}  # a day stands in many rows, and is read once
        self.shared: dict[str, str] = {}  # so does a customer, and is held once
        self._tell()

    def understood(self) -> dict[str, str]:
        """How the file was read, for the summary."""
        headers = self.table.headers
        told = {
            meaning: str(headers[at]) for meaning, at in self.single.items() if meaning not in ("balance", "indicator")
        }
        told["id"] = str(headers[self.id_at]) if self.id_at is not None else "row number"
        if self.signed_by is not None:
            told["sign from"] = str(headers[self.signed_by])
        told["text"] = ", ".join(str(headers[at]) for at in self.columns.text)
        told["reference"] = ", ".join(str(headers[at]) for at in self.columns.references)
        told["decimal mark"] = self.mark
        return told

    def read(self) -> Iterator[Line | BadRow]:
        """All rows: lines, and the rows that can't be read; what is no line is counted in notes."""
        held: Line | None = None
        last, totals, others = 0, [], []
        for number, row in self.table.each():
            kind = self._kind(row)
            if kind == "more text" and held is not None and number == last + 1:
                held = replace(held, text=f"{held.text} {self._texts(row)}".strip())
            else:
                if held is not None:
                    yield held
                held = None
                if kind == "total":
                    totals.append(number)
                elif kind != "line":
                    others.append(number)
                else:
                    try:
                        held = self._line(number, row)
                    except BadValue as error:
                        yield BadRow(self.name, number, str(error))
            last = number
        if held is not None:
            yield held
        for rows, what in ((totals, "totals or balances"), (others, "headings and rows without date and amount")):
            if rows:
                shown = ", ".join(str(number) for number in rows[:5]) + (", ..." if len(rows) > 5 else "")
                self.notes.append(f"left out as {what}: {len(rows):,} (line {shown})")

    # -- one row ----------------------------------------------------------------------------------------------------

    def _kind(self, row: Sequence[Any]) -> str:
        """Whether a row is a line, a total, a heading, or more text for the line above it."""
        if row[self.money_at] == self.table.headers[self.money_at] and list(row) == list(self.table.headers):
            return "heading"  # the header again, on a new page
        at = self.single.get("date")
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
        return (
            "more text"
            if not written and not amounts and self.single.keys() & {"amount", "debit", "credit"}
            else "line"
        )

    def _is_label(self, row: Sequence[Any]) -> bool:
        """Whether the only words of a row are those of a total."""
        words = [text for text in map(_text, row) if any(char.isalpha() for char in text) and text not in CURRENCIES]
        return bool(words) and all(names_a_total(text) for text in words)

    def _amount_cells(self, row: Sequence[Any]) -> Iterator[str]:
        for key in ("amount", "amount_minor", "debit", "credit"):
            at = self.single.get(key)
            if at is not None and (text := _text(row[at])) not in NOTHING:
                yield text

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
            amount = amount_minor(row[single["amount"]], self.mark, currency)
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
            sign = sign_of(row[self.signed_by])
            if not sign:
                raise BadValue(f"{_text(row[self.signed_by])!r} says neither debit nor credit")
            amount = sign * abs(amount)
        return amount

    def _period(self, profile: SideProfile) -> tuple[date, date] | None:
        """When the file's days without a year may be: as the profile says, or the text above the table."""
        said = profile.period or self.table.above
        period = period_in(said, replace(self.order, pattern=""))
        if period:
            where = "in the profile" if profile.period else "above the table"
            self.notes.append(f"dates have no year; it is that of {period[0]} to {period[1]}, which stand {where}")
        return period

    # -- conventions ------------------------------------------------------------------------------------------------

    def _tell(self) -> None:
        """Say what was decided though the file leaves a doubt."""
        headers, single = self.table.headers, self.single
        if self.order.guessed:
            how = "day before month" if self.order.day_first else "month before day"
            column_name = headers[single["date"]] if "date" in single else headers[single["value_date"]]
            self.notes.append(f"dates in {column_name!r} were read {how}, which no value proves (set date_format)")
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
        """Whether a debit column writes money out as negative: then a positive debit is money back."""
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

    def _indicator(self) -> int | None:
        """The column that holds the sign, if amounts have none and its words say debit and credit."""
        at = self.single.get("indicator")
        money = self.single.get("amount", self.single.get("amount_minor"))
        if at is None or money is None:
            return None
        sample = [row for row in self.table.sample if self._kind(row) == "line"]
        known = sum(1 for row in sample if sign_of(row[at]))
        if not known or known < 0.95 * len(sample):
            return None
        for row in sample:
            try:
                if amount_minor(row[money], self.mark, NO_CURRENCY) < 0:
                    return None
            except BadValue:
                continue
        return at

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
        """Columns that may say something about a line: short words, no numbers, dates or long prose."""
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


def _fullest(columns: Columns, rows: Sequence[Sequence[Any]]) -> Mapping[str, int]:
    """The columns by meaning; where the preferred one is mostly empty, the next that is not."""
    single = dict(columns.single)
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
    """A currency column holds codes, whatever its header says; "valuta" is a date in German, a currency in Italian."""

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
    """Whether a short text is the label of a total or of a balance carried forward."""
    words = {word for word in re.split(r"[\s\W\d_]+", plain(text)) if word}
    return bool(words & TOTAL_WORDS) and words <= TOTAL_WORDS | LABEL_WORDS


def begins_a_total(text: str) -> bool:
    """Whether what stands in place of a date begins like a total: "Total for Checking"."""
    first = next((word for word in re.split(r"[\s\W\d_]+", plain(text)) if word), "")
    return first in TOTAL_WORDS


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
