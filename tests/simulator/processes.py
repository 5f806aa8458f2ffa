"""Our processes as the simulator runs them: what bootstrap.py puts together; Faust and the supervisor are played.

Of Faust is played what the task layer rests on and what it may not rest on: records come in batches of any size, a
fetch begins anywhere after a rebalance (so records come again), and now and then some are never delivered. The
supervisor starts whatever ended.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NoReturn, cast

from app.composition.bootstrap import (
    Edges,
    build_task,
    codec,
    gateway_processor,
    poll_abas,
    poll_names,
    poll_paytrace,
    sink_processor,
)
from app.operators.rules import offer
from app.settings.settings import Settings
from app.sources.polling import Publisher
from app.sources.status import SilentPollObserver
from connectors.abas.client import AbasClient
from connectors.abas.source import AbasSource
from connectors.paytrace.gateway import open_gateway
from connectors.paytrace.source import PayTraceSource
from schemas.checks.sealing import new_key
from schemas.failures import ContractBroken, Unavailable
from schemas.wire.codec import Codec
from streams.agents import DECIDERS
from streams.edges.subject_keys import SubjectKeys
from streams.log.cluster import Cluster
from streams.log.ports import DeliveryFailed, Log, Partition
from streams.tasks.manager import TaskManager
from streams.tasks.membership import GroupMembership
from streams.tasks.processor import AnyProcessor
from streams.tasks.progress import Progress
from streams.tasks.stores import MemoryStore
from streams.tasks.task import Task
from tests.simulator.broker import SESSION_S, Broker, Group, ProcessLog
from tests.simulator.loop import Process
from tests.simulator.network import Side
from tests.support.guard_key import PRIVACY_KEY
from tests.support.signing import RING

CODEC = Codec()
_HEARTBEAT_S = 1.0


class Halted(BaseException):
    """The process ended itself."""


@dataclass
class Outside:
    """What every process of ours stands in."""

    settings: Settings
    broker: Broker
    group: Group
    paytrace: Side
    abas: Side
    rng: random.Random
    # Snapshots of tasks, as they lie on the disk of each worker.
    disks: dict[str, dict[str, tuple[bytes, dict[bytes, Any]]]] = field(default_factory=dict)
    # Share of fetches after which some records are never delivered by Faust.
    skipped: float = 0.0
    # Two ways in which a test breaks a delivery rule, to see that it is found: a task, and where claims are kept.
    break_task: Callable[[Task[Any]], None] = lambda _: None
    claims_kept_in: Callable[[ProcessLog], Log] = lambda log: log


class SnapshotStore(MemoryStore[Any]):
    """State that outlives the process, as the SQLite file of a task does; the disk may hold an older one, or none."""

    def __init__(self, disk: dict[str, tuple[bytes, dict[bytes, Any]]], name: str) -> None:
        super().__init__()
        self._disk = disk
        self._name = name
        self._identity = ""

    def load(self, identity: str) -> Progress | None:
        """The snapshot of this identity."""
        self._identity = identity
        self._states.clear()
        found = self._disk.get(f"{self._name} {identity}")
        if found is None:
            return None
        progress, states = found
        self._states.update(states)
        return Progress.from_bytes(progress)

    def commit(self, changed: Mapping[bytes, Any], progress: Progress) -> None:
        """Keep state and progress together."""
        super().commit(changed, progress)
        self._disk[f"{self._name} {self._identity}"] = (progress.to_bytes(), dict(self._states))


class Worker:
    """One worker process: the task manager on its partitions, fed as Faust feeds it."""

    def __init__(
        self, outside: Outside, process: Process, name: str, life: int, halt: Callable[[str], NoReturn]
    ) -> None:
        self.outside = outside
        self.process = process
        self.name = name
        self.client_id = f"{name}-{life}"
        self.assigned: frozenset[Partition] = frozenset()
        self._fetched: dict[Partition, int] = {}
        self._arrived: dict[str, asyncio.Event] = {}
        self._rng = random.Random(outside.rng.getrandbits(64))
        broker = outside.broker
        settings = outside.settings.model_copy(
            update={"worker": outside.settings.worker.model_copy(update={"name": name})}
        )
        self._log = ProcessLog(broker, process)
        edges = Edges(
            settings,
            log=outside.claims_kept_in(self._log),
            process=self.client_id,
            abas=outside.abas.transport(),
            paytrace=outside.paytrace.transport(),
        )
        self.processors: tuple[AnyProcessor, ...] = (
            *DECIDERS,
            gateway_processor(settings, edges),
            sink_processor(settings, edges),
        )
        self._settings = settings
        self._membership = GroupMembership(
            cast("Cluster", outside.group), group="workers", client_id=self.client_id, session_timeout_s=SESSION_S
        )
        self._halt = halt
        self._manager: TaskManager | None = None

    def behind(self) -> dict[str, str]:
        """Tasks of assigned partitions that are not at the end of their inbox, or hold a key back; for people."""
        if self._manager is None or not self.assigned:
            return {self.client_id: "holds nothing"}
        tasks = {(str(task.processor.inbox), task.partition): task for task in self._manager.tasks}
        found: dict[str, str] = {}
        for partition, end in self._log.ends(sorted(self.assigned)).items():
            task = tasks.get(partition)
            progress = task.progress if task is not None else None
            if progress is None:
                found["/".join(map(str, partition))] = "not restored"
            elif progress.position < end or progress.held:
                stalled = f", {task.stalled_because}" if task is not None and task.stalled_because else ""
                found["/".join(map(str, partition))] = (
                    f"{progress.position} of {end}, {len(progress.held)} held{stalled}"
                )
        return found

    async def run(self) -> None:
        """Live until killed."""
        outside = self.outside
        self._manager = TaskManager(self.processors, self._new_task, self._halt)
        context = outside.broker.loop.context_of(self.process)
        for processor in self.processors:
            event = self._arrived[processor.inbox] = asyncio.Event()

            def wake(event: asyncio.Event = event) -> None:
                if self.process.is_alive:
                    outside.broker.loop.call_soon(event.set, context=context)

            outside.broker.watch(processor.inbox, wake)
        outside.group.join(self)
        await offer(self._log, CODEC, self._settings.rules)
        await _together(self._heartbeat(), self._tend(), *(self._feed(processor) for processor in self.processors))

    def _new_task(self, processor: AnyProcessor, partition: int) -> Task[Any]:
        disk = self.outside.disks.get(self.name)
        store = MemoryStore() if disk is None else SnapshotStore(disk, f"{processor.name}-{partition}")
        task = build_task(self._settings, processor, partition, self._log, CODEC, RING, self._membership, store=store)
        self.outside.break_task(task)
        return task

    # -- the group -------------------------------------------------------------------------------------------------

    def reported_to_release(self, revoked: frozenset[Partition], done: Callable[[], None]) -> None:
        """Faust's on_partitions_revoked."""

        async def release() -> None:
            assert self._manager is not None
            await self._manager.release(sorted(self.assigned | revoked))
            done()

        self.outside.broker.loop.spawn(self.process, release())

    def reported_what_it_holds(self, assigned: frozenset[Partition]) -> None:
        """Faust's assignment; its committed offsets lie anywhere before the end."""
        self.assigned = assigned
        ends = self._log.ends(assigned)
        self._fetched = {partition: int(self._rng.random() * (ends[partition] + 1)) for partition in sorted(assigned)}
        for event in self._arrived.values():
            event.set()

    async def _heartbeat(self) -> None:
        while True:
            await asyncio.sleep(_HEARTBEAT_S)
            if not self.outside.group.knows(self.client_id):
                assert self._manager is not None
                await self._manager.release(sorted(self.assigned))
                self.assigned = frozenset()
                self.outside.group.join(self)

    # -- what Faust does ---------------------------------------------------------------------------------------------

    async def _feed(self, processor: AnyProcessor) -> None:
        assert self._manager is not None
        arrived = self._arrived[processor.inbox]
        while True:
            await arrived.wait()
            arrived.clear()
            await asyncio.sleep(self.outside.broker.hop_s())
            while batch := self._fetch(processor.inbox):
                await self._manager.advance(processor, batch)

    def _fetch(self, inbox: str) -> list[Any]:
        most = 1 + int(self._rng.random() ** 2 * 40)
        batch: list[Any] = []
        for partition in sorted(self.assigned):
            if partition[0] != inbox:
                continue
            begin = self._fetched.get(partition, 0)
            kept = self.outside.broker.kept.records(*partition)
            if begin < len(kept) and self.outside.skipped and self._rng.random() < self.outside.skipped:
                begin += 1 + int(self._rng.random() * 3)
            found = kept[begin : begin + most]
            self._fetched[partition] = min(begin + len(found), len(kept))
            batch += found
        return batch

    async def _tend(self) -> None:
        assert self._manager is not None
        while True:
            await self._manager.tend(sorted(self.assigned))
            await asyncio.sleep(self._settings.worker.tend_every_s)


