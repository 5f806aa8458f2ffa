"""Where does each dispute stand, and what does it take? Decided one case at a time, by its last fact (case.py)."""

from __future__ import annotations

from streams.domain.disputes.decider import INITIAL, State, decide, evolve, route

__all__ = ["INITIAL", "State", "decide", "evolve", "route"]
