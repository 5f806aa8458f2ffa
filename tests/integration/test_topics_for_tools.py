"""`saldo topics list|peek|export` and Kafka's own console tools, on a real broker."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from fastavro import reader as avro_reader

from schemas import catalog
from tests.support.cli import saldo
from tests.support.kafka import make_topics, unique, use_broker

SAMPLE = json.loads((catalog.ROOT / "examples/payments/TransactionObserved.v1.json").read_text())


@pytest.fixture
def inbox(kafka: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """An inbox of this test's own that the catalogue knows, with 12 records on two partitions."""
    spec = replace(catalog.topic("payments.observations.v1"), name=unique("payments.observations.v1"))
    every = {**catalog.topics(), spec.name: spec}
    monkeypatch.setattr(catalog, "topics", lambda: every)
    monkeypatch.setenv("SALDO_DATA_DIR", str(tmp_path / "data"))
    use_broker(monkeypatch, kafka)
    make_topics(kafka, {spec.name: 2})
    records = [
        {"type": "TransactionObserved", "record": SAMPLE | {"paytrace_transaction_id": f"{n}"}} for n in range(12)
    ]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records))
    written = saldo("write", spec.name, "--from", str(tmp_path / "in.jsonl"))
    assert written.exit_code == 0, written.err
    return spec.name


def test_topics_are_listed_peeked_into_and_exported(inbox: str, tmp_path: Path) -> None:
    listed = saldo("topics", "list")
    assert listed.exit_code == 0, listed.err
    (line,) = [line for line in listed.out.splitlines() if line.startswith(inbox)]
    assert line.split()[1:4] == ["2", "12", "ever"]
    assert "TransactionObserved" in line
    assert any(line.startswith("erp.commands.v1 ") for line in listed.out.splitlines())

    def peeked(*words: str) -> int:
        found = saldo("topics", "peek", inbox, *words)
        assert found.exit_code == 0, found.err
        return found.out.count("paytrace_transaction_id ")

    assert (peeked(), peeked("--last", "3"), peeked("--from", "beginning")) == (10, 3, 12)
    assert (peeked("--key", "7"), peeked("--key", "nobody"), peeked("--from", "now")) == (1, 0, 0)

    for form in ("avro", "parquet", "jsonl"):
        out = tmp_path / f"x.{form}"
        said = saldo("topics", "export", inbox, "-o", str(out))
        assert said.exit_code == 0, said.err
        assert "12 records" in said.out
    with (tmp_path / "x.avro").open("rb") as file:
        rows = [row for row in avro_reader(file) if isinstance(row, dict)]
    assert {row["record"]["paytrace_transaction_id"] for row in rows} == {f"{n}" for n in range(12)}
    table = pq.read_table(tmp_path / "x.parquet")
    assert sorted(table.column("paytrace_transaction_id").to_pylist(), key=int) == [f"{n}" for n in range(12)]
    assert len((tmp_path / "x.jsonl").read_text().splitlines()) == 12

    one = saldo("topics", "export", inbox, "-o", str(tmp_path / "one"), "--format", "jsonl", "--key", "7")
    assert "1 record of" in one.out
    assert "does not say the format" in saldo("topics", "export", inbox, "-o", str(tmp_path / "y.bin")).err
    assert (
        "make them agree" in saldo("topics", "export", inbox, "-o", str(tmp_path / "y.avro"), "--format", "jsonl").err
    )


def test_kafka_s_console_tools_know_broker_and_log_in(inbox: str) -> None:
    def tool(*words: str) -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-m", "app.cli", "dev", "kafka-tools", *words]
        return subprocess.run(command, capture_output=True, timeout=120, check=False)

    described = tool("kafka-topics", "--describe", "--topic", inbox)
    assert described.returncode == 0, described.stderr
    assert f"Topic: {inbox}".encode() in described.stdout
    words = ("--topic", inbox, "--from-beginning", "--max-messages", "12", "--timeout-ms", "30000")
    consumed = tool("kafka-console-consumer", *words)
    assert consumed.returncode == 0, consumed.stderr
    assert b"Processed a total of 12 messages" in consumed.stderr + consumed.stdout
    assert tool("kafka-topics", "--describe", "--topic", "nothing.of.that.name").returncode != 0
    unknown = tool("kafka-nothing")
    assert unknown.returncode == 2
    assert b"there is no tool 'kafka-nothing'" in unknown.stderr
