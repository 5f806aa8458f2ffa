"""`replace` of schemas/values is that of dataclasses, only faster."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pytest

from schemas.records.receivables import OpenItemObserved
from schemas.values.replacing import replace
from tests.support.builders import open_item


@dataclass(frozen=True, slots=True, kw_only=True)
class Slotted:
    name: str
    size: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Inheriting(Slotted):
    weight: int = 1


@dataclass(frozen=True)
class Remembering:
    name: str
    sizes: tuple[int, ...] = ()

    @cached_property
    def total(self) -> int:
        return sum(self.sizes)


@dataclass(frozen=True)
class Checked:
    size: int

    def __post_init__(self) -> None:
        if self.size < 0:
            raise ValueError("size is negative")


@dataclass
class Counted:
    size: int
    seen: list[str] = field(default_factory=list, init=False)


@pytest.mark.parametrize(
    ("instance", "changes"),
    [
        (Slotted(name="a"), {"size": 3}),
        (Slotted(name="a", size=2), {}),
        (Inheriting(name="a"), {"size": 3, "weight": 2}),
        (Remembering("a", (1, 2)), {"name": "b"}),
        (Checked(1), {"size": 2}),
        (open_item("i1", 100_00), {"open_minor": 1, "invoice_number": "RE-2"}),
    ],
)
def test_it_returns_what_dataclasses_would(instance: Any, changes: dict[str, Any]) -> None:
    changed = replace(instance, **changes)
    assert changed == dataclasses.replace(instance, **changes)
    assert type(changed) is type(instance)
    assert hash(changed) == hash(dataclasses.replace(instance, **changes))


def test_a_copy_is_frozen_and_the_original_stays_as_it_is() -> None:
    item = open_item("i1", 100_00)
    changed = replace(item, open_minor=1)
    assert isinstance(changed, OpenItemObserved)
    assert item.open_minor == 100_00
    with pytest.raises(dataclasses.FrozenInstanceError):
        changed.open_minor = 2  # type: ignore[misc]


def test_what_an_instance_remembers_of_itself_is_not_copied() -> None:
    one = Remembering("a", (1, 2))
    assert one.total == 3
    assert replace(one, sizes=(5,)).total == 5


@pytest.mark.parametrize("instance", [Slotted(name="a"), Remembering("a"), Checked(1)])
def test_a_name_that_is_no_field_is_an_error(instance: Any) -> None:
    with pytest.raises(TypeError):
        replace(instance, weight=1)


def test_a_class_that_looks_at_its_values_still_does() -> None:
    with pytest.raises(ValueError, match="negative"):
        replace(Checked(1), size=-1)
    with pytest.raises(ValueError, match="init=False"):
        replace(Counted(1), seen=[])
