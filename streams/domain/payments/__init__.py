"""What PayTrace's observations of a transaction prove. The rules are in decider.py."""

from __future__ import annotations

from streams.domain.payments.decider import INITIAL, Event, State, decide, evolve, route

__all__ = ["INITIAL", "Event", "State", "decide", "evolve", "route"]
