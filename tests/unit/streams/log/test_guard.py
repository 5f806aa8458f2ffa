"""What the guard finds in records that are about to be built, and what it lets pass."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.records.payments import RefundLinked
from schemas.records.tasks import DeadLetter, ParkedDiscardRequested
from schemas.sensitive import find_sensitive
from streams.log.guard import _WORTH_A_LOOK, HoldsSensitive, refuse_sensitive

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
CARD = "4111111111111111"
LINKED = RefundLinked(
    paytrace_transaction_id="1",
    refund_transaction_id="2",
    amount_minor=100,
    currency="USD",
    linked_by="test",
    occurred_at=NOON,
)
LETTER = DeadLetter(
    topic="t",
    partition=0,
    offset=1,
    task="task",
    record_key=CARD.encode(),
    record_value=b"\x07nonsense",
    record_headers={},
    error_type="Unreadable",
    message="m",
    stack_digest="d",
    received_at=NOON,
)


@pytest.mark.parametrize(
    "text",
    [
        CARD,
        "card 4111-1111 1111.1111",
        "csc: 123",
        "routing 021000021",
        "DE89 3704 0044 0532 0130 00",
        f'{{"a": "{CARD}"}}',
    ],
)
def test_a_text_that_holds_a_number_is_refused_by_the_name_of_its_field(text: str) -> None:
    with pytest.raises(HoldsSensitive, match=r"RefundLinked\.linked_by holds a ") as raised:
        refuse_sensitive(replace(LINKED, linked_by=text))
    assert text not in str(raised.value)


def test_numbers_and_neighbours_of_an_event_are_no_card() -> None:
    """Three invoices in a row pass the Luhn test now and then, and an amount is an amount."""
    refuse_sensitive(replace(LINKED, amount_minor=int(CARD)))
    neighbours = replace(LINKED, paytrace_transaction_id="411111", refund_transaction_id="111111", linked_by="1111")
    refuse_sensitive(neighbours)


@pytest.mark.parametrize(
    ("cells", "is_refused"),
    [
        ('{"zip": "411111", "approval_code": "111111", "number": "1111"}', False),
        (f'{{"note": {{"text": ["paid by {CARD}"]}}}}', True),
        ('{"csc": "123"}', True),
        ('{"routing_number": "021000021"}', True),
        (f'{{"{CARD}": 1}}', True),
        ("[" * 2_000, True),
    ],
    ids=["neighbours", "text", "name", "routing", "key", "nested"],
)
def test_a_sources_own_words_are_looked_at_cell_by_cell(cells: str, is_refused: bool) -> None:
    with pytest.raises(HoldsSensitive) if is_refused else nullcontext():
        refuse_sensitive(replace(LINKED, linked_by=cells))


def test_what_a_person_wrote_is_looked_at_as_a_whole() -> None:
    with pytest.raises(HoldsSensitive, match=r"RefundLinked\.amount_minor"):
        refuse_sensitive(replace(LINKED, amount_minor=int(CARD)), thorough=True)


def test_bytes_and_headers_of_a_dead_letter_are_looked_at_and_the_key_is_not() -> None:
    refuse_sensitive(LETTER)
    for changed in (
        replace(LETTER, record_value=b"\x02" + CARD.encode()),
        replace(LETTER, record_headers={"x": CARD.encode()}),
    ):
        with pytest.raises(HoldsSensitive):
            refuse_sensitive(changed)
    request = ParkedDiscardRequested(
        record_key=CARD.encode(), offset=1, requested_by="Ann Example", reason="a test card", requested_at=NOON
    )
    refuse_sensitive(request, thorough=True)


@given(st.text(st.sampled_from('0123456789 -:#ABDEIabcdeiuvnkrtgos%&\\[{"é１'), max_size=40))
def test_the_quick_look_passes_over_nothing_that_is_found(text: str) -> None:
    assert _WORTH_A_LOOK.search(text) is not None or find_sensitive("field", text) is None
