"""Find how a table is written: which column has what, the decimal mark, the order of day and month, the currency."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from reconcile.files.bookings import StatusColumn, names_a_section, status_columns
from reconcile.files.cells import NOTHING, is_date, text_of
from reconcile.files.columns import Columns, beside, names_a_document, normal
from reconcile.files.conventions import Conventions
from reconcile.files.directions import sign_of
from reconcile.files.fees import proven_money
from reconcile.files.masking import account_in, shown
from reconcile.files.profile import SideProfile
from reconcile.files.proving import let_balance_decide
from reconcile.files.signs import debits_are_signed, indicator, unmarked_sign
from reconcile.files.tables import Table, column
from reconcile.files.values import (
    CURRENCIES,
    NO_CURRENCY,
    BadValue,
    amount_minor,
    currency_in,
    date_order,
    period_in,
    precision,
    proven_mark,
)

EXTRA_LIMIT = 60  # characters; a longer extra column is prose, not a category
SAME_IDS = 0.5  # of the rows: more repeated, and a column named "id" tells something else than the line
FILLED = 0.8  # of a column's cells; one that is emptier is no good date or amount while another is fuller
FEE_ROWS = 300
_MONEY = re.compile(r"[-+(]?\s?(?:\d{1,3}(?:[.,' ]\d{3})*|\d+)(?:[.,]\d{2,3})?[)-]?")
_DUE = re.compile(
    r"\bdue\b|\bfaellig|\becheance\b|\bvencimiento\b|\bscadenza\b|\bvervaldatum\b|invoice date|rechnungsdatum"
)
_GROSS = re.compile(r"\b(?:gross|brutto\w*|bruto|lordo|brut)\b")
_NET = re.compile(r"\b(?:net|netto\w*|neto|liquido)\b")
_CLEARLY_OWN = frozenset({"auftragskonto", "iban auftragskonto", "eigenes konto", "own account", "our account",
                          "account iban", "rekeningnummer", "iban bban"})  # fmt: skip
_ACCOUNT = re.compile(r"[A-Z]{2}\d{2}[A-Z]{0,4}[\dA-Z ]*\d{6}[\dA-Z ]*|[\dX*. /-]{6,}")


def find_conventions(table: Table, columns: Columns, profile: SideProfile) -> Conventions:
    """Return how a table is written. Shapes: columns has an amount, or a debit or a credit."""
    how = Conventions(table, columns, any(_DUE.search(normal(header)) for header in table.headers))
    how.status_at = _status_columns(how, profile)
    how.types_at = [] if profile.columns else list(columns.alternatives.get("indicator", ()))
    how.rows = [row for row in table.sample if not how.not_booked(row)] or table.sample
    how.single = dict(columns.single) if profile.columns else _fullest(columns, how.rows, table.headers)
    if not profile.columns:
        _complete_pair(how)
    money = [at for key in ("amount", "debit", "credit", "amount_minor") if (at := how.single.get(key)) is not None]
    how.money_at = money[0]
    how.currency = profile.currency or columns.currency or _one_currency(how.rows, money) or NO_CURRENCY
    how.mark, how.open_mark = _mark(how, profile, money)
    how.net = _settle_amount(how, profile)
    dates = [at for key in ("date", "value_date") if (at := how.single.get(key)) is not None]
    values = (value for at in dates for value in column(how.rows, at))
    how.order = date_order(values, profile.date_format, comma=how.mark == ",")
    if how.order.yearless:
        how.order = replace(how.order, period=_period(how, profile))
    how.value_order = replace(how.order, pattern=profile.date_format)
    how.mixed = not profile.currency and "currency" not in how.single and _several_currencies(how.rows, money)
    how.id_at = _id_column(how)
    how.unmarked = unmarked_sign(how)
    how.signed_by = indicator(how, profile)
    how.debits_signed = debits_are_signed(how)
    how.account_at = _account_column(how)
    let_balance_decide(how, profile)
    how.extra = _extras(how)
    _report(how)
    return how


def _period(how: Conventions, profile: SideProfile) -> tuple[date, date] | None:
    """Return when the file's days without a year may be: as the profile says, or the text above the table."""
    said = profile.period or how.table.above
    period = period_in(said, replace(how.order, pattern=""))
    if period:
        where = "in the profile" if profile.period else "above the table"
        how.notes.append(f"dates have no year; it is that of {period[0]} to {period[1]}, which stand {where}")
    return period


