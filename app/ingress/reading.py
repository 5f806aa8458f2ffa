"""Reads a body into plain values, strictly: what two readers could read differently is refused."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final, NoReturn

from app.ingress.problems import FieldError, Problem, malformed

_DEEPEST: Final = 24


def to_text(body: bytes) -> str:
    """Return the body as text; raises Problem (400) when it is not UTF-8."""
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        raise malformed("The body is not UTF-8.", "body", "send UTF-8") from None


def to_json(text: str) -> Any:
    """Return one JSON value, fractions as Decimal from their digits.

    Raises: Problem (400) when it is not JSON as RFC 8259 has it, names a member twice, nests deeper than 24 levels, or
            holds half a surrogate pair.
    """
    try:
        value = json.loads(text, parse_float=Decimal, parse_constant=_no_number, object_pairs_hook=_unique)
    except (ValueError, ArithmeticError, RecursionError):
        raise malformed("The body is not JSON.", "body", "send one JSON value, each member once") from None
    _check(value, _DEEPEST)
    return value


def require_media_type(content_type: str, encoding: str, wanted: str) -> None:
    """Refuse what is not of the wanted media type, or is compressed; raises Problem (415)."""
    media_type, *parameters = (part.strip().lower() for part in content_type.split(";"))
    charsets = [part.partition("=")[2].strip('"') for part in parameters if part.startswith("charset=")]
    if media_type != wanted or any(charset not in {"utf-8", "us-ascii"} for charset in charsets):
        raise Problem(
            415,
            "unsupported-media-type",
            "The body is of another kind.",
            FieldError("content-type", f"{wanted}, in UTF-8"),
            headers={"Accept-Post": wanted},
        )
    if encoding.strip().lower() not in {"", "identity"}:
        raise Problem(
            415,
            "unsupported-media-type",
            "The body is compressed.",
            FieldError("content-encoding", "send the body as it is"),
        )


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member stands twice")
    return found


def _no_number(_: str) -> NoReturn:
    raise ValueError("no number")


def _check(value: Any, levels: int) -> None:
    if levels == 0:
        raise malformed("The body is nested too deeply.", "body", f"nest {_DEEPEST} levels or less")
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise malformed("A text holds half a surrogate pair.", "body", "send whole characters") from None
    elif isinstance(value, dict):
        for name, item in value.items():
            _check(name, levels)
            _check(item, levels - 1)
    elif isinstance(value, list):
        for item in value:
            _check(item, levels - 1)
