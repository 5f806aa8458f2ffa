"""Records to bytes and back: Avro always, in either of two framings distinguished by the first byte.

    0xC3 0x01 + 8 bytes   Avro single-object encoding: CRC-64 fingerprint of the writer's schema (needs no registry)
    0x00 + 4 bytes        Confluent framing: schema id in a registry

Writes Confluent frames when a registry is given, else single-object with the repository's own schemas. An old version
is read with its own schema, lifted by the upcasters and by Avro's defaults, and arrives as today's dataclass.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import cache, partial
from typing import Any, Protocol, get_args, get_type_hints

from fastavro import schemaless_reader, schemaless_writer
from fastavro.schema import parse_schema

from schemas import catalog
from schemas.checks.guard import masked
from schemas.checks.plausibility import refuse_implausible
from schemas.checks.sealing import refuse_unsealed
from schemas.checks.sensitive import mask_card_numbers
from schemas.failures import Unreadable
from schemas.records import Record
from schemas.wire import compiled
from schemas.wire.upcasters import STEPS, upcast

SINGLE_OBJECT_MARK = b"\xc3\x01"
CONFLUENT_MARK = b"\x00"

_BITS = {"int": 32, "long": 64}


class SchemaIds(Protocol):
    """What the codec needs of a schema registry: ids for our schemas, schemas for foreign ids."""

    def id_of(self, subject: str, schema: str) -> int:
        """Id of a schema below a subject, registering it when it is new."""
        ...

    def schema_of(self, schema_id: int) -> str:
        """Return schema text for an id; raises Unreadable when the registry has none."""
        ...


class Codec:
    """Encodes and decodes records; safe to share between threads."""

    def __init__(self, registry: SchemaIds | None = None) -> None:
        self._registry = registry
        self._lock = threading.Lock()
        self._prefixes: dict[str, bytes] = {}
        self._foreign: dict[int, tuple[str, int, Any]] = {}
        self._last_guarded: Record | None = None

    def encode(self, record: Record) -> bytes:
        """Return one record as framed Avro bytes, always in the newest version of its type.

        Raises: Unreadable naming the record type when a field does not fit the schema; Implausible, which is one,
                naming every value that cannot be true.
        """
        record = self.guarded(record)
        value = self._encoded(record)
        refuse_implausible(record)
        return value

    def encode_as_written(self, record: Record) -> bytes:
        """Return the same for a fact that another system states.

        It goes into the inbox as stated, and its agent parks it.

        Raises: Unreadable when a field does not fit the schema.
        """
        return self._encoded(self.guarded(record))

    def guarded(self, record: Record) -> Record:
        """Return the record as it is written and as it is read.

        Without card and bank numbers (schemas/checks/guard.py), personal values sealed (schemas/checks/sealing.py).

        Raises: GuardKeyMissing when there is a number and this process has no guard key; NotSealed for a personal value
                in plain text; Unreadable for what is no record.
        """
        if record is self._last_guarded:  # guarded for its key a moment ago, and now to be encoded
            return record
        _refuse_strange_rows(_version_of(record).name, record)
        kept = masked(record, self._guarded_bytes)
        refuse_unsealed(kept)
        self._last_guarded = kept
        return kept

    def guarded_value(self, value: bytes) -> bytes:
        """Return an encoded record that somebody else wrote, as we would write it on.

        The same bytes where nothing is masked.

        Raises: Unreadable when the framing, the schema or the bytes make no sense.
        """
        record = self._decoded(value)
        kept = self.guarded(record)
        return value if kept is record else self._encoded(kept)

    def _guarded_bytes(self, value: bytes) -> bytes | None:
        try:
            return self.guarded_value(value)
        except Unreadable:
            return None

    def _encoded(self, record: Record) -> bytes:
        version = _version_of(record)
        name = version.name
        prefix = self._prefix(version)
        with contextlib.suppress(Exception):  # what does not fit is for fastavro, which says why
            return prefix + compiled.encoder(name)(record)
        values = fields_of(record)
        _refuse_lossy(name, values)
        out = io.BytesIO()
        out.write(prefix)
        try:
            schemaless_writer(out, version.parsed, values)
        except (ValueError, TypeError, AttributeError, KeyError, OverflowError) as error:
            raise Unreadable(f"{name} does not fit {version.path.name}: {error}") from error
        return out.getvalue()

    def decode(self, value: bytes | None) -> Record:
        """Return one record from framed Avro bytes, as the dataclass of its newest version.

        Raises: Unreadable when the framing, the schema or the bytes make no sense; it says which. Implausible, which
                is one, when the record cannot be true.
        """
        record = self.decode_as_written(value)
        refuse_implausible(record)
        return record

    def decode_as_written(self, value: bytes | None) -> Record:
        """Return the same for whoever only shows a record, or restores what was decided.

        As it stands, plausible or not.

        Raises: Unreadable when the framing, the schema or the bytes make no sense.
        """
        return self.guarded(self._decoded(value))

    def _decoded(self, value: bytes | None) -> Record:
        name, _, parsed, body = self._frame(value)
        newest = catalog.latest(name)
        if parsed is newest.parsed:
            with contextlib.suppress(Exception):  # what does not read is for fastavro, which says why
                return compiled.decoder(name)(body)
        name, number, fields = self.decode_fields(value)
        lifted = upcast(name, number, fields, to_version=newest.version)
        return _from_fields(name, lifted)

    def decode_fields(self, value: bytes | None) -> tuple[str, int, dict[str, Any]]:
        """Record name, version written, and plain fields as the writer's schema gives them."""
        name, number, parsed, body = self._frame(value)
        return name, number, _read(name, number, parsed, body)

    def _frame(self, value: bytes | None) -> tuple[str, int, Any, bytes]:
        """Return record name, version written, its schema, and the Avro body."""
        if not value:
            raise Unreadable("record has no value (a tombstone or an empty message), so there is nothing to decode")
        if value[:2] == SINGLE_OBJECT_MARK and len(value) >= 10:
            version = _by_fingerprint().get(value[2:10])
            if version is None:
                raise Unreadable(
                    f"no schema has fingerprint {value[2:10].hex()}; the writer is newer than this Saldo, or foreign"
                )
            return version.name, version.version, version.parsed, value[10:]
        if value[:1] == CONFLUENT_MARK and len(value) >= 5:
            return *self._foreign_schema(int.from_bytes(value[1:5], "big")), value[5:]
        raise Unreadable(f"framing must begin with 00 (Confluent) or c301 (Avro single-object), got {value[:2].hex()}")

    def _prefix(self, version: catalog.RecordVersion) -> bytes:
        prefix = self._prefixes.get(version.name)
        if prefix is None:
            if self._registry is None:
                prefix = SINGLE_OBJECT_MARK + version.fingerprint
            else:
                schema_id = self._registry.id_of(version.subject, json.dumps(version.schema))
                prefix = CONFLUENT_MARK + schema_id.to_bytes(4, "big")
            self._prefixes[version.name] = prefix
        return prefix

    def _foreign_schema(self, schema_id: int) -> tuple[str, int, Any]:
        known = self._foreign.get(schema_id)
        if known is not None:
            return known
        if self._registry is None:
            raise Unreadable(
                f"record has Confluent framing (schema id {schema_id}) and no registry is configured; "
                "set SALDO_SCHEMA_REGISTRY_URL"
            )
        with self._lock:
            text = self._registry.schema_of(schema_id)
            try:
                schema = json.loads(text)
                full_name = f"{schema['namespace']}.{schema['name']}"
                parsed = parse_schema(schema, named_schemas={})
            except Exception as error:  # a registry may hold anything, and fastavro raises many kinds on it
                raise Unreadable(f"schema id {schema_id} is no Avro record: {type(error).__name__}: {error}") from error
            versions = catalog.record_versions().get(schema["name"], ())
            if not versions or versions[-1].subject != full_name:
                raise Unreadable(f"schema id {schema_id} is {full_name!r}, which is no record type of Saldo")
            same = next((known for known in versions if known.schema == schema), None)
            version = same or versions[-1]
            self._foreign[schema_id] = (version.name, version.version, same.parsed if same else parsed)
        return self._foreign[schema_id]


