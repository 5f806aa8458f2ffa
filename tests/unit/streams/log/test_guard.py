"""What a person or a script may not write: texts with numbers; ids that look alike are masked, not refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from schemas.records.tasks import ParkedDiscardRequested
from streams.log.guard import HoldsSensitive, refuse_sensitive
from tests.support.examples import example

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
CARD = "4111111111111111"
REQUEST = ParkedDiscardRequested(
    record_key=b"k", offset=1, requested_by="dana", reason="a typing error", requested_at=NOON
)
IDENTIFIED = example("TransactionObserved")


@pytest.mark.parametrize(
    "text", [CARD, "card 4111-1111 1111.1111", "csc: 123", "routing 021000021", "DE89 3704 0044 0532 0130 00"]
)
def test_a_text_with_a_number_is_refused_with_its_field_and_without_its_value(text: str) -> None:
    with pytest.raises(HoldsSensitive, match=r"ParkedDiscardRequested\.reason holds a ") as raised:
        refuse_sensitive(replace(REQUEST, reason=text))
    assert text not in str(raised.value)


def test_an_id_that_looks_like_a_card_is_no_mistake_of_its_writer() -> None:
    refuse_sensitive(replace(IDENTIFIED, invoice_number=CARD))
    refuse_sensitive(replace(REQUEST, record_key=CARD.encode()))
