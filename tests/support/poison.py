"""Records that Avro takes and money cannot be: the examples of the contract with extreme values in some fields."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, get_type_hints

from schemas import catalog
from tests.support.examples import example

SEED = 20261129
TEXTS = (
    "",
    " ",
    "usd",
    "USD",
    "XXX",
    "US DOLLAR",
    "\x00",
    "a\x1b[31m",
    "caf\u00e9\u2028\u200b",
    "x" * 5_000,
    "main/usd",
)
LONGS = (-(1 << 63), (1 << 63) - 1, -1, 0, 1, 12_500, 10**15, 10**15 + 1)
INTS = (-(1 << 31), (1 << 31) - 1, -1, 0, 1, 999)
INSTANTS = tuple(datetime(year, 1, 1, tzinfo=UTC) for year in (1, 1900, 1970, 1999, 2000, 2099, 2100, 9999))
DAYS = tuple(date(year, 12, 31) for year in (1, 1899, 1969, 1999, 2000, 2099, 2149, 2299, 9999))


def poisoned(name: str, count: int) -> Iterator[Any]:
    """So many records of one type, the same at each call; some are plausible all the same."""
    rng = random.Random(f"{SEED}/{name}")
    plain = example(name)
    hints = get_type_hints(type(plain))
    fields = {field["name"]: field["type"] for field in catalog.latest(name).schema["fields"]}
    for _ in range(count):
        chosen = rng.sample(sorted(fields), k=min(len(fields), rng.choice((1, 1, 1, 2, 3, len(fields)))))
        values = {field: _value(rng, fields[field], hints[field]) for field in chosen}
        yield replace(plain, **values)


def _value(rng: random.Random, avro: Any, hint: Any) -> Any:
    if isinstance(avro, list):
        avro = rng.choice(avro)
        hint = next((kind for kind in getattr(hint, "__args__", (hint,)) if kind is not type(None)), hint)
    if isinstance(avro, str) and isinstance(hint, type) and issubclass(hint, StrEnum):
        return rng.choice(list(hint))  # an enumeration that stands in full further up
    kind = avro if isinstance(avro, str) else avro.get("logicalType") or avro["type"]
    match kind:
        case "null":
            return None
        case "enum":
            symbol = rng.choice(avro["symbols"])
            return hint(symbol) if isinstance(hint, type) and issubclass(hint, StrEnum) else symbol
        case "array" if isinstance(avro["items"], dict) and avro["items"]["type"] == "record":
            return tuple(_row(rng, avro["items"]) for _ in range(rng.randrange(4)))
        case "array":
            return tuple(_value(rng, avro["items"], None) for _ in range(rng.randrange(4)))
        case "map":
            return {rng.choice(TEXTS): _value(rng, avro["values"], None) for _ in range(rng.randrange(3))}
        case "bytes":
            return rng.choice((b"", b"\x00\xff", b"x" * 2_000))
        case "boolean":
            return rng.choice((True, False))
        case _:
            return rng.choice(_EXTREMES[kind])


def _row(rng: random.Random, avro: Any) -> Any:
    cls = catalog.row_classes()[avro["name"]]
    hints = get_type_hints(cls)
    return cls(**{field["name"]: _value(rng, field["type"], hints[field["name"]]) for field in avro["fields"]})


_EXTREMES: dict[str, tuple[Any, ...]] = {
    "string": TEXTS,
    "long": LONGS,
    "int": INTS,
    "timestamp-micros": INSTANTS,
    "date": DAYS,
}
