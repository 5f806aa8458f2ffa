"""What a running balance proves about whole columns: of the readings that a file allows, the one that adds up."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

from reconcile.files.cells import NOTHING, text_of
from reconcile.files.columns import beside, normal
from reconcile.files.conventions import Conventions
from reconcile.files.directions import sign_of
from reconcile.files.profile import SideProfile
from reconcile.files.running import fits, follows
from reconcile.files.values import BadValue

BALANCE_ROWS = 500  # from the first: enough to see which reading of the columns a balance follows
# One reading of the columns: decimal mark, amount, balance, fee and its sign, sign column, sign of unmarked amounts,
# sign column of the balance.
_Columns = tuple[str, int, int, int, int, int | None, int, int]


def let_balance_decide(how: Conventions, profile: SideProfile) -> None:
    """Let a running balance decide between the readings of the columns that the file allows.

    Ensures: another reading than the usual one is taken only if more of its amounts lead from balance to balance.
    """
    if profile.columns:
        return
    if "balance" not in how.single or how.is_documents:
        _report_fee(how, 0)
        return
    rows = [row for row in _first_rows(how) if how.kind(row) == "line" and not how.not_booked(row)]
    amount, balance = how.single.get("amount", -1), how.single["balance"]
    usual: _Columns = (how.mark, amount, balance, -1, 0, how.signed_by, how.unmarked, -1)
    readings = [usual]
    marks = [how.mark] if not how.open_mark else [how.mark, "," if how.mark == "." else "."]
    amounts = [usual[1]]
    if "amount" in how.single and "amount_minor" not in how.single:
        amounts += [at for at in how.columns.alternatives.get("amount", ()) if at != usual[1]]
    balances = [usual[2], *(at for at in how.columns.alternatives.get("balance", ()) if at != usual[2])]
    fees = [(-1, 0)]
    if "amount" in how.single:
        fees += [(at, sign) for at in beside(how.table.headers, "fee") if at != usual[1] for sign in (-1, 1)]
    letters = [how.signed_by]
    if how.signed_by is None and how.contradicted_by is not None:
        letters.append(how.contradicted_by)
    elif how.signed_by is not None:
        letters.append(None)
    for mark, fee in product(marks, fees):
        for amount, balance in product(amounts, balances):
            signs = product(letters, sorted({how.unmarked, 1}), _signs_of_balance(how, balance, rows))
            readings += [(mark, amount, balance, *fee, *one) for one in signs]
    best, most = usual, _fits(how, usual, rows)
    if most < len(rows) - 1:
        for reading in readings[1:]:
            good = _fits(how, reading, rows)
            if good > most:
                best, most = reading, good
    if how.open_mark and most > _fits(how, ("," if best[0] == "." else ".", *best[1:]), rows):
        how.open_mark = ""  # the balance proves it
    if best == usual:
        _report_fee(how, most)
        return
    headers, header = how.table.headers, str(how.table.headers[best[2]]).strip()
    _take(how, best)
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
        how.notes.append(f"the balance in {header!r} proves {', '.join(proved)}")


def _signs_of_balance(how: Conventions, balance: int, rows: Sequence[Sequence[Any]]) -> list[int]:
    """Return columns that may hold the sign of the balance: none, or the letters to the right or the left of it."""
    found = [-1]
    for at in (balance + 1, balance - 1):
        if 0 <= at < len(how.table.headers) and at not in (*how.single.values(), how.signed_by):
            letters = {text for row in rows if (text := text_of(row[at]))}
            found += [at] if letters and len(letters) <= 2 and all(map(sign_of, letters)) else []
    return found


def _take(how: Conventions, reading: _Columns) -> None:
    how.mark = reading[0]
    if reading[1] >= 0:
        how.single["amount"] = reading[1]
    how.single["balance"] = reading[2]
    how.fee_at, how.fee_sign, how.signed_by, how.unmarked, how.balance_by = reading[3:]


def _fits(how: Conventions, reading: _Columns, rows: Sequence[Sequence[Any]]) -> int:
    """Return how many amounts of these rows lead from balance to balance in one reading."""
    kept = (
        how.mark,
        how.single.get("amount", -1),
        how.single["balance"],
        how.fee_at,
        how.fee_sign,
        how.signed_by,
        how.unmarked,
        how.balance_by,
    )
    contradicted, how.contradicted_by = how.contradicted_by, None
    single = dict(how.single)
    _take(how, reading)
    books: dict[str, list[tuple[int, int | None]]] = {}
    try:
        unsigned = how.is_unsigned()
        for row in rows:
            try:
                currency = how.currency_of(row)
                amount = how.amount_of(row, currency)
                empty = text_of(row[how.single["balance"]]) in NOTHING
                balance = None if empty else how.balance_of(row, currency)
            except BadValue:
                continue
            book = currency if how.account_at < 0 else f"{currency} {text_of(row[how.account_at])}"
            books.setdefault(book, []).append((amount, balance))
        counts = [(steps, fits(steps, unsigned)[0]) for steps in books.values()]
        return sum(good for steps, good in counts if follows(steps, good, unsigned))
    finally:
        _take(how, kept)
        how.single = single
        how.contradicted_by = contradicted


def _first_rows(how: Conventions) -> list[Sequence[Any]]:
    return [row for _, (_, row) in zip(range(BALANCE_ROWS), how.table.each(), strict=False)]


def _report_fee(how: Conventions, proven: int) -> None:
    """Say that fees stand beside the amounts and nothing shows whether the amounts have them in."""
    if proven or how.net or "amount" not in how.single:
        return
    used = normal(how.table.headers[how.single["amount"]])
    if used.startswith(("net", "liquido")) or used.endswith(("net", "netto")):
        return
    for at in beside(how.table.headers, "fee"):
        if any(how.sign_in(row[at]) for row in how.rows):
            name = how.header(at)
            how.notes.append(f"whether amounts have {name!r} taken off already, nothing in the file proves")
