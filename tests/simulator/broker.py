"""The broker and its group coordinator, as several processes see them over a network that takes its time.

What is kept is a MemoryLog. A process appends through a ProcessLog: each record travels by itself, those for one
partition in order; what a killed process had under way arrives or does not, and what a paused one had under way may
arrive when it wakes up. The coordinator takes partitions from members that are silent and gives them to the others.
"""

from __future__ import annotations

import asyncio
import random
import zlib
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from streams.log.memory import MemoryLog
from streams.log.outbound import Outbound, Signer
from streams.log.ports import DeliveryFailed, Feed, Partition
from streams.log.records import Inbound
from tests.simulator.loop import Process, SimLoop
from tests.simulator.trace import Trace

SESSION_S = 6.0
_LOOK_S = 0.5
# A member that does not let go within this time is put out of the group.
_REBALANCE_S = 8.0


class KeptLog(MemoryLog):
    """What the broker keeps; it puts its own time on each record. A tampering changes what it takes in (see break)."""

    def __init__(self, loop: SimLoop, partitions: Mapping[str, int], signer: Signer) -> None:
        super().__init__(partitions, signer=signer)
        self._loop = loop
        self.tamper: Callable[[Outbound], Sequence[Outbound]] = lambda record: (record,)
        # By topic and partition: how many records were acknowledged, and a sum over what they say.
        self.acknowledged: Counter[Partition] = Counter()
        self._sums: Counter[Partition] = Counter()

    def take(self, record: Outbound) -> int:
        """Take one record in and give its offset; a broken broker keeps something else."""
        at = (record.topic, record.partition)
        self.acknowledged[at] += 1
        self._sums[at] += _checksum(record)
        offsets = [self._append(kept) for kept in self.tamper(record)]
        return offsets[0] if offsets else len(self.records(*at))

    def broken_promises(self) -> list[str]:
        """Partitions that hold something else than what was acknowledged, each record once."""
        return [
            f"the log holds {len(self.records(*at))} records of {at[0]}/{at[1]}, and acknowledged {count}"
            for at, count in sorted(self.acknowledged.items())
            if (len(self.records(*at)), sum(map(_checksum, self.records(*at)))) != (count, self._sums[at])
        ]

    def _append(self, record: Outbound) -> int:
        kept = self.records(record.topic, record.partition)
        kept.append(
            Inbound(
                topic=record.topic,
                partition=record.partition,
                offset=len(kept),
                key=record.key,
                value=record.value,
                headers=tuple(record.headers),
                timestamp_ms=1_700_000_000_000 + round(self._loop.time() * 1000),
            )
        )
        return len(kept) - 1


def _checksum(record: Outbound | Inbound) -> int:
    found = zlib.crc32(record.value or b"", zlib.crc32(record.key or b""))
    for name, value in record.headers:
        found = zlib.crc32(value, zlib.crc32(name.encode(), found))
    return found


class Broker:
    """The kept log and the way to it. Units: seconds of one way."""

    def __init__(
        self,
        loop: SimLoop,
        rng: random.Random,
        partitions: Mapping[str, int],
        signer: Signer,
        trace: Trace,
        *,
        slowest_s: float,
    ) -> None:
        self.loop = loop
        self.rng = rng
        self.kept = KeptLog(loop, partitions, signer)
        self.trace = trace
        self.process = loop.new_process("broker")
        self.slowest_s = slowest_s
        # Share of appends whose acknowledgement never comes; the process must end then.
        self.unacknowledged = 0.0
        self._context = loop.context_of(self.process)
        self._watching: defaultdict[str, list[Callable[[], None]]] = defaultdict(list)

    def hop_s(self) -> float:
        """How long one way takes now: mostly short, now and then long."""
        drawn = self.rng.random()
        return 0.0005 + drawn * drawn * drawn * self.slowest_s

    def at(self, when_s: float, work: Callable[[], None]) -> None:
        """Do something at the broker at a moment."""
        self.loop.call_at(when_s, work, context=self._context)

    def watch(self, topic: str, wake: Callable[[], None]) -> None:
        """Say when something arrives in a topic."""
        self._watching[topic].append(wake)

    def take(self, record: Outbound) -> int:
        """Keep a record and wake up whoever waits for it."""
        offset = self.kept.take(record)
        self.trace.record(record, offset)
        for wake in self._watching[record.topic]:
            wake()
        return offset


