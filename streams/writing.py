"""Writes records that a person or a script gives as JSON lines: all are proved first, and acknowledged before success.

Another door for facts and operator commands, with the same care as the others: only inboxes and cursors (a journal
belongs to its agent), keys and partitions as the catalogue says, event ids from content, nothing that holds card data.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from schemas import catalog
from schemas.business_day import PAYTRACE_ZONE, with_days
from schemas.codec import Codec, body_of, from_json, to_json
from schemas.envelope import Envelope, content_event_id, root_traceparent
from schemas.failures import ContractBroken, Unavailable, Unreadable
from schemas.guard import finding_in_texts, masked_key
from schemas.records.payments import TransactionObserved
from schemas.sensitive import mask_sensitive
from streams.brokers import no_broker
from streams.tasks.records import Outbound, partition_for, refuse_too_large

SOURCE = "saldo/write"
_ANSWER_S = 10.0
SHOWN_BAD = 10
_DELIVERY_TIMEOUT_MS = 60_000
_FIELDS = {"type", "record", "key"}
# A record's own instant, by preference; each record that a topic takes from outside has one of these.
_INSTANTS = ("occurred_at", "observed_at", "requested_at", "received_at")


@dataclass(frozen=True, slots=True)
class Line:
    """One line that became a record ready to be written."""

    number: int
    record: Outbound


@dataclass(frozen=True, slots=True)
class BadLine:
    """One line that did not; the reason names the field and the remedy, never a card number."""

    number: int
    reason: str

    def __str__(self) -> str:
        return f"line {self.number}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Written:
    """Where one line's record is now."""

    number: int
    partition: int
    offset: int


def prepare(
    spec: catalog.TopicSpec,
    lines: Iterable[str],
    codec: Codec,
    partitions: int,
    *,
    zone: ZoneInfo = PAYTRACE_ZONE,
) -> tuple[Sequence[Line], Sequence[BadLine]]:
    """Prove every line and encode the good ones; business days that an observation leaves out are those of zone.

    Shapes:  a line is {"type": <record type>, "record": {...}} with an optional "key", which must be the record's own;
             empty lines are passed over. Numbers count from 1, as editors do.
    Ensures: nothing is written. The same line gives the same bytes, headers and partition at every call.
    Raises:  ContractBroken when nobody but its agent may write to the topic.
    """
    if spec.role not in ("inbox", "cursor"):
        raise ContractBroken(
            f"{spec.name} is a {spec.role} and written by {', '.join(spec.producers)} alone; write to an inbox instead"
        )
    good: list[Line] = []
    bad: list[BadLine] = []
    for number, text in enumerate(lines, start=1):
        if not text.strip():
            continue
        try:
            good.append(Line(number, _outbound(spec, text, codec, partitions, zone)))
        except Unreadable as error:
            bad.append(BadLine(number, mask_sensitive(str(error))))
    return good, bad


def partition_count(connection: Mapping[str, Any], topic: str) -> int:
    """Number of partitions that the cluster has for a topic.

    Raises: ContractBroken when it has no such topic; Unavailable when no broker answers.
    """
    try:
        metadata = Producer(dict(connection)).list_topics(topic, timeout=_ANSWER_S).topics[topic]
    except KafkaException as error:
        raise Unavailable(no_broker(str(connection["bootstrap.servers"]), error)) from error
    if metadata.error is not None:
        raise ContractBroken(f"the cluster has no topic {topic}; create it with `saldo topics apply`")
    return len(metadata.partitions)


def send(connection: Mapping[str, Any], topic: str, records: Sequence[Any], codec: Codec) -> Sequence[Written]:
    """Prove these records as if they came from a file, and write all of them or none.

    Raises: Unreadable naming those that can't be written; otherwise as `write`.
    """
    lines = [json.dumps({"type": type(record).__name__, "record": to_json(record)}) for record in records]
    good, bad = prepare(catalog.topic(topic), lines, codec, partition_count(connection, topic))
    if bad:
        more = f"; and {len(bad) - SHOWN_BAD} more" if len(bad) > SHOWN_BAD else ""
        raise Unreadable("; ".join(map(str, bad[:SHOWN_BAD])) + more)
    return write(connection, good)


