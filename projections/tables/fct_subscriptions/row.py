"""fct_subscriptions: how each subscription stood when, and what people did with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any

from projections.messages.coordinates import Coordinates
from projections.tables.columns import Number, Word
from projections.tables.table import FactTable
from schemas.records.subscriptions import (
    SubscriptionChanged,
    SubscriptionCommandRefused,
    SubscriptionSet,
    SubscriptionStatusChanged,
)

SUBSCRIPTION_RECORDS = (SubscriptionSet, SubscriptionChanged, SubscriptionCommandRefused, SubscriptionStatusChanged)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionRow:
    """Each status of a subscription, each setting of its terms, each change by a person, and what was refused."""

    record_type: Word
    vault_customer_id: str
    subscription_id: str
    is_of_paytrace: Annotated[int, "1 where PayTrace charges it by itself"]
    status: Word
    change: Annotated[Word, "what a person did; empty otherwise"]
    change_on: Annotated[date | None, "day from which terms or a change count, or the run that it means"]
    amount_minor: int
    currency: Word
    frequency: Word
    next_due_on: date | None
    run_count: Annotated[Number | None, "runs in all; null without end"]
    credit_minor: Annotated[int, "what the days after its end come to, where it prorates"]
    description: str
    decided_by: Word
    reason: str
    refused_because: str
    occurred_at: datetime


def project(record: Any, at: Coordinates) -> tuple[SubscriptionRow, ...]:
    """Return one row for each."""
    status = record if isinstance(record, SubscriptionStatusChanged) else None
    terms = record if isinstance(record, SubscriptionSet) else None
    said = record if isinstance(record, SubscriptionChanged) else None
    refused = record if isinstance(record, SubscriptionCommandRefused) else None
    priced, person = status or terms, terms or said or refused
    if priced is None and person is None:
        return ()
    return (
        SubscriptionRow(
            record_type=type(record).__name__,
            vault_customer_id=record.vault_customer_id,
            subscription_id=record.subscription_id,
            is_of_paytrace=int(status.is_of_paytrace) if status else 0,
            status=status.status.value if status else "",
            change=said.change.value if said else "",
            change_on=said.change_on if said else terms.effective_on if terms else None,
            amount_minor=priced.amount_minor if priced else 0,
            currency=priced.currency if priced else "",
            frequency=priced.frequency.value if priced else "",
            next_due_on=status.next_due_on if status else None,
            run_count=priced.run_count if priced else None,
            credit_minor=status.credit_minor if status else 0,
            description=priced.description if priced else "",
            decided_by=person.decided_by if person else "",
            reason=person.reason if person else "",
            refused_because=refused.refused_because if refused else "",
            occurred_at=record.occurred_at,
        ),
    )


TABLE = FactTable(
    name="fct_subscriptions",
    row=SubscriptionRow,
    order_by=("vault_customer_id", "subscription_id"),
    reads=SUBSCRIPTION_RECORDS,
    project=project,
)
