"""Says that a business day began: until then time stands still for the deadlines of disputes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from schemas.records.disputes import DayBegan
from schemas.values.business_day import business_day
from schemas.values.clock import utc_now
from streams.domain.disputes.calendar import CALENDAR
from streams.edges.ports import Observation

NAME = "days"


async def poll(zone: ZoneInfo, now: Callable[[], datetime] = utc_now) -> AsyncIterator[Observation]:
    """Yield the day that runs in this zone; a publisher tells it once."""
    instant = now()
    yield "day", (DayBegan(calendar=CALENDAR, began_on=business_day(instant, zone), observed_at=instant),)
