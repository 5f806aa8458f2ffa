"""The log on a real broker does what every log does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from streams.log.kafka import KafkaLog
from tests.support.kafka import client_options, make_topics, unique
from tests.support.log_suite import LogSuite


class TestKafkaLog(LogSuite):
    @pytest.fixture
    def topic(self, kafka: str) -> str:
        name = unique("log")
        make_topics(kafka, {name: 2})
        return name

    @pytest.fixture
    def log(self, kafka: str) -> Iterator[KafkaLog]:
        with closing(KafkaLog(client_options(kafka))) as log:
            yield log
