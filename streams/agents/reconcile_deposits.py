"""Explains each bank deposit by the money that PayTrace settled, and states the bridge of every day."""

from __future__ import annotations

import faust
from faust.types import AgentT, StreamT

from streams.agents.inbox import Flow, batches, inbox_topic
from streams.domain import settlement
from streams.tasks.crew import Crew
from streams.tasks.processor import Processor

RECONCILE_DEPOSITS = Processor(
    name="reconcile-deposits",
    inbox="settlement.inbox.v1",
    journal="settlement.events.v1",
    state_type=settlement.State,
    initial=settlement.INITIAL,
    decide=settlement.decide,
    evolve=settlement.evolve,
    route=settlement.route,
    version=3,
    # The key is a whole merchant account, and lines, batches and requests come in any order anyway (docs/adr/0047).
    is_order_free=True,
)


def register(app: faust.App, crew: Crew, flow: Flow) -> AgentT[bytes]:
    """Hang the agent onto the app."""

    @app.agent(inbox_topic(app, RECONCILE_DEPOSITS.inbox), name=RECONCILE_DEPOSITS.name)
    async def reconcile_deposits(stream: StreamT[bytes]) -> None:
        async for records in batches(stream, flow):
            await crew.advance(RECONCILE_DEPOSITS, records)

    return reconcile_deposits
