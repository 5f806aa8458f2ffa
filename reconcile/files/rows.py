"""The rows of one table as lines, by its conventions; rows that are no lines are distinguished from unreadable ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from reconcile.engine.lines import Line, Side
from reconcile.files.banking import Accounts
from reconcile.files.bookings import names_a_section, says_nothing_else
from reconcile.files.cells import NOTHING, joined, text_of
from reconcile.files.columns import Columns
from reconcile.files.errors import BadRow
from reconcile.files.finding import find_conventions
from reconcile.files.masking import account_in
from reconcile.files.profile import SideProfile
from reconcile.files.running import Entry, against_balance
from reconcile.files.tables import Table
from reconcile.files.values import BadValue


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
        self.how = find_conventions(table, columns, profile)
        self.notes = self.how.notes
        self.accounts = Accounts()
        self.section_account = ""  # that a heading names, for the rows below it
        self.statuses = Counter[str]()  # of rows that are not booked, by what they say

    def understood(self) -> dict[str, str]:
        """Return how the file was read, for the summary."""
        headers = self.how.table.headers
        reported = {
            meaning: str(headers[at])
            for meaning, at in self.how.single.items()
            if meaning not in ("balance", "indicator")
        }
        reported["id"] = str(headers[self.how.id_at]) if self.how.id_at is not None else "row number"
        if self.how.signed_by is not None:
            reported["sign from"] = str(headers[self.how.signed_by])
        reported["text"] = ", ".join(str(headers[at]) for at in self.how.columns.text)
        reported["reference"] = ", ".join(str(headers[at]) for at in self.how.columns.references)
        reported["decimal mark"] = self.how.mark
        if self.how.fee_at >= 0:
            reported["fee"] = str(headers[self.how.fee_at])
        return reported

    def read(self) -> Iterator[Line | BadRow]:
        """Yield all rows: lines, and the rows that can't be read; what is no line is counted in notes."""
        if "balance" not in self.how.single or self.how.is_documents:
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
        header = self.how.header(self.how.single["balance"])
        checked = against_balance(self.name, header, entries, self.how.is_unsigned())
        self.notes.extend(checked.notes)
        yield from checked.bad
        yield from (entry.line for entry in checked.entries)

    def _read(self) -> Iterator[Entry | BadRow]:
        held: Entry | None = None
        last, totals, others = 0, [], []
        self.section_account = self.accounts.label(account_in(self.how.table.above)) if self.how.account_at < 0 else ""
        section = ""  # of rows that stand below "Pending transactions"
        sums = [Sum(), Sum()]  # of all lines, and of those since the last total
        for number, row in self.how.table.each():
            kind = self.how.kind(row)
            if kind == "more text" and held is not None and number == last + 1:
                held.line = replace(held.line, text=f"{held.line.text} {self.how.texts(row)}".strip())
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
                    if kind == "heading" and self.how.account_at < 0 and (named := account_in(joined(row))):
                        self.section_account = self.accounts.label(named)
                    if kind == "heading" and (heading := next(filter(None, map(text_of, row)), "")):
                        unbooked = names_a_section(heading) and says_nothing_else(heading)
                        section = heading.lower() if unbooked else ""
                elif says := self.how.not_booked(row) or section:
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

    def _adds_up(self, line: Line, sums: Sequence[Sum]) -> bool:
        """Return whether a row without a day and without words is the sum of the lines above it."""
        if "date" not in self.how.single or line.on is not None or line.text or line.references or line.counterparty:
            return False
        return any(one.lines > 1 and one.by_currency[line.currency] == line.amount_minor for one in sums)

    def _entry(self, number: int, row: Sequence[Any]) -> Entry:
        line = self._line(number, row)
        balance = None
        if (at := self.how.single.get("balance")) is not None and text_of(row[at]) not in NOTHING:
            with suppress(BadValue):
                balance = self.how.balance_of(row, line.currency)
        return Entry(number, line, balance, f"{line.currency} {line.account}")

    def _balance_entry(self, number: int, row: Sequence[Any]) -> Entry:
        currency = self.how.currency_of(row)
        account = self._account(row)
        on = self.how.day(row[self.how.single["date"]]) if "date" in self.how.single else None
        line = Line(f"row-{number}", self.side, 0, currency, on, account=account)
        balance = self.how.balance_of(row, currency)
        return Entry(number, line, balance, f"{currency} {account}", only_balance=True)

    def _account(self, row: Sequence[Any]) -> str:
        return (
            self.accounts.label(text_of(row[self.how.account_at])) if self.how.account_at >= 0 else self.section_account
        )

    def _line(self, number: int, row: Sequence[Any]) -> Line:
        single = self.how.single
        currency = self.how.currency_of(row)
        if not currency.isalpha() or len(currency) != 3:
            raise BadValue(f"currency {currency!r} is not a three-letter code")
        name = text_of(row[self.how.id_at]) if self.how.id_at is not None else ""
        return Line(
            id=name or f"row-{number}",
            side=self.side,
            amount_minor=self.how.amount_of(row, currency),
            currency=currency,
            on=self.how.day(row[single["date"]]) if "date" in single else None,
            value_on=self.how.value_date(row),
            text=self.how.texts(row),
            counterparty=self.how.once(text_of(row[single["counterparty"]])) if "counterparty" in single else "",
            references=tuple(filter(None, (text_of(row[at]) for at in self.how.columns.references))),
            batch_key=text_of(row[single["batch_key"]]) if "batch_key" in single else "",
            extra={
                self.how.once(str(self.how.table.headers[at])): self.how.once(value)
                for at in self.how.extra
                if (value := text_of(row[at]))
            },
            numbered=not name,
            account=self._account(row),
        )
