"""Files for their owner alone: mode whatever the umask, never half a file, the first of several makers wins."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from schemas.failures import ContractBroken
from schemas.files.private_files import make_private, read_private, write_private


@pytest.fixture(autouse=True)
def _open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def test_a_file_is_replaced_as_a_whole_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "key"
    write_private(path, "first and longer\n")
    write_private(path, b"second")
    assert read_private(path) == b"second"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [found.name for found in tmp_path.iterdir()] == ["key"]


def test_of_several_makers_the_first_one_stays_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "key"
    make_private(path, "mine")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: make_private(path, f"other {number}"), range(4)))
    assert read_private(path) == b"mine"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [found.name for found in tmp_path.iterdir()] == ["key"]


def test_what_others_can_read_is_refused_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "key"
    assert read_private(path) is None
    path.write_text("open")
    with pytest.raises(ContractBroken, match=f"chmod 600 {path}"):
        read_private(path)
