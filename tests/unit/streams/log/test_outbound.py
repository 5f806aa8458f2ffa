"""How a record for Kafka is built: key, partition, identity, size, guard and signature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from schemas import catalog
from schemas.checks.sensitive.identity import mask_of
from schemas.failures import Unreadable
from schemas.records import Record
from schemas.records.payments import RefundLinked
from schemas.records.sources import SourceCursor
from schemas.wire.codec import Codec, body_of
from schemas.wire.envelope import SourcePosition, content_event_id, header_map, root_traceparent
from streams.log.guard import HoldsSensitive
from streams.log.memory import MemoryLog
from streams.log.outbound import Cause, Checked, Outbound
from streams.log.records import Inbound, RecordTooLarge, partition_for
from tests.support.task_lab import CODEC, INBOX, JOURNAL, NOON, Lab, refund
from tests.support.typed import as_a

LOG = MemoryLog(dict.fromkeys(catalog.topics(), 4))
LINKED = refund("p1", "r1")


@dataclass
class Recorded:
    """A signer that says what it was asked to sign."""

    asked: list[dict[str, Any]] = field(default_factory=list)

    def headers(self, **signed: Any) -> Sequence[tuple[str, bytes]]:
        self.asked.append(signed)
        return [("saldo-key-id", b"k1"), ("saldo-signature", f"{signed['event_id']}".encode())]

    def link_headers(self, *, journal: str, source: SourcePosition, link: str) -> Sequence[tuple[str, bytes]]:
        raise AssertionError("no link is signed here")


class OneId:
    """A registry that knows one schema id."""

    def id_of(self, subject: str, schema: str) -> int:
        return 7

    def schema_of(self, schema_id: int) -> str:
        raise AssertionError


def built(record: Record = LINKED, topic: str = INBOX, **more: Any) -> Outbound:
    usual: dict[str, Any] = {"topic": topic, "source": "saldo/test", "at": NOON, "codec": CODEC, "log": LOG}
    return Outbound.of(record, **usual | more)


def test_key_and_partition_follow_from_the_catalogue_and_the_identity_from_the_content() -> None:
    record = built()
    assert (record.key, record.partition) == (b"p1", partition_for(b"p1", 4))
    event_id = content_event_id("RefundLinked", body_of(record.value))
    assert dict(record.headers) == {
        "ce_specversion": b"1.0",
        "ce_id": event_id.encode(),
        "ce_type": b"RefundLinked",
        "ce_source": b"saldo/test",
        "ce_time": b"2026-11-20T12:00:00.000000Z",
        "content-type": b"application/avro",
        "traceparent": root_traceparent(event_id).encode(),
    }
    assert built() == record


def test_the_identity_is_the_same_whether_a_registry_is_in_use_or_not() -> None:
    framed = built(codec=Codec(OneId()))
    assert framed.value != built().value
    assert framed.headers == built().headers


def test_an_identity_and_a_partition_that_are_given_are_taken() -> None:
    record = built(event_id="e1", partition=2)
    assert (header_map(record.headers)["ce_id"], record.partition) == (b"e1", 2)


def test_a_cursor_begins_no_trace() -> None:
    cursor = SourceCursor(source="s", subject="s/1", digest="d", position="", observed_at=NOON)
    assert "traceparent" not in header_map(built(cursor, "sources.cursors.v1").headers)


def test_what_a_topic_does_not_take_is_refused() -> None:
    with pytest.raises(Unreadable, match=f"topic {JOURNAL} does not carry RefundLinked"):
        built(topic=JOURNAL)
    with pytest.raises(RecordTooLarge, match=rf"RefundLinked would have \d+ bytes and {INBOX} takes \d+"):
        built(replace(LINKED, linked_by="x" * (1 << 20)))
    with pytest.raises(Unreadable, match=r"currency is .eur."):
        built(replace(LINKED, currency="eur"))
    with pytest.raises(HoldsSensitive, match=r"RefundLinked\.refund_transaction_id holds a CARD_NUMBER"):
        built(replace(LINKED, refund_transaction_id="4111111111111111"), refuses_numbers=True)


def test_a_fact_is_written_as_stated_and_still_without_card_numbers() -> None:
    stated = replace(LINKED, currency="eur")
    assert CODEC.decode_as_written(built(stated, as_written=True).value) == stated
    record = built(replace(stated, linked_by="4111111111111111"), as_written=True)
    assert as_a(RefundLinked, CODEC.decode_as_written(record.value)).linked_by == mask_of("4111111111111111")
    assert b"4111111111111111" not in record.value


def test_what_a_record_led_to_carries_its_cause_and_the_lineage_of_what_it_is_about() -> None:
    origin = Inbound(
        topic=INBOX,
        partition=1,
        offset=7,
        key=b"p1",
        value=b"",
        headers=[
            ("ce_id", b"cause"),
            ("saldo-correlation-id", b"story"),
            ("traceparent", root_traceparent("x").encode()),
        ],
        timestamp_ms=0,
    )
    checked = Checked.of(LINKED, topic=INBOX, codec=CODEC)
    record = checked.sealed(source="saldo/t", at=NOON, log=LOG, cause=Cause.of(replace(origin, offset=9), 2, origin))
    headers = header_map(record.headers)
    assert headers["saldo-source"] == f"{INBOX}/1/9/2".encode()
    assert (headers["saldo-causation-id"], headers["saldo-correlation-id"]) == (b"cause", b"story")
    assert headers["traceparent"].split(b"-")[1] == root_traceparent("x").encode().split(b"-")[1]
    stranger = replace(origin, headers=[("saldo-correlation-id", b"x" * 5_000)])
    headers = header_map(checked.sealed(source="s", at=NOON, log=LOG, cause=Cause.of(stranger, 0)).headers)
    assert headers["saldo-correlation-id"] == headers["saldo-causation-id"] == stranger.event_id.encode()


def test_a_signer_signs_what_is_written_and_its_headers_come_last() -> None:
    signer = Recorded()
    record = built(log=MemoryLog({INBOX: 4}, signer=signer))
    plain = built()
    assert signer.asked == [
        {
            "topic": INBOX,
            "key": b"p1",
            "type": "RefundLinked",
            "event_id": header_map(plain.headers)["ce_id"].decode(),
            "value": plain.value,
        }
    ]
    assert list(record.headers)[:-2] == list(plain.headers)
    assert [name for name, _ in record.headers[-2:]] == ["saldo-key-id", "saldo-signature"]


async def test_a_task_signs_everything_that_it_writes() -> None:
    lab = Lab()
    lab.log.signer = Recorded()
    await lab.task.advance(lab.write(refund("p1", "r1"), refund("p1", "unlucky", 13)))
    written = [
        record for topic in (JOURNAL, "identification.inbox.v1", f"{INBOX}.dlq") for record in lab.log.records(topic, 0)
    ]
    assert len(written) == 4
    for record in written:
        headers = header_map(record.headers)
        assert headers["saldo-signature"] == headers["ce_id"]


def test_an_instant_of_the_writers_zone_is_the_same_record() -> None:
    assert built(at=datetime(2026, 11, 20, 12, tzinfo=UTC)) == built()
