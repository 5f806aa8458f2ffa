"""Money that waits, as people share it: who looks after it, and comments. The rules are in decider.py."""

from __future__ import annotations

from streams.domain.cases.decider import AGENT, INITIAL, Event, State, decide, evolve, route

__all__ = ["AGENT", "INITIAL", "Event", "State", "decide", "evolve", "route"]
