"""Records of a topic as a file for other tools: Avro object container, Parquet or JSON lines; streamed, a row a record.

Each row says where the record was found and when, its key and id, its type, and the record itself, guarded by the class
of each field as whatever is decoded. A record that can't be decoded is a row with the reason instead. The file appears
under its name when it is whole.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final, Protocol

from app.topics.reading import ReadRecord
from schemas import catalog
from schemas.checks.guard import masked_header, masked_key
from schemas.checks.sensitive import mask_sensitive
from schemas.wire.codec import fields_of, to_json
from schemas.wire.envelope import header_text

# Rows that are held until they are written together.
_ROWS_AT_ONCE: Final = 5_000
_WHERE: Final = (
    {"name": "topic", "type": "string"},
    {"name": "partition", "type": "int"},
    {"name": "offset", "type": "long"},
    {"name": "written_at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
    {"name": "key", "type": ["null", "bytes"], "default": None},
    {"name": "event_id", "type": "string"},
    {"name": "saldo_source", "type": ["null", "string"], "default": None},
    {"name": "record_type", "type": "string"},
    {"name": "unreadable", "type": ["null", "string"], "default": None},
)
Sink = Callable[[ReadRecord], None]


class _Rows(Protocol):
    def write(self, read: ReadRecord) -> None: ...

    def close(self) -> None: ...


@contextmanager
def exporting(path: Path, form: str, topic: str, line_of: Callable[[ReadRecord], str]) -> Iterator[Sink]:
    """Give what takes records one by one; the file is there, whole, when the block ends without an error.

    What stands there and is no plain file (/dev/stdout, a pipe) is written to, never replaced; a link keeps leading to
    its file.
    Shapes: form is avro, parquet or jsonl; line_of makes the JSON line of a record.
    """
    is_plain = path.is_file() or not path.exists()
    whole = Path(os.path.realpath(path)) if is_plain else path
    part = whole.with_name(f"{whole.name}.part") if is_plain else path
    try:
        with part.open("wb") as file:
            rows: _Rows
            if form == "avro":
                rows = _AvroRows(file, topic)
            elif form == "parquet":
                rows = _ParquetRows(file, topic)
            else:
                rows = _Lines(file, line_of)
            yield rows.write
            rows.close()
        if is_plain:
            os.replace(part, whole)
    finally:
        if is_plain:
            part.unlink(missing_ok=True)


def avro_schema(topic: str) -> dict[str, Any]:
    """Return the schema of a row.

    Where it was, and a union of the topic's record types, each named type written once.
    """
    seen: set[str] = set()
    known = [_once(catalog.latest(record.name).schema, seen) for record in catalog.topic(topic).records]
    fields = [*_WHERE, {"name": "record", "type": ["null", *known], "default": None}]
    return {"type": "record", "name": "TopicRow", "namespace": "saldo.export", "fields": fields}


class _AvroRows:
    def __init__(self, file: IO[bytes], topic: str) -> None:
        from fastavro.write import Writer

        self._writer = Writer(file, avro_schema(topic), codec="deflate")

    def write(self, read: ReadRecord) -> None:
        record = None
        if read.reason is None:
            schema = catalog.latest(type(read.record).__name__).schema
            record = (f"{schema['namespace']}.{schema['name']}", fields_of(read.record))
        self._writer.write({**_where(read), "record": record})

    def close(self) -> None:
        self._writer.flush()


class _ParquetRows:
    """A column for each field of any of the topic's types, empty where a type has none of that name.

    What has no plain type (lists, records), or different ones in different types, is a column of JSON.
    """

    def __init__(self, file: IO[bytes], topic: str) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._pa = pa
        found: dict[str, Any] = {}
        for record in catalog.topic(topic).records:
            for field in catalog.latest(record.name).schema["fields"]:
                kind = _arrow_type(pa, field["type"])
                name = _column(field["name"])
                found[name] = kind if found.get(name, kind) == kind else None
        self._json = {name for name, kind in found.items() if kind is None}
        where = [(field["name"], _arrow_type(pa, field["type"])) for field in _WHERE]
        columns = [*where, *((name, kind if kind is not None else pa.string()) for name, kind in found.items())]
        self._schema = pa.schema(columns)
        self._writer = pq.ParquetWriter(file, self._schema)
        self._held: list[dict[str, Any]] = []

    def write(self, read: ReadRecord) -> None:
        row = _where(read)
        if read.reason is None:
            plain = to_json(read.record)
            for name, value in fields_of(read.record).items():
                column = _column(name)
                as_json = column in self._json and value is not None
                row[column] = json.dumps(plain[name], ensure_ascii=False) if as_json else _plain(value)
        self._held.append(row)
        if len(self._held) >= _ROWS_AT_ONCE:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._held:
            self._writer.write_table(self._pa.Table.from_pylist(self._held, self._schema))
            self._held = []


class _Lines:
    def __init__(self, file: IO[bytes], line_of: Callable[[ReadRecord], str]) -> None:
        self._file = file
        self._line_of = line_of

    def write(self, read: ReadRecord) -> None:
        self._file.write(self._line_of(read).encode() + b"\n")

    def close(self) -> None:
        return None


def _where(read: ReadRecord) -> dict[str, Any]:
    found = read.found
    claimed = header_text(found.headers, "ce_type") or "?"
    return {
        "topic": found.topic,
        "partition": found.partition,
        "offset": found.offset,
        "written_at": found.entered_at,
        "key": masked_key(found.key),
        "event_id": masked_header(found.event_id),
        "saldo_source": None if read.position is None else str(read.position),
        "record_type": type(read.record).__name__ if read.reason is None else mask_sensitive(claimed),
        "unreadable": None if read.reason is None else mask_sensitive(read.reason),
    }


def _column(name: str) -> str:
    """Return a field of a record beside the columns that say where it was."""
    return f"record_{name}" if any(field["name"] == name for field in _WHERE) else name


def _plain(value: Any) -> Any:
    return value.value if hasattr(value, "value") else value  # an enum by its symbol


def _once(schema: Any, seen: set[str], namespace: str = "") -> Any:
    """Return a schema in which a named type that was written before is only named."""
    if isinstance(schema, list):
        return [_once(part, seen, namespace) for part in schema]
    if not isinstance(schema, Mapping):
        return schema
    kind = schema["type"]
    if kind in ("record", "enum", "fixed"):
        namespace = schema.get("namespace", namespace)
        name = schema["name"] if "." in schema["name"] else f"{namespace}.{schema['name']}"
        if name in seen:
            return name
        seen.add(name)
        if kind != "record":
            return dict(schema)
        fields = [{**field, "type": _once(field["type"], seen, namespace)} for field in schema["fields"]]
        return {**schema, "fields": fields}
    if kind == "array":
        return {**schema, "items": _once(schema["items"], seen, namespace)}
    if kind == "map":
        return {**schema, "values": _once(schema["values"], seen, namespace)}
    return dict(schema) if isinstance(kind, str) else {**schema, "type": _once(kind, seen, namespace)}


def _arrow_type(pa: Any, kind: Any) -> Any:
    """Return the plain Arrow type of a field, None when it has none."""
    if isinstance(kind, list):
        others = [part for part in kind if part != "null"]
        return _arrow_type(pa, others[0]) if len(others) == 1 else None
    if isinstance(kind, Mapping):
        match kind.get("logicalType"), kind["type"]:
            case "timestamp-micros", _:
                return pa.timestamp("us", "UTC")
            case "date", _:
                return pa.date32()
            case None, "enum":
                return pa.string()
            case None, str(plain) if plain in _ARROW:
                return _arrow_type(pa, plain)
            case _:
                return None
    return getattr(pa, _ARROW[kind])() if kind in _ARROW else None


_ARROW: Final[Mapping[str, str]] = {
    "string": "string", "int": "int32", "long": "int64", "boolean": "bool_", "bytes": "binary", "double": "float64",
    "float": "float32",
}  # fmt: skip