def body_of(value: bytes) -> bytes:
    """Return the Avro body of an encoded record without its framing: the same whether a registry is in use or not."""
    return value[10:] if value[:2] == SINGLE_OBJECT_MARK else value[5:]


def to_json(record: Record) -> dict[str, Any]:
    """Return a record as JSON-ready fields: instants as RFC 3339, dates as ISO, bytes as base64, enums as text."""
    return {name: _jsonable(value) for name, value in fields_of(record).items()}


def from_json(name: str, data: Mapping[str, Any]) -> Record:
    """Return a record from JSON fields, as `to_json` writes them.

    Raises: Unreadable naming the field that is missing, unknown or of the wrong shape.
    """
    return _from_json(_class_of(name), name, data)


def _from_json(cls: type[Record], name: str, data: Mapping[str, Any]) -> Record:
    hints = _hints(name)
    unknown = sorted(set(data) - set(hints))
    if unknown:
        raise Unreadable(f"{name} has no field {unknown[0]!r}; it has {', '.join(hints)}")
    values: dict[str, Any] = {}
    for field in fields(cls):
        if field.name not in data:
            if field.default is MISSING:
                raise Unreadable(f"{name}.{field.name} is missing")
            values[field.name] = field.default
            continue
        try:
            values[field.name] = _from_jsonable(hints[field.name], data[field.name])
        except (ValueError, TypeError, OverflowError) as error:
            raise Unreadable(f"{name}.{field.name} cannot be read: {error}") from error
    return cls(**values)


