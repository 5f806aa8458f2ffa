"""Pure steps that lift an old record version to the next one; a chain of them lifts any old record to today's shape.

A change that Avro's own resolution covers (a new field with a default) needs no step. One that means something
(a field split in two, a unit changed) is written here as `<Record>_v1_to_v2` and listed in STEPS, once, instead
of an `if "fee" in payload` where the event is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Fields = dict[str, Any]
Step = Callable[[Fields], Fields]

STEPS: Mapping[tuple[str, int], Step] = {}


def upcast(name: str, version: int, fields: Fields, *, to_version: int) -> Fields:
    """Lift decoded fields of one record version to a newer one.

    Shapes:  fields is what the writer's schema decoded to; the result fits the schema of to_version.
    Raises:  KeyError never: a version without a step is lifted by Avro's defaults alone (the codec fills them).
    """
    for step_from in range(version, to_version):
        step = STEPS.get((name, step_from))
        if step is not None:
            fields = step(fields)
    return fields
