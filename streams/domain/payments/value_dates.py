"""On which business day did the money move? The rule for the value date of each fact, for the payments context.

A value date is a day in the merchant's zone that PayTrace states; only where PayTrace states none is it the day on
which the fact was seen. PayTrace dates creation and settlement, and no capture, void or change of an amount:

| fact                              | value date                                                                    |
|-----------------------------------|-------------------------------------------------------------------------------|
| capture of a sale                 | day of creation                                                               |
| bank transfer                     | day on which the bank booked it                                               |
| capture of an authorization       | settle date, else the day on which it was seen captured                       |
| ACH debit cleared                 | settle date, else the day on which it was seen cleared                        |
| another captured amount           | the day of its capture, which it corrects                                     |
| refund                            | day of creation of the refund transaction                                     |
| void by the AVS or CSC rule       | day of creation: the rule voids at once                                       |
| decline                           | day of creation                                                               |
| void, failed refund               | the day on which it was seen                                                  |
| return of ACH or a bank transfer  | return day where the source says one, else the day on which it was seen       |

Bounds: never before the creation, a reversal never before the money that it reverses, and never after the business
day of the observation. A day of PayTrace that lies after that (a clock ahead of ours) is cut to it, one from before
PayTrace existed is taken as not stated; both are reported as contradictions, and the texts stay in raw_created,
raw_settled and raw. Why: docs/adr/0032-value-dates.md.
"""

from __future__ import annotations

from datetime import date, timedelta

from schemas.records.payments import TransactionKind, TransactionObserved, TransactionStatus
from schemas.values.business_day import business_day, with_days

# A sale and a refund move money at once; what else is captured or cleared does so on a later day.
_AT_CREATION = frozenset(
    {TransactionKind.SALE, TransactionKind.REFUND, TransactionKind.ACH_REFUND, TransactionKind.BANK_TRANSFER}
)
# What ends a payment on the day of its creation.
_AT_ONCE = frozenset({TransactionStatus.VOIDED_BY_RULE, TransactionStatus.DECLINED})
# No two zones of the world are further apart, so a day and an instant that belong together are not either.
_ONE_DAY = timedelta(days=1)
# PayTrace opened in 2004, so an earlier day is a slip of whoever wrote it.
_FIRST_DAY = date(2004, 1, 1)


class Days:
    """The days that one observation states, each in the merchant's zone and none after the day it was seen."""

    __slots__ = ("_created_on", "_returned_on", "_seen", "_settled_on", "_stated", "observed_on")

    def __init__(self, seen: TransactionObserved) -> None:
        dated = with_days(seen)
        self._seen = seen
        self.observed_on: date = dated.observed_on or business_day(seen.observed_at)
        self._stated = {"created": dated.created_on, "settled": dated.settled_on, "returned": dated.returned_on}
        self._created_on: date = _plausible(dated.created_on) or self.observed_on
        self._settled_on = _plausible(dated.settled_on)
        self._returned_on = _plausible(dated.returned_on)

    def money_on(self) -> date:
        """Value date of the capture, the cleared debit or the refund that this observation proves."""
        if self._seen.kind in _AT_CREATION:
            return self._bounded(self._created_on)
        return self._bounded(self._settled_on or self.observed_on)

    def ended_on(self) -> date:
        """Value date of the void, return, decline or failure that this observation proves."""
        if self._seen.status in _AT_ONCE:
            return self._bounded(self._created_on)
        if self._seen.status in (TransactionStatus.ACH_RETURNED, TransactionStatus.BANK_RETURNED):
            return self._bounded(self._returned_on or self.observed_on)
        return self.observed_on

    def settled_on(self) -> date:
        """Settle date, else the day on which it was seen settled."""
        return self._bounded(self._settled_on or self.observed_on)

    def doubts(self) -> tuple[str, ...]:
        """Return what cannot be true of these days, in words for a person; the same words whenever it is seen."""
        doubts: list[str] = []
        for name, day in self._stated.items():
            if day is not None and day > self.observed_on:
                doubts.append(f"{name} on {day}, which had not come when it was seen")
            if day is not None and day < _FIRST_DAY:
                doubts.append(f"{name} on {day}, before PayTrace existed")
        if self._settled_on is not None and self._settled_on < self._created_on <= self.observed_on:
            doubts.append(f"settled on {self._settled_on}, before it was created on {self._created_on}")
        for name, day, instant in (
            ("created", self._seen.created_on, self._seen.created_at),
            ("settled", self._seen.settled_on, self._seen.settled_at),
        ):
            if day is not None and instant is not None and abs(day - instant.date()) > _ONE_DAY:
                doubts.append(f"{name} on {day} and at {instant.isoformat(timespec='seconds')}")
        return tuple(doubts)

    def _bounded(self, day: date) -> date:
        return min(max(day, self._created_on), self.observed_on)


def _plausible(day: date | None) -> date | None:
    return None if day is None or day < _FIRST_DAY else day


def reversed_on(ended_on: date, money_on: date | None) -> date:
    """Value date of a reversal: the day on which it ended, never before the money that it reverses."""
    return ended_on if money_on is None else max(ended_on, money_on)
