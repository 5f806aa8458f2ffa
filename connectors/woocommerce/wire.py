"""WooCommerce's bytes as plain values: JSON, with what hosts and caches put around it, and nothing else.

Money is text there and number here and there; both are read from their digits, never through a float.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

JsonObject = Mapping[str, Any]

_BOM: Final = b"\xef\xbb\xbf"
# What caching plugins append; a comment can't be part of JSON, so taking it off takes nothing away.
_COMMENTS: Final = re.compile(r"\A(\s|<!--.*?-->)*|(\s|<!--.*?-->)*\Z", re.DOTALL)
_SHOWN: Final = 60


def decode(body: bytes) -> Any:
    """Read one JSON text, without a byte order mark and HTML comments around it.

    Raises: ValueError for everything else: a page, a warning of PHP, a text that breaks off.
    """
    text = _COMMENTS.sub("", body.removeprefix(_BOM).decode("utf-8"))
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_no_number)
    except (ValueError, RecursionError, ArithmeticError):
        raise ValueError(f"no JSON, it begins with {text[:_SHOWN]!r}") from None


def items(value: Any) -> Sequence[JsonObject]:
    """Return the objects of a list; null, and what PHP writes for an empty map, are no items."""
    return tuple(one for one in value if isinstance(one, Mapping)) if isinstance(value, list) else ()


def record(value: Any) -> JsonObject:
    """Return an object; `[]`, which PHP writes for an empty map, and null are one without fields."""
    return value if isinstance(value, Mapping) else {}


def text(value: Any) -> str:
    """Return a value as text; null is empty, a number is its digits."""
    return "" if value is None or isinstance(value, bool | list | Mapping) else str(value)


def _no_number(_: str) -> Any:
    raise ValueError("no number")
