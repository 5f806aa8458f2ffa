"""The log on a real broker, where a broker would have to misbehave on command: leaders that have just moved."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from streams.log import brokers
from streams.log.kafka import KafkaLog


class Answers:
    """A consumer that gives one answer after the other."""

    def __init__(self, *answers: int | tuple[int, int]) -> None:
        self.left = list(answers)

    def get_watermark_offsets(self, *_: Any, **__: Any) -> tuple[int, int]:
        answer = self.left.pop(0)
        if isinstance(answer, int):
            raise KafkaException(KafkaError(answer))
        return answer


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[KafkaLog]:
    monkeypatch.setattr(brokers, "LEADER_PAUSE_S", 0.001)
    log = KafkaLog({"bootstrap.servers": "127.0.0.1:1", "log_level": 0})
    yield log
    log.close()


def answering(log: KafkaLog, monkeypatch: pytest.MonkeyPatch, *answers: int | tuple[int, int]) -> None:
    consumer = Answers(*answers)

    @contextmanager
    def reader() -> Iterator[Answers]:
        yield consumer

    monkeypatch.setattr(log, "_reader", reader)


async def test_a_partition_without_a_leader_is_asked_again(log: KafkaLog, monkeypatch: pytest.MonkeyPatch) -> None:
    answering(log, monkeypatch, KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, (3, 9))
    assert await log.watermarks("t", 0) == (3, 9)
