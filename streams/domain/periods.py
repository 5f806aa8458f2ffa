"""What becomes of a document whose period the ERP has closed: the next period, one by one, up to the running one.

An ERP says that a period is closed and not which is open, so the next one is tried; no document is dated ahead.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from schemas.values.business_day import business_day

PARKED_REMEDY = "reopen the period and post again, or adopt a mapping with closed_period: redate for this kind"


def redated_to(choice: str, refused_on: date, at: datetime) -> date | None:
    """Return the day that a document is asked for again whose period is closed; None if it waits for a person.

    choice is the mapping's for its kind. at is when the ERP refused refused_on.
    """
    return None if choice == "park" else next_period(refused_on, business_day(at))


def next_period(refused_on: date, today: date) -> date | None:
    """Return the first day of the month after a posting date that was refused; None if that lies ahead of today."""
    # Every month has fewer than 32 days, so this is always in the next one.
    first = (refused_on.replace(day=1) + timedelta(days=32)).replace(day=1)
    return first if first <= today else None