def _report(how: Conventions) -> None:
    """Say what was decided though the file leaves a doubt."""
    headers, single = how.table.headers, how.single
    if how.order.guessed:
        order = "day before month" if how.order.day_first else "month before day"
        column_name = headers[single["date"]] if "date" in single else headers[single["value_date"]]
        how.notes.append(f"dates in {column_name!r} were read {order}, which no value proves (set date_format)")
    if how.open_mark:
        money = [one for key in ("amount", "debit", "credit") if (one := single.get(key)) is not None]
        written = ((one, text_of(cell)) for one in money for cell in column(how.rows, one))
        seen = ((one, text) for one, text in written if re.search(r"\d[.,]\d{3}(?!\d)", text))
        at, example = next(seen, (how.money_at, ""))
        what = "thousands" if how.open_mark != how.mark else "decimals"
        how.notes.append(
            f"no value proves the decimal mark of {how.header(at)!r}: in {shown(example)} the mark was "
            f"read as that of {what} (set decimal in a profile)"
        )
    if how.unmarked < 0:
        name = str(headers[single["amount"]]).strip()
        how.notes.append(f"some amounts in {name!r} are marked as credits and none as a debit: the others are debits")
    others = [at for at in how.columns.alternatives.get("amount", ()) if at != single.get("amount")]
    names = [str(headers[at]).strip() for at in others if _holds_amounts(how, at)]
    if "amount" in single and names:
        used = str(headers[single["amount"]]).strip()
        how.notes.append(f"amounts are those of {used!r}, not of {', '.join(map(repr, names))}")


def _mark(how: Conventions, profile: SideProfile, money: Sequence[int]) -> tuple[str, str]:
    """Return the decimal mark, and the one that stays open: a value such as 2.500 may mean either.

    Ensures: what the amounts leave open other columns of money decide, then the currency: where it has two decimals
             three digits are thousands.
    """
    if profile.decimal:
        return profile.decimal, ""
    proven, opened = proven_mark(value for at in money for value in column(how.rows, at))
    if proven or not opened:
        return proven or ".", ""
    taken = {how.single.get(meaning) for meaning in ("date", "value_date", "id", "indicator", "currency")}
    others = [at for at in range(len(how.table.headers)) if at not in taken and at not in money]
    marks = {
        proven_mark(values)[0]
        for at in others
        if (values := [one for cell in column(how.rows, at) if (one := text_of(cell)) not in NOTHING])
        and all(_MONEY.fullmatch(value) for value in values)
    } - {""}
    if len(marks) == 1:
        return marks.pop(), ""
    currency = how.currency
    if (at := how.single.get("currency")) is not None:
        named = Counter(text_of(cell) for cell in column(how.rows, at))
        currency = named.most_common(1)[0][0] if len(named) == 1 else currency
    if currency.isalpha() and precision(currency.upper()) == 3:
        return opened, opened
    return ("," if opened == "." else "."), opened


def _complete_pair(how: Conventions) -> None:
    """Find the other column of a debit or a credit column that stands alone: filled just where that one is not."""
    single = how.single
    lone = single.keys() & {"debit", "credit"}
    if len(lone) != 1 or "amount" in single or not how.rows:
        return
    have = lone.pop()
    gaps = [text_of(row[single[have]]) in NOTHING for row in how.rows]
    for at in range(len(how.table.headers)):
        cells = [text_of(row[at]) for row in how.rows]
        money = all(_MONEY.fullmatch(cell) for cell in cells if cell not in NOTHING)
        if at not in single.values() and money and any(gaps) and [cell not in NOTHING for cell in cells] == gaps:
            single["credit" if have == "debit" else "debit"] = at
            names = [repr(how.header(one)) for one in (at, single[have])]
            how.notes.append(f"{names[0]} is filled where {names[1]} is empty, and was taken for its opposite")
            return


def _settle_amount(how: Conventions, profile: SideProfile) -> bool:
    """Take the amount that the arithmetic of the row proves to be the money; whether fees are off it already."""
    amounts = how.columns.alternatives.get("amount", ())
    if len(amounts) < 2 or profile.columns or "amount_minor" in how.single or "amount" not in how.single:
        return False
    headers, rows = how.table.headers, how.rows[:FEE_ROWS]
    read: dict[int, list[int | None]] = {}

    def values(at: int) -> list[int | None]:
        if at not in read:
            read[at] = [how.minor_or_none(row[at]) for row in rows]
        return read[at]

    found, net = proven_money(amounts, beside(headers, "fee"), beside(headers, "tax"), values)
    if found >= 0 and found != how.single["amount"]:
        how.single["amount"] = how.money_at = found
    return net


