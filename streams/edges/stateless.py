"""What agents share whose only state is the other side's: nothing is kept, and a replay recalls the journal."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from schemas.failures import Unavailable
from schemas.records import Record


@dataclass(frozen=True, slots=True)
class Stateless:
    """The state of an agent that keeps none: what was done is the other side's own knowledge, looked up each time."""


Recall: TypeAlias = Callable[[Sequence[Record]], Callable[[Stateless, Any], Awaitable[tuple[Any, ...]]]]


def unchanged(state: Stateless, _event: Record) -> Stateless:
    """Return the state after an event, which is the state before it."""
    return state


def recall_by(name_of: Callable[[Any], str]) -> Recall:
    """Return the recall of an agent that answers each command by one outcome.

    Shapes: name_of gives what a command and its outcome have in common.
    Errors: the recalled work raises Unavailable when the journal holds no outcome of a command.
    """

    def recall(events: Sequence[Record]) -> Callable[[Stateless, Any], Awaitable[tuple[Any, ...]]]:
        by_name = {name_of(event): event for event in events}

        async def perform(_state: Stateless, command: Any) -> tuple[Any, ...]:
            name = name_of(command)
            if name not in by_name:
                raise Unavailable(f"the journal holds no outcome of {name}")
            return (by_name[name],)

        return perform

    return recall
