"""How long something that was sent without an answer may still show: one bounded idea of waiting, for every sink.

Protects against the second document and the second refund. A lost answer says nothing, and neither does a search that
shows nothing yet: the other side may still be at work, or its index may lag behind what it saved. So whoever is in
doubt looks, again and again, until `wait_s` is over since the doubt began, and sends nothing in that time. What follows
then (send again where the other side takes it once, else leave it to a person) is the sink's own rule.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Doubt:
    """What is known of an effect that may have been brought about already.

    since    when the newest attempt was claimed, by the clock of the process that claimed it
    by       that process, as an operator would look for it
    is_saved whether the other side said that it saved
    permits  what allowed the attempts so far; an operator's replay allows one
    latest   place of the newest claim among all claims of its partition
    """

    since: datetime
    by: str
    is_saved: bool
    permits: frozenset[str]
    latest: int


class OutcomeWait:
    """Since when each reference is in doubt, and whether its time is over. One per sink.

    Kept in memory: after a restart the wait begins at the time that a claim tells, or anew where there is none, so it
    may be longer than `wait_s` and is never shorter.
    """

    def __init__(self, wait_s: float, now: Callable[[], datetime]) -> None:
        """Bind the wait, in seconds, to a clock that tells aware instants."""
        self.wait_s = wait_s
        self._now = now
        self._since: dict[str, datetime] = {}
        self._claimed: dict[str, datetime] = {}

    def begin(self, reference: str, since: datetime | None = None) -> None:
        """Put it in doubt since then, or since now; a known doubt keeps its begin, unless a later one is reported.

        A time ahead of our clock counts as now, once: another's wrong clock must not make the wait endless.
        """
        if reference in self._since and since in (None, self._claimed.get(reference)):
            return
        now = self._now()
        if since is not None:
            self._claimed[reference] = since
        self._since[reference] = max(self._since.get(reference, _NEVER), now if since is None else min(since, now))

    def is_in_doubt(self, reference: str) -> bool:
        """Return whether its outcome is looked for, however long already."""
        return reference in self._since

    def begin_anew(self, reference: str) -> None:
        """Begin the wait now: it was sent once more, and the answer was lost again."""
        self._since[reference] = self._now()

    def may_still_show(self, reference: str) -> bool:
        """Return whether it is in doubt and its time is not over: look, and send nothing."""
        return self.left_s(reference) > 0

    def left_s(self, reference: str) -> float:
        """Return seconds until its time is over; 0 when it is over, or when it is not in doubt."""
        since = self._since.get(reference)
        if since is None:
            return 0.0
        return max(0.0, (since + timedelta(seconds=self.wait_s) - self._now()).total_seconds())

    def end(self, reference: str) -> None:
        """End the doubt: its outcome is known."""
        self._since.pop(reference, None)
        self._claimed.pop(reference, None)
