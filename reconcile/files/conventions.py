"""How one table is written, and what its cells mean by that: amounts, balances, days, and which rows are no lines.

finding.py finds it, once for whole columns; rows.py reads the rows by it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from reconcile.engine.text import plain
from reconcile.files.bookings import StatusColumn, is_authorisation
from reconcile.files.cells import NOTHING, has_letter, joined, text_of
from reconcile.files.columns import Columns
from reconcile.files.directions import direction_of, sign_of
from reconcile.files.labels import begins_a_total, marks_a_total, names_a_balance, names_a_total
from reconcile.files.masking import account_in, shown
from reconcile.files.tables import Table
from reconcile.files.values import (
    CURRENCIES,
    EMPTY,
    NO_CURRENCY,
    SHARED_SIGNS,
    BadValue,
    DateOrder,
    amount_minor,
    currency_in,
    mark_of,
    read_date,
)

REMEMBERED = 100_000  # values of a kind that are kept to be shared


@dataclass(slots=True)
class Conventions:
    """What is known of a table. Shapes: columns by their number; -1 or None for none.

    rows             the first rows that are booked, by which the rest is found
    single           the column of each meaning that one column has
    types_at         columns that may say what kind of row it is
    open_mark        a decimal mark that no value proves, such as that of 2.500
    net              amounts have the fees beside them taken off already
    mixed            each amount may name its own currency
    unmarked         sign of an amount without CR or DR
    signed_by        column whose words give the amounts their sign
    contradicted_by  column whose words only repeat the sign, and have to
    blank_sign       sign where signed_by says nothing
    opposed          by column: two words of which one is the other's opposite, with their signs
    reported_signs   that a column was not taken for the sign is said already
    is_documents     rows are documents, not money: their status and their balance are those of a document
    """

    table: Table
    columns: Columns
    is_documents: bool
    notes: list[str] = field(default_factory=list)
    single: dict[str, int] = field(default_factory=dict)
    rows: Sequence[Sequence[Any]] = ()
    status_at: Sequence[StatusColumn] = ()
    types_at: Sequence[int] = ()
    money_at: int = -1
    currency: str = NO_CURRENCY
    mixed: bool = False
    mark: str = "."
    open_mark: str = ""
    net: bool = False
    order: DateOrder = field(default_factory=lambda: DateOrder(True))
    value_order: DateOrder = field(default_factory=lambda: DateOrder(True))
    id_at: int | None = None
    account_at: int = -1
    fee_at: int = -1
    fee_sign: int = 0
    unmarked: int = 1
    signed_by: int | None = None
    contradicted_by: int | None = None
    blank_sign: int = 0
    reported_signs: bool = False
    opposed: dict[int, Mapping[str, int]] = field(default_factory=dict)
    balance_by: int = -1
    debits_signed: bool = False
    extra: tuple[int, ...] = ()
    # What stands in many rows is read once, and held once.
    _days: dict[Any, date | None] = field(default_factory=dict, repr=False)
    _shared: dict[str, str] = field(default_factory=dict, repr=False)
    _directions: dict[tuple[int, str], int] = field(default_factory=dict, repr=False)

    def header(self, at: int) -> str:
        """Return the name of a column."""
        return str(self.table.headers[at]).strip()

    def kind(self, row: Sequence[Any]) -> str:
        """Return whether a row is a line, a total, a heading, or more text for the line above it."""
        if row[self.money_at] == self.table.headers[self.money_at] and list(row) == list(self.table.headers):
            return "heading"  # the header again, on a new page
        at = self.single.get("date")
        if "balance" in self.single and self._only_balance(row):
            return "balance"
        if at is None:
            return "total" if marks_a_total(row) else "line"
        cell = row[at]
        if cell and not isinstance(cell, str):
            return "line"
        written = text_of(cell)
        if written[:1].isalpha() and begins_a_total(written):
            return "total"
        if written[:1].isalpha() and sum(1 for one in row if text_of(one)) == 1:
            return "heading"
        if written and any(char.isdigit() for char in written):
            return "line"
        amounts = any(self.amount_cells(row))
        if names_a_total(written) or (not written and marks_a_total(row)):
            return "total"
        if written and not amounts and account_in(joined(row)):
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
        shows = text_of(row[self.single["balance"]])
        if shows in NOTHING or any(cell != shows and self.sign_in(cell) for cell in self.amount_cells(row)):
            return False
        reported = [text for at in self.columns.text if has_letter(text := text_of(row[at]))]
        if not reported:
            days = {self.single.get("date"), self.single.get("value_date")}
            reported = [text for at, cell in enumerate(row) if at not in days and has_letter(text := text_of(cell))]
        return any(map(names_a_balance, reported)) and all(
            names_a_total(text) for text in reported if text not in CURRENCIES
        )

    def amount_cells(self, row: Sequence[Any]) -> Iterator[str]:
        """Yield what a row shows as amounts."""
        for key in ("amount", "amount_minor", "debit", "credit"):
            at = self.single.get(key)
            if at is not None and (text := text_of(row[at])) not in NOTHING:
                yield text

    def not_booked(self, row: Sequence[Any]) -> str:
        """Return what says that a row moved no money; nothing for one that did."""
        for one in self.status_at:
            if (said := text_of(row[one.at])) and one.says(said) is False:
                return said.lower() if one.yes_means is None else str(self.table.headers[one.at]).strip().lower()
        return next((said.lower() for at in self.types_at if is_authorisation(said := text_of(row[at]))), "")

    def texts(self, row: Sequence[Any]) -> str:
        """Return the texts of a row, one after the other."""
        return " ".join(filter(None, (text_of(row[at]) for at in self.columns.text)))

    def currency_of(self, row: Sequence[Any]) -> str:
        """Return the currency of a row. Raises: BadValue when its amount may be of several."""
        if "currency" in self.single and (named := text_of(row[self.single["currency"]])):
            return self.once(named if named in CURRENCIES else currency_in(named) or named.upper()[:3])
        if self.mixed:
            cells = list(self.amount_cells(row))
            found = next(filter(None, map(currency_in, cells)), "")
            if not found and any(sign in cell for cell in cells for sign in SHARED_SIGNS):
                raise BadValue(f"{shown(cells[0])} does not say which currency; give the amounts a currency column")
            return found or self.currency
        return self.currency

    def amount_of(self, row: Sequence[Any], currency: str) -> int:
        """Return the money of a row in minor units, money out negative. Raises: BadValue."""
        single = self.single
        if "amount_minor" in single:
            amount = amount_minor(row[single["amount_minor"]], ".", currency, in_minor=True)
        elif "amount" in single:
            cell = row[single["amount"]]
            amount = amount_minor(cell, self.mark, currency)
            if self.unmarked < 0 and not mark_of(cell):
                amount = -amount
            if self.fee_at >= 0 and text_of(row[self.fee_at]) not in NOTHING:
                amount += self.fee_sign * amount_minor(row[self.fee_at], self.mark, currency)
        else:
            amount, found = 0, False
            for key in ("credit", "debit"):
                cell = row[single[key]] if key in single else ""
                if text_of(cell) in NOTHING:
                    continue
                part, found = amount_minor(cell, self.mark, currency), True
                amount += part if key == "credit" else part if self.debits_signed else -part
            if not found:
                raise BadValue(EMPTY)
        if self.signed_by is not None:
            sign = self.direction(self.signed_by, row[self.signed_by])
            if not sign and amount:
                raise BadValue(f"{text_of(row[self.signed_by])!r} says neither debit nor credit")
            amount *= sign
        elif (
            self.contradicted_by is not None
            and amount * self.direction(self.contradicted_by, row[self.contradicted_by]) < 0
        ):
            raise BadValue(
                f"the sign of the amount is not that of {shown(text_of(row[self.contradicted_by]))} beside it"
            )
        return amount

    def balance_of(self, row: Sequence[Any], currency: str) -> int:
        """Return the balance of a row that shows one. Raises: BadValue."""
        balance = amount_minor(row[self.single["balance"]], self.mark, currency)
        return balance if self.balance_by < 0 else balance * (sign_of(text_of(row[self.balance_by])) or 1)

    def sign_in(self, cell: Any) -> int:
        """Return the sign of an amount; 0 for none, and for what is no amount."""
        try:
            amount = amount_minor(cell, self.mark, NO_CURRENCY)
        except BadValue:
            return 0
        if self.unmarked < 0 and not mark_of(cell):
            amount = -amount
        return (amount > 0) - (amount < 0)

    def direction(self, at: int, cell: Any) -> int:
        """Return the sign that a cell of a column says; 0 for none."""
        text = text_of(cell)
        if not text:
            return self.blank_sign if at == self.signed_by else 0
        key = (at, text)
        if key not in self._directions:
            if len(self._directions) >= REMEMBERED:
                self._directions.clear()
            self._directions[key] = self.opposed.get(at, {}).get(plain(text).strip(" ."), 0) or direction_of(text)
        return self._directions[key]

    def is_unsigned(self) -> bool:
        """Return whether no amount has a sign and no column gives one, so that only a balance can."""
        at = self.single.get("amount", self.single.get("amount_minor"))
        if at is None or self.signed_by is not None or "balance" not in self.single or self.is_documents:
            return False
        return not any(self.sign_in(row[at]) < 0 for row in self.rows)

    def once(self, text: str) -> str:
        """Return the text that is held already, if one is equal."""
        if len(self._shared) >= REMEMBERED:
            self._shared.clear()
        return self._shared.setdefault(text, text)

    def minor_or_none(self, cell: Any) -> int | None:
        """Return an amount in minor units; None for what is none."""
        try:
            return amount_minor(cell, self.mark, NO_CURRENCY)
        except BadValue:
            return None

    def day(self, cell: Any) -> date | None:
        """Return the day that a cell names. Raises: BadValue."""
        if not isinstance(cell, str):
            return read_date(cell, self.order)
        if cell not in self._days:
            if len(self._days) >= REMEMBERED:
                self._days.clear()
            self._days[cell] = read_date(cell, self.order)
        return self._days[cell]

    def value_date(self, row: Sequence[Any]) -> date | None:
        """Return the value date of a row; None where none can be read."""
        at = self.single.get("value_date")
        if at is None:
            return None
        try:
            return read_date(row[at], self.value_order)
        except BadValue:
            return None  # a second date is a help, not a must
