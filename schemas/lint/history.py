"""Rules across the versions of a record: any old record can be read by any reader, and means the same."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from avro.errors import AvroException
from avro.schema import Schema
from avro.schema import parse as parse_avro

from schemas.lint.files import Contract, Problem, SchemaFile
from schemas.lint.walk import types

_FROZEN = ("logicalType", "scale", "precision", "size")
_NEW_FIELD = "publish it as a new field beside the old one, or as a new record type"


def history_rules(contract: Contract) -> list[Problem]:
    """Return findings on each record type's versions, every pair in both directions (FULL_TRANSITIVE)."""
    return [problem for versions in contract.schemas.values() for problem in _one(versions)]


def _one(versions: tuple[SchemaFile, ...]) -> Iterator[Problem]:
    numbers = [schema.version for schema in versions]
    if numbers != list(range(1, len(numbers) + 1)):
        yield Problem(versions[-1].file, f"versions are {numbers}", "number them 1, 2, 3, without gaps")
    parsed: dict[int, Schema] = {}
    for schema in versions:
        try:
            parsed[schema.version] = parse_avro(json.dumps(schema.schema))
        except AvroException as error:
            yield Problem(schema.file, f"the Avro specification refuses it: {error}", "correct the schema")
    for older, newer in combinations([schema for schema in versions if schema.version in parsed], 2):
        yield from _compatible(
            newer.file, f"v{newer.version} readers", f"v{older.version} records", parsed, newer, older
        )
        yield from _compatible(
            newer.file, f"v{older.version} readers", f"v{newer.version} records", parsed, older, newer
        )
        yield from _same_meaning(older, newer)


def _compatible(
    file: str,
    readers: str,
    records: str,
    parsed: Mapping[int, Schema],
    reader: SchemaFile,
    writer: SchemaFile,
) -> Iterator[Problem]:
    checker = ReaderWriterCompatibilityChecker()  # type: ignore[no-untyped-call]  # its __init__ has no annotations
    result = checker.get_compatibility(parsed[reader.version], parsed[writer.version])
    if result.compatibility is not SchemaCompatibilityType.compatible:
        reasons = ", ".join(sorted(result.messages)) or "incompatible"
        places = ", ".join(sorted(result.locations))
        yield Problem(
            file,
            f"{readers} can't read {records}: {reasons} ({places})",
            "only add or drop fields that have a default, and enum symbols at the end",
        )


def _same_meaning(older: SchemaFile, newer: SchemaFile) -> Iterator[Problem]:
    before, after = _frozen(older), _frozen(newer)
    for path in before.keys() & after.keys():
        for what in _FROZEN:
            was, now = before[path].get(what), after[path].get(what)
            if was != now:
                yield Problem(
                    newer.file,
                    f"{path} changed its {what} from {was} to {now} since v{older.version}; Avro lets this pass and "
                    "old amounts or instants would be read wrong",
                    _NEW_FIELD,
                )


def _frozen(schema: SchemaFile) -> dict[str, Mapping[str, Any]]:
    return {path: found for path, found in types(schema.schema) if path}
