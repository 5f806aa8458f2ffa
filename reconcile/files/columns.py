"""Which column means what: headers of several languages, then the values themselves where headers say nothing.

Only clear cases are decided here. A file that stays unclear is refused with the names of its columns, and a profile
then says what they mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from reconcile.engine.text import plain, word_set
from reconcile.files.texts import Text
from reconcile.files.values import CURRENCIES, BadValue, amount_minor, decimal_mark
from schemas.files.owned import Entry, read_owned

_BOUNDARY = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_OTHER = re.compile(r"[\W_]+")
_CURRENCY = re.compile(r"\b([A-Z]{3})\b")
_BALANCE_FIRST = word_set("balance saldo solde kontostand guthaben")
_NUMBER_AT_END = re.compile(r"\s?\d+$")
_GENERIC = word_set("value sum total net gross wert valor summe")  # alone an amount, before other words anything
_ONE_DIRECTION = word_set("debit credit soll haben belastung gutschrift lastschrift")
_OF_ANOTHER_AMOUNT = word_set("foreign original orig customer presentment fremdwaehrung buy sell from to")
_HEADER_SIGNS = {"\u20ac": "EUR", "\u00a3": "GBP"}  # "Betrag (€)"; others are signs of several currencies
_STATUS = word_set("status statut zustand")
_NAME_OF_A_THING = word_set("method file product marketplace sheet bank city street item sku")
# A number of these tells a line as well as an id does, if each line has its own.
_DOCUMENT = word_set(
    "invoice document doc voucher rechnung rechnungsnummer rechnungsnr beleg belegnummer belegnr facture factura "
    "fattura factuurnummer piece order bill"
)
# An id of these is the same on many lines, even if a small file has it once.
_OF_SOMETHING_ELSE = word_set("account customer merchant user terminal card batch client store vendor company")


# Looked for by their whole name alone, beside what the column means otherwise.
BESIDE = frozenset({"status", "fee", "tax", "own_account"})
MOST_COLUMNS = 500  # a header with more is no header


class ColumnNames(Entry):
    """Headers by meaning, most preferred first, as a file writes them."""

    date: tuple[Text, ...] = ()
    value_date: tuple[Text, ...] = ()
    amount_minor: tuple[Text, ...] = ()
    amount: tuple[Text, ...] = ()
    debit: tuple[Text, ...] = ()
    credit: tuple[Text, ...] = ()
    indicator: tuple[Text, ...] = ()
    currency: tuple[Text, ...] = ()
    counterparty: tuple[Text, ...] = ()
    text: tuple[Text, ...] = ()
    reference: tuple[Text, ...] = ()
    batch_key: tuple[Text, ...] = ()
    balance: tuple[Text, ...] = ()
    id: tuple[Text, ...] = ()
    status: tuple[Text, ...] = ()
    fee: tuple[Text, ...] = ()
    tax: tuple[Text, ...] = ()
    own_account: tuple[Text, ...] = ()
    advice_payment: tuple[Text, ...] = ()
    advice_invoice: tuple[Text, ...] = ()
    advice_amount: tuple[Text, ...] = ()
    advice_memo: tuple[Text, ...] = ()


KnownNames = Mapping[str, tuple[str, ...]]
_SHIPPED = Path(__file__).with_name("column_names.yaml")
_OWN: ContextVar[Path | None] = ContextVar("own column names", default=None)


@contextmanager
def own_names(path: Path | None) -> Iterator[None]:
    """Know the headers of this file as well until the block ends; they are preferred to those that ship with Saldo.

    Raises: FileInvalid.
    """
    if path is not None:
        _read_names(path)
    token = _OWN.set(path)
    try:
        yield
    finally:
        _OWN.reset(token)


def column_names() -> KnownNames:
    """Known headers by meaning, most preferred first: those of the installation, then those that ship with Saldo."""
    return _read_names(_OWN.get())


@lru_cache(maxsize=4)
def _read_names(own: Path | None) -> KnownNames:
    shipped = read_owned(_SHIPPED, ColumnNames)
    first = ColumnNames() if own is None else read_owned(own, ColumnNames)
    return {
        meaning: tuple(dict.fromkeys(normal(name) for name in (*getattr(first, meaning), *getattr(shipped, meaning))))
        for meaning in ColumnNames.model_fields
    }


@dataclass(frozen=True, slots=True)
class Columns:
    """Positions of the columns by meaning; single says which one, several may hold text, references and extras.

    alternatives holds, for a meaning, all columns that could have it by their header, the preferred one first.
    """

    single: Mapping[str, int]
    text: tuple[int, ...] = ()
    references: tuple[int, ...] = ()
    extra: tuple[int, ...] = ()
    currency: str = ""
    id_candidates: tuple[int, ...] = field(default_factory=tuple)
    alternatives: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def has_amount(self) -> bool:
        """Return whether an amount can be read at all."""
        return bool({"amount", "amount_minor", "debit", "credit"} & self.single.keys())


def normal(header: Any) -> str:
    """Return a header without case, accents, punctuation and units."""
    text = _BOUNDARY.sub(" ", str(header or "").strip().lstrip("\ufeff"))
    return _OTHER.sub(" ", plain(text)).strip()


def by_header(headers: Sequence[Any]) -> Columns:
    """Read the meaning of columns off their headers.

    Ensures: each column has one meaning; of several that could be "the amount" the most preferred name wins.
    """
    names = [normal(header) for header in headers]
    currency = ""
    single: dict[str, int] = {}
    lists: dict[str, list[int]] = {"text": [], "reference": []}
    alternatives: dict[str, tuple[int, ...]] = {}
    taken: set[int] = set()
    for meaning in ("amount_minor", "debit", "credit", "amount", "date", "value_date", "currency", "balance",
                    "counterparty", "batch_key", "indicator"):  # fmt: skip
        ranked = sorted(
            (rank, at)
            for at, name in enumerate(names)
            if at not in taken and (rank := _rank(name, meaning)) is not None
        )
        if ranked:
            alternatives[meaning] = tuple(at for _, at in ranked)
            single[meaning] = ranked[0][1]
            taken.add(ranked[0][1])
            if meaning in ("amount", "debit"):
                currency = currency or _currency_in(str(headers[ranked[0][1]]))
            if meaning in ("balance", "counterparty"):  # several balances are all ignored, several names all read
                rest = [at for _, at in ranked[1:]]
                taken.update(rest)
                if meaning == "counterparty":
                    lists["text"].extend(rest)
    if {"debit", "credit"} & single.keys() and not {"debit", "credit"} <= single.keys() and "amount" in single:
        for lonely in {"debit", "credit"} & single.keys():  # an amount with one of the two: the amount is enough
            taken.discard(single.pop(lonely))
    ids = _id_candidates(names)
    for meaning in ("text", "reference"):
        for at, name in enumerate(names):
            if at not in taken and _rank(name, meaning) is not None:
                lists[meaning].append(at)
                taken.add(at)
    extra = tuple(at for at in range(len(names)) if at not in taken and at not in ids[:1] and names[at])
    return Columns(
        single=single,
        text=tuple(sorted(lists["text"])),
        references=tuple(lists["reference"]),
        extra=extra,
        currency=currency,
        id_candidates=ids,
        alternatives=alternatives,
    )


def beside(headers: Sequence[Any], meaning: str) -> list[int]:
    """Return the columns with one of the names of a meaning of BESIDE, the most preferred first."""
    known = column_names()[meaning]
    names = [_without_currency(normal(header)) for header in headers]
    return [at for _, at in sorted((known.index(name), at) for at, name in enumerate(names) if name in known)]


def header_score(headers: Sequence[Any]) -> int:
    """Return how much a row looks like a header: meanings found, with date and amount counting most."""
    if sum(1 for header in headers if str(header or "").strip()) < 2 or len(headers) > MOST_COLUMNS:
        return 0
    if any(len(str(header or "")) > 80 for header in headers):
        return 0
    columns = by_header(headers)
    score = len(columns.single) + len(columns.text) + len(columns.references) + bool(columns.id_candidates)
    return score + 3 * columns.has_amount() + 2 * ("date" in columns.single)


def _rank(name: str, meaning: str) -> int | None:
    """Return how well a header names a meaning: 0 is best, None not at all."""
    known = column_names()[meaning]
    if name in known:
        return known.index(name)
    stripped = _without_currency(name)
    if stripped != name and stripped in known:
        return 100 + known.index(stripped)
    if any(name in names for key, names in column_names().items() if key not in BESIDE):
        return None  # "value date" is known as a whole, and is no "value"
    if _STATUS & set(name.split()):
        return None  # "payout status" is no payout
    numbered = _NUMBER_AT_END.sub("", stripped)
    if meaning in ("text", "reference") and numbered != stripped and numbered in known:
        return 150 + known.index(numbered)
    if stripped.split()[:1] and stripped.split()[0] in _BALANCE_FIRST and meaning in ("amount", "balance"):
        return 250 if meaning == "balance" and name not in column_names()["status"] else None  # "saldo na mutatie"
    # A longer header that ends or starts with a known name: "Bank Txn Date", "amount local". The end says what it is:
    # "amount currency" is a currency.
    known_end = _known_end(stripped)
    if meaning in ("indicator", "debit", "credit") and " " not in known_end:
        return None
    if meaning == "counterparty" and _NAME_OF_A_THING & set(stripped.split()):
        return None
    if meaning == "currency" and _OF_ANOTHER_AMOUNT & set(stripped.split()):
        return None
    if meaning == "amount" and _ONE_DIRECTION & set(stripped.split()):
        return None  # half of the lines are in another column
    if known_end:
        return 200 + known.index(known_end) if known_end in known else None
    for rank, one in enumerate(known):
        if len(one) >= 4 and one not in _GENERIC and stripped.startswith(one + " "):
            return 300 + rank
    return None


def _without_currency(name: str) -> str:
    """Return a header without currency codes, and without the "in" before them: "umsatz in eur" is "umsatz"."""
    words = name.split()
    kept = [word for word in words if word.upper() not in CURRENCIES]
    if len(kept) < len(words) and len(kept) > 1 and kept[-1] in ("in", "en", "w"):
        kept.pop()
    return " ".join(kept)


def _known_end(name: str) -> str:
    """Return the longest known name that a header ends with, after a word of its own."""
    return _known_end_of(name, _OWN.get())


@lru_cache(maxsize=4096)
def _known_end_of(name: str, own: Path | None) -> str:
    names, words = _read_names(own), name.split()
    for at in range(1, len(words)):
        end, start = " ".join(words[at:]), " ".join(words[:at])
        if len(end) < 4 or not any(
            end in known for key, known in names.items() if not key.startswith("advice") and key not in BESIDE
        ):
            continue
        if end in names["currency"] and start not in names["amount"] and _begins(start, names["amount"]):
            return ""  # "amount in local currency" is an amount
        return end
    return ""


def _begins(text: str, names: Sequence[str]) -> bool:
    return any(text.startswith(one + " ") for one in names)


def _currency_in(header: str) -> str:
    upper = re.sub(r"\bEUROS?\b", "EUR", header.upper().replace("_", " "))
    for sign, code in _HEADER_SIGNS.items():
        upper = upper.replace(sign, f" {code} ")
    found = [code for code in _CURRENCY.findall(upper) if code in CURRENCIES]
    return found[0] if found else ""


def names_a_document(header: Any) -> bool:
    """Return whether a reference column holds the numbers of the lines' own documents."""
    return bool(_DOCUMENT & set(normal(header).split()))