def _read(name: str, number: int, parsed: Any, body: bytes) -> dict[str, Any]:
    stream = io.BytesIO(body)
    try:
        decoded = schemaless_reader(stream, parsed, _reader_schema(name, number, parsed))
    except Exception as error:  # fastavro raises a dozen kinds on hostile bytes, none of them ours
        raise Unreadable(f"bytes do not decode as {name}.v{number}: {type(error).__name__}: {error}") from error
    if stream.tell() != len(body):
        raise Unreadable(f"{len(body) - stream.tell()} bytes left over after {name}.v{number}")
    if not isinstance(decoded, dict):
        raise Unreadable(f"{name}.v{number} is not a record")
    return decoded


@cache
def _by_fingerprint() -> Mapping[bytes, catalog.RecordVersion]:
    return {version.fingerprint: version for versions in catalog.record_versions().values() for version in versions}


def _reader_schema(name: str, number: int, parsed: Any) -> Any:
    newest = catalog.latest(name)
    if (name, number) not in _stepped() and parsed is not newest.parsed:
        return newest.parsed
    return None


@cache
def _stepped() -> frozenset[tuple[str, int]]:
    """Versions that an upcaster lifts: they are read with the writer's schema alone, and lifted by the step."""
    return frozenset(STEPS)


@cache
def _class_of(name: str) -> type[Record]:
    """Return the dataclass of a record type, or of a record that others hold in lists."""
    return catalog.row_classes().get(name) or catalog.record_classes()[name]


@cache
def _hints(name: str) -> Mapping[str, Any]:
    return get_type_hints(_class_of(name))


@cache
def _rows(name: str) -> tuple[tuple[str, str], ...]:
    """Return fields that are lists of records: the field's name, and the record type in it."""
    rows = ((field["name"], catalog.row_schema(field)) for field in catalog.fields_of(name))
    return tuple((field, row["name"]) for field, row in rows if row is not None)


@cache
def _converters(name: str) -> tuple[tuple[str, Callable[[Any], Any]], ...]:
    """Return converters of the fields that Avro does not already give in our own types."""
    converters: list[tuple[str, Callable[[Any], Any]]] = []
    rows = dict(_rows(name))
    for field, hint in _hints(name).items():
        if isinstance(hint, type) and issubclass(hint, StrEnum):
            converters.append((field, {member.value: member for member in hint}.__getitem__))
        elif field in rows:
            converters.append((field, partial(_rows_from, rows[field])))
        elif getattr(hint, "__origin__", None) is tuple:
            converters.append((field, tuple))
    return tuple(converters)


def _rows_from(name: str, decoded: list[dict[str, Any]]) -> tuple[Any, ...]:
    return tuple(_from_fields(name, row) for row in decoded)


def _version_of(record: Record) -> catalog.RecordVersion:
    try:
        return catalog.latest(type(record).__name__)
    except LookupError as error:
        raise Unreadable(f"only record dataclasses can be encoded: {error}") from error


@cache
def _exact_fields(name: str) -> tuple[tuple[str, type, bool], ...]:
    """Return fields whose type must fit exactly: name, type, whether None is fine."""
    exact: list[tuple[str, type, bool]] = []
    for field, hint in _hints(name).items():
        kinds = [kind for kind in _alternatives(hint) if kind in (int, bool, datetime, date)]
        exact += [(field, kind, _optional(hint)) for kind in kinds]
    return tuple(exact)


