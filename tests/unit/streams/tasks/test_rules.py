"""Rules that a task decides by: in force from the record that adopts them, on each partition by its own log."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from app.proofs.rebuild import compare_agents
from schemas import catalog
from schemas.failures import ContractBroken
from schemas.records.rules import AdoptRules
from schemas.records.settlement import (
    DepositBreakFound,
    DepositMatched,
    DepositMatchSuggested,
)
from schemas.records.tasks import DeadLetter, RulesAdopted
from schemas.topic import Topic
from schemas.wire.codec import Codec
from schemas.wire.envelope import header_text
from streams.agents import ADOPT_RULES, RECONCILE_DEPOSITS
from streams.log.memory import MemoryLog
from streams.log.outbound import Outbound
from streams.tasks.membership import SoleOwner
from streams.tasks.ports import SilentObserver
from streams.tasks.processor import AnyProcessor
from streams.tasks.progress import Progress
from streams.tasks.stores import MemoryStore
from streams.tasks.task import Task, TaskRules
from tests.support.adopted import offers
from tests.support.builders import at
from tests.support.settlement import ACCOUNT, bank, settled
from tests.support.signing import RING, SIGNER, by_hand, signer_of
from tests.support.typed import as_a

CODEC = Codec()
INBOX, RULES = Topic.SETTLEMENT_INBOX, Topic.RULES_INBOX
NAME = "deposit-matching"


class Killed(Exception):
    """The process ended."""


@dataclass
class Brittle(MemoryLog):
    """Ends the process after so many records of an append."""

    partitions_count: int = 1
    kill_after: int | None = None
    written: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(dict.fromkeys(catalog.topics(), self.partitions_count) | {RULES: 1, "rules.events.v1": 1})
        self.signer = SIGNER

    async def append(self, records: Sequence[Outbound]) -> Sequence[int]:
        if self.kill_after is not None and len(records) > self.kill_after:
            await super().append(records[: self.kill_after])
            raise Killed
        return await super().append(records)


class Room:
    """adopt-rules and reconcile-deposits on a log in memory; every task knows only what its journal says."""

    def __init__(self, partitions: int = 1) -> None:
        self.log = Brittle(partitions)

    def task(self, processor: AnyProcessor, partition: int = 0) -> Task[Any]:
        return Task(
            processor,
            partition,
            log=self.log,
            store=MemoryStore(),
            codec=CODEC,
            ring=RING,
            membership=SoleOwner(),
            observer=SilentObserver(),
            rules=TaskRules(),
        )

    async def put(self, topic: Topic, *records: Any, partition: int = 0) -> None:
        for record in records:
            key = catalog.topic(topic).key_of(record)
            value = CODEC.encode(record)
            await self.log.append([by_hand(self.log, topic, record, value, key=key, partition=partition)])

    async def settle(self) -> None:
        await self.task(ADOPT_RULES).catch_up()
        for partition in range(self.log.partition_count(INBOX)):
            await self.task(RECONCILE_DEPOSITS, partition).catch_up()

    async def report(self, topic: Topic, *records: Any) -> None:
        await self.put(topic, *records)
        await self.settle()

    def events(self, kind: Any, topic: str = Topic.SETTLEMENT_EVENTS, partition: int = 0) -> list[Any]:
        reported = [CODEC.decode(record.value) for record in self.log.records(topic, partition)]
        return [event for event in reported if isinstance(event, kind)]

    async def in_force(self, partition: int = 0) -> dict[str, int]:
        progress = await self.task(RECONCILE_DEPOSITS, partition).restore()
        return {name: adopted.version for name, adopted in progress.rules.items()}

    async def assert_rebuild(self) -> None:
        found = await compare_agents([ADOPT_RULES, RECONCILE_DEPOSITS], self.log, CODEC, RING)
        assert [one.what for one in found if not one.is_identical] == []


def begin(partitions: int = 1) -> Any:
    """What ships, as version 2 whichever version ships today."""
    offer = next(offer for offer in offers(partitions) if offer.rules_name == NAME)
    return replace(offer, text=re.sub(r"^version: \d+$", "version: 2", offer.text, flags=re.MULTILINE))


def adopt(version: int, sure_one_in: int = 1000, partitions: int = 1, **changed: Any) -> AdoptRules:
    reported: dict[str, Any] = {
        "rules_name": NAME,
        "version": version,
        "text": f"version: {version}\nsure_one_in: {sure_one_in}\nrest: wait\nrest_percent: 5\n",
        "partitions": {INBOX: partitions},
        "command_id": f"adopt-{version}-{sure_one_in}",
        "requested_by": "maria",
        "authenticated_by": "session",
        "reason": "agreed",
        "requested_at": at(version),
    }
    return AdoptRules(**(reported | changed))


def deposit(number: int) -> tuple[Any, Any]:
    """A payment, and the bank line that pays it out alone."""
    return settled(f"{number}", 100_00 + number, 0), bank(f"B{number}", 100_00 + number, 1)


FINDING = (DepositMatched, DepositMatchSuggested, DepositBreakFound)


def versions(room: Room) -> dict[str, int]:
    return {one.bank_line_id: one.rule_version for one in room.events((DepositMatched, DepositMatchSuggested))}


async def test_a_decision_before_an_adoption_is_by_the_old_rules_and_one_after_by_the_new() -> None:
    room = Room()
    await room.report(RULES, begin())
    await room.report(INBOX, *deposit(1))
    await room.report(RULES, adopt(3))
    await room.report(INBOX, *deposit(2))
    assert versions(room) == {"B1": 2, "B2": 3}
    assert await room.in_force() == {NAME: 3}
    await room.assert_rebuild()


async def test_one_batch_that_holds_an_adoption_is_decided_as_single_records_are() -> None:
    room, apart = Room(), Room()
    for one in (room, apart):
        await one.put(RULES, begin())
        await one.task(ADOPT_RULES).catch_up()
        await one.put(INBOX, *deposit(1))
        await one.put(RULES, adopt(3))
        await one.task(ADOPT_RULES).catch_up()
        await one.put(INBOX, *deposit(2))
    await room.task(RECONCILE_DEPOSITS).catch_up()
    for record in apart.log.records(INBOX, 0):
        await apart.task(RECONCILE_DEPOSITS).advance([record])
    assert versions(room) == {"B1": 2, "B2": 3}
    journals = [
        [(r.key, r.value, r.headers) for r in one.log.records(Topic.SETTLEMENT_EVENTS, 0)] for one in (room, apart)
    ]
    assert journals[0] == journals[1]


async def test_what_lies_before_the_first_adoption_waits_for_it_and_is_decided_by_it() -> None:
    room = Room()
    await room.put(INBOX, *deposit(1))
    task = room.task(RECONCILE_DEPOSITS)
    await task.catch_up()
    assert task.stalled_because is not None
    assert "no deposit-matching adopted yet" in task.stalled_because
    assert room.events(FINDING) == []
    await room.report(RULES, begin())
    assert versions(room) == {"B1": 2}
    await room.assert_rebuild()


async def test_a_rebuild_finds_the_first_rules_though_the_task_stopped_before_it_took_them() -> None:
    room = Room()
    await room.put(INBOX, *deposit(1))
    await room.report(RULES, begin())
    records = room.log.records(INBOX, 0)
    fresh = Room()
    fresh.log._records[INBOX, 0] = list(records)
    await fresh.task(RECONCILE_DEPOSITS).advance(records[:2])
    assert versions(fresh) == {"B1": 2}
    assert await fresh.in_force() == {}
    await fresh.assert_rebuild()


@pytest.mark.parametrize("written", range(4))
async def test_a_kill_between_two_partitions_ends_in_force_on_all_of_them(written: int) -> None:
    room = Room(partitions=4)
    await room.report(RULES, begin(4))
    await room.put(RULES, adopt(3, partitions=4))
    room.log.kill_after = written
    with pytest.raises(Killed):
        await room.task(ADOPT_RULES).catch_up()
    room.log.kill_after = None
    await room.settle()
    assert [await room.in_force(partition) for partition in range(4)] == [{NAME: 3}] * 4
    # Each partition took it once, though it may hold it twice.
    taken = [len(room.events(RulesAdopted, partition=partition)) for partition in range(4)]
    assert taken == [2] * 4
    assert len(room.events(RulesAdopted, INBOX, 0)) == (2 if written == 0 else 3)
    await room.assert_rebuild()


async def test_two_people_who_adopt_at_once_leave_every_partition_with_the_same_rules() -> None:
    for order in itertools.permutations((adopt(3, 100, 2), adopt(3, 200, 2), adopt(4, 300, 2))):
        room = Room(partitions=2)
        await room.report(RULES, begin(2))
        await room.report(RULES, *order)
        texts = {(await room.task(RECONCILE_DEPOSITS, one).restore()).rules[NAME].text for one in range(2)}
        assert texts == {adopt(4, 300).text}
        await room.assert_rebuild()


async def test_an_old_adoption_written_again_changes_nothing() -> None:
    room = Room()
    await room.report(RULES, begin())
    await room.report(RULES, adopt(3))
    old = room.log.records(INBOX, 0)[0]
    # Signed as it is, and without the source by which it would be known as a repeat.
    headers = [header for header in old.headers if header[0] != "saldo-source"]
    again = Outbound(topic=INBOX, partition=0, key=old.key or b"", value=old.value or b"", headers=headers)
    await room.log.append([again])
    await room.report(INBOX, *deposit(1))
    assert versions(room) == {"B1": 3}
    await room.assert_rebuild()


async def test_a_forged_adoption_is_ignored(caplog: pytest.LogCaptureFixture) -> None:
    room = Room()
    await room.report(RULES, begin())
    (adopted,) = room.events(RulesAdopted, INBOX)
    forged = replace(adopted, number=9, version=9, text="version: 9\nsure_one_in: 1\nrest: wait\nrest_percent: 5\n")
    value, key = CODEC.encode(forged), NAME.encode()
    await room.log.append([Outbound(topic=INBOX, partition=0, key=key, value=value, headers=[])])
    with pytest.raises(ContractBroken, match="RulesAdopted"):
        signer_of("operators").headers(topic=INBOX, key=key, type="RulesAdopted", event_id="e", value=value)
    await room.report(INBOX, *deposit(1))
    assert "forged adoption ignored" in caplog.messages
    assert versions(room) == {"B1": 2}
    assert room.log.records(f"{INBOX}.dlq", 0) == []
    await room.assert_rebuild()


async def test_rules_that_this_version_can_not_read_stop_the_task_and_are_named() -> None:
    room = Room()
    await room.report(RULES, begin())
    (adopted,) = room.events(RulesAdopted, INBOX)
    await room.put(INBOX, replace(adopted, number=2, version=3, text="version: 3\nsure_once: 7\n"))
    await room.put(INBOX, *deposit(1))
    task = room.task(RECONCILE_DEPOSITS)
    await task.catch_up()
    assert task.stalled_because is not None
    assert "can't read the rules in force" in task.stalled_because
    assert "sure_once: is no entry here; did you mean sure_one_in?" in task.stalled_because
    assert room.events(FINDING) == []


async def test_a_snapshot_keeps_the_rules() -> None:
    room = Room()
    await room.report(RULES, begin())
    progress = await room.task(RECONCILE_DEPOSITS).restore()
    assert Progress.from_bytes(progress.to_bytes()).rules == progress.rules != {}
    copied = progress.copy()
    copied.rules.clear()
    assert progress.rules != {}  # a batch that is given up leaves no trace


async def test_an_adoption_for_a_partition_that_is_not_there_is_parked() -> None:
    room = Room()
    await room.report(RULES, begin(), adopt(3, partitions=2))
    assert await room.in_force() == {NAME: 2}
    (letter,) = [CODEC.decode(record.value) for record in room.log.records(f"{RULES}.dlq", 0)]
    assert "is for partition 1 of settlement.inbox.v1, which has 1" in as_a(DeadLetter, letter).message


async def test_the_account_is_what_the_rules_are_asked_about() -> None:
    room = Room()
    await room.report(RULES, begin())
    await room.report(INBOX, *deposit(1))
    keys = {record.key for record in room.log.records(Topic.SETTLEMENT_EVENTS, 0)}
    assert keys == {ACCOUNT.encode(), NAME.encode()}
    names = [header_text(record.headers, "ce_type") for record in room.log.records(Topic.SETTLEMENT_EVENTS, 0)]
    assert names[0] == "RulesAdopted"
