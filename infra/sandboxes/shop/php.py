"""JSON as PHP writes it, and dates as WordPress writes them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from infra.sandboxes.common.books import from_us, to_us


def encode(value: Any) -> bytes:
    r"""Return JSON with `\/` and `\uXXXX`, without blanks; what a hook's signature is made over."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":")).replace("/", "\\/").encode()


def gmt(instant_us: int | None) -> str | None:
    """Return a date as the `_gmt` fields have it: UTC without a zone, whole seconds."""
    return None if instant_us is None else f"{from_us(instant_us):%Y-%m-%dT%H:%M:%S}"


def local(instant_us: int | None, zone: ZoneInfo) -> str | None:
    """Return a date in the shop's own time, without a zone."""
    return None if instant_us is None else f"{from_us(instant_us).astimezone(zone):%Y-%m-%dT%H:%M:%S}"


def dates(name: str, instant_us: int | None, zone: ZoneInfo) -> dict[str, str | None]:
    """Return both fields of one date."""
    return {name: local(instant_us, zone), f"{name}_gmt": gmt(instant_us)}


def read_date(text: str, zone: ZoneInfo | None) -> int:
    """Read a filter's date; None means UTC. An offset in the text is not honoured, as in the source.

    Raises: ValueError for what is no date.
    """
    plain = text.strip().removesuffix("Z")
    head, sign, _ = plain[10:].partition("+")
    moment = datetime.fromisoformat(plain[:10] + (head if sign else plain[10:]))
    return to_us(moment.replace(tzinfo=zone or UTC))