def _id_candidates(names: Sequence[str]) -> tuple[int, ...]:
    ids = column_names()["id"]
    ranked = [(ids.index(name), at) for at, name in enumerate(names) if name in ids]
    ranked += [
        (100, at)
        for at, name in enumerate(names)
        if name not in ids and name.endswith(" id") and not _OF_SOMETHING_ELSE & set(name.split())
    ]
    ranked += [
        (200, at) for at, name in enumerate(names) if name.endswith((" number", " no", " nr")) and name not in ids
    ]
    return tuple(at for _, at in sorted(ranked))


# -- no header ------------------------------------------------------------------------------------------------------


def without_header(rows: Sequence[Sequence[Any]]) -> list[str] | None:
    """Headers for rows that have none, or None if their values leave a doubt.

    Ensures: found only where one column holds dates and exactly one holds amounts (a running balance beside it is seen
             as one); everything else with words becomes text.
    """
    if not rows:
        return None
    width = max(len(row) for row in rows)
    columns = [[str(row[at] or "").strip() if at < len(row) else "" for row in rows] for at in range(width)]
    dates = [at for at, cells in enumerate(columns) if _all(cells, _DATE)]
    amounts = [at for at, cells in enumerate(columns) if _all(cells, _AMOUNT)]
    runs = len(amounts) == 2 and _runs(columns[amounts[0]], columns[amounts[1]])
    balance = amounts.pop() if runs else -1
    if not dates or len(amounts) != 1:
        return None
    names = {dates[0]: "date", amounts[0]: "amount", balance: "balance"} | dict.fromkeys(dates[1:2], "value date")
    codes = [at for at, cells in enumerate(columns) if all(cell in CURRENCIES for cell in cells)]
    names |= dict.fromkeys(codes[:1], "currency")
    return [
        names.get(at, f"text {at + 1}" if _wordy(cells) else f"column {at + 1}") for at, cells in enumerate(columns)
    ]


