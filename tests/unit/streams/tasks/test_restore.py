"""Rule 1 of design.md section 3: the journal is the truth, a snapshot is a copy that is trusted only when it fits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from schemas.failures import ContractBroken
from schemas.records.payments import RefundApplied, RefundLinked
from schemas.wire.envelope import SourcePosition, header_map
from streams.log.memory import MemoryLog
from streams.log.outbound import Outbound
from streams.tasks import task as task_module
from streams.tasks.progress import Progress
from streams.tasks.stores import MemoryStore, SqliteStore
from tests.support.task_lab import INBOX, JOURNAL, NEXT, Counted, Decide, FragileLog, Killed, Lab, decide, refund

UPSTREAM = "refunds.events.v1"


def reopened(lab: Lab, path: Path) -> Lab:
    """The same partition after the process ended and began again with its snapshot."""
    lab.store.close()
    lab.store = SqliteStore(path, Counted)
    lab.restart()
    return lab


def on_disk(path: Path, log: FragileLog | None = None) -> Lab:
    return Lab(log=log or FragileLog(), store=SqliteStore(path, Counted))


class CountingReads(FragileLog):
    """Knows which ranges were asked for."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.ranges: list[tuple[str, int, int]] = []

    async def read(self, topic: str, partition: int, start: int, end: int) -> Any:
        self.ranges.append((topic, start, end))
        async for batch in super().read(topic, partition, start, end):
            yield batch


async def test_a_snapshot_shortens_the_restore_to_what_came_after_it(tmp_path: Path) -> None:
    lab = on_disk(tmp_path / "task.sqlite", log := CountingReads())
    await lab.task.advance(lab.write(refund("p", "r1"), refund("p", "r2")))
    await lab.task.advance(lab.write(refund("p", "r3")))
    lab = reopened(lab, tmp_path / "task.sqlite")
    log.ranges.clear()
    assert (await lab.task.restore()).position == 3
    # The snapshot of the last batch knows where the journal ended then.
    assert log.ranges == [(JOURNAL, 3, 3)]
    assert lab.store.get(b"p") == Counted(("r1", "r2", "r3"), 300)
    lab.store.close()


async def test_a_snapshot_taken_while_restoring_knows_its_place_in_the_journal(tmp_path: Path) -> None:
    lab = on_disk(tmp_path / "task.sqlite", log := CountingReads())
    await lab.task.advance(lab.write(refund("p", "r1"), refund("q", "r2")))
    lab.store.close()
    (tmp_path / "task.sqlite").unlink()
    for _ in range(2):
        lab = reopened(lab, tmp_path / "task.sqlite")
        await lab.task.restore()
    assert log.ranges[-1] == (JOURNAL, 2, 2)
    lab.store.close()


async def test_a_group_that_a_crash_cut_short_is_read_again_when_its_rest_comes(tmp_path: Path) -> None:
    path = tmp_path / "task.sqlite"
    lab = on_disk(path, FragileLog(kill_at_append=2, records_before_kill=1))
    with pytest.raises(Killed):
        await lab.task.advance(lab.write(refund("p", "r1", 3000)))
    # A restore that ends there leaves a snapshot; the one half must be neither folded nor behind it.
    lab = reopened(lab, path)
    assert (await lab.task.restore()).position == 0
    assert lab.store.get(b"p") is None
    lab.store.close()
    # The other half comes from the paused writer itself, which needs no first half again.
    other = Lab(log=lab.log)
    await other.task.catch_up()
    whole = lab.log.records(JOURNAL, 0)
    del whole[1]
    whole[1] = replace(whole[1], offset=1)
    lab = reopened(lab, path)
    assert (await lab.task.restore()).position == 1
    assert lab.store.get(b"p") == Counted(("r1", "r1"), 3000)
    lab.store.close()


async def test_a_long_journal_is_restored_in_chunks_and_none_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task_module, "RESTORE_CHUNK", 3)
    monkeypatch.setattr("streams.log.memory.READ_BATCH", 2)
    lab = Lab()
    await lab.task.advance(lab.write(*(refund(f"p{i % 7}", f"r{i}") for i in range(30))))
    lab.task = lab.new_task(store := MemoryStore[Counted]())
    await lab.task.restore()
    assert sum(state.total_minor for _, state in store.items()) == 3000
    assert store.get(b"p1") == Counted(tuple(f"r{i}" for i in range(1, 30, 7)), 500)


