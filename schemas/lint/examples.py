"""Rules on examples: each version has one, it fits its schema, and today's reader can read it."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from fastavro import schemaless_reader, schemaless_writer
from fastavro.schema import parse_schema

from schemas.lint.files import Contract, Problem, SchemaFile
from schemas.lint.walk import core, is_optional


def example_rules(contract: Contract) -> list[Problem]:
    """Return findings on the examples."""
    problems: list[Problem] = []
    wanted: set[str] = set()
    for versions in contract.schemas.values():
        for schema in versions:
            wanted.add(schema.example_file)
            if schema.example_file not in contract.examples:
                problems.append(Problem(schema.file, "has no example", f"write {schema.example_file}"))
                continue
            fault = _fault(contract.examples[schema.example_file], schema, versions[-1])
            if fault is not None:
                problems.append(Problem(schema.example_file, fault, f"make it fit {schema.file}"))
    for file in contract.examples.keys() - wanted:
        problems.append(Problem(file, "belongs to no schema", "rename it like its .avsc, or delete it"))
    return problems


def _fault(example: Any, schema: SchemaFile, newest: SchemaFile) -> str | None:
    if not isinstance(example, dict):
        return "is not a JSON object"
    names = [field["name"] for field in schema.schema["fields"]]
    unknown, missing = sorted(set(example) - set(names)), [name for name in names if name not in example]
    if unknown or missing:
        return f"fields differ from the schema: unknown {unknown}, missing {missing}"
    values: dict[str, Any] = {}
    for field in schema.schema["fields"]:
        try:
            values[field["name"]] = _avro_value(field["type"], example[field["name"]])
        except (ValueError, TypeError, KeyError) as error:
            return f"{field['name']} does not fit: {error}"
    stream = io.BytesIO()
    try:
        schemaless_writer(stream, parse_schema(dict(schema.schema), named_schemas={}), values)
        stream.seek(0)
        schemaless_reader(
            stream,
            parse_schema(dict(schema.schema), named_schemas={}),
            parse_schema(dict(newest.schema), named_schemas={}),
        )
    except Exception as error:  # fastavro raises many kinds, and each is a finding
        return f"cannot be written as v{schema.version} and read as v{newest.version}: {type(error).__name__}: {error}"
    return None


def _avro_value(schema: Any, value: Any) -> Any:
    """Return a JSON value as the Avro value of its type: instants and dates are ISO text, bytes are base64."""
    if value is None:
        if not is_optional(schema):
            raise TypeError("null where the schema allows none")
        return None
    kind = core(schema)
    match kind.get("logicalType") or kind["type"]:
        case "timestamp-micros":
            instant = datetime.fromisoformat(value)
            if instant.tzinfo is None:
                raise ValueError(f"instant {value!r} has no zone")
            return instant
        case "date":
            return date.fromisoformat(value)
        case "bytes":
            return base64.b64decode(value, validate=True)
        case "array":
            return [_avro_value(kind["items"], item) for item in _expect(value, list)]
        case "map":
            return {key: _avro_value(kind["values"], item) for key, item in _expect(value, Mapping).items()}
        case "record":
            unknown = set(_expect(value, Mapping)) - {field["name"] for field in kind["fields"]}
            if unknown:
                raise ValueError(f"{kind['name']} has no {', '.join(sorted(unknown))}")
            return {field["name"]: _avro_value(field["type"], value[field["name"]]) for field in kind["fields"]}
        case "enum":
            if value not in kind["symbols"]:
                raise ValueError(f"{value!r} is not among {', '.join(kind['symbols'])}")
            return value
        case "int" | "long":
            return _expect(value, int)
        case "boolean":
            return _expect(value, bool)
        case "string":
            return _expect(value, str)
        case str(other) if other.rpartition(".")[2][:1].isupper():
            return value  # a type that was defined further up; the writer knows whether the value fits
        case other:
            raise TypeError(f"no example rule for {other}")


def _expect(value: Any, kind: type[Any]) -> Any:
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise TypeError(f"expected {kind.__name__}, got {type(value).__name__}")
    return value
