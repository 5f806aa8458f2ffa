"""Commands are proved: who gave them, that nobody changed them, and that the key was good when the broker took them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.composition.keys import KeyStore, load_ring, load_signer, signing_roles
from schemas import catalog
from schemas.failures import ContractBroken
from streams.log.records import Inbound
from streams.log.signing import KeyRing, NotSigned, givers_of, prove, signed_bytes
from tests.support.signing import KEYS, RING, SIGNER, signer_of

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)
TOPIC, TYPE, KEY, VALUE = "erp.commands.v1", "PostDocument", b"70001", b"\xc3\x01 value"


def signed(by: str = "worker", **changes: Any) -> Inbound:
    """A command that a role signed, and what somebody changed afterwards."""
    given: dict[str, Any] = {"topic": TOPIC, "key": KEY, "type": TYPE, "event_id": "e1", "value": VALUE}
    raw = signer_of(by)
    message = signed_bytes(**given)
    headers = {
        "ce_id": b"e1",
        "saldo-key-id": raw.key_id.encode(),
        "saldo-signature": raw.private.sign(message).hex().encode(),
    }
    record = Inbound(
        topic=TOPIC,
        partition=0,
        offset=7,
        key=KEY,
        value=VALUE,
        headers=tuple((headers | changes.pop("headers", {})).items()),
        timestamp_ms=round(NOW.timestamp() * 1000),
    )
    return replace(record, **changes)


def test_what_its_giver_signed_is_taken_and_signs_to_the_same_bytes() -> None:
    prove(RING, signed(), type=TYPE, key=KEY)
    given: dict[str, Any] = {"topic": TOPIC, "key": KEY, "type": TYPE, "event_id": "e1", "value": VALUE}
    assert signer_of("worker").headers(**given) == signer_of("worker").headers(**given)
    assert SIGNER.headers(**given) == signer_of("worker").headers(**given)


@pytest.mark.parametrize(
    ("forge", "words"),
    [
        (lambda: signed(headers={"saldo-signature": b""}), "nobody signed it"),
        (lambda: replace(signed(), headers=()), "nobody signed it"),
        (lambda: signed(by="operators"), "operators signed it"),
        (lambda: signed(headers={"saldo-key-id": b"0123456789abcdef"}), "does not know"),
        (lambda: signed(headers={"saldo-key-id": signer_of("operators").key_id.encode()}), "operators signed it"),
        (lambda: signed(value=VALUE + b"!"), "does not fit"),
        (lambda: signed(headers={"ce_id": b"e2"}), "does not fit"),
        (lambda: signed(topic="gateway.commands.v1"), None),
        (lambda: signed(headers={"saldo-signature": b"00" * 64}), "does not fit"),
        (lambda: signed(headers={"saldo-signature": b"\xff\xfe"}), "does not fit"),
    ],
)
def test_what_is_forged_is_refused_with_the_reason(forge: Callable[[], Inbound], words: str | None) -> None:
    record = forge()
    if words is None:  # on another topic it is another command, or none
        assert givers_of(record.topic, TYPE) is None
        prove(RING, record, type=TYPE, key=KEY)
        return
    with pytest.raises(NotSigned, match=words):
        prove(RING, record, type=TYPE, key=KEY)


def test_a_signature_fits_no_other_key_and_no_other_type() -> None:
    with pytest.raises(NotSigned, match="does not fit"):
        prove(RING, signed(), type=TYPE, key=b"70002")
    with pytest.raises(NotSigned, match="does not fit"):
        prove(RING, signed(), type="SaveRecord", key=KEY)


def test_a_signature_on_a_command_topic_fits_no_other_topic() -> None:
    given: dict[str, Any] = {"key": b"k", "type": "ParkedReplayRequested", "event_id": "e", "value": b"v"}
    headers = (("ce_id", b"e"), *signer_of("operators").headers(topic="erp.commands.v1", **given))
    record = Inbound(
        topic="gateway.commands.v1", partition=0, offset=0, key=b"k", value=b"v", headers=headers, timestamp_ms=0
    )
    with pytest.raises(NotSigned, match="another topic"):
        prove(RING, record, type="ParkedReplayRequested", key=b"k")
    prove(RING, replace(record, topic="erp.commands.v1"), type="ParkedReplayRequested", key=b"k")


def test_facts_need_no_signature_and_get_none() -> None:
    assert signer_of("worker").headers(topic=TOPIC, key=b"", type="RecordParked", event_id="", value=b"") == ()
    prove(RING, replace(signed(), topic="receivables.inbox.v1", headers=()), type="OpenItemObserved", key=KEY)


def test_a_role_that_may_not_give_a_command_can_t_sign_one() -> None:
    with pytest.raises(ContractBroken, match="operators may not give PostDocument"):
        signer_of("operators").headers(topic=TOPIC, key=KEY, type=TYPE, event_id="e", value=VALUE)


def test_a_revoked_key_is_refused_from_its_instant_on_and_not_before() -> None:
    [worker] = [key for key in KEYS if key.role == "worker"]
    for start, is_good in ((NOW + timedelta(milliseconds=1), True), (NOW, False), (NOW - timedelta(days=1), False)):
        ring = KeyRing.of([replace(worker, revoked_from=start)])
        if is_good:
            prove(ring, signed(), type=TYPE, key=KEY)
        else:
            with pytest.raises(NotSigned, match="revoked from"):
                prove(ring, signed(), type=TYPE, key=KEY)


def test_a_revoked_key_proves_nothing_where_the_writer_says_when_the_record_was_taken() -> None:
    """A topic that takes the writer's time would let whoever has the old key date his commands back."""
    [worker] = [key for key in KEYS if key.role == "worker"]
    ring = KeyRing.of([replace(worker, revoked_from=NOW + timedelta(days=1))])
    prove(ring, signed(), type=TYPE, key=KEY)
    with pytest.raises(
        NotSigned, match=r"its time is the writer's own; .*message\.timestamp\.type of erp\.commands\.v1"
    ):
        prove(ring, signed(is_broker_time=False), type=TYPE, key=KEY)
    prove(RING, signed(is_broker_time=False), type=TYPE, key=KEY)  # nothing depends on it while no key is revoked


