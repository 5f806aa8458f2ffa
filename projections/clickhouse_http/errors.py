"""Errors as ClickHouse's HTTP interface reports them: a number, a name, a status, one line.

Source: https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp and
src/Server/HTTP/exceptionCodeToHTTPStatus.cpp there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from projections.store.errors import QueryRefused

# What this interface itself says no with; the engine's own errors bring their number along.
_NUMBERS: Final[Mapping[str, int]] = {
    "BAD_ARGUMENTS": 36,
    "NOT_IMPLEMENTED": 48,
    "UNKNOWN_TABLE": 60,
    "SYNTAX_ERROR": 62,
    "UNKNOWN_FORMAT": 73,
    "UNKNOWN_DATABASE": 81,
    "UNKNOWN_SETTING": 115,
    "QUERY_IS_TOO_LARGE": 161,
    "READONLY": 164,
    "REQUIRED_PASSWORD": 194,
    "TOO_MANY_SIMULTANEOUS_QUERIES": 202,
    "QUERY_WAS_CANCELLED": 394,
    "TOO_MANY_ROWS_OR_BYTES": 396,
    "ACCESS_DENIED": 497,
    "AUTHENTICATION_FAILED": 516,
    "UNKNOWN_EXCEPTION": 1002,
}
# The engine's errors that say something about the request rather than about the server.
_BAD_REQUEST: Final = frozenset(
    {6, 8, 15, 25, 26, 27, 36, 38, 41, 44, 53, 62, 69, 72, 117, 168, 223, 224, 225, 427, 441, 675, 676}
)
_NOT_FOUND: Final = frozenset({46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 336, 511})
_STATUS: Final[Mapping[int, int]] = {48: 501, 159: 408, 161: 413, 194: 401, 209: 503, 497: 403, 516: 403}
_OWN_LINE: Final = re.compile(r"Code: (?P<number>\d+)\. DB::Exception: (?P<message>.*)", re.DOTALL)


def in_clickhouse_words(error: QueryRefused) -> tuple[int, int, str]:
    """Return HTTP status, error number and body of a refusal.

    The body is `Code: N. DB::Exception: MESSAGE (NAME)`: what the engine said stays as it is.
    """
    found = _OWN_LINE.search(str(error))
    if found is not None:
        number, body = int(found["number"]), found[0].strip()
    else:
        name = {"FORMAT": "UNKNOWN_FORMAT", "PARAMETER": "BAD_ARGUMENTS"}.get(error.code, error.code)
        name = name if name in _NUMBERS else "UNKNOWN_EXCEPTION"
        number = _NUMBERS[name]
        body = f"Code: {number}. DB::Exception: {error}. ({name})"
    return _status(number), number, body + "\n"


def _status(number: int) -> int:
    if number in _BAD_REQUEST:
        return 400
    return 404 if number in _NOT_FOUND else _STATUS.get(number, 500)
