"""fct_observations: each sighting of a PayTrace transaction, our reading beside the source's own words."""

from __future__ import annotations

from typing import Any

from projections.messages.coordinates import Coordinates
from projections.tables.table import Row, Table
from schemas.records.payments import TransactionObserved
from schemas.values.business_day import business_day


def project(record: Any, at: Coordinates) -> tuple[Row, ...]:
    """One row for each TransactionObserved."""
    if not isinstance(record, TransactionObserved):
        return ()
    return (
        {
            "paytrace_transaction_id": record.paytrace_transaction_id,
            "merchant": record.merchant,
            "kind": record.kind.value,
            "raw_kind": record.raw_kind,
            "status": record.status.value,
            "raw_status": record.raw_status,
            "raw_amount": record.raw_amount,
            "unreadable": record.unreadable,
            "raw_response_code": record.raw_response_code or "",
            "method": record.method.value,
            "amount_minor": record.amount_minor,
            "currency": record.currency,
            "approval_code": record.approval_code,
            "invoice_number": record.invoice_number or "",
            "vault_customer_id": record.vault_customer_id or "",
            "description": record.description,
            "card_last_four": record.card_last_four or "",
            "avs_response": record.avs_response,
            "csc_response": record.csc_response,
            "batch_number": record.batch_number,
            "return_code": record.return_code or "",
            "created_at": record.created_at,
            "created_on": record.created_on or business_day(record.created_at),
            "settled_at": record.settled_at,
            "observed_at": record.observed_at,
            "observed_on": record.observed_on or business_day(record.observed_at),
            "observed_by": record.observed_by.value,
            "raw": record.raw,
        },
    )


TABLE = Table(
    name="fct_observations",
    own_columns=(
        "paytrace_transaction_id",
        "merchant",
        "kind",
        "raw_kind",
        "status",
        "raw_status",
        "raw_amount",
        "unreadable",
        "raw_response_code",
        "method",
        "amount_minor",
        "currency",
        "approval_code",
        "invoice_number",
        "vault_customer_id",
        "description",
        "card_last_four",
        "avs_response",
        "csc_response",
        "batch_number",
        "return_code",
        "created_at",
        "created_on",
        "settled_at",
        "observed_at",
        "observed_on",
        "observed_by",
        "raw",
    ),
    reads=(TransactionObserved,),
    project=project,
)