@given(st.lists(st.binary(max_size=6), min_size=5, max_size=5), st.lists(st.binary(max_size=6), min_size=5, max_size=5))
def test_no_two_records_are_signed_as_the_same_bytes(one: list[bytes], other: list[bytes]) -> None:
    def bytes_of(parts: list[bytes]) -> bytes:
        topic, key, kind, event_id, value = parts
        return signed_bytes(topic=topic.hex(), key=key, type=kind.hex(), event_id=event_id.hex(), value=value)

    assert (bytes_of(one) == bytes_of(other)) == (one == other)


# -- the catalogue -------------------------------------------------------------------------------------------------


def test_every_record_of_a_command_topic_is_a_command() -> None:
    for name in ("erp.commands.v1", "gateway.commands.v1"):
        spec = catalog.topic(name)
        assert {record.name for record in spec.records} == set(spec.commands)


def test_whoever_may_give_a_command_may_write_its_topic() -> None:
    for spec in catalog.topics().values():
        own = () if spec.awaits_agent else [name for name in spec.consumers if name != "projector"]
        for name, givers in spec.commands.items():
            assert any(record.name == name for record in spec.records), (spec.name, name)
            assert givers, (spec.name, name)
            assert set(givers) <= {*spec.producers, *own}, (spec.name, name)


def test_every_operator_command_is_one() -> None:
    """A record type that states who asked for it and why is given by a person, so it needs a signature everywhere."""
    for spec in catalog.topics().values():
        if spec.role != "inbox":
            continue
        for record in spec.records:
            fields = {field["name"] for field in catalog.latest(record.name).schema["fields"]}
            if "reason" in fields and fields & {"decided_by", "requested_by"}:
                assert record.name in spec.commands, f"{record.name} on {spec.name}"


# -- keys on disk --------------------------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path) -> KeyStore:
    made = KeyStore(tmp_path / "keys", tmp_path / "keys" / "public.json")
    assert {key.role for key in made.make(NOW)} == set(signing_roles())
    return made


def test_keys_are_made_once_and_private_to_their_owner(store: KeyStore, tmp_path: Path) -> None:
    assert store.make(NOW) == []
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "keys").glob("*.pem")} == {0o600}
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700
    assert {key.role for key in store.all()} == {"operators", "source-abas", "source-reports", "worker"}


def test_what_a_replaced_key_signed_stays_good(store: KeyStore, tmp_path: Path) -> None:
    ring, path = load_ring(tmp_path / "keys" / "public.json"), tmp_path / "keys" / "worker.pem"
    given: dict[str, Any] = {"topic": TOPIC, "key": KEY, "type": TYPE, "event_id": "e1", "value": VALUE}
    old = (("ce_id", b"e1"), *load_signer(path, "worker").headers(**given))
    key = store.rotate("worker", NOW + timedelta(days=1))
    new = (("ce_id", b"e1"), *load_signer(path, "worker").headers(**given))
    assert store.current("worker") == key.key_id
    assert old != new
    for headers in (old, new):  # the ring that a worker holds open follows its file
        prove(ring, replace(signed(), headers=headers), type=TYPE, key=KEY)


def test_a_revocation_lies_ahead_and_is_not_moved_back(store: KeyStore, tmp_path: Path) -> None:
    key_id = store.current("operators")
    assert key_id is not None
    with pytest.raises(ContractBroken, match="10 s ahead"):
        store.revoke(key_id, NOW - timedelta(days=1), NOW)
    with pytest.raises(ContractBroken, match="saldo keys list"):
        store.revoke("0000", NOW + timedelta(days=1), NOW)
    start = NOW + timedelta(minutes=1)
    assert store.revoke(key_id, start, NOW).revoked_from == start
    with pytest.raises(ContractBroken, match="already"):
        store.revoke(key_id, start + timedelta(minutes=1), NOW)
    found = load_ring(tmp_path / "keys" / "public.json").find(key_id)
    assert found is not None
    assert found.revoked_from == start


def test_a_ring_that_somebody_changed_by_hand_is_refused(store: KeyStore, tmp_path: Path) -> None:
    path = tmp_path / "keys" / "public.json"
    text = path.read_text()
    path.write_text(text.replace(str(store.current("worker")), "0" * 16))
    with pytest.raises(ContractBroken, match="not what their ids say"):
        load_ring(path)
    path.write_text("{")
    with pytest.raises(ContractBroken, match="no ring"):
        load_ring(path)
    path.unlink()
    with pytest.raises(ContractBroken, match="saldo keys make"):
        load_ring(path)


def test_a_missing_or_foreign_private_key_is_named_and_never_shown(tmp_path: Path) -> None:
    path = tmp_path / "worker.pem"
    with pytest.raises(ContractBroken, match="saldo keys make"):
        load_signer(path, "worker")
    path.write_text("-----BEGIN PRIVATE KEY-----\nhush\n-----END PRIVATE KEY-----\n")
    with pytest.raises(ContractBroken, match="saldo keys rotate worker") as refused:
        load_signer(path, "worker")
    assert "hush" not in str(refused.value)
