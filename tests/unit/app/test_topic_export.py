"""Topics as files for other tools: every record type of every topic goes in and comes back."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from fastavro import reader as avro_reader
from fastavro.schema import parse_schema

from app.cli import showing
from app.topics.export import avro_schema, exporting
from app.topics.reading import ReadRecord
from schemas import catalog
from schemas.wire.codec import Codec, fields_of
from streams.log.records import Inbound
from tests.support.examples import example

NOW = datetime(2026, 11, 24, 10, 0, 0, 123000, tzinfo=UTC)


def rows_of(topic: str) -> list[ReadRecord]:
    """One record of each type, and one that can't be read."""
    codec = Codec()
    found = []
    for offset, known in enumerate(catalog.topic(topic).records):
        record = codec.decode(codec.encode(example(known.name)))
        found.append(ReadRecord(inbound(topic, offset), None, record, None, is_repeat=False))
    return [*found, ReadRecord(inbound(topic, len(found)), None, None, "no Avro; card 4111 1111 1111 1111", False)]


def inbound(topic: str, offset: int) -> Inbound:
    return Inbound(
        topic=topic,
        partition=0,
        offset=offset,
        key=b"k",
        value=b"",
        headers=(),
        timestamp_ms=int(NOW.timestamp() * 1000),
    )


def written(path: Path, form: str, topic: str) -> list[ReadRecord]:
    rows = rows_of(topic)
    with exporting(path, form, topic, lambda read: showing.as_json_line(read)[0]) as write:
        assert not path.exists(), "the file appears when it is whole"
        for row in rows:
            write(row)
    assert not path.with_name(f"{path.name}.part").exists()
    return rows


def test_a_pipe_is_written_to_and_a_link_keeps_leading_to_its_file(tmp_path: Path) -> None:
    """As root, a rename would put a file in the place of /dev/null."""
    topic = "payments.events.v1"

    def export(path: Path) -> None:
        with exporting(path, "jsonl", topic, lambda read: showing.as_json_line(read)[0]) as write:
            for row in rows_of(topic):
                write(row)

    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as threads:
        found = threads.submit(pipe.read_text)
        export(pipe)
        assert len(found.result().splitlines()) == len(rows_of(topic))
    assert pipe.is_fifo()
    (tmp_path / "there").mkdir()
    link.symlink_to(tmp_path / "there" / "x.jsonl")
    export(link)
    assert link.is_symlink()
    assert len((tmp_path / "there" / "x.jsonl").read_text().splitlines()) == len(rows_of(topic))


@pytest.mark.parametrize("topic", sorted(catalog.topics()))
def test_avro_holds_every_record_of_the_topic_with_its_schema(topic: str, tmp_path: Path) -> None:
    parse_schema(avro_schema(topic))
    rows = written(tmp_path / "x.avro", "avro", topic)
    with (tmp_path / "x.avro").open("rb") as file:
        found: list[Any] = list(avro_reader(file, return_record_name=True))
    assert [row["offset"] for row in found] == list(range(len(rows)))
    assert found[0]["written_at"] == NOW
    for row, read in zip(found[:-1], rows, strict=False):
        name, values = row["record"]
        assert name == f"{catalog.latest(row['record_type']).schema['namespace']}.{row['record_type']}"
        assert set(values) == set(fields_of(read.record))
    assert found[-1]["record"] is None
    assert "4111" not in found[-1]["unreadable"]


@pytest.mark.parametrize("topic", sorted(catalog.topics()))
def test_parquet_has_a_column_for_each_field(topic: str, tmp_path: Path) -> None:
    rows = written(tmp_path / "x.parquet", "parquet", topic)
    found = pq.read_table(tmp_path / "x.parquet").to_pylist()
    assert len(found) == len(rows)
    fields = {
        field["name"] for known in catalog.topic(topic).records for field in catalog.latest(known.name).schema["fields"]
    }
    assert fields <= {name.removeprefix("record_") for name in found[0]} | set(found[0])


def test_money_days_and_instants_keep_their_types(tmp_path: Path) -> None:
    written(tmp_path / "x.parquet", "parquet", "payments.events.v1")
    table = pq.read_table(tmp_path / "x.parquet")
    kinds = {
        name: str(table.schema.field(name).type) for name in ("amount_minor", "occurred_at", "currency", "written_at")
    }
    assert kinds == {
        "amount_minor": "int64",
        "occurred_at": "timestamp[us, tz=UTC]",
        "currency": "string",
        "written_at": "timestamp[us, tz=UTC]",
    }
    captured = next(row for row in table.to_pylist() if row["record_type"] == "PaymentCaptured")
    assert captured["amount_minor"] == example("PaymentCaptured").amount_minor


def test_lines_are_those_of_saldo_read(tmp_path: Path) -> None:
    rows = written(tmp_path / "x.jsonl", "jsonl", "payments.events.v1")
    lines = (tmp_path / "x.jsonl").read_text("utf-8").splitlines()
    assert lines == [showing.as_json_line(row)[0] for row in rows]
    assert "unreadable" in json.loads(lines[-1])


def test_an_export_that_fails_leaves_the_old_file_and_nothing_half(tmp_path: Path) -> None:
    path = tmp_path / "x.avro"
    path.write_bytes(b"old")

    def half() -> None:
        with exporting(path, "avro", "payments.events.v1", str) as write:
            write(rows_of("payments.events.v1")[0])
            raise OSError("disk full")

    with pytest.raises(OSError, match="full"):
        half()
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["x.avro"]


def test_the_table_of_topics_names_what_the_cluster_lacks_and_what_the_catalogue_lacks() -> None:
    known = {name: catalog.topic(name) for name in ("payments.events.v1", "erp.commands.v1")}
    lines = showing.topics_table(
        known, {"payments.events.v1": 4, "foreign": 1}, {"payments.events.v1": 7, "foreign": 2}
    )
    assert lines[1][:5] == ("payments.events.v1", "4", "7", "ever", "payments-platform")
    assert "PaymentCaptured" in lines[1][5]
    assert lines[2][:3] == ("erp.commands.v1", "not made yet", "")
    assert lines[3] == ("foreign", "1", "2", "", "", "not in the catalogue")
