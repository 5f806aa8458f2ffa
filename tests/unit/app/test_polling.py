"""Rule 9 of design.md section 3: each change is reported at least once, and once more only under the same event id."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.settings.settings import PollingSettings
from app.sources import polling
from app.sources.polling import CURSORS, Publisher, WindowRounds, poll_forever
from schemas import catalog
from schemas.failures import ContractBroken, Refused, SaldoError, Unavailable
from schemas.records.payments import TransactionObserved
from schemas.records.payments import TransactionStatus as Status
from schemas.wire.codec import Codec
from schemas.wire.envelope import header_text
from streams.edges.ports import Observation
from streams.log.memory import MemoryLog
from streams.log.outbound import Outbound
from streams.log.ports import DeliveryFailed
from streams.log.records import RecordTooLarge
from tests.support.builders import observation
from tests.support.typed import as_a

INBOX = "payments.observations.v1"
CODEC = Codec()
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Interrupted(MemoryLog):
    """Keeps only some of the records of the n-th append, and then the process is no more."""

    def __init__(self) -> None:
        super().__init__(dict.fromkeys(catalog.topics(), 2))
        self.order: list[str] = []
        self.die_at: int | None = None
        self.kept_then = 0
        self.appends = 0

    async def append(self, records: Sequence[Outbound]) -> Sequence[int]:
        self.appends += 1
        if self.die_at is not None and self.appends >= self.die_at:
            kept, self.kept_then = self.kept_then, 0
            await super().append(records[:kept])
            raise DeliveryFailed("killed")
        self.order += [record.topic for record in records]
        return await super().append(records)

    def published(self) -> dict[str, list[tuple[str, int]]]:
        """Per payment, what was reported in order: event id and amount."""
        found: dict[str, list[tuple[str, int]]] = defaultdict(list)
        for partition in range(2):
            for record in self.records(INBOX, partition):
                content = as_a(TransactionObserved, CODEC.decode(record.value))
                event_id = header_text(record.headers, "ce_id")
                assert event_id is not None
                found[content.paytrace_transaction_id].append((event_id, content.amount_minor))
        return found


def shown(payment: str, amount: int, minute: int = 0) -> Observation:
    return payment, (observation(Status.PENDING_SETTLEMENT, amount, payment=payment, minute=minute),)


async def poll(*observations: Observation) -> AsyncIterator[Observation]:
    for one in observations:
        yield one


async def publisher_on(log: MemoryLog, name: str = "paytrace") -> Publisher:
    publisher = Publisher(name, log, CODEC)
    await publisher.remember()
    return publisher


polls = st.lists(
    st.lists(st.tuples(st.sampled_from(["1", "2", "3"]), st.sampled_from([100, 200, 300])), max_size=6), max_size=6
)
deaths = st.dictionaries(st.integers(0, 5), st.tuples(st.integers(1, 6), st.integers(0, 6)), max_size=4)


@given(polls, deaths, st.sampled_from([1, 2, 500]))
def test_any_interruption_reports_each_change_at_least_once_and_repeats_are_the_same_event(
    rounds: list[list[tuple[str, int]]], killed: dict[int, tuple[int, int]], at_once: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(polling, "WRITE_AT_ONCE", at_once)
        asyncio.run(_interrupted_polls(rounds, killed))


async def _interrupted_polls(rounds: list[list[tuple[str, int]]], killed: dict[int, tuple[int, int]]) -> None:
    log = Interrupted()
    publisher = await publisher_on(log)
    expected: dict[str, list[int]] = defaultdict(list)
    for number, one in enumerate(rounds):
        observations = [shown(payment, amount, minute=number) for payment, amount in one]
        if number in killed:
            log.appends = 0
            log.die_at, log.kept_then = killed[number]
            try:
                await publisher.publish(poll(*observations))
            except DeliveryFailed:
                # The process is started again, and the source shows what it showed.
                log.die_at = None
                publisher = await publisher_on(log)
                await publisher.publish(poll(*observations))
            log.die_at = None
        else:
            await publisher.publish(poll(*observations))
        for payment, amount in one:
            if expected[payment][-1:] != [amount]:
                expected[payment].append(amount)
    published = log.published()
    for payment, amounts in expected.items():
        found = [amount for _, amount in published[payment]]
        assert _is_subsequence(amounts, found), (amounts, found)
        assert found[-1] == amounts[-1]
        ids = {amount: {event_id for event_id, other in published[payment] if other == amount} for amount in amounts}
        assert all(len(of_amount) == 1 for of_amount in ids.values())
        if not killed:
            assert found == amounts
    # And a poll that shows nothing new tells nothing.
    last = [shown(payment, amounts[-1], minute=99) for payment, amounts in expected.items()]
    assert await (await publisher_on(log)).publish(poll(*last)) == 0


def _is_subsequence(wanted: list[int], found: list[int]) -> bool:
    rest = iter(found)
    return all(any(one == other for other in rest) for one in wanted)


async def test_records_are_durable_before_their_cursor() -> None:
    log = Interrupted()
    await (await publisher_on(log)).publish(poll(shown("1", 100), shown("2", 100)))
    assert log.order == [INBOX, INBOX, CURSORS, CURSORS]


async def test_when_and_by_which_way_it_was_seen_is_no_change() -> None:
    log = Interrupted()
    publisher = await publisher_on(log)
    assert await publisher.publish(poll(shown("1", 100, minute=1))) == 1
    assert await publisher.publish(poll(shown("1", 100, minute=2))) == 0


async def test_content_that_flips_back_is_reported_again_also_within_one_poll() -> None:
    log = Interrupted()
    publisher = await publisher_on(log)
    assert await publisher.publish(poll(shown("1", 100))) == 1
    assert await publisher.publish(poll(shown("1", 200), shown("1", 100), shown("1", 100))) == 2
    assert [amount for _, amount in log.published()["1"]] == [100, 200, 100]


async def test_one_source_does_not_take_over_what_another_one_reported() -> None:
    log = Interrupted()
    await (await publisher_on(log)).publish(poll(shown("1", 100)))
    other = await publisher_on(log, "abas")
    assert other._published == {}


async def test_what_was_seen_before_the_source_failed_is_reported() -> None:
    async def failing() -> AsyncIterator[Observation]:
        yield shown("1", 100)
        raise Unavailable("gateway away")

    log = Interrupted()
    publisher = await publisher_on(log)
    with pytest.raises(Unavailable):
        await publisher.publish(failing())
    assert list(log.published()) == ["1"]
    assert await publisher.publish(poll(shown("1", 100))) == 0


async def test_what_could_not_be_written_is_not_tried_a_second_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "WRITE_AT_ONCE", 1)
    log = Interrupted()
    log.die_at = 1
    publisher = await publisher_on(log)
    with pytest.raises(DeliveryFailed):
        await publisher.publish(poll(shown("1", 100), shown("2", 100)))
    assert log.appends == 1


# -- rounds --------------------------------------------------------------------------------------------------------


@dataclass
class Window:
    """A source of days, which remembers what it was asked."""

    name: str = "window"
    asked: list[tuple[date, date]] = field(default_factory=list)

    def window(self, now: datetime) -> tuple[date, date]:
        return now.date() - timedelta(days=60), now.date()

    def poll(self, since: date, until: date) -> AsyncIterator[Observation]:
        self.asked.append((since, until))
        return poll()


async def test_recent_days_each_time_and_the_whole_window_now_and_then() -> None:
    source, clock = Window(), [0.0]
    rounds = WindowRounds(source, PollingSettings(recent_days=1, whole_window_every_s=900), lambda: clock[0])
    days = []
    for _ in range(4):
        first, last = rounds.days(NOW)
        days.append((last - first).days)
        clock[0] += 500
    assert days == [1, 60, 1, 60]
    rounds.observations(NOW)
    assert source.asked[-1][1] == NOW.date()


async def test_a_source_that_fails_is_asked_again_later_and_later(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    stop = asyncio.Event()
    failures: list[Any] = [Unavailable("away"), Unavailable("away", retry_after_s=30.0), None]

    async def wait_for(waiting: Any, timeout: float) -> None:  # noqa: ASYNC109 -- stands in for asyncio.wait_for
        waiting.close()
        pauses.append(timeout)
        if len(pauses) == 3:
            stop.set()
        raise TimeoutError

    async def failing(error: Exception) -> AsyncIterator[Observation]:
        yield shown("1", 100)
        raise error

    def next_poll() -> AsyncIterator[Observation]:
        error = failures.pop(0)
        return poll(shown("2", 100)) if error is None else failing(error)

    monkeypatch.setattr(asyncio, "wait_for", wait_for)
    log = Interrupted()
    await poll_forever("paytrace", Publisher("paytrace", log, CODEC), next_poll, 5.0, stop)
    assert pauses == [10.0, 30.0, 5.0]
    assert sorted(log.published()) == ["1", "2"]


async def test_a_delivery_failure_ends_the_poller() -> None:
    log = Interrupted()
    log.die_at = 1
    with pytest.raises(DeliveryFailed):
        await poll_forever(
            "paytrace", Publisher("paytrace", log, CODEC), lambda: poll(shown("1", 1)), 5.0, asyncio.Event()
        )


def test_the_first_observation_is_a_change_even_if_it_says_nothing() -> None:
    empty: Observation = ("1", ())
    log = Interrupted()

    async def work() -> tuple[int, int]:
        publisher = await publisher_on(log)
        return await publisher.publish(poll(empty)), await publisher.publish(poll(empty))

    assert asyncio.run(work()) == (1, 0)


async def test_an_observation_that_no_inbox_takes_is_named_at_each_poll_and_the_others_are_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(polling, "WRITE_AT_ONCE", 1)
    log = Interrupted()
    publisher = await publisher_on(log)
    giant = "9", (observation(Status.PENDING_SETTLEMENT, 100, payment="9", invoice="x" * (2 << 20)),)
    for _ in range(2):
        with pytest.raises(RecordTooLarge, match=r"paytrace/9: TransactionObserved would have 2097\d+ bytes"):
            await publisher.publish(poll(shown("1", 100), giant, shown("2", 200)))
        assert {payment: len(events) for payment, events in log.published().items()} == {"1": 1, "2": 1}


async def test_polls_that_find_nothing_are_not_reported_again_and_again(caplog: pytest.LogCaptureFixture) -> None:
    log = Interrupted()
    stop = asyncio.Event()
    rounds: list[list[Observation]] = [[], [], [shown("1", 100)], [], []]

    def next_poll() -> AsyncIterator[Observation]:
        found = rounds.pop(0)
        if not rounds:
            stop.set()
        return poll(*found)

    with caplog.at_level("INFO", logger="app.sources.polling"):
        await poll_forever("paytrace", Publisher("paytrace", log, CODEC), next_poll, 0.001, stop)
    assert [(record.message, record.changed) for record in caplog.records] == [("polled", 0), ("polled", 1)]  # type: ignore[attr-defined]  # what `extra` put there


class Heard:
    """What the poller said of its polls."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, float]] = []

    def succeeded(self, poll: str, not_read: tuple[str, ...] = ()) -> None:
        self.heard.append((poll, "; ".join(("read", *not_read)), 0.0))

    def failed(self, poll: str, error: SaldoError, *, pause_s: float) -> None:
        self.heard.append((poll, str(error), pause_s))


