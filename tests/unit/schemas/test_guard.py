"""The guard by class of field: what a record may hold, at whatever door it came, and that a masked one stays itself."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

import pytest
from fastavro.schema import parse_schema, to_parsing_canonical_form
from hypothesis import given
from hypothesis import strategies as st

from schemas import catalog
from schemas.catalog import FieldClass
from schemas.checks.guard import masked, masked_key
from schemas.checks.sealing import NotSealed, sealed_fields
from schemas.checks.sensitive import GuardKeyMissing, find_sensitive, guard_key, mask_reference, mask_sensitive
from schemas.checks.sensitive.identity import mask_of
from schemas.checks.sensitive.masking import CleanTexts
from schemas.records.payments import TransactionStatus
from schemas.records.receivables import OpenItemObserved
from schemas.records.tasks import DeadLetter
from schemas.values.references import invoice_token, tokens_of
from schemas.wire.codec import Codec, from_json
from tests.support.builders import NOON, observation, open_item
from tests.support.typed import as_a

PAN = "4111111111111111"
# Sixteen digits that pass for a card number by accident, as one in forty invoice numbers of that length does.
INVOICE = "4539578763621486"


def examples() -> list[Any]:
    found = []
    for name, versions in catalog.record_versions().items():
        path = catalog.ROOT / "examples" / versions[-1].context / f"{name}.v{versions[-1].version}.json"
        found.append(from_json(name, json.loads(path.read_text("utf-8"))))
    return found


EXAMPLES = examples()


def test_code_can_ask_for_the_class_of_a_field() -> None:
    assert catalog.field_class("OpenItemObserved", "invoice_number") is FieldClass.REFERENCE
    assert catalog.field_class("TransactionObserved", "description") is FieldClass.FREE_TEXT
    assert catalog.field_class("TransactionObserved", "card_last_four") is FieldClass.CARD
    assert catalog.field_class("PostingRequested", "amount_minor") is FieldClass.PUBLIC
    assert catalog.field_class("ConfirmMatch", "decided_by") is FieldClass.PERSONAL
    with pytest.raises(LookupError, match="has no field 'colour'"):
        catalog.field_class("ConfirmMatch", "colour")


def test_the_class_of_a_field_does_not_change_the_fingerprint() -> None:
    for versions in catalog.record_versions().values():
        for version in versions:
            assert "saldo_class" not in to_parsing_canonical_form(dict(version.schema))
            bare = json.loads(json.dumps(version.schema))
            for field in bare["fields"]:
                field.pop("saldo_class")
            assert to_parsing_canonical_form(bare) == to_parsing_canonical_form(dict(version.schema))
            parse_schema(bare, named_schemas={})


@pytest.mark.parametrize("record", EXAMPLES, ids=lambda record: type(record).__name__)
def test_no_text_of_any_record_passes_a_card_number(record: Any) -> None:
    codec = Codec()
    for field in fields(record):
        value = getattr(record, field.name)
        if type(value) is str:
            spoilt = replace(record, **{field.name: f"4111\u20091111 1111-1111 {value}"})
        elif type(value) is tuple and value and type(value[0]) is str:
            spoilt = replace(record, **{field.name: (PAN, *value)})
        elif type(value) is bytes:
            spoilt = replace(record, **{field.name: PAN.encode()})
        else:
            continue
        if field.name in dict(sealed_fields(type(record).__name__)):
            with pytest.raises(NotSealed):
                codec.encode_as_written(spoilt)
            continue
        kept = codec.decode_as_written(codec.encode_as_written(spoilt))
        shown = getattr(kept, field.name)
        assert find_sensitive("", shown) is None, field.name
        assert kept == masked(kept) == masked(spoilt, codec._guarded_bytes)


@pytest.mark.parametrize("record", EXAMPLES, ids=lambda record: type(record).__name__)
def test_an_honest_record_is_left_alone(record: Any) -> None:
    assert masked(record) is record


def test_what_a_foreign_producer_wrote_is_masked_when_it_is_read() -> None:
    codec = Codec()
    foreign = codec._encoded(replace(open_item("i1", 100_00), invoice_number=PAN, abas_customer_id=INVOICE))
    assert PAN.encode() in foreign
    read = as_a(OpenItemObserved, codec.decode(foreign))
    assert (read.invoice_number, read.abas_customer_id) == (mask_of(PAN), mask_of(INVOICE))
    assert PAN.encode() not in codec.guarded_value(foreign)


def test_a_record_in_a_dead_letter_is_masked_by_its_fields() -> None:
    codec = Codec()
    inner = codec._encoded(replace(open_item("i1", 100_00), invoice_number=PAN))
    letter = DeadLetter(
        topic="receivables.inbox.v1",
        partition=0,
        offset=0,
        record_key=PAN.encode(),
        behind=None,
        error_type="Unreadable",
        message=f"cannot take {PAN}",
        stack_digest="",
        task="match-open-items",
        record_value=inner,
        record_headers={"ce_id": b"x", "note": b"CVV 123"},
        received_at=NOON,
    )
    kept = as_a(DeadLetter, codec.decode(codec.encode(letter)))
    assert as_a(OpenItemObserved, codec.decode(kept.record_value)).invoice_number == mask_of(PAN)
    assert kept.record_key == mask_of(PAN).encode()
    assert kept.record_headers["note"] == b"CVV ***"
    assert PAN not in repr(kept)
    unreadable = as_a(
        DeadLetter, codec.decode(codec.encode(replace(letter, record_value=b"\xff\x00 4111111111111111 \xfe")))
    )
    assert unreadable.record_value == b"[withheld: CARD_NUMBER]"


@pytest.mark.parametrize(
    ("field", "value", "kept"),
    [
        ("card_last_four", "1111", "1111"),
        ("card_last_four", PAN, "1111"),
        ("csc_response", "Match", "Match"),
        ("csc_response", "123", "***"),
    ],
)
def test_of_a_card_only_what_its_field_is_for_is_kept(field: str, value: str, kept: str) -> None:
    record: Any = observation(TransactionStatus.SETTLED)
    assert getattr(masked(replace(record, **{field: value})), field) == kept


def test_the_key_of_a_record_is_masked_as_its_field_is() -> None:
    item = replace(open_item("i1", 100_00), abas_customer_id=PAN)
    key = catalog.topic("receivables.inbox.v1").key_of(item)
    assert key == masked(item).abas_customer_id.encode() == masked_key(PAN.encode())


def test_both_sides_of_a_reference_are_masked_alike() -> None:
    """PayTrace masks the cell and makes a token of it, abas makes a token and masks that."""
    of_payment = tokens_of("1", None, mask_sensitive(INVOICE))
    assert mask_sensitive(invoice_token(INVOICE)) in of_payment
    assert mask_sensitive(invoice_token(INVOICE.lower())) == invoice_token(mask_sensitive(INVOICE))


@pytest.mark.parametrize(
    "written",
    [PAN, "4111 1111 1111 1111", "4111-1111-1111-1111", "4111\u30001111\u20091111\u00a01111", "41111111 11111111"],
)
def test_a_number_has_one_mask_however_it_is_written(written: str) -> None:
    assert mask_sensitive(f"for {written}, thanks") == f"for {mask_of(PAN)}, thanks"


def test_the_mask_depends_on_the_key_and_shows_64_bits() -> None:
    with guard_key(b"another key of the installation"):
        other = mask_of(PAN)
    assert other != mask_of(PAN)
    assert len(other.partition("#")[2]) == 16


def test_without_a_key_nothing_is_masked_for_a_record_and_the_remedy_is_named() -> None:
    item = replace(open_item("i1", 100_00), invoice_number=PAN)
    with guard_key(None), pytest.raises(GuardKeyMissing, match="SALDO_GUARD_KEY"):
        Codec().encode(item)
    with guard_key(None):
        assert mask_sensitive(f"card {PAN}") == "card ************1111"
        assert masked(open_item("i1", 100_00)).invoice_number


@given(st.text(alphabet="0123456789 -./#*ABCDFGcvCV:\u2009", max_size=60))
def test_masking_a_masked_text_changes_nothing(text: str) -> None:
    once = mask_sensitive(text)
    assert mask_sensitive(once) == once


@pytest.mark.parametrize("mask", [mask_reference, mask_sensitive])
def test_only_texts_in_which_nothing_was_found_are_remembered(mask: Any) -> None:
    held = {name: cell.cell_contents for name, cell in zip(mask.__code__.co_freevars, mask.__closure__, strict=True)}
    short, long = held["short"], held["long"]
    rules = "invoice: the number on the paper\n" * 20
    for _ in range(2):
        assert mask("vault:7001") == "vault:7001"
        assert "4012000098765439" not in mask("4012000098765439")
        assert mask(rules) == rules
        assert "4012000098765439" not in mask(f"{rules} 4012000098765439")
    assert "vault:7001" in short
    assert rules in long
    assert "4012000098765439" not in short
    assert f"{rules} 4012000098765439" not in long


def test_what_is_remembered_of_texts_is_bounded_by_their_characters() -> None:
    clean = CleanTexts(most_characters=10)
    clean.add("eleven char")
    assert "eleven char" not in clean
    clean.add("12345")
    clean.add("67890")
    assert "12345" in clean
    clean.add("a")
    assert "12345" not in clean
    assert "a" in clean
