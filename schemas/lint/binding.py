"""Rules that tie the dataclasses of schemas/records to the newest .avsc, field for field."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import date, datetime
from enum import StrEnum
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from schemas import records
from schemas.catalog import row_schema
from schemas.lint.files import Contract, Problem, SchemaFile
from schemas.lint.walk import core, is_optional

_SCALARS: Mapping[str, type[Any]] = {
    "string": str,
    "bytes": bytes,
    "int": int,
    "long": int,
    "boolean": bool,
    "timestamp-micros": datetime,
    "date": date,
}


def record_modules() -> dict[str, type[Any]]:
    """Every dataclass of schemas.records by name, each from the module that defines it."""
    found: dict[str, type[Any]] = {}
    for info in pkgutil.iter_modules(records.__path__):
        module = importlib.import_module(f"{records.__name__}.{info.name}")
        found |= {
            name: member
            for name, member in vars(module).items()
            if is_dataclass(member) and isinstance(member, type) and member.__module__ == module.__name__
        }
    return found


def binding_rules(contract: Contract, classes: Mapping[str, type[Any]]) -> list[Problem]:
    """Findings on dataclasses without schema, schemas without dataclass, and fields that differ."""
    problems: list[Problem] = []
    for schema in contract.newest():
        module = f"records/{schema.context}.py"
        if schema.name not in classes:
            problems.append(
                Problem(module, f"has no dataclass {schema.name}", f"write it field for field like {schema.file}")
            )
        else:
            problems += _one(module, schema, classes[schema.name])
    rows: dict[str, tuple[SchemaFile, Mapping[str, Any]]] = {}
    for schema in contract.newest():
        for name, row in _rows(schema):
            first, known = rows.setdefault(name, (schema, row))
            if known != row:
                problems.append(
                    Problem(
                        schema.file, f"{name} differs from the one in {first.file}", "write a row type alike everywhere"
                    )
                )
    for name, (schema, row) in rows.items():
        module = f"records/{schema.context}.py"
        if name not in classes:
            problems.append(Problem(module, f"has no dataclass {name}", f"write it field for field like {schema.file}"))
        else:
            problems += _fields_of(module, name, row["fields"], classes[name], f"make it follow {schema.file}")
    for name in classes.keys() - contract.schemas.keys() - rows.keys():
        module = f"records/{classes[name].__module__.rpartition('.')[2]}.py"
        problems.append(Problem(module, f"dataclass {name} has no schema", f"write avro/<context>/{name}.v1.avsc"))
    return problems


def _one(module: str, schema: SchemaFile, cls: type[Any]) -> Iterator[Problem]:
    remedy = f"make it follow {schema.file}"
    if cls.__module__.rpartition(".")[2] != schema.context:
        yield Problem(module, f"{schema.name} is defined in {cls.__module__}", "move it to its context's module")
    yield from _fields_of(module, schema.name, schema.schema["fields"], cls, remedy)


def _rows(schema: SchemaFile) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Records that this one holds in lists."""
    found = (row_schema(field) for field in schema.schema["fields"])
    return ((row["name"], row) for row in found if row is not None)


def _fields_of(
    module: str, name: str, schema_fields: list[Mapping[str, Any]], cls: type[Any], remedy: str
) -> Iterator[Problem]:
    if not cls.__dataclass_params__.frozen or "__slots__" not in vars(cls):
        yield Problem(module, f"{name} is not frozen with slots", "records never change")
    ours = {field.name: field for field in fields(cls)}
    theirs = {field["name"]: field for field in schema_fields}
    if list(ours) != list(theirs):
        yield Problem(module, f"{name} has fields {_difference(list(ours), list(theirs))}", remedy)
    hints = get_type_hints(cls)
    for field in ours.keys() & theirs.keys():
        fault = _field_fault(ours[field], hints[field], theirs[field])
        if fault is not None:
            yield Problem(module, f"{name}.{field} {fault}", remedy)


def _difference(ours: list[str], theirs: list[str]) -> str:
    missing, extra = [n for n in theirs if n not in ours], [n for n in ours if n not in theirs]
    if not missing and not extra:
        return "in another order than the schema"
    return f"that differ: missing {missing}, too many {extra}"


def _field_fault(field: Field[Any], hint: Any, avro: Mapping[str, Any]) -> str | None:
    optional = get_origin(hint) in (Union, UnionType) and type(None) in get_args(hint)
    if optional != is_optional(avro["type"]):
        return f"is {'optional' if optional else 'required'} and the schema says otherwise"
    ours, theirs = _default(field), avro.get("default", MISSING)
    if ours != theirs:
        shown = ["no default" if value is MISSING else f"default {value!r}" for value in (ours, theirs)]
        return f"has {shown[0]}, the schema {shown[1]}"
    if optional:
        hint = next(kind for kind in get_args(hint) if kind is not type(None))
    return _type_fault(hint, core(avro["type"]))


def _default(field: Field[Any]) -> Any:
    """A dataclass default as JSON would write it in the schema; MISSING when there is none."""
    return list(field.default) if isinstance(field.default, tuple) else field.default


def _type_fault(hint: Any, avro: Mapping[str, Any]) -> str | None:
    kind = avro.get("logicalType") or avro["type"]
    if kind == "enum":
        if not (isinstance(hint, type) and issubclass(hint, StrEnum)) or hint.__name__ != avro["name"]:
            return f"should be the StrEnum {avro['name']}"
        symbols = [member.value for member in hint]
        return None if symbols == avro["symbols"] else f"has symbols {symbols}, the schema {avro['symbols']}"
    if kind == "array":
        if get_origin(hint) is not tuple or get_args(hint)[1:] != (...,):
            return "should be tuple[..., ...]"
        return _type_fault(get_args(hint)[0], core(avro["items"]))
    if kind == "record":
        is_row = is_dataclass(hint) and isinstance(hint, type) and hint.__name__ == avro["name"]
        return None if is_row else f"should be the dataclass {avro['name']}"
    if kind == "map":
        if get_origin(hint) is not Mapping or get_args(hint)[0] is not str:
            return "should be Mapping[str, ...]"
        return _type_fault(get_args(hint)[1], core(avro["values"]))
    wanted = _SCALARS.get(kind)
    if wanted is None:
        return f"has Avro type {kind}, for which there is no Python type here"
    return None if hint is wanted else f"is {getattr(hint, '__name__', hint)}, the schema says {kind}"
