"""Native blocks as clients of a protocol revision read them.

The embedded engine writes Native for a client without a revision. Clients that name one (`client_protocol_version`:
clickhouse-go, and so Grafana; clickhouse-connect) expect a head before each block and, from revision 54454, a byte
after each column's type. The columns stay as they are, so this only has to know how long each of them is.

Source: https://github.com/ClickHouse/ClickHouse/blob/master/src/Formats/NativeWriter.cpp, src/Core/BlockInfo.cpp.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping
from typing import Final

from projections.store.errors import QueryRefused
from projections.store.spool import Content

_WITH_CUSTOM_SERIALIZATION: Final = 54454
# The newest revision whose blocks are written here; what a later one adds to their head (54480) is not known to us.
NATIVE_REVISION: Final = 54479
# Field 1, is_overflows: 0; field 2, bucket_num: -1; 0 ends it.
_BLOCK_HEAD: Final = b"\x01\x00\x02\xff\xff\xff\xff\x00"
_PLAIN_COLUMN: Final = b"\x00"
# Bytes of one value.
_FIXED: Final[Mapping[str, int]] = {
    "Nothing": 1, "Bool": 1, "Int8": 1, "UInt8": 1, "Enum8": 1, "Int16": 2, "UInt16": 2, "Enum16": 2, "Date": 2,
    "BFloat16": 2, "Int32": 4, "UInt32": 4, "Float32": 4, "Date32": 4, "DateTime": 4, "Time": 4, "IPv4": 4,
    "Decimal32": 4, "Int64": 8, "UInt64": 8, "Float64": 8, "DateTime64": 8, "Time64": 8, "Decimal64": 8, "Int128": 16,
    "UInt128": 16, "UUID": 16, "IPv6": 16, "Decimal128": 16, "Int256": 32, "UInt256": 32, "Decimal256": 32,
}  # fmt: skip
_VERSION_BYTES: Final = 8
_INDEX_SIZE: Final = 0xF
_DECIMAL_BYTES: Final = ((9, 4), (18, 8), (38, 16), (76, 32))
_TYPE: Final = re.compile(r"(?P<name>[A-Za-z]\w*)(?:\((?P<inside>.*)\))?", re.DOTALL)
_NAMED: Final = re.compile(r"(?:\w+|`(?:[^`\\]|\\.)*`) (?P<type>.+)", re.DOTALL)


def for_revision(content: Content, revision: int) -> Iterator[bytes]:
    """Yield the same blocks for a client of this revision, one by one.

    Raises: QueryRefused, code NOT_IMPLEMENTED, for a column of a type whose length can't be known; with the first
            block.
    """
    place = 0
    while place < len(content):
        pieces = [_BLOCK_HEAD]
        start = place
        column_count, place = _number(content, place)
        row_count, place = _number(content, place)
        pieces.append(content[start:place])
        for _ in range(column_count):
            start = place
            place = _text_end(content, place)
            type_start = place
            place = _text_end(content, place)
            size, type_text = _number(content, type_start)
            pieces.append(content[start:place])
            if revision >= _WITH_CUSTOM_SERIALIZATION:
                pieces.append(_PLAIN_COLUMN)
            start, kind = place, content[type_text : type_text + size].decode()
            if row_count:
                place = _end(content, place + _VERSION_BYTES * _dictionaries(kind), kind, row_count)
            pieces.append(content[start:place])
        yield b"".join(pieces)


def _end(content: Content, place: int, kind: str, row_count: int) -> int:
    """Return where a column of this type ends that begins at place."""
    found = _TYPE.fullmatch(kind)
    name, inside = (found["name"], found["inside"] or "") if found else ("", "")
    match name:
        case "String":
            for _ in range(row_count):
                place = _text_end(content, place)
        case "FixedString":
            place += int(inside) * row_count
        case "Decimal":
            precision = int(inside.partition(",")[0])
            place += next(size for most, size in _DECIMAL_BYTES if precision <= most) * row_count
        case "Nullable":
            place = _end(content, place + row_count, inside, row_count)
        case "SimpleAggregateFunction":
            place = _end(content, place, _parts(inside)[1], row_count)
        case "Tuple":
            for part in _parts(inside):
                named = _NAMED.fullmatch(part)
                place = _end(content, place, named["type"] if named else part, row_count)
        case "LowCardinality":
            place = _dictionary_end(content, place, inside, row_count)
        case "Array" | "Map":
            of = inside if name == "Array" else f"Tuple({inside})"
            count = struct.unpack_from("<Q", content, place + 8 * (row_count - 1))[0] if row_count else 0
            place = _end(content, place + 8 * row_count, of, count)
        case _ if name in _FIXED or name.startswith("Interval"):
            place += _FIXED.get(name, 8) * row_count
        case _:
            raise QueryRefused(
                f"a column of type {kind[:60]} can't be written as Native for this client; cast it to a plain type",
                code="NOT_IMPLEMENTED",
            )
    return place


def _dictionary_end(content: Content, place: int, kind: str, row_count: int) -> int:
    """Return where a column of LowCardinality ends: flags, the values once each, and the place of each row's value."""
    if row_count == 0:
        return place
    flags: int
    flags, key_count = struct.unpack_from("<QQ", content, place)
    nullable = _TYPE.fullmatch(kind)
    plain = nullable["inside"] if nullable and nullable["name"] == "Nullable" else kind
    place = _end(content, place + 16, plain, key_count)
    index_count: int = struct.unpack_from("<Q", content, place)[0]
    return place + 8 + index_count * (1 << (flags & _INDEX_SIZE))


def _dictionaries(kind: str) -> int:
    """Return how many LowCardinality are in a type: each has its version in front of the whole column."""
    found = _TYPE.fullmatch(kind)
    name, inside = (found["name"], found["inside"] or "") if found else ("", "")
    if name == "LowCardinality":
        return 1
    if name == "SimpleAggregateFunction":
        return _dictionaries(_parts(inside)[1])
    if name not in ("Nullable", "Array", "Tuple", "Map"):
        return 0
    named = ((_NAMED.fullmatch(part), part) for part in _parts(inside))
    return sum(_dictionaries(part["type"] if part else whole) for part, whole in named)


def _parts(inside: str) -> list[str]:
    """Return the parts of a list between the commas that are in no brackets and no quotes."""
    parts, depth, quote, start, place = [], 0, "", 0, 0
    while place < len(inside):
        letter = inside[place]
        if quote:
            if letter == "\\":
                place += 1
            elif letter == quote:
                quote = ""
        elif letter in "'`":
            quote = letter
        elif letter in "()":
            depth += 1 if letter == "(" else -1
        elif letter == "," and depth == 0:
            parts.append(inside[start:place].strip())
            start = place + 1
        place += 1
    return [*parts, inside[start:].strip()]


def _text_end(content: Content, place: int) -> int:
    size, place = _number(content, place)
    return place + size


def _number(content: Content, place: int) -> tuple[int, int]:
    """Return a number of variable length, seven bits a byte, and where it ends."""
    value = shift = 0
    while True:
        byte = content[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7
