"""Rule 7 of design.md section 3: what cannot be decided is kept, in order, and stops nobody else."""

from __future__ import annotations

from datetime import UTC, datetime

from schemas.records.payments import RefundApplied
from schemas.records.tasks import (
    DeadLetter,
    ParkedDiscardRequested,
    ParkedRecordDiscarded,
    ParkedRecordReleased,
    ParkedReplayRequested,
    RecordParked,
)
from streams.tasks.stores import MemoryStore
from tests.support import task_lab
from tests.support.task_lab import DLQ, JOURNAL, Counted, Lab, decide_mended, refund

WHEN = datetime(2026, 11, 20, tzinfo=UTC)


def replay(key: bytes) -> ParkedReplayRequested:
    return ParkedReplayRequested(record_key=key, requested_by="dana", reason="mended", requested_at=WHEN)


def discard(key: bytes, offset: int) -> ParkedDiscardRequested:
    return ParkedDiscardRequested(record_key=key, offset=offset, requested_by="dana", reason="test", requested_at=WHEN)


def letters(lab: Lab) -> list[DeadLetter]:
    return [letter for letter in lab.accepted(DLQ) if isinstance(letter, DeadLetter)]


def applied(lab: Lab) -> list[str]:
    return [event.refund_transaction_id for event in lab.journal() if isinstance(event, RefundApplied)]


async def test_an_undecidable_record_goes_to_the_dead_letters_with_its_reason_and_others_go_on() -> None:
    lab = Lab()
    await lab.task.advance(lab.write(refund("p", "r1", 13), refund("q", "r2")))
    (letter,) = letters(lab)
    assert (letter.offset, letter.error_type, letter.message) == (0, "Unreadable", "amount 13 is unlucky")
    assert letter.record_value == lab.log.records(task_lab.INBOX, 0)[0].value
    assert applied(lab) == ["r2"]


async def test_the_dead_letter_is_durable_before_the_position_moves() -> None:
    lab = Lab()
    await lab.task.advance(lab.write(refund("p", "r1", 13)))
    assert lab.log.order == [DLQ, JOURNAL]


async def test_undecodable_bytes_are_parked_and_stop_nobody() -> None:
    lab = Lab()
    garbage = [lab.write_bytes(b"x", b"\x07nonsense", []), lab.write_bytes(None, None, [])]
    await lab.task.advance([*garbage, *lab.write(refund("q", "r2"))])
    assert [letter.error_type for letter in letters(lab)] == ["Unreadable", "Unreadable"]
    assert applied(lab) == ["r2"]


async def test_a_key_that_contradicts_its_record_is_parked_with_a_remedy() -> None:
    lab = Lab()
    await lab.task.advance([lab.write_bytes(b"wrong", task_lab.CODEC.encode(refund("p", "r1")), [])])
    assert "the record says 'p'" in letters(lab)[0].message


async def test_later_records_of_a_parked_key_follow_it_in_order_and_other_keys_do_not() -> None:
    lab = Lab()
    await lab.task.advance(lab.write(refund("p", "r1", 13), refund("p", "r2"), refund("q", "r3"), refund("p", "r4")))
    assert [(letter.offset, letter.behind) for letter in letters(lab)] == [(0, None), (1, 0), (3, 0)]
    assert applied(lab) == ["r3"]


async def test_a_key_stays_parked_over_a_restart() -> None:
    lab = Lab()
    await lab.task.advance(lab.write(refund("p", "r1", 13)))
    lab.task = lab.new_task(MemoryStore())
    await lab.task.advance(lab.write(refund("p", "r2")))
    assert applied(lab) == []
    assert letters(lab)[-1].behind == 0


async def test_a_replay_decides_the_parked_records_in_their_order_before_anything_newer() -> None:
    lab = Lab()
    await lab.task.advance(lab.write(refund("p", "r1", 13), refund("p", "r2")))
    mended = lab.new_task(MemoryStore(), decide_mended)
    await mended.advance([lab.write_record(replay(b"p")), *lab.write(refund("p", "r3"))])
    assert applied(lab) == ["r1", "r2", "r3"]
    released = [event for event in lab.journal() if isinstance(event, ParkedRecordReleased)]
    assert [event.offset for event in released] == [0, 1]
    assert mended.progress is not None
    assert mended.progress.parked == {}


async def test_a_replay_of_what_still_fails_changes_nothing() -> None:
    lab = Lab()
    await lab.task.advance(lab.write(refund("p", "r1", 13), refund("p", "r2")))
    await lab.task.advance([lab.write_record(replay(b"p"))])
    assert applied(lab) == []
    assert lab.task.progress is not None
    assert lab.task.progress.parked == {b"p": (0, 1)}


async def test_discarding_the_first_lets_the_rest_be_replayed() -> None:
    lab = Lab()
    await lab.task.advance(lab.write(refund("p", "r1", 13), refund("p", "r2")))
    await lab.task.advance([lab.write_record(discard(b"p", 0)), lab.write_record(replay(b"p"))])
    assert applied(lab) == ["r2"]
    discarded = [event for event in lab.journal() if isinstance(event, ParkedRecordDiscarded)]
    assert [(event.offset, event.requested_by, event.reason) for event in discarded] == [(0, "dana", "test")]


async def test_discarding_what_is_not_parked_is_silence() -> None:
    lab = Lab()
    await lab.task.advance([lab.write_record(discard(b"p", 77))])
    assert lab.journal() == []


async def test_a_run_of_failures_stops_the_task_and_not_one_record_more_is_parked() -> None:
    lab = Lab()
    await lab.task.advance(lab.write(*(refund(f"p{i}", f"r{i}", 13) for i in range(10))))
    assert len(letters(lab)) == 3
    assert lab.task.stalled_because is not None
    assert "3 records in a row" in lab.task.stalled_because
    lab.task = lab.new_task(MemoryStore())
    await lab.task.catch_up()
    assert len(letters(lab)) == 3


async def test_after_the_cause_is_mended_a_stopped_task_goes_on_by_itself() -> None:
    lab = Lab()
    await lab.task.advance(lab.write(*(refund(f"p{i}", f"r{i}", 13) for i in range(10))))
    mended = lab.new_task(MemoryStore(), decide_mended)
    await mended.catch_up()
    assert applied(lab) == [f"r{i}" for i in range(3, 10)]


async def test_when_the_world_is_away_nothing_is_parked_and_the_position_stays() -> None:
    lab = Lab()
    await lab.task.advance(lab.write(refund("p", "r1"), refund("q", "r2", 66), refund("p", "r3")))
    assert applied(lab) == ["r1"]
    assert letters(lab) == []
    assert lab.task.progress is not None
    assert lab.task.progress.position == 1
    assert lab.task.stalled_because == "Unavailable: the world is away"


async def test_no_exception_leaves_a_task_whatever_a_decider_throws() -> None:
    lab = Lab()
    lab.task = lab.new_task(MemoryStore(), lambda _state, _record: (1 // 0,))
    await lab.task.advance(lab.write(refund("p", "r1")))
    (letter,) = letters(lab)
    assert letter.error_type == "ZeroDivisionError"
    assert isinstance(lab.journal()[0], RecordParked)


async def test_a_card_number_in_an_error_message_is_masked() -> None:
    lab = Lab()

    def leak(_state: Counted, _record: object) -> tuple[()]:
        raise ValueError("no such card 4111111111111111")

    lab.task = lab.new_task(MemoryStore(), leak)
    await lab.task.advance(lab.write(refund("p", "r1")))
    assert "4111111111111111" not in letters(lab)[0].message
    assert "1111" in letters(lab)[0].message
