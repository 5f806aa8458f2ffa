"""The files of the providers, read as quotations: the units of each currency for one of the base, as text, exact.

The ECB publishes on business days alone; a day without rates is not in its file, and a currency without a rate has none
of that day. A file that is damaged anywhere is refused whole, since a rate that is wrong is worse than none.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from xml.parsers import expat

from connectors.rates.errors import RatesUnreadable
from connectors.rates.settings import JsonProvider
from schemas.values.exchange import parse_rate
from schemas.values.money import is_currency

ECB = "ecb"
_EUR = "EUR"
_ZIP = b"PK\x03\x04"
_SHOWN = 60
_CUBE = "http://www.ecb.int/vocabulary/2002-08-01/eurofxref Cube"
_NONE = frozenset({"", "N/A"})
_LARGEST_FILE_BYTES = 50_000_000  # of a zip unpacked; the ECB's whole history has 2 million


@dataclass(frozen=True, slots=True)
class Quotations:
    """What one unit of base is worth on a day, in other currencies. Shapes: rates by currency, decimal text."""

    day: date
    base: str
    rates: Mapping[str, str]


def read_ecb(content: bytes) -> tuple[Quotations, ...]:
    """Return the days of a file of euro reference rates: XML, CSV, or a zip with one CSV.

    Raises: RatesUnreadable naming what does not fit.
    """
    if content.startswith(_ZIP):
        return _csv(_unzipped(content))
    if content.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<"):
        return _xml(content)
    return _csv(content)


def read_json(content: bytes, profile: JsonProvider) -> tuple[Quotations, ...]:
    """Return the one day of a JSON answer, its numbers to the digit.

    Raises: RatesUnreadable for another base than the profile says, or where a field is missing or of another shape.
    """
    try:
        answer = json.loads(content, parse_float=str, parse_int=str)
    except (ValueError, RecursionError):
        raise _wrong(profile.name, "the answer is no JSON") from None
    base, day, rates = (
        _field(answer, at, profile) for at in (profile.base_field, profile.day_field, profile.rates_field)
    )
    if base != profile.base:
        raise _wrong(profile.name, f"{profile.base_field} is {_shown(base)}, expected {profile.base}")
    if not isinstance(rates, dict):
        raise _wrong(profile.name, f"{profile.rates_field} must be an object of currencies and numbers")
    return (Quotations(_day(profile.name, day), profile.base, _rates(profile.name, rates)),)


def _field(answer: Any, path: str, profile: JsonProvider) -> Any:
    found = answer
    for name in path.split("."):
        if not isinstance(found, dict) or name not in found:
            raise _wrong(profile.name, f"the answer has no field {path}; correct json_provider in the settings")
        found = found[name]
    return found


def _xml(content: bytes) -> tuple[Quotations, ...]:
    days: dict[str, dict[str, str]] = {}
    current: list[str] = []

    def begin(name: str, attributes: Mapping[str, str]) -> None:
        if name != _CUBE:
            return
        if "time" in attributes:
            current[:] = [attributes["time"]]
            if attributes["time"] in days:
                raise _wrong(ECB, f"day {_shown(attributes['time'])} stands twice")
            days[attributes["time"]] = {}
        elif "currency" in attributes:
            if not current:
                raise _wrong(ECB, f"rate of {_shown(attributes['currency'])} stands under no day")
            days[current[0]][attributes["currency"]] = attributes.get("rate", "")

    def refuse(*_: Any) -> None:
        raise _wrong(ECB, "the file declares a document type, which no reference file does")

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = begin
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise _wrong(ECB, f"the file is no XML: {error}") from None
    if not days:
        raise _wrong(ECB, "the file holds no rates (no Cube with a time)")
    return tuple(Quotations(_day(ECB, day), _EUR, _rates(ECB, rates)) for day, rates in days.items())


def _csv(content: bytes) -> tuple[Quotations, ...]:
    try:
        rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig")), skipinitialspace=True))
    except (UnicodeDecodeError, csv.Error):
        raise _wrong(ECB, "the file is neither XML nor CSV") from None
    if not rows or not rows[0] or rows[0][0].strip() != "Date":
        raise _wrong(ECB, "the file is neither XML nor CSV with a column Date")
    names = [name.strip() for name in rows[0]]
    found = []
    for row in filter(any, rows[1:]):
        if len(row) != len(names):
            raise _wrong(ECB, f"a row of {_shown(row[0])} has {len(row)} columns, the head {len(names)}")
        rates = {name: cell.strip() for name, cell in zip(names[1:], row[1:], strict=True) if name}
        known = {name: text for name, text in rates.items() if text not in _NONE}
        found.append(Quotations(_day(ECB, row[0].strip()), _EUR, _rates(ECB, known)))
    if not found:
        raise _wrong(ECB, "the file holds no day")
    return tuple(found)


def _unzipped(content: bytes) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            (only,) = packed.infolist()
            if only.file_size > _LARGEST_FILE_BYTES:
                raise _wrong(ECB, f"the zip holds {only.file_size} bytes, more than {_LARGEST_FILE_BYTES}")
            return packed.read(only)
    except (zipfile.BadZipFile, ValueError, NotImplementedError, RuntimeError):
        raise _wrong(ECB, "the zip does not hold one readable file") from None


def _rates(provider: str, rates: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the rates of currencies that money can be in; another code (a basket, a metal) is nobody's money."""
    found = {}
    for currency, text in rates.items():
        if not is_currency(currency):
            continue
        try:
            parse_rate(text if isinstance(text, str) and "/" not in text else "")
        except ValueError:
            raise _wrong(provider, f"the rate of {currency} is {_shown(text)}, no positive decimal") from None
        found[currency] = text
    return found


def _day(provider: str, text: Any) -> date:
    for reads in (date.fromisoformat, lambda given: datetime.strptime(given, "%d %B %Y").date()):  # noqa: DTZ007
        try:
            return reads(str(text))
        except ValueError:
            continue
    raise _wrong(provider, f"{_shown(text)} is no day; write it as 2026-11-20")


def _shown(value: Any) -> str:
    return repr(str(value)[:_SHOWN])


def _wrong(provider: str, what: str) -> RatesUnreadable:
    return RatesUnreadable(f"rates of {provider}: {what}")
