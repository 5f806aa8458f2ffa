"""What a page asks: reports by name, as of now; counts that every page shows are kept for a moment."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from projections.console.shown import local
from projections.reports import questions
from projections.store.client import SqlReader

Rows = tuple[dict[str, Any], ...]
T = TypeVar("T")
# So long an answer serves again where it need not be of this very second: the counts beside the menu.
KEPT_S: Final = 5.0
# So long a decided case is on its way before it counts as waiting again.
DECIDED_S: Final = 600.0
_MOST_DECIDED: Final = 1_000


class Asking:
    """Asks the reports that pages are made of."""

    def __init__(self, reader: SqlReader, *, day_zone: str, own_reports: Path | None = None) -> None:
        self.day_zone = day_zone
        self.own_reports = own_reports
        self._reader = reader
        self._kept: dict[str, tuple[float, Any]] = {}
        self._lock = threading.Lock()
        self._decided: OrderedDict[tuple[str, str], tuple[str, str, float]] = OrderedDict()

    def now(self) -> datetime:
        """Return the instant as of which a page speaks."""
        return datetime.now(UTC)

    def today(self) -> date:
        """Return the day that it is at the merchant's."""
        return local(self.now(), self.day_zone).date()

    def answer(self, name: str, given: Mapping[str, str] | None = None) -> questions.Answer:
        """Return the answer of a report.

        Raises: LookupError when there is none of that name; QueryRefused.
        """
        report = questions.load(name, self.own_reports)
        values = questions.values_for(report, given or {}, day_zone=self.day_zone, now=self.now())
        return questions.ask(self._reader, report, values)

    def rows(self, name: str, **given: str) -> Rows:
        """Return the rows of a report."""
        return self.answer(name, given).records

    def kept(self, name: str, make: Callable[[Rows], T]) -> T:
        """Return what is made of the rows of a report without parameters, at most KEPT_S seconds old.

        Shapes: each report is made into one thing; nobody changes what was made.
        """
        with self._lock:
            at, made = self._kept.get(name, (0.0, None))
        if at and time.monotonic() - at < KEPT_S:
            return cast("T", made)
        made = make(self.rows(name))
        with self._lock:
            self._kept[name] = time.monotonic(), made
        return made

    def note_decided(self, key: tuple[str, str], mark: str, words: str) -> None:
        """Remember that a case was decided as it stood under this mark: its rows say so a moment later."""
        with self._lock:
            self._decided[key] = mark, words, time.monotonic()
            while len(self._decided) > _MOST_DECIDED:
                self._decided.popitem(last=False)

    def decided(self, key: tuple[str, str], mark: str) -> str:
        """Return in words how a case was decided that still stands under this mark; empty for any other.

        After DECIDED_S it counts as waiting again, whatever holds its rows up.
        """
        with self._lock:
            known, words, at = self._decided.get(key, ("", "", 0.0))
        return words if known == mark and time.monotonic() - at < DECIDED_S else ""

    def note_undone(self, reference: str) -> None:
        """Forget a decision that was taken back."""
        with self._lock:
            for key in [key for key in self._decided if key[1] == reference]:
                del self._decided[key]

    def forget(self) -> None:
        """Ask anew: a decision has just changed what the counts say."""
        with self._lock:
            self._kept.clear()
