"""One record that a table does not take is set aside; the batch, the reports and the positions go on without it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from projections.batches.batch import Batch
from projections.batches.flush import flush
from projections.batches.positions import load_progress
from projections.messages.topics import projected_topics
from projections.reports import questions
from projections.store.client import Store
from projections.store.errors import QueryRefused
from projections.tables import FACT_TABLES
from projections.tables.fct_observations.row import TABLE as FCT_OBSERVATIONS
from projections.tables.fct_observations.row import ObservationRow
from projections.tables.table import FactTable
from schemas import catalog
from schemas.records import Record
from schemas.records.tasks import ParkedDiscardRequested
from schemas.wire.codec import Codec
from schemas.wire.envelope import SourcePosition
from streams.log.records import Inbound
from tests.support.examples import example
from tests.support.poison import poisoned
from tests.support.projecting import project
from tests.support.sealing import sealed_alike

OBSERVATIONS = "payments.observations.v1"
EVENTS = "payments.events.v1"
# Records of each type and topic; 200 make a run of two minutes, and nothing more was found with them.
POISON = int(os.environ.get("SALDO_TEST_POISON", "6"))
NOW = datetime(2026, 12, 1, 9, 30, tzinfo=UTC)
VALUES = {
    "file": "5e1c0f7a",
    "paytrace_transaction_id": "395970002",
    "id": "395970002",
    "kind": "invoice",
    "settlement_account": "main/USD",
    "number": "RE-100451",
    "abas_customer_id": "70001",
    "day": "2026-11-20",
    "month": "2026-11-01",
    "shop_order": "main/1203",
    "ids": "395970002",
    "minors": "12500",
}
CODEC = Codec()


class AsWritten(Codec):
    """The codec of a Saldo without rules: what a store may hold from before, or from a direct insert."""

    def decode(self, value: bytes | None) -> Record:
        return self.decode_as_written(value)


def message(record: Any, offset: int, topic: str = OBSERVATIONS) -> Inbound:
    return Inbound(
        topic=topic,
        partition=0,
        offset=offset,
        key=b"k",
        value=CODEC.encode_as_written(record),
        headers=(),
        timestamp_ms=1_764_000_000_000,
    )


def observations(count: int) -> list[Inbound]:
    return [
        message(example("TransactionObserved", paytrace_transaction_id=str(number)), number) for number in range(count)
    ]


def breaking(change: Callable[[ObservationRow], Any]) -> tuple[FactTable[Any], ...]:
    """All tables, of which one makes rows that do not fit for the transactions 3 and 6."""

    def spoiled(record: Any, at: Any) -> tuple[Any, ...]:
        rows = FCT_OBSERVATIONS.rows(record, at)
        if record.paytrace_transaction_id in ("3", "6"):
            return tuple(change(row) for row in rows)
        return rows

    return tuple(replace(table, project=spoiled) if table is FCT_OBSERVATIONS else table for table in FACT_TABLES)


def unable(_: ObservationRow) -> Any:
    raise RuntimeError("a defect of this projection")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda row: replace(row, amount_minor=1 << 63), "amount_minor"),
        (lambda row: replace(row, amount_minor=-(1 << 70)), "amount_minor"),
        (lambda row: replace(row, amount_minor="much"), "invalid literal"),
        (lambda row: replace(row, currency="\ud800"), "surrogates not allowed"),
        (lambda row: replace(row, currency=None), "currency"),
        (lambda row: replace(row, created_at="yesterday"), ""),
        (lambda row: "no such columns", "AttributeError"),
        (unable, "RuntimeError: a defect of this projection"),
    ],
)
def test_the_record_at_fault_is_set_aside_and_the_others_are_stored(
    store: Store, change: Callable[[ObservationRow], Any], reason: str
) -> None:
    batch = Batch({}, CODEC, breaking(change))
    for incoming in observations(8):
        batch.add(incoming)
    flush(store, batch)
    stored = store.rows("SELECT source_offset FROM fct_observations FINAL ORDER BY source_offset")
    assert [offset for (offset,) in stored] == [0, 1, 2, 4, 5, 7]
    aside = store.rows("SELECT source_offset, error_type, message FROM fct_unreadable FINAL ORDER BY source_offset")
    assert [(offset, kind) for offset, kind, _ in aside] == [(3, "NotStored"), (6, "NotStored")]
    assert all("fct_observations" in text and reason in text for _, _, text in aside)
    assert store.rows("SELECT count() FROM fct_records FINAL") == [(8,)]
    assert load_progress(store)[OBSERVATIONS, 0].next_offset == 8
    (needed,) = asked(store, "what_needs_a_person")
    assert (needed["kind"], int(needed["item_count"])) == ("records unreadable", 2)
    assert sorted(row["source_offset"] for row in asked(store, "unreadable_records")) == [3, 6]
    place = f"{OBSERVATIONS}/0/6"
    assert [row["source_offset"] for row in asked(store, "unreadable_records", place=place)] == [6]
    # A person gives one of them up, and then the other: nobody is needed any more, and the list says so.
    for given_up, left in ((3, [1]), (6, [])):
        request = ParkedDiscardRequested(
            record_key=b"k", offset=given_up, requested_by="mweber", reason="not ours", requested_at=NOW
        )
        batch = Batch(load_progress(store), CODEC, breaking(change))
        batch.add(message(request, 8 + given_up))
        flush(store, batch)
        assert [int(row["item_count"]) for row in asked(store, "what_needs_a_person")] == left
    assert [row["parked"] for row in asked(store, "unreadable_records")] == ["DISCARDED", "DISCARDED"]


class AwayStore(Store):
    """A store that takes no row, for a reason that is no record's fault."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def insert(self, table: str, columns: Sequence[str], values: Sequence[Sequence[Any]]) -> None:
        raise self._error


