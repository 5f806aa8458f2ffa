"""Which deadlines need attention? All cases in one calendar, so that a day that begins is asked about once.

Time comes as records: `DayBegan`, and the day on which a deadline became known. Each threshold of the rules warns
once, and a day that passed is reported once. A case that is answered or over leaves the calendar.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, TypeAlias, assert_never

from schemas.records.disputes import DayBegan, DisputeDeadlineNear, DisputeDeadlinePassed, DisputeDeadlineSet
from schemas.values.business_day import business_day
from schemas.values.replacing import replace
from streams.domain.disputes.policy import Policy

CALENDAR = "deadlines"
CalendarEvent: TypeAlias = DisputeDeadlineSet | DayBegan | DisputeDeadlineNear | DisputeDeadlinePassed
_PASSED = -1
_ABOUT = (
    "calendar",
    "dispute_case",
    "settlement_account",
    "dispute_id",
    "stage",
    "reason_code",
    "paytrace_transaction_id",
    "amount_minor",
    "currency",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A case that must be answered. warned_days is the lowest threshold that was reported, -1 once the day passed."""

    reported: DisputeDeadlineSet
    warned_days: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """Cases that must be answered, by case, and the newest day known."""

    day: date | None = None
    watched: dict[str, Watched] = field(default_factory=dict)


def on_calendar(calendar: Calendar, record: DisputeDeadlineSet | DayBegan, policy: Policy) -> tuple[CalendarEvent, ...]:
    """Return what a deadline or a day changes, and the warnings that follow; () for what is known."""
    match record:
        case DisputeDeadlineSet():
            known = calendar.watched.get(record.dispute_case)
            if record.deadline_on is None and known is None:
                return ()
            if known is not None and replace(known.reported, occurred_at=record.occurred_at) == record:
                return ()
        case DayBegan():
            if calendar.day is not None and record.began_on <= calendar.day:
                return ()
        case _:
            assert_never(record)
    at = record.observed_at if isinstance(record, DayBegan) else record.occurred_at
    return (record, *_warnings(with_event(calendar, record), policy, at))


def with_event(calendar: Calendar, event: CalendarEvent) -> Calendar:
    """Remember one event; accepts any event in any state."""
    watched = calendar.watched
    match event:
        case DayBegan():
            return replace(calendar, day=_later(calendar.day, event.began_on))
        case DisputeDeadlineSet():
            day = _later(calendar.day, business_day(event.occurred_at))
            others = {case: one for case, one in watched.items() if case != event.dispute_case}
            if event.deadline_on is None:
                return replace(calendar, day=day, watched=others)
            known = watched.get(event.dispute_case)
            is_same = known is not None and known.reported.deadline_on == event.deadline_on
            warned = known.warned_days if known is not None and is_same else None
            return replace(
                calendar, day=day, watched={**others, event.dispute_case: Watched(reported=event, warned_days=warned)}
            )
        case DisputeDeadlineNear() | DisputeDeadlinePassed():
            known = watched.get(event.dispute_case)
            if known is None:
                return calendar
            warned = event.warn_days if isinstance(event, DisputeDeadlineNear) else _PASSED
            return replace(calendar, watched={**watched, event.dispute_case: replace(known, warned_days=warned)})
        case _:
            assert_never(event)


def _warnings(calendar: Calendar, policy: Policy, at: datetime) -> tuple[CalendarEvent, ...]:
    return tuple(event for one in calendar.watched.values() for event in _warning(one, calendar.day, policy, at))


def _warning(watched: Watched, day: date | None, policy: Policy, at: datetime) -> tuple[CalendarEvent, ...]:
    deadline = watched.reported.deadline_on
    if deadline is None or day is None or watched.warned_days == _PASSED:
        return ()
    about: dict[str, Any] = {name: getattr(watched.reported, name) for name in _ABOUT}
    about |= {"deadline_on": deadline, "occurred_at": at}
    left = (deadline - day).days
    if left < 0:
        return (DisputeDeadlinePassed(**about),)
    reached = min((days for days in policy.warn_days if left <= days), default=None)
    if reached is None or (watched.warned_days is not None and watched.warned_days <= reached):
        return ()
    return (DisputeDeadlineNear(days_left=left, warn_days=reached, **about),)


def _later(known: date | None, day: date) -> date:
    return day if known is None else max(known, day)