async def test_a_snapshot_that_is_ahead_of_its_journal_stops_the_task(tmp_path: Path) -> None:
    path = tmp_path / "task.sqlite"
    lab = on_disk(path)
    await lab.task.advance(lab.write(refund("p", "r1"), refund("p", "r2")))
    lab.log.records(JOURNAL, 0).pop()
    lab = reopened(lab, path)
    with pytest.raises(ContractBroken, match="ahead of its journal"):
        await lab.task.restore()
    lab.store.close()


class Recreated(FragileLog):
    """Topics that were deleted and made anew carry another id."""

    again: str = ""

    async def topic_id(self, topic: str) -> str:
        return f"{topic}-2" if topic == self.again else topic


@pytest.mark.parametrize("again", [INBOX, JOURNAL])
async def test_a_snapshot_of_a_topic_that_was_made_anew_is_not_trusted(tmp_path: Path, again: str) -> None:
    path = tmp_path / "task.sqlite"
    lab = on_disk(path, log := Recreated())
    await lab.task.advance(lab.write(refund("p", "r1"), refund("p", "r2")))
    log.again = again
    log.records(JOURNAL, 0).clear()
    lab = reopened(lab, path)
    assert (await lab.task.restore()).position == 0
    assert list(lab.store.items()) == []
    lab.store.close()


async def test_a_snapshot_of_another_version_of_the_state_is_not_trusted(tmp_path: Path) -> None:
    path = tmp_path / "task.sqlite"
    lab = on_disk(path)
    await lab.task.advance(lab.write(refund("p", "r1")))
    lab = reopened(lab, path)
    lab.task.processor = replace(lab.task.processor, version=2)
    log = CountingReads()
    log._records = lab.log._records
    lab.task._log = log
    await lab.task.restore()
    assert log.ranges == [(JOURNAL, 0, 1)]
    assert lab.store.get(b"p") == Counted(("r1",), 100)
    lab.store.close()


def test_state_and_progress_change_together(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "task.sqlite", Counted)
    store.load("one")
    store.commit({b"p": Counted(("r1",), 100)}, Progress(position=1))
    store.commit({b"p": Counted(("r1", "r2"), 200)}, Progress(position=2))
    with pytest.raises(TypeError):
        store.commit({b"p": Counted(), b"q": object()}, Progress(position=3))  # type: ignore[dict-item]  # no state
    store.close()
    store = SqliteStore(tmp_path / "task.sqlite", Counted)
    found = store.load("one")
    assert found is not None
    assert found.position == 2
    assert store.get(b"p") == Counted(("r1", "r2"), 200)
    assert store.load("another") is None
    assert list(store.items()) == []
    store.close()


def test_progress_comes_back_whole_from_a_snapshot() -> None:
    progress = Progress(position=7, journal_end=9, last_rank=(6, 1), failures=2)
    progress.accept(SourcePosition(UPSTREAM, 2, 40, 1))
    progress.accept(SourcePosition(UPSTREAM, 1, 3, 0))
    progress.park(b"p", 4)
    progress.park(b"p", 5)
    back = Progress.from_bytes(progress.to_bytes())
    assert back.to_bytes() == progress.to_bytes()
    assert (back.position, back.journal_end, back.last_rank, back.failures) == (7, 9, (6, 1), 2)
    assert back.parked == {b"p": (4, 5)}
    assert not back.accept(SourcePosition(UPSTREAM, 2, 40, 1))
    assert set(back.unjournaled.values()) == {SourcePosition(UPSTREAM, 2, 40, 1), SourcePosition(UPSTREAM, 1, 3, 0)}


async def test_a_copy_of_progress_shares_nothing_with_its_original() -> None:
    progress = Progress()
    copy = progress.copy()
    copy.accept(SourcePosition(UPSTREAM, 0, 1, 0))
    copy.park(b"p", 1)
    assert progress.to_bytes() == Progress().to_bytes()


