"""Each record once: repeats are dropped, crashes between inserts change nothing, whatever the batches were."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from projections.batches.batch import Batch
from projections.batches.flush import flush
from projections.batches.positions import load_progress
from projections.messages.topics import projected_topics
from projections.store.client import Store
from projections.store.digest import digests
from projections.tables import FACT_TABLES
from schemas import catalog
from schemas.records.payments import PaymentCaptured
from schemas.wire.codec import Codec
from schemas.wire.envelope import SourcePosition
from streams.log.records import Inbound
from tests.support.examples import example
from tests.support.projecting import project, wipe
from tests.support.scripted import IDENTIFICATION, IDENTIFICATION_INBOX, OBSERVATIONS, PAYMENTS, RECEIVABLES, Script


class Crash(Exception):
    """The process is gone."""


class MortalStore(Store):
    """A store whose process dies after so many inserts."""

    def __init__(self, inner: Store, inserts_left: int) -> None:
        self._inner = inner
        self._inserts_left = inserts_left

    def insert(self, table: str, columns: Sequence[str], values: Sequence[Sequence[Any]]) -> None:
        if self._inserts_left == 0:
            raise Crash
        self._inserts_left -= 1
        self._inner.insert(table, columns, values)


def eventful() -> list[Inbound]:
    """At least one row for every table, with repeats near and far."""
    script = Script()
    first = script.captured("1", 100)
    script.identified("1", 100)
    script.open_item("1", 100)
    requested = script.requested("1", 100)
    script.command("1", 100)
    script.posted("1", 100)
    question = script.captured("2", 70)
    script.write_again(question)
    asked = next(m for m in reversed(script.messages) if m.topic == IDENTIFICATION_INBOX)
    script.parked(IDENTIFICATION, asked)
    script.write_bytes(PAYMENTS, b"nonsense", headers={})
    script.write("erp.balances.v1", example("AccountBalanceObserved"))
    script.write(PAYMENTS, example("PaymentStatusUnrecognized", paytrace_transaction_id="3"))
    script.marked(PAYMENTS, 4711)
    script.write_again(requested)
    script.write_again(first)
    script.write("settlement.inbox.v1", example("SettlementBatchObserved"))
    script.matched("1", 100)
    for name in ("MatchSuggested", "DecisionTaken", "PostingRequested"):
        script.write(RECEIVABLES, example(name))
    settlement = ("SettlementLineRecorded", "DepositMatched", "SettlementDayStated", "FeeScheduleProposed")
    for name in settlement:
        script.write("settlement.events.v1", example(name))
    for name in ("DisputeRecorded", "DisputeDeadlineNear"):
        script.write("disputes.events.v1", example(name))
    script.write("approvals.events.v1", example("CommandProposed"))
    script.write("risk.events.v1", example("PaymentRiskDecided"))
    script.write("settlement.events.v1", example("DepositReportRecorded"))
    for name in ("JournalEntryMade", "LedgerDocumentWaiting"):
        script.write("ledger.entries.v1", example(name))
    script.write("alerts.events.v1", example("AlertOpened"))
    script.write("cases.events.v1", example("CaseAssigned"))
    script.write("gateway.outcomes.v1", example("ChargesHeld"))
    script.write(PAYMENTS, example("NextStepFound"))
    script.write("files.v1", example("FileReceived"))
    script.write("settlement.inbox.v1", example("BankLineObserved"))
    script.write("rates.events.v1", example("RateRecorded"))
    script.write("customers.inbox.v1", example("ErpCustomerObserved"))
    script.write("customers.events.v1", example("CustomerLinked"))
    script.write("customers.events.v1", example("PaymentMethodChanged"))
    script.write("customers.events.v1", example("CustomerValueDiffers"))
    script.write("schedules.runs.v1", example("ScheduleRunBegun"))
    script.write("orders.events.v1", example("OrderPlaced"))
    for name in ("SubscriptionStatusChanged", "SubscriptionRunChanged"):
        script.write("subscriptions.events.v1", example(name))
    return script.messages


def counts(store: Store) -> dict[str, int]:
    return {table.name: store.rows(f"SELECT count() FROM {table.name} FINAL")[0][0] for table in FACT_TABLES}


def test_a_crash_after_any_insert_changes_nothing(store: Store) -> None:
    messages = eventful()
    project(store, messages)
    undisturbed = digests(store)
    assert all(table.rows for table in undisturbed), undisturbed
    # Each table is one insert, and nothing tells one from another: the ends and some between are every crash there is.
    between = random.Random(8).sample(range(1, len(FACT_TABLES)), 6)
    for lived in (0, *sorted(between), len(FACT_TABLES)):
        wipe(store)
        batch = Batch(load_progress(store), Codec())
        for message in messages:
            batch.add(message)
        with pytest.raises(Crash):
            flush(MortalStore(store, lived), batch)
        project(store, messages)
        assert digests(store) == undisturbed, f"died after {lived} inserts"


def test_how_the_messages_fall_into_batches_changes_nothing(store: Store) -> None:
    messages = eventful()
    project(store, messages)
    undisturbed = digests(store)
    rng = random.Random(3)
    for _ in range(5):
        wipe(store)
        cuts = sorted(rng.sample(range(1, len(messages)), 4))
        for start, end in zip([0, *cuts], [*cuts, len(messages)], strict=True):
            project(store, messages[start:end])
        assert digests(store) == undisturbed


def test_a_record_delivered_again_at_its_own_offset_is_skipped(store: Store) -> None:
    messages = eventful()
    project(store, messages)
    before = digests(store)
    project(store, messages)
    assert digests(store) == before


def test_a_record_written_again_is_dropped_also_after_a_restart(store: Store) -> None:
    script = Script()
    captured = script.captured("1", 100)
    project(store, script.messages)
    before = counts(store)
    project(store, [script.write_again(captured)])
    assert counts(store) == before


def test_the_high_water_rises_per_lane_and_per_partition_read(store: Store) -> None:
    script = Script()
    high = script.write(PAYMENTS, _capture(script, "1"), caused_by=_at(OBSERVATIONS, 0, 7))
    assert high.partition == 0
    low_other_lane = script.write(PAYMENTS, _capture(script, "2"), caused_by=_at(OBSERVATIONS, 1, 5))
    low_other_partition = script.write(PAYMENTS, _capture(script, "3"), caused_by=_at(OBSERVATIONS, 0, 5), partition=1)
    below = script.write(PAYMENTS, _capture(script, "4"), caused_by=_at(OBSERVATIONS, 0, 6))
    assert len({low_other_lane.offset, low_other_partition.offset, below.offset}) == 3
    project(store, script.messages)
    found = store.rows("SELECT paytrace_transaction_id FROM fct_payment_events FINAL ORDER BY 1")
    assert found == [("1",), ("2",), ("3",)]


def test_several_records_of_one_cause_are_all_new(store: Store) -> None:
    script = Script()
    for index in range(3):
        script.write(PAYMENTS, _capture(script, str(index)), caused_by=_at(OBSERVATIONS, 0, 9, index))
    project(store, script.messages)
    assert counts(store)["fct_payment_events"] == 3


def test_an_unreadable_record_stops_nobody_and_is_named(store: Store) -> None:
    script = Script()
    script.write_bytes(RECEIVABLES, None, headers={}, partition=2)
    script.write_bytes(RECEIVABLES, b"\x00\x00\x00\x00\x07x", headers={"ce_id": b"foreign"}, partition=2)
    script.write_bytes(RECEIVABLES, b"x", headers={"saldo-source": b"no/position"}, partition=2)
    script.waiting("1", 100)
    project(store, script.messages)
    found = store.rows(
        "SELECT source_topic, source_partition, source_offset, message FROM fct_unreadable FINAL ORDER BY source_offset"
    )
    assert [row[:3] for row in found] == [(RECEIVABLES, 2, 0), (RECEIVABLES, 2, 1), (RECEIVABLES, 2, 2)]
    assert [next(word for word in ("saldo-source", "registry", "value") if word in row[3]) for row in found] == [
        "value",
        "registry",
        "saldo-source",
    ]
    assert counts(store)["fct_entries"] == 1


def test_a_record_on_a_topic_that_does_not_carry_it_is_unreadable(store: Store) -> None:
    """A foreign producer's mistake must neither stop the projector nor count as money."""
    script = Script()
    for topic in projected_topics():
        for name in catalog.record_classes():
            if name not in {record.name for record in catalog.topic(topic).records}:
                script.write(topic, example(name))
    project(store, script.messages)
    assert counts(store) == dict.fromkeys(counts(store), 0) | {"fct_unreadable": len(script.messages)}


