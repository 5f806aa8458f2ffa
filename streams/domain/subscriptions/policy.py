"""What people have laid down about charging again, as one value that is handed into `decide`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from schemas.records.subscriptions import RunStatus


@dataclass(frozen=True, slots=True)
class Policy:
    """When a declined run is tried again, and how often a card may be.

    retry_after_days   from each soft decline to the next try, by the number of tries so far; then a person decides
    waits_for_dunning  whether tries again wait for a dunning run, or are made on the day they may be
    most_declines      declines of one card in a rolling window of declines_days, over all its payments
    blocks             statuses of a run for which abas is not to dun the customer
    charge_late_days   a run that nobody charged for so long (Saldo was away) is not charged unasked
    """

    version: int
    retry_after_days: tuple[int, ...]
    waits_for_dunning: bool
    most_declines: int
    declines_days: int
    charge_late_days: int
    blocks: frozenset[RunStatus] = frozenset()

    def within_cap(self, declines: Sequence[date], on: date) -> date:
        """Return the first day from a day on with room for one more decline; declines are given oldest first."""
        if len(declines) < self.most_declines:
            return on
        return max(on, declines[-self.most_declines] + timedelta(days=self.declines_days))

    @property
    def why_capped(self) -> str:
        """What is said where a try waits for room."""
        return (
            f"{self.most_declines} declines of this card within {self.declines_days} days are the most that the rules"
            f" dunning, version {self.version}, allow"
        )