def write(connection: Mapping[str, Any], lines: Sequence[Line]) -> Sequence[Written]:
    """Append records in order and wait until all in-sync replicas have each.

    Ensures: on return every record is durable; the answer has one entry per line, in the same order.
    Raises:  Unavailable saying how many were acknowledged. To write all again is safe: the event ids are the same.
    """
    producer = Producer(
        {
            **connection,
            "acks": "all",
            "enable.idempotence": True,
            "enable.gapless.guarantee": True,
            "delivery.timeout.ms": _DELIVERY_TIMEOUT_MS,
        }
    )
    done: dict[int, Written] = {}
    failures: list[KafkaError] = []

    def note(line: Line, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            failures.append(error)
            return
        partition, offset = message.partition(), message.offset()
        assert partition is not None
        assert offset is not None
        done[line.number] = Written(line.number, partition, offset)

    for line in lines:
        _produce(producer, line, note)
    producer.flush()
    if len(done) < len(lines):
        first = failures[0].str() if failures else "no acknowledgement came"
        raise Unavailable(
            f"{len(done)} of {len(lines)} records were acknowledged ({first}); "
            "write the same file again when the cluster is well: equal event ids count once"
        )
    return [done[line.number] for line in lines]


def _produce(producer: Producer, line: Line, note: Any) -> None:
    record = line.record
    while True:
        try:
            producer.produce(
                record.topic,
                key=record.key,
                value=record.value,
                headers=list(record.headers),
                partition=record.partition,
                on_delivery=lambda error, message: note(line, error, message),
            )
            producer.poll(0)
            return
        except BufferError:  # the queue of the client is full: wait for acknowledgements
            producer.poll(1)


def _outbound(spec: catalog.TopicSpec, text: str, codec: Codec, partitions: int, zone: ZoneInfo) -> Outbound:
    data = _object(text)
    name, fields = data["type"], data["record"]
    if not any(carried.name == name for carried in spec.records):
        known = ", ".join(carried.name for carried in spec.records)
        raise Unreadable(f"{spec.name} does not carry {str(name)[:60]!r}; it carries {known}")
    version = catalog.latest(name)
    like = f"; see schemas/examples/{version.context}/{name}.v{version.version}.json"
    if not isinstance(fields, dict):
        raise Unreadable(f"record must be an object with the fields of {name}{like}")
    finding = finding_in_texts(name, fields)
    if finding is not None:
        raise Unreadable(f"{finding.field_path} holds a {finding.kind}; keep the last four digits or a token at most")
    try:
        record = from_json(name, fields)
        if isinstance(record, TransactionObserved):
            record = with_days(record, zone)
        value = codec.encode(record)
    except Unreadable as error:
        raise Unreadable(f"{error}{like}") from error
    key = spec.key_of(record)
    if "key" in data and masked_key(str(data["key"]).encode()) != key:
        raise Unreadable(f"key must be the record's own, {key.decode(errors='replace')!r}; correct it or leave it out")
    event_id = content_event_id(name, body_of(value))
    headers = Envelope(
        event_id=event_id,
        type=name,
        source=SOURCE,
        time=instant_of(record),
        traceparent=root_traceparent(event_id),
    ).to_headers()
    refuse_too_large(spec.name, len(key) + len(value), what=name)
    return Outbound(topic=spec.name, partition=partition_for(key, partitions), key=key, value=value, headers=headers)


def _object(text: str) -> dict[str, Any]:
    try:
        data = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"no JSON ({error}); write one object a line") from None
    if not isinstance(data, dict) or not {"type", "record"} <= data.keys() <= _FIELDS:
        raise Unreadable('write {"type": <record type>, "record": {...}}, with "key" if you like and nothing else')
    return data


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; one that says a name twice is refused, since its reader would choose between two amounts."""
    data = dict(pairs)
    if len(data) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)[:60]!r} stands twice in one object")
    return data


def instant_of(record: Any) -> datetime:
    """A record's own instant, by which its envelope is dated."""
    found = (getattr(record, name, None) for name in _INSTANTS)
    return next((instant for instant in found if isinstance(instant, datetime)), datetime.fromtimestamp(0, UTC))
