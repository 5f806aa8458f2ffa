"""fct_schedule_runs: what was run when by a schedule of the settings, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from projections.messages.coordinates import Coordinates
from projections.tables.columns import Number, Word
from projections.tables.table import FactTable
from schemas.records.schedules import ScheduleDefined, ScheduleRunBegun, ScheduleRunEnded

SCHEDULE_RECORDS = (ScheduleDefined, ScheduleRunBegun, ScheduleRunEnded)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleRunRow:
    """Each schedule as the settings named it, each beginning and each end of a run."""

    record_type: Word
    schedule: Word
    due_at: Annotated[datetime | None, "null of a definition"]
    attempt: Number
    cron: Annotated[Word, "empty of a run"]
    zone: Annotated[Word, "empty of a run"]
    command: str
    is_dropped: Annotated[int, "1 where the settings do not name it any more"]
    missed_count: Annotated[int, "due times before this one that passed unseen"]
    outcome: Annotated[Word, "empty of a beginning"]
    exit_code: int | None
    detail: str
    begun_by: str
    occurred_at: datetime


def project(record: Any, at: Coordinates) -> tuple[ScheduleRunRow, ...]:
    """Return one row for each."""
    begun = record if isinstance(record, ScheduleRunBegun) else None
    ended = record if isinstance(record, ScheduleRunEnded) else None
    defined = record if isinstance(record, ScheduleDefined) else None
    run = begun or ended
    return (
        ScheduleRunRow(
            record_type=type(record).__name__,
            schedule=record.schedule,
            due_at=run.due_at if run else None,
            attempt=run.attempt if run else 0,
            cron=defined.cron if defined else "",
            zone=defined.zone if defined else "",
            command=record.command if not isinstance(record, ScheduleRunEnded) else "",
            is_dropped=int(defined.is_dropped) if defined else 0,
            missed_count=begun.missed_count if begun else 0,
            outcome=ended.outcome.value if ended else "",
            exit_code=ended.exit_code if ended else None,
            detail=ended.detail if ended else "",
            begun_by=begun.begun_by if begun else "",
            occurred_at=record.occurred_at,
        ),
    )


TABLE = FactTable(
    name="fct_schedule_runs",
    row=ScheduleRunRow,
    order_by=("schedule",),
    reads=SCHEDULE_RECORDS,
    project=project,
)