@pytest.mark.parametrize(
    "error",
    [
        QueryRefused("Code: 243. DB::Exception: no space left", code="NOT_ENOUGH_SPACE"),
        ConnectionRefusedError("no server"),
    ],
)
def test_a_store_that_is_away_is_blamed_on_no_record(store: Store, error: Exception) -> None:
    batch = Batch({}, CODEC)
    for incoming in observations(4):
        batch.add(incoming)
    with pytest.raises(type(error)):
        flush(AwayStore(error), batch)
    assert load_progress(store) == {}
    flush(store, batch)
    assert store.rows("SELECT count() FROM fct_unreadable FINAL") == [(0,)]
    assert store.rows("SELECT count() FROM fct_observations FINAL") == [(4,)]


def test_a_missing_table_is_blamed_on_no_record(store: Store) -> None:
    tables = tuple(replace(table, name="fct_gone") if table is FCT_OBSERVATIONS else table for table in FACT_TABLES)
    batch = Batch({}, CODEC, tables)
    batch.add(observations(1)[0])
    with pytest.raises(KeyError):
        flush(store, batch)
    assert load_progress(store) == {}


def test_what_cannot_be_true_becomes_a_row_that_says_so(store: Store) -> None:
    reported = [
        example("TransactionObserved", paytrace_transaction_id="1", currency="usd"),
        example("TransactionObserved", paytrace_transaction_id="2", amount_minor=-(1 << 63)),
        example("TransactionObserved", paytrace_transaction_id="3"),
    ]
    project(store, [message(record, offset) for offset, record in enumerate(reported)])
    aside = store.rows("SELECT source_offset, error_type, message FROM fct_unreadable FINAL ORDER BY source_offset")
    assert [(offset, kind) for offset, kind, _ in aside] == [(0, "Implausible"), (1, "Implausible")]
    assert "currency is 'usd'" in aside[0][2]
    assert store.rows("SELECT paytrace_transaction_id FROM fct_observations FINAL") == [("3",)]


def test_sums_are_exact_beyond_what_a_long_holds(store: Store) -> None:
    largest = (1 << 63) - 1
    batch = Batch({}, AsWritten())
    for number in range(3):
        captured = example("PaymentCaptured", paytrace_transaction_id=str(number), amount_minor=largest)
        incoming = message(captured, number, EVENTS)
        batch.add(replace(incoming, headers=[("saldo-source", f"{OBSERVATIONS}/0/{number}/0".encode())]))
    flush(store, batch)
    (row,) = asked(store, "bridge_by_currency")
    assert row["captured_minor"] == row["residual_minor"] == 3 * largest
    assert row["captured"] == "276701161105643274.21"
    report = questions.load("bridge_by_currency")
    assert f"{3 * largest}" in questions.as_csv(questions.ask(store, report, {}))
    assert f'"captured_minor": {3 * largest}' in questions.as_json(questions.ask(store, report, {}))
    assert _parquet(store, report)[0]["captured_minor"] == 3 * largest
    (activity,) = asked(store, "activity_by_day_method_and_state")
    assert activity["amount_minor"] == 3 * largest


def _parquet(store: Store, report: questions.Report) -> list[dict[str, Any]]:
    import io

    import pyarrow.parquet as pq

    rows: list[dict[str, Any]] = pq.read_table(io.BytesIO(questions.as_parquet(store, report, {}))).to_pylist()
    return rows


def asked(store: Store, name: str, **more: str) -> tuple[dict[str, Any], ...]:
    report = questions.load(name)
    given = {parameter.name: VALUES[parameter.name] for parameter in report.parameters if parameter.default is None}
    values = questions.values_for(report, given | more, day_zone="America/Los_Angeles", now=NOW)
    answer = questions.ask(store, report, values)
    json.loads(questions.as_json(answer))
    questions.as_csv(answer)
    questions.as_table(answer)
    questions.as_parquet(store, report, values)
    return answer.records


@pytest.mark.parametrize("codec", [Codec(), AsWritten()], ids=["with rules", "from before"])
def test_no_record_takes_a_batch_or_a_report_with_it(store: Store, codec: Codec) -> None:
    """Records of each type, on each topic that carries it, with extreme values in every field."""
    batch = Batch({}, codec)
    count = 0
    for topic in projected_topics():
        offset = 0
        for carried in catalog.topic(topic).records:
            # A marker says how far silence reaches; it has no row by design.
            for plain in poisoned(carried.name, POISON) if carried.name != "PositionMarked" else ():
                record = sealed_alike(plain)
                incoming = message(record, offset, topic)
                if offset % 2:
                    position = SourcePosition("anywhere", 0, offset, 0)
                    incoming = replace(incoming, headers=[("saldo-source", str(position).encode())])
                batch.add(incoming)
                offset += 1
        count += offset
    flush(store, batch)
    seen = store.rows(
        "SELECT count() FROM (SELECT source_topic, source_partition, source_offset FROM fct_records FINAL "
        "UNION DISTINCT SELECT source_topic, source_partition, source_offset FROM fct_unreadable FINAL)"
    )
    assert seen == [(count,)]
    for name in questions.report_names():
        asked(store, name)
