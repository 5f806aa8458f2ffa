"""Four eyes: what waits for a second person. The rules are in decider.py."""

from __future__ import annotations

from streams.domain.approvals.decider import AGENT, INITIAL, Event, State, decide, evolve, route

__all__ = ["AGENT", "INITIAL", "Event", "State", "decide", "evolve", "route"]
