"""What reaches disputes without a person: each new day, and the reports that somebody puts into a watched folder.

Polled as a source is: what was published is remembered by its digest, so a file that lies there is published once,
and a day once. A file is on its topic before its facts are.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from reconcile.files.disputes import DisputeProfile, read_disputes
from reconcile.files.errors import BadRow, FileUnreadable
from schemas.failures import Unreadable
from schemas.records.disputes import DayBegan
from schemas.values.business_day import business_day
from schemas.values.clock import utc_now
from streams.domain.disputes.calendar import CALENDAR
from streams.edges.ports import Observation

NAME = "disputes"
FOLDER = "folder"
_SHOWN = 5
_HIDDEN = (".", "~")  # a file that another program is still writing, by the usual names


class DisputeSource:
    """Polls the clock and a folder. publish writes observations and returns once they are durable."""

    def __init__(
        self,
        publish: Callable[[Sequence[Observation]], Coroutine[Any, Any, object]],
        *,
        folder: Path | None,
        merchant: str,
        currency: str,
        zone: ZoneInfo,
        profile: DisputeProfile,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._publish = publish
        self._folder = folder
        self._merchant, self._currency, self._zone = merchant, currency, zone
        self._profile = profile
        self._now = now
        self._kept: set[str] = set()
        self._left_out: dict[str, str] = {}

    @property
    def not_read(self) -> tuple[str, ...]:
        """What of the folder was left out, one text for each file."""
        return tuple(self._left_out.values())

    async def poll(self) -> AsyncIterator[Observation]:
        """Yield the day, then the facts of each file.

        Raises: Unreadable naming a folder that is none.
        """
        now = self._now()
        yield "day", (DayBegan(calendar=CALENDAR, began_on=business_day(now, self._zone), observed_at=now),)
        if self._folder is None:
            return
        if not self._folder.is_dir():
            raise Unreadable(f"{self._folder} is no folder; correct SALDO_DISPUTES_FOLDER, or make it")
        self._left_out = {}
        for path in sorted(self._folder.iterdir()):
            if path.is_file() and not path.name.startswith(_HIDDEN):
                async for observation in self._of_file(path, now):
                    yield observation

    async def _of_file(self, path: Path, now: datetime) -> AsyncIterator[Observation]:
        try:
            found = read_disputes(path, self._merchant, self._currency, now, self._profile, origin=FOLDER)
        except (FileUnreadable, OSError) as error:
            self._left_out[path.name] = str(error)
            return
        if found.bad:
            self._left_out[path.name] = _left_out(path, found.bad)
        if found.digest not in self._kept:
            await self._publish([(f"file/{found.digest}", found.received)])
            self._kept.add(found.digest)
        yield f"facts/{found.digest}", found.facts


def _left_out(path: Path, bad: Sequence[BadRow]) -> str:
    rows = "; ".join(f"line {row.line}: {row.reason}" for row in bad[:_SHOWN])
    more = f"; and {len(bad) - _SHOWN} more" if len(bad) > _SHOWN else ""
    return f"{path.name}: {rows}{more}"
