"""A record that one agent journals and sends on to another inbox is a row of one of the two topics, never of both."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from projections.messages.coordinates import Coordinates
from projections.tables import FACT_TABLES
from projections.tables.table import FactTable
from schemas import catalog
from tests.support.examples import example


def sent_on() -> list[tuple[FactTable[Any], str, tuple[str, ...]]]:
    """Tables with a record that they read, and its topics: one inbox and one journal."""
    found = []
    for table in FACT_TABLES:
        for record in table.reads or ():
            name = record.__name__
            topics = tuple(
                topic for topic, spec in catalog.topics().items() if name in {one.name for one in spec.records}
            )
            inboxes = [topic for topic in topics if topic.endswith(".inbox.v1")]
            others = [topic for topic in topics if topic not in inboxes]
            if len(inboxes) == len(others) == 1:
                found.append((table, name, topics))
    return found


def test_some_records_are_sent_on() -> None:
    assert {"SettlementLineRecorded", "DepositRestExplained", "PaymentIdentified"} <= {name for _, name, _ in sent_on()}


@pytest.mark.parametrize(
    ("table", "name", "topics"), [pytest.param(*one, id=f"{one[0].name}-{one[1]}") for one in sent_on()]
)
def test_it_is_a_row_of_one_topic_alone(table: FactTable[Any], name: str, topics: tuple[str, ...]) -> None:
    at = {
        topic: Coordinates(
            topic=topic, partition=0, offset=1, key=b"k", event_id="e", recorded_at=datetime(2026, 11, 30, tzinfo=UTC)
        )
        for topic in topics
    }
    with_rows = [topic for topic in topics if table.rows(example(name), at[topic])]
    assert len(with_rows) <= 1, f"{name} is a row of {with_rows} in {table.name}"
