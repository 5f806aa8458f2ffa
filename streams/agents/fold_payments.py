"""Folds what PayTrace tells into the state of each payment; tells each movement to identification and settlement."""

from __future__ import annotations

import faust
from faust.types import AgentT, StreamT

from streams.agents.inbox import Flow, batches, inbox_topic
from streams.domain import payments
from streams.tasks.crew import Crew
from streams.tasks.processor import Processor

FOLD_PAYMENTS = Processor(
    name="fold-payments",
    inbox="payments.observations.v1",
    journal="payments.events.v1",
    state_type=payments.State,
    initial=payments.INITIAL,
    decide=payments.decide,
    evolve=payments.evolve,
    route=payments.route,
)


def register(app: faust.App, crew: Crew, flow: Flow) -> AgentT[bytes]:
    """Hang the agent onto the app."""

    @app.agent(inbox_topic(app, FOLD_PAYMENTS.inbox), name=FOLD_PAYMENTS.name)
    async def fold_payments(stream: StreamT[bytes]) -> None:
        async for records in batches(stream, flow):
            await crew.advance(FOLD_PAYMENTS, records)

    return fold_payments
