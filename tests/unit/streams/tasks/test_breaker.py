"""A run of bad records stops a partition, loudly, and one command of an operator lets the rest go on (ADR 0063)."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from app.operators.dead_letters import DeadLetters
from schemas.records import Record
from schemas.records.payments import RefundApplied
from schemas.records.tasks import BreakerReset, BreakerResetRequested, DeadLetter
from streams.tasks.progress import Progress
from streams.tasks.stores import MemoryStore
from tests.support.task_lab import CODEC, DLQ, INBOX, Counted, Lab, refund

WHEN = datetime(2026, 11, 20, tzinfo=UTC)
BAD, GOOD = 13, 100


def resume(reason: str = "all of a test system") -> BreakerResetRequested:
    return BreakerResetRequested(record_key=b"p0", requested_by="dana", reason=reason, requested_at=WHEN)


def bad(start: int, count: int) -> list[Record]:
    return [refund(f"p{number}", f"r{number}", BAD) for number in range(start, start + count)]


def write(lab: Lab, *records: Record) -> None:
    for record in records:
        lab.write_record(record)


async def advance(lab: Lab) -> None:
    """Tend the task until it moves no more, its pauses over."""
    for _ in range(6):
        lab.task._stalled_until = 0.0
        await lab.task.catch_up()


def parked(lab: Lab) -> list[int]:
    return [letter.offset for letter in lab.accepted(DLQ) if isinstance(letter, DeadLetter)]


def applied(lab: Lab) -> list[str]:
    return [event.refund_transaction_id for event in lab.journal() if isinstance(event, RefundApplied)]


async def test_the_breaker_says_how_many_failed_which_was_first_which_is_next_and_what_to_do(
    caplog: pytest.LogCaptureFixture,
) -> None:
    lab = Lab()
    write(lab, refund("a", "first"), *bad(0, 5), refund("b", "last"))
    with caplog.at_level(logging.WARNING):
        await advance(lab)
    assert lab.task.breaker_open
    assert lab.task.stalled_because == (
        "3 records in a row could not be decided: the first is 1 (Unreadable: amount 13 is unlucky), the next is 4 "
        f"(Unreadable: amount 13 is unlucky); nothing of {INBOX} 0 goes on. Mend the cause, and it goes on by itself; "
        f"or park what is bad and go on with the rest: saldo dlq resume {INBOX} 0 --why ..."
    )
    (opened, *_) = [record for record in caplog.records if record.message == "breaker open"]
    assert opened.levelno == logging.CRITICAL
    assert (parked(lab), applied(lab)) == ([1, 2, 3], ["first"])


async def test_one_command_parks_what_is_bad_before_it_and_the_rest_goes_on() -> None:
    lab = Lab()
    write(lab, *bad(0, 9), refund("b", "good"))
    await advance(lab)
    write(lab, resume())
    await lab.task.catch_up()  # no pause is waited for once the command lies there
    await advance(lab)
    assert not lab.task.breaker_open
    assert lab.task.stalled_because is None
    assert (parked(lab), applied(lab)) == (list(range(9)), ["good"])
    (reset,) = [event for event in lab.journal() if isinstance(event, BreakerReset)]
    assert (reset.requested_by, reset.reason, reset.offset) == ("dana", "all of a test system", 10)


async def test_after_the_command_the_count_begins_anew() -> None:
    lab = Lab()
    write(lab, *bad(0, 5))
    await advance(lab)
    write(lab, resume(), *bad(5, 5))
    await advance(lab)
    assert lab.task.breaker_open
    assert parked(lab) == [0, 1, 2, 3, 4, 6, 7, 8]
    write(lab, resume())
    await advance(lab)
    assert parked(lab) == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10]
    assert not lab.task.breaker_open


@pytest.mark.parametrize("store_survives", [False, True])
async def test_a_worker_that_starts_again_finds_the_breaker_open_and_the_command_too(store_survives: bool) -> None:
    lab = Lab()
    write(lab, *bad(0, 5), refund("b", "good"))
    await advance(lab)
    lab.task = lab.new_task(None if store_survives else MemoryStore[Counted]())
    await advance(lab)
    assert lab.task.breaker_open
    assert "the first is 0 (Unreadable: amount 13 is unlucky)" in (lab.task.stalled_because or "")
    write(lab, resume())
    lab.task = lab.new_task(None if store_survives else MemoryStore[Counted]())
    await advance(lab)
    assert (parked(lab), applied(lab)) == ([0, 1, 2, 3, 4], ["good"])


async def test_what_nobody_signed_and_what_gives_no_reason_resumes_nothing() -> None:
    lab = Lab()
    write(lab, *bad(0, 5))
    await advance(lab)
    forged = resume()
    lab.write_bytes(b"p0", CODEC.encode(forged), [("ce_type", b"BreakerResetRequested"), ("ce_id", b"forged")])
    write(lab, replace(forged, reason="x"))
    await advance(lab)
    assert lab.task.breaker_open
    assert parked(lab) == [0, 1, 2]


async def test_the_journal_is_the_same_whether_the_breaker_stopped_or_not() -> None:
    stopped, free = Lab(), Lab()
    write(stopped, *bad(0, 7), refund("b", "good"))
    await advance(stopped)
    write(stopped, resume())
    await advance(stopped)
    free.rules = replace(free.rules, failures_in_a_row=1_000)
    free.task = free.new_task()
    write(free, *bad(0, 7), refund("b", "good"), resume())
    await advance(free)
    for topic in (DLQ, "payments.events.v1"):
        assert stopped.bytes_of(topic) == free.bytes_of(topic)


async def test_the_first_bad_record_is_found_for_the_command_and_none_where_nothing_fails() -> None:
    lab = Lab()
    letters = DeadLetters(lab.log, CODEC)
    write(lab, refund("a", "first"), *bad(0, 5))
    assert await letters.run_of_failures(INBOX, 0) is None
    await advance(lab)
    first = await letters.run_of_failures(INBOX, 0)
    assert first is not None
    assert (first.offset, first.key, first.error_type) == (1, b"p0", "Unreadable")
    write(lab, resume())
    await advance(lab)
    assert await letters.run_of_failures(INBOX, 0) is None


def test_a_snapshot_keeps_the_first_of_a_run() -> None:
    progress = Progress()
    progress.failed(7, "Unreadable: " + "x" * 1_000)
    progress.failed(8, "other")
    again = Progress.from_bytes(progress.to_bytes())
    assert (again.failures, again.first_failed) == (2, progress.first_failed)
    assert again.first_failed is not None
    assert len(again.first_failed[1]) == 300
