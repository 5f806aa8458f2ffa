"""Finds the abas customer behind each movement of money, or lets it wait for a reference."""

from __future__ import annotations

import faust
from faust.types import AgentT, StreamT

from streams.agents.inbox import Flow, batches, inbox_topic
from streams.domain import identification
from streams.tasks.crew import Crew
from streams.tasks.processor import Processor

IDENTIFY_PAYERS = Processor(
    name="identify-payers",
    inbox="identification.inbox.v1",
    journal="identification.events.v1",
    state_type=identification.State,
    initial=identification.INITIAL,
    decide=identification.decide,
    evolve=identification.evolve,
    route=identification.route,
    version=2,
)


def register(app: faust.App, crew: Crew, flow: Flow) -> AgentT[bytes]:
    """Hang the agent onto the app."""

    @app.agent(inbox_topic(app, IDENTIFY_PAYERS.inbox), name=IDENTIFY_PAYERS.name)
    async def identify_payers(stream: StreamT[bytes]) -> None:
        async for records in batches(stream, flow):
            await crew.advance(IDENTIFY_PAYERS, records)

    return identify_payers
