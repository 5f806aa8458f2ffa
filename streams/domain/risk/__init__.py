"""Which payments look like trouble, by rules that people own: may each go on? The rules are in decider.py."""

from __future__ import annotations

from streams.domain.risk.decider import INITIAL, State, decide, evolve, route

__all__ = ["INITIAL", "State", "decide", "evolve", "route"]
