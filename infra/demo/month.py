"""A month of trading: four days of payments, a week apart, and what follows of them on later days.

The sandboxes' clocks are moved from day to day, so value dates, batches, deposits and the age of what is open are
those of a month, though it plays in a minute. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from infra.demo.plan import Day, plan_day, with_foreign_invoice
from infra.demo.processor import Stage

TRADING_DAYS = 4
WEEK = timedelta(days=7)
# What happens to the disputes, which are of payments of the first day, by the trading day; numbers as they were opened.
DISPUTED = 3
# On which trading day, from 0, a customer pays in another currency, and of which day's deposit a fee is told later.
FOREIGN_DAY, LATE_FEE_DAY = 1, 2
STAGES: Mapping[int, Sequence[tuple[int, Stage]]] = {
    1: ((0, Stage.OPENED), (1, Stage.OPENED)),
    2: ((0, Stage.DEFENDED), (2, Stage.OPENED)),
    3: ((0, Stage.WON), (0, Stage.CREDITED), (1, Stage.LOST)),
}
# So the first trading day lies in an earlier month than today, whose books are closed at the end.
_LAST_TRADING = timedelta(days=11)
_NOON = time(12)


@dataclass(frozen=True, slots=True)
class Trading:
    """One trading day: what is made on it, and noon of it in the merchant's zone."""

    noon: datetime
    day: Day


def plan_month(seed: int, payments: int, *, now: datetime, zone: ZoneInfo, label: str) -> Sequence[Trading]:
    """Plan four trading days that end some days before now.

    Shapes:  payments are those of the whole month, spread evenly; at least 20 a day are wanted for every course.
    Ensures: no trading day lies on a weekend; invoices of two days differ in their label; one payment of the first day
             pays an invoice in another currency.
    """
    last = (now - _LAST_TRADING).astimezone(zone).date()
    last -= timedelta(days=max(0, last.weekday() - 4))
    each = payments // TRADING_DAYS
    month = []
    for number in range(TRADING_DAYS):
        on = last - WEEK * (TRADING_DAYS - 1 - number)
        of_day = f"{label}{number + 1}"
        more = payments % TRADING_DAYS if number == 0 else 0
        day = plan_day(seed * TRADING_DAYS + number, each + more, label=of_day)
        if number == 0:
            day = with_foreign_invoice(day, of_day)
        month.append(Trading(datetime.combine(on, _NOON, zone), day))
    return tuple(month)
