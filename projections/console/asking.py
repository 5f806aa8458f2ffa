"""What a page asks: reports by name, as of now; counts that every page shows are kept for a moment."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from projections.console.shown import local
from projections.reports import questions
from projections.reports.days import Days
from projections.store.client import SqlReader
from projections.store.errors import QueryRefused
from schemas.failures import Transient

Rows = tuple[dict[str, Any], ...]
T = TypeVar("T")
# So long an answer serves again where it need not be of this very second, and so long at most while it is asked anew.
KEPT_S: Final = 5.0
STALE_S: Final = 60.0
# So long a decided case is on its way before it counts as waiting again.
DECIDED_S: Final = 600.0
_MOST_DECIDED: Final = 1_000
_POSITION: Final = "SELECT sum(next_offset) AS position FROM saldo_positions FINAL"


class Asking:
    """Asks the reports that pages are made of."""

    def __init__(self, reader: SqlReader, *, day_zone: str, own_reports: Path | None = None) -> None:
        self.day_zone = day_zone
        self.own_reports = own_reports
        self._reader = reader
        self._kept: dict[str, tuple[float, Any]] = {}
        self._lock = threading.Lock()
        self._asked_beside: set[str] = set()
        self._beside = ThreadPoolExecutor(1, "asked-anew")
        self._decided: OrderedDict[tuple[str, str], tuple[str, str, float]] = OrderedDict()

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
        """Return what is made of the rows of a report without parameters, as a page asks for it.

        Older than KEPT_S it is asked anew beside the page, which shows the old one; older than STALE_S the page waits.
        Shapes: each report is made into one thing; nobody changes what was made.
        """
        with self._lock:
            at, made = self._kept.get(name, (0.0, None))
            age = time.monotonic() - at if at else STALE_S
            is_asked = KEPT_S <= age < STALE_S and name not in self._asked_beside
            if is_asked:
                self._asked_beside.add(name)
        if is_asked:
            self._beside.submit(self._asked_anew, name, make)
        return cast("T", made) if age < STALE_S else self._ask_anew(name, make)

    def kept_since(self, name: str) -> datetime:
        """Return as of when the kept answer of a report speaks."""
        with self._lock:
            at, _made = self._kept.get(name, (0.0, None))
        return self.now() - timedelta(seconds=time.monotonic() - at if at else 0.0)

    def fresh(self, name: str) -> None:
        """Let the next page ask this report anew and wait for it: somebody is about to decide by it."""
        with self._lock:
            self._kept.pop(name, None)

    def _ask_anew(self, name: str, make: Callable[[Rows], T]) -> T:
        at = time.monotonic()
        made = make(self.rows(name))
        with self._lock:
            self._kept[name] = at, made
        return made

    def position(self) -> str:
        """Return how far the read side has come: another text once it has moved."""
        return self._reader.query(_POSITION, output_format="TSV").decode()

    def _asked_anew(self, name: str, make: Callable[[Rows], Any]) -> None:
        try:
            self._ask_anew(name, make)
        except (Transient, QueryRefused):
            pass  # the next page asks again, and says what stands against it once the old answer is too old
        finally:
            with self._lock:
                self._asked_beside.discard(name)

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
        """Ask anew beside the next page: a decision has just changed what the counts say."""
        old = time.monotonic() - KEPT_S
        with self._lock:
            self._kept = {name: (min(at, old), made) for name, (at, made) in self._kept.items()}
