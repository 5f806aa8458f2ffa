"""fct_identification: the way of each money movement to its payer, from the question to the answer.

The question (PaymentToIdentify) comes from the inbox, the rest from the journal; PaymentIdentified is read from the
journal only, not a second time from the inbox of receivables.
"""

from __future__ import annotations

from typing import Any

from projections.coordinates import Coordinates
from projections.tables.money import movement_sign
from projections.tables.table import Row, Table
from projections.topics import IDENTIFICATION_EVENTS, IDENTIFICATION_INBOX
from schemas.records.identification import (
    PaymentAwaitsReference,
    PaymentIdentified,
    PaymentPassedOn,
    PaymentToIdentify,
)

# A movement is asked for at one token after the other, each perhaps on another partition, so offsets alone don't order
# its records; the stage does.
STAGES: dict[type, int] = {PaymentToIdentify: 0, PaymentPassedOn: 1, PaymentAwaitsReference: 2, PaymentIdentified: 3}


def project(record: Any, at: Coordinates) -> tuple[Row, ...]:
    """One row for each record about a movement on its way to a payer."""
    stage = STAGES.get(type(record))
    if stage is None or at.topic not in (IDENTIFICATION_INBOX, IDENTIFICATION_EVENTS):
        return ()
    return (
        {
            "record_type": type(record).__name__,
            "stage": stage,
            "movement_id": record.movement_id,
            "paytrace_transaction_id": record.paytrace_transaction_id,
            "movement": record.movement.value,
            "signed_minor": movement_sign(record.movement) * record.amount_minor,
            "amount_minor": record.amount_minor,
            "currency": record.currency,
            "method": record.method.value,
            "invoice_number": record.invoice_number or "",
            "vault_customer_id": record.vault_customer_id or "",
            "token": _token(record),
            "abas_customer_id": record.abas_customer_id if isinstance(record, PaymentIdentified) else "",
            "reason": record.reason.value if isinstance(record, PaymentAwaitsReference) else "",
            "detail": record.detail if isinstance(record, PaymentAwaitsReference) else "",
            "occurred_at": record.occurred_at,
        },
    )


def _token(record: Any) -> str:
    match record:
        case PaymentToIdentify():
            return record.tokens[0] if record.tokens else ""
        case PaymentPassedOn():
            return record.next_token
        case PaymentIdentified():
            return record.identified_by
        case _:
            return str(record.token)


TABLE = Table(
    name="fct_identification",
    own_columns=(
        "record_type",
        "stage",
        "movement_id",
        "paytrace_transaction_id",
        "movement",
        "signed_minor",
        "amount_minor",
        "currency",
        "method",
        "invoice_number",
        "vault_customer_id",
        "token",
        "abas_customer_id",
        "reason",
        "detail",
        "occurred_at",
    ),
    reads=tuple(STAGES),
    project=project,
)
