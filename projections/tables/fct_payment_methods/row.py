"""fct_payment_methods: what a vault customer can be charged by: each method that was added, changed or removed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any

from projections.messages.coordinates import Coordinates
from projections.tables.columns import Word
from projections.tables.table import FactTable
from schemas.records.customers import PaymentMethodChanged


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentMethodRow:
    """One change of one method."""

    data_subject: Annotated[str, "vault customer, as sources name it: paytrace/<merchant>/<id>"]
    vault_customer_id: str
    method: Word
    change: Annotated[Word, "ADDED, CHANGED or REMOVED"]
    card_brand: Annotated[Word, "empty where the gateway names none"]
    card_last_four: Annotated[str, "of a removed card those that it had; empty of a bank account"]
    card_expires_on: date | None
    card_fingerprint: Annotated[str, "equal for equal cards; empty where the gateway gives none"]
    was_last_four: str
    was_expires_on: date | None
    occurred_at: datetime


def project(record: Any, at: Coordinates) -> tuple[PaymentMethodRow, ...]:
    """Return one row for each."""
    return (
        PaymentMethodRow(
            data_subject=record.data_subject,
            vault_customer_id=record.vault_customer_id,
            method=record.method.value,
            change=record.change.value,
            card_brand=record.card_brand or "",
            card_last_four=record.card_last_four or "",
            card_expires_on=record.card_expires_on,
            card_fingerprint=record.card_fingerprint or "",
            was_last_four=record.was_last_four or "",
            was_expires_on=record.was_expires_on,
            occurred_at=record.occurred_at,
        ),
    )


TABLE = FactTable(
    name="fct_payment_methods",
    row=PaymentMethodRow,
    order_by=("data_subject", "method"),
    reads=(PaymentMethodChanged,),
    project=project,
)
