"""What is parked now, as `saldo dlq` tells it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from app.cli import asking, dlq
from app.cli.errors import CannotRun
from app.cli.showing import bytes_text, for_eyes
from app.operators.dead_letters import DeadLetters, ParkedRecord
from schemas.failures import ContractBroken
from schemas.records.tasks import ParkedDiscardRequested, ParkedReplayRequested
from schemas.wire.envelope import header_text
from tests.support.task_lab import CODEC, INBOX, Lab, refund
from tests.support.typed import as_a


def discard(key: bytes, offset: int) -> ParkedDiscardRequested:
    when = datetime(2026, 11, 20, tzinfo=UTC)
    return ParkedDiscardRequested(
        record_key=key, offset=offset, requested_by="dana", reason="not ours", requested_at=when
    )


async def parked_lab() -> tuple[Lab, DeadLetters]:
    lab = Lab()
    await lab.task.advance(
        [
            *lab.write(refund("p", "r1", 13), refund("q", "r2"), refund("p", "r3")),
            lab.write_bytes(b"x", b"\x07nonsense", [("who", b"me")]),
        ]
    )
    return lab, DeadLetters(lab.log, CODEC)


async def test_what_waits_is_listed_with_its_reason_and_what_it_waits_behind() -> None:
    _, letters = await parked_lab()
    found = await letters.parked(INBOX)
    assert [(one.offset, one.key_text, one.behind, one.error_type) for one in found] == [
        (0, "p", None, "Unreadable"),
        (2, "p", 0, "Unreadable"),
        (3, "x", None, "Unreadable"),
    ]
    assert found[0].message == "amount 13 is unlucky"
    assert await letters.parked() == found


async def test_a_record_is_shown_whole_and_as_far_as_it_can_be_read() -> None:
    _, letters = await parked_lab()
    readable, _, garbage = await letters.parked(INBOX)
    assert readable.content is not None
    assert readable.content["type"] == "RefundLinked"
    assert readable.content["refund_transaction_id"] == "r1"
    assert garbage.content is None
    assert garbage.letter is not None
    shown = for_eyes(garbage.letter)
    assert shown["record_key"] == "x"
    assert shown["record_headers"] == {"who": "me"}
    assert shown["record_value"] == "base64:B25vbnNlbnNl", "an unprintable byte is not shown as text"
    assert readable.letter is not None
    assert for_eyes(readable.letter)["record_value"].startswith("base64:")


def test_bytes_are_text_where_they_are_and_card_numbers_never_show() -> None:
    assert bytes_text(b"") == ""
    assert bytes_text("plain wörds,\ntwo lines".encode()) == "plain wörds,\ntwo lines"
    assert bytes_text(b"\xff\x00") == "base64:/wA="
    assert bytes_text(b"\x1b[31mred") == "base64:G1szMW1yZWQ=", "no control characters on a terminal"
    assert "4111111111111111" not in bytes_text(b'{"card": "4111111111111111"}')


async def test_repeats_after_a_crash_are_listed_once_and_what_was_given_up_not_at_all() -> None:
    lab, letters = await parked_lab()
    for topic in ("payments.events.v1", f"{INBOX}.dlq"):
        lab.log._records[topic, 0] += lab.log.records(topic, 0)
    assert len(await letters.parked(INBOX)) == 3
    lab.restart()
    await lab.task.advance([lab.write_record(discard(b"p", 0))])
    assert [one.offset for one in await letters.parked(INBOX)] == [2, 3]


async def test_a_request_goes_to_the_partition_that_holds_the_record_whatever_its_key_says() -> None:
    lab, letters = await parked_lab()
    (*_, garbage) = await letters.parked(INBOX)
    await letters.ask(garbage, lambda now: discard(garbage.key, garbage.offset))
    asked = lab.log.records(INBOX, 0)[-1]
    assert asked.key == b"x"
    assert header_text(asked.headers, "ce_type") == "ParkedDiscardRequested"
    await lab.task.catch_up()
    assert [one.key_text for one in await letters.parked(INBOX)] == ["p", "p"]


async def test_two_requests_are_two_events_and_carry_who_asked() -> None:
    lab, letters = await parked_lab()
    (head, *_) = await letters.parked(INBOX)
    for _ in range(2):
        await letters.ask(
            head,
            lambda now: ParkedReplayRequested(record_key=b"p", requested_by="dana", reason="mended", requested_at=now),
        )
    one, other = lab.log.records(INBOX, 0)[-2:]
    assert one.event_id != other.event_id
    assert as_a(ParkedReplayRequested, CODEC.decode(one.value)).requested_by == "dana"


async def test_an_inbox_that_is_none_is_refused_with_those_that_are() -> None:
    _, letters = await parked_lab()
    with pytest.raises(ContractBroken, match=r"'nope' is no inbox; there are .*payments\.observations\.v1"):
        await letters.parked("nope")


async def test_a_record_that_is_not_parked_can_be_named_too_and_giving_it_up_changes_nothing_that_was_decided() -> None:
    lab, letters = await parked_lab()
    decided = await letters.in_inbox(INBOX, 0, 1)
    assert decided is not None
    assert (decided.key, decided.error_type) == (b"q", "")
    parked = await letters.in_inbox(INBOX, 0, 0)
    assert parked is not None
    assert parked.error_type == "Unreadable"
    assert await letters.in_inbox(INBOX, 0, 99) is None
    assert await letters.in_inbox(INBOX, 7, 0) is None
    assert await letters.in_inbox("payments.events.v1", 0, 0) is None
    before = lab.bytes_of("payments.events.v1")
    await letters.ask(decided, lambda now: replace(discard(decided.key, 1), requested_at=now))
    await lab.task.advance(lab.log.records(INBOX, 0)[-1:])
    assert lab.bytes_of("payments.events.v1") == before


async def test_what_a_person_gave_up_is_known_as_that() -> None:
    lab, letters = await parked_lab()
    parked = await letters.in_inbox(INBOX, 0, 0)
    assert parked is not None
    assert not await letters.is_given_up(parked)
    await letters.ask(parked, lambda now: replace(discard(parked.key, 0), requested_at=now))
    await lab.task.advance(lab.log.records(INBOX, 0)[-1:])
    assert await letters.is_given_up(parked)
    after = await letters.in_inbox(INBOX, 0, 0)
    assert after is not None
    assert not after.is_parked


@pytest.mark.parametrize(
    ("rows", "refused"),
    [
        ([{"parked": ""}], None),
        ([{"parked": "DISCARDED"}], "is given up already"),
        ([], "is neither parked nor unreadable"),
    ],
)
def test_only_what_no_table_shows_is_given_up_without_being_parked(
    rows: list[dict[str, object]], refused: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(name: str, **given: str) -> SimpleNamespace:
        assert (name, given) == ("unreadable_records", {"place": f"{INBOX}/1/7"}), "of one record, not of all"
        return SimpleNamespace(records=rows)

    monkeypatch.setattr(asking, "answer", answer)
    record = ParkedRecord(INBOX, 1, 7, b"k", None, "", "", None, None)
    if refused is None:
        dlq._refuse_unless_unreadable(record)
        return
    with pytest.raises(CannotRun, match=refused):
        dlq._refuse_unless_unreadable(record)
