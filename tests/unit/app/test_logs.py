"""Logs stay readable while a broker is away: its lines once in a while, ours all. No line looks like a card number."""

from __future__ import annotations

import json
import logging
import logging.config
import random
import re
import subprocess
import sys
import unicodedata
from types import SimpleNamespace
from typing import Any

import pytest

from app.output.logs import OncePerKind, as_sentence, logging_config
from schemas.checks.sensitive import find_sensitive
from schemas.failures.retries import retry_context


def line(name: str, message: str, *values: object) -> logging.LogRecord:
    return logging.LogRecord(name, logging.ERROR, "x.py", 1, message, values, None)


def test_the_broker_clients_lines_come_once_per_kind_and_ten_seconds() -> None:
    now = 100.0
    once = OncePerKind(clock=lambda: now)
    assert once.filter(line("aiokafka", "Unable connect to node with id %s: %s", 1, "refused"))
    assert not once.filter(line("aiokafka", "Unable connect to node with id %s: %s", 2, "refused"))
    assert once.filter(line("aiokafka", "Heartbeat failed for group %s", "saldo"))
    assert once.filter(line("aiokafka.cluster", "Unable connect to node with id %s: %s", 1, "refused"))
    now = 110.0
    assert once.filter(line("aiokafka", "Unable connect to node with id %s: %s", 1, "refused"))


def test_our_own_lines_all_come() -> None:
    once = OncePerKind()
    assert all(once.filter(line("streams.tasks.task", "task waits")) for _ in range(3))


# What a library says of a slow machine, seen in the kill test: a clock reading to its last digit.
OVERLAPS = "Timer livelock is overlapping (interval=2.5 runtime=%r)"


def rendered(message: str, *values: object, **fields: object) -> dict[str, Any]:
    """A line as it is written to a file."""
    config = logging_config("info")["formatters"]["saldo"]
    factory = config.pop("()")
    record = line("mode.timers", message, *values)
    record.__dict__.update(fields)
    return dict(json.loads(factory(**config).format(record)))


def test_a_clock_reading_to_its_last_digit_is_taken_for_a_card_and_so_it_is_cut() -> None:
    runtime = 2.378282246310005
    assert find_sensitive("line", OVERLAPS % runtime) is not None
    reported = rendered(OVERLAPS, runtime, lag_s=runtime)
    assert reported["event"] == "Timer livelock is overlapping (interval=2.5 runtime=2.378)"
    assert reported["lag_s"] == 2.378
    assert find_sensitive("line", reported) is None


def test_no_clock_reading_of_a_library_looks_like_a_card() -> None:
    rng = random.Random(20261124)
    readings = [rng.uniform(0, 10 ** rng.randint(-3, 6)) for _ in range(6_000)]
    assert any(find_sensitive("line", OVERLAPS % reading) for reading in readings)
    # One line holds a hundred of them, so that the test is quick.
    lines = [rendered(" ".join([OVERLAPS] * 100), *readings[first : first + 100]) for first in range(0, 6_000, 100)]
    assert [reported for reported in lines if find_sensitive("line", reported)] == []


@pytest.mark.parametrize("text", ["1.2.34567", "10.0.123456.7", "v1.123", "order 1012000098765439", "12:30:45.123"])
def test_what_is_no_long_fraction_is_reported_as_it_is(text: str) -> None:
    assert rendered(text)["event"] == text


def test_on_a_terminal_a_quoted_text_moves_no_cursor_and_writes_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", SimpleNamespace(isatty=lambda: True))
    config = logging_config("info")["formatters"]["saldo"]
    record = line("streams.x", "payer Jo\n12:00 confirmed by anna\x1b[2J", ())
    record.args = ()
    record.__dict__.update({"reason": "\u202e\x9b2J", "rows": ["a\nb\x1b]0;x\x07"]})
    try:
        raise ValueError("bad \x1b[31m text")
    except ValueError:
        record.exc_info = sys.exc_info()
    shown = config.pop("()")(**config).format(record)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)  # colours of our own
    assert not [one for one in plain if unicodedata.category(one) in ("Cc", "Cf") and one != "\n"]
    assert "payer Jo\\n12:00 confirmed by anna\\x1b[2J" in plain
    assert "bad \\x1b[31m text" in plain


def test_a_repeated_call_prints_nothing_to_stdout() -> None:
    """It stood in the middle of the profile that `saldo abas probe > abas.yaml` writes, and in logs unmasked."""
    program = (
        "from schemas.failures.retries import retry_context\n"
        "from app.output.logs import configure_logs; configure_logs('info')\n"
        "for attempt in retry_context(on=ValueError, attempts=2, wait_initial=0, wait_jitter=0):\n"
        "    with attempt:\n"
        "        if attempt.num == 1: raise ValueError('4111111111111111')\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (
            '{"event": "task restored", "level": "info", "timestamp": "2026", "task": "a/0", "journal_end": 3}',
            "task restored: task a/0, journal end 3",
        ),
        (
            '{"event": "breaker open", "level": "critical", "reason": "20 records"}',
            "CRITICAL: breaker open: reason 20 records",
        ),
        ('{"event": "ready", "level": "info", "is_new": true, "error": null}', "ready: is new yes"),
        ('{"event": "x", "level": "error", "exception": "Boom"}', "ERROR: x; Boom"),
        ("[2026-11-29] INFO Kafka started", "[2026-11-29] INFO Kafka started"),
        ('{"event": 7}', '{"event": 7}'),
        ("[1]", "[1]"),
    ],
)
def test_a_person_reads_sentences(line: str, sentence: str) -> None:
    assert as_sentence(line) == sentence


def test_a_repeat_of_a_call_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    tried = 0
    for attempt in retry_context(on=ValueError, attempts=3, wait_initial=0.001, wait_max=0.002):
        with attempt:
            tried += 1
            if tried < 3:
                raise ValueError("not yet")
    assert tried == 3
    assert capfd.readouterr() == ("", "")
