"""`saldo keys`: whose keys there are, replaced and revoked, and what each message says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.composition.keys import KeyStore, load_known_signer
from schemas.failures import ContractBroken
from tests.support.cli import saldo


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KeyStore:
    monkeypatch.setenv("SALDO_DATA_DIR", str(tmp_path))
    return KeyStore(tmp_path / "keys", tmp_path / "keys" / "public.json")


def test_keys_are_made_listed_and_replaced(store: KeyStore) -> None:
    empty = saldo("keys", "list")
    assert (empty.exit_code, "saldo keys make" in empty.err) == (2, True)
    assert saldo("keys", "make").out.count("signs with") == 4
    assert "every role has a key here" in saldo("keys", "make").out
    before = store.current("operators")
    assert saldo("keys", "rotate", "operators").exit_code == 0
    assert store.current("operators") != before
    lines = saldo("keys", "list").out.splitlines()
    assert len(lines) == 5
    assert [line.split()[0] for line in lines if "operators" in line and "proves only" in line] == [before]
    unknown = saldo("keys", "rotate", "projector")
    assert (unknown.exit_code, "operators, source-abas, source-reports, worker" in unknown.err) == (2, True)


def test_a_revocation_states_its_instant(store: KeyStore) -> None:
    saldo("keys", "make")
    key_id = store.current("worker")
    assert key_id is not None
    for start, words in (("yesterday", "no instant"), ("2099-01-01T00:00", "no zone"), ("2026-01-01T00:00Z", "ahead")):
        refused = saldo("keys", "revoke", key_id, "--from", start)
        assert (refused.exit_code, words in refused.err) == (2, True), start
    done = saldo("keys", "revoke", key_id)
    assert (done.exit_code, "is revoked from" in done.out) == (0, True)
    [revoked] = [key.revoked_from for key in store.all() if key.revoked_from]
    assert timedelta(seconds=0) < revoked - datetime.now(UTC) <= timedelta(seconds=15)
    assert "revoked from" in saldo("keys", "list").out


def test_a_lost_ring_is_named_and_made_anew_only_on_request(store: KeyStore) -> None:
    """Before, `keys list` advised `keys make`, which did nothing, and `keys rotate` began a ring without the others."""
    saldo("keys", "make")
    saldo("keys", "rotate", "worker")
    before = {role: store.current(role) for role in ("operators", "source-abas", "source-reports", "worker")}
    ring = store._ring_path
    whole = ring.read_text()
    ring.unlink()
    for words in (("list",), ("make",), ("rotate", "worker"), ("revoke", "0123456789abcdef")):
        refused = saldo("keys", *words)
        assert refused.exit_code == 2, words
        assert str(ring) in refused.err
        assert "Restore the file" in refused.err.replace("\n       ", " ")
    assert not ring.exists()
    assert {role: store.current(role) for role in before} == before

    assert saldo("keys", "make", "--complete-ring").out.count("signs with") == 4
    assert {key.key_id for key in store.all()} == set(before.values())
    ring.write_text(whole)
    assert "every role has a key here" in saldo("keys", "make").out, "the copy of a backup is whole"


def test_a_ring_older_than_a_key_is_not_taken_for_whole(store: KeyStore) -> None:
    saldo("keys", "make")
    old = store._ring_path.read_text()
    saldo("keys", "rotate", "operators")
    store._ring_path.write_text(old)
    refused = saldo("keys", "make")
    assert (refused.exit_code, "lacks the public key of operators" in refused.err) == (2, True)
    assert saldo("keys", "make", "--complete-ring").out.count("signs with") == 1
    assert store.current("operators") in {key.key_id for key in store.all()}


def test_a_process_does_not_start_with_a_key_that_the_ring_lacks(store: KeyStore, tmp_path: Path) -> None:
    """It would sign, and every command of it would be parked."""
    private, ring = tmp_path / "keys" / "worker.pem", store._ring_path
    saldo("keys", "make")
    old = ring.read_text()
    assert load_known_signer(private, "worker", ring).key_id == store.current("worker")
    saldo("keys", "rotate", "worker")
    load_known_signer(private, "worker", ring)
    ring.write_text(old)
    with pytest.raises(ContractBroken, match="so nobody would act"):
        load_known_signer(private, "worker", ring)
    ring.unlink()
    with pytest.raises(ContractBroken, match="restore it from a backup"):
        load_known_signer(private, "worker", ring)
