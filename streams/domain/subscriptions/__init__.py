"""Which runs of subscriptions are expected, what became of each, and when is one charged again?

All subscriptions of one vault customer are one key, since their payments name nothing else.
"""

from __future__ import annotations

from streams.domain.subscriptions.decider import INITIAL, State, decide, evolve, route

__all__ = ["INITIAL", "State", "decide", "evolve", "route"]
