"""Writes into shops, each thing once, and reports to the order what became of it.

A crash between the write and the journal is healed by the look-up before each attempt; a write whose answer was lost
waits and is looked up. The writes of an order keep their order.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from schemas.failures import Unavailable
from schemas.records import Record
from schemas.records.by_topic import ShopCommands, ShopOutcomes
from schemas.records.orders import ShopWriteRefused, ShopWritten
from schemas.topic import Topic
from streams.domain.output import Output
from streams.edges.ports import ShopWriter
from streams.tasks.processor import Effect

# What a crash can make us look up again.
WRITES_AT_ONCE = 5


@dataclass(frozen=True, slots=True)
class Nothing:
    """The sink keeps no state: what was written is the shop's own knowledge, looked up each time."""


Writes: TypeAlias = Effect[Nothing, ShopCommands, ShopOutcomes]


def write_to_shop(writer: ShopWriter) -> Writes:
    """Return the work of this agent, against these shops."""

    async def perform(_state: Nothing, command: ShopCommands) -> tuple[ShopOutcomes, ...]:
        return (await writer.write(command),)

    def evolve(state: Nothing, _event: ShopOutcomes) -> Nothing:
        return state

    return Effect(
        name="write-to-shop",
        inbox=Topic.SHOP_COMMANDS,
        journal=Topic.SHOP_OUTCOMES,
        state_type=Nothing,
        initial=Nothing(),
        perform=perform,
        recall=_recall,
        evolve=evolve,
        route=lambda _state, outcome: (Output(Topic.ORDERS_INBOX, outcome),),
        batch_size=WRITES_AT_ONCE,
    )


def _recall(events: Sequence[Record]) -> Callable[[Nothing, ShopCommands], Awaitable[tuple[ShopOutcomes, ...]]]:
    """Return what the journal holds of one record, without asking the shop."""
    outcomes = {event.command_id: event for event in events if isinstance(event, ShopWritten | ShopWriteRefused)}

    async def perform(_state: Nothing, command: ShopCommands) -> tuple[ShopOutcomes, ...]:
        outcome = outcomes.get(command.command_id)
        if outcome is None:
            raise Unavailable(f"the journal holds no outcome of {command.command_id}")
        return (outcome,)

    return perform