def _status_columns(how: Conventions, profile: SideProfile) -> list[StatusColumn]:
    """Return the columns that say whether a row is booked.

    None in a list of documents, whose status is another's.
    """
    if how.is_documents:
        return []
    headers = how.table.headers
    named = {at for meaning, at in how.columns.single.items() if profile.columns or meaning != "indicator"}
    free = [at for at in range(len(headers)) if at not in named]
    found, notes = status_columns(headers, how.table.sample, free)
    how.notes.extend(notes)
    for one in found:
        said = Counter(text for cell in column(how.table.sample, one.at) if (text := text_of(cell)))
        unknown = sorted(text for text in said if one.says(text) is None and not sign_of(text))
        if unknown:
            rows = sum(said[text] for text in unknown)
            how.notes.append(
                f"in {str(headers[one.at]).strip()!r} {', '.join(map(shown, unknown[:5]))} is not known to be "
                f"booked or not; counted as booked: {rows:,}"
            )
    if names_a_section(how.table.above):
        how.notes.append("the text above the table speaks of entries that are not booked; its rows were counted")
    return found


def _account_column(how: Conventions) -> int:
    """Return the column of the file's own accounts; -1 where none is clear, for it may be the counterparty's."""
    if "account" in how.single:
        return how.single["account"]
    taken = set(how.single.values()) | set(how.columns.text)
    others = []
    named = [at for at in beside(how.table.headers, "own_account") if at not in taken]
    party = how.single.get("counterparty")
    if party is not None and normal(how.table.headers[party]) == "account name":
        named.append(party)  # "Checking ...1234" is no counterparty
    for at in named:
        name = normal(how.table.headers[at])
        values = [text_of(cell) for cell in column(how.rows, at)]
        numbers = all(sum(map(str.isdigit, value)) >= 3 for value in values if value)
        repeated = name != "iban" and len(set(values)) * 2 <= len(values)  # an IBAN is as often the other party's
        if numbers and all(values) and (name in _CLEARLY_OWN or repeated):
            return at
        others += [at] if len(set(values) - {""}) > 1 and at != party else []
    for at in others[:1] if not account_in(how.table.above) else ():
        count = len({text_of(cell) for cell in column(how.rows, at)} - {""})
        how.notes.append(
            f"{how.header(at)!r} holds {count:,} different values, which were not taken for "
            "accounts of the file (columns: {account: ...} in a profile if they are)"
        )
    return -1


def _id_column(how: Conventions) -> int | None:
    taken = {at for meaning, at in how.single.items() if meaning != "id"}
    documents = [at for at in how.columns.references if names_a_document(how.table.headers[at])]
    candidates = [at for at in dict.fromkeys((*how.columns.id_candidates, *documents)) if at not in taken]
    if not candidates:
        return None
    seen: dict[int, set[int]] = {at: set() for at in candidates}
    filled = Counter[int]()
    lines = 0
    for _, row in how.table.each():
        if how.kind(row) != "line":
            continue
        lines += 1
        for at in candidates:
            if value := text_of(row[at]):
                filled[at] += 1
                seen[at].add(hash(value))
    for at in candidates:
        repeated = filled[at] - len(seen[at])
        exact = normal(how.table.headers[at]) in ("id", "line id", "transaction id", "txn id")
        enough = filled[at] and filled[at] >= 0.98 * lines
        if enough and (repeated == 0 or (exact and repeated <= SAME_IDS * lines)):
            return at
    return None


def _extras(how: Conventions) -> tuple[int, ...]:
    """Return columns that may say something about a line: short words, no numbers, dates or long prose."""
    found = []
    unused = [at for at in how.columns.id_candidates if at != how.id_at and at not in how.columns.references]
    indicator = how.single.get("indicator")
    if indicator is not None and how.signed_by is None:
        unused.append(indicator)
    rows = how.table.sample[:: max(1, len(how.table.sample) // 300)]
    for at in sorted({*how.columns.extra, *unused} - {how.id_at}):
        sample = [value for value in (text_of(cell) for cell in column(rows, at)) if value]
        if not sample:
            continue
        wordy = sum(1 for value in sample if any(char.isalpha() for char in value) and len(value) <= EXTRA_LIMIT)
        if wordy >= 0.8 * len(sample) and not all(is_date(value) for value in sample[:20]):
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
            values = [text_of(value) for value in column(rows, at)]
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
        values = [value for value in (text_of(cell) for cell in column(rows, at)) if value not in NOTHING]
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
        if all(text_of(cell) in CURRENCIES for cell in column(rows, at)):
            single["currency"] = single.pop("value_date")


def _one_currency(rows: Sequence[Sequence[Any]], money: Sequence[int]) -> str:
    found = Counter(code for at in money for value in column(rows, at) if (code := currency_in(value)))
    return found.most_common(1)[0][0] if found else ""


def _several_currencies(rows: Sequence[Sequence[Any]], money: Sequence[int]) -> bool:
    return any(currency_in(value) for at in money for value in column(rows, at))


def _holds_amounts(how: Conventions, at: int) -> bool:
    values = [value for value in column(how.table.sample[:200], at) if text_of(value) not in NOTHING]
    good = 0
    for value in values:
        try:
            good += bool(amount_minor(value, how.mark, NO_CURRENCY))
        except BadValue:
            continue
    return good * 2 > len(values)
