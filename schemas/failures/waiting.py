"""How long another side may make us wait: what its Retry-After asks for, and what of it we grant.

For every client and loop that talks to somebody else. A server's header is a request and no order: one that names a day
must not stop the money for a day, and whoever waits says so.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from schemas.values.clock import monotonic_s, utc_now

# 5 min: a side that asks for a day is still asked 288 times in it, which troubles nobody, and money is late by 5 min at
# most once it is back. Twelve missed polls of 5 s would be noticed by a person at about the same time.
LONGEST_WAIT_S: Final = 300.0
# What the setting may be raised to. Beyond an hour a payment of the morning is not in the books by noon.
MOST_WAIT_S: Final = 3_600.0
# What a call waits for by itself, where nobody sees it: one poll's pause. A longer wait is handed to the caller, which
# shows it (a poll that pauses, a task that waits).
IN_PLACE_S: Final = 5.0
# "For ever" as far as we are concerned; a number of 309 digits would overflow a float.
_FOREVER_S: Final = 100 * 366 * 86_400.0
_MOST_DIGITS: Final = 12

_SECONDS = re.compile(r"(-?)([0-9]+)(\.[0-9]*)?", re.ASCII)


def asked_wait_s(retry_after: str | None, *, date: str | None = None) -> float | None:
    """Return seconds that a Retry-After header asks for, not bounded yet; None when it says nothing that can be read.

    Shapes:  a number of seconds ("120", "120.5"), or an HTTP date. A date is counted from the `Date` header of the same
             answer where there is one, because the other side's clock may be days from ours.
    Ensures: finite and not negative: a negative number and a date in the past ask for nothing, 0.
    """
    if retry_after is None:
        return None
    text = retry_after.strip()
    if (number := _SECONDS.fullmatch(text)) is not None:
        if number[1]:
            return 0.0
        return _FOREVER_S if len(number[2].lstrip("0")) > _MOST_DIGITS else min(float(text), _FOREVER_S)
    when = _instant(text)
    if when is None:
        return None
    now = _instant(date) or utc_now()
    return min(max(0.0, (when - now).total_seconds()), _FOREVER_S)


def asked_and_granted_s(headers: Mapping[str, str], longest_s: float) -> tuple[float | None, float | None]:
    """Return seconds that an answer asks for by its Retry-After, and what of them we grant; None where it asks nothing.

    Shapes: headers by name, in whatever case their mapping takes.
    """
    asked_s = asked_wait_s(headers.get("retry-after"), date=headers.get("date"))
    return asked_s, None if asked_s is None else bounded_wait_s(asked_s, longest_s)


def bounded_wait_s(asked_s: float | None, longest_s: float = LONGEST_WAIT_S) -> float:
    """Return what we grant of it, in seconds; 0 when nothing usable was asked for."""
    if asked_s is None or math.isnan(asked_s) or asked_s <= 0:
        return 0.0
    return min(asked_s, longest_s, MOST_WAIT_S)


def seconds_in_words(seconds: float) -> str:
    """Put seconds into words: "600 s", "27.8 hours", "longer than a year"."""
    if seconds > 366 * 86_400:
        return "longer than a year"
    if seconds > 48 * 3_600:
        return f"{seconds / 86_400:.1f} days"
    if seconds >= 2 * 3_600:
        return f"{seconds / 3_600:.1f} hours"
    return f"{seconds:.3g} s" if seconds < 10 else f"{seconds:.0f} s"


@dataclass(frozen=True, slots=True)
class Ask:
    """What one answer asked for. Units: seconds; `granted_s` is bounded, `at` is when it was asked."""

    asked_s: float
    granted_s: float
    at: datetime

    def in_words(self) -> str:
        """Put it into words, the same for as long as this ask holds, so that a log can tell one wait from the next."""
        until = f"{self.at:%Y-%m-%dT%H:%M:%SZ}"
        bound = "" if self.granted_s >= self.asked_s else f", bounded to {seconds_in_words(self.granted_s)}"
        return f"it asked at {until} to be left alone for {seconds_in_words(self.asked_s)}{bound}"


class Pause:
    """Keeps calls from one party for as long as it asked, within bounds; shared by all calls of one client."""

    def __init__(self, longest_s: float = LONGEST_WAIT_S, *, clock: Callable[[], float] = monotonic_s) -> None:
        self._longest_s = longest_s
        self._clock = clock
        self._until = -math.inf
        self._ask: Ask | None = None

    def ask(self, retry_after: str | None, *, date: str | None = None) -> Ask | None:
        """Take up what an answer asked for; None when it asked for nothing."""
        asked_s = asked_wait_s(retry_after, date=date)
        if asked_s is None:
            return None
        ask = Ask(asked_s, bounded_wait_s(asked_s, self._longest_s), utc_now())
        until = self._clock() + ask.granted_s
        if until > self._until:
            self._until, self._ask = until, ask
        return ask

    def running(self) -> tuple[Ask, float] | None:
        """Return the ask that still holds and the seconds that are left of it; None when calls may go out."""
        left_s = self._until - self._clock()
        return (self._ask, left_s) if self._ask is not None and left_s > 0 else None


def _instant(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    try:
        return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
