"""`saldo write` and `saldo read` on a real broker."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError, Producer

from schemas import catalog
from schemas.wire.codec import Codec, from_json
from schemas.wire.envelope import Envelope, SourcePosition, derived_event_id
from streams.log.records import partition_for
from tests.support.cli import Outcome, saldo
from tests.support.kafka import client_options, make_topics, unique, use_broker

SAMPLE = json.loads((catalog.ROOT / "examples/payments/TransactionObserved.v1.json").read_text())
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)  # in the past: a broker refuses times that lie ahead


@pytest.fixture
def inbox(kafka: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An inbox of this test's own that the catalogue knows, with four partitions."""
    spec = replace(catalog.topic("payments.observations.v1"), name=unique("payments.observations.v1"))
    every = {**catalog.topics(), spec.name: spec}
    monkeypatch.setattr(catalog, "topics", lambda: every)
    use_broker(monkeypatch, kafka)
    monkeypatch.delenv("SALDO_SCHEMA_REGISTRY_URL", raising=False)
    make_topics(kafka, {spec.name: 4})
    return spec.name


def lines(*ids: str) -> str:
    return "".join(
        json.dumps({"type": "TransactionObserved", "record": SAMPLE | {"paytrace_transaction_id": found}}) + "\n"
        for found in ids
    )


def write(topic: str, path: Path, text: str, *options: str) -> Outcome:
    path.write_text(text)
    return saldo("write", topic, "--from", str(path), *options)


def read(topic: str, *options: str) -> list[dict[str, Any]]:
    outcome = saldo("read", topic, "--format", "jsonl", *options)
    assert outcome.exit_code == 0, outcome.err
    return [json.loads(line) for line in outcome.out.splitlines()]


def ids(found: list[dict[str, Any]]) -> list[str]:
    return [line["record"]["paytrace_transaction_id"] for line in found]


def append(
    kafka: str,
    topic: str,
    name: str | None,
    *,
    partition: int = 0,
    at: datetime = NOON,
    position: SourcePosition | None = None,
    value: bytes | None = None,
) -> None:
    """Append one record at a time of its own: an observation with this id, or any bytes."""
    record = from_json("TransactionObserved", SAMPLE | {"paytrace_transaction_id": name or "?"})
    headers: Any = []
    if name is not None:
        event_id = "e" if position is None else derived_event_id(position, topic)
        envelope = Envelope(event_id=event_id, type="TransactionObserved", source="t", time=at, position=position)
        headers = envelope.to_headers()
    errors: list[KafkaError | None] = []
    producer = Producer(client_options(kafka))
    producer.produce(
        topic,
        on_delivery=lambda error, _: errors.append(error),
        key=name,
        value=Codec().encode(record) if value is None else value,
        headers=headers,
        partition=partition,
        timestamp=int(at.timestamp() * 1000),
    )
    producer.flush(30)
    assert errors == [None]


def test_what_is_written_is_read(inbox: str, tmp_path: Path) -> None:
    names = [f"tx-{number}" for number in range(20)]
    outcome = write(inbox, tmp_path / "facts.jsonl", lines(*names))
    assert (outcome.exit_code, outcome.err) == (0, "")
    assert f"wrote 20 records to {inbox}" in outcome.out
    found = read(inbox)
    assert sorted(ids(found)) == sorted(names)
    for line in found:
        assert line["type"] == "TransactionObserved"
        assert line["partition"] == partition_for(line["key"].encode(), 4)
        assert line["saldo_source"] is None
        assert len(line["event_id"]) == 32
    partitions = {
        partition: [line["offset"] for line in found if line["partition"] == partition] for partition in range(4)
    }
    for partition, offsets in partitions.items():
        assert offsets == list(range(len(offsets)))
        if offsets:
            assert f"partition {partition}: {len(offsets)}, offsets 0 to {offsets[-1]}" in outcome.out


def test_a_file_written_twice_is_the_same_events(inbox: str, tmp_path: Path) -> None:
    for _ in range(2):
        assert write(inbox, tmp_path / "facts.jsonl", lines("a", "b")).exit_code == 0
    found = read(inbox)
    assert len(found) == 4
    assert len({line["event_id"] for line in found}) == 2


def test_one_bad_line_and_nothing_is_written(inbox: str, tmp_path: Path) -> None:
    text = lines("a") + '{"type": "TransactionObserved", "record": {}}\n' + lines("b") + "{\n"
    refused = write(inbox, tmp_path / "facts.jsonl", text)
    assert refused.exit_code == 2
    assert "line 2: " in refused.err
    assert "line 4: " in refused.err
    assert "nothing is written: 2 bad lines of 4" in refused.err
    assert read(inbox) == []

    skipped = write(inbox, tmp_path / "facts.jsonl", text, "--skip-bad")
    assert skipped.exit_code == 1
    assert "2 bad lines are left out" in skipped.err
    assert sorted(ids(read(inbox))) == ["a", "b"]


