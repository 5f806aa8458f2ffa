"""Pages of a list: how many rows one holds, and the cursor by which the next one is asked for."""

from __future__ import annotations

import base64
import json
from typing import Any

from app.ingress.problems import FieldError, Problem


def number_of(text: str, least: int, most: int, field: str) -> int:
    """Return a whole number of a query. Raises: Problem (400) naming the field."""
    if not (text.isascii() and text.isdecimal()) or not least <= int(text[:9]) <= most:
        raise bad_parameter(field, f"a whole number from {least} to {most}")
    return int(text[:9])


def packed(value: Any) -> str:
    """Return a JSON value as a cursor."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def unpacked(cursor: str) -> Any:
    """Return what a cursor holds. Raises: ValueError for one that we never gave."""
    return json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))


def bad_parameter(field: str, remedy: str) -> Problem:
    """Return what refuses a parameter of the query."""
    return Problem(400, "bad-parameter", "A parameter does not fit.", FieldError(field, remedy))
