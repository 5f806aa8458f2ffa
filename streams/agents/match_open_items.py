"""Matches identified money against a customer's open items, and asks abas to post what is certain."""

from __future__ import annotations

import faust
from faust.types import AgentT, StreamT

from streams.agents.inbox import Flow, batches, inbox_topic
from streams.domain import receivables
from streams.domain.receivables.decisions import write_off_limits
from streams.domain.receivables.open_item_lines import rules
from streams.tasks.crew import Crew
from streams.tasks.processor import Processor

MATCH_OPEN_ITEMS = Processor(
    name="match-open-items",
    inbox="receivables.inbox.v1",
    journal="receivables.events.v1",
    state_type=receivables.State,
    initial=receivables.INITIAL,
    decide=receivables.decide,
    evolve=receivables.evolve,
    route=receivables.route,
    version=4,
)


def register(app: faust.App, crew: Crew, flow: Flow) -> AgentT[bytes]:
    """Hang the agent onto the app.

    Raises: RulesInvalid with file, line and remedy, at the start and not at the first payment.
    """
    rules()
    write_off_limits()

    @app.agent(inbox_topic(app, MATCH_OPEN_ITEMS.inbox), name=MATCH_OPEN_ITEMS.name)
    async def match_open_items(stream: StreamT[bytes]) -> None:
        async for records in batches(stream, flow):
            await crew.advance(MATCH_OPEN_ITEMS, records)

    return match_open_items
