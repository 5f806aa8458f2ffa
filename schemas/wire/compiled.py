"""Avro read and written by functions made of a schema once: from bytes straight to a record, and back.

They know the types that schemas/avro uses, and the newest version of each record alone. Whatever else there is makes
them raise `Unusual`: another version, another type in a field, a block written another way, bytes of a stranger. The
codec then asks fastavro, which knows all of Avro and says what is wrong. So these functions must be right or raise, and
tests/unit/schemas/test_compiled.py holds them to fastavro's answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any, get_type_hints

from schemas import catalog
from schemas.records import Record
from schemas.values.replacing import twin_of

Encode = Callable[[Record], bytes]
Decode = Callable[[bytes], Record]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_LONGEST_VARINT = 9  # bytes: 63 bits; what is longer is left to fastavro
_RANGES = {"int": (-(1 << 31), (1 << 31) - 1), "long": (-(1 << 62), (1 << 62) - 1)}


class Unusual(Exception):
    """Nothing for these functions."""


def varint(number: int) -> bytes:
    """Return a whole number as Avro writes it: zigzag, seven bits a byte."""
    rest = number << 1 if number >= 0 else (-number << 1) - 1
    if rest < 128:
        return _ONE_BYTE[rest]
    written = bytearray()
    while rest > 127:
        written.append(rest & 127 | 128)
        rest >>= 7
    written.append(rest)
    return bytes(written)


def read_varint(value: bytes, at: int) -> tuple[int, int]:
    """Return the number that begins at a place, and the place behind it."""
    rest = shift = 0
    end = at + _LONGEST_VARINT
    while True:
        byte = value[at]
        at += 1
        rest |= (byte & 127) << shift
        if byte < 128:
            return (rest >> 1) ^ -(rest & 1), at
        if at == end:
            raise Unusual
        shift += 7


_ONE_BYTE = tuple(bytes((byte,)) for byte in range(128))
_LENGTHS = _ONE_BYTE[::2]  # of texts of up to 63 bytes


@cache
def encoder(name: str) -> Encode:
    """Return the function that writes the newest version of a record type, without its framing."""
    return _Made(name).encoder()


@cache
def decoder(name: str) -> Decode:
    """Return the function that reads the newest version of a record type, without its framing, to the last byte."""
    return _Made(name).decoder()


class _Made:
    """Source text of the two functions of one record type, and what it names."""

    def __init__(self, name: str) -> None:
        self._schema = catalog.latest(name).schema
        self._named: dict[str, Mapping[str, Any]] = {}
        self._names: dict[str, Any] = {
            "Unusual": Unusual, "varint": varint, "read_varint": read_varint, "LENGTHS": _LENGTHS, "EPOCH": _EPOCH,
            "EPOCH_DAY": _EPOCH_DAY, "datetime": datetime, "date": date, "timedelta": timedelta,
        }  # fmt: skip
        self._lines: list[str] = []
        self._hint: Any = None  # of the field that is read

    def encoder(self) -> Encode:
        """Make the one that writes."""
        self._record_out(self._schema, "record", 1)
        return self._function(["def made(record):", " out = []", " add = out.append"], " return b''.join(out)")

    def decoder(self) -> Decode:
        """Make the one that reads."""
        self._record_in(self._schema, "record", 1)
        ends = " if at != len(value): raise Unusual\n return record"
        return self._function(["def made(value):", " at = 0"], ends)

    def _function(self, begins: list[str], ends: str) -> Callable[[Any], Any]:
        exec("\n".join([*begins, *self._lines, ends]), self._names)  # noqa: S102  # of our own schemas alone
        return self._names["made"]  # type: ignore[no-any-return]

    def _say(self, depth: int, *lines: str) -> None:
        self._lines += [" " * depth + line for line in lines]

    def _name(self, what: Any) -> str:
        """Return a name by which the function finds a value."""
        name = f"given_{len(self._names)}"
        self._names[name] = what
        return name

    def _kind(self, schema: Any) -> tuple[str, Any]:
        """Return the word for a type, and its schema with named types resolved."""
        if isinstance(schema, list):
            return "union", schema
        if isinstance(schema, str):
            if schema in self._named:
                return self._kind(self._named[schema])
            return schema, schema
        if schema["type"] in ("enum", "record"):
            space = schema.get("namespace") or self._schema["namespace"]
            self._named[schema["name"]] = self._named[f"{space}.{schema['name']}"] = schema
        return schema.get("logicalType") or schema["type"], schema

    # -- out ----------------------------------------------------------------------------------------------------

    def _record_out(self, schema: Mapping[str, Any], source: str, depth: int) -> None:
        for field in schema["fields"]:
            held = f"v{depth}"
            self._say(depth, f"{held} = {source}.{field['name']}")
            self._out(field["type"], held, depth)

    def _out(self, schema: Any, held: str, depth: int) -> None:
        if isinstance(schema, list):
            _refuse_other_unions(schema)
            self._say(depth, f"if {held} is None: add(b'\\0')", "else:", " add(b'\\2')")
            self._out(schema[1], held, depth + 1)
            return
        kind, schema = self._kind(schema)
        match kind:
            case "string" | "bytes":
                taken = f"{held}.encode()" if kind == "string" else held
                if kind == "bytes":
                    self._say(depth, f"if type({held}) is not bytes: raise Unusual")
                self._say(depth, f"text = {taken}", "length = len(text)",
                          "add(LENGTHS[length] if length < 64 else varint(length))", "add(text)")  # fmt: skip
            case "int" | "long":
                low, high = _RANGES[kind]
                self._say(depth, f"if type({held}) is not int or not {low} <= {held} <= {high}: raise Unusual",
                          f"add(varint({held}))")  # fmt: skip
            case "boolean":
                self._say(depth, f"if type({held}) is not bool: raise Unusual", f"add(b'\\1' if {held} else b'\\0')")
            case "timestamp-micros":
                self._say(depth, f"if type({held}) is not datetime: raise Unusual",
                          f"since = {held} - EPOCH",
                          "seconds = since.days * 86400 + since.seconds",
                          "add(varint(seconds * 1000000 + since.microseconds))")  # fmt: skip
            case "date":
                self._say(depth, f"if type({held}) is not date: raise Unusual",
                          f"add(varint({held}.toordinal() - EPOCH_DAY))")  # fmt: skip
            case "enum":
                places = self._name({symbol: varint(place) for place, symbol in enumerate(schema["symbols"])})
                self._say(depth, f"add({places}[{held}])")
            case "array":
                item = f"item{depth}"
                self._say(depth, f"if type({held}) is not tuple and type({held}) is not list: raise Unusual",
                          f"if {held}:", f" add(varint(len({held})))", f" for {item} in {held}:")  # fmt: skip
                self._items_out(schema["items"], item, depth + 2)
                self._say(depth, "add(b'\\0')")
            case "map":
                self._say(depth, f"if type({held}) is not dict: raise Unusual", f"if {held}:",
                          f" add(varint(len({held})))", f" for key{depth}, item{depth} in {held}.items():")  # fmt: skip
                self._out("string", f"key{depth}", depth + 2)
                self._items_out(schema["values"], f"item{depth}", depth + 2)
                self._say(depth, "add(b'\\0')")
            case _:
                raise Unusual

    def _items_out(self, schema: Any, item: str, depth: int) -> None:
        kind, resolved = self._kind(schema)
        if kind == "record":
            row = self._name(catalog.row_classes()[resolved["name"]])
            self._say(depth, f"if type({item}) is not {row}: raise Unusual")
            self._record_out(resolved, item, depth)
        else:
            self._out(schema, item, depth)

    # -- in -----------------------------------------------------------------------------------------------------

    def _record_in(self, schema: Mapping[str, Any], into: str, depth: int) -> None:
        name = schema["name"]
        of: Any = catalog.row_classes().get(name) or catalog.record_classes()[name]
        if hasattr(of, "__post_init__"):
            raise Unusual
        hints = get_type_hints(of)
        self._say(depth, f"{into} = {self._name(twin_of(of))}()")
        for field in schema["fields"]:
            self._hint = hints[field["name"]]
            self._in(field["type"], f"{into}.{field['name']}", depth)
        self._say(depth, f"{into}.__class__ = {self._name(of)}")

    def _in(self, schema: Any, into: str, depth: int) -> None:
        if isinstance(schema, list):
            _refuse_other_unions(schema)
            self._say(depth, "branch = value[at]", "at += 1", f"if branch == 0: {into} = None", "elif branch == 2:")
            self._in(schema[1], into, depth + 1)
            self._say(depth, "else: raise Unusual")
            return
        kind, schema = self._kind(schema)
        match kind:
            case "string" | "bytes":
                self._number_in(depth)
                taken = "value[at:at + number]"
                self._say(depth, "if number < 0: raise Unusual",
                          f"{into} = {taken}.decode()" if kind == "string" else f"{into} = {taken}",
                          "at += number")  # fmt: skip
            case "int" | "long":
                low, high = _RANGES[kind]
                self._number_in(depth)
                self._say(depth, f"if not {low} <= number <= {high}: raise Unusual", f"{into} = number")
            case "boolean":
                self._say(depth, "byte = value[at]", "at += 1", "if byte > 1: raise Unusual", f"{into} = byte == 1")
            case "timestamp-micros":
                self._number_in(depth)
                self._say(depth, f"{into} = EPOCH + timedelta(microseconds=number)")
            case "date":
                self._number_in(depth)
                self._say(depth, f"{into} = date.fromordinal(number + EPOCH_DAY)")
            case "enum":
                self._number_in(depth)
                is_ours = isinstance(self._hint, type) and issubclass(self._hint, StrEnum)
                members = self._name(tuple(self._hint(word) if is_ours else word for word in schema["symbols"]))
                self._say(depth, "if number < 0: raise Unusual", f"{into} = {members}[number]")
            case "array":
                self._blocks_in(depth, f"items{depth} = []", lambda: self._item_in(schema["items"], depth + 2))
                self._say(depth, f"{into} = tuple(items{depth})")
            case "map":

                def pair() -> None:
                    self._in("string", f"key{depth}", depth + 2)
                    self._in(schema["values"], f"items{depth}[key{depth}]", depth + 2)

                self._blocks_in(depth, f"items{depth} = {{}}", pair)
                self._say(depth, f"{into} = items{depth}")
            case _:
                raise Unusual

    def _number_in(self, depth: int) -> None:
        """Most numbers are lengths below 64: one byte."""
        self._say(depth, "byte = value[at]", "if byte < 128:", " number = (byte >> 1) ^ -(byte & 1)", " at += 1",
                  "else: number, at = read_varint(value, at)")  # fmt: skip

    def _blocks_in(self, depth: int, begins: str, item: Callable[[], None]) -> None:
        self._say(depth, begins, "while True:")
        self._number_in(depth + 1)
        self._say(depth + 1, "if number == 0: break", "if number < 0: raise Unusual", "for _ in range(number):")
        item()

    def _item_in(self, schema: Any, depth: int) -> None:
        # Called for the items of the array one level out, whose list has that level's name.
        held = f"item{depth}"
        kind, resolved = self._kind(schema)
        if kind == "record":
            self._record_in(resolved, held, depth)
        else:
            self._in(schema, held, depth)
        self._say(depth, f"items{depth - 2}.append({held})")


def _refuse_other_unions(schema: list[Any]) -> None:
    if len(schema) != 2 or schema[0] != "null":
        raise Unusual
