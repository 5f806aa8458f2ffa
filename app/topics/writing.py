"""Writes records that a person or a script gives as JSON lines: all are proved first, and acknowledged before success.

Another door for facts and operator commands, with the same care as the others: only inboxes and cursors (a journal
belongs to its agent), keys and partitions as the catalogue says, event ids from content, nothing that holds card data.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from schemas import catalog
from schemas.checks.guard import masked_key
from schemas.checks.sensitive import mask_sensitive
from schemas.failures import ContractBroken, Unavailable, Unreadable
from schemas.records import Record
from schemas.records.payments import TransactionObserved
from schemas.values.business_day import PAYTRACE_ZONE, with_days
from schemas.wire.codec import Codec, from_json, to_json
from streams.log.guard import HoldsSensitive
from streams.log.kafka import opened
from streams.log.outbound import Destination, Outbound
from streams.log.ports import DeliveryFailed, Log
from streams.log.records import RecordTooLarge
from streams.log.signing import refuse_command

SOURCE = "saldo/write"
SHOWN_BAD = 10
# Few enough to be acknowledged well within the time that an append has.
_AT_ONCE = 10_000
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
    log: Destination,
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
            good.append(Line(number, _outbound(spec, text, codec, log, zone)))
        except Unreadable as error:
            bad.append(BadLine(number, mask_sensitive(str(error))))
    return good, bad


def send(connection: Mapping[str, Any], topic: str, records: Sequence[Record], codec: Codec) -> Sequence[Written]:
    """Prove these records as if they came from a file, and write all of them or none.

    Raises: Unreadable naming those that can't be written; otherwise as `write`.
    """
    lines = [json.dumps({"type": type(record).__name__, "record": to_json(record)}) for record in records]

    async def work() -> Sequence[Written]:
        async with opened(connection) as log:
            good, bad = prepare(catalog.topic(topic), lines, codec, log)
            if bad:
                more = f"; and {len(bad) - SHOWN_BAD} more" if len(bad) > SHOWN_BAD else ""
                raise Unreadable("; ".join(map(str, bad[:SHOWN_BAD])) + more)
            return await write(log, good)

    return asyncio.run(work())


async def write(log: Log, lines: Sequence[Line]) -> Sequence[Written]:
    """Append records in order and wait until all in-sync replicas have each.

    Ensures: on return every record is durable; the answer has one entry per line, in the same order.
    Raises:  Unavailable saying how many were acknowledged for certain. To write all again is safe: the event ids are
             the same.
    """
    written: list[Written] = []
    for first in range(0, len(lines), _AT_ONCE):
        some = lines[first : first + _AT_ONCE]
        try:
            offsets = await log.append([line.record for line in some])
        except DeliveryFailed as error:
            raise Unavailable(
                f"at least {len(written)} of {len(lines)} records were acknowledged ({error}); "
                "write the same file again when the cluster is well: equal event ids count once"
            ) from error
        written += [
            Written(line.number, line.record.partition, offset) for line, offset in zip(some, offsets, strict=True)
        ]
    return written


def _outbound(spec: catalog.TopicSpec, text: str, codec: Codec, log: Destination, zone: ZoneInfo) -> Outbound:
    data = _object(text)
    name, fields = data["type"], data["record"]
    if not any(carried.name == name for carried in spec.records):
        known = ", ".join(carried.name for carried in spec.records)
        raise Unreadable(f"{spec.name} does not carry {str(name)[:60]!r}; it carries {known}")
    refuse_command(spec.name, name)
    version = catalog.latest(name)
    like = f"; see schemas/examples/{version.context}/{name}.v{version.version}.json"
    if not isinstance(fields, dict):
        raise Unreadable(f"record must be an object with the fields of {name}{like}")
    try:
        record = from_json(name, fields)
        if isinstance(record, TransactionObserved):
            record = with_days(record, zone)
        built = Outbound.of(
            record, topic=spec.name, source=SOURCE, at=instant_of(record), codec=codec, log=log, refuses_numbers=True
        )
    except (HoldsSensitive, RecordTooLarge):
        raise
    except Unreadable as error:
        raise Unreadable(f"{error}{like}") from error
    if "key" in data and masked_key(str(data["key"]).encode()) != built.key:
        own = built.key.decode(errors="replace")
        raise Unreadable(f"key must be the record's own, {own!r}; correct it or leave it out")
    return built


def _object(text: str) -> dict[str, Any]:
    try:
        data = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"no JSON ({error}); write one object a line") from None
    if not isinstance(data, dict) or not {"type", "record"} <= data.keys() <= _FIELDS:
        raise Unreadable('write {"type": <record type>, "record": {...}}, with "key" if you like and nothing else')
    return data


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object; one that says a name twice is refused: its reader would choose between two amounts."""
    data = dict(pairs)
    if len(data) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)[:60]!r} stands twice in one object")
    return data


def instant_of(record: Record) -> datetime:
    """Return a record's own instant, by which its envelope is dated."""
    found = (getattr(record, name, None) for name in _INSTANTS)
    return next((instant for instant in found if isinstance(instant, datetime)), datetime.fromtimestamp(0, UTC))
