"""Rules on types with a name: one name is one thing, and alike wherever it is written out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.lint.files import Contract, Problem
from schemas.lint.walk import types


def named_rules(contract: Contract) -> list[Problem]:
    """Return findings on records and enumerations that the newest schemas write out differently.

    Python has one class for each name, and other languages one for each namespace and name.
    """
    problems: list[Problem] = []
    known: dict[str, tuple[str, Mapping[str, Any]]] = {}
    for schema in contract.newest():
        for _, avro in types(schema.schema):
            if avro["type"] not in ("record", "enum"):
                continue
            whole = {"namespace": schema.schema["namespace"], **avro}
            file, first = known.setdefault(avro["name"], (schema.file, whole))
            if first != whole:
                problems.append(
                    Problem(
                        schema.file,
                        f"{avro['name']} differs from the one in {file}",
                        "write a type alike everywhere, its namespace too, or give this one another name",
                    )
                )
    return problems
