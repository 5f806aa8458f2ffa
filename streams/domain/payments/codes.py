"""What a return, change or decline code means and what it allows next: the codes that are in force, as one value."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from schemas.records.payments import CodeKind, NextStep

_CODE_FIRST = re.compile(r"\s*([A-Z0-9]{2})\b")
_NETWORK_CODE = re.compile(r"[A-Z0-9]{2}")
_SATURDAY = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """One code: what it means, what it counts as, and what may follow.

    again_after_days is the number of days until the next try; most_entries and entries_days bound the entries in all.
    """

    meaning: str
    step: NextStep
    code_class: str = ""
    correct: str | None = None
    again_after_days: int | None = None
    most_entries: int | None = None
    entries_days: int | None = None
    stops_charges: bool = False
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Codes:
    """The codes of each kind, and what counts for one that is not listed; change_days are banking days."""

    version: int
    change_days: int
    listed: Mapping[CodeKind, Mapping[str, Code]]
    unlisted: Mapping[CodeKind, Code]

    def of(self, kind: CodeKind, code: str) -> Code:
        """Return what a code says; one that is not listed is what the rules say of those."""
        if kind is CodeKind.UNKNOWN:
            return self.unlisted[CodeKind.RETURN]
        return self.listed[kind].get(code, self.unlisted[kind])

    def declined_by(self, response_code: str | None, words: str) -> str:
        """Return the network's code of a decline: as it was sent, as the words begin, or as they say; else empty."""
        listed = self.listed[CodeKind.DECLINE]
        if response_code is not None and _NETWORK_CODE.fullmatch(response_code):
            return response_code
        first = _CODE_FIRST.match(words)
        if first is not None and first[1] in listed:
            return first[1]
        said = " ".join(words.lower().split())
        return next((code for code, one in listed.items() if any(word in said for word in one.words)), "")


def banking_day_after(day: date, days: int) -> date:
    """Return the day that lies so many banking days later: weekdays, without holidays, so never too late a day."""
    while days:
        day += timedelta(days=1)
        days -= day.weekday() < _SATURDAY
    return day
