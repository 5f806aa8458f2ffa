"""How far a task has come: position, what it accepted of each upstream, and which keys are parked.

All of it follows from the journal alone. A local snapshot holds a copy and may be deleted at any time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from schemas.records.tasks import RulesAdopted
from schemas.wire.envelope import SourcePosition
from schemas.wire.highwater import HighWater, Lane
from streams.log.chain import NO_LINK, Link

LONGEST_ERROR = 300


@dataclass(slots=True)
class Progress:
    """Mutable while a batch is decided on a copy; the copy replaces the original once the journal is acknowledged.

    position     next inbox offset to decide
    journal_end  next journal offset to read
    last_rank    (offset, index) of the last journal record taken
    upstream     highest saldo-source accepted per upstream partition
    unjournaled  marks of `upstream` that moved since the last event, to be reported with the next one
    parked       key -> inbox offsets that wait, for an operator or for their time, oldest first
    held         keys of `parked` that are tried again by themselves
    failures     records parked in a row, without a decided one between
    first_failed inbox offset of the first of them and its error, cut short; None without failures
    link         the chain of the operator commands that were accepted (streams/log/chain.py)
    link_reported    the link that the journal's events tell already
    rules        the adoption of each rules name that is in force on this partition
    """

    position: int = 0
    journal_end: int = 0
    last_rank: tuple[int, int] = (-1, -1)
    upstream: HighWater = field(default_factory=HighWater)
    unjournaled: dict[Lane, SourcePosition] = field(default_factory=dict)
    parked: dict[bytes, tuple[int, ...]] = field(default_factory=dict)
    held: set[bytes] = field(default_factory=set)
    failures: int = 0
    first_failed: tuple[int, str] | None = None
    link: Link = NO_LINK
    link_reported: Link = NO_LINK
    rules: dict[str, RulesAdopted] = field(default_factory=dict)

    def copy(self) -> Progress:
        """Return a copy to decide a batch on."""
        return Progress(
            position=self.position,
            journal_end=self.journal_end,
            last_rank=self.last_rank,
            upstream=HighWater(self.upstream.marks.values()),
            unjournaled=dict(self.unjournaled),
            parked=dict(self.parked),
            held=set(self.held),
            failures=self.failures,
            first_failed=self.first_failed,
            link=self.link,
            link_reported=self.link_reported,
            rules=dict(self.rules),
        )

    def accept(self, source: SourcePosition | None) -> bool:
        """Return whether an inbox record is new, by its upstream's mark; remembers it for the next journal record."""
        if not self.upstream.accept(source):
            return False
        if source is not None:
            self.unjournaled[source.lane] = source
        return True

    def accepted(self, marks: Iterable[SourcePosition]) -> None:
        """Take over marks that a journal record tells."""
        for mark in marks:
            self.upstream.accept(mark)

    def park(self, key: bytes, offset: int) -> None:
        """Note one more waiting record of this key; one that waits already is noted anew."""
        if offset not in self.parked.get(key, ()):
            self.parked[key] = (*self.parked.get(key, ()), offset)

    def failed(self, offset: int, error: str) -> None:
        """Count one more record in a row that could not be decided."""
        self.failures += 1
        if self.first_failed is None:
            self.first_failed = offset, error[:LONGEST_ERROR]

    def succeeded(self) -> None:
        """End the run of bad records: one was decided, or an operator said so."""
        self.failures, self.first_failed = 0, None

    def hold(self, key: bytes, is_held: bool) -> None:
        """Set whether a parked key is tried again by itself."""
        if is_held:
            self.held.add(key)
        else:
            self.held.discard(key)

    def unpark(self, key: bytes, offset: int) -> None:
        """Note that a parked record was decided or given up; the key goes free with its last one."""
        rest = tuple(waiting for waiting in self.parked.get(key, ()) if waiting != offset)
        if rest:
            self.parked[key] = rest
        else:
            self.parked.pop(key, None)
            self.held.discard(key)

    def to_bytes(self) -> bytes:
        """Write it for the snapshot."""
        return msgspec.msgpack.encode(
            _Stored(
                position=self.position,
                journal_end=self.journal_end,
                last_rank=self.last_rank,
                upstream=[str(mark) for mark in self.upstream.marks.values()],
                unjournaled=[str(mark) for mark in self.unjournaled.values()],
                parked=list(self.parked.items()),
                held=sorted(self.held),
                failures=self.failures,
                first_failed=self.first_failed,
                link=str(self.link),
                link_reported=str(self.link_reported),
                rules=list(self.rules.values()),
            )
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Progress:
        """Read it from the snapshot; raises msgspec.MsgspecError or ValueError when it is none of ours."""
        stored = msgspec.msgpack.decode(data, type=_Stored)
        unjournaled = [SourcePosition.parse(mark) for mark in stored.unjournaled]
        return cls(
            position=stored.position,
            journal_end=stored.journal_end,
            last_rank=stored.last_rank,
            upstream=HighWater(SourcePosition.parse(mark) for mark in stored.upstream),
            unjournaled={mark.lane: mark for mark in unjournaled},
            parked=dict(stored.parked),
            held=set(stored.held),
            failures=stored.failures,
            first_failed=stored.first_failed,
            link=Link.parse(stored.link),
            link_reported=Link.parse(stored.link_reported),
            rules={adopted.rules_name: adopted for adopted in stored.rules},
        )


class _Stored(msgspec.Struct, kw_only=True):
    position: int
    journal_end: int
    last_rank: tuple[int, int]
    upstream: list[str]
    unjournaled: list[str]
    parked: list[tuple[bytes, tuple[int, ...]]]
    held: list[bytes] = []
    failures: int
    first_failed: tuple[int, str] | None = None
    link: str
    link_reported: str
    rules: list[RulesAdopted]
