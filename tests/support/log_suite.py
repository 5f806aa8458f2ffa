"""What a log must do, whichever it is: the twin in memory and the one on a real broker are held to the same tests.

A subclass gives two fixtures: `log`, and `topic` with two partitions that nobody else uses.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime

import pytest

from schemas.failures import ContractBroken
from streams.log.outbound import Outbound
from streams.log.ports import Feed, Log, RecordsGone
from streams.log.records import Inbound

PATIENCE_S = 30.0


def records(topic: str, partition: int, *values: str) -> list[Outbound]:
    headers = (("ce_id", b"1"), ("x", b"\xff"))
    return [
        Outbound(topic=topic, partition=partition, key=b"k", value=value.encode(), headers=headers) for value in values
    ]


def taken(feed: Feed, count: int) -> list[Inbound]:
    """So many records, or all that came in time."""
    found: list[Inbound] = []
    deadline = time.monotonic() + PATIENCE_S
    while len(found) < count and time.monotonic() < deadline:
        found += feed.take(10, 0.1)
    return found


def at_end(feed: Feed, count: int) -> bool:
    """Whether the feed sees in time that it handed out everything of so many partitions, and nothing more."""
    deadline = time.monotonic() + PATIENCE_S
    while len(feed.at_end) < count and time.monotonic() < deadline:
        if feed.take(10, 0.1):
            return False
    return len(feed.at_end) == count


def values(found: Sequence[Inbound]) -> list[str]:
    return [(record.value or b"").decode() for record in found]


class LogSuite:
    """Every log passes these."""

    async def test_a_topic_has_its_partitions_and_an_identity(self, log: Log, topic: str) -> None:
        assert log.topics()[topic] == 2
        assert log.partition_count(topic) == 2
        assert await log.topic_id(topic) == await log.topic_id(topic) != ""

    async def test_a_topic_that_does_not_exist_is_named_with_the_remedy(self, log: Log, topic: str) -> None:
        assert "no.such.topic" not in log.topics()
        with pytest.raises(ContractBroken, match=r"no topic no\.such\.topic; .* `saldo topics apply` creates it"):
            log.partition_count("no.such.topic")

    async def test_what_is_appended_is_read_as_it_was_written(self, log: Log, topic: str) -> None:
        assert list(await log.append([])) == []
        first = await log.append([*records(topic, 0, "a", "b"), *records(topic, 1, "c")])
        assert list(first) == [0, 1, 0]
        assert list(await log.append(records(topic, 0, "d"))) == [2]
        assert await log.watermarks(topic, 0) == (0, 3)
        found = [record async for batch in log.read(topic, 0, 0, 3) for record in batch]
        assert values(found) == ["a", "b", "d"]
        assert [record.offset for record in found] == [0, 1, 2]
        one = found[1]
        assert (one.topic, one.partition, one.key, list(one.headers)) == (
            topic,
            0,
            b"k",
            [("ce_id", b"1"), ("x", b"\xff")],
        )
        assert one.timestamp_ms >= 0

    async def test_a_range_is_read_from_its_first_to_before_its_last(self, log: Log, topic: str) -> None:
        await log.append(records(topic, 0, *"abcde"))
        assert values([record async for batch in log.read(topic, 0, 1, 4) for record in batch]) == ["b", "c", "d"]
        assert [batch async for batch in log.read(topic, 0, 3, 3)] == []

    async def test_the_edges_of_several_partitions_are_reported_at_once(self, log: Log, topic: str) -> None:
        await log.append(records(topic, 1, "a", "b"))
        both = [(topic, 0), (topic, 1)]
        assert log.starts(both) == {(topic, 0): 0, (topic, 1): 0}
        assert log.ends(both) == {(topic, 0): 0, (topic, 1): 2}
        assert log.ends([]) == {}

    async def test_an_instant_is_the_first_record_that_is_not_older(self, log: Log, topic: str) -> None:
        await log.append(records(topic, 0, "a", "b"))
        both = [(topic, 0), (topic, 1)]
        assert log.offsets_at(both, datetime(1970, 1, 1, tzinfo=UTC)) == {(topic, 0): 0, (topic, 1): None}
        assert log.offsets_at(both, datetime(2999, 1, 1, tzinfo=UTC)) == {(topic, 0): None, (topic, 1): None}

    async def test_a_feed_reads_on_with_what_is_written_meanwhile(self, log: Log, topic: str) -> None:
        await log.append([*records(topic, 0, "a", "b"), *records(topic, 1, "c")])
        with closing(log.feed({(topic, 0): 1, (topic, 1): 0})) as feed:
            assert sorted(values(taken(feed, 2))) == ["b", "c"]
            assert at_end(feed, 2)
            await log.append(records(topic, 0, "d"))
            assert values(taken(feed, 1)) == ["d"]

    async def test_a_feed_hands_out_no_more_than_asked_and_nothing_of_what_is_held(self, log: Log, topic: str) -> None:
        with closing(log.feed({(topic, 0): 0, (topic, 1): 0})) as feed:
            feed.hold((topic, 0))
            await log.append([*records(topic, 0, "a"), *records(topic, 1, "b", "c", "d")])
            first = feed.take(2, PATIENCE_S)
            assert 0 < len(first) <= 2
            found = [*first, *taken(feed, 3 - len(first))]
            assert values(found) == ["b", "c", "d"]
            feed.let_go((topic, 0))
            assert values(taken(feed, 1)) == ["a"]

    async def test_a_feed_at_an_offset_that_never_was_stops(self, log: Log, topic: str) -> None:
        await log.append(records(topic, 0, "a"))
        with closing(log.feed({(topic, 0): 99})) as feed, pytest.raises(RecordsGone, match=rf"{topic}/0 .*99"):
            taken(feed, 1)