async def _together(*works: Any) -> None:
    await asyncio.gather(*(asyncio.ensure_future(work) for work in works))


def _keys_of(process: Process, log: Log, source: str) -> SubjectKeys:
    """Keys of data subjects: the same whenever a story is played again, others in each life of a process."""
    chance = random.Random(f"keys of {process.name}")
    return SubjectKeys(log, Codec(), PRIVACY_KEY.encode, source=source, make=partial(new_key, chance.randbytes))


async def run_paytrace_source(outside: Outside, process: Process) -> None:
    """The process that polls PayTrace."""
    settings = outside.settings
    client = open_gateway(settings.paytrace, transport=outside.paytrace.transport())
    log = ProcessLog(outside.broker, process)
    keys = _keys_of(process, log, "source-paytrace")
    publisher = Publisher(PayTraceSource.name, log, codec(settings), keys.seal)
    names = poll_names(settings.paytrace.merchant, alone=True)
    await poll_paytrace(
        settings.paytrace, settings.polling, client, publisher, asyncio.Event(), SilentPollObserver(), names
    )


async def run_abas_source(outside: Outside, process: Process) -> None:
    """The process that polls abas."""
    settings = outside.settings
    client = AbasClient(settings.abas, transport=outside.abas.transport())
    log = ProcessLog(outside.broker, process)
    keys = _keys_of(process, log, "source-abas")
    publisher = Publisher(AbasSource.name, log, codec(settings), keys.seal)
    await poll_abas(settings.abas, settings.polling, client, publisher, asyncio.Event(), SilentPollObserver())


