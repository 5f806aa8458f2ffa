"""The codec: every record survives both framings, and no bytes do worse than Unreadable."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, timedelta, timezone
from enum import StrEnum
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from fastavro import schemaless_writer
from hypothesis import given
from hypothesis import strategies as st

from schemas import catalog
from schemas.checks.guard import masked
from schemas.failures import Unreadable
from schemas.records.payments import PaymentSettled, TransactionObserved
from schemas.wire.codec import Codec, from_json, to_json
from tests.support.examples import example as a_record
from tests.support.sealing import sealed_alike
from tests.support.typed import as_a

NAMES = sorted(catalog.record_versions())
LONGS = st.integers(-(2**63), 2**63 - 1)
INTS = st.integers(-(2**31), 2**31 - 1)
INSTANTS = st.datetimes(timezones=st.just(UTC))


class FakeRegistry:
    """Schema ids in memory: the order of registration."""

    def __init__(self) -> None:
        self.schemas: list[str] = []

    def id_of(self, subject: str, schema: str) -> int:
        if schema not in self.schemas:
            self.schemas.append(schema)
        return self.schemas.index(schema)

    def schema_of(self, schema_id: int) -> str:
        if schema_id >= len(self.schemas):
            raise Unreadable(f"no schema {schema_id}")
        return self.schemas[schema_id]


_NAMED: dict[str, Any] = {}


def values(avro: Any) -> st.SearchStrategy[Any]:
    """Any value that an Avro type of ours allows."""
    if isinstance(avro, list):
        return st.one_of(*(st.none() if branch == "null" else values(branch) for branch in avro))
    if isinstance(avro, str):
        avro = _NAMED.get(avro, avro)
    elif "name" in avro:
        # A type that has a name is written once, and by its name from then on.
        _NAMED[f"{avro['namespace']}.{avro['name']}" if "namespace" in avro else avro["name"]] = avro
    kind = avro if isinstance(avro, str) else avro.get("logicalType") or avro["type"]
    if kind == "enum":
        return st.sampled_from(avro["symbols"])
    if kind == "record":
        return built(catalog.row_classes()[avro["name"]], avro["fields"])
    if kind == "array":
        return st.lists(values(avro["items"]), max_size=3).map(tuple)
    if kind == "map":
        return st.dictionaries(st.text(max_size=5), values(avro["values"]), max_size=3)
    known: dict[str, st.SearchStrategy[Any]] = {
        "string": st.text(max_size=20),
        "bytes": st.binary(max_size=20),
        "int": INTS,
        "long": LONGS,
        "boolean": st.booleans(),
        "timestamp-micros": INSTANTS,
        "date": st.dates(),
    }
    return known[kind]


def built(cls: type[Any], avro_fields: list[Any]) -> st.SearchStrategy[Any]:
    """Any record, or row of one, of one class."""
    hints = get_type_hints(cls)

    def build(drawn: dict[str, Any]) -> Any:
        typed = {
            field: hints[field](value)
            if isinstance(hints[field], type) and issubclass(hints[field], StrEnum)
            else value
            for field, value in drawn.items()
        }
        return cls(**typed)

    return st.fixed_dictionaries({field["name"]: values(field["type"]) for field in avro_fields}).map(build)


def records(name: str) -> st.SearchStrategy[Any]:
    """Any record of one type, as a publisher hands it over: its personal values sealed."""
    plain = built(catalog.record_classes()[name], catalog.latest(name).schema["fields"])
    return plain.map(lambda record: sealed_alike(record))


ANY_RECORD = st.sampled_from(NAMES).flatmap(records)


def example(version: catalog.RecordVersion) -> dict[str, Any]:
    path = catalog.ROOT / "examples" / version.context / f"{version.name}.v{version.version}.json"
    data: dict[str, Any] = json.loads(path.read_text())
    return data


OBSERVED = from_json("TransactionObserved", example(catalog.latest("TransactionObserved")))


@given(ANY_RECORD)
def test_any_record_survives_both_framings(record: Any) -> None:
    for codec in (Codec(), Codec(FakeRegistry())):
        decoded = codec.decode_as_written(codec.encode_as_written(record))
        assert decoded == masked(record)  # what is drawn by chance may be more of a card number than a record may hold
        assert type(decoded) is type(record)
        hints = get_type_hints(type(record))
        for field in fields(record):
            value = getattr(decoded, field.name)
            if isinstance(hints[field.name], type):
                assert type(value) is hints[field.name], field.name
            elif get_origin(hints[field.name]) is tuple:
                assert type(value) is tuple
            elif value is None:
                assert type(None) in get_args(hints[field.name])


@given(ANY_RECORD)
def test_any_record_survives_json(record: Any) -> None:
    assert from_json(type(record).__name__, json.loads(json.dumps(to_json(record)))) == record


@given(ANY_RECORD)
def test_equal_records_are_equal_bytes(record: Any) -> None:
    assert Codec().encode_as_written(record) == Codec().encode_as_written(replace(record))


def test_the_first_bytes_report_the_framing() -> None:
    assert Codec().encode(OBSERVED)[:10] == b"\xc3\x01" + catalog.latest("TransactionObserved").fingerprint
    assert Codec(FakeRegistry()).encode(OBSERVED)[:5] == b"\0\0\0\0\0"


def test_a_reader_with_a_registry_reads_both() -> None:
    registry = FakeRegistry()
    assert Codec(registry).decode(Codec().encode(OBSERVED)) == OBSERVED
    assert Codec(registry).decode(Codec(registry).encode(OBSERVED)) == OBSERVED


def test_confluent_framing_without_a_registry_names_the_setting() -> None:
    with pytest.raises(Unreadable, match="SALDO_SCHEMA_REGISTRY_URL"):
        Codec().decode(Codec(FakeRegistry()).encode(OBSERVED))


# -- hostile bytes -----------------------------------------------------------------------------------------------------

HEADS = [version.fingerprint for versions in catalog.record_versions().values() for version in versions]


def decodes_or_is_unreadable(codec: Codec, value: bytes | None) -> None:
    try:
        record = codec.decode(value)
    except Unreadable:
        return
    assert type(record).__name__ in NAMES


@given(st.binary(max_size=200))
def test_random_bytes_are_unreadable_at_worst(value: bytes) -> None:
    decodes_or_is_unreadable(Codec(), value)
    decodes_or_is_unreadable(Codec(FakeRegistry()), value)


@given(st.sampled_from(HEADS), st.binary(max_size=200))
def test_random_bytes_behind_a_known_fingerprint_are_unreadable_at_worst(head: bytes, body: bytes) -> None:
    decodes_or_is_unreadable(Codec(), b"\xc3\x01" + head + body)


@given(st.sampled_from(NAMES), st.binary(max_size=200), st.integers(0, 3))
def test_random_bytes_behind_a_schema_id_are_unreadable_at_worst(name: str, body: bytes, schema_id: int) -> None:
    registry = FakeRegistry()
    registry.id_of("s", json.dumps(catalog.latest(name).schema))
    decodes_or_is_unreadable(Codec(registry), b"\0" + schema_id.to_bytes(4, "big") + body)


@given(ANY_RECORD, st.data())
def test_a_damaged_record_is_unreadable_at_worst(record: Any, data: st.DataObject) -> None:
    value = bytearray(Codec().encode_as_written(record))
    for _ in range(data.draw(st.integers(1, 4))):
        value[data.draw(st.integers(0, len(value) - 1))] = data.draw(st.integers(0, 255))
    decodes_or_is_unreadable(Codec(), bytes(value))
    decodes_or_is_unreadable(Codec(), bytes(value[: data.draw(st.integers(0, len(value)))]))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "no value"),
        (b"", "no value"),
        (b"{}", "got 7b7d"),
        (b"\xc3\x01", "framing"),
        (b"\0\0\0", "framing"),
        (b"\xc3\x01" + b"\xff" * 8, "no schema has fingerprint ffffffffffffffff"),
        (b"\xc3\x01" + catalog.latest("PaymentSettled").fingerprint, r"do not decode as PaymentSettled\.v1"),
        (Codec().encode(OBSERVED) + b"x", "1 bytes left over"),
    ],
)
def test_the_reason_says_what_is_wrong(value: bytes | None, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        Codec().decode(value)


# -- nothing is bent into shape ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"amount_minor": 1.5},
        {"amount_minor": "125"},
        {"amount_minor": True},
        {"amount_minor": None},
        {"amount_minor": 2**63},
        {"batch_number": 2**31},
        {"currency": 5},
        {"currency": None},
        {"description": "\ud800"},
        {"kind": "CASH"},
        {"created_at": datetime(2026, 11, 24)},  # noqa: DTZ001
        {"created_at": 5},
        {"created_at": "2026-11-24T00:00:00Z"},
        {"settled_at": date(2026, 11, 24)},
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused_when_written(change: dict[str, Any]) -> None:
    with pytest.raises(Unreadable, match="TransactionObserved"):
        Codec().encode(replace(OBSERVED, **change))


def test_an_instant_of_another_zone_is_the_same_instant() -> None:
    observed = as_a(TransactionObserved, OBSERVED)
    pacific = replace(observed, created_at=observed.created_at.astimezone(timezone(timedelta(hours=-8))))
    assert Codec().encode(pacific) == Codec().encode(OBSERVED)


def test_only_records_are_encoded() -> None:
    @dataclass
    class Stranger:
        x: int

    strangers: tuple[Any, ...] = (Stranger(1), {"a": 1}, None)
    for value in strangers:
        with pytest.raises(Unreadable, match="only record dataclasses"):
            Codec().encode(value)


SAMPLE = example(catalog.latest("TransactionObserved"))


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("TransactionObserved", {"amount": 1}, "has no field 'amount'; it has paytrace_transaction_id, "),
        ("TransactionObserved", {"amount_minor": "1"}, "amount_minor cannot be read: expected int, got str '1'"),
        ("TransactionObserved", {"amount_minor": True}, "expected int, got bool"),
        ("TransactionObserved", {"amount_minor": 1.0}, "expected int, got float"),
        ("TransactionObserved", {"currency": None}, "expected str, got NoneType"),
        ("TransactionObserved", {"kind": "CASH"}, "kind cannot be read: 'CASH' is none of UNKNOWN, "),
        ("TransactionObserved", {"created_at": "2026-11-24T00:00:00"}, "needs a zone"),
        ("TransactionObserved", {"created_at": "yesterday"}, "created_at cannot be read"),
        ("TransactionObserved", {"created_at": None}, "created_at cannot be read"),
    ],
)
def test_json_that_does_not_fit_names_the_field(name: str, change: dict[str, Any], reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        from_json(name, SAMPLE | change)


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("PaymentMatched", "evidence", "abc"),
        ("PaymentMatched", "evidence", [1]),
        ("DeadLetter", "record_headers", ["a"]),
        ("DeadLetter", "record_headers", {"a": "%%"}),
        ("DeadLetter", "record_key", "%%"),
        ("OpenItemObserved", "is_open", "yes"),
        ("OpenItemObserved", "due_on", "24.11.2026"),
    ],
)
def test_json_of_every_other_shape_names_the_field_too(name: str, field: str, value: Any) -> None:
    with pytest.raises(Unreadable, match=rf"{name}\.{field} cannot be read"):
        from_json(name, example(catalog.latest(name)) | {field: value})


def test_a_missing_field_is_named_and_an_optional_one_may_be_left_out() -> None:
    without = {name: value for name, value in SAMPLE.items() if name != "currency"}
    with pytest.raises(Unreadable, match=r"TransactionObserved\.currency is missing"):
        from_json("TransactionObserved", without)
    record = from_json("TransactionObserved", {name: v for name, v in SAMPLE.items() if name != "batch_number"})
    assert isinstance(record, TransactionObserved)
    assert record.batch_number is None


# -- other versions ----------------------------------------------------------------------------------------------------


def foreign(schema: Mapping[str, Any], values: dict[str, Any]) -> tuple[FakeRegistry, bytes]:
    import io

    registry = FakeRegistry()
    schema_id = registry.id_of("s", json.dumps(schema))
    out = io.BytesIO()
    schemaless_writer(out, dict(schema), values)
    return registry, b"\0" + schema_id.to_bytes(4, "big") + out.getvalue()


def test_a_newer_writer_is_read_with_what_we_know() -> None:
    """A deployment ahead of us has added an optional field and an enum symbol."""
    newer = json.loads(json.dumps(catalog.latest("TransactionObserved").schema))
    newer["fields"].append({"name": "terminal", "type": ["null", "string"], "default": None})
    kind = next(field for field in newer["fields"] if field["name"] == "kind")
    kind["type"]["symbols"].append("CASH_ADVANCE")
    values = {field.name: getattr(OBSERVED, field.name) for field in fields(OBSERVED)}
    registry, value = foreign(newer, values | {"terminal": "T1", "kind": "CASH_ADVANCE"})
    decoded = as_a(TransactionObserved, Codec(registry).decode(value))
    assert decoded.kind == "UNKNOWN"
    assert replace(decoded, kind=as_a(TransactionObserved, OBSERVED).kind) == OBSERVED


def test_an_instant_written_in_another_unit_is_the_same_instant() -> None:
    millis = json.loads(json.dumps(catalog.latest("PaymentSettled").schema))
    for field in millis["fields"]:
        if isinstance(field["type"], dict) and field["type"].get("logicalType") == "timestamp-micros":
            field["type"]["logicalType"] = "timestamp-millis"
    record = from_json("PaymentSettled", example(catalog.latest("PaymentSettled")))
    assert isinstance(record, PaymentSettled)
    registry, value = foreign(millis, {field.name: getattr(record, field.name) for field in fields(record)})
    assert Codec(registry).decode(value) == record


@pytest.mark.parametrize(
    ("record", "changes", "said"),
    [
        ("TransactionObserved", {"amount_minor": 2**63}, "amount_minor is 9223372036854775808, and 64 bits"),
        ("TransactionObserved", {"amount_minor": -(2**63) - 1}, "amount_minor is -9223372036854775809"),
        ("TransactionObserved", {"batch_number": 2**31}, "batch_number is 2147483648, and 32 bits"),
        ("ConfirmMatch", {"part_amounts": (1, 2**70)}, "part_amounts is 1180591620717411303424"),
        ("TransactionObserved", {"amount_minor": 4012000098765439 * 10**6}, r"is \*+\d{4}#\w+0{6}, and"),
    ],
)
def test_a_number_that_no_field_holds_is_named_with_its_value_and_the_remedy(
    record: str, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(Unreadable, match=said) as refused:
        Codec().encode_as_written(replace(a_record(record), **changes))
    assert "write a number in that range" in str(refused.value)
    assert ("12.50 USD is 1250" in str(refused.value)) == ("batch_number" not in changes)
