"""What PayTrace's observations of a transaction prove. The rules are in decider.py."""

from __future__ import annotations

from streams.domain.payments.decider import INITIAL, decide, route
from streams.domain.payments.evolving import evolve
from streams.domain.payments.state import Event, State

__all__ = ["INITIAL", "Event", "State", "decide", "evolve", "route"]