def test_a_card_number_in_a_foreign_key_or_message_reaches_no_table(store: Store) -> None:
    script = Script()
    waiting = script.waiting("1", 100)
    foreign = [replace(waiting, key=b"4111111111111111")]
    foreign.append(replace(waiting, offset=1, headers=(("saldo-source", b"4111 1111 1111 1111"),)))
    project(store, foreign)
    reported = store.rows("SELECT record_key FROM fct_records UNION ALL SELECT message FROM fct_unreadable")
    assert len(reported) == 2
    assert all("1111" in text and "4111" not in text for (text,) in reported)


def test_a_repeat_of_an_unreadable_record_is_a_repeat_too(store: Store) -> None:
    script = Script()
    lane = {"saldo-source": b"identification.inbox.v1/0/7/0"}
    script.write_bytes(IDENTIFICATION, b"nonsense", headers=lane)
    script.write_bytes(IDENTIFICATION, b"nonsense", headers=lane)
    project(store, script.messages)
    assert counts(store)["fct_unreadable"] == 1


def _capture(script: Script, payment: str) -> PaymentCaptured:
    return PaymentCaptured(amount_minor=100, **script._payment(payment))


def _at(topic: str, partition: int, offset: int, index: int = 0) -> SourcePosition:
    return SourcePosition(topic, partition, offset, index)
