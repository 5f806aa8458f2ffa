"""A month of trading: four days of payments, a week apart, and what follows of them on later days.

The sandboxes' clocks are moved from day to day, so value dates, batches, deposits and the age of what is open are
those of a month, though it plays in a minute. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from infra.demo.plan import Day, plan_day

TRADING_DAYS = 4
WEEK = timedelta(days=7)
# The last trading day lies so far back that its deposit and what comes back of it fall before today.
_LAST_TRADING = timedelta(days=5)
_NOON = time(12)


@dataclass(frozen=True, slots=True)
class Trading:
    """One trading day: what is made on it, and noon of it in the merchant's zone."""

    noon: datetime
    day: Day


def plan_month(seed: int, payments: int, *, now: datetime, zone: ZoneInfo, label: str) -> Sequence[Trading]:
    """Plan four trading days that end some days before now.

    Shapes:  payments are those of the whole month, spread evenly; at least 20 a day are wanted for every course.
    Ensures: no trading day lies on a weekend; invoices of two days differ in their label.
    """
    last = (now - _LAST_TRADING).astimezone(zone).date()
    last -= timedelta(days=max(0, last.weekday() - 4))
    each = payments // TRADING_DAYS
    return tuple(
        Trading(
            datetime.combine(last - WEEK * (TRADING_DAYS - 1 - number), _NOON, zone),
            plan_day(
                seed * TRADING_DAYS + number,
                each + (payments % TRADING_DAYS if number == 0 else 0),
                label=f"{label}{number + 1}",
            ),
        )
        for number in range(TRADING_DAYS)
    )