# -- groups --------------------------------------------------------------------------------------------------------


def journal_record(lab: Lab, offset: int) -> Outbound:
    record = lab.log.records(JOURNAL, 0)[offset]
    return Outbound(
        topic=JOURNAL, partition=0, key=record.key or b"", value=record.value or b"", headers=record.headers
    )


async def test_repeats_of_a_late_writer_are_folded_once_wherever_they_fall() -> None:
    source = Lab()
    await source.task.advance(source.write(refund("p", "r1", 3000), refund("q", "r2"), refund("p", "r3", 3000)))
    a0, a1, b, c0, c1 = (journal_record(source, offset) for offset in range(5))
    for order in (
        [a0, a0, a1, b, c0, c1],
        [a0, a1, b, a0, a1, b, c0, c1],
        [a0, a1, b, c0, a0, a1, b, c0, c1],
        [a0, a1, a0, b, c0, a1, b, c1],
        [a0, a1, b, c0, c1, a0, a1, b, c0, c1],
    ):
        lab = Lab(store=(store := MemoryStore[Counted]()))
        lab.log._records[INBOX, 0] = source.log.records(INBOX, 0)
        await MemoryLog.append(lab.log, order)
        assert (await lab.task.restore()).position == 3
        assert store.get(b"p") == Counted(("r1", "r1", "r3", "r3"), 6000)
        assert store.get(b"q") == Counted(("r2",), 100)


async def test_a_journal_that_skips_an_event_of_a_group_stops_the_task() -> None:
    lab = Lab()
    await lab.task.advance(lab.write(refund("p", "r1", 3000)))
    del lab.log.records(JOURNAL, 0)[0]
    lab.task = lab.new_task(MemoryStore())
    with pytest.raises(ContractBroken, match="skips event 0"):
        await lab.task.restore()


async def test_a_record_of_a_stranger_in_a_journal_stops_the_task() -> None:
    lab = Lab()
    await lab.task.advance(lab.write(refund("p", "r1")))
    record = journal_record(lab, 0)
    bare = [pair for pair in record.headers if pair[0] != "saldo-source"]
    await MemoryLog.append(lab.log, [replace(record, headers=bare)])
    lab.task = lab.new_task(MemoryStore())
    with pytest.raises(ContractBroken, match="only its own task may write"):
        await lab.task.restore()


async def test_a_cut_short_group_that_newer_rules_say_nothing_about_hides_no_later_event() -> None:
    lab = Lab(log=FragileLog(kill_at_append=2, records_before_kill=1))
    with pytest.raises(Killed):
        await lab.task.advance(lab.write(refund("p", "r1", 3000)))
    lab.log.kill_at_append = None
    # After a deploy the first record means nothing any more.
    lab.task = lab.new_task(decide=lambda state, record: decide(state, record) if record.amount_minor < 3000 else ())
    lab.write(refund("p", "r2"), refund("p", "r3"))
    await lab.task.catch_up()
    lab.task = lab.new_task(store := MemoryStore[Counted]())
    assert (await lab.task.restore()).position == 3
    assert store.get(b"p") == Counted(("r2", "r3"), 200)


# -- what a restore learns of silence ------------------------------------------------------------------------------


async def test_marks_of_silence_survive_a_restart_and_are_reported_with_the_next_event() -> None:
    lab = Lab()
    lab.rules = replace(lab.rules, marker_every=2)
    lab.task = lab.new_task()
    quiet = [SourcePosition(UPSTREAM, 0, number, 0) for number in range(1, 6)]
    await lab.task.advance(lab.write(refund("p", "r1")))
    await lab.task.advance(lab.write(*[refund("p", "r1")] * 5, sources=quiet))
    lab.task = lab.new_task(MemoryStore())
    assert (await lab.task.restore()).position == 6
    await lab.task.advance(lab.write(refund("p", "late repeat"), sources=quiet[-1:]))
    await lab.task.advance(lab.write(refund("p", "r2")))
    reported = header_map(lab.log.records(JOURNAL, 0)[-1].headers)["saldo-accepted"]
    assert reported == str(quiet[-1]).encode()
    assert [record.headers for record in lab.log.records(NEXT, 0)][-1:] != []
    lab.task = lab.new_task(store := MemoryStore[Counted]())
    await lab.task.advance(lab.write(refund("p", "repeat again"), sources=quiet[-1:]))
    assert store.get(b"p") == Counted(("r1", "r2"), 200)


