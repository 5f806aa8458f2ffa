"""What a page asks: reports by name, as of now; counts that every page shows are kept for a moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from projections.console.shown import local
from projections.reports import questions
from projections.reports.days import Days
from projections.store.client import SqlReader

Rows = tuple[dict[str, Any], ...]
T = TypeVar("T")
# So long an answer serves again where it need not be of this very second: the counts beside the menu.
KEPT_S: Final = 5.0
_POSITION: Final = "SELECT sum(next_offset) AS position FROM saldo_positions FINAL"


class Asking:
    """Asks the reports that pages are made of."""

    def __init__(self, reader: SqlReader, *, day_zone: str, own_reports: Path | None = None) -> None:
        self.day_zone = day_zone
        self.own_reports = own_reports
        self._reader = reader
        self._kept: dict[str, tuple[float, Any]] = {}
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """Return the instant as of which a page speaks."""
        return datetime.now(UTC)

    def today(self) -> date:
        """Return the day that it is at the merchant's."""
        return local(self.now(), self.day_zone).date()

    def answer(
        self,
        name: str,
        given: Mapping[str, str] | None = None,
        *,
        as_of: datetime | None = None,
        days: Days | None = None,
    ) -> questions.Answer:
        """Return the answer of a report, as of an instant and for the rows of some days, when given.

        Raises: LookupError when there is none of that name; QueryRefused.
        """
        report, values = self._asked(name, given, as_of)
        return questions.ask(self._reader, report, values, as_of=as_of, days=days)

    def parquet(
        self, name: str, given: Mapping[str, str], *, as_of: datetime | None = None, days: Days | None = None
    ) -> bytes:
        """Return the answer of a report as Parquet; raises as answer."""
        report, values = self._asked(name, given, as_of)
        return questions.as_parquet(self._reader, report, values, as_of=as_of, days=days)

    def _asked(
        self, name: str, given: Mapping[str, str] | None, as_of: datetime | None
    ) -> tuple[questions.Report, dict[str, str]]:
        report = questions.load(name, self.own_reports)
        return report, questions.values_for(report, given or {}, day_zone=self.day_zone, now=as_of or self.now())

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

    def position(self) -> str:
        """Return how far the read side has come: another text once it has moved."""
        return self._reader.query(_POSITION, output_format="TSV").decode()

    def forget(self) -> None:
        """Ask anew: a decision has just changed what the counts say."""
        with self._lock:
            self._kept.clear()