class _Lane:
    """What one process has under way to one partition: first sent, first kept, and nothing behind what is lost."""

    def __init__(self) -> None:
        self.free_s = 0.0
        self.is_cut = False
        self.queue: deque[tuple[Outbound, Callable[[int], None]]] = deque()
        # How many of them are still in the buffers of a process that is paused.
        self.held = 0


class ProcessLog:
    """The log as one process reaches it; satisfies streams.log.ports.Log."""

    def __init__(self, broker: Broker, process: Process, *, is_acknowledged: bool = False) -> None:
        """`is_acknowledged` is for people, who would try again until it is."""
        self.signer: Signer | None = broker.kept.signer
        self._is_acknowledged = is_acknowledged
        self._broker = broker
        self._process = process
        self._context = broker.loop.context_of(process)
        self._lanes: defaultdict[Partition, _Lane] = defaultdict(_Lane)

    def topics(self) -> Mapping[str, int]:
        return self._broker.kept.topics()

    def partition_count(self, topic: str) -> int:
        return self._broker.kept.partition_count(topic)

    def starts(self, partitions: Iterable[Partition]) -> Mapping[Partition, int]:
        return self._broker.kept.starts(partitions)

    def ends(self, partitions: Iterable[Partition]) -> Mapping[Partition, int]:
        return self._broker.kept.ends(partitions)

    def offsets_at(self, partitions: Iterable[Partition], instant: datetime) -> Mapping[Partition, int | None]:
        return self._broker.kept.offsets_at(partitions, instant)

    def feed(self, starts: Mapping[Partition, int]) -> Feed:
        return self._broker.kept.feed(starts)

    async def topic_id(self, topic: str) -> str:
        return topic

    async def watermarks(self, topic: str, partition: int) -> tuple[int, int]:
        await asyncio.sleep(self._broker.hop_s())
        return await self._broker.kept.watermarks(topic, partition)

    async def read(self, topic: str, partition: int, start: int, end: int) -> AsyncIterator[Sequence[Inbound]]:
        while start < end:
            await asyncio.sleep(self._broker.hop_s())
            # However many the broker hands out at once.
            most = start + 1 + int(self._broker.rng.random() ** 2 * 200)
            found = self._broker.kept.records(topic, partition)[start : min(end, most)]
            if not found:
                return
            yield found
            start = found[-1].offset + 1

    async def append(self, records: Sequence[Outbound]) -> Sequence[int]:
        """Send each record on its way and wait until all are acknowledged."""
        if not records:
            return ()
        broker = self._broker
        done: asyncio.Future[None] = broker.loop.create_future()
        offsets = [-1] * len(records)
        left = len(records)
        is_refused = not self._is_acknowledged and broker.rng.random() < broker.unacknowledged

        def acknowledged(number: int, offset: int) -> None:
            nonlocal left
            offsets[number] = offset
            left -= 1
            if done.done():
                return
            if is_refused:
                done.set_exception(DeliveryFailed("the simulated broker never acknowledged"))
            elif not left:
                done.set_result(None)

        for number, record in enumerate(records):
            self._send(record, lambda offset, number=number: acknowledged(number, offset))  # type: ignore[misc]
        await done
        return offsets

    def _send(self, record: Outbound, acknowledged: Callable[[int], None]) -> None:
        broker, loop = self._broker, self._broker.loop
        lane = self._lanes[record.topic, record.partition]

        def arrive() -> None:
            if lane.is_cut:
                return
            if not self._process.is_alive and broker.rng.random() < 0.5:
                lane.is_cut = True
                return
            if self._process.is_paused and (lane.held or broker.rng.random() < 0.5):
                lane.held += 1
                loop.call_later(0.0, go_on, context=self._context)
                return
            first, report = lane.queue.popleft()
            offset = broker.take(first)
            loop.call_later(broker.hop_s(), report, offset, context=self._context)

        def go_on() -> None:
            lane.held -= 1
            broker.at(loop.time() + 0.001, arrive)

        lane.queue.append((record, acknowledged))
        lane.free_s = max(lane.free_s + 1e-6, loop.time() + broker.hop_s())
        broker.at(lane.free_s, arrive)


