"""Alerts: who is told of what, and when. The rules are in decider.py."""

from __future__ import annotations

from streams.domain.alerts.decider import AGENT, INITIAL, State, decide, evolve, route

__all__ = ["AGENT", "INITIAL", "State", "decide", "evolve", "route"]
