"""Which open item the money clears. The rules are in decider.py."""

from __future__ import annotations

from streams.domain.receivables.decider import INITIAL, Event, State, decide, evolve, route

__all__ = ["INITIAL", "Event", "State", "decide", "evolve", "route"]
