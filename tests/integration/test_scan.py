"""The scan after the tests finds what it is there to find: in values, raw bytes, headers, keys and log lines."""

from __future__ import annotations

import json
from pathlib import Path

from confluent_kafka import Producer

from projections.store.client import open_read_only, open_store
from schemas.checks.sensitive import Finding, SensitiveKind
from schemas.records.payments import TransactionStatus
from schemas.wire.codec import Codec
from tests.kill.run import Outcome
from tests.support.builders import observation
from tests.support.kafka import client_options, make_topics, unique
from tests.support.scan import Leak, Scan, scan_logs, scan_tables, scan_topics

CARD = "4111111111111111"


def test_every_place_of_a_record_is_looked_at(kafka: str) -> None:
    clean, dirty = unique("scan-clean"), unique("scan-dirty")
    make_topics(kafka, {clean: 3, dirty: 3})
    record = observation(TransactionStatus.PENDING_SETTLEMENT)
    producer = Producer(client_options(kafka))
    for number in range(30):
        producer.produce(clean, Codec().encode(record), key=str(number), headers=[("ce_id", b"a" * 32)])
    encoded = Codec().encode(record)
    producer.produce(dirty, encoded, key=CARD, partition=0)
    producer.produce(dirty, encoded, headers=[("note", CARD.encode())], partition=1)
    producer.produce(dirty, b"raw bytes " + CARD.encode(), partition=2)
    # Written past our guard, as a stranger would.
    producer.produce(dirty, Codec()._encoded(observation(TransactionStatus.SETTLED, invoice="4111 1111 1111 1111")))
    producer.produce(dirty, json.dumps({"csc": "123"}).encode())
    assert producer.flush(30) == 0

    assert scan_topics(kafka, [clean]).looked_at == 30
    assert scan_topics(kafka, [clean]).leaks == ()
    found = scan_topics(kafka, [dirty])
    assert (found.looked_at, len(found.leaks)) == (5, 5)
    assert {leak.finding.kind for leak in found.leaks} == {
        SensitiveKind.CARD_NUMBER,
        SensitiveKind.CARD_SECURITY_CODE,
    }
    assert CARD not in str(found.leaks)


def test_every_line_of_every_log_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    good = json.dumps({"event": "taken", "transactions": ["79388123"], "timestamp": "2026-11-24T12:00:00.123456Z"})
    (tmp_path / "logs" / "a.log").write_text(f"{good}\n" * 10)
    assert scan_logs([tmp_path]).looked_at == 10
    assert scan_logs([tmp_path]).is_clean
    (tmp_path / "logs" / "b.log").write_text(f"{good}\n{json.dumps({'event': 'x', 'cvv': '123'})}\nplain {CARD}\n")
    assert [leak.place for leak in scan_logs([tmp_path]).leaks] == ["b.log:2", "b.log:3"]


def test_every_row_of_every_table_is_looked_at(tmp_path: Path) -> None:
    dsn = f"chdb://{tmp_path / 'clickhouse'}"
    store = open_store(dsn)
    store.execute("CREATE TABLE clean (id String, note String) ENGINE = MergeTree ORDER BY id")
    store.execute("CREATE TABLE typed (id String, note String) ENGINE = MergeTree ORDER BY id")
    store.execute("INSERT INTO clean VALUES ('79388123', '************1111'), ('79388124', 'RE-100451')")
    store.execute(f"INSERT INTO typed VALUES ('1', 'fine'), ('2', 'card {CARD}'), ('3', 'cvv 123')")
    store.close()
    reader = open_read_only(dsn)
    found = scan_tables(reader)
    reader.close()
    assert found.looked_at == 5
    assert {(leak.place, leak.finding.kind) for leak in found.leaks} == {
        ("typed row 2", SensitiveKind.CARD_NUMBER),
        ("typed row 3", SensitiveKind.CARD_SECURITY_CODE),
    }


def test_the_kill_test_fails_on_a_leak_and_on_a_scan_of_nothing() -> None:
    leak = Leak("payments.events.v1/0/7", Finding("value.description", SensitiveKind.CARD_NUMBER))
    clean = Scan(5, ())
    problems = Outcome(scans={"topics": Scan(5, (leak,)), "tables": clean}).leaks
    assert "LEAK: CARD_NUMBER in payments.events.v1/0/7 (value.description)" in problems
    assert "the logs were not looked through" in problems
    assert Outcome(scans={"topics": clean, "tables": clean, "logs": clean}).leaks == []
