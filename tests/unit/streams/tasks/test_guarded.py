"""Card and bank numbers in records that a task meets: nothing of them is written on, and no key stops for ever."""

from __future__ import annotations

from dataclasses import replace

from schemas.checks.sensitive import find_sensitive
from schemas.records.tasks import (
    DeadLetter,
    ParkedDiscardRequested,
    ParkedRecordDiscarded,
    RecordParked,
)
from schemas.wire.envelope import header_map
from tests.support.task_lab import CODEC, DLQ, INBOX, JOURNAL, NOON, Lab, refund

CARD = "4111111111111111"


def letters(lab: Lab) -> list[DeadLetter]:
    return [letter for letter in lab.accepted(DLQ) if isinstance(letter, DeadLetter)]


def nothing_was_carried_on(lab: Lab) -> bool:
    """Whether no value or header that the task wrote holds the number; the key alone names what lies in the inbox."""
    written = [record for topic in (JOURNAL, DLQ) for record in lab.log.records(topic, 0)]
    texts = [part for record in written for part in (record.value or b"", *header_map(record.headers).values())]
    return not any(CARD.encode() in text for text in texts)


async def test_a_card_number_in_a_foreign_record_is_masked_before_it_is_decided() -> None:
    lab = Lab()
    await lab.advance_all([lab.write(refund("p1", "r1"))])
    foreign = CODEC._encoded(replace(refund("p1", "r2"), linked_by=f"card {CARD}"))
    assert CARD.encode() in foreign, "written without our guard"
    await lab.task.advance([lab.write_bytes(b"p1", foreign, [])])
    assert not any(isinstance(event, RecordParked) for event in lab.journal())
    assert nothing_was_carried_on(lab)


async def test_a_key_that_is_a_card_number_can_be_parked_and_given_up() -> None:
    lab = Lab()
    await lab.task.advance(lab.write(refund(CARD, "unlucky", 13)))
    (parked,) = lab.journal()
    assert isinstance(parked, RecordParked)
    discard = ParkedDiscardRequested(
        record_key=CARD.encode(), offset=0, requested_by="Ann Example", reason="a test card", requested_at=NOON
    )
    await lab.task.advance([lab.write_record(discard)])
    assert isinstance(lab.journal()[-1], ParkedRecordDiscarded)


async def test_an_error_that_quotes_a_bank_number_is_masked() -> None:
    lab = Lab()
    record = lab.write_bytes(
        b"p1", CODEC.encode(replace(refund("p1", "r1"))), [("saldo-source", b"account number 12345678")]
    )
    await lab.task.advance([record])
    (parked,) = lab.journal()
    assert isinstance(parked, RecordParked)
    assert find_sensitive("message", parked.message) is None
    assert parked.topic == INBOX
