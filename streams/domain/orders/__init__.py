"""Orders of shops: what each is by the last facts that could be taken. The rules are in decider.py."""

from __future__ import annotations

from streams.domain.orders.decider import INITIAL, Event, State, decide, evolve, route

__all__ = ["INITIAL", "Event", "State", "decide", "evolve", "route"]
