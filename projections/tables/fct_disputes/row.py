"""fct_disputes: each fact of a dispute as the settlement context recorded it, and what it did to its payment."""

from __future__ import annotations

from typing import Any

from projections.messages.coordinates import Coordinates
from projections.tables.table import Row, Table
from schemas.records.payments import PaymentChargebackReversed, PaymentChargedBack
from schemas.records.settlement import DisputeRecorded

DISPUTE_RECORDS = (DisputeRecorded, PaymentChargedBack, PaymentChargebackReversed)


def project(record: Any, at: Coordinates) -> tuple[Row, ...]:
    """One row for each; amount_minor is the fact's own amount, or for a payment the difference, never negative."""
    if not isinstance(record, DISPUTE_RECORDS):
        return ()
    if isinstance(record, DisputeRecorded):
        stage, amount_minor, now_minor = record.stage.value, record.amount_minor, record.charged_back_minor
    else:
        stage, amount_minor, now_minor = "", abs(record.amount_minor - record.previous_minor), record.amount_minor
    return (
        {
            "record_type": type(record).__name__,
            "settlement_account": record.settlement_account,
            "dispute_id": record.dispute_id,
            "paytrace_transaction_id": record.paytrace_transaction_id or "",
            "stage": stage,
            "raw_stage": record.raw_stage,
            "reason_code": record.reason_code,
            "amount_minor": amount_minor,
            "previous_minor": record.previous_minor,
            "charged_back_minor": now_minor,
            "currency": record.currency,
            "entered_on": record.entered_on,
            "occurred_at": record.occurred_at,
        },
    )


TABLE = Table(
    name="fct_disputes",
    own_columns=(
        "record_type",
        "settlement_account",
        "dispute_id",
        "paytrace_transaction_id",
        "stage",
        "raw_stage",
        "reason_code",
        "amount_minor",
        "previous_minor",
        "charged_back_minor",
        "currency",
        "entered_on",
        "occurred_at",
    ),
    reads=DISPUTE_RECORDS,
    project=project,
)