async def poll_once_with(error: SaldoError, caplog: pytest.LogCaptureFixture, *, times: int = 1) -> Heard:
    """Polls that end so, as often as said, then one that reads; without waiting."""
    heard, left, stop = Heard(), [times], asyncio.Event()

    async def failing() -> AsyncIterator[Observation]:
        if left[0] == 0:
            stop.set()
        else:
            left[0] -= 1
            raise error
        yield shown("1", 100)

    async def at_once(waiting: Any, timeout: float) -> None:  # noqa: ASYNC109 -- stands in for asyncio.wait_for
        waiting.close()
        raise TimeoutError

    with pytest.MonkeyPatch.context() as patch, caplog.at_level("INFO", logger="app.sources.polling"):
        patch.setattr(asyncio, "wait_for", at_once)
        await poll_forever("paytrace", Publisher("paytrace", Interrupted(), CODEC), failing, 5.0, stop, heard)
    return heard


async def test_no_side_stops_a_poll_for_a_day(caplog: pytest.LogCaptureFixture) -> None:
    error = Unavailable("away", retry_after_s=100_000.0)  # of a source without a bound of its own
    heard = await poll_once_with(error, caplog)
    assert heard.heard == [("paytrace", "away", 3600.0), ("paytrace", "read", 0.0)]


