"""Decides which wishes of people at abas are carried out at the payment gateway, and closes them."""

from __future__ import annotations

import faust
from faust.types import AgentT, StreamT

from streams.agents.inbox import Flow, batches, inbox_topic
from streams.domain import gateway
from streams.tasks.crew import Crew
from streams.tasks.processor import Processor

DECIDE_WISHES = Processor(
    name="decide-wishes",
    inbox="gateway.inbox.v1",
    journal="gateway.events.v1",
    state_type=gateway.State,
    initial=gateway.INITIAL,
    decide=gateway.decide,
    evolve=gateway.evolve,
    route=gateway.route,
)


def register(app: faust.App, crew: Crew, flow: Flow) -> AgentT[bytes]:
    """Hang the agent onto the app."""

    @app.agent(inbox_topic(app, DECIDE_WISHES.inbox), name=DECIDE_WISHES.name)
    async def decide_wishes(stream: StreamT[bytes]) -> None:
        async for records in batches(stream, flow):
            await crew.advance(DECIDE_WISHES, records)

    return decide_wishes
