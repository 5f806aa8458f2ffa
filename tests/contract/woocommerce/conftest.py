"""A running sandbox shop for the contract suite."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.shop_sandbox import Shop, shop_in_thread


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    with shop_in_thread(tmp_path / "shop") as running:
        running.admin("clock", {"now": "2026-11-20T10:00:00-08:00"})
        yield running
