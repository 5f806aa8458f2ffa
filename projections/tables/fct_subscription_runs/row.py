"""fct_subscription_runs: how each run of a subscription stood when, and each charge of it by us."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any

from projections.messages.coordinates import Coordinates
from projections.tables.columns import Number, Word
from projections.tables.table import FactTable
from schemas.records.subscriptions import RunChargeAsked, RunChargeEnded, SubscriptionRunChanged
from schemas.topic import Topic

RUN_RECORDS = (SubscriptionRunChanged, RunChargeAsked, RunChargeEnded)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionRunRow:
    """Each status of a run, each charge that was asked of PayTrace, and what came of it."""

    record_type: Word
    vault_customer_id: str
    subscription_id: Annotated[str, "empty of the end of a charge, which its reference names"]
    due_on: date | None
    is_of_paytrace: Annotated[int, "1 where PayTrace charges it by itself"]
    status: Annotated[Word, "of a charge ASKED, DONE or REFUSED"]
    amount_minor: int
    prorated_minor: Annotated[int, "part of the amount that comes from parts of periods"]
    currency: Word
    paytrace_transaction_id: str
    linked_by: Word
    attempt_count: Annotated[Number, "of a charge its number"]
    next_try_on: date | None
    why: Annotated[str, "of a charge what PayTrace said"]
    call_reference: str
    is_by_person: Annotated[int, "1 where a person asked for the charge"]
    occurred_at: datetime


def project(record: Any, _at: Coordinates) -> tuple[SubscriptionRunRow, ...]:
    """Return one row for each."""
    if isinstance(record, RunChargeEnded):
        return (
            SubscriptionRunRow(
                record_type="RunChargeEnded",
                vault_customer_id=record.vault_customer_id,
                subscription_id="",
                due_on=None,
                is_of_paytrace=0,
                status="DONE" if record.is_done else "REFUSED",
                amount_minor=0,
                prorated_minor=0,
                currency="",
                paytrace_transaction_id=record.result_transaction_id or "",
                linked_by="",
                attempt_count=0,
                next_try_on=None,
                why=f"{record.code} {record.message}".strip(),
                call_reference=record.call_reference,
                is_by_person=0,
                occurred_at=record.occurred_at,
            ),
        )
    run = record if isinstance(record, SubscriptionRunChanged) else None
    asked = record if isinstance(record, RunChargeAsked) else None
    return (
        SubscriptionRunRow(
            record_type=type(record).__name__,
            vault_customer_id=record.vault_customer_id,
            subscription_id=record.subscription_id,
            due_on=record.due_on,
            is_of_paytrace=int(run.is_of_paytrace) if run else 0,
            status=run.status.value if run else "ASKED",
            amount_minor=record.amount_minor,
            prorated_minor=run.prorated_minor if run else 0,
            currency=record.currency,
            paytrace_transaction_id=(run.paytrace_transaction_id or "") if run else "",
            linked_by=run.linked_by if run else "",
            attempt_count=run.attempt_count if run else asked.attempt if asked else 0,
            next_try_on=run.next_try_on if run else None,
            why=run.why if run else "",
            call_reference=asked.call_reference if asked else "",
            is_by_person=int(asked.is_by_person) if asked else 0,
            occurred_at=record.occurred_at,
        ),
    )


TABLE = FactTable(
    name="fct_subscription_runs",
    row=SubscriptionRunRow,
    order_by=("vault_customer_id", "subscription_id"),
    reads=RUN_RECORDS,
    topics=frozenset({Topic.SUBSCRIPTIONS_EVENTS}),  # the end of a charge comes in by the inbox as well
    project=project,
)
