"""What a task computes, bound to one inbox and one journal: a decider (pure) or an effect (acts on the outside)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from schemas.records import Record
from schemas.records.tasks import ParkedRecordDiscarded, RecordParked
from schemas.topic import Topic
from streams.tasks.rules import RulesUsed

S = TypeVar("S")
R = TypeVar("R", bound=Record)
E = TypeVar("E", bound=Record)


class RoutedRecord(Protocol):
    """A record for another inbox, as `route` names it; the key follows from the topic's YAML."""

    @property
    def topic(self) -> str:
        """Inbox that it is for."""
        ...

    @property
    def record(self) -> Record:
        """The record itself."""
        ...

    @property
    def partition(self) -> int | None:
        """Where it goes; None is the partition of its key."""
        ...


def no_reminder(_state: Any, _at: datetime) -> None:
    """Return no reminder: nothing of this processor waits for rules."""


def no_routes(_state: Any, _event: Record) -> tuple[RoutedRecord, ...]:
    """Return the route of a processor whose journal is its only output."""
    return ()


def no_news(_record: Any, _event: RecordParked | ParkedRecordDiscarded) -> tuple[RoutedRecord, ...]:
    """Return nothing: nobody but the dead letters learns of what is parked."""
    return ()


@dataclass(frozen=True, kw_only=True)
class Processor(ABC, Generic[S, R, E]):
    """One agent's work, per key: record -> events, evolve(state, event) -> state, route(state, event) -> outputs.

    S is the state; R is the union of what the inbox carries and E that of the journal (schemas/records/by_topic.py).
    `reminder` is the record that has a key decided again by rules that were adopted since; None where it needs none.
    `on_parked` says who else learns that a record waits for a person now, or was given up by one.
    `version` belongs to the shape of the state: raise it and local snapshots are rebuilt from the journal.
    """

    name: str
    inbox: Topic
    journal: Topic
    state_type: type[S]
    initial: S
    evolve: Callable[[S, E], S]
    route: Callable[[S, E], tuple[RoutedRecord, ...]] = no_routes
    version: int = 1
    batch_size: int = 500
    concurrency: int = 1
    is_order_free: bool = False
    rules: RulesUsed | None = None
    reminder: Callable[[S, datetime], R | None] = no_reminder
    on_parked: Callable[[R, RecordParked | ParkedRecordDiscarded], tuple[RoutedRecord, ...]] = no_news

    @abstractmethod
    async def events(self, state: S, record: R, checked: str | None = None, policy: Any = None) -> tuple[E, ...]:
        """Return what follows from one record in this state; `checked` names the replay by which a person asks for it.

        `policy` is what `rules` read of the adoptions in force.
        """


@dataclass(frozen=True, kw_only=True)
class Decider(Processor[S, R, E]):
    """Pure: the same state, record and policy give the same events, so a replay writes the same journal.

    With `rules`, `decide` takes the policy in force as its third argument.

    With `is_order_free` a record that can't be decided waits alone: the later records of its key are decided without
    it, and it is decided later than they were. Only where the outcome does not depend on that order (docs/adr/0047).
    """

    decide: Callable[..., tuple[E, ...]]

    async def events(self, state: S, record: R, checked: str | None = None, policy: Any = None) -> tuple[E, ...]:
        """See Processor; a replay is decided like any other record."""
        return self.decide(state, record) if self.rules is None else self.decide(state, record, policy)


@dataclass(frozen=True, kw_only=True)
class Effect(Processor[S, R, E]):
    """Acts on another system: looks up before it acts, and returns what it found as events. Its records have an order.

    With `recall` it gives once more what its journal holds of one record, without acting: the work of a replay.
    `recall` gets the events that performing this very record led to, none where there were none. With
    `perform_checked` it does what a person's replay of a parked record asks for; the text names that request, the same
    at each attempt.
    """

    perform: Callable[[S, R], Awaitable[tuple[E, ...]]]
    perform_checked: Callable[[S, R, str], Awaitable[tuple[E, ...]]] | None = None
    recall: Callable[[Sequence[Record]], Callable[[S, R], Awaitable[tuple[E, ...]]]] | None = None

    def __post_init__(self) -> None:
        if self.is_order_free:
            raise ValueError(f"processor {self.name} is an effect, whose records have an order")

    async def events(self, state: S, record: R, checked: str | None = None, policy: Any = None) -> tuple[E, ...]:
        """See Processor."""
        if checked is not None and self.perform_checked is not None:
            return await self.perform_checked(state, record, checked)
        return await self.perform(state, record)


# For whoever runs agents of every kind. A task hands a record to its processor only when the inbox carries its type:
# TopicSpec.key_of refuses any other, so what arrives is one of R although no checker can see it.
AnyProcessor: TypeAlias = Processor[Any, Any, Any]
