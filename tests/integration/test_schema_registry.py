"""Confluent framing with a real registry: what it takes, what it refuses, and what only our own lint sees."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

from schemas import catalog
from schemas.failures import ContractBroken, Unreadable
from schemas.lint import check
from schemas.wire.codec import Codec, from_json, to_json
from schemas.wire.registry import Registry
from tests.support.cli import saldo
from tests.support.kafka import make_topics, unique, use_broker

VERSIONS = [version for versions in catalog.record_versions().values() for version in versions]
SETTLED = catalog.latest("PaymentSettled")


@pytest.fixture
def registry(schema_registry: str) -> Iterator[Registry]:
    adapter = Registry(schema_registry)
    yield adapter
    adapter.close()


def foreign_client(url: str) -> SchemaRegistryClient:
    """A client as others use it, with the time limit that docs/operations.md asks for.

    Apicurio leaves about one question in seventy for a path that it lacks without any answer, and the client has no
    limit of its own: without one it would wait for ever.
    """
    return SchemaRegistryClient({"url": url, "timeout": 5})


def example(version: catalog.RecordVersion) -> Any:
    path = catalog.ROOT / "examples" / version.context / f"{version.name}.v{version.version}.json"
    return from_json(version.name, json.loads(path.read_text("utf-8")))


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: f"{version.name}.v{version.version}")
def test_each_example_survives_confluent_framing(schema_registry: str, registry: Registry, version: Any) -> None:
    record = example(version)
    value = Codec(registry).encode(record)
    assert value[:1] == b"\0"
    other = Registry(schema_registry)  # a reader that knows nothing yet
    assert Codec(other).decode(value) == record
    other.close()


def test_a_plain_confluent_consumer_reads_our_records(schema_registry: str, registry: Registry) -> None:
    record = example(SETTLED)
    value = Codec(registry).encode(record)
    with foreign_client(schema_registry) as client:
        fields = AvroDeserializer(client)(value, SerializationContext("payments.events.v1", MessageField.VALUE))
    assert fields["amount_minor"] == record.amount_minor
    assert fields["settled_at"] == record.settled_at


def test_an_id_that_the_registry_lacks_is_unreadable(registry: Registry) -> None:
    with pytest.raises(Unreadable, match="no schema with id 999999"):
        Codec(registry).decode(b"\0" + (999_999).to_bytes(4, "big") + b"x")


def own_subject(change: Any) -> tuple[catalog.RecordVersion, catalog.RecordVersion]:
    """PaymentSettled below a subject of this test's own, as it stands and changed."""
    before = json.loads(json.dumps(SETTLED.schema)) | {"name": unique("Fact").replace("-", "_")}
    after = copy.deepcopy(before)
    change({field["name"]: field for field in after["fields"]}, after["fields"])
    first = replace(SETTLED, name=before["name"], schema=before)
    return first, replace(first, version=2, schema=after)


def test_a_compatible_version_is_taken(schema_registry: str, registry: Registry) -> None:
    def change(_: Any, fields: Any) -> None:
        fields.append({"name": "note", "type": ["null", "string"], "default": None, "doc": "Note."})

    first, second = own_subject(change)
    assert registry.publish(first) != registry.publish(second)
    with foreign_client(schema_registry) as client:
        assert client.get_compatibility(first.subject) == "FULL_TRANSITIVE"
        assert client.get_versions(first.subject) == [1, 2]


@pytest.mark.parametrize("kind", ["string", ["null", "long"]])
def test_a_breaking_version_is_refused_even_where_the_registry_itself_allows_everything(
    schema_registry: str, registry: Registry, kind: Any
) -> None:
    with foreign_client(schema_registry) as client:
        before = client.get_compatibility()
        client.set_compatibility(level="NONE")
        try:
            first, second = own_subject(lambda by_name, _: by_name["amount_minor"].update(type=kind))
            registry.publish(first)
            with pytest.raises(ContractBroken, match=first.name):
                registry.publish(second)
        finally:
            client.set_compatibility(level=before)


def test_another_unit_passes_the_registry_and_is_caught_by_our_lint(registry: Registry, tmp_path: Path) -> None:
    millis = {"type": "long", "logicalType": "timestamp-millis"}
    first, second = own_subject(lambda by_name, _: by_name["settled_at"].update(type=millis))
    registry.publish(first)
    registry.publish(second)  # no refusal: registries do not look at logical types

    for part in ("avro", "examples", "topics"):
        shutil.copytree(catalog.ROOT / part, tmp_path / part)
    changed = json.loads(json.dumps(second.schema)) | {"name": "PaymentSettled"}
    (tmp_path / "avro/payments/PaymentSettled.v2.avsc").write_text(json.dumps(changed))
    shutil.copy(
        tmp_path / "examples/payments/PaymentSettled.v1.json", tmp_path / "examples/payments/PaymentSettled.v2.json"
    )
    whats = [problem.what for problem in check(tmp_path)]
    assert any("settled_at changed its logicalType from timestamp-micros to timestamp-millis" in what for what in whats)


def test_publish_registers_every_version_and_may_be_repeated(schema_registry: str) -> None:
    published = saldo("schemas", "publish", "--schema-registry-url", schema_registry)
    assert published.exit_code == 0, published.err
    assert f"{len(VERSIONS)} versions are registered" in published.out
    again = saldo("schemas", "publish", "--schema-registry-url", schema_registry)
    assert again.out == published.out, "the same ids"
    with foreign_client(schema_registry) as client:
        for version in VERSIONS:
            assert client.get_compatibility(version.subject) == "FULL_TRANSITIVE"


def test_write_and_read_speak_confluent_framing_where_there_is_a_registry(
    kafka: str, schema_registry: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    spec = replace(catalog.topic("payments.observations.v1"), name=unique("payments.observations.v1"))
    every = {**catalog.topics(), spec.name: spec}
    monkeypatch.setattr(catalog, "topics", lambda: every)
    use_broker(monkeypatch, kafka)
    monkeypatch.setenv("SALDO_SCHEMA_REGISTRY_URL", schema_registry)
    make_topics(kafka, {spec.name: 1})
    record = example(catalog.latest("TransactionObserved"))
    path = tmp_path / "facts.jsonl"
    path.write_text(json.dumps({"type": "TransactionObserved", "record": to_json(record)}))
    assert saldo("write", spec.name, "--from", str(path)).exit_code == 0
    (line,) = saldo("read", spec.name, "--format", "jsonl").out.splitlines()
    assert json.loads(line)["record"] == to_json(record)
    monkeypatch.setenv("SALDO_SCHEMA_REGISTRY_URL", "")
    assert "SALDO_SCHEMA_REGISTRY_URL" in saldo("read", spec.name).out, (
        "framed for a registry, so nothing else reads it"
    )
