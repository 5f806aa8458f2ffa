"""What each poll of a source last did: in a small file for `saldo status`, and as Prometheus metrics.

For the process that polls, alone or under `saldo up`. A source whose every poll fails is alive as a process, so its
process list says nothing about it; this does. Nothing depends on the file: what was published is in sources.cursors.v1.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from prometheus_client import Counter, Gauge

from infra.embedded import process
from schemas.failures import SaldoError, Transient, Unreadable
from schemas.values.clock import utc_now

DIRECTORY = "sources"

LAST_SUCCESS = Gauge("saldo_source_last_success_seconds", "Unix time of the last poll that read everything.", ["poll"])
FAILING = Gauge("saldo_source_failing", "1 while the other side does not let itself be read.", ["poll"])
UNREADABLE = Gauge("saldo_source_unreadable", "1 while some rows of a poll can't be read; the others are.", ["poll"])
NOT_READ = Gauge(
    "saldo_source_not_read", "Kinds of records that the other side refuses to show to this poll.", ["poll"]
)
FAILURES = Counter("saldo_source_failures", "Polls that failed.", ["poll"])
WAITS_UNTIL = Gauge(
    "saldo_source_waits_until_seconds", "Unix time of the next attempt after a failure, else 0.", ["poll"]
)
ASKED_WAIT = Gauge("saldo_source_asked_wait_seconds", "What the other side's Retry-After asked for, else 0.", ["poll"])


class PollObserver(Protocol):
    """Hears how polls end."""

    def succeeded(self, poll: str, not_read: tuple[str, ...] = ()) -> None:
        """Note that everything shown was read and published; `not_read` is what it refuses to show."""

    def failed(self, poll: str, error: SaldoError, *, pause_s: float) -> None:
        """Note that the poll ended early or met bad rows; the next attempt comes after pause_s seconds."""


class SilentPollObserver:
    """Hears and does nothing."""

    def succeeded(self, poll: str, not_read: tuple[str, ...] = ()) -> None:
        """Nothing."""

    def failed(self, poll: str, error: SaldoError, *, pause_s: float) -> None:
        """Nothing."""


@dataclass(frozen=True, slots=True)
class PollStatus:
    """One poll of a source. Instants are ISO texts in UTC; None is never, or not now.

    reads            whether the process that lives now has read the other side, rows that can't be read aside
    last_success_at  when it last read everything
    failing_since    when the first of the failures in a row came
    error            the newest failure, with host and cause
    is_unreadable    that failure is about rows: the other side answers, and everything else was read
    asked_s          what its Retry-After asked for
    waits_until      when it is asked again
    not_read         what a poll that went well left out because the other side refuses it, and why
    """

    reads: bool = False
    last_success_at: str | None = None
    failing_since: str | None = None
    failures: int = 0
    error: str | None = None
    is_unreadable: bool = False
    asked_s: float | None = None
    waits_until: str | None = None
    not_read: tuple[str, ...] = ()

    @property
    def is_away(self) -> bool:
        """Whether the other side does not let itself be read."""
        return self.error is not None and not self.is_unreadable


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """One source process: its polls by name, and whether the process that wrote this lives."""

    source: str
    pid: int
    is_alive: bool
    polls: Mapping[str, PollStatus]


class SourceFile:
    """The file of one source process; satisfies PollObserver.

    Ensures: what a process before this one left stays until the first poll of the same name ends: a process that is
             started again and again does not look like one that has just begun.
    """

    def __init__(self, data_dir: Path, source: str, polls: tuple[str, ...]) -> None:
        self._path = data_dir / DIRECTORY / f"{source}.json"
        self._birth = process.birth_of(os.getpid())
        earlier = read_source(self._path)
        known = {} if earlier is None else dict(earlier.polls)
        self._polls = {poll: replace(known.get(poll, PollStatus()), reads=False) for poll in polls}
        for poll in polls:
            self._measure(poll)
        self._write()

    def succeeded(self, poll: str, not_read: tuple[str, ...] = ()) -> None:
        """Note that everything was read that may be read."""
        self._polls[poll] = PollStatus(reads=True, last_success_at=_text(utc_now()), not_read=not_read)
        self._measure(poll)
        self._write()

    def failed(self, poll: str, error: SaldoError, *, pause_s: float) -> None:
        """Note that not everything was read; from now on until the next success."""
        now, known = utc_now(), self._polls.get(poll, PollStatus())
        self._polls[poll] = replace(
            known,
            reads=isinstance(error, Unreadable),
            failing_since=known.failing_since or _text(now),
            failures=known.failures + 1,
            error=str(error) or type(error).__name__,
            is_unreadable=isinstance(error, Unreadable),
            asked_s=error.asked_s if isinstance(error, Transient) else None,
            waits_until=_text(now + timedelta(seconds=pause_s)),
        )
        FAILURES.labels(poll).inc()
        self._measure(poll)
        self._write()

    def _measure(self, poll: str) -> None:
        status = self._polls[poll]
        LAST_SUCCESS.labels(poll).set(_unix_s(status.last_success_at))
        FAILING.labels(poll).set(status.is_away)
        UNREADABLE.labels(poll).set(status.is_unreadable)
        NOT_READ.labels(poll).set(len(status.not_read))
        WAITS_UNTIL.labels(poll).set(_unix_s(status.waits_until))
        ASKED_WAIT.labels(poll).set(status.asked_s or 0.0)

    def _write(self) -> None:
        polls = {name: asdict(status) for name, status in self._polls.items()}
        text = json.dumps({"pid": os.getpid(), "birth": self._birth, "polls": polls})
        with contextlib.suppress(OSError):  # a full disk costs a line of `saldo status` and no more
            self._path.parent.mkdir(parents=True, exist_ok=True)
            draft = self._path.with_name(f".{self._path.name}.{os.getpid()}")
            draft.write_text(text, "utf-8")
            draft.replace(self._path)


def read_source(path: Path) -> SourceStatus | None:
    """Return what a source process last wrote there; None when there is nothing that can be read."""
    try:
        raw: dict[str, Any] = json.loads(path.read_text("utf-8"))
        polls = {
            name: PollStatus(**{**fields, "not_read": tuple(fields.get("not_read", ()))})
            for name, fields in raw["polls"].items()
        }
        is_alive = process.birth_of(raw["pid"]) == raw["birth"]
        shown = {name: status if is_alive else replace(status, reads=False) for name, status in polls.items()}
        return SourceStatus(path.stem, raw["pid"], is_alive, shown)
    except (FileNotFoundError, ValueError, TypeError, KeyError, AttributeError):
        return None


def read_sources(data_dir: Path) -> tuple[SourceStatus, ...]:
    """Return every source that ever polled on this machine with this data directory, by name."""
    found = (read_source(path) for path in sorted((data_dir / DIRECTORY).glob("*.json")))
    return tuple(status for status in found if status is not None)


def _text(instant: datetime) -> str:
    return f"{instant:%Y-%m-%dT%H:%M:%SZ}"


def _unix_s(text: str | None) -> float:
    return 0.0 if text is None else datetime.fromisoformat(text).timestamp()
