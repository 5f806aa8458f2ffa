"""The read side as Prometheus metrics: what it is behind, and what waits for people, as the report counts it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

from projections.batches.lag import ProjectorStatus
from projections.reports import questions
from projections.store.client import SqlReader
from projections.store.errors import QueryRefused
from schemas.failures import ContractBroken, Unavailable

PROMETHEUS_TEXT = CONTENT_TYPE_LATEST
NEEDS_A_PERSON = "what_needs_a_person"


def prometheus_text(reader: SqlReader, status: ProjectorStatus) -> bytes:
    """Return every metric of now. What can't be asked is missing, and `saldo_projector_asks_broker` is 0."""
    registry = CollectorRegistry()
    answers = Gauge(
        "saldo_projector_asks_broker", "1 while the broker tells the projector its ends.", registry=registry
    )
    try:
        behind = status.lag()
    except (Unavailable, ContractBroken):
        answers.set(0)
    else:
        answers.set(1)
        lag = Gauge("saldo_projector_lag_records", "Records that the tables do not hold yet.", registry=registry)
        lag.set(behind.total)
    unread = Gauge("saldo_projector_unreadable_records", "Records since start that made no sense.", registry=registry)
    unread.set(status.tally().get("unreadable", 0))
    items = Gauge("saldo_person_items", "What waits for a person.", ["kind", "currency"], registry=registry)
    oldest = Gauge("saldo_person_oldest_seconds", "Age of the oldest of them.", ["kind", "currency"], registry=registry)
    now = datetime.now(UTC)
    for row in needs_a_person(reader):
        items.labels(row["kind"], row["currency"]).set(row["item_count"])
        since = datetime.fromisoformat(str(row["oldest_since"])).replace(tzinfo=UTC)
        oldest.labels(row["kind"], row["currency"]).set(max(0.0, (now - since).total_seconds()))
    return generate_latest(registry)


def needs_a_person(reader: SqlReader) -> tuple[dict[str, Any], ...]:
    """Return the rows of the report; none while nothing is projected yet."""
    try:
        return questions.ask(reader, questions.load(NEEDS_A_PERSON), {}).records
    except QueryRefused as error:
        if "UNKNOWN_TABLE" in str(error):
            return ()
        raise