_DATE = re.compile(r"\d{1,2}[./ -](?:\d{1,2}|[A-Za-z]{3,9})[./ -]\d{2,4}|\d{4}[./-]\d{1,2}[./-]\d{1,2}(?:[T ].*)?")
_AMOUNT = re.compile(r"[-+(]?\s?\d{1,3}(?:[., ']?\d{3})*[.,]\d{2}\)?-?")


def _all(cells: Sequence[str], pattern: re.Pattern[str]) -> bool:
    return all(pattern.fullmatch(cell) for cell in cells)


def _wordy(cells: Sequence[str]) -> bool:
    return any(any(char.isalpha() for char in cell) for cell in cells)


def _runs(amounts: Sequence[str], balances: Sequence[str]) -> bool:
    """Return whether one column is the running balance of another, upwards or downwards."""
    mark = decimal_mark([*amounts, *balances])
    try:
        steps = [amount_minor(one, mark, "EUR") for one in amounts]
        totals = [amount_minor(one, mark, "EUR") for one in balances]
    except BadValue:
        return False
    pairs = range(1, len(steps))
    return len(steps) > 1 and (
        all(totals[at] - totals[at - 1] == steps[at] for at in pairs)
        or all(totals[at - 1] - totals[at] == steps[at - 1] for at in pairs)
    )
