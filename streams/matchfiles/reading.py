"""One side's file as lines: what kind of file it is, what its columns mean, how its values are written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from streams.domain.matching.lines import Line, Side
from streams.matchfiles.banking import without_accounts
from streams.matchfiles.columns import Columns, by_header, normal
from streams.matchfiles.errors import BadRow, FileUnreadable
from streams.matchfiles.kinds import kind_of
from streams.matchfiles.profile import MANY, SideProfile
from streams.matchfiles.statements import READERS, read_statement
from streams.matchfiles.tables import Table, column, read_table
from streams.matchfiles.values import (
    NO_CURRENCY,
    BadValue,
    DateOrder,
    amount_minor,
    date_order,
    decimal_mark,
    precision,
    read_date,
    sign_of,
)

EXTRA_LIMIT = 60  # characters; a longer extra column is prose, not a category
Tick = Callable[[int], None]


@dataclass(slots=True)
class SideFile:
    """What was read: lines, the rows left out, and how the file was understood (shown to the user)."""

    lines: list[Line]
    bad: list[BadRow]
    understood: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def read_side(path: Path, side: Side, profile: SideProfile | None = None) -> SideFile:
    """Read a file of any known kind.

    Ensures: every row is either a line or a bad row; ids are unique (a repeated id gets "#2", "#3", ...).
    Raises:  FileUnreadable.
    """
    profile = profile or SideProfile()
    kind = kind_of(path)
    if kind in READERS:
        notes: list[str] = []
        lines, bad = read_statement(path, kind, side, notes)
        found = SideFile(lines, bad, {"kind": kind}, notes)
    else:
        table = read_table(path, kind, profile.encoding, profile.delimiter, profile.sheet)
        found = _lines(path, side, table, profile)
        found.understood = {"kind": kind, **found.understood}
    if profile.sign == -1:
        found.lines = [replace(line, amount_minor=-line.amount_minor) for line in found.lines]
    found.lines = _unique([without_accounts(line) for line in found.lines])
    if not found.lines and not found.bad:
        found.notes.append("the file has no lines")
    found.understood["rows"] = str(len(found.lines))
    return found


def _lines(path: Path, side: Side, table: Table, profile: SideProfile) -> SideFile:
    columns = _columns(path, table, profile)
    if not columns.has_amount():
        raise FileUnreadable(
            path,
            f"no amount column among {[str(header) for header in table.headers]}",
            "Name it in a profile: columns: {amount: ...} or {debit: ..., credit: ...}",
        )
    reader = _RowReader(path, side, table, columns, profile)
    lines: list[Line] = []
    bad = list(table.bad)
    for number, row in zip(table.numbers, table.rows, strict=True):
        try:
            lines.append(reader.line(number, row))
        except BadValue as error:
            if not reader.looks_like_a_total(row):
                bad.append(BadRow(path.name, number, str(error)))
            else:
                bad.append(BadRow(path.name, number, f"a total or a note, not a line: {error}"))
    if not lines and bad:
        raise FileUnreadable(
            path, f"none of {len(bad)} rows could be read; line {bad[0].line}: {bad[0].reason}", "See the profile"
        )
    return SideFile(lines, sorted(bad, key=lambda row: row.line), reader.understood())


def _columns(path: Path, table: Table, profile: SideProfile) -> Columns:
    found = by_header(table.headers)
    if not profile.columns:
        return found
    names = {normal(header): at for at, header in enumerate(table.headers)}
    single = dict(found.single)
    lists: dict[str, tuple[int, ...]] = {
        "text": found.text,
        "reference": found.references,
        "extra": found.extra,
        "ignore": (),
    }
    for meaning, wanted in profile.columns.items():
        positions = []
        for name in wanted:
            at = names.get(normal(name))
            if at is None:
                raise FileUnreadable(
                    path,
                    f"the profile's {meaning} column {name!r} is not in the file",
                    f"Use one of {[str(one) for one in table.headers]}",
                )
            positions.append(at)
        if meaning in MANY:
            lists[meaning] = tuple(positions)
        else:
            single = {key: at for key, at in single.items() if at != positions[0]}
            single[meaning] = positions[0]
            if meaning == "amount":
                single = {key: at for key, at in single.items() if key not in ("debit", "credit", "amount_minor")}
            if meaning in ("debit", "credit"):
                single.pop("amount", None)
    used = set(single.values()) | set(lists["ignore"])
    return Columns(
        single=single,
        text=tuple(at for at in lists["text"] if at not in used),
        references=tuple(at for at in lists["reference"] if at not in used),
        extra=tuple(at for at in lists["extra"] if at not in used),
        currency=found.currency,
        id_candidates=(single["id"],) if "id" in single else tuple(at for at in found.id_candidates if at not in used),
    )


class _RowReader:
    """The conventions of one table, applied to its rows."""

    def __init__(self, path: Path, side: Side, table: Table, columns: Columns, profile: SideProfile):
        self.path = path
        self.side = side
        self.table = table
        self.columns = columns
        single, rows = columns.single, table.rows
        money = [at for key in ("amount", "debit", "credit", "amount_minor") if (at := single.get(key)) is not None]
        self.mark = profile.decimal or decimal_mark(value for at in money for value in column(rows, at))
        dates = [at for key in ("date", "value_date") if (at := single.get(key)) is not None]
        self.order = date_order(
            (value for at in dates for value in column(rows, at)), profile.date_format, comma=self.mark == ","
        )
        self.currency = profile.currency or columns.currency or NO_CURRENCY
        self.id_at = self._id_column()
        self.signed_by = self._indicator()
        self.extra = self._extras()
        self.value_order = DateOrder(self.order.day_first, profile.date_format)

    def understood(self) -> dict[str, str]:
        """How the file was read, for the summary."""
        headers = self.table.headers
        told = {
            meaning: str(headers[at])
            for meaning, at in self.columns.single.items()
            if meaning not in ("balance", "indicator")
        }
        told["id"] = str(headers[self.id_at]) if self.id_at is not None else "row number"
        if self.signed_by is not None:
            told["sign from"] = str(headers[self.signed_by])
        told["text"] = ", ".join(str(headers[at]) for at in self.columns.text)
        told["reference"] = ", ".join(str(headers[at]) for at in self.columns.references)
        told["decimal mark"] = self.mark
        return told

    def line(self, number: int, row: Sequence[Any]) -> Line:
        """One row as a line. Raises: BadValue."""
        single = self.columns.single
        currency = _text(row[single["currency"]]).upper()[:3] if "currency" in single else ""
        currency = currency or self.currency
        if not currency.isalpha() or len(currency) != 3:
            raise BadValue(f"currency {currency!r} is not a three-letter code")
        return Line(
            id=(_text(row[self.id_at]) if self.id_at is not None else "") or f"row-{number}",
            side=self.side,
            amount_minor=self._amount(row, currency),
            currency=currency,
            on=read_date(row[single["date"]], self.order) if "date" in single else None,
            value_on=self._value_date(row),
            text=" ".join(filter(None, (_text(row[at]) for at in self.columns.text))),
            counterparty=_text(row[single["counterparty"]]) if "counterparty" in single else "",
            references=tuple(filter(None, (_text(row[at]) for at in self.columns.references))),
            batch_key=_text(row[single["batch_key"]]) if "batch_key" in single else "",
            extra={str(self.table.headers[at]): value for at in self.extra if (value := _text(row[at]))},
        )

    def looks_like_a_total(self, row: Sequence[Any]) -> bool:
        """Whether a row without a readable amount or date is a footer."""
        single = self.columns.single
        return "date" in single and not _text(row[single["date"]])

    def _value_date(self, row: Sequence[Any]) -> Any:
        at = self.columns.single.get("value_date")
        if at is None:
            return None
        try:
            return read_date(row[at], self.value_order)
        except BadValue:
            return None  # a second date is a help, not a must

    def _amount(self, row: Sequence[Any], currency: str) -> int:
        single = self.columns.single
        if "amount_minor" in single:
            amount = amount_minor(row[single["amount_minor"]], ".", currency, in_minor=True)
        elif "amount" in single:
            amount = amount_minor(row[single["amount"]], self.mark, currency)
        else:
            parts = []
            for key, sign in (("credit", 1), ("debit", -1)):
                cell = row[single[key]] if key in single else ""
                if _text(cell) not in ("", "-", "\u2013"):
                    part = amount_minor(cell, self.mark, currency)
                    # Some banks write debits as negative numbers in the debit column.
                    parts.append(sign * (abs(part) if key == "debit" else part))
            if not parts:
                raise BadValue("amount is empty")
            amount = sum(parts)
        if self.signed_by is not None:
            sign = sign_of(row[self.signed_by])
            if not sign:
                raise BadValue(f"{_text(row[self.signed_by])!r} says neither debit nor credit")
            amount = sign * abs(amount)
        return amount

    def _indicator(self) -> int | None:
        """The column that holds the sign, if amounts have none and its words say debit and credit."""
        at = self.columns.single.get("indicator")
        money = self.columns.single.get("amount", self.columns.single.get("amount_minor"))
        if at is None or money is None:
            return None
        sample = self.table.rows[:: max(1, len(self.table.rows) // 2_000)]
        signs = [sign_of(row[at]) for row in sample]
        known = sum(1 for sign in signs if sign)
        if not known or known < 0.95 * len(signs):
            return None
        for row in sample:
            try:
                if amount_minor(row[money], self.mark, NO_CURRENCY) < 0:
                    return None
            except BadValue:
                continue
        return at

    def _id_column(self) -> int | None:
        taken = {at for meaning, at in self.columns.single.items() if meaning != "id"}
        for at in self.columns.id_candidates:
            values = [_text(row[at]) for row in self.table.rows]
            filled = [value for value in values if value]
            if at in taken or not filled:
                continue
            repeated = sum(count - 1 for count in Counter(filled).values())
            exact = normal(self.table.headers[at]) in ("id", "line id", "transaction id", "txn id")
            if len(filled) >= 0.98 * len(values) and (repeated == 0 or (exact and repeated <= 0.05 * len(values))):
                return at
        return None

    def _extras(self) -> tuple[int, ...]:
        """Columns that may say something about a line: short words, no numbers, dates or long prose."""
        found = []
        unused = [at for at in self.columns.id_candidates if at != self.id_at and at not in self.columns.references]
        indicator = self.columns.single.get("indicator")
        if indicator is not None and self.signed_by is None:
            unused.append(indicator)
        for at in sorted({*self.columns.extra, *unused} - {self.id_at}):
            sample = [value for value in (_text(cell) for cell in column(self.table.rows, at, 300)) if value]
            if not sample:
                continue
            wordy = sum(1 for value in sample if any(char.isalpha() for char in value) and len(value) <= EXTRA_LIMIT)
            if wordy >= 0.8 * len(sample) and not all(_is_date(value) for value in sample[:20]):
                found.append(at)
        return tuple(found)


def _is_date(value: str) -> bool:
    try:
        return read_date(value, DateOrder(True)) is not None
    except BadValue:
        return False


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    return str(cell).strip()


def _unique(lines: Sequence[Line]) -> list[Line]:
    """Lines whose ids are unique: the second line with an id is id#2, so that none is lost and each can be named."""
    seen: Counter[str] = Counter()
    found = []
    for line in lines:
        seen[line.id] += 1
        found.append(line if seen[line.id] == 1 else replace(line, id=f"{line.id}#{seen[line.id]}"))
    return found


def one_currency(left: SideFile, right: SideFile) -> None:
    """A side that names no currency has the other side's, if that has only one.

    Ensures: amounts are read again in that currency's decimals: 100 yen are 100, not 10,000.
    """
    for side, other in ((left, right), (right, left)):
        mine = {line.currency for line in side.lines}
        theirs = {line.currency for line in other.lines}
        if mine == {NO_CURRENCY} and len(theirs) == 1 and theirs != mine:
            currency = next(iter(theirs))
            shift = precision(currency) - precision(NO_CURRENCY)
            side.lines = [
                replace(line, currency=currency, amount_minor=_shifted(line.amount_minor, shift)) for line in side.lines
            ]
            side.understood["currency"] = f"{currency} (the other side's)"


def _shifted(amount: int, digits: int) -> int:
    return amount * int(10**digits) if digits >= 0 else round(amount / 10**-digits)
