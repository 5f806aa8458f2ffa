"""What each poll of a source last did, as `saldo status` and Prometheus find it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from app.sources.status import DIRECTORY, PollStatus, SourceFile, read_source, read_sources
from schemas.failures import Unavailable, Unreadable

AWAY = Unavailable("PayTrace at paytrace.test:443: HTTP 429", retry_after_s=300.0, asked_s=100_000.0)


def only(data_dir: Path, poll: str = "paytrace") -> PollStatus:
    (source,) = read_sources(data_dir)
    assert source.is_alive
    assert source.pid == os.getpid()
    return source.polls[poll]


def test_a_failure_says_since_when_why_and_until_when(tmp_path: Path) -> None:
    file = SourceFile(tmp_path, "paytrace", ("paytrace", "paytrace facts"))
    assert not only(tmp_path).reads
    file.succeeded("paytrace")
    read_at = only(tmp_path).last_success_at
    file.failed("paytrace", AWAY, pause_s=300.0)
    file.failed("paytrace", AWAY, pause_s=300.0)
    status = only(tmp_path)
    assert status.is_away
    assert not status.is_unreadable
    assert (status.failures, status.asked_s, status.error) == (2, 100_000.0, str(AWAY))
    assert status.last_success_at == read_at
    assert status.failing_since is not None
    assert status.waits_until is not None
    assert status.failing_since < status.waits_until
    assert only(tmp_path, "paytrace facts") == PollStatus()
    file.succeeded("paytrace")
    assert only(tmp_path).error is None
    assert only(tmp_path).reads


def test_what_the_other_side_refuses_to_show_stays_visible_though_the_poll_went_well(tmp_path: Path) -> None:
    file = SourceFile(tmp_path, "paytrace", ("paytrace",))
    file.succeeded("paytrace", ("ACH is not read: path/merchant_id is unknown",))
    status = only(tmp_path)
    assert status.reads
    assert status.not_read == ("ACH is not read: path/merchant_id is unknown",)
    file.succeeded("paytrace")
    assert only(tmp_path).not_read == ()


def test_rows_that_cannot_be_read_are_no_side_that_is_away(tmp_path: Path) -> None:
    file = SourceFile(tmp_path, "abas", ("abas",))
    file.failed("abas", Unreadable("1 records of abas can't be read"), pause_s=10.0)
    status = only(tmp_path, "abas")
    assert status.reads
    assert status.is_unreadable
    assert not status.is_away


def test_a_process_that_is_started_again_and_again_does_not_look_new(tmp_path: Path) -> None:
    SourceFile(tmp_path, "paytrace", ("paytrace",)).failed("paytrace", AWAY, pause_s=1.0)
    first = only(tmp_path)
    again = SourceFile(tmp_path, "paytrace", ("paytrace",))
    assert only(tmp_path) == first
    again.failed("paytrace", AWAY, pause_s=1.0)
    assert only(tmp_path).failing_since == first.failing_since
    assert only(tmp_path).failures == 2


def test_what_a_process_before_has_read_is_not_read_by_this_one(tmp_path: Path) -> None:
    SourceFile(tmp_path, "paytrace", ("paytrace",)).succeeded("paytrace")
    SourceFile(tmp_path, "paytrace", ("paytrace",))
    assert not only(tmp_path).reads
    assert only(tmp_path).last_success_at is not None


def test_a_process_that_ended_and_a_damaged_file(tmp_path: Path) -> None:
    SourceFile(tmp_path, "paytrace", ("paytrace",)).succeeded("paytrace")
    path = tmp_path / DIRECTORY / "paytrace.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "birth": "another life"}))
    ended = read_source(path)
    assert ended is not None
    assert not ended.is_alive
    assert not ended.polls["paytrace"].reads
    for text in ("{", "[]", '{"pid": 1, "birth": "x", "polls": {"a": {"nonsense": 1}}}'):
        path.write_text(text)
        assert read_sources(tmp_path) == ()


def test_metrics_say_the_same(tmp_path: Path) -> None:
    def value(name: str) -> float | None:
        return REGISTRY.get_sample_value(name, {"poll": "metered"})

    file = SourceFile(tmp_path, "metered", ("metered",))
    file.succeeded("metered")
    assert (value("saldo_source_failing"), value("saldo_source_waits_until_seconds")) == (0.0, 0.0)
    read_at = value("saldo_source_last_success_seconds")
    assert read_at is not None
    assert read_at > 1.6e9
    file.failed("metered", AWAY, pause_s=300.0)
    assert value("saldo_source_failing") == 1.0
    assert value("saldo_source_asked_wait_seconds") == 100_000.0
    assert value("saldo_source_failures_total") == 1.0
    assert (value("saldo_source_waits_until_seconds") or 0) == pytest.approx(read_at + 300, abs=30)
    file.failed("metered", Unreadable("x"), pause_s=1.0)
    assert (value("saldo_source_failing"), value("saldo_source_unreadable")) == (0.0, 1.0)
