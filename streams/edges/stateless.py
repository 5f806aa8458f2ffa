"""What agents share whose only state is the other side's: nothing is kept, and a replay recalls the journal."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from schemas.failures import Unavailable
from schemas.records import Record
from schemas.topic import Topic
from streams.tasks.processor import Effect


@dataclass(frozen=True, slots=True)
class Stateless:
    """The state of an agent that keeps none: what was done is the other side's own knowledge, looked up each time."""


Perform: TypeAlias = Callable[[Stateless, Any], Awaitable[tuple[Any, ...]]]


def stateless(
    name: str, inbox: Topic, journal: Topic, perform: Perform, name_of: Callable[[Any], str], **more: Any
) -> Effect[Stateless, Any, Any]:
    """Return the work of an agent that answers each command by one outcome and keeps no state.

    Shapes: name_of gives what a command and its outcome have in common; more is what else an Effect takes.
    Errors: a replay raises Unavailable when the journal holds no outcome of a command.
    """
    return Effect(
        name=name,
        inbox=inbox,
        journal=journal,
        state_type=Stateless,
        initial=Stateless(),
        perform=perform,
        recall=lambda events: _recalled(events, name_of),
        evolve=unchanged,
        **more,
    )


def unchanged(state: Stateless, _event: Record) -> Stateless:
    """Return the state after an event, which is the state before it."""
    return state


def _recalled(events: Sequence[Record], name_of: Callable[[Any], str]) -> Perform:
    by_name = {name_of(event): event for event in events}

    async def perform(_state: Stateless, command: Any) -> tuple[Any, ...]:
        name = name_of(command)
        if name not in by_name:
            raise Unavailable(f"the journal holds no outcome of {name}")
        return (by_name[name],)

    return perform
