"""Settings of schedules: what runs when, in which zone, and how long it may take."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Final, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from pydantic import BaseModel, ConfigDict, Field, model_validator

# What may run without a person: it reads, or what it writes counts once however often it comes. So a run whose process
# was killed can simply be made again.
ALLOWED: Final = (
    ("report",),
    ("import",),
    ("topics", "export"),
    ("audit", "verify"),
    ("close-day",),
    ("risk", "backtest"),
    ("subscriptions", "dun"),
)
_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")
_FIELDS: Final = 5
_DAYS: Final = ("due_on", "day_before")


class OneSchedule(BaseModel):
    """One schedule.

    cron            when it is due: minute, hour, day, month, weekday; L for the last day, 5#2 for the second Friday
    zone            time zone of the expression, IANA
    command         the command of saldo that it runs, without the word saldo; {due_on} is the day on which the run was
                    due in that zone, {day_before} the day before it
    ends_within_s   a run that takes longer is ended, and reported
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    cron: str
    zone: str = "UTC"
    command: str
    ends_within_s: int = Field(default=3_600, ge=1)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(f"zone {self.zone!r} is no time zone; write one as America/New_York") from None
        if len(self.cron.split()) != _FIELDS:
            raise ValueError(f"cron {self.cron!r} has not five fields; write one as 30 6 * * *")
        try:
            CronSim(self.cron, datetime.now(UTC))
        except CronSimError as error:
            raise ValueError(f"cron {self.cron!r} is no cron expression ({error}); write one as 30 6 * * *") from None
        unknown = [name for name in _PLACEHOLDER.findall(self.command) if name not in _DAYS]
        if unknown:
            known = " and ".join(f"{{{name}}}" for name in _DAYS)
            raise ValueError(f"command has {{{unknown[0]}}}; known are {known}")
        words = self.words(date.min + timedelta(days=1))
        if not any(words[: len(allowed)] == allowed for allowed in ALLOWED):
            known = ", ".join(" ".join(allowed) for allowed in ALLOWED)
            raise ValueError(f"command {self.command!r} can't be scheduled; those that can begin with {known}")
        return self

    def words(self, due_on: date) -> tuple[str, ...]:
        """Return the words of the command for a run that is due on a day.

        Raises: ValueError naming quotes that do not close.
        """
        days = {"due_on": due_on.isoformat(), "day_before": (due_on - timedelta(days=1)).isoformat()}
        try:
            words = shlex.split(self.command)
        except ValueError as error:
            raise ValueError(f"command {self.command!r}: {error}") from None
        return tuple(_PLACEHOLDER.sub(lambda found: days[found[1]], word) for word in words)


class ScheduleSettings(BaseModel):
    """Schedules by name. The process that runs them is `saldo run schedules`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    named: Mapping[Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")], OneSchedule] = Field(
        default_factory=dict
    )