def _refuse_lossy(name: str, values: Mapping[str, Any]) -> None:
    """Refuse what fastavro would bend: it would cut 1.5 to 1 and read a naive instant in the machine's zone."""
    for field, row in _rows(name):
        for held in values[field]:
            _refuse_lossy(row, held)
    for field, kind, optional in _exact_fields(name):
        value = values[field]
        if type(value) is not kind and not (optional and value is None):
            raise Unreadable(f"{name}.{field} must be {kind.__name__}, got {type(value).__name__} {str(value)[:40]!r}")
        if isinstance(value, datetime) and value.tzinfo is None:
            raise Unreadable(f"{name}.{field} must be an aware instant, got naive {value}")
    for field, bits in _whole_numbers(name):
        held = values[field]
        for number in held if isinstance(held, list | tuple) else (held,):
            if isinstance(number, int) and not -(1 << bits - 1) <= number < 1 << bits - 1:
                raise Unreadable(
                    f"{name}.{field} is {mask_card_numbers(str(number)[:40])}, and {bits} bits hold it only from "
                    f"{-(1 << bits - 1)} to {(1 << bits - 1) - 1}; write a number in that range"
                    + (
                        ", an amount in minor units (12.50 USD is 1250)"
                        if "_minor" in field or "amount" in field
                        else ""
                    )
                )


@cache
def _whole_numbers(name: str) -> tuple[tuple[str, int], ...]:
    """Return fields that hold whole numbers, alone or in a list, and how many bits Avro gives each."""
    found: list[tuple[str, int]] = []
    for field in catalog.fields_of(name):
        kinds = field["type"] if isinstance(field["type"], list) else [field["type"]]
        items = [kind["items"] if isinstance(kind, dict) and kind.get("type") == "array" else kind for kind in kinds]
        found += [(field["name"], _BITS[kind]) for kind in items if isinstance(kind, str) and kind in _BITS]
    return tuple(found)


def _from_fields(name: str, decoded: dict[str, Any]) -> Record:
    try:
        for field, convert in _converters(name):
            decoded[field] = convert(decoded[field])
        record = _class_of(name)(**decoded)
    except (TypeError, ValueError, KeyError) as error:
        raise Unreadable(f"{name} was decoded but does not fit its record: {error}") from error
    return record


def fields_of(record: Record) -> dict[str, Any]:
    """Return the fields of a record by name, as Avro writes them: rows as mappings, too."""
    name = type(record).__name__
    values = {field: getattr(record, field) for field in _field_names(name)}
    for field, _ in _rows(name):
        values[field] = [fields_of(held) for held in values[field]]
    return values


def _refuse_strange_rows(name: str, record: Record) -> None:
    for field, row in _rows(name):
        if any(type(held).__name__ != row for held in getattr(record, field)):
            raise Unreadable(f"{name}.{field} holds something that is no {row}")


@cache
def _field_names(name: str) -> tuple[str, ...]:
    return tuple(field.name for field in fields(_class_of(name)))


def _jsonable(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, Mapping):
        return {key: _jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(item) for item in value]
    return value


def _alternatives(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if _optional(hint) else (hint,)


def _optional(hint: Any) -> bool:
    return type(None) in get_args(hint)


def _from_jsonable(hint: Any, value: Any) -> Any:
    if _optional(hint):
        if value is None:
            return None
        hint = next(kind for kind in _alternatives(hint) if kind is not type(None))
    origin = getattr(hint, "__origin__", None)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise TypeError(f"expected a list, got {type(value).__name__} {str(value)[:40]!r}")
        return tuple(_from_jsonable(get_args(hint)[0], item) for item in value)
    if origin is not None:
        if not isinstance(value, Mapping):
            raise TypeError(f"expected an object, got {type(value).__name__} {str(value)[:40]!r}")
        return {str(key): _from_jsonable(get_args(hint)[1], item) for key, item in value.items()}
    if isinstance(hint, type) and issubclass(hint, Record):
        if not isinstance(value, Mapping):
            raise TypeError(f"expected an object, got {type(value).__name__} {str(value)[:40]!r}")
        return _from_json(hint, hint.__name__, value)
    if isinstance(hint, type) and issubclass(hint, StrEnum) and value not in [member.value for member in hint]:
        raise ValueError(f"{str(value)[:40]!r} is none of {', '.join(hint)}")
    return _SCALARS.get(hint, hint)(value)


def _instant(value: Any) -> datetime:
    instant = datetime.fromisoformat(str(value))
    if instant.tzinfo is None:
        raise ValueError(f"instant needs a zone, got {value!r}")
    return instant.astimezone(UTC)


def _exactly(kind: type) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if type(value) is not kind:
            raise TypeError(f"expected {kind.__name__}, got {type(value).__name__} {str(value)[:40]!r}")
        return value

    return check


def _base64(value: Any) -> bytes:
    return base64.b64decode(str(value), validate=True)


_SCALARS: Mapping[Any, Callable[[Any], Any]] = {
    datetime: _instant,
    date: lambda value: date.fromisoformat(str(value)),
    bytes: _base64,
    str: _exactly(str),
    int: _exactly(int),
    bool: _exactly(bool),
}
