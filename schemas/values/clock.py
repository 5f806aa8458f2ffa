"""The clock, and the ids that nobody can guess: where a program asks what time it is, and for a name that is new.

Everything that reads the wall clock, measures a wait or makes an id of its own does it here, so that whoever runs the
program decides whose time that is: the machine's, or the simulator's (docs/delivery.md, "The simulator"). The choice
holds for a context (contextvars), hence for all that is started in it. Rules read no clock at all.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Time and ids for one process."""

    def utc_now(self) -> datetime:
        """Return the wall clock, an aware UTC instant."""
        ...

    def monotonic_s(self) -> float:
        """Return seconds since some moment, never going back."""
        ...

    def new_uuid(self) -> uuid.UUID:
        """Return an id that was never given before."""
        ...


class MachineClock:
    """The clock of this machine."""

    def utc_now(self) -> datetime:
        """Return the wall clock."""
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        """Return the machine's monotonic clock."""
        return time.monotonic()

    def new_uuid(self) -> uuid.UUID:
        """Return a random id."""
        return uuid.uuid4()


_clock: ContextVar[Clock] = ContextVar("saldo_clock", default=MachineClock())  # noqa: B039 -- it holds nothing


def utc_now() -> datetime:
    """Return the wall clock, an aware UTC instant."""
    return _clock.get().utc_now()


def monotonic_s() -> float:
    """Return seconds since some moment, for measuring waits."""
    return _clock.get().monotonic_s()


def new_uuid() -> uuid.UUID:
    """Return an id that was never given before."""
    return _clock.get().new_uuid()


@contextmanager
def running_on(clock: Clock) -> Iterator[None]:
    """Give this clock to what runs inside the block, and to whatever is started there."""
    token = _clock.set(clock)
    try:
        yield
    finally:
        _clock.reset(token)
