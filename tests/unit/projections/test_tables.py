"""Tables: every record of every topic has its row, and the engine takes it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, fields, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from projections import tables
from projections.messages import topics
from projections.messages.coordinates import Coordinates
from projections.messages.dead_letters import open_dead_letter
from projections.store.client import Store
from projections.tables.columns import columns_of
from projections.tables.fct_dead_letters.row import TABLE as FCT_DEAD_LETTERS
from projections.tables.fct_entries.row import ENTRY_EVENTS
from projections.tables.fct_movements.row import STAGES
from projections.tables.fct_payment_events.row import PAYMENT_RECORDS, bridge_term
from projections.tables.fct_records.row import TABLE as FCT_RECORDS
from projections.tables.fct_settlement_batches.row import TABLE as FCT_SETTLEMENT_BATCHES
from projections.tables.fct_unreadable.row import TABLE as FCT_UNREADABLE
from projections.tables.fct_unreadable.row import UnreadableRecord
from projections.tables.money import parked_money
from projections.tables.table import Source
from schemas import catalog
from schemas.records.payments import CaptureReversalReason
from schemas.records.receivables import DecisionRefused, DecisionTaken, MatchSuggested
from schemas.topic import Topic
from schemas.wire.codec import Codec, to_json
from schemas.wire.envelope import SourcePosition
from tests.support.abas_commands import (
    on_account,
    post_receipt,
    refund_on_account,
    reverse_receipt,
    reverse_write_off,
    write_off,
)
from tests.support.builders import done
from tests.support.erp_data import fee
from tests.support.examples import example

SOURCE = tuple(column.name for column in columns_of(Source))


def status(topic: str, offset: int = 7) -> Coordinates:
    return Coordinates(
        topic=topic,
        partition=1,
        offset=offset,
        key=b"k",
        event_id="e",
        recorded_at=datetime(2026, 11, 20, 18, tzinfo=UTC),
        upstream=SourcePosition("payments.observations.v1", 1, 3, 0),
    )


def on_topics() -> Iterator[tuple[str, str]]:
    for topic in topics.projected_topics():
        for record in catalog.topic(topic).records:
            yield topic, record.name


def as_read(name: str) -> Any:
    record = example(name)
    return open_dead_letter(record, Codec()) if name == "DeadLetter" else record


@pytest.mark.parametrize(("topic", "name"), list(on_topics()))
def test_every_record_of_every_topic_fits_its_tables(store: Store, topic: str, name: str) -> None:
    """Each row has exactly the table's columns, and the engine takes and gives back its coordinates."""
    record, at = as_read(name), status(topic)
    made = {table: table.rows(record, at) for table in tables.FACT_TABLES}
    homes = {table.name for table, rows in made.items() if rows}
    for table in tables.FACT_TABLES:
        assert table.reads is None or type(record) in table.reads or not made[table]
    assert ("fct_records" in homes) == (name != "PositionMarked")
    for table, rows in made.items():
        assert all(type(row) is table.row for row in rows)
        for index, values in enumerate(table.values(record, at)):
            store.insert(table.name, table.column_names, [[value] for value in values])
            (found,) = store.rows(f"SELECT {', '.join(SOURCE)} FROM {table.name} WHERE row_index = {index}")
            assert found == (at.topic, at.partition, at.offset, index, at.event_id, at.recorded_at)


@pytest.mark.parametrize("name", sorted(catalog.record_classes()))
def test_the_body_of_a_record_is_its_json(name: str) -> None:
    record = example(name)
    if name == "PositionMarked":
        return
    (row,) = FCT_RECORDS.rows(record, status(Topic.PAYMENTS_EVENTS))
    reported = {
        key: value for key, value in to_json(record).items() if not key.startswith("record_") or key == "record_key"
    }
    assert json.loads(row.body) == reported


