"""Card and bank numbers in records that a task meets: nothing of them is written on, and no key stops for ever."""

from __future__ import annotations

from dataclasses import replace

from schemas.envelope import header_map
from schemas.records.tasks import (
    DeadLetter,
    ParkedDiscardRequested,
    ParkedRecordDiscarded,
    ParkedReplayRequested,
    RecordParked,
)
from schemas.sensitive import find_sensitive
from streams.tasks.deciding import SENSITIVE_TO_SHOW
from tests.support.task_lab import CODEC, DLQ, INBOX, JOURNAL, NOON, Lab, refund

CARD = "4111111111111111"


def letters(lab: Lab) -> list[DeadLetter]:
    return [letter for letter in lab.accepted(DLQ) if isinstance(letter, DeadLetter)]


def nothing_was_carried_on(lab: Lab) -> bool:
    """Whether no value or header that the task wrote holds the number; the key alone names what lies in the inbox."""
    written = [record for topic in (JOURNAL, DLQ) for record in lab.log.records(topic, 0)]
    texts = [part for record in written for part in (record.value or b"", *header_map(record.headers).values())]
    return not any(CARD.encode() in text for text in texts)


async def test_an_event_that_would_hold_a_card_number_parks_its_cause_and_the_letter_is_bare() -> None:
    lab = Lab()
    await lab.advance_all([lab.write(refund("p1", CARD), refund("p2", "r2"))])
    parked, applied = lab.journal()
    assert isinstance(parked, RecordParked)
    assert (parked.error_type, parked.offset) == ("HoldsSensitive", 0)
    assert "RefundApplied.refund_transaction_id holds a CARD_NUMBER" in parked.message
    assert not isinstance(applied, RecordParked)
    (letter,) = letters(lab)
    assert (letter.record_value, letter.record_headers) == (b"", {})
    assert SENSITIVE_TO_SHOW in letter.message
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


async def test_a_request_whose_words_hold_a_number_is_refused_and_changes_nothing() -> None:
    lab = Lab()
    await lab.task.advance(lab.write(refund("p1", "unlucky", 13)))
    discard = ParkedDiscardRequested(
        record_key=b"p1", offset=0, requested_by="Ann Example", reason=f"card {CARD} was wrong", requested_at=NOON
    )
    replay = ParkedReplayRequested(
        record_key=b"p1", requested_by=f"Ann {CARD}", reason="the rule is mended", requested_at=NOON, retry=0
    )
    await lab.task.advance([lab.write_record(discard), lab.write_record(replay)])
    assert not any(isinstance(event, ParkedRecordDiscarded) for event in lab.journal())
    refused = [event for event in lab.journal() if isinstance(event, RecordParked)][1:]
    assert [event.message for event in refused] == ["refused: its words hold a CARD_NUMBER"] * 2
    assert nothing_was_carried_on(lab)


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
