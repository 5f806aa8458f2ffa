"""Rules 1 to 6 of design.md section 3: nothing is lost or doubled, wherever the process ends."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from schemas.records.payments import RefundApplied, RefundLinked
from schemas.wire.envelope import SourcePosition, header_text
from streams.log.outbound import Outbound
from streams.log.ports import DeliveryFailed
from streams.log.records import partition_for
from streams.tasks.ports import SilentObserver
from streams.tasks.stores import MemoryStore, SqliteStore, digest
from tests.support.task_lab import (
    CODEC,
    COUNTING,
    INBOX,
    JOURNAL,
    NEXT,
    Counted,
    FragileLog,
    Killed,
    Lab,
    decide,
    ids_of,
    refund,
)

UPSTREAM = "refunds.events.v1"


async def test_rule_1_a_new_task_learns_its_position_and_state_from_the_journal_alone() -> None:
    lab = Lab()
    await lab.task.advance(lab.write(refund("p", "r1"), refund("q", "r2"), refund("p", "r3")))
    lab.task = lab.new_task(store := MemoryStore[Counted]())
    progress = await lab.task.restore()
    assert progress.position == 3
    assert store.get(b"p") == Counted(("r1", "r3"), 200)
    assert store.get(b"q") == Counted(("r2",), 100)


async def test_rule_2_a_record_below_the_position_is_skipped_in_silence() -> None:
    lab = Lab()
    first = lab.write(refund("p", "r1"))
    await lab.task.advance(first)
    await lab.task.advance(first)
    assert ids_of(lab.journal()) == ["r1"]
    assert len(lab.log.records(JOURNAL, 0)) == 1


class Healing(SilentObserver):
    """Counts what a task had to read itself."""

    def __init__(self) -> None:
        self.records = 0

    def healed(self, task: str, records: int) -> None:
        self.records += records


def reported_to_decide(lab: Lab) -> list[str]:
    """What the decider is asked from now on, in order; silence about a repeat would hide that it was asked."""
    asked: list[str] = []

    def listen(state: Counted, record: RefundLinked) -> tuple[RefundApplied, ...]:
        asked.append(record.refund_transaction_id)
        return decide(state, record)

    lab.task = lab.new_task(decide=listen)
    return asked


async def test_rule_2_a_delivery_that_overlaps_the_position_is_decided_from_there() -> None:
    lab = Lab()
    asked = reported_to_decide(lab)
    records = lab.write(refund("p", "r1"), refund("p", "r2"))
    await lab.task.advance(records)
    records += lab.write(refund("p", "r3"))
    await lab.task.advance(records)
    assert asked == ["r1", "r2", "r3"]


async def test_rule_2_what_is_decided_before_a_gap_is_not_decided_again_behind_it() -> None:
    lab = Lab()
    asked = reported_to_decide(lab)
    first = lab.write(refund("p", "r1"))
    lab.write(refund("p", "r2"))
    third = lab.write(refund("p", "r3"))
    await lab.task.advance(first + third)
    assert asked == ["r1", "r2", "r3"]


async def test_rule_2_a_delivery_out_of_order_is_put_in_order_and_is_no_gap() -> None:
    lab = Lab()
    lab.task._observer = healing = Healing()
    records = lab.write(refund("p", "r1"), refund("p", "r2"), refund("p", "r3"))
    await lab.task.advance(list(reversed(records)))
    assert ids_of(lab.journal()) == ["r1", "r2", "r3"]
    assert healing.records == 0


async def test_rule_2_inbox_records_that_are_gone_before_they_were_decided_stop_the_task() -> None:
    class Cut(FragileLog):
        async def watermarks(self, topic: str, partition: int) -> tuple[int, int]:
            _, end = await super().watermarks(topic, partition)
            return (1 if topic == INBOX else 0), end

    lab = Lab(log=Cut())
    lab.write(refund("p", "r1"), refund("p", "r2"))
    await lab.task.catch_up()
    assert lab.journal() == []
    assert lab.task.stalled_because is not None
    assert "0 to 0 of payments.observations.v1/0 are gone" in lab.task.stalled_because


async def test_rule_2_after_a_stop_nothing_that_lies_behind_it_is_decided() -> None:
    lab = Lab()
    lab.task.processor = replace(lab.task.processor, batch_size=2)
    await lab.task.advance(lab.write(refund("p", "r1"), refund("p", "r2", 66), refund("q", "r3"), refund("q", "r4")))
    assert ids_of(lab.journal()) == ["r1"]


async def test_rule_2_records_that_were_never_delivered_are_read_and_decided_first() -> None:
    lab = Lab()
    lab.write(refund("p", "r1"), refund("p", "r2"))
    delivered = lab.write(refund("p", "r3"))
    lab.write(refund("p", "r4"))
    also_delivered = lab.write(refund("p", "r5"))
    await lab.task.advance(delivered + also_delivered)
    assert ids_of(lab.journal()) == ["r1", "r2", "r3", "r4", "r5"]


async def test_rule_2_a_gap_at_the_tail_is_found_without_any_delivery() -> None:
    lab = Lab()
    lab.write(refund("p", "r1"), refund("p", "r2"))
    assert await lab.task.catch_up() == 0
    assert ids_of(lab.journal()) == ["r1", "r2"]


async def test_rule_3_outputs_are_written_first_and_the_journal_last() -> None:
    lab = Lab()
    await lab.task.advance(lab.write(refund("p", "r1"), refund("p", "r2")))
    assert lab.log.order == [NEXT, NEXT, JOURNAL, JOURNAL]


@pytest.mark.parametrize("kill_at_append", [1, 2, 3, 4])
@pytest.mark.parametrize("records_before_kill", [0, 1, 2, 3])
async def test_rule_3_a_crash_at_any_append_loses_and_doubles_nothing(
    kill_at_append: int, records_before_kill: int
) -> None:
    lab = Lab(log=FragileLog(kill_at_append=kill_at_append, records_before_kill=records_before_kill))
    batches = [lab.write(refund("p", "r1"), refund("q", "r2", 3000)), lab.write(refund("p", "r3", 3000))]
    with pytest.raises(Killed):
        await lab.advance_all(batches)
    lab.restart()
    await lab.task.catch_up()
    assert ids_of(lab.journal()) == ["r1", "r2", "r2", "r3", "r3"]
    assert len(lab.outputs()) == 5
    restored = Lab(log=lab.log, store=(store := MemoryStore[Counted]()))
    await restored.task.restore()
    assert store.get(b"q") == Counted(("r2", "r2"), 3000)
    assert store.get(b"p") == Counted(("r1", "r3", "r3"), 3100)


@dataclass
class SlowLog(FragileLog):
    """Takes a while for each append, so that the next batch is decided meanwhile."""

    async def append(self, records: Sequence[Outbound]) -> Sequence[int]:
        for _ in range(5):
            await asyncio.sleep(0)
        return await super().append(records)


@pytest.mark.parametrize("kill_at_append", [None, *range(1, 9)])
@pytest.mark.parametrize("records_before_kill", [0, 1, 2])
async def test_rule_3_holds_batch_by_batch_though_the_next_is_decided_meanwhile(
    kill_at_append: int | None, records_before_kill: int
) -> None:
    log = SlowLog(kill_at_append=kill_at_append, records_before_kill=records_before_kill)
    lab = Lab(log=log, processor=replace(COUNTING, batch_size=2))
    # Each batch needs the state that the one before it leads to: a repeated id is silence.
    batch = lab.write(*(refund("p", f"r{number}") for number in (1, 2, 2, 3, 4, 1, 5, 6)))
    if kill_at_append is None:
        await lab.task.advance(batch)
    else:
        with pytest.raises(Killed):
            await lab.task.advance(batch)
        lab.restart()
        await lab.task.catch_up()
    assert ids_of(lab.journal()) == ["r1", "r2", "r3", "r4", "r5", "r6"]
    assert len(lab.outputs()) == 6
    if kill_at_append is None:
        assert log.order == [
            NEXT,
            NEXT,
            JOURNAL,
            JOURNAL,
            NEXT,
            JOURNAL,
            NEXT,
            JOURNAL,
            *[NEXT, NEXT, JOURNAL, JOURNAL],
        ]
    restored = Lab(log=lab.log, store=(store := MemoryStore[Counted]()))
    await restored.task.restore()
    assert store.get(b"p") == Counted(("r1", "r2", "r3", "r4", "r5", "r6"), 600)


async def test_rule_3_silence_is_marked_so_that_it_does_not_cost_a_long_reread() -> None:
    lab = Lab()
    lab.rules = type(lab.rules)(failures_in_a_row=3, marker_every=10)
    lab.task = lab.new_task()
    await lab.task.advance(lab.write(*[refund("p", "r1")] * 25))
    assert ids_of(lab.journal()) == ["r1"]
    lab.task = lab.new_task(MemoryStore())
    assert (await lab.task.restore()).position >= 20


async def test_rule_4_what_is_written_twice_is_the_same_record() -> None:
    lab = Lab(log=FragileLog(kill_at_append=2))
    batch = lab.write(refund("p", "r1"), refund("p", "r2"))
    with pytest.raises(Killed):
        await lab.task.advance(batch)
    lab.restart()
    await lab.task.catch_up()
    written = [(record.key, record.value, record.headers) for record in lab.log.records(NEXT, 0)]
    assert len(written) == 4
    assert written[:2] == written[2:]
    assert header_text(lab.log.records(NEXT, 0)[0].headers, "saldo-source") == f"{INBOX}/0/0/0"


async def test_rule_4_an_event_and_what_it_leads_to_are_two_events() -> None:
    lab = Lab()
    await lab.task.advance(lab.write(refund("p", "r1", 3000)))
    written = [*lab.log.records(JOURNAL, 0), *lab.log.records(NEXT, 0)]
    assert len({record.event_id for record in written}) == len(written) == 4


async def test_rule_4_a_replay_of_the_inbox_gives_the_same_journal_to_the_byte() -> None:
    rng = random.Random(7)
    one, other = Lab(), Lab()
    inbox = [refund(rng.choice("pqr"), f"r{rng.randrange(40)}", rng.choice([100, 3000, 13])) for _ in range(120)]
    sources = [SourcePosition(UPSTREAM, rng.randrange(3), number, 0) for number in range(120)]
    for lab, sizes in ((one, (1, 2, 3)), (other, (7, 50))):
        records = lab.write(*inbox, sources=sources)
        lab.rules = type(lab.rules)(failures_in_a_row=1000, marker_every=sizes[0] * 2)
        lab.task = lab.new_task()
        while records:
            size = rng.choice(sizes)
            await lab.task.advance(records[:size])
            records = records[size:]
            if rng.random() < 0.2:
                lab.restart()
    assert one.bytes_of(JOURNAL) == other.bytes_of(JOURNAL)
    assert one.bytes_of(NEXT) == other.bytes_of(NEXT)


async def test_rule_5_a_repeat_of_an_upstream_is_dropped_also_after_a_restart() -> None:
    lab = Lab()
    source = [SourcePosition(UPSTREAM, 2, 40, 0), SourcePosition(UPSTREAM, 2, 40, 1)]
    await lab.task.advance(lab.write(refund("p", "r1"), refund("p", "r2"), sources=source))
    lab.task = lab.new_task(MemoryStore())
    late = [SourcePosition(UPSTREAM, 2, 40, 0), SourcePosition(UPSTREAM, 2, 41, 0)]
    await lab.task.advance(lab.write(refund("p", "again"), refund("p", "r3"), sources=late))
    assert ids_of(lab.journal()) == ["r1", "r2", "r3"]


async def test_rule_5_an_upstream_record_that_was_decided_in_silence_is_remembered_too() -> None:
    lab = Lab()
    sources = [SourcePosition(UPSTREAM, 0, 1, 0), SourcePosition(UPSTREAM, 1, 9, 0), SourcePosition(UPSTREAM, 0, 2, 0)]
    await lab.task.advance(lab.write(refund("p", "r1"), refund("p", "r1"), refund("p", "r2"), sources=sources))
    lab.task = lab.new_task(MemoryStore())
    repeat = [SourcePosition(UPSTREAM, 1, 9, 0)]
    await lab.task.advance(lab.write(refund("p", "would be new"), sources=repeat))
    assert ids_of(lab.journal()) == ["r1", "r2"]


async def test_rule_6_a_failed_delivery_leaves_state_and_position_where_they_were() -> None:
    class Failing(FragileLog):
        async def append(self, records):  # type: ignore[no-untyped-def]  # same as the port
            raise DeliveryFailed("no acknowledgement")

    lab = Lab(log=Failing())
    batch = lab.write(refund("p", "r1"))
    with pytest.raises(DeliveryFailed):
        await lab.task.advance(batch)
    assert lab.task.progress is not None
    assert lab.task.progress.position == 0
    assert lab.store.get(b"p") is None


async def test_rule_6_without_its_outputs_nothing_reaches_the_journal() -> None:
    class NoOutputs(FragileLog):
        async def append(self, records: Sequence[Outbound]) -> Sequence[int]:
            if any(record.topic == NEXT for record in records):
                raise DeliveryFailed("no acknowledgement")
            return await super().append(records)

    lab = Lab(log=NoOutputs())
    with pytest.raises(DeliveryFailed):
        await lab.task.advance(lab.write(refund("p", "r1")))
    assert lab.log.records(JOURNAL, 0) == []


async def test_a_journal_with_another_writer_makes_the_task_restore_instead_of_going_on() -> None:
    lab = Lab()
    await lab.task.advance(lab.write(refund("p", "r1")))
    successor = lab.new_task(MemoryStore())
    await successor.advance(lab.write(refund("p", "r2"), refund("p", "r3")))
    await lab.task.advance(lab.write(refund("p", "r4")))
    await lab.task.catch_up()
    assert ids_of(lab.journal()) == ["r1", "r2", "r3", "r4"]
    # One batch of repeats at most: r2 to r4 of the paused task, written once more by nobody.
    assert len(lab.log.records(JOURNAL, 0)) <= 7


async def test_a_task_that_lost_its_partition_writes_nothing() -> None:
    class Lost:
        async def holds(self, topic: str, partition: int) -> bool:
            return False

    lab = Lab(membership=Lost())
    await lab.task.advance(lab.write(refund("p", "r1")))
    await lab.task.catch_up()
    assert lab.log.records(JOURNAL, 0) == []
    assert lab.log.records(NEXT, 0) == []


@pytest.mark.parametrize("kill_at_append", range(1, 9))
async def test_the_snapshot_on_disk_may_lag_or_vanish_and_changes_nothing(tmp_path: Path, kill_at_append: int) -> None:
    path = tmp_path / "task.sqlite"
    lab = Lab(log=FragileLog(kill_at_append=kill_at_append), store=SqliteStore(path, Counted))
    batches = [lab.write(refund("p", f"a{i}"), refund("q", f"b{i}", 3000)) for i in range(4)]
    with contextlib.suppress(Killed):
        await lab.advance_all(batches)
    lab.store.close()
    lab.store = SqliteStore(path, Counted)
    lab.restart()
    await lab.task.catch_up()
    kept = digest(lab.store.items())
    lab.store.close()
    path.unlink()
    lab.store = SqliteStore(path, Counted)
    lab.restart()
    await lab.task.restore()
    assert digest(lab.store.items()) == kept
    assert len(ids_of(lab.journal())) == 12
    lab.store.close()


async def test_a_corrupt_snapshot_is_thrown_away(tmp_path: Path) -> None:
    path = tmp_path / "task.sqlite"
    path.write_bytes(b"not a database, however hard you look at it" * 100)
    lab = Lab(store=SqliteStore(path, Counted))
    await lab.task.advance(lab.write(refund("p", "r1")))
    assert lab.store.get(b"p") == Counted(("r1",), 100)
    lab.store.close()


async def test_records_of_a_foreign_partitioner_are_moved_to_the_partition_of_their_key() -> None:
    lab = Lab()
    lab.log._partitions[INBOX] = 2
    here = next(f"p{i}" for i in range(99) if partition_for(f"p{i}".encode(), 2) == 0)
    elsewhere = next(f"p{i}" for i in range(99) if partition_for(f"p{i}".encode(), 2) == 1)
    lab.write(refund(here, "r1"))
    lab.write_bytes(elsewhere.encode(), CODEC.encode(refund(elsewhere, "r2")), [("ce_id", b"given by its producer")])
    await lab.task.catch_up()
    assert ids_of(lab.journal()) == ["r1"]
    moved = lab.log.records(INBOX, 1)
    assert [record.key for record in moved] == [elsewhere.encode()]
    assert header_text(moved[0].headers, "saldo-source") == f"{INBOX}/0/1/0"
    assert header_text(moved[0].headers, "ce_id") == "given by its producer"
    assert (await lab.new_task(MemoryStore()).restore()).position == 1