class Supervised:
    """One of our processes by name, started again whenever it ended, as the supervisor does."""

    def __init__(self, outside: Outside, name: str, rng: random.Random) -> None:
        self.outside = outside
        self.name = name
        self.lives = 0
        self.process: Process | None = None
        self.worker: Worker | None = None
        self.ended_because = ""
        self._rng = rng

    def start(self) -> None:
        """Begin a life."""
        loop = self.outside.broker.loop
        self.lives += 1
        process = self.process = loop.new_process(f"{self.name}-{self.lives}")
        process.on_death = self._start_again
        self.outside.broker.trace.say(f"start {process}")
        loop.spawn(process, self._live(process))

    async def _live(self, process: Process) -> None:
        try:
            match self.name:
                case "paytrace-source":
                    await run_paytrace_source(self.outside, process)
                case "abas-source":
                    await run_abas_source(self.outside, process)
                case _:
                    self.worker = Worker(self.outside, process, self.name, self.lives, self._halted)
                    await self.worker.run()
        except (DeliveryFailed, ContractBroken, Unavailable) as error:
            self.ended_because = f"{type(error).__name__}: {error}"
            self.outside.broker.trace.say(f"end   {process}: {self.ended_because}")
            self.outside.broker.loop.kill(process)

    def _halted(self, reason: str) -> NoReturn:
        """End the process at once, as app.composition.bootstrap.halt does."""
        assert self.process is not None
        self.ended_because = reason
        self.outside.broker.trace.say(f"halt  {self.process}: {reason}")
        self.outside.broker.loop.kill(self.process)
        raise Halted(reason)

    def _start_again(self) -> None:
        broker = self.outside.broker
        broker.trace.say(f"dead  {self.process}")
        broker.at(broker.loop.time() + 0.1 + self._rng.random() * 2.0, self.start)
