"""Which open item the money clears. The rules are in decider.py; what people own of them is in policy.py."""

from __future__ import annotations

from schemas.records.by_topic import ReceivablesInbox
from streams.domain.receivables import decider, policy
from streams.domain.receivables.account import INITIAL, State
from streams.domain.receivables.changes import Event, evolve
from streams.domain.receivables.decider import route

__all__ = ["INITIAL", "Event", "State", "decide", "evolve", "route"]


def decide(state: State, record: ReceivablesInbox) -> tuple[Event, ...]:
    """Decide one record under the rules and limits that come with Saldo."""
    return decider.decide(state, record, policy.shipped())
