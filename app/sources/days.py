"""Says that a business day began: until then time stands still for deadlines of disputes and for subscriptions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from schemas.records.disputes import DayBegan
from schemas.records.subscriptions import SubscriptionDayBegan
from schemas.values.business_day import business_day
from schemas.values.clock import utc_now
from streams.domain.disputes.calendar import CALENDAR
from streams.domain.subscriptions.decider import CALENDAR as SUBSCRIPTIONS
from streams.edges.ports import Observation

NAME = "days"


async def poll(zone: ZoneInfo, now: Callable[[], datetime] = utc_now) -> AsyncIterator[Observation]:
    """Yield the day that runs in this zone; a publisher tells it once."""
    instant = now()
    day = business_day(instant, zone)
    yield (
        "day",
        (
            DayBegan(calendar=CALENDAR, began_on=day, observed_at=instant),
            SubscriptionDayBegan(calendar=SUBSCRIPTIONS, began_on=day, observed_at=instant),
        ),
    )
