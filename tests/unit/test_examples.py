"""docs/examples: what the foreign consumer takes for proved is what Saldo itself signs, and nothing else."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from streams.log.signing import KeyRing, public_key_of, render_ring
from tests.support.signing import signer_of

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
TOPIC, TYPE, KEY, VALUE = "erp.commands.v1", "PostDocument", b"70001", b"\xc3\x01 value"


@pytest.fixture(scope="module")
def consumer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("foreign_consumer", EXAMPLES / "foreign_consumer.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Message:
    """What a Kafka client hands over."""

    def __init__(self, value: bytes, headers: Mapping[str, bytes]) -> None:
        self._value, self._headers = value, list(headers.items())

    def topic(self) -> str:
        return TOPIC

    def key(self) -> bytes:
        return KEY

    def value(self) -> bytes:
        return self._value

    def headers(self) -> list[tuple[str, bytes]]:
        return self._headers

    def timestamp(self) -> tuple[int, int]:
        return 2, round(NOW.timestamp() * 1000)


def ring(revoked_from: datetime | None = None) -> list[dict[str, Any]]:
    keys = [public_key_of(signer_of(role).private, role, NOW) for role in ("worker", "operators")]
    entries: list[dict[str, Any]] = json.loads(render_ring(list(KeyRing.of(keys).keys.values())))["keys"]
    for entry in entries:
        entry["revoked_from"] = revoked_from and revoked_from.isoformat()
    return entries


def test_a_foreign_consumer_takes_what_was_signed_and_not_changed(consumer: ModuleType) -> None:
    signature = dict(signer_of("worker").headers(topic=TOPIC, key=KEY, type=TYPE, event_id="e1", value=VALUE))
    whole = {"ce_id": b"e1", "ce_type": TYPE.encode(), **signature}

    def verdict(value: bytes = VALUE, by: str = "worker", keys: Any = None, headers: Any = ()) -> str | None:
        message = Message(value, whole | dict(headers))
        found: str | None = consumer.not_proved(message, keys or ring(), [by])
        return found

    assert verdict() is None
    assert "does not fit" in str(verdict(value=VALUE + b"!"))
    assert "does not fit" in str(verdict(headers={"saldo-signature": b"00" * 64}))
    assert "does not fit" in str(verdict(headers={"ce_id": b"e2"}))
    assert "signed by no key" in str(verdict(headers={"saldo-key-id": b""}))
    assert "signed by worker" in str(verdict(by="operators"))
    assert "revoked" in str(verdict(keys=ring(NOW - timedelta(seconds=1))))
    assert verdict(keys=ring(NOW + timedelta(seconds=1))) is None
