"""What the rules of alerts say, as values: which condition makes an alert from when on, and how receivers are told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas.records.alerts import AlertConditionNoted, AlertConditionReported, AlertSeverity
from streams.domain.alerts.hours import Hours


@dataclass(frozen=True, slots=True)
class AlertRule:
    """One rule. It is met from an instant on that follows from the condition.

    after_s         seconds since the condition began, in working hours where the rule names some
    before_due_s    seconds before its deadline; a condition without one does not meet the rule
    by_minute       of the first working day after it was last heard of; hours say which days work
    at_least_minor  by currency, what it must come to; None asks for no amount; others never meet
    at_least_items  of how many things it must be
    """

    name: str
    condition: str
    severity: AlertSeverity
    to: tuple[str, ...]
    title: str
    remedy: str
    runbook: str
    after_s: float = 0.0
    before_due_s: float | None = None
    by_minute: int | None = None
    at_least_minor: Mapping[str, int] | None = None
    at_least_items: int = 1
    hours: Hours | None = None

    def met_from(self, seen: AlertConditionReported | AlertConditionNoted) -> datetime | None:
        """Return from when on the rule is met if nothing changes; None if this condition never meets it."""
        if seen.condition != self.condition or not seen.holds or seen.item_count < self.at_least_items:
            return None
        if self.at_least_minor is not None:
            least = self.at_least_minor.get(seen.currency or "")
            if least is None or (seen.amount_minor or 0) < least:
                return None
        if self.before_due_s is not None:
            return None if seen.due_at is None else seen.due_at - timedelta(seconds=self.before_due_s)
        if self.by_minute is not None and self.hours is not None:
            return self.hours.next_day(seen.since_at, self.by_minute)
        if self.hours is not None:
            return self.hours.after(seen.since_at, self.after_s)
        return seen.since_at + timedelta(seconds=self.after_s)


@dataclass(frozen=True, slots=True)
class Receiver:
    """How one receiver is told. Units: seconds.

    by               ways: mail, webhook
    gather_s         how long a message waits for others to go with it
    every_s          least time between two messages that are not urgent
    urgent_every_s   the same for urgent ones: a flood makes one message
    hours            outside of these only urgent messages go out; None is always
    most_lines       alerts that one message lists; the others are counted
    """

    name: str
    by: tuple[str, ...]
    gather_s: float
    every_s: float
    urgent_every_s: float
    hours: Hours | None
    most_lines: int


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules in force; of two rules that are met, the more severe counts, and of equals the later one."""

    version: int
    rules: tuple[AlertRule, ...]
    receivers: Mapping[str, Receiver]

    def met(
        self, seen: AlertConditionReported | AlertConditionNoted, now: datetime
    ) -> tuple[AlertRule | None, datetime | None]:
        """Return the rule that a condition meets now, and when the next one may be met; None where there is none."""
        starts = [(rule.met_from(seen), rule) for rule in self.rules]
        met = [rule for start, rule in starts if start is not None and start <= now]
        later = [start for start, _ in starts if start is not None and start > now]
        best = max(enumerate(met), key=lambda one: (rank(one[1].severity), one[0]))[1] if met else None
        return best, min(later, default=None)


def rank(severity: AlertSeverity) -> int:
    """Return what orders severities; more is greater."""
    return list(AlertSeverity).index(severity)
