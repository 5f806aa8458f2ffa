"""The envelope: equal inputs give equal bytes, and a source position survives its header."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.wire.envelope import (
    Envelope,
    SourcePosition,
    child_traceparent,
    content_event_id,
    derived_event_id,
    format_time,
    header_map,
    header_text,
    root_traceparent,
    source_position,
)

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
POSITIONS = st.builds(
    SourcePosition,
    st.from_regex(r"[a-z][a-z.\-]{0,30}[a-z]", fullmatch=True),
    st.integers(0, 10_000),
    st.integers(0, 2**63 - 1),
    st.integers(0, 10_000),
)
INSTANTS = st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))]))


@given(POSITIONS)
def test_a_position_survives_its_header_form(position: SourcePosition) -> None:
    assert SourcePosition.parse(str(position)) == position
    assert source_position([("saldo-source", str(position).encode())]) == position


@given(st.text(max_size=60))
def test_any_other_text_is_a_value_error(text: str) -> None:
    parts = text.rsplit("/", 3)
    if len(parts) == 4 and all(part.isascii() and part.isdigit() for part in parts[1:]):
        assert SourcePosition.parse(text).topic == parts[0]
    else:
        with pytest.raises(ValueError, match="saldo-source"):
            SourcePosition.parse(text)


@pytest.mark.parametrize("text", ["", "t/1/2", "t/1/2/x", "t/-1/2/3", "t/1/2/٣", "t/1/2/3/"])
def test_a_damaged_position_names_itself(text: str) -> None:
    with pytest.raises(ValueError, match="topic/partition/offset/index"):
        SourcePosition.parse(text)


DESTINATIONS = st.sampled_from(["payments.events.v1", "identification.inbox.v1"])


@given(POSITIONS, POSITIONS, DESTINATIONS, DESTINATIONS)
def test_event_ids_differ_where_position_or_destination_do(
    a: SourcePosition, b: SourcePosition, to_a: str, to_b: str
) -> None:
    assert (derived_event_id(a, to_a) == derived_event_id(b, to_b)) == ((a, to_a) == (b, to_b))


@given(INSTANTS, st.none() | POSITIONS, st.none() | st.text(min_size=1, max_size=20))
def test_equal_envelopes_are_equal_bytes(
    time: datetime, position: SourcePosition | None, correlation_id: str | None
) -> None:
    def build(instant: datetime) -> list[tuple[str, bytes]]:
        return Envelope(
            event_id="id", type="T", source="/s", time=instant, position=position, correlation_id=correlation_id
        ).to_headers()

    headers = build(time)
    assert headers == build(time.astimezone(UTC))
    assert [name for name, _ in headers][:6] == [
        "ce_specversion",
        "ce_id",
        "ce_type",
        "ce_source",
        "ce_time",
        "content-type",
    ]
    assert source_position(headers) == position
    assert header_text(headers, "saldo-correlation-id") == correlation_id


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="naive"):
        format_time(datetime(2026, 11, 24, 12))  # noqa: DTZ001


def test_time_is_rfc_3339_in_utc() -> None:
    assert format_time(NOON.astimezone(timezone(timedelta(hours=-8)))) == "2026-11-24T12:00:00.000000Z"


def test_content_decides_the_event_id() -> None:
    assert content_event_id("A", b"x") == content_event_id("A", b"x")
    assert len({content_event_id(kind, content) for kind in ("A", "B") for content in (b"x", b"y", b"")}) == 6


def test_a_child_stays_in_its_trace() -> None:
    root = root_traceparent("event-1")
    child = child_traceparent(root, "event-2")
    assert child is not None
    assert child.split("-")[1] == root.split("-")[1]
    assert child.split("-")[2] != root.split("-")[2]
    assert child == child_traceparent(root, "event-2")


@pytest.mark.parametrize(
    "parent", [None, "", "00-xyz-1-01", root_traceparent("e") + "\n", "01" + root_traceparent("e")[2:]]
)
def test_a_damaged_trace_is_dropped(parent: str | None) -> None:
    assert child_traceparent(parent, "event") is None


def test_headers_as_kafka_gives_them() -> None:
    assert header_map(None) == {}
    assert header_map([("a", b"1"), ("a", b"2")]) == {"a": b"2"}
    assert header_text([("a", b"\xff")], "a") == "\ufffd"
    assert header_text([], "a") is None
    assert source_position(None) is None
