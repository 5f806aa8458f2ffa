"""What is a currency worth on a day, and which payments wait for a rate? Decided one currency pair at a time."""

from __future__ import annotations

from streams.domain.rates.decider import INITIAL, Event, State, decide, evolve, route

__all__ = ["INITIAL", "Event", "State", "decide", "evolve", "route"]
