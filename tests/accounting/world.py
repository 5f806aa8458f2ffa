"""The whole line for one story: the real agents on a log in memory, the real source and sink on the abas sandbox.

Time is the story's: it moves on by a minute with each event, and the sandbox's clock moves along.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import fields, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import httpx2

from app.sources.polling import Publisher
from connectors.abas.client import AbasClient
from connectors.abas.profile import load_profile
from connectors.abas.settings import SANDBOX_PROFILE
from connectors.abas.sink import AbasSink
from connectors.abas.source import AbasSource
from connectors.common.reach import authorities
from infra.sandboxes.abas.faults import Faults
from schemas import catalog
from schemas.records.disputes import DayBegan
from schemas.records.gateway import CarryOutGatewayCall, GatewayCallBegun, GatewayCallDone, RequestGatewayCall
from schemas.records.rules import RulesOffered
from schemas.wire.codec import Codec
from schemas.wire.envelope import header_text, source_position
from schemas.wire.highwater import HighWater
from streams.agents import DECIDERS
from streams.domain.disputes.calendar import CALENDAR
from streams.edges.post_to_abas import post_to_abas
from streams.edges.send_to_paytrace import send_to_paytrace
from streams.log.memory import MemoryLog
from streams.log.outbound import Outbound
from streams.rules.catalogue import KINDS
from streams.tasks.membership import SoleOwner
from streams.tasks.ports import SilentObserver
from streams.tasks.processor import AnyProcessor
from streams.tasks.stores import MemoryStore
from streams.tasks.task import Task, TaskRules
from tests.accounting.house import text_of_rules
from tests.accounting.stories import Story
from tests.support.abas_sandbox import AbasSandboxProcess
from tests.support.signing import RING, SIGNER, by_hand

# Of a story's day; the same day in every zone of America and Europe.
_BEGINS = time(17, 0, tzinfo=UTC)
_STEP = timedelta(minutes=1)
_CODEC = Codec()
_PROFILE = load_profile(SANDBOX_PROFILE)
_NO_FAULTS = Faults().model_dump()


class DatedLog(MemoryLog):
    """The log of a story: each record bears the story's time, so that reports can be asked as of a day."""

    def __init__(self, partitions: Mapping[str, int], now: Callable[[], datetime]) -> None:
        """`now` is the story's time."""
        super().__init__(partitions, signer=SIGNER)
        self._now = now

    async def append(self, records: Sequence[Outbound]) -> Sequence[int]:
        """Append at the story's time."""
        offsets = await super().append(records)
        moment_ms = int(self._now().timestamp() * 1000)
        for record, offset in zip(records, offsets, strict=True):
            kept = self.records(record.topic, record.partition)
            kept[offset] = replace(kept[offset], timestamp_ms=moment_ms)
        return offsets


class _Gateway:
    """Carries out whatever it is asked to: what must be refused is refused before."""

    async def begin(self, request: RequestGatewayCall) -> GatewayCallBegun:
        """Begin every call."""
        return GatewayCallBegun(**_shared(request, GatewayCallBegun), seen_before=(), begun_at=request.occurred_at)

    async def carry_out(self, call: CarryOutGatewayCall, taken: frozenset[str]) -> GatewayCallDone:
        """Say that it is done."""
        return GatewayCallDone(**_shared(call, GatewayCallDone), result_transaction_id=None, code="101", message="")


def _shared(record: Any, kind: type[Any]) -> dict[str, Any]:
    """Return what a record has in common with this kind."""
    names = {one.name for one in fields(kind)} & {one.name for one in fields(record)} - {"seen_before", "begun_at"}
    return {name: getattr(record, name) for name in names}


