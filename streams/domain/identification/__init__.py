"""Whose money it is. The rules are in decider.py."""

from __future__ import annotations

from streams.domain.identification.decider import INITIAL, Event, State, decide, evolve, route

__all__ = ["INITIAL", "Event", "State", "decide", "evolve", "route"]
