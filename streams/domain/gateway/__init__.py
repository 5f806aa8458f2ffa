"""Which payment requests of abas may be carried out. The rules are in decider.py."""

from __future__ import annotations

from streams.domain.gateway.decider import INITIAL, Event, State, decide, evolve, route

__all__ = ["INITIAL", "Event", "State", "decide", "evolve", "route"]
