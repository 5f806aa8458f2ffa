"""Looks for card numbers, security codes and bank numbers in what a run left behind: topics, log files and tables.

To be called after tests that moved records, and after the kill test: `assert scan_topics(...).leaks == ()`.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from projections.store.client import SqlReader
from schemas.checks.sensitive import Finding, find_sensitive
from schemas.failures import Unreadable
from schemas.wire.codec import Codec
from tests.support.kafka import client_options

READ_TIMEOUT_S = 30.0
# What the broker keeps for itself; nothing of ours is in it.
_INTERNAL = "__"
_TRACE = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


@dataclass(frozen=True)
class Leak:
    """Something sensitive that got through: where it lies and of which kind, never the value."""

    place: str
    finding: Finding

    def __str__(self) -> str:
        """For the message of a failing test."""
        return f"{self.finding.kind} in {self.place} ({self.finding.field_path})"


@dataclass(frozen=True)
class Scan:
    """What was looked at and what was found; `looked_at` shows that a clean scan was not an empty one."""

    looked_at: int
    leaks: tuple[Leak, ...]

    @property
    def is_clean(self) -> bool:
        """Whether nothing was found."""
        return not self.leaks


def scan_topics(connection: Mapping[str, Any] | str, topics: Iterable[str] | None = None) -> Scan:
    """Read every record of every topic (or of these) and look through key, headers and value.

    Shapes:  connection is librdkafka configuration, or the bootstrap string of a test's broker.
    Ensures: a value that decodes is looked through field by field, and every value byte by byte as text besides.
    """
    options = client_options(connection) if isinstance(connection, str) else dict(connection)
    leaks: list[Leak] = []
    looked_at = 0
    look = _Look()
    for message in read_messages(options, topics):
        looked_at += 1
        place = f"{message.topic()}/{message.partition()}/{message.offset()}"
        for name, value in _parts(message):
            finding = look(name, value)
            if finding is not None:
                leaks.append(Leak(place, finding))
    return Scan(looked_at, tuple(leaks))


def scan_tables(reader: SqlReader) -> Scan:
    """Look through every row of every table of the read side, field by field."""
    leaks: list[Leak] = []
    looked_at = 0
    look = _Look()
    tables = json.loads(reader.query("SELECT name FROM system.tables WHERE database = currentDatabase() ORDER BY name"))
    for [table] in tables["data"]:
        answer = reader.query(f"SELECT * FROM `{table}`", output_format="JSONEachRow")
        for number, row in enumerate(answer.splitlines(), 1):
            looked_at += 1
            finding = look(table, json.loads(row))
            if finding is not None:
                leaks.append(Leak(f"{table} row {number}", finding))
    return Scan(looked_at, tuple(leaks))


def scan_logs(paths: Iterable[Path]) -> Scan:
    """Look through every line of log files; a directory stands for every file below it."""
    leaks: list[Leak] = []
    looked_at = 0
    for path in _files(paths):
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                looked_at += 1
                finding = find_sensitive("line", _line(line))
                if finding is not None:
                    leaks.append(Leak(f"{path.name}:{number}", finding))
    return Scan(looked_at, tuple(leaks))


class _Look:
    """Looks through fields, and through each value of each field once: a run repeats most of them a thousand times.

    What a single value shows depends on it and its name alone. Digits that could be part of a card number cut over
    neighbouring fields depend on their neighbours and are looked at each time.
    """

    def __init__(self) -> None:
        self._clean: set[tuple[str, str, Any]] = set()

    def __call__(self, path: str, value: Any) -> Finding | None:
        """The first sensitive thing of a value; a mapping by its fields."""
        if not isinstance(value, Mapping):
            return find_sensitive(path, value)
        clean = self._clean
        fresh = {
            name: None if _stands_alone(field) and (path, name, field) in clean else field
            for name, field in value.items()
        }
        finding = find_sensitive(path, fresh)
        if finding is None:
            clean.update((path, name, field) for name, field in fresh.items() if _stands_alone(field))
        return finding


def _stands_alone(field: Any) -> bool:
    if not isinstance(field, str):
        return isinstance(field, int | float)
    text = field.strip()
    return not (len(text) <= 6 and text.isdigit())


def _parts(message: Message) -> Iterator[tuple[str, Any]]:
    yield "key", message.key()
    headers: Any = message.headers()
    named = {name: (value or b"").decode("utf-8", "replace") for name, value in headers or ()}
    # Its span id is sixteen digits now and then, and one in twenty of those has a card's shape.
    if _TRACE.fullmatch(named.get("traceparent", "")):
        del named["traceparent"]
    yield "headers", named
    value: Any = message.value()
    if value is None:
        return
    try:
        _, _, fields = Codec().decode_fields(value)
        yield "value", {name: _readable(field) for name, field in fields.items()}
    except Unreadable:
        yield "value", value


def _readable(field: Any) -> Any:
    """Instants are clock readings and no texts; a record within a record (a dead letter's) counts by its fields.

    Its bytes as one text would set two ids side by side, and two ids of nine digits have a card's shape now and then.
    """
    if isinstance(field, bytes):
        try:
            _, _, fields = Codec().decode_fields(field)
        except Unreadable:
            return field
        return {name: _readable(inner) for name, inner in fields.items()}
    return field.isoformat() if hasattr(field, "isoformat") else field


def _line(line: bytes) -> Any:
    """A line of our own logs by its fields, so that names count; any other as text."""
    text = line.decode("utf-8", "replace").rstrip("\n")
    try:
        fields = json.loads(text)
    except ValueError:
        return text
    return fields if isinstance(fields, dict) else text


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from (found for found in sorted(path.rglob("*")) if found.is_file())
        else:
            yield path


def read_messages(options: Mapping[str, Any], topics: Iterable[str] | None = None) -> Iterator[Message]:
    """Every message that is there now, of every topic or of these."""
    consumer = Consumer(
        {
            **options,
            "group.id": "saldo-scan",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
        }
    )
    try:
        known = consumer.list_topics(timeout=READ_TIMEOUT_S).topics
        wanted = [name for name in known if not name.startswith(_INTERNAL)] if topics is None else list(topics)
        left = {(name, partition) for name in wanted for partition in known[name].partitions}
        consumer.assign([TopicPartition(name, partition, 0) for name, partition in sorted(left)])
        silent_since = time.monotonic()
        while left:
            for message in consumer.consume(1000, timeout=0.2):
                error = message.error()
                if error is None:
                    yield message
                elif error.code() == KafkaError._PARTITION_EOF:
                    left.discard((str(message.topic()), int(message.partition() or 0)))
                elif not error.retriable():
                    raise KafkaException(error)
                silent_since = time.monotonic()
            assert time.monotonic() - silent_since < READ_TIMEOUT_S, f"the broker fell silent, {len(left)} unread"
    finally:
        consumer.close()
