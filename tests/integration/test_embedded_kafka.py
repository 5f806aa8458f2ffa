"""The embedded broker is a real one: it keeps what it acknowledged through kill -9, and is found again."""

from __future__ import annotations

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from infra.embedded import process
from infra.embedded.errors import AlreadyRunning, ServerFailed
from infra.embedded.kafka import EmbeddedKafka
from infra.embedded.server import RunningServer
from infra.embedded.supervisor import ProcessSpec, Supervisor
from tests.support.kafka import TestBroker, client_options, make_topics, unique


def produce(bootstrap: str, topic: str, values: list[bytes]) -> None:
    producer = Producer({**client_options(bootstrap), "enable.idempotence": True, "linger.ms": 0})
    failures: list[KafkaError] = []

    def acknowledged(error: KafkaError | None, _message: object) -> None:
        if error is not None:
            failures.append(error)

    for value in values:
        producer.produce(topic, value, partition=0, on_delivery=acknowledged)
    assert producer.flush(30) == 0
    assert failures == []


def read_all(bootstrap: str, topic: str, count: int) -> list[bytes | None]:
    consumer = Consumer({**client_options(bootstrap), "group.id": unique("reader"), "enable.auto.commit": False})
    try:
        consumer.assign([TopicPartition(topic, 0, 0)])
        values: list[bytes | None] = []
        deadline = time.monotonic() + 90
        while len(values) < count and time.monotonic() < deadline:
            message = consumer.poll(0.5)
            if message is not None and message.error() is None:
                values.append(message.value())
        assert consumer.poll(0.2) is None, "more records than were acknowledged"
        return values
    finally:
        consumer.close()


def test_a_cluster_id_that_begins_with_a_dash_is_formatted_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # 0xf8 is a dash in URL-safe base64, and the storage tool took such an id for an option.
    monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(bytes=b"\xf8" * 16))
    TestBroker(tmp_path).prepare()
    assert "cluster.id=-" in (tmp_path / "kafka" / "data" / "meta.properties").read_text()


def test_another_command_finds_the_running_broker_and_stops_it_cleanly(tmp_path: Path) -> None:
    with TestBroker(tmp_path, die_with_parent=True) as broker:
        found = EmbeddedKafka.running(tmp_path)
        assert found is not None
        assert (found.pid, found.address) == (broker.pid, broker.bootstrap_servers)
        assert TestBroker(tmp_path).bootstrap_servers == broker.bootstrap_servers
        with pytest.raises(AlreadyRunning, match=str(broker.pid)):
            TestBroker(tmp_path).start()

        assert found.stop(), "force was needed"
        assert process.birth_of(found.pid) is None
        assert EmbeddedKafka.running(tmp_path) is None
    assert (tmp_path / "kafka" / "data" / ".kafka_cleanshutdown").exists()
    log = (tmp_path / "logs" / "kafka.log").read_text()
    assert "Kafka Server started" in log
    assert "kafka.server for 1 unregistered" in log, "the log ends before the broker did"


def test_a_broker_that_cannot_start_says_why(tmp_path: Path) -> None:
    broker = TestBroker(tmp_path, die_with_parent=True)
    broker.prepare()
    meta = tmp_path / "kafka" / "data" / "meta.properties"
    meta.write_text(meta.read_text().replace("node.id=1", "node.id=7"))
    with pytest.raises(ServerFailed, match=r"ended with code 1(.|\n)*Stored node id 7"):
        broker.start()
    assert broker.pid is None


def test_a_topic_must_be_created_by_somebody(kafka: str) -> None:
    topic = unique("never-created")
    producer = Producer({**client_options(kafka), "topic.metadata.propagation.max.ms": 100})
    errors: list[object] = []
    producer.produce(topic, b"x", on_delivery=lambda error, _message: errors.append(error and error.code()))
    producer.flush(30)
    assert errors == [KafkaError.UNKNOWN_TOPIC_OR_PART] or errors == [KafkaError._UNKNOWN_TOPIC]
    assert topic not in AdminClient(client_options(kafka)).list_topics(timeout=10).topics


def test_the_session_broker_takes_records_in_a_group_and_compressed(kafka: str) -> None:
    topic = unique("compressed.v1")
    make_topics(kafka, {topic: 1}, {"compression.type": "zstd"})
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        producer = Producer({**client_options(kafka), "compression.type": codec})
        producer.produce(topic, codec.encode() * 1000)
        assert producer.flush(30) == 0
    assert read_all(kafka, topic, 5) == [c * 1000 for c in (b"none", b"gzip", b"snappy", b"lz4", b"zstd")]
    with pytest.raises(KafkaException):
        make_topics(kafka, {topic: 1})


@pytest.mark.journey
def test_records_and_address_survive_kill_9_of_a_supervised_broker(tmp_path: Path) -> None:
    values = [b"%d" % number for number in range(500)]
    broker = TestBroker(tmp_path)
    command = broker.prepare()
    spec = ProcessSpec(broker.name, command.argv, env=command.env, cwd=command.cwd, ready=broker.ready)
    supervisor = Supervisor([spec], log_dir=tmp_path / "logs", status_path=tmp_path / "status.json")

    def find() -> RunningServer:
        deadline = time.monotonic() + 120
        while (found := EmbeddedKafka.running(tmp_path)) is None:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        return found

    def operator() -> None:
        try:
            first = find()
            make_topics(first.address, {"facts.v1": 1})
            produce(first.address, "facts.v1", values[:250])
            process.kill(first.pid, first.birth)
            again = find()
            assert (again.address, again.pid != first.pid) == (first.address, True)
            produce(again.address, "facts.v1", values[250:])
            assert read_all(again.address, "facts.v1", 500) == values
        finally:
            supervisor.request_stop()

    with ThreadPoolExecutor(1) as pool:
        outcome = pool.submit(operator)
        assert supervisor.run() == 0
        outcome.result()
    assert [one.restarts for one in supervisor.status()] == [1]
    assert EmbeddedKafka.running(tmp_path) is None
