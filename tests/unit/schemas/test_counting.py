"""A number and what it counts agree."""

from __future__ import annotations

import pytest

from schemas.values.counting import counted


@pytest.mark.parametrize(
    ("number", "words", "wanted"),
    [
        (0, "record", "0 records"),
        (1, "record", "1 record"),
        (-1, "record", "-1 record"),
        (2_000, "record", "2,000 records"),
        (1, "task waits|tasks wait", "1 task waits"),
        (2, "task waits|tasks wait", "2 tasks wait"),
    ],
)
def test_one_is_singular_and_all_else_plural(number: int, words: str, wanted: str) -> None:
    assert counted(number, words) == wanted
