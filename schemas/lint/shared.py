"""What many records say alike, said once in avro/shared.yaml: fields by name, and enumerations.

An .avsc stays complete, because a reader in another language has nothing else. So each holds a copy, `saldo schemas
generate` writes what is missing in it, and a copy that differs is a finding. A field that means more than its name says
so: `"saldo_own": "doc"` where its text is its own, `"saldo_own": "field"` where it is another thing of the same name.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from schemas.files.yaml_lines import dotted, read_yaml
from schemas.lint.files import Contract, Problem
from schemas.lint.walk import is_optional, records, types

SHARED = "avro/shared.yaml"
OWN = "saldo_own"
_OWN_DOC, _OWN_FIELD = "doc", "field"
_SAID = ("type", "saldo_class", "doc")
_ENUM = ("namespace", "doc", "symbols", "default")
_WHY_OTHER_CLASS = "saldo_class_because"
_REMEDY = 'write `saldo schemas generate --overwrite`, or "saldo_own": "doc" or "field" where this one is different'


@dataclass(frozen=True, slots=True)
class Shared:
    """Fields (type, saldo_class, doc) and enumerations by name."""

    fields: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    types: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def read_shared(root: Path) -> Shared:
    """Return what a contract directory shares; nothing where it has no such file.

    Raises: ValueError for a file that says something else than fields and types.
    """
    path = root / SHARED
    if not path.exists():
        return Shared()
    try:
        data, lines = read_yaml(path.read_text("utf-8"))
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"no YAML: {' '.join(str(error).split())}") from error
    for twice in lines.twice:
        raise ValueError(f"line {lines.nearest(twice)} writes {dotted(twice)} a second time")
    if not isinstance(data, dict) or not data.keys() <= {"fields", "types"}:
        raise ValueError("holds something else than fields: and types:")
    fields, named = data.get("fields") or {}, data.get("types") or {}
    for name, said in fields.items():
        if not isinstance(said, dict) or said.keys() != set(_SAID):
            raise ValueError(f"{name} doesn't say {', '.join(_SAID)}, and nothing else")
    for name, avro in named.items():
        if not isinstance(avro, dict) or avro.keys() != set(_ENUM):
            raise ValueError(f"{name} doesn't say {', '.join(_ENUM)}, and nothing else")
    return Shared(fields, {name: {"type": "enum", "name": name, **avro} for name, avro in named.items()})


def shared_rules(contract: Contract, root: Path) -> list[Problem]:
    """Return findings on copies that differ from what is shared, and on what nobody uses, in newest versions."""
    try:
        shared = read_shared(root)
    except ValueError as error:
        return [Problem(SHARED, str(error), "correct it; the head of the file says how it is written")]
    problems: list[Problem] = []
    used: set[str] = set()
    for schema in contract.newest():
        for path, record in records(schema.schema):
            for one in record["fields"]:
                used.add(one["name"])
                where = f"{path}.{one['name']}" if path else one["name"]
                problems += [Problem(schema.file, f"field {where} {fault}", _REMEDY) for fault in _faults(one, shared)]
        for _, avro in types(schema.schema):
            name = str(avro.get("name"))
            if name in shared.types:
                used.add(name)
                if avro != shared.types[name]:
                    problems.append(Problem(schema.file, f"{name} is not as {SHARED} says it", _REMEDY))
    for name in (shared.fields.keys() | shared.types.keys()) - used:
        problems.append(Problem(SHARED, f"nobody uses {name}", "drop it"))
    return problems


def _faults(avro: Mapping[str, Any], shared: Shared) -> Iterator[str]:
    own, said = avro.get(OWN), shared.fields.get(avro["name"])
    if own is not None and own not in (_OWN_DOC, _OWN_FIELD):
        yield f"has {OWN} {own!r}, which is neither doc nor field"
    elif said is None:
        if own is not None:
            yield f"has {OWN}, and {SHARED} says nothing of its name"
    elif own == _OWN_DOC and avro.get("doc") == said["doc"]:
        yield f"says that its doc is its own, and it is that of {SHARED}"
    else:
        wanted = as_shared(avro, shared)
        for name in _SAID:
            if not _alike(avro.get(name), wanted[name]):
                yield f"has another {name} than {SHARED}: {_shown(avro.get(name))}, there {_shown(wanted[name])}"


def as_shared(avro: Mapping[str, Any], shared: Shared) -> dict[str, Any]:
    """Return a field as it would be if everything shared were copied; what is its own stays."""
    said, own = shared.fields.get(avro["name"]), avro.get(OWN)
    if said is None or own == _OWN_FIELD:
        return dict(avro)
    kind, given = said["type"], avro.get("type")
    if given is not None and _name(given) == kind:
        kind = given
    elif is_optional(given):
        kind = ["null", kind]
    keeps_class = "saldo_class" in avro and str(avro.get(_WHY_OTHER_CLASS, "")).strip()
    return {
        "name": avro["name"],
        "type": kind,
        "saldo_class": avro["saldo_class"] if keeps_class else said["saldo_class"],
        "doc": avro["doc"] if own == _OWN_DOC and "doc" in avro else said["doc"],
        **{name: value for name, value in avro.items() if name not in ("name", *_SAID)},
    }


def _name(avro: Any) -> str | None:
    """Return the name of a type that has one, however it is written: in full, or as a reference."""
    if isinstance(avro, list):
        return next((_name(branch) for branch in avro if branch != "null"), None)
    return avro.rpartition(".")[2] if isinstance(avro, str) else avro.get("name")


def _alike(one: Any, other: Any) -> bool:
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
