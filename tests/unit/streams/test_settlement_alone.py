"""A settlement record that can't be read waits alone: the rest of its merchant account goes on without it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.proofs.rebuild import compare_agents
from schemas import catalog
from schemas.records.settlement import DepositMatched, SettlementBatchRecorded, SettlementLineRecorded
from schemas.records.tasks import ParkedReplayRequested, RecordParked
from streams.agents import RECONCILE_DEPOSITS
from streams.log.memory import MemoryLog
from streams.log.outbound import Outbound
from streams.log.records import Inbound, partition_for
from streams.tasks.membership import SoleOwner
from streams.tasks.ports import SilentObserver
from streams.tasks.stores import MemoryStore
from streams.tasks.task import Task, TaskRules
from tests.support.adopted import adopt_into
from tests.support.settlement import ACCOUNT, bank, batch, noon, settled, statement
from tests.support.signing import RING, SIGNER, command_headers
from tests.support.task_lab import CODEC

INBOX, JOURNAL = RECONCILE_DEPOSITS.inbox, RECONCILE_DEPOSITS.journal
KEY = ACCOUNT.encode()


class Room:
    """The settlement agent on a log in memory."""

    def __init__(self) -> None:
        self.log = MemoryLog(dict.fromkeys(catalog.topics(), 1), signer=SIGNER)
        adopt_into(self.log)
        self.task = Task(
            RECONCILE_DEPOSITS,
            0,
            log=self.log,
            store=MemoryStore(),
            codec=CODEC,
            ring=RING,
            membership=SoleOwner(),
            observer=SilentObserver(),
            rules=TaskRules(failures_in_a_row=20, marker_every=1_000),
        )

    async def report(self, *values: Any) -> None:
        for value in values:
            await self.task.advance([self._write(value)])

    def _write(self, value: Any) -> Inbound:
        encoded = value if isinstance(value, bytes) else CODEC.encode(value)
        event_id = f"e{len(self.log.records(INBOX, 0))}"
        headers = [] if isinstance(value, bytes) else command_headers(INBOX, value, encoded, event_id)
        self.log._append(Outbound(topic=INBOX, partition=0, key=KEY, value=encoded, headers=headers))
        return self.log.records(INBOX, 0)[-1]

    def events(self, kind: type[Any]) -> list[Any]:
        reported = [CODEC.decode(record.value) for record in self.log.records(JOURNAL, 0)]
        return [event for event in reported if isinstance(event, kind)]


UNREADABLE: list[Any] = [
    b"no record at all",
    # More than seven days after it was seen: a slip of the pen.
    replace(bank("B9", 70_00, 1), booked_on=bank("B9", 70_00, 30).booked_on),
    # Another currency than the account's.
    replace(settled("9", 70_00, 1), currency="EUR"),
]


@pytest.mark.parametrize("broken", UNREADABLE, ids=["bytes", "days ahead", "currency"])
async def test_a_deposit_is_explained_while_another_record_of_the_account_waits(broken: Any) -> None:
    room = Room()
    await room.report(broken, settled("1", 125_00, 0, 7), batch(7, 125_00, 0), bank("B1", 125_00, 1, 7), statement(1))
    assert [(one.record_key, one.behind) for one in room.events(RecordParked)] == [(KEY, None)]
    assert [one.bank_line_id for one in room.events(DepositMatched)] == ["B1"]
    assert {one.line_id for one in room.events(SettlementLineRecorded)} == {"1:CAPTURED", "B1"}
    found = await compare_agents([RECONCILE_DEPOSITS], room.log, CODEC, RING)
    assert [one.what for one in found if not one.is_identical] == []


async def test_a_statement_of_a_batch_that_comes_late_does_not_take_the_place_of_a_newer_one() -> None:
    room = Room()
    newer, older = batch(7, 125_00, 2), replace(batch(7, 90_00, 2), observed_at=noon(1))
    await room.report(newer, older, newer)
    assert [one.net_minor for one in room.events(SettlementBatchRecorded)] == [125_00]


async def test_a_replay_of_what_still_can_not_be_read_leaves_it_and_the_account_goes_on() -> None:
    room = Room()
    again = ParkedReplayRequested(record_key=KEY, requested_by="dana", reason="mended", requested_at=noon(2))
    await room.report(b"no record", settled("1", 125_00, 0), again, settled("2", 50_00, 0))
    assert {one.line_id for one in room.events(SettlementLineRecorded)} == {"1:CAPTURED", "2:CAPTURED"}
    assert room.task.progress is not None
    assert room.task.progress.parked == {KEY: (1,)}
    assert partition_for(KEY, 1) == 0