async def test_each_mark_is_reported_once_and_with_the_first_event_of_its_group() -> None:
    lab = Lab()
    sources = [SourcePosition(UPSTREAM, 0, number, 0) for number in range(3)]
    await lab.task.advance(lab.write(refund("p", "r1", 3000), refund("p", "r2"), refund("p", "r3"), sources=sources))
    reported = [header_map(record.headers).get("saldo-accepted") for record in lab.log.records(JOURNAL, 0)]
    assert reported == [str(sources[0]).encode(), None, str(sources[1]).encode(), str(sources[2]).encode()]


async def test_a_marker_before_a_stop_reaches_to_the_record_before_it() -> None:
    lab = Lab()
    lab.rules = replace(lab.rules, marker_every=2)
    lab.task = lab.new_task()
    await lab.task.advance(lab.write(refund("p", "r1")))
    await lab.task.advance(lab.write(refund("p", "r1"), refund("p", "r1"), refund("p", "r2", 66), refund("p", "r3")))
    lab.task = lab.new_task(MemoryStore())
    assert (await lab.task.restore()).position == 3


def split_into(*shares: int) -> Decide:
    """A version of the rule that tells a refund in these parts."""

    def decide_so(_state: Counted, record: RefundLinked) -> tuple[RefundApplied, ...]:
        (whole,) = decide(_state, replace(record, amount_minor=100))
        return tuple(replace(whole, amount_minor=share) for share in shares)

    return decide_so


@pytest.mark.parametrize("half", [1, 2])
@pytest.mark.parametrize("later", [(7, 8, 9), (1, 8, 9), (1, 2), (1,), (7,), (), (1, 2, 9), (1, 2, 3, 4), (1, 2, 3)])
async def test_half_a_group_gives_way_to_what_another_version_decided_whole(half: int, later: tuple[int, ...]) -> None:
    """A crash between two events of one record, then a deploy: what is restored later is what was decided last."""
    lab = Lab(log=FragileLog(kill_at_append=2, records_before_kill=half))
    sent = lab.write(refund("p", "r1"))
    with pytest.raises(Killed):
        await lab.new_task(decide=split_into(1, 2, 3)).advance(sent)
    lab.log.kill_at_append = None
    live = MemoryStore[Counted]()
    await lab.new_task(live, decide=split_into(*later)).advance([*sent, *lab.write(refund("q", "r2"))])
    restored = MemoryStore[Counted]()
    progress = await lab.new_task(restored).restore()
    assert dict(restored.items()) == dict(live.items())
    assert progress.position == (2 if later else 0), "silence is reported with the next event"
    if later:
        assert restored.get(b"p") == Counted(("r1",) * len(later), sum(later))


async def test_the_rest_of_what_gave_way_stops_nobody() -> None:
    """A paused process of the earlier version writes on between the records of the later one."""
    lab = Lab()
    other = Lab()
    sent = lab.write(refund("p", "r1"))
    other.write(refund("p", "r1"))
    await lab.new_task(decide=split_into(1, 2, 3)).advance(sent)
    await other.new_task(decide=split_into(7, 8, 9)).advance(sent)
    early, later = (one.log.records(JOURNAL, 0) for one in (lab, other))
    mixed = Lab()
    mixed.write(refund("p", "r1"))
    for record in (early[0], early[1], later[0], early[2], later[1], later[2], early[2]):
        mixed.log._append(
            Outbound(
                topic=JOURNAL, partition=0, key=record.key or b"", value=record.value or b"", headers=record.headers
            )
        )
    store = MemoryStore[Counted]()
    assert (await mixed.new_task(store).restore()).position == 1
    assert store.get(b"p") == Counted(("r1",) * 3, 24)
