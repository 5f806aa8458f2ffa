"""Old records are lifted step by step; a version without a step is lifted by Avro's defaults alone."""

from __future__ import annotations

import pytest

from schemas.wire import upcasters
from schemas.wire.upcasters import Fields, upcast


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> None:
    def split_name(fields: Fields) -> Fields:
        first, last = fields["name"].split(" ")
        return {"first": first, "last": last}

    def count(fields: Fields) -> Fields:
        return {**fields, "letters": len(fields["first"])}

    monkeypatch.setattr(upcasters, "STEPS", {("Person", 1): split_name, ("Person", 3): count})


@pytest.mark.usefixtures("steps")
@pytest.mark.parametrize(
    ("written", "read", "before", "after"),
    [
        (1, 2, {"name": "Ada Lovelace"}, {"first": "Ada", "last": "Lovelace"}),
        (1, 4, {"name": "Ada Lovelace"}, {"first": "Ada", "last": "Lovelace", "letters": 3}),
        (2, 3, {"first": "Ada"}, {"first": "Ada"}),
        (4, 4, {"first": "Ada"}, {"first": "Ada"}),
    ],
)
def test_each_step_is_taken_once_in_order(written: int, read: int, before: Fields, after: Fields) -> None:
    assert upcast("Person", written, before, to_version=read) == after


@pytest.mark.usefixtures("steps")
def test_other_records_are_left_alone() -> None:
    assert upcast("Payment", 1, {"name": "x"}, to_version=4) == {"name": "x"}
