"""Where the sign of the amounts stands: in them, in words or letters beside them, or nowhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from reconcile.engine.text import plain
from reconcile.files.cells import text_of
from reconcile.files.columns import beside, normal
from reconcile.files.conventions import Conventions
from reconcile.files.directions import direction_of, opposites, sign_of
from reconcile.files.masking import shown
from reconcile.files.profile import SideProfile
from reconcile.files.tables import column
from reconcile.files.values import CURRENCIES, NO_CURRENCY, BadValue, amount_minor, mark_of

MOST_WORDS = 12  # different values of a column that may hold the sign
SIGN_ROWS = 2_000  # of the sample: enough to see which column holds the sign
_DEBIT_ACCOUNT = frozenset({"sollkonto", "konto soll", "debit account", "compte debit", "account debit"})
_CREDIT_ACCOUNT = frozenset({"habenkonto", "konto haben", "credit account", "compte credit", "account credit"})


def debits_are_signed(how: Conventions) -> bool:
    """Return whether a debit column writes money out as negative: then a positive debit is money back."""
    at = how.single.get("debit")
    if at is None:
        return False
    signs = Counter[bool]()
    for row in how.table.sample:
        try:
            signs[amount_minor(row[at], how.mark, NO_CURRENCY) < 0] += 1
        except BadValue:
            continue
    return signs[True] > signs[False]


def indicator(how: Conventions, profile: SideProfile) -> int | None:
    """Return the column whose words or letters give the amounts their sign.

    None where the amounts have it themselves.

    Ensures: decided by the values, whatever the header is called. Where the letter only repeats the sign, rows in
             which the two differ are bad; where it gives the sign, a minus beside it turns it (a reversal).
    """
    money = how.single.get("amount", how.single.get("amount_minor"))
    if money is None:
        return None
    rows = [row for row in how.rows[:SIGN_ROWS] if how.kind(row) == "line"]
    signs = [how.sign_in(row[money]) for row in rows]
    if not any(signs):
        return None
    for at in _sign_columns(how):
        how.opposed[at] = opposites(text_of(row[at]) for row, sign in zip(rows, signs, strict=True) if sign)
        said = [how.direction(at, row[at]) for row in rows]
        named = "indicator" in profile.columns and at == how.single.get("indicator")
        if not named and not _says_signs(how, at, rows, signs, said):
            continue
        seen = Counter(zip(signs, said, strict=True))
        agree, plus, minus = seen[-1, -1], seen[1, -1], seen[-1, 1]
        if plus > 2 * agree and minus > 2 * seen[1, 1] and minus and not named:
            header = how.header(at)
            how.notes.append(f"credits in {header!r} have a minus and debits none, as in a ledger; the minus counts")
            return None
        if agree > 2 * plus and not named:
            if plus or minus:
                how.contradicted_by = at
            return None  # the sign stands in the amount, and the letter repeats it
        header = how.header(at)
        if turned := sum(1 for sign in signs if sign < 0):
            how.notes.append(f"a minus beside the sign in {header!r} turns it: {turned:,} rows")
        if _only_minus(how, at, rows, signs):
            how.blank_sign = 1
            how.notes.append(f"{header!r} holds a minus or nothing; what has none was read as money in")
        return at
    if min(signs) >= 0 and not how.reported_signs:
        _report_unsigned(how, rows, signs)
    return None


def unmarked_sign(how: Conventions) -> int:
    """Return the sign of an amount without a mark: minus, where some are marked as credits and none says debit."""
    at = how.single.get("amount")
    if at is None:
        return 1
    cells = [cell for cell in column(how.rows, at) if isinstance(cell, str) and any(map(str.isdigit, cell))]
    marks = Counter(map(mark_of, cells))
    signed = any("-" in cell or "(" in cell or "\u2212" in cell for cell in cells)
    return -1 if marks[1] and marks[0] and not marks[-1] and not signed else 1


def _only_minus(how: Conventions, at: int, rows: Sequence[Sequence[Any]], signs: Sequence[int]) -> bool:
    """Return whether a column beside the amounts, or named for it, holds a minus or nothing."""
    values = {text_of(row[at]) for row, sign in zip(rows, signs, strict=True) if sign}
    near = abs(at - how.money_at) == 1 or _named_for_signs(how, at)
    return near and {plain(value) for value in values} in ({"-", ""}, {"\u2212", ""})


def _named_for_signs(how: Conventions, at: int) -> bool:
    return at in how.columns.alternatives.get("indicator", ()) or at == how.single.get("indicator")


def _report_unsigned(how: Conventions, rows: Sequence[Sequence[Any]], signs: Sequence[int]) -> None:
    """Say that all amounts were read as money in, if a column may say otherwise in words that are not known."""
    if how.is_documents or "balance" in how.single:
        return
    headers = [normal(header) for header in how.table.headers]
    if _DEBIT_ACCOUNT & set(headers) and _CREDIT_ACCOUNT & set(headers):
        how.notes.append(
            "each row names the account that is debited and the one that is credited, so no amount has a sign; "
            "all were read as money in"
        )
        return
    used = {at for meaning, at in how.single.items() if meaning != "indicator"}
    used |= {*how.columns.text, *how.columns.references, *how.columns.id_candidates}
    used |= {one.at for one in how.status_at}
    for at in _sign_columns(how):
        values = {text_of(row[at]) for row, sign in zip(rows, signs, strict=True) if sign} - {""}
        if at in used or not 1 < len(values) <= MOST_WORDS or values <= CURRENCIES:
            continue
        longest = max(map(len, values))
        letters = len(values) == 2 and (longest == 1 or (longest == 2 and len(rows) >= 4))
        if _named_for_signs(how, at) or letters or any(map(direction_of, values)):
            some = ", ".join(shown(value) for value in sorted(values)[:4])
            how.notes.append(
                f"no amount has a sign, and all were read as money in; if {how.header(at)!r} "
                f"({some}) says which are money out, write D and C there"
            )
            return


def _sign_columns(how: Conventions) -> list[int]:
    """Return columns that may give the sign: those named so, then the ones that no other meaning has."""
    taken = {at for meaning, at in how.single.items() if meaning != "indicator"}
    named = [how.single["indicator"]] if "indicator" in how.single else []
    named += how.columns.alternatives.get("indicator", ())
    named += [at for at in beside(how.table.headers, "status") if normal(how.table.headers[at]) == "balance impact"]
    others = [at for at in range(len(how.table.headers)) if at not in taken]
    return list(dict.fromkeys((*named, *others)))


def _says_signs(
    how: Conventions, at: int, rows: Sequence[Sequence[Any]], signs: Sequence[int], said: Sequence[int]
) -> bool:
    """Return whether the values of a column say debit and credit, and are not just words among others."""
    values = [text_of(row[at]) for row in rows]
    filled = [value for value, sign in zip(values, signs, strict=True) if value and sign]
    exact = sum(1 for value in filled if sign_of(value) or how.opposed[at])
    known = sum(1 for value in filled if how.direction(at, value))
    header = _named_for_signs(how, at)
    needed = [value for value, sign in zip(values, signs, strict=True) if sign]
    if filled and _only_minus(how, at, rows, signs):
        return True
    if not filled or len(filled) * 2 < len(needed):
        if exact and min(signs) >= 0 and (header or exact == len(filled)):
            _report_few_signs(how, at, exact, len(needed))
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
    most = max(3, min(MOST_WORDS, len(filled) // 2)) if at in how.columns.text else MOST_WORDS
    few = len(set(filled)) <= most and max(said) > 0
    if (header and known * 2 >= len(filled)) or (few and known == len(filled)):
        return True
    if header:
        _report_few_signs(how, at, known, len(filled))
    return False


def _report_few_signs(how: Conventions, at: int, known: int, rows: int) -> None:
    how.reported_signs = True
    how.notes.append(
        f"{how.header(at)!r} says debit or credit in {known:,} of {rows:,} rows and was not "
        "taken for the sign (name it as indicator in a profile if it is)"
    )
