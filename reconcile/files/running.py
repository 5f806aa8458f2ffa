"""A running balance beside the amounts of a table, and what it proves about them.

Each balance is the one before it and the amount. That shows, as the opening and closing balance of a statement do,
which sign an amount has, whether a row was booked, and where a row is missing. Oldest or newest row first, both do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from reconcile.engine.lines import Line
from reconcile.files.errors import BadRow
from reconcile.files.values import money

MOST_GAPS = 20  # gaps that are listed one by one


@dataclass(slots=True)
class Entry:
    """A line, the number of its row, the balance beside it (None if there is none), and whose balance it is.

    Shapes: of an opening, closing or carried balance, which is no line, the amount is 0 and only_balance is set.
    """

    number: int
    line: Line
    balance: int | None
    book: str = ""
    only_balance: bool = False


@dataclass(slots=True)
class Checked:
    """What a balance shows. Shapes: unproven holds the rows whose sign or booking nothing shows."""

    entries: list[Entry]
    bad: list[BadRow]
    notes: list[str]


def fits(steps: Sequence[tuple[int, int | None]], unsigned: bool = False) -> tuple[int, bool]:
    """Return how many of the amounts lead from one balance to the next, and whether the rows stand oldest first.

    Shapes: steps holds an amount and the balance after it, None for a row that shows none.
    """
    forward, backward = _count(steps, unsigned), _count(steps[::-1], unsigned)
    return max(forward, backward), forward >= backward


def follows(steps: Sequence[tuple[int, int | None]], good: int, unsigned: bool) -> bool:
    """Return whether a balance is a running one, of which so many steps fit; unsigned amounts need more proof.

    What is never larger than the amount beside it is what an invoice has left open, unless every step fits.
    """
    shown = [(amount, balance) for amount, balance in steps if balance is not None and amount]
    possible = len(shown) - 1
    if good == 0 or good * (3 if unsigned else 2) < possible * (2 if unsigned else 1):
        return False
    return any(abs(balance) > abs(amount) for amount, balance in shown) or (good == possible and not unsigned)


def _count(steps: Iterable[tuple[int, int | None]], unsigned: bool) -> int:
    found, before, waiting = 0, None, 0
    for amount, balance in steps:
        if balance is None:
            waiting += amount
            continue
        if before is not None and amount:
            step = balance - before
            found += abs(step) == abs(amount) if unsigned else step in (amount, amount + waiting)
        before, waiting = balance, 0
    return found


def against_balance(file: str, column: str, entries: Sequence[Entry], unsigned: bool) -> Checked:
    """Check the amounts of a table against the balances beside them.

    Ensures: with unsigned, an amount has the sign that its balance shows, and a row for which none does is bad; a row
             that the balance leaves out is not booked and no line; a step that does not fit is a bad row, as a
             statement that does not add up is. A balance that follows few of the amounts proves nothing, and is
             reported.
    """
    checked = Checked([], [], [])
    books: dict[str, list[Entry]] = {}
    for entry in entries:
        books.setdefault(entry.book, []).append(entry)
    for mine in books.values():
        _one_book(file, column, mine, unsigned, checked)
    checked.entries = sorted(
        (entry for entry in checked.entries if not entry.only_balance), key=lambda entry: entry.number
    )
    return checked


def _one_book(file: str, column: str, entries: list[Entry], unsigned: bool, checked: Checked) -> None:
    steps = [(entry.line.amount_minor, entry.balance) for entry in entries]
    possible = sum(1 for amount, balance in steps if balance is not None and amount) - 1
    good, oldest_first = fits(steps, unsigned)
    if possible < 1 or not follows(steps, good, unsigned):
        against = [(-amount, balance) for amount, balance in steps]
        turned, oldest_first = fits(against)
        if possible >= 1 and turned > good and not unsigned and follows(against, turned, unsigned):
            checked.notes.append(
                f"the balance in {column!r} follows {turned} of {possible} amounts with the opposite sign; rows were "
                "checked so, and signs are as written (set sign: -1 if they are turned)"
            )
            _walk(file, column, entries if oldest_first else entries[::-1], unsigned, checked, -1)
            return
        if possible >= 1:
            text = f"the balance in {column!r} follows {good} of {possible} amounts and proves nothing"
            checked.notes.append(text)
        checked.entries.extend(entries)
        return
    first, last = entries[0].line.day, entries[-1].line.day
    if good == fits(steps[::-1], unsigned)[0] and _count(steps, unsigned) == _count(steps[::-1], unsigned):
        oldest_first = not (first and last and first > last)
    _walk(file, column, entries if oldest_first else entries[::-1], unsigned, checked)


def _walk(file: str, column: str, entries: list[Entry], unsigned: bool, checked: Checked, turn: int = 1) -> None:
    """Go through the entries of one book, oldest first; with turn -1 a balance falls by what is added."""
    before: Entry | None = None
    waiting: list[Entry] = []
    unsure: list[Entry] = []  # no balance beside them proves them
    unknown: list[Entry] = []  # without a sign
    kept: list[Entry] = []
    gaps: list[BadRow] = []
    left_out, summed, turned = 0, False, False
    for entry in entries:
        if entry.balance is None:
            waiting.append(entry)
            continue
        amount, total = entry.line.amount_minor, sum(one.line.amount_minor for one in waiting)
        if before is None or before.balance is None:
            unsure.extend(waiting)
            (unknown if unsigned and amount else kept).append(entry)
            before, waiting = entry, []
            continue
        step = turn * (entry.balance - before.balance)
        if unsigned and abs(step) == abs(amount):
            turned = turned or step != amount
            entry.line = replace(entry.line, amount_minor=step)
            left_out += len(waiting)
        elif step == amount:
            left_out += len(waiting)
        elif waiting and step == amount + total:
            kept.extend(waiting)
            summed = True
        elif step == 0:
            left_out += 1
            kept.extend(waiting)
            waiting = []
            continue
        else:
            currency = entry.line.currency
            gaps.append(
                BadRow(
                    file,
                    entry.number,
                    f"{column!r} goes from {money(before.balance, currency)} (line {before.number}) to "
                    f"{money(entry.balance, currency)}, but {_what(entry, amount)}: a row between is "
                    "missing, doubled or altered; compare with the bank's paper statement",
                )
            )
            kept.extend(waiting)
            if unsigned and amount:
                unknown.append(entry)
                before, waiting = entry, []
                continue
        kept.append(entry)
        before, waiting = entry, []
    unsure.extend(waiting)
    if summed:
        kept.extend(unsure)
    else:
        checked.bad.extend(
            BadRow(file, one.number, f"nothing in {column!r}: whether the amount is booked is not shown")
            for one in unsure
        )
    if not turned:  # each amount that a balance shows has the sign that it was written with, and so have the others
        kept.extend(unknown)
        unknown = []
    signed = _signs_of_words(kept) if unknown else {}
    for entry in unknown:
        signs = {signed[pair] for pair in _words(entry.line) if signed.get(pair)}
        if len(signs) == 1:
            entry.line = replace(entry.line, amount_minor=signs.pop() * abs(entry.line.amount_minor))
            kept.append(entry)
        else:
            checked.bad.append(BadRow(file, entry.number, f"no sign, and no balance before it in {column!r} shows one"))
    checked.entries.extend(kept)
    checked.bad.extend(gaps[:MOST_GAPS])
    if len(gaps) > MOST_GAPS:
        checked.notes.append(f"more rows where the balance in {column!r} does not fit: {len(gaps) - MOST_GAPS:,}")
    if left_out:
        checked.notes.append(f"left out as not booked, as the balance in {column!r} shows: {left_out:,}")


def _what(entry: Entry, amount: int) -> str:
    return "no amount stands there" if entry.only_balance else f"the amount is {money(amount, entry.line.currency)}"


def _words(line: Line) -> list[tuple[str, str]]:
    return [*line.extra.items(), ("", line.text)]


def _signs_of_words(entries: Iterable[Entry]) -> dict[tuple[str, str], int]:
    """Return the sign of every line that says the same; 0 where they differ."""
    found: dict[tuple[str, str], int] = {}
    for entry in entries:
        sign = (entry.line.amount_minor > 0) - (entry.line.amount_minor < 0)
        for pair in _words(entry.line):
            found[pair] = sign if found.get(pair, sign) == sign else 0
    return found
