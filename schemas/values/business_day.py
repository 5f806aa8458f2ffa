"""Which day is it for the merchant? The one place where an instant becomes a business day.

A business day is a calendar day in the zone of the merchant account (`paytrace.time_zone`). The edges know that zone
and write days into the records; the core reads days and knows no zone. A record of a foreign producer may leave a day
out; then PayTrace's own zone is used, because that is the zone in which PayTrace writes its clock texts by default.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from schemas.values.replacing import replace

if TYPE_CHECKING:
    from schemas.records.payments import TransactionObserved

PAYTRACE_ZONE: Final = ZoneInfo("America/Los_Angeles")


def business_day(instant: datetime, zone: ZoneInfo = PAYTRACE_ZONE) -> date:
    """Return the calendar day of an aware instant in a zone.

    At the ends of the calendar, where no zone reaches, in UTC.
    """
    try:
        return instant.astimezone(zone).date()
    except OverflowError:
        return instant.astimezone(UTC).date()


def with_days(seen: TransactionObserved, zone: ZoneInfo = PAYTRACE_ZONE) -> TransactionObserved:
    """Return the same observation with every day that follows from its instants; a day that it states is kept."""
    settled_on = seen.settled_on
    if settled_on is None and seen.settled_at is not None:
        settled_on = business_day(seen.settled_at, zone)
    return replace(
        seen,
        created_on=seen.created_on or business_day(seen.created_at, zone),
        settled_on=settled_on,
        observed_on=seen.observed_on or business_day(seen.observed_at, zone),
    )
