"""fct_observations: each observation of a PayTrace transaction, our reading beside the source's own words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from projections.messages.coordinates import Coordinates
from projections.tables.columns import LongText, Number, Word
from projections.tables.table import FactTable
from schemas.records.payments import TransactionObserved
from schemas.values.business_day import business_day


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservationRow:
    """Observations of PayTrace transactions, our reading beside the words of the source."""

    paytrace_transaction_id: str
    merchant: Word
    kind: Word
    raw_kind: Word
    status: Word
    raw_status: Word
    raw_amount: str | None
    unreadable: str | None
    raw_response_code: Word
    method: Word
    amount_minor: int
    currency: Word
    approval_code: str
    invoice_number: str
    vault_customer_id: str
    description: str
    card_last_four: str
    avs_response: Word
    csc_response: Word
    batch_number: Number | None
    return_code: Word
    created_at: datetime
    created_on: date
    settled_at: datetime | None
    observed_at: datetime
    observed_on: date
    observed_by: Word
    raw: LongText


def project(record: Any, at: Coordinates) -> tuple[ObservationRow, ...]:
    """Return one row for each TransactionObserved."""
    return (
        ObservationRow(
            paytrace_transaction_id=record.paytrace_transaction_id,
            merchant=record.merchant,
            kind=record.kind.value,
            raw_kind=record.raw_kind,
            status=record.status.value,
            raw_status=record.raw_status,
            raw_amount=record.raw_amount,
            unreadable=record.unreadable,
            raw_response_code=record.raw_response_code or "",
            method=record.method.value,
            amount_minor=record.amount_minor,
            currency=record.currency,
            approval_code=record.approval_code,
            invoice_number=record.invoice_number or "",
            vault_customer_id=record.vault_customer_id or "",
            description=record.description,
            card_last_four=record.card_last_four or "",
            avs_response=record.avs_response,
            csc_response=record.csc_response,
            batch_number=record.batch_number,
            return_code=record.return_code or "",
            created_at=record.created_at,
            created_on=record.created_on or business_day(record.created_at),
            settled_at=record.settled_at,
            observed_at=record.observed_at,
            observed_on=record.observed_on or business_day(record.observed_at),
            observed_by=record.observed_by.value,
            raw=record.raw,
        ),
    )


TABLE = FactTable(
    name="fct_observations",
    row=ObservationRow,
    order_by=("paytrace_transaction_id",),
    reads=(TransactionObserved,),
    project=project,
)
