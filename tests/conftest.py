"""What holds for every test: fixtures that any may ask for (tests/support), and how hypothesis chooses examples."""

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support.guard_key import use_guard_key_of_the_tests
from tests.support.parts import refuse_without_engine

# A run must not depend on luck or on a quiet machine: the same examples each time, and no limit of time for one.
# `pytest --hypothesis-profile search` looks for new ones.
settings.register_profile("steady", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("search", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")

# The files of tests lie in memory where there is room: a store syncs each insert, which is most of the time on a disk.
# A Java server unpacks libraries there, so what may not be executed is no place for them.
MEMORY, ROOM_BYTES = Path("/dev/shm"), 4 << 30
if MEMORY.is_dir() and not os.statvfs(MEMORY).f_flag & os.ST_NOEXEC and shutil.disk_usage(MEMORY).free > ROOM_BYTES:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))

use_guard_key_of_the_tests()


def pytest_configure(config: pytest.Config) -> None:
    refuse_without_engine()


pytest_plugins = ["tests.support.kafka", "tests.support.registry"]