class World:
    """One story's log, agents and abas."""

    def __init__(self, story: Story, sandbox: AbasSandboxProcess, client: AbasClient, desk: httpx2.Client) -> None:
        self.story = story
        self.sandbox = sandbox
        self.changes_in_abas = 1  # made there by people; the customers are the first
        self._looked_at = (0, 0)
        self._desk = desk
        self.moments: list[datetime] = []  # at which people may look: after each event and each morning
        self._day = story.by_day()[0][0]
        self._has_deadlines = any(getattr(event, "respond_by", None) for event in story.given)
        self.now = datetime.combine(self._day, _BEGINS)
        self.log = DatedLog(dict.fromkeys(catalog.topics(), 1), now=lambda: self.now)
        settings = sandbox.settings(filed_lookback_days=0)
        sink = AbasSink(client, _PROFILE, settings)
        self._source = AbasSource(client, _PROFILE, settings, now=lambda: self.now)
        self._publisher = Publisher("abas", self.log, _CODEC)
        self._processors: Sequence[AnyProcessor] = (*DECIDERS, post_to_abas(sink), send_to_paytrace(_Gateway()))
        self._tasks = [self._task(processor) for processor in self._processors]

    def _task(self, processor: AnyProcessor) -> Task[Any]:
        return Task(
            processor,
            0,
            log=self.log,
            store=MemoryStore(),
            codec=_CODEC,
            ring=RING,
            membership=SoleOwner(),
            observer=SilentObserver(),
            rules=TaskRules(),
        )

    async def begin(self) -> None:
        """Adopt the rules of the house under the story's policy, and let the agents have them."""
        for name in KINDS:
            inboxes = [str(one.inbox) for one in DECIDERS if one.rules is not None and name in one.rules.names]
            offered = RulesOffered(
                rules_name=name,
                text=text_of_rules(name, self.story),
                partitions=dict.fromkeys(inboxes, 1),
                offered_at=self.now,
            )
            await self.write("rules.inbox.v1", offered)
        await self.settle()

    def admin(self, path: str, body: Any) -> Any:
        """Ask the sandbox's own door, over a connection that stays."""
        answer = self._desk.post(f"{self.sandbox.origin}/_sandbox/{path}", json=body)
        answer.raise_for_status()
        return answer.json()

    async def begin_day(self, day: date) -> None:
        """Go to the morning of a day; a day that has begun stays where it is. Each day between begins as well."""
        while self._day < day:
            self._day += timedelta(days=1)
            self.now = max(self.now, datetime.combine(self._day, _BEGINS))
            if self._has_deadlines:
                began = DayBegan(calendar=CALENDAR, began_on=self._day, observed_at=self.now)
                await self.write("disputes.inbox.v1", began)
                await self.settle()
                self.moments.append(self.now)
        self.tick()

    def tick(self) -> datetime:
        """Let a minute pass, in abas too."""
        self.now += _STEP
        self.admin("clock", {"now": self.now.isoformat()})
        return self.now

    async def write(self, topic: str, record: Any) -> None:
        """Write a record into an inbox."""
        key = catalog.topic(topic).key_of(record)
        await self.log.append([by_hand(self.log, topic, record, _CODEC.encode(record), key=key)])

    async def settle(self) -> None:
        """Let every agent get to the end of its inbox."""
        size = -1
        while size != (size := sum(len(self.log.records(topic, 0)) for topic in catalog.topics())):
            for task in self._tasks:
                await task.catch_up()

    async def look_at_abas(self) -> None:
        """Let the source read abas, and what follows from it happen, until nothing does.

        A minute passes between a document and the next look, so that abas shows what it holds by then.
        """
        await self.settle()
        while self._may_have_changed():
            self.tick()
            await self._publisher.publish(self._source.poll())
            await self.settle()

    def _may_have_changed(self) -> bool:
        """Say whether anything was written in abas since the last look, by a person there or by our sink."""
        known, self._looked_at = self._looked_at, (self.changes_in_abas, len(self.log.records("erp.outcomes.v1", 0)))
        return self._looked_at != known

    def records(self, topic: str, *kinds: type[Any]) -> list[Any]:
        """Return what a topic accepted, in order, of these kinds or all."""
        marks = HighWater()
        found = [
            _CODEC.decode(record.value)
            for record in self.log.records(topic, 0)
            if marks.accept(source_position(record.headers))
            and header_text(record.headers, "ce_type") != "PositionMarked"
        ]
        return [one for one in found if not kinds or isinstance(one, kinds)]

    def journals(self) -> list[Any]:
        """Return all events of all agents, agent by agent."""
        return [event for one in self._processors for event in self.records(str(one.journal))]

    def parked(self) -> list[str]:
        """Return why records were parked: a story in which one is fails."""
        return [
            f"{event.topic}/{event.record_key}: {event.message}"
            for event in self.journals()
            if type(event).__name__ == "RecordParked"
        ]


@asynccontextmanager
async def world_of(story: Story, sandbox: AbasSandboxProcess) -> AsyncIterator[World]:
    """Make the world of a story: empty books, no faults."""
    sandbox.admin("POST", "reset")
    sandbox.faults(**_NO_FAULTS)
    sandbox.admin("POST", "company", {"base_currency": story.base})
    with httpx2.Client(timeout=30, verify=authorities()) as desk:
        async with AbasClient(sandbox.settings(filed_lookback_days=0)) as client:
            world = World(story, sandbox, client, desk)
            world.tick()
            await world.begin()
            yield world
