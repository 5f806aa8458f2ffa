"""A store of its own for each test: chDB in this process, migrated, thrown away afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from projections.client import Store, open_store
from projections.migrate import migrate


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"chdb://{tmp_path / 'store'}")
    try:
        migrate(opened)
        yield opened
    finally:
        opened.close()
