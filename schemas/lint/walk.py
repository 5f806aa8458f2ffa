"""Visits the types inside a schema, each with a path that names it alike in every version."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def types(schema: Any, path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every type at and below a schema as (path, type); a primitive "long" appears as {"type": "long"}.

    Ensures: a field's path is its name after its parent's, and a nullable field has the path of a plain one, so that
             two versions of a field can be compared by path.
    """
    if isinstance(schema, str):
        yield path, {"type": schema}
    elif isinstance(schema, list):
        for branch in schema:
            if branch != "null":
                yield from types(branch, path)
    elif isinstance(schema["type"], dict | list):
        yield from types(schema["type"], path)
    else:
        yield path, schema
        kind = schema["type"]
        if kind == "record":
            for field in schema["fields"]:
                yield from types(field["type"], f"{path}.{field['name']}" if path else field["name"])
        elif kind == "array":
            yield from types(schema["items"], f"{path}[]")
        elif kind == "map":
            yield from types(schema["values"], f"{path}{{}}")


def records(schema: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the record itself and the records nested in it, as (path, record)."""
    return ((path, found) for path, found in types(schema) if found["type"] == "record")


def core(schema: Any) -> Mapping[str, Any]:
    """Return a field's type without null: {"type": "long", "logicalType": ...}."""
    return next((found for _, found in types(schema)), {"type": "null"})


def is_optional(schema: Any) -> bool:
    """Return whether null is allowed."""
    return isinstance(schema, list) and "null" in schema