def test_each_fact_table_is_fed() -> None:
    fed = {
        table.name
        for topic, name in on_topics()
        for table in tables.FACT_TABLES
        if table.rows(as_read(name), status(topic))
    }
    unreadable = UnreadableRecord(value=b"x", error_type="Unreadable", message="no")
    assert FCT_UNREADABLE.rows(unreadable, status(Topic.PAYMENTS_EVENTS))
    assert fed | {FCT_UNREADABLE.name} == {table.name for table in tables.FACT_TABLES}


def test_a_record_that_leaves_a_reference_open_has_its_row() -> None:
    payment_request = example("PaymentRequestObserved", paytrace_transaction_id=None)
    [row] = FCT_RECORDS.rows(payment_request, status("gateway.inbox.v1"))
    assert (row.paytrace_transaction_id, row.record_key, row.amount_minor) == ("", "k", 1250)


def test_a_command_that_leaves_its_amount_open_has_its_row(store: Store) -> None:
    record = example("WriteOffRest", amount_minor=None)
    columns = tuple(zip(*FCT_RECORDS.values(record, status("receivables.inbox.v1")), strict=True))
    store.insert(FCT_RECORDS.name, FCT_RECORDS.column_names, columns)
    assert store.rows("SELECT record_type, amount_minor FROM fct_records") == [("WriteOffRest", 0)]


def test_what_a_batch_leaves_open_is_null(store: Store) -> None:
    batch = example("SettlementBatchObserved", sales_minor=None, listed_count=None, is_consistent=None)
    table = FCT_SETTLEMENT_BATCHES
    columns = tuple(zip(*table.values(batch, status("settlement.inbox.v1")), strict=True))
    store.insert(table.name, table.column_names, columns)
    asked = f"SELECT net_minor, sales_minor, listed_count, is_consistent, toString(settled_on) FROM {table.name}"
    assert store.rows(asked) == [(61240, None, None, None, "2015-04-10")]


def test_topic_names_are_the_catalogue_s() -> None:
    named = {value for key, value in vars(topics).items() if key.isupper() and key != "PROJECTOR"}
    assert named <= set(topics.projected_topics())
    assert {f"{topic}.dlq" for topic in named if catalog.topic(topic).role == "inbox"} <= set(topics.projected_topics())


def test_an_outcome_on_its_way_back_is_not_a_second_posting() -> None:
    record = example("DocumentPosted")
    homes = {table.name for table in tables.FACT_TABLES if table.rows(record, status(Topic.RECEIVABLES_INBOX))}
    assert homes == {"fct_records"}


def test_an_identified_payment_that_arrives_in_receivables_is_not_identified_twice() -> None:
    record = example("PaymentIdentified")
    homes = {table.name for table in tables.FACT_TABLES if table.rows(record, status(Topic.RECEIVABLES_INBOX))}
    assert homes == {"fct_records"}


@pytest.mark.parametrize("name", sorted({name for _, name in on_topics()}))
def test_a_parked_record_that_leaves_out_what_it_may_is_a_row_all_the_same(name: str) -> None:
    fields = {field["name"]: field["type"] for field in catalog.latest(name).schema["fields"]}
    bare = example(name, **{one: None for one, kind in fields.items() if isinstance(kind, list) and "null" in kind})
    opened = replace(open_dead_letter(example("DeadLetter"), Codec()), record=bare)
    (row,) = FCT_DEAD_LETTERS.rows(opened, status("payments.observations.v1.dlq"))
    may_be_null = {"occurred_at", "behind"}
    assert [column for column, value in asdict(row).items() if value is None and column not in may_be_null] == []


def test_parked_bytes_stay_out_of_every_table() -> None:
    letter = example("DeadLetter")
    rows = [row for t in tables.FACT_TABLES for row in t.rows(open_dead_letter(letter, Codec()), status("x.dlq"))]
    assert rows
    assert all("record_value" not in str(row) and "record_headers" not in str(row) for row in rows)


