"""Holds each command that needs a second person until one approves it, rejects it, or comes too late."""

from __future__ import annotations

import faust
from faust.types import AgentT, StreamT

from streams.agents.inbox import Flow, batches, inbox_topic
from streams.domain import approvals
from streams.tasks.crew import Crew
from streams.tasks.processor import Processor

HOLD_APPROVALS = Processor(
    name=approvals.AGENT,
    inbox="approvals.inbox.v1",
    journal="approvals.events.v1",
    state_type=approvals.State,
    initial=approvals.INITIAL,
    decide=approvals.decide,
    evolve=approvals.evolve,
    route=approvals.route,
)


def register(app: faust.App, crew: Crew, flow: Flow) -> AgentT[bytes]:
    """Hang the agent onto the app."""

    @app.agent(inbox_topic(app, HOLD_APPROVALS.inbox), name=HOLD_APPROVALS.name)
    async def hold_approvals(stream: StreamT[bytes]) -> None:
        async for records in batches(stream, flow):
            await crew.advance(HOLD_APPROVALS, records)

    return hold_approvals
