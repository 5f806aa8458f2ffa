"""The log in memory does what every log does."""

from __future__ import annotations

import pytest

from streams.log.memory import MemoryLog
from tests.support.log_suite import LogSuite


class TestMemoryLog(LogSuite):
    @pytest.fixture
    def topic(self) -> str:
        return "t"

    @pytest.fixture
    def log(self, topic: str) -> MemoryLog:
        return MemoryLog({topic: 2})
