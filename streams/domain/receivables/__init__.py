"""Which open item the money clears. The rules are in decider.py; what people own of them is in policy.py."""

from __future__ import annotations

from streams.domain.receivables.account import INITIAL, State
from streams.domain.receivables.changes import Event, evolve
from streams.domain.receivables.decider import decide, reminder, route

__all__ = ["INITIAL", "Event", "State", "decide", "evolve", "reminder", "route"]
