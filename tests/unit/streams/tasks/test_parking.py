"""Rule 7 of design.md section 3: what cannot be decided is kept, in order, and stops nobody else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from schemas import catalog
from schemas.failures import Unavailable
from schemas.records.payments import RefundApplied
from schemas.records.tasks import (
    DeadLetter,
    ParkedDiscardRequested,
    ParkedRecordDiscarded,
    ParkedRecordReleased,
    ParkedReplayRequested,
    RecordParked,
)
from streams.log.records import partition_for
from streams.tasks.stores import MemoryStore, SqliteStore
from tests.support import task_lab
from tests.support.task_lab import CODEC, DLQ, JOURNAL, NEXT, Counted, Lab, decide_mended, refund

WHEN = datetime(2026, 11, 20, tzinfo=UTC)


def replay(key: bytes) -> ParkedReplayRequested:
    return ParkedReplayRequested(record_key=key, requested_by="dana", reason="mended", requested_at=WHEN)


def discard(key: bytes, offset: int) -> ParkedDiscardRequested:
    return ParkedDiscardRequested(record_key=key, offset=offset, requested_by="dana", reason="noise", requested_at=WHEN)


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
    assert [(event.offset, event.requested_by, event.reason) for event in discarded] == [(0, "dana", "noise")]


@pytest.mark.parametrize(
    ("by", "why"), [("", "noise"), ("dana", ""), ("dana", "test"), ("x", "noise"), ("dana", "\u200b")]
)
async def test_a_request_without_a_name_or_a_reason_does_nothing_and_is_parked_with_the_remedy(
    by: str, why: str
) -> None:
    lab = Lab()
    await lab.task.advance(lab.write(refund("p", "r1", 13)))
    nameless: dict[str, Any] = {"requested_by": by, "reason": why}
    requests = [replace(discard(b"p", 0), **nameless), replace(replay(b"p"), **nameless)]
    await lab.task.advance([lab.write_record(request) for request in requests])
    refused = letters(lab)[1:]
    assert [(letter.offset, letter.behind) for letter in refused] == [(1, 0), (2, 0)]
    assert all("names nobody" in one.message or "is no reason" in one.message for one in refused)
    assert lab.task.progress is not None
    assert lab.task.progress.parked == {b"p": (0, 1, 2)}
    # A request that says who and why takes the refused ones along; they still do nothing.
    mended = lab.new_task(MemoryStore(), decide_mended)
    await mended.advance([lab.write_record(replay(b"p"))])
    assert mended.progress is not None
    assert mended.progress.parked == {}
    assert applied(lab) == ["r1"]
    # Where nothing is parked, a nameless request stops nobody.
    await mended.advance([lab.write_record(replace(replay(b"q"), **nameless)), *lab.write(refund("q", "r2"))])
    assert applied(lab) == ["r1", "r2"]


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


async def test_a_discarded_record_does_not_free_those_behind_it() -> None:
    lab = Lab()
    await lab.task.advance(lab.write(refund("p", "r1", 13), refund("p", "r2"), refund("p", "r3")))
    await lab.task.advance([lab.write_record(discard(b"p", 0)), *lab.write(refund("p", "r4"))])
    assert applied(lab) == []
    assert lab.task.progress is not None
    assert lab.task.progress.parked == {b"p": (1, 2, 4)}


async def test_a_replay_stops_at_the_first_that_still_fails() -> None:
    lab = Lab()
    await lab.task.advance(
        lab.write(refund("p", "r1", 13), refund("p", "r2"), refund("p", "r3", 13), refund("p", "r4"))
    )
    await lab.task.advance([lab.write_record(discard(b"p", 0)), lab.write_record(replay(b"p"))])
    assert applied(lab) == ["r2"]
    assert lab.task.progress is not None
    assert lab.task.progress.parked == {b"p": (2, 3)}


async def test_each_replayed_record_is_decided_in_the_state_that_the_one_before_it_left() -> None:
    lab = Lab()
    await lab.task.advance(lab.write(refund("p", "r0", 13), refund("p", "r1"), refund("p", "r1"), refund("p", "r2")))
    await lab.task.advance([lab.write_record(discard(b"p", 0)), lab.write_record(replay(b"p"))])
    assert applied(lab) == ["r1", "r2"]
    assert [movement.movement_id for movement in lab.outputs()] == ["r1", "r2"]  # type: ignore[attr-defined]  # by make
    assert lab.store.get(b"p") == Counted(("r1", "r2"), 200)
    lab.task = lab.new_task(store := MemoryStore[Counted]())
    await lab.task.restore()
    assert store.get(b"p") == Counted(("r1", "r2"), 200)


async def test_an_operator_reaches_what_is_parked_on_a_partition_that_is_not_its_keys() -> None:
    lab = Lab()
    lab.log._partitions[task_lab.INBOX] = 2
    elsewhere = next(key for number in range(99) if partition_for(key := f"x{number}".encode(), 2) == 1)
    await lab.task.advance([lab.write_bytes(elsewhere, b"\x07nonsense", []), lab.write_bytes(None, b"\x07too", [])])
    keys = [letter.record_key for letter in letters(lab)]
    for offset, key in enumerate(keys):
        await lab.task.advance([lab.write_record(discard(key, offset))])
    assert lab.task.progress is not None
    assert lab.task.progress.parked == {}
    assert lab.log.records(task_lab.INBOX, 1) == []


async def test_a_record_that_turns_out_to_be_another_keys_is_decided_with_that_key() -> None:
    lab = Lab()
    await lab.task.advance(lab.write(refund("p", "r1")))
    await lab.task.advance([lab.write_bytes(None, CODEC.encode(refund("p", "r2")), [("saldo-source", b"no position")])])
    (letter,) = letters(lab)
    # A later version of the task layer reads this header, say.
    lab.log.records(task_lab.INBOX, 0)[1] = replace(lab.log.records(task_lab.INBOX, 0)[1], headers=())
    await lab.task.advance([lab.write_record(replay(letter.record_key))])
    assert lab.task.progress is not None
    assert lab.task.progress.parked == {}
    await lab.task.catch_up()
    assert applied(lab) == ["r1", "r2"]
    assert lab.store.get(b"p") == Counted(("r1", "r2"), 200)
    assert lab.store.get(letter.record_key) is None
    assert isinstance(lab.journal()[-1], RefundApplied)


async def test_an_event_that_does_not_fit_its_schema_parks_its_cause() -> None:
    lab = Lab()
    lab.task = lab.new_task(
        MemoryStore(),
        lambda _state, record: (
            RefundApplied(
                paytrace_transaction_id=record.paytrace_transaction_id,
                refund_transaction_id="r",
                amount_minor=2**70,
                currency="USD",
                occurred_at=WHEN,
            ),
        ),
    )
    await lab.task.advance(lab.write(refund("p", "r1")))
    assert [letter.error_type for letter in letters(lab)] == ["Unreadable"]
    assert lab.outputs() == []


async def test_a_header_that_names_no_position_parks_the_record() -> None:
    lab = Lab()
    await lab.task.advance([lab.write_bytes(b"p", CODEC.encode(refund("p", "r1")), [("saldo-source", b"?")])])
    assert [letter.error_type for letter in letters(lab)] == ["ValueError"]


async def test_a_card_number_in_a_key_is_masked() -> None:
    lab = Lab()
    await lab.task.advance([lab.write_bytes(b"4111111111111111", CODEC.encode(refund("p", "r1")), [])])
    assert "4111111111111111" not in letters(lab)[0].message


async def test_only_heads_count_for_a_run_and_a_decided_record_ends_it() -> None:
    lab = Lab()
    await lab.task.advance(lab.write(refund("p", "r1", 13), *(refund("p", f"b{number}") for number in range(5))))
    await lab.task.advance(lab.write(refund("q", "r2", 13), refund("ok", "r3"), refund("s", "r4", 13)))
    await lab.task.advance(lab.write(refund("t", "r5", 13)))
    assert lab.task.stalled_because is None
    assert lab.task.progress is not None
    assert lab.task.progress.failures == 2


async def test_an_operators_word_ends_a_run() -> None:
    lab = Lab()
    await lab.task.advance(lab.write(*(refund(f"p{number}", "r", 13) for number in range(3))))
    await lab.task.advance([lab.write_record(discard(b"p0", 0))])
    await lab.task.advance(lab.write(refund("p3", "r", 13)))
    assert lab.task.stalled_because is None


async def test_a_run_of_failures_goes_over_a_restart_from_a_snapshot(tmp_path: Path) -> None:
    lab = Lab(store=SqliteStore(tmp_path / "task.sqlite", Counted))
    await lab.task.advance(lab.write(*(refund(f"p{number}", "r", 13) for number in range(3))))
    lab.restart()
    await lab.task.advance(lab.write(refund("p3", "r", 13)))
    assert lab.task.stalled_because is not None
    assert len(letters(lab)) == 3
    lab.store.close()


async def test_a_key_stays_parked_over_a_restart_from_a_snapshot(tmp_path: Path) -> None:
    lab = Lab(store=SqliteStore(tmp_path / "task.sqlite", Counted))
    await lab.task.advance(lab.write(refund("p", "r1", 13), refund("p", "r2")))
    lab.restart()
    await lab.task.advance(lab.write(refund("p", "r3")))
    assert applied(lab) == []
    assert lab.task.progress is not None
    assert lab.task.progress.parked == {b"p": (0, 1, 2)}
    lab.store.close()


async def test_a_stopped_task_waits_and_then_asks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("streams.tasks.task.monotonic_s", lambda: now)
    lab = Lab()
    calls: list[object] = []

    def away(_state: Counted, record: object) -> tuple[()]:
        calls.append(record)
        raise Unavailable("the world is away")

    lab.task = lab.new_task(MemoryStore(), away)
    batch = lab.write(refund("p", "r1"))
    for pause in (1, 2, 4):
        await lab.task.advance(batch)
        asked = len(calls)
        now += pause - 0.1
        await lab.task.catch_up()
        await lab.task.advance(batch)
        assert len(calls) == asked
        now += 0.2
    await lab.task.catch_up()
    assert len(calls) == 4


async def test_of_several_keys_that_must_wait_the_first_record_counts() -> None:
    lab = Lab()
    await lab.task.advance(
        lab.write(refund("p", "r1"), refund("q", "r2", 66), refund("s", "r3"), refund("t", "r4", 66))
    )
    assert applied(lab) == ["r1"]
    assert lab.task.progress is not None
    assert lab.task.progress.position == 1


# -- too large -----------------------------------------------------------------------------------------------------


def large(letter: str, parts: int) -> str:
    """An id of so many sixteenths of a mebibyte: as a field it fits an inbox, twice it does not."""
    return letter * (parts << 16)


async def test_a_record_whose_events_or_outputs_do_not_fit_is_parked_and_others_go_on() -> None:
    lab = Lab()
    too_large = refund("p", large("r", 16))  # over 1 MiB as an event: the inbox in memory has no limit
    await lab.task.advance(lab.write(too_large, refund("p", "behind"), refund("q", "r2")))
    first, second = letters(lab)
    assert (first.offset, first.error_type) == (0, "RecordTooLarge")
    assert f"{JOURNAL} takes {catalog.room_bytes(JOURNAL)}; shorten its texts" in first.message
    assert first.record_value == lab.log.records(task_lab.INBOX, 0)[0].value
    assert (second.offset, second.behind) == (1, 0)
    assert applied(lab) == ["r2"]
    assert all_fit(lab)


async def test_an_output_that_does_not_fit_leaves_no_event_behind() -> None:
    """Each event fits, what follows from it does not: nothing of the record is reported."""
    lab = Lab()
    room = catalog.room_bytes(NEXT)
    (event,) = task_lab.decide(Counted(), refund("p", "r"))
    (output,) = task_lab.route(Counted(), event)
    beside_id = len(CODEC.encode(event)), len(CODEC.encode(output.record))
    assert beside_id[0] + 10 < beside_id[1], "or the event is refused before its output"
    record = refund("p", "r" * (room - beside_id[1] + 5))
    await lab.task.advance(lab.write(record))
    (letter,) = letters(lab)
    assert letter.error_type == "RecordTooLarge"
    assert f"{NEXT} takes {room}" in letter.message
    assert [type(event) for event in lab.journal()] == [RecordParked]
    assert all_fit(lab)


async def test_a_letter_that_does_not_fit_is_written_without_its_record() -> None:
    """Only where somebody lets the inbox take more than the catalogue says."""
    lab = Lab()
    await lab.task.advance([lab.write_bytes(b"x", b"\x07" * (4 << 20), []), *lab.write(refund("q", "r2"))])
    (letter,) = letters(lab)
    assert letter.record_value == b""
    assert "it lies in the inbox" in letter.message
    assert applied(lab) == ["r2"]
    assert all_fit(lab)


@pytest.mark.parametrize("header", ["ce_id", "saldo-correlation-id", "traceparent", "saldo-source"])
async def test_a_strangers_headers_are_never_carried_on_at_any_length(header: str) -> None:
    lab = Lab()
    record = CODEC.encode(refund("p", "r1"))
    await lab.task.advance([lab.write_bytes(b"p", record, [(header, b"x/0/0/" * 200_000)])])
    assert all_fit(lab)


@pytest.mark.parametrize("value", [b"\x07nonsense", CODEC.encode(refund("p" * 600_000, "r1"))])
async def test_a_key_of_any_length_is_parked_under_the_place_of_its_record(value: bytes) -> None:
    lab = Lab()
    await lab.task.advance([lab.write_bytes(b"p" * 600_000, value, [])])
    (letter,) = letters(lab)
    assert letter.record_key == f"{task_lab.INBOX}/0/0".encode()
    assert all_fit(lab)


async def test_a_record_on_the_wrong_partition_is_moved_unless_it_would_not_fit_there() -> None:
    lab = Lab()
    lab.log._partitions[task_lab.INBOX] = 2
    astray = next(f"p{number}" for number in range(9) if partition_for(f"p{number}".encode(), 2) == 1)
    room = catalog.room_bytes(task_lab.INBOX)
    fits, too_large = refund(astray, "r" * 1_000), refund(astray, "r" * (room - 80))
    sent = [lab.write_bytes(astray.encode(), CODEC.encode(one), [("ce_id", b"i" * 80)]) for one in (fits, too_large)]
    await lab.task.advance(sent)
    assert len(lab.log.records(task_lab.INBOX, 1)) == 1
    (letter,) = letters(lab)
    assert (letter.offset, letter.error_type) == (1, "RecordTooLarge")
    assert "lies beside the partition of its key" in letter.message
    assert all_fit(lab)


def all_fit(lab: Lab) -> bool:
    """Whether the broker would have taken everything that was written, headers and its own share included."""
    return all(
        len(record.key or b"")
        + len(record.value or b"")
        + sum(len(name) + len(value or b"") + 10 for name, value in record.headers)
        + 200
        <= catalog.MAX_MESSAGE_BYTES[catalog.topic(topic).role]
        for (topic, _), records in lab.log._records.items()
        if topic != task_lab.INBOX
        for record in records
    )


# -- records whose order makes no difference ------------------------------------------------------------------------


async def test_where_order_is_free_a_record_waits_alone_and_its_key_goes_on() -> None:
    lab = Lab(processor=replace(task_lab.COUNTING, is_order_free=True))
    amounts = {"r1": 13, "r2": 100, "r3": 13, "r4": 100}
    await lab.task.advance(lab.write(*(refund("p", name, amount) for name, amount in amounts.items())))
    assert applied(lab) == ["r2", "r4"]
    assert [(letter.offset, letter.behind) for letter in letters(lab)] == [(0, None), (2, None)]


async def test_where_order_is_free_bytes_that_can_not_be_read_stop_nobody() -> None:
    lab = Lab(processor=replace(task_lab.COUNTING, is_order_free=True))
    await lab.task.advance([lab.write_bytes(b"p", b"no record", []), *lab.write(refund("p", "r2"))])
    assert applied(lab) == ["r2"]


async def test_where_order_is_free_a_replay_decides_what_can_be_decided_and_leaves_the_rest() -> None:
    lab = Lab(processor=replace(task_lab.COUNTING, is_order_free=True))
    await lab.task.advance(
        [lab.write_bytes(b"p", b"no record", []), *lab.write(refund("p", "r1", 13), refund("p", "r2"))]
    )
    mended = lab.new_task(MemoryStore(), decide_mended)
    await mended.advance([lab.write_record(replay(b"p"))])
    assert applied(lab) == ["r2", "r1"]
    assert mended.progress is not None
    assert mended.progress.parked == {b"p": (0,)}
    await mended.advance([lab.write_record(discard(b"p", 0))])
    assert mended.progress.parked == {}
    restored = lab.new_task(MemoryStore(), decide_mended)
    await restored.restore()
    assert restored.progress is not None
    assert restored.progress.to_bytes() == mended.progress.to_bytes()


def test_an_effect_is_never_free_of_order() -> None:
    async def perform(_state: Counted, _record: object) -> tuple[object, ...]:
        return ()

    with pytest.raises(ValueError, match="counting is an effect"):
        task_lab.effect(perform=perform, is_order_free=True)
