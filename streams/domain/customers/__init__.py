"""Which vault customer is which customer of abas. The rules are in decider.py."""

from __future__ import annotations

from streams.domain.customers.decider import AGENT, INITIAL, Event, State, decide, evolve, reminder, route

__all__ = ["AGENT", "INITIAL", "Event", "State", "decide", "evolve", "reminder", "route"]