class Member(Protocol):
    """A worker, as the coordinator knows it."""

    client_id: str
    process: Process

    def reported_to_release(self, revoked: frozenset[Partition], done: Callable[[], None]) -> None:
        """Finish what is in hand of these partitions, then call `done`."""
        ...

    def reported_what_it_holds(self, assigned: frozenset[Partition]) -> None:
        """These partitions are yours."""
        ...


class Group:
    """The coordinator of the workers' consumer group; also what GroupMembership asks (held_by)."""

    def __init__(self, broker: Broker, inboxes: Mapping[str, int]) -> None:
        self._broker = broker
        self._partitions = [(topic, number) for topic, count in sorted(inboxes.items()) for number in range(count)]
        self._members: dict[str, Member] = {}
        self._assigned: dict[str, frozenset[Partition]] = {}
        self._is_balancing = False
        self._wants_balance = False
        self._heard: dict[str, float] = {}
        self.rebalances = 0
        broker.loop.spawn(broker.process, self._look())

    def held_by(self, group: str, client_id: str) -> frozenset[Partition]:
        """What the member of this client id holds; nothing while partitions change hands."""
        return frozenset() if self._is_balancing else self._assigned.get(client_id, frozenset())

    def join(self, member: Member) -> None:
        """A worker comes up."""
        self._members[member.client_id] = member
        self._wants_balance = True

    def knows(self, client_id: str) -> bool:
        """Whether this member was not put out meanwhile."""
        return client_id in self._members

    def shake(self) -> None:
        """Deal the partitions out anew, as when a worker is added or an administrator asks for it."""
        self._wants_balance = True

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            now = self._broker.loop.time()
            for client_id, member in list(self._members.items()):
                since = member.process.silent_since_s
                if since is not None and now - since > SESSION_S:
                    self._put_out(client_id)
                    self._wants_balance = True
            if self._wants_balance:
                await self._balance()

    def _put_out(self, client_id: str) -> None:
        self._members.pop(client_id, None)
        self._assigned.pop(client_id, None)

    def _report(self, member: Member, what: Callable[..., None], *given: object) -> None:
        """Send a member word; what was sent first comes first."""
        loop = self._broker.loop
        at = max(self._heard.get(member.client_id, 0.0) + 1e-6, loop.time() + self._broker.hop_s())
        self._heard[member.client_id] = at
        loop.call_at(at, what, *given, context=loop.context_of(member.process))

    async def _balance(self) -> None:
        self._is_balancing, self._wants_balance = True, False
        self.rebalances += 1
        loop = self._broker.loop
        let_go = {client_id: asyncio.Event() for client_id in self._members}
        for client_id, member in self._members.items():
            held = self._assigned.get(client_id, frozenset())

            def released(event: asyncio.Event = let_go[client_id]) -> None:
                loop.call_later(self._broker.hop_s(), event.set, context=loop.context_of(self._broker.process))

            self._report(member, member.reported_to_release, held, released)
        waiting = [asyncio.ensure_future(event.wait()) for event in let_go.values()]
        if waiting:
            _, late = await asyncio.wait(waiting, timeout=_REBALANCE_S)
            for task in late:
                task.cancel()
        for client_id, event in let_go.items():
            if not event.is_set():
                self._broker.trace.say(f"group {client_id} does not let go")
                self._put_out(client_id)  # it does not answer; when it wakes up it is nobody's member
        order = sorted(self._members)
        self._broker.rng.shuffle(order)
        dealt: dict[str, set[Partition]] = {client_id: set() for client_id in order}
        shuffled = list(self._partitions)
        self._broker.rng.shuffle(shuffled)
        for number, partition in enumerate(shuffled):
            if order:
                dealt[order[number % len(order)]].add(partition)
        self._assigned = {client_id: frozenset(held) for client_id, held in dealt.items()}
        self._is_balancing = False
        self._broker.trace.say(f"group {', '.join(f'{one}: {len(self._assigned[one])}' for one in sorted(order))}")
        for client_id in order:
            member = self._members[client_id]
            self._report(member, member.reported_what_it_holds, self._assigned[client_id])
