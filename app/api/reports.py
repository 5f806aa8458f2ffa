"""Reports as the API answers them: the CLI's own questions, page by page, as of one instant.

A cursor names the row to go on from and the instant as of which the first page was asked, so that rows which come
meanwhile move nothing. It is checked like any other input, and holds nothing that its reader may not know.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from app.api.paging import bad_parameter, number_of, packed, unpacked
from projections.reports import questions
from projections.reports.days import days_of, instant_of
from projections.store.client import SqlReader

# Names of the query that are ours; a report's parameters beside them are its own.
PAGING: Final = ("cursor", "limit", "as_of", "period", "from", "to")


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of a report, and where the next ones begin; None on the last page."""

    columns: tuple[str, ...]
    rows: tuple[dict[str, Any], ...]
    next_cursor: str | None


class Reports:
    """Answers reports from the read side."""

    def __init__(
        self,
        open_reader: Callable[[], SqlReader],
        *,
        day_zone: str,
        own: Path | None,
        page_size: int,
        max_page_size: int,
        now: Callable[[], datetime],
    ) -> None:
        """Take a way to the read side; it is opened for each request, since a projector may start anew."""
        self._open_reader = open_reader
        self._day_zone = day_zone
        self._own = own
        self._page_size = page_size
        self._max_page_size = max_page_size
        self._now = now

    def names(self) -> tuple[str, ...]:
        """Return every report there is."""
        return questions.report_names(self._own)

    def load(self, name: str) -> questions.Report:
        """Return one report. Raises: LookupError; QueryRefused for a file of the user's that is not written as one."""
        return questions.load(name, self._own)

    def page(self, name: str, query: Mapping[str, str]) -> Page:
        """Return one page of a report.

        Raises: LookupError; QueryRefused naming what is wrong with a parameter; Problem (400) for a cursor or limit;
                StoreBusy while nothing answers.
        """
        report, now = self.load(name), self._now()
        # A report's own parameter goes before ours of the same name.
        paging = {key: query[key] for key in ours(report) if key in query}
        given = {key: value for key, value in query.items() if key not in paging}
        limit = (
            self._page_size if "limit" not in paging else number_of(paging["limit"], 1, self._max_page_size, "limit")
        )
        days = days_of(paging.get("period"), paging.get("from"), paging.get("to"), zone=self._day_zone)
        asked = hashlib.sha256(json.dumps([name, given, str(days), paging.get("as_of")]).encode()).hexdigest()[:16]
        if cursor := paging.get("cursor"):
            start, as_of = _read(cursor, asked)
        else:
            start = 0
            as_of = now if "as_of" not in paging else instant_of(paging["as_of"], zone=self._day_zone, now=now)
        values = questions.values_for(report, given, day_zone=self._day_zone, now=as_of)
        with closing(self._open_reader()) as reader:
            # The first page counts whatever is there, also records that the broker stamped a moment ahead of our clock.
            is_now = not cursor and "as_of" not in paging
            answer = questions.ask(reader, report, values, as_of=None if is_now else as_of, days=days)
        rows = replace(answer, rows=answer.rows[start : start + limit]).records
        is_last = start + limit >= len(answer.rows)
        return Page(answer.columns, rows, None if is_last else packed([start + limit, as_of.timestamp(), asked]))


def ours(report: questions.Report) -> tuple[str, ...]:
    """Return what may stand in the query of a report beside its own parameters."""
    own = {parameter.name for parameter in report.parameters}
    return tuple(name for name in PAGING if name not in own)


def _read(cursor: str, asked: str) -> tuple[int, datetime]:
    try:
        start, at, of = unpacked(cursor)
        if type(start) is not int or start < 0 or of != asked:
            raise ValueError
        return start, datetime.fromtimestamp(float(at), UTC)
    except (ValueError, TypeError, OverflowError, OSError):
        raise bad_parameter("cursor", "the `next` of the page before, with the same parameters") from None
