"""Logs stay readable while a broker is away: its client's lines once in a while, ours all."""

from __future__ import annotations

import logging

from streams.logs import OncePerKind


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
