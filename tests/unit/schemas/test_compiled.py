"""What is compiled reads and writes as fastavro does, or leaves it to fastavro; whatever the bytes are."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import random
from datetime import UTC, date, datetime
from typing import Any

import pytest
from fastavro import schemaless_reader, schemaless_writer

from schemas import catalog
from schemas.records import Record
from schemas.wire import compiled
from schemas.wire.codec import Codec, body_of, fields_of
from schemas.wire.codec import _from_fields as from_fields
from tests.support.examples import example

EXAMPLES: list[Record] = [example(name) for name in catalog.record_versions()]
NUMBERS = (0, 1, -1, 63, 64, -64, -65, 8191, 8192, 2**31 - 1, -(2**31), 2**40, 2**62, -(2**62), 2**63 - 1, -(2**63))


def by_fastavro(record: Record) -> bytes:
    out = io.BytesIO()
    schemaless_writer(out, catalog.latest(type(record).__name__).parsed, fields_of(record))
    return out.getvalue()


def read_by_fastavro(name: str, body: bytes) -> Record | None:
    stream = io.BytesIO(body)
    with contextlib.suppress(Exception):
        fields = schemaless_reader(stream, catalog.latest(name).parsed, None)
        if stream.tell() == len(body):
            return from_fields(name, fields)  # type: ignore[arg-type]  # a record
    return None


@pytest.mark.parametrize("record", EXAMPLES, ids=lambda record: type(record).__name__)
def test_each_record_type_has_the_bytes_that_fastavro_writes_and_is_read_as_it_was(record: Record) -> None:
    name = type(record).__name__
    body = by_fastavro(record)
    assert compiled.encoder(name)(record) == body
    read = compiled.decoder(name)(body)
    assert read == record
    assert repr(read) == repr(record)  # and each value is of its own type


def test_what_is_read_is_what_fastavro_reads_or_nothing_whatever_the_bytes() -> None:
    rng = random.Random(15)
    for _ in range(3_000):
        record = rng.choice(EXAMPLES)
        name, body = type(record).__name__, bytearray(by_fastavro(record))
        for _ in range(rng.randint(1, 3)):
            match rng.randrange(4):
                case 0 if body:
                    body[rng.randrange(len(body))] = rng.randrange(256)
                case 1 if body:
                    del body[rng.randrange(len(body)) :]
                case 2:
                    body[rng.randrange(len(body) + 1) : 0] = rng.randbytes(rng.randint(1, 12))
                case _:
                    at = rng.randrange(len(body) + 1)
                    body[at:at] = b"\xff" * rng.randint(1, 10)
        with contextlib.suppress(Exception):
            found = compiled.decoder(name)(bytes(body))
            assert repr(found) == repr(read_by_fastavro(name, bytes(body)))


@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_is_written_as_fastavro_writes_it(number: int) -> None:
    out = io.BytesIO()
    schemaless_writer(out, {"type": "long"}, number)
    assert compiled.varint(number) == out.getvalue()
    if -(2**62) <= number < 2**62:
        assert compiled.read_varint(out.getvalue(), 0) == (number, len(out.getvalue()))


def test_instants_and_days_of_any_age_are_fastavros() -> None:
    record: Any = next(one for one in EXAMPLES if type(one).__name__ == "TransactionObserved")
    for text in ("0001-01-01", "1969-12-31T23:59:59.999999", "2026-07-01T01:02:03.000004", "9999-12-31"):
        instant = datetime.fromisoformat(text).replace(tzinfo=UTC)
        changed: Any = dataclasses.replace(record, created_at=instant, created_on=date(1, 1, 1))
        body = by_fastavro(changed)
        assert compiled.encoder("TransactionObserved")(changed) == body
        assert compiled.decoder("TransactionObserved")(body) == changed


def test_the_codec_reads_and_writes_by_them() -> None:
    for record in EXAMPLES:
        with contextlib.suppress(Exception):
            assert body_of(Codec().encode(record)) == by_fastavro(Codec().guarded(record))
