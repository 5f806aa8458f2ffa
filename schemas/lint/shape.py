"""Rules on one schema file: what a reader in any language must be able to rely on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from schemas.lint.files import Contract, Problem, SchemaFile
from schemas.lint.walk import core, is_optional, records, types

_INTEGERS = ("int", "long")
_FOREIGN_READINGS = ("status", "kind", "type")
_MONEY_WORDS = ("amount", "fee", "gross", "net", "total", "price", "balance", "discount", "tax")
# Card data never enters a record: last four and a token are all that Saldo holds.
_FORBIDDEN = (
    "card_number",
    "pan",
    "csc",
    "cvv",
    "cvc",
    "security_code",
    "expiration_month",
    "expiration_year",
    "account_number",
    "bank_account_number",
    "routing_number",
    "iban",
)


def shape_rules(contract: Contract) -> list[Problem]:
    """Return findings on each schema file alone."""
    return [problem for schema in contract.every() for problem in _one(schema)]


def _one(schema: SchemaFile) -> Iterator[Problem]:
    for path, found in types(schema.schema):
        where = path or schema.name
        if found["type"] in ("record", "enum") and not str(found.get("doc", "")).strip():
            yield Problem(schema.file, f"{found['type']} {found['name']} has no doc", "say what it means")
        if found["type"] == "enum":
            yield from _enum(schema.file, where, found)
        if found["type"] in ("float", "double"):
            yield Problem(
                schema.file, f"{where} is a {found['type']}", "use a long in minor units, basis points or a string"
            )
        logical = str(found.get("logicalType", ""))
        if logical.startswith(("timestamp", "local-timestamp", "time-")) and logical != "timestamp-micros":
            yield Problem(schema.file, f"{where} is {logical}", "instants are timestamp-micros, in UTC")
    for path, record in records(schema.schema):
        for field in record["fields"]:
            yield from _field(schema.file, f"{path}.{field['name']}" if path else field["name"], field, record)
    if schema.name.endswith("Observed"):
        yield from _observation(schema)


def _enum(file: str, where: str, enum: Mapping[str, Any]) -> Iterator[Problem]:
    first = enum["symbols"][0]
    if first != "UNKNOWN" or enum.get("default") != "UNKNOWN":
        yield Problem(
            file,
            f"enum {enum['name']} at {where} begins with {first} and has default {enum.get('default')}",
            "make UNKNOWN its first symbol and its default, so that an old reader survives a new symbol",
        )


def _field(file: str, where: str, field: Mapping[str, Any], record: Mapping[str, Any]) -> Iterator[Problem]:
    name, kind = field["name"], core(field["type"])
    logical = kind.get("logicalType")
    if not str(field.get("doc", "")).strip():
        yield Problem(file, f"field {where} has no doc", "state meaning, unit and source")
    if name in _FORBIDDEN:
        yield Problem(file, f"field {where} may hold card or bank data", "keep the last four and a token at most")
    if is_optional(field["type"]) and (field["type"][0] != "null" or field.get("default", "") is not None):
        yield Problem(file, f"optional field {where} has no default null", 'write ["null", ...] with "default": null')
    yield from _time(file, where, name, logical)
    yield from _money(file, where, name, kind, record)


def _time(file: str, where: str, name: str, logical: Any) -> Iterator[Problem]:
    for suffix, wanted in (("_at", "timestamp-micros"), ("_on", "date")):
        if (name.endswith(suffix) and not name.startswith("raw_")) != (logical == wanted):
            yield Problem(
                file,
                f"field {where} has logicalType {logical}",
                f"{suffix} and {wanted} go together: correct the name or the type",
            )


def _money(file: str, where: str, name: str, kind: Mapping[str, Any], record: Mapping[str, Any]) -> Iterator[Problem]:
    fields = {field["name"]: core(field["type"])["type"] for field in record["fields"]}
    if name.endswith("_minor"):
        if kind["type"] != "long":
            yield Problem(file, f"money field {where} is {kind['type']}", "minor units are a long")
        if "currency" not in fields:
            yield Problem(file, f"money field {where} has no currency beside it", "add currency: string to the record")
    elif kind["type"] in _INTEGERS and any(word in _MONEY_WORDS for word in name.split("_")):
        yield Problem(file, f"field {where} looks like money without a unit", f"name it {name}_minor, a long")
    if name == "currency" and kind["type"] != "string":
        yield Problem(file, f"{where} is {kind['type']}", "a currency is a string of three letters (ISO 4217)")
    if kind.get("logicalType") == "decimal":
        yield Problem(file, f"field {where} is a decimal", "money is a long in minor units")


def _observation(schema: SchemaFile) -> Iterator[Problem]:
    """Find facts without the source's own words, which are kept so that a better mapping can be replayed over it."""
    fields = {field["name"]: core(field["type"])["type"] for field in schema.schema["fields"]}
    if fields.get("raw") != "string":
        yield Problem(schema.file, "an observation has no field raw", "keep the source's own fields there, masked")
    for name, kind in fields.items():
        if kind == "enum" and name.rpartition("_")[2] in _FOREIGN_READINGS and fields.get(f"raw_{name}") != "string":
            yield Problem(schema.file, f"{name} has no raw twin", f"add raw_{name}: string, as received")