async def test_a_refusal_is_a_poll_that_fails_and_says_why_and_no_process_that_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    heard = await poll_once_with(Refused("99 Bad terminal", code="99"), caplog)
    assert heard.heard == [("paytrace", "99 Bad terminal", 10.0), ("paytrace", "read", 0.0)]


async def test_what_a_poll_leaves_out_is_reported_with_its_end() -> None:
    heard, stop = Heard(), asyncio.Event()

    async def last() -> AsyncIterator[Observation]:
        stop.set()
        yield shown("1", 100)

    publisher = Publisher("paytrace", Interrupted(), CODEC)
    await poll_forever("paytrace", publisher, last, 5.0, stop, heard, not_read=lambda: ("ACH is not read: no",))
    assert heard.heard == [("paytrace", "read; ACH is not read: no", 0.0)]


async def test_one_trouble_is_one_line_of_log_and_its_end_another(caplog: pytest.LogCaptureFixture) -> None:
    heard = await poll_once_with(Unavailable("HTTP 503 at 10:02", retry_after_s=7.0), caplog, times=6)
    assert len(heard.heard) == 7, "the status knows of each"
    lines = [(record.message, vars(record).get("asked_s")) for record in caplog.records]
    assert lines == [("poll failed", 7.0), ("polled", None)]
    assert vars(caplog.records[-1])["after_failures"] == 6


async def test_a_broken_contract_is_reported_before_the_process_ends() -> None:
    async def rejected() -> AsyncIterator[Observation]:
        nothing: tuple[Observation, ...] = ()
        for one in nothing:
            yield one
        raise ContractBroken("login rejected")

    heard = Heard()
    with pytest.raises(ContractBroken):
        await poll_forever("abas", Publisher("abas", Interrupted(), CODEC), rejected, 5.0, asyncio.Event(), heard)
    assert heard.heard == [("abas", "login rejected", 0.0)]
