"""Which column means what: headers of several languages, then the values themselves where headers say nothing.

Only clear cases are decided here. A file that stays unclear is refused with the names of its columns, and a profile
then says what they mean.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from streams.domain.matching.text import plain, word_set

_BOUNDARY = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_OTHER = re.compile(r"[^a-z0-9]+")
_CURRENCY = re.compile(r"\b([A-Z]{3})\b")
CURRENCIES = word_set(
    "EUR USD GBP CHF JPY CNY AUD CAD NZD SEK NOK DKK PLN CZK HUF RON BGN TRY ZAR BRL MXN INR SGD HKD KRW THB "
    "ILS AED SAR KWD BHD OMR JOD TND CLP COP PEN ARS IDR MYR PHP VND NGN KES EGP UAH ISK"
)


@lru_cache(maxsize=1)
def column_names() -> Mapping[str, tuple[str, ...]]:
    """Known headers by meaning, most preferred first (`column_names.yaml`)."""
    found = yaml.safe_load((Path(__file__).parent / "column_names.yaml").read_text(encoding="utf-8"))
    return {meaning: tuple(dict.fromkeys(normal(name) for name in names)) for meaning, names in found.items()}


@dataclass(frozen=True, slots=True)
class Columns:
    """Positions of the columns by meaning; single says which one, several may hold text, references and extras."""

    single: Mapping[str, int]
    text: tuple[int, ...] = ()
    references: tuple[int, ...] = ()
    extra: tuple[int, ...] = ()
    currency: str = ""
    id_candidates: tuple[int, ...] = field(default_factory=tuple)

    def has_amount(self) -> bool:
        """Whether an amount can be read at all."""
        return bool({"amount", "amount_minor", "debit", "credit"} & self.single.keys())


def normal(header: Any) -> str:
    """A header without case, accents, punctuation and units."""
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
    taken: set[int] = set()
    for meaning in ("amount_minor", "debit", "credit", "amount", "date", "value_date", "currency", "balance",
                    "counterparty", "batch_key", "indicator"):  # fmt: skip
        ranked = sorted(
            (rank, at)
            for at, name in enumerate(names)
            if at not in taken and (rank := _rank(name, meaning)) is not None
        )
        if ranked:
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
    )


def header_score(headers: Sequence[Any]) -> int:
    """How much a row looks like a header: meanings found, with date and amount counting most."""
    if sum(1 for header in headers if str(header or "").strip()) < 2:
        return 0
    if any(len(str(header or "")) > 80 for header in headers):
        return 0
    columns = by_header(headers)
    score = len(columns.single) + len(columns.text) + len(columns.references) + bool(columns.id_candidates)
    return score + 3 * columns.has_amount() + 2 * ("date" in columns.single)


def _rank(name: str, meaning: str) -> int | None:
    known = column_names()[meaning]
    if name in known:
        return known.index(name)
    words = [word for word in name.split() if word.upper() not in CURRENCIES]
    stripped = " ".join(words)
    if stripped != name and stripped in known:
        return 100 + known.index(stripped)
    if any(name in names for names in column_names().values()):
        return None  # "value date" is known as a whole, and is no "value"
    # A longer header that ends or starts with a known name of two letters or more: "Bank Txn Date", "amount local".
    if meaning in ("indicator", "debit", "credit"):
        return None
    for rank, one in enumerate(known):
        if len(one) >= 4 and (stripped.endswith(" " + one) or stripped.startswith(one + " ")):
            return 200 + rank
    return None


def _currency_in(header: str) -> str:
    found = [code for code in _CURRENCY.findall(header.upper().replace("_", " ")) if code in CURRENCIES]
    return found[0] if found else ""


def _id_candidates(names: Sequence[str]) -> tuple[int, ...]:
    ids = column_names()["id"]
    ranked = [(ids.index(name), at) for at, name in enumerate(names) if name in ids]
    ranked += [(100, at) for at, name in enumerate(names) if name not in ids and name.endswith(" id")]
    ranked += [
        (200, at) for at, name in enumerate(names) if name.endswith((" number", " no", " nr")) and name not in ids
    ]
    return tuple(at for _, at in sorted(ranked))
