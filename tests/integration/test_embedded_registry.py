"""The embedded registry is a real one, keeps schemas through kill -9, and refuses a breaking change."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient, SchemaRegistryError

from infra.embedded.registry import EmbeddedRegistry


def record(*fields: tuple[str, str]) -> Schema:
    """Describe a record with required fields (name, type)."""
    body = {"type": "record", "name": "Fact", "fields": [{"name": n, "type": t} for n, t in fields]}
    return Schema(json.dumps(body), "AVRO")


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, EmbeddedRegistry]]:
    path = tmp_path_factory.mktemp("registry")
    registry = EmbeddedRegistry(path, die_with_parent=True).start()
    try:
        yield path, registry
    finally:
        registry.stop()


def test_a_schema_survives_kill_9_and_a_breaking_change_is_refused(room: tuple[Path, EmbeddedRegistry]) -> None:
    path, registry = room
    with SchemaRegistryClient({"url": registry.url, "timeout": 5}) as client:
        schema_id = client.register_schema("facts.v1-value", record(("amount_minor", "long")))
        assert client.register_schema("facts.v1-value", record(("amount_minor", "long"))) == schema_id
        assert client.get_compatibility() == "FULL_TRANSITIVE"
        with pytest.raises(SchemaRegistryError) as refusal:
            client.register_schema("facts.v1-value", record(("amount_minor", "string")))
        assert refusal.value.http_status_code == 409
    url = registry.url
    registry.kill()
    assert EmbeddedRegistry.running(path) is None

    registry.start()
    assert registry.url == url
    found = EmbeddedRegistry.running(path)
    assert found is not None
    assert (found.pid, found.address) == (registry.pid, url)
    with SchemaRegistryClient({"url": registry.url, "timeout": 5}) as client:
        assert client.get_subjects() == ["facts.v1-value"]
        assert json.loads(client.get_schema(schema_id).schema_str or "") == json.loads(
            record(("amount_minor", "long")).schema_str or ""
        )
        assert client.get_compatibility() == "FULL_TRANSITIVE"


def test_it_keeps_a_log_for_the_operator(room: tuple[Path, EmbeddedRegistry]) -> None:
    path, _registry = room
    assert "apicurio-registry-app" in (path / "logs" / "registry.log").read_text()
