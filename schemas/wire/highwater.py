"""Once is enough: the rule by which every reader drops what it has already accepted.

A record written by a task carries `saldo-source`. Per source partition (its lane) these positions only rise, and what
is written twice, after a crash or by a paused worker that wakes up late, is the same record again. So a reader keeps
the highest position it accepted per lane and takes only what lies above it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from schemas.wire.envelope import SourcePosition

Lane = tuple[str, int]


class HighWater:
    """Highest position accepted per lane, for one partition that is being read."""

    def __init__(self, marks: Iterable[SourcePosition] = ()) -> None:
        self._marks: dict[Lane, SourcePosition] = {}
        for mark in marks:
            self.accept(mark)

    def accept(self, position: SourcePosition | None) -> bool:
        """Return whether this record is new; if so, the mark moves up to it.

        A record without a position (from a source or a foreign producer) is always new here; its event id tells.
        """
        if position is None:
            return True
        mark = self._marks.get(position.lane)
        if mark is not None and position.rank <= mark.rank:
            return False
        self._marks[position.lane] = position
        return True

    @property
    def marks(self) -> Mapping[Lane, SourcePosition]:
        """The highest accepted position per lane."""
        return self._marks
