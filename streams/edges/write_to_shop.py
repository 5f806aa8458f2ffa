"""Writes into shops, each thing once, and reports to the order what became of it.

A crash between the write and the journal is healed by the look-up before each attempt; a write whose answer was lost
waits and is looked up. The writes of an order keep their order.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TypeAlias

from schemas.records.by_topic import ShopCommands, ShopOutcomes
from schemas.topic import Topic
from streams.domain.output import Output
from streams.edges.ports import ShopWriter
from streams.edges.stateless import Stateless, stateless
from streams.tasks.processor import Effect

# What a crash can make us look up again.
WRITES_AT_ONCE = 5


Writes: TypeAlias = Effect[Stateless, ShopCommands, ShopOutcomes]


def write_to_shop(writer: ShopWriter) -> Writes:
    """Return the work of this agent, against these shops."""

    async def perform(_state: Stateless, command: ShopCommands) -> tuple[ShopOutcomes, ...]:
        return (await writer.write(command),)

    return stateless(
        "write-to-shop",
        Topic.SHOP_COMMANDS,
        Topic.SHOP_OUTCOMES,
        perform,
        attrgetter("command_id"),
        route=lambda _state, outcome: (Output(Topic.ORDERS_INBOX, outcome),),
        batch_size=WRITES_AT_ONCE,
    )
