"""The examples of docs/examples on a real broker: what strangers write we read, and what we write they take once."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from schemas import catalog
from schemas.records.identification import CustomerReferenced
from schemas.records.payments import PaymentSettled
from schemas.wire.codec import Codec, from_json
from schemas.wire.envelope import Envelope, SourcePosition, derived_event_id
from streams.log.credentials import OPERATORS
from streams.log.records import partition_for
from tests.support.kafka import client_options, make_topics, unique
from tests.support.typed import as_a

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
PRODUCER, CONSUMER = EXAMPLES / "foreign_producer.py", EXAMPLES / "foreign_consumer.py"
SCHEMA = catalog.ROOT / "avro" / "identification" / "CustomerReferenced.v1.avsc"


def reached(kafka: str, directory: Path) -> tuple[str, ...]:
    """How the examples reach the broker: its address, and a file with a log-in of the kind an operator hands out."""
    file = directory / "client.json"
    options = client_options(kafka, OPERATORS)
    file.write_text(json.dumps({name: options[name] for name in options if name.startswith(("s", "security"))}))
    return "--bootstrap-servers", kafka, "--client-config", str(file)


def run(script: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    ran = subprocess.run([sys.executable, str(script), *arguments], capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    return ran


@pytest.mark.parametrize("script", [PRODUCER, CONSUMER], ids=lambda script: script.stem)
def test_the_examples_import_nothing_of_ours(script: Path) -> None:
    roots: set[str] = set()
    for node in ast.walk(ast.parse(script.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            roots |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module is not None
            roots.add(node.module.partition(".")[0])
    assert roots - set(sys.stdlib_module_names) <= {"confluent_kafka", "fastavro", "cryptography"}


@pytest.mark.parametrize(
    "pair", ["acme-inc=70012", "RE-100451=70013", "invoice:=70013", "invoice:RE-1=", "customer:9=1"]
)
def test_a_token_without_a_known_prefix_is_refused_with_the_remedy_before_anything_is_written(pair: str) -> None:
    ran = subprocess.run(
        [sys.executable, str(PRODUCER), "--bootstrap-servers", "127.0.0.1:9", "--schema", str(SCHEMA), pair],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ran.returncode == 2
    assert f"nothing is written: {pair}; write TOKEN=CUSTOMER" in ran.stderr
    assert "invoice:RE-100451=70013" in ran.stderr


def test_what_a_foreign_producer_writes_is_a_record_on_its_partition(kafka: str, tmp_path: Path) -> None:
    topic = unique("identification.inbox.v1")
    make_topics(kafka, {topic: 4})
    references = {f"order:SO-{number}": str(70_000 + number) for number in range(40)}
    arguments = [*reached(kafka, tmp_path), "--topic", topic, "--schema", str(SCHEMA)]
    arguments += ["--observed-at", "2026-11-24T10:00:00+00:00"]
    arguments += [f"{token}={customer}" for token, customer in references.items()]
    run(PRODUCER, *arguments)
    run(PRODUCER, *arguments)

    consumer = Consumer({**client_options(kafka), "group.id": unique("g"), "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(4)])
    found: list[CustomerReferenced] = []
    ids: set[bytes] = set()
    spec = catalog.topic("identification.inbox.v1")
    while len(found) < 2 * len(references):
        (message,) = consumer.consume(1, timeout=20)
        value, key = message.value(), message.key()
        assert isinstance(value, bytes)
        assert isinstance(key, bytes)
        record = as_a(CustomerReferenced, Codec().decode(value))
        assert key == spec.key_of(record)
        assert message.partition() == partition_for(key, 4)
        headers: Any = message.headers()
        ids.add(dict(headers)["ce_id"])
        found.append(record)
    consumer.close()
    assert {record.token: record.abas_customer_id for record in found} == references
    assert len(ids) == len(references), "reported twice, the same events"


def journal(kafka: str, topic: str, writes: list[tuple[int, int, int, int]]) -> None:
    """Append PaymentSettled records: (partition, source partition, source offset, index)."""
    sample = json.loads((catalog.ROOT / "examples/payments/PaymentSettled.v1.json").read_text())
    producer = Producer({**client_options(kafka), "enable.idempotence": True})
    for partition, source_partition, offset, index in writes:
        record = from_json(
            "PaymentSettled", sample | {"paytrace_transaction_id": f"{source_partition}/{offset}/{index}"}
        )
        position = SourcePosition("payments.observations.v1", source_partition, offset, index)
        headers: Any = Envelope(
            event_id=derived_event_id(position, topic),
            type="PaymentSettled",
            source="saldo/fold-payments",
            time=as_a(PaymentSettled, record).settled_at,
            position=position,
        ).to_headers()
        producer.produce(topic, key=b"k", value=Codec().encode(record), headers=headers, partition=partition)
    assert producer.flush(30) == 0


def consume(kafka: str, topic: str, state: Path) -> dict[str, int]:
    ran = run(
        CONSUMER,
        *(*reached(kafka, state.parent), "--topic", topic, "--schemas", str(catalog.ROOT / "avro")),
        *("--state", str(state), "--once"),
    )
    counts: dict[str, int] = json.loads(ran.stdout)
    return counts


def test_a_foreign_consumer_takes_each_fact_once(kafka: str, tmp_path: Path) -> None:
    topic = unique("payments.events.v1")
    make_topics(kafka, {topic: 2})
    state = tmp_path / "facts.json"
    # Lanes 0 and 1 share partition 0; after a crash the writer begins again at an offset that it had finished.
    journal(
        kafka, topic, [(0, 0, 5, 0), (0, 0, 5, 1), (0, 1, 3, 0), (0, 0, 5, 0), (0, 0, 5, 1), (0, 0, 7, 0), (1, 1, 3, 0)]
    )
    assert consume(kafka, topic, state) == {"taken": 5, "repeats": 2, "unreadable": 0}

    # The consumer was away; a paused worker woke up late and wrote what another had written long ago.
    journal(kafka, topic, [(0, 0, 5, 1), (0, 0, 7, 0), (0, 0, 8, 0), (0, 1, 3, 0), (0, 1, 4, 0), (1, 1, 3, 0)])
    assert consume(kafka, topic, state) == {"taken": 2, "repeats": 4, "unreadable": 0}
    assert consume(kafka, topic, state) == {"taken": 0, "repeats": 0, "unreadable": 0}

    facts = json.loads(state.read_text())["facts"]
    taken = [fact["record"]["paytrace_transaction_id"] for fact in facts]
    assert sorted(taken) == ["0/5/0", "0/5/1", "0/7/0", "0/8/0", "1/3/0", "1/3/0", "1/4/0"]


def test_a_foreign_consumer_survives_losing_its_last_write_and_bytes_it_cannot_read(kafka: str, tmp_path: Path) -> None:
    topic = unique("payments.events.v1")
    make_topics(kafka, {topic: 1})
    state = tmp_path / "facts.json"
    journal(kafka, topic, [(0, 0, offset, 0) for offset in range(10)])
    consume(kafka, topic, state)
    before = state.read_bytes()
    producer = Producer(client_options(kafka))
    producer.produce(topic, value=b"{}", partition=0)
    producer.flush()
    journal(kafka, topic, [(0, 0, offset, 0) for offset in range(5, 20)])
    assert consume(kafka, topic, state) == {"taken": 10, "repeats": 5, "unreadable": 1}
    after = json.loads(state.read_text())
    state.write_bytes(before)  # killed before its last write reached the disk
    assert consume(kafka, topic, state) == {"taken": 10, "repeats": 5, "unreadable": 1}
    assert json.loads(state.read_text()) == after


def test_a_foreign_consumer_drops_by_event_id_what_carries_no_source(kafka: str, tmp_path: Path) -> None:
    topic = unique("identification.inbox.v1")
    make_topics(kafka, {topic: 2})
    arguments = [*reached(kafka, tmp_path), "--topic", topic, "--schema", str(SCHEMA)]
    arguments += ["--observed-at", "2026-11-24T10:00:00+00:00", "invoice:a=1", "invoice:b=2", "invoice:c=3"]
    run(PRODUCER, *arguments)
    run(PRODUCER, *arguments, "invoice:d=4")
    assert consume(kafka, topic, tmp_path / "facts.json") == {"taken": 4, "repeats": 3, "unreadable": 0}
