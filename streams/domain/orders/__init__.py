"""Orders of shops, from the shop to the sales order and back. The rules are in decider.py."""

from __future__ import annotations

from streams.domain.orders.decider import AGENT, INITIAL, Event, State, decide, evolve, reminder, route

__all__ = ["AGENT", "INITIAL", "Event", "State", "decide", "evolve", "reminder", "route"]