@pytest.mark.parametrize(
    ("event", "term"),
    [
        (example("PaymentCaptured", amount_minor=100), ("captured", 100)),
        (example("CaptureAmountChanged", previous_minor=100, amount_minor=80), ("captured", -20)),
        (example("RefundIssued", amount_minor=100), ("refunded", 100)),
        (example("RefundReversed", amount_minor=100), ("refunded", -100)),
        (example("CaptureReversed", amount_minor=100, reason="VOID"), ("voided", 100)),
        (example("CaptureReversed", amount_minor=100, reason="ACH_RETURN"), ("returned", 100)),
        (example("CaptureReversed", amount_minor=100, reason="UNKNOWN"), ("voided", 100)),
    ],
)
def test_money_events_add_to_their_term(event: Any, term: tuple[str, int]) -> None:
    assert bridge_term(event) == term


def test_no_other_payment_event_moves_money() -> None:
    moving = {"PaymentCaptured", "CaptureAmountChanged", "RefundIssued", "RefundReversed", "CaptureReversed"}
    moving |= {"PaymentChargedBack", "PaymentChargebackReversed"}
    others = {record.name for record in catalog.topic(Topic.PAYMENTS_EVENTS).records} - moving
    assert {bridge_term(example(name)) for name in others} == {("", 0)}
    assert len(CaptureReversalReason) == 3


def test_every_record_that_can_be_parked_has_its_money_decided() -> None:
    """Only these bring money to a context; whatever is added to an inbox must be decided here."""
    money = {
        (topic, name): parked_money(topic, example(name))
        for topic in topics.projected_topics()
        if catalog.topic(topic).role == "inbox"
        for name in (record.name for record in catalog.topic(topic).records)
    }
    assert {key: value for key, value in money.items() if value} == {
        (Topic.IDENTIFICATION_INBOX, "PaymentToIdentify"): 12500,
        (Topic.IDENTIFICATION_INBOX, "PaymentPassedOn"): 12500,
        (Topic.RECEIVABLES_INBOX, "PaymentIdentified"): 12500,
        (Topic.RECEIVABLES_INBOX, "EntryMoved"): 12500,
        (Topic.ERP_COMMANDS, "PostDocument"): 12500,
    }
    documents = [
        post_receipt("PT1", "i1", minor=1),
        reverse_receipt("PT2", "PT1", "i1", minor=2),
        on_account("PT3", 3),
        refund_on_account("PT4", 4),
        write_off("PT1W1", "i1", 5),
        reverse_write_off("PT1W1U1", "PT1W1", "i1", 6),
        fee("FEE-1"),
    ]
    assert [parked_money(Topic.ERP_COMMANDS, one) for one in documents] == [1, -2, 3, -4, 0, 0, 0]
    assert [parked_money(Topic.RECEIVABLES_INBOX, done(one)) for one in documents] == [0] * 7


def test_every_event_of_the_payments_journal_is_in_its_table() -> None:
    bookkeeping = {"PositionMarked", "RecordParked", "ParkedRecordReleased", "ParkedRecordDiscarded", "BreakerReset"}
    bookkeeping |= {"RulesAdopted", "RiskAsked"}  # what risk is asked moves nothing
    reported = {record.name for record in catalog.topic(Topic.PAYMENTS_EVENTS).records} - bookkeeping
    assert reported == {kind.__name__ for kind in PAYMENT_RECORDS}


def test_every_event_of_an_entry_is_in_its_table() -> None:
    reported = {
        record.name
        for record in catalog.topic(Topic.RECEIVABLES_EVENTS).records
        if "posting_reference" in {field.name for field in fields(catalog.record_classes()[record.name])}
    }
    of_their_own = {kind.__name__ for kind in (MatchSuggested, DecisionTaken, DecisionRefused)}
    assert reported - of_their_own == {kind.__name__ for kind in ENTRY_EVENTS}


def test_movements_know_the_stage_of_every_record_about_one() -> None:
    about_movements = {
        name
        for topic in topics.projected_topics()
        for name in (record.name for record in catalog.topic(topic).records)
        if "movement_id" in {field.name for field in fields(catalog.record_classes()[name])}
    }
    # What the ledger and a card's reference hear of a movement is no stage of finding its payer.
    assert about_movements - {"MoneyMoved", "CardMoneyKnown"} == {kind.__name__ for kind in STAGES}
