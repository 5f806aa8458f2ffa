"""What the engine answers: matches with their evidence, one-sided findings, lines left open with the reason.

Everything here is plain data that a file writer, an agent or a console can show without knowing how it was found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from reconcile.engine.lines import Orientation, Side


class Status(StrEnum):
    """CONFIRMED may be booked without a person; SUGGESTED waits for one."""

    CONFIRMED = "confirmed"
    SUGGESTED = "suggested"


class OneSidedKind(StrEnum):
    """Why a line needs no partner on the other side."""

    OFFSET = "offset"
    RETURN = "return"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class RunnerUp:
    """The next best answer for a match's lines, and how far behind it is (natural log of the odds)."""

    left_ids: tuple[str, ...]
    right_ids: tuple[str, ...]
    distance: float


@dataclass(frozen=True, slots=True)
class Match:
    """Lines of both sides that record the same event.

    Units:   difference_minor = sum of left - sum of right, in the left side's sign; 0 unless kind explains it.
    Ensures: parts sums to what was matched, one entry a (left, right) pair.
    """

    left_ids: tuple[str, ...]
    right_ids: tuple[str, ...]
    parts: tuple[tuple[str, str, int], ...]
    currency: str
    status: Status
    rule: str
    rules_version: str
    score: float
    margin: float
    difference_minor: int
    kind: str
    agrees: tuple[str, ...]
    differs: tuple[str, ...]
    runner_up: RunnerUp | None = None
    candidates: tuple[tuple[str, str], ...] = ()

    @property
    def id(self) -> str:
        """Derived from the lines it joins, so that the same finding has the same name in every run."""
        return f"{'+'.join(self.left_ids[:2])}~{'+'.join(self.right_ids[:2])}" + (
            f"~{len(self.left_ids)}x{len(self.right_ids)}" if len(self.left_ids) + len(self.right_ids) > 2 else ""
        )


@dataclass(frozen=True, slots=True)
class OneSided:
    """A line explained by another line of its own side.

    Ensures: for OFFSET and an unmatched original both lines are explained; for RETURN and DUPLICATE other_id may be
             matched across, since only id is the extra line.
    """

    side: Side
    id: str
    other_id: str
    kind: OneSidedKind
    status: Status
    rule: str
    rules_version: str
    score: float
    amount_minor: int
    currency: str
    agrees: tuple[str, ...] = ()
    differs: tuple[str, ...] = ()
    closes_other: bool = False


@dataclass(frozen=True, slots=True)
class Unmatched:
    """A line that stays open, why, and the closest line on the other side."""

    side: Side
    id: str
    amount_minor: int
    currency: str
    reason: str
    nearest: str = ""


@dataclass(frozen=True, slots=True)
class BridgeLine:
    """One row of the bridge between the two totals."""

    currency: str
    what: str
    count: int
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """All of one run.

    Ensures: each line is in exactly one of matches, one_sided (as id, or as other_id of an offset) and unmatched;
             for each currency left total - right total = sum of the bridge's rows, residual 0.
    """

    matches: tuple[Match, ...]
    one_sided: tuple[OneSided, ...]
    unmatched: tuple[Unmatched, ...]
    bridge: tuple[BridgeLine, ...]
    totals: Mapping[str, tuple[int, int]]
    orientation: Orientation
    rules_version: str
    rule_uses: Mapping[str, int]
    limits_hit: tuple[str, ...]

    def residual_minor(self, currency: str) -> int:
        """Return what the bridge leaves unexplained: 0, or the engine has lost a line."""
        left, right = self.totals[currency]
        return left - right - sum(row.amount_minor for row in self.bridge if row.currency == currency)
