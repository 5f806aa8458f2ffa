"""How a person says where to begin and end: an offset, a time, so long ago, or an edge."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from app.cli.errors import CannotRun
from app.topics.reading import Bound, Edge

HELP = "an offset (120), a time (2026-11-24T10:00Z; no zone means UTC), a while ago (10m ago), now, beginning or end"
_AGO = re.compile(r"(\d{1,9})\s*(s|sec|seconds?|m|min|minutes?|h|hours?|d|days?)(?:\s+ago)?")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def parse_bound(text: str, now: datetime) -> Bound:
    """Read one of the forms that HELP names.

    Units:  the result is an offset, an aware UTC instant, or an edge; `now` is an aware instant.
    Raises: CannotRun naming the forms.
    """
    words = text.strip().lower()
    if words in ("beginning", "end"):
        return Edge(words)
    if words == "now":
        return now.astimezone(UTC)
    if words.isascii() and words.isdigit():
        return int(words)
    ago = _AGO.fullmatch(words)
    try:
        if ago is not None:
            return now.astimezone(UTC) - timedelta(**{_UNITS[ago[2][0]]: int(ago[1])})
        instant = datetime.fromisoformat(text.strip())
    except (ValueError, OverflowError):
        raise CannotRun(f"cannot read {text[:60]!r}; say {HELP}") from None
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