def test_bytes_that_are_no_text_are_a_bad_line(inbox: str, tmp_path: Path) -> None:
    path = tmp_path / "facts.jsonl"
    path.write_bytes(
        lines("a").encode()
        + b'{"type": "\xff"}\n'
        + lines("b").replace("Order", "Ord\udcff").encode("utf-8", "surrogateescape")
    )
    outcome = saldo("write", inbox, "--from", str(path))
    assert outcome.exit_code == 2
    assert "line 2: " in outcome.err
    assert "line 3: " in outcome.err


def test_a_journal_and_an_unknown_topic_are_refused(
    kafka: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    use_broker(monkeypatch, kafka)
    spec = replace(catalog.topic("payments.events.v1"), name=unique("payments.events.v1"))
    every = {**catalog.topics(), spec.name: spec}
    monkeypatch.setattr(catalog, "topics", lambda: every)
    make_topics(kafka, {spec.name: 1})
    refused = write(spec.name, tmp_path / "facts.jsonl", lines("a"))
    assert refused.exit_code == 2
    assert "written by fold-payments alone" in refused.err
    unknown = write("payments.unheard.v1", tmp_path / "facts.jsonl", lines("a"))
    assert unknown.exit_code == 2
    assert "no topic 'payments.unheard.v1'" in unknown.err


def test_a_topic_that_the_cluster_lacks_names_the_remedy(
    inbox: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    spec = replace(catalog.topic(inbox), name=unique("payments.nowhere.v1"))
    every = {**catalog.topics(), spec.name: spec}
    monkeypatch.setattr(catalog, "topics", lambda: every)
    assert "saldo topics apply" in write(spec.name, tmp_path / "facts.jsonl", lines("a")).err
    missing = saldo("read", spec.name)
    assert missing.exit_code == 2
    assert "saldo topics diff" in missing.err


# -- choosing ----------------------------------------------------------------------------------------------------------


def test_partitions_are_merged_in_the_order_of_time(kafka: str, inbox: str) -> None:
    for number in range(12):
        append(kafka, inbox, f"t{number:02}", partition=number * 7 % 4, at=NOON + timedelta(seconds=number))
    assert ids(read(inbox)) == [f"t{number:02}" for number in range(12)]
    assert ids(read(inbox, "--limit", "5")) == [f"t{number:02}" for number in range(5)]
    assert ids(read(inbox, "--partition", "3")) == ["t01", "t05", "t09"]
    assert ids(read(inbox, "--key", "t07")) == ["t07"]
    assert ids(read(inbox, "--from", "2026-11-20T12:00:04Z", "--to", "2026-11-20T12:00:07Z")) == ["t04", "t05", "t06"]
    assert ids(read(inbox, "--from", "2")) == ["t08", "t09", "t10", "t11"]
    assert ids(read(inbox, "--to", "1", "--partition", "0")) == ["t00"]
    assert read(inbox, "--from", "end") == []
    assert read(inbox, "--from", "2026-11-21") == []
    assert read(inbox, "--from", "999", "--to", "9999") == []
    assert len(read(inbox, "--type", "TransactionObserved")) == 12


def test_a_wrong_choice_is_refused(inbox: str) -> None:
    for options, said in (
        (["--partition", "9"], "has no partition 9"),
        (["--from", "yesterday"], "10m ago"),
        (["--type", "Nonsense"], "no record type 'Nonsense'"),
        (["--follow", "--to", "10"], "--to"),
    ):
        outcome = saldo("read", inbox, *options)
        assert outcome.exit_code == 2
        assert said in outcome.err
        assert outcome.err.count("\n") == 1


def test_repeats_are_left_out_unless_asked_for(kafka: str, inbox: str) -> None:
    def caused(offset: int, lane: int = 0) -> SourcePosition:
        return SourcePosition("upstream", lane, offset, 0)

    for name, position in (
        ("a", caused(1)),
        ("b", caused(2)),
        ("c", caused(1, lane=1)),
        ("a", caused(1)),
        ("b", caused(2)),
    ):
        append(kafka, inbox, name, position=position)
    append(kafka, inbox, "d", position=caused(3))
    append(kafka, inbox, "a", partition=1, position=caused(1))
    assert sorted(ids(read(inbox))) == ["a", "a", "b", "c", "d"], "another partition has marks of its own"
    everything = read(inbox, "--all-copies")
    assert len(everything) == 7
    assert [ids([line]) for line in everything if line["is_repeat"]] == [["a"], ["b"]]
    assert everything[0]["saldo_source"] == "upstream/0/1/0"
    assert "2 repeats left out" in saldo("read", inbox).err
    assert ids(read(inbox, "--key", "b")) == ["b"], "what the filter hides counts for the marks all the same"


def test_what_cannot_be_decoded_is_shown_and_the_reading_goes_on(kafka: str, inbox: str) -> None:
    append(kafka, inbox, "a")
    for value in (
        b"",
        b"{}",
        b"\xc3\x01" + b"\xff" * 12,
        b"\0\0\0\0\1abc",
        Codec().encode(from_json("TransactionObserved", SAMPLE))[:-4],
    ):
        append(kafka, inbox, None, value=value)
    append(kafka, inbox, "4111111111111111", value=b"{}")
    append(kafka, inbox, "b")
    found = read(inbox, "--partition", "0")
    assert [line.get("unreadable", "") == "" for line in found] == [True] + [False] * 6 + [True]
    assert "SALDO_SCHEMA_REGISTRY_URL" in found[4]["unreadable"]
    assert found[6]["type"] == "TransactionObserved", "what its header claims"
    assert "4111111111111111" not in json.dumps(found)
    pretty = saldo("read", inbox)
    assert pretty.out.count("UNREADABLE") == 6
    assert "8 records, 6 of them unreadable" in pretty.err


def test_a_damaged_saldo_source_is_a_reason_too(kafka: str, inbox: str) -> None:
    producer = Producer(client_options(kafka))
    value = Codec().encode(from_json("TransactionObserved", SAMPLE))
    producer.produce(inbox, value=value, headers=[("saldo-source", b"nonsense")], partition=0)
    producer.flush()
    (found,) = read(inbox)
    assert "saldo-source must be" in found["unreadable"]


def test_pretty_shows_money_in_its_own_digits(inbox: str, tmp_path: Path) -> None:
    write(inbox, tmp_path / "facts.jsonl", lines("a"))
    shown = saldo("read", inbox).out
    assert "12500   (125.00 USD)" in shown
    assert "key a   TransactionObserved" in shown
    assert "settled_at" not in shown, "empty fields say nothing"


@pytest.mark.timeout(120)
def test_following_goes_on_with_what_is_written_meanwhile(kafka: str, inbox: str) -> None:
    append(kafka, inbox, "before")
    # A test run in the background inherits that Ctrl-C is ignored, which no terminal does.
    program = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from app.cli import main; main()"
    )
    command = [sys.executable, "-c", program, "read", inbox, "--follow", "--format", "jsonl"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as reading:
        try:
            assert reading.stdout is not None
            assert ids([json.loads(reading.stdout.readline())]) == ["before"]
            for partition in (3, 0):
                append(kafka, inbox, f"later-{partition}", partition=partition)
                assert ids([json.loads(reading.stdout.readline())]) == [f"later-{partition}"]
            reading.send_signal(signal.SIGINT)
            _, said = reading.communicate(timeout=30)
        finally:
            reading.kill()
    assert reading.returncode == 0
    assert said == "3 records\n"


@pytest.mark.timeout(120)
def test_a_reader_that_goes_away_ends_the_command(kafka: str, inbox: str) -> None:
    append(kafka, inbox, "a")
    command = f"{sys.executable} -c 'from app.cli import main; main()' read {inbox} --follow | head -1"
    with subprocess.Popen(["bash", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as pipe:
        assert pipe.stdout is not None
        assert pipe.stderr is not None
        assert "key a" in pipe.stdout.readline()
        for number in range(400):  # the pipe breaks at a write, so give it something to write
            append(kafka, inbox, f"b{number}")
            if pipe.poll() is not None:
                break
            time.sleep(0.1)
        assert pipe.wait(timeout=60) == 0
        said = pipe.stderr.read()
    assert "Traceback" not in said


def test_a_compacted_partition_with_holes_is_read_to_its_end(kafka: str, inbox: str) -> None:
    """A committed transaction leaves a marker at the end of the log that no consumer ever sees."""
    producer = Producer({**client_options(kafka), "transactional.id": unique("tx")})
    producer.init_transactions(20)
    producer.begin_transaction()
    producer.produce(inbox, value=Codec().encode(from_json("TransactionObserved", SAMPLE)), partition=2)
    producer.commit_transaction(20)
    assert len(read(inbox)) == 1
    assert len(read(inbox, "--to", "2", "--partition", "2")) == 1
