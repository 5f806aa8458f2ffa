"""What people at abas see of their payment request: status, transaction, documents and reason, on the request itself.

All of it is a function of what was decided about the request, so a repeat writes the same. Each change is one
`SaveRecord`, and abas is looked at before it is changed (docs/adr/0111).
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from schemas.records.erp import SaveRecord
from streams.domain.gateway.state import State

KIND: Final = "payment_request"


def write_back(payment_request_id: str, state: State, at: datetime) -> SaveRecord:
    """Return the command that writes where a payment request stands onto the request."""
    return SaveRecord(
        kind=KIND,
        natural_key=payment_request_id,
        subject=payment_request_id,
        values={
            "request": payment_request_id,
            "request_status": state.status.value,
            "transaction": state.result_transaction_id,
            "document": ", ".join(state.documents),
            "reason": state.reason,
        },
        rows=(),
        expected_version=None,
        occurred_at=at,
    )
