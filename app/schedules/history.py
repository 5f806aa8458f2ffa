"""What the topic says of schedules and their runs: how far each was run, and which run is open. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from app.settings.schedules import OneSchedule
from schemas.records.schedules import ScheduleDefined, ScheduleRunBegun, ScheduleRunEnded

Entry = ScheduleDefined | ScheduleRunBegun | ScheduleRunEnded


@dataclass
class Schedule:
    """One schedule. Shapes: begun has the first beginning of each attempt of the newest due time, with its offset."""

    defined: ScheduleDefined | None = None
    due_at: datetime | None = None
    begun: dict[int, tuple[int, ScheduleRunBegun]] = field(default_factory=dict)
    ended: ScheduleRunEnded | None = None

    @property
    def run_up_to(self) -> datetime | None:
        """The instant up to which nothing is owed: the newest due time that was begun, or when it was defined."""
        known = [at for at in (self.due_at, self.defined.occurred_at if self.defined else None) if at is not None]
        return max(known, default=None)

    @property
    def open_run(self) -> ScheduleRunBegun | None:
        """The newest attempt of a run that has not ended."""
        if not self.begun or self.ended is not None:
            return None
        return self.begun[max(self.begun)][1]

    def is_defined_as(self, wanted: OneSchedule) -> bool:
        """Return whether it is known as the settings name it."""
        known = self.defined
        return (
            known is not None
            and not known.is_dropped
            and (known.cron, known.zone, known.command, known.ends_within_s)
            == (wanted.cron, wanted.zone, wanted.command, wanted.ends_within_s)
        )


class History:
    """Every schedule that the topic knows."""

    def __init__(self) -> None:
        self.schedules: dict[str, Schedule] = {}

    def take(self, offset: int, entry: Entry) -> None:
        """Take in a record of the topic, in the order of its partition. One that says nothing new changes nothing."""
        known = self.schedules.setdefault(entry.schedule, Schedule())
        if isinstance(entry, ScheduleDefined):
            known.defined = entry
            return
        if known.due_at is not None and entry.due_at < known.due_at:
            return
        if entry.due_at != known.due_at:
            known.due_at, known.begun, known.ended = entry.due_at, {}, None
        if isinstance(entry, ScheduleRunBegun):
            known.begun.setdefault(entry.attempt, (offset, entry))
        else:
            known.ended = entry
