"""What a client writes into a field, turned into the books' canonical form, or refused as abas would."""

import re
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from infra.sandboxes.abas.faults import ErpFault, Faults, business_refusal
from infra.sandboxes.abas.store import Store, Stored
from infra.sandboxes.abas.tables import Column, Kind

_GERMAN_DAY = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")
_US_DAY = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{2}|\d{4})")
_MAX_TEXT = 4000
_VALUE_REFUSED = 1180


def accept_value(store: Store, column: Column, value: Any, name: str, faults: Faults) -> Stored:
    """Take a value for a column: text, number or boolean as JSON, references by id, number or search word.

    Raises: ErpFault naming the field.
    """
    if value is None:
        return ""
    if not isinstance(value, str | int | float | bool | Decimal):
        raise ErpFault("ILLEGAL_ARGUMENT", f"Value of {name} is no plain value")
    text = str(value).strip()
    if len(text) > _MAX_TEXT:
        raise business_refusal(f"Value of {name} is too long", _VALUE_REFUSED, name)
    match column.kind:
        case Kind.BOOLEAN:
            return value is True or text.lower() in ("true", "yes", "ja", "1")
        case Kind.DOUBLE | Kind.INTEGER:
            return _number(_with_point(text, name, faults) if isinstance(value, str) else text, name)
        case Kind.DATE | Kind.DATETIME:
            return _day(text, name) if text else ""
        case Kind.REFERENCE:
            return _reference(store, column, text, name)
        case _:
            return text


def _with_point(text: str, name: str, faults: Faults) -> str:
    """Read an amount that came as text by the number format of the user's language: "1.234" may be 1234.

    Groups are taken off wherever they stand; with a point as the mark nothing is a group.
    """
    if faults.decimal_mark == ".":
        return text
    if "." in text and faults.wrong_mark == "refused":
        raise business_refusal(f"{name}: {text[:40]} is no number", _VALUE_REFUSED, name)
    return text.replace(".", "").replace(",", ".")


def _number(text: str, name: str) -> str:
    try:
        number = Decimal(text or "0")
    except InvalidOperation as error:
        raise business_refusal(f"{name}: no number", _VALUE_REFUSED, name) from error
    if not number.is_finite() or abs(number) >= Decimal(10) ** 13:
        raise business_refusal(f"{name}: number out of range", _VALUE_REFUSED, name)
    return str(number)


def _day(text: str, name: str) -> str:
    german, us = _GERMAN_DAY.fullmatch(text), _US_DAY.fullmatch(text)
    try:
        if german:
            return date(int(german[3]), int(german[2]), int(german[1])).isoformat()
        if us:
            year = int(us[3])
            return date(year + 2000 if year < 100 else year, int(us[1]), int(us[2])).isoformat()
        return date.fromisoformat(text[:10]).isoformat()
    except ValueError as error:
        raise business_refusal(f"{name}: no date", _VALUE_REFUSED, name) from error


def _reference(store: Store, column: Column, text: str, name: str) -> str:
    if text in ("", "(0,0,0)"):
        return ""
    found = (store.resolve(table, text) for table in (column.target or "", *column.also))
    record = next((one for one in found if one is not None), None)
    if record is None:
        raise business_refusal(f"{name}: {text[:40]} does not exist", _VALUE_REFUSED, name)
    return record.id
