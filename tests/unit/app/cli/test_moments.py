"""How a person says where to begin."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cli.errors import CannotRun
from app.cli.moments import parse_bound
from app.topics.reading import Edge

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "bound"),
    [
        ("beginning", Edge.BEGINNING),
        ("END", Edge.END),
        ("now", NOW),
        ("0", 0),
        ("120", 120),
        ("10m ago", NOW - timedelta(minutes=10)),
        ("10 minutes ago", NOW - timedelta(minutes=10)),
        ("90s", NOW - timedelta(seconds=90)),
        ("2h ago", NOW - timedelta(hours=2)),
        ("1 day ago", NOW - timedelta(days=1)),
        ("2026-11-24T10:00Z", datetime(2026, 11, 24, 10, tzinfo=UTC)),
        ("2026-11-24T10:00:00.5Z", datetime(2026, 11, 24, 10, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-11-24T10:00+01:00", datetime(2026, 11, 24, 9, tzinfo=UTC)),
        ("2026-11-24 10:00", datetime(2026, 11, 24, 10, tzinfo=UTC)),
        ("2026-11-24", datetime(2026, 11, 24, tzinfo=UTC)),
    ],
)
def test_each_documented_form_is_read(text: str, bound: object) -> None:
    assert parse_bound(text, NOW) == bound


def test_now_is_understood_in_any_zone() -> None:
    assert parse_bound("1h ago", NOW.astimezone(timezone(timedelta(hours=-8)))) == NOW - timedelta(hours=1)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "-5", "10 parsecs ago", "2026-13-01", "999999999d ago", "٣", "24.11.2026"]
)
def test_anything_else_names_the_forms(text: str) -> None:
    with pytest.raises(CannotRun, match="10m ago"):
        parse_bound(text, NOW)


@given(st.text(max_size=30))
def test_no_text_does_worse(text: str) -> None:
    try:
        bound = parse_bound(text, NOW)
    except CannotRun:
        return
    assert isinstance(bound, int | Edge) or bound.tzinfo is not None
