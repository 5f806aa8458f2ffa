"""Personal values are sealed before they reach a topic, the same text to the same bytes, and lost with their key."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import catalog
from schemas.checks.sealing import (
    ERASED,
    NotSealed,
    is_sealed,
    new_key,
    opened,
    sealed,
    sealed_record,
    subjects_of,
    unwrapped,
    wrapped,
    wrapping_key,
)
from schemas.checks.sensitive import mask_reference, mask_sensitive
from schemas.failures import ContractBroken, Unreadable
from schemas.records.customers import VaultCustomerObserved
from schemas.wire.codec import Codec, from_json

SUBJECT = "paytrace/main/acme-inc"


def vault_customer(person: str) -> Any:
    text = (catalog.ROOT / "examples/customers/VaultCustomerObserved.v1.json").read_text("utf-8")
    record = from_json("VaultCustomerObserved", json.loads(text))
    assert isinstance(record, VaultCustomerObserved)
    return replace(record, person={"name": person} if person else {})


@given(st.text(min_size=1))
def test_a_sealed_text_opens_with_its_key_alone_and_no_mask_touches_it(text: str) -> None:
    key, other = new_key(), new_key()
    found = sealed(text, key)
    if is_sealed(text):
        assert found == text
        return
    assert is_sealed(found)
    assert found == sealed(text, key) != sealed(text, other)
    assert mask_sensitive(found) == mask_reference(found) == found
    assert opened(f"a;{found};b", {key.key_id: key.key}.get) == f"a;{text};b"
    assert opened(found, {other.key_id: other.key}.get) == ERASED


def test_a_sealed_text_that_was_changed_is_refused() -> None:
    key = new_key()
    found = sealed("Ada Lovelace", key)
    changed = found[:-1] + ("B" if found[-1] != "B" else "C")
    with pytest.raises(Unreadable, match="changed or cut"):
        opened(changed, {key.key_id: key.key}.get)


def test_no_personal_value_enters_a_topic_in_plain_text_and_no_error_shows_it() -> None:
    record = vault_customer("Ada Lovelace")
    with pytest.raises(NotSealed, match=r"VaultCustomerObserved\.person") as refused:
        Codec().encode(record)
    assert "Ada" not in str(refused.value)
    key = new_key()
    written = Codec().encode(sealed_record(record, {SUBJECT: key}))
    assert b"Ada" not in written
    assert Codec().decode(written).person == {"name": sealed("Ada Lovelace", key)}  # type: ignore[attr-defined]


def test_what_a_foreign_producer_wrote_in_plain_text_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("schemas.wire.codec.refuse_unsealed", lambda _: None)
    foreign = Codec().encode(vault_customer("Ada Lovelace"))
    monkeypatch.undo()
    with pytest.raises(NotSealed):
        Codec().decode_as_written(foreign)


def test_a_card_number_is_masked_before_it_is_sealed() -> None:
    key = new_key()
    record = sealed_record(vault_customer("4111 1111 1111 1111"), {SUBJECT: key})
    assert "4111 1111 1111" not in opened(record.person["name"], {key.key_id: key.key}.get)


def test_an_erased_person_s_values_say_so_and_an_empty_value_needs_no_key() -> None:
    assert subjects_of([vault_customer("")]) == frozenset()
    assert vault_customer("") == sealed_record(vault_customer(""), {})
    erased = sealed_record(vault_customer("Ada"), {SUBJECT: None})
    assert erased.person == {"name": ERASED}
    assert (erased.email_digest, erased.name_digest, erased.value_digests) == (None, None, {})


def test_keys_are_wrapped_and_another_privacy_key_opens_none() -> None:
    key, by = new_key(), wrapping_key(b"the privacy key of the tests")
    assert unwrapped(wrapped(key.key, by), by) == key.key
    with pytest.raises(ContractBroken, match="SALDO_PRIVACY_KEY"):
        unwrapped(wrapped(key.key, by), wrapping_key(b"the privacy key of another"))
    with pytest.raises(ContractBroken, match="16"):
        wrapping_key(b"short")
