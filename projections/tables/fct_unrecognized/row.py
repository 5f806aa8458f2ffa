"""fct_unrecognized: what of PayTrace's observations could not be read, and the observation that ended it.

Money of these rows is not proved, so no term of the bridge holds it.
"""

from __future__ import annotations

from typing import Any

from projections.messages.coordinates import Coordinates
from projections.tables.table import Row, Table
from schemas.records.payments import PaymentStatusRecognized, PaymentStatusUnrecognized, UnrecognizedReason

_COLUMNS = (
    "merchant",
    "method",
    "kind",
    "reason",
    "raw_kind",
    "raw_status",
    "raw_amount",
    "amount_minor",
    "currency",
    "invoice_number",
    "vault_customer_id",
    "card_last_four",
)
_MAY_BE_NULL = frozenset({"raw_amount", "amount_minor"})


def project(record: Any, at: Coordinates) -> tuple[Row, ...]:
    """One row for each observation that could not be read, and for each that ended the waiting."""
    if not isinstance(record, PaymentStatusUnrecognized | PaymentStatusRecognized):
        return ()
    row: dict[str, Any] = {
        "record_type": type(record).__name__,
        "paytrace_transaction_id": record.paytrace_transaction_id,
        "occurred_at": record.occurred_at,
    }
    said = _said(record) if isinstance(record, PaymentStatusUnrecognized) else ""
    return (row | {name: _cell(record, name) for name in _COLUMNS} | {"said": said},)


def _said(record: PaymentStatusUnrecognized) -> str:
    """What could not be read, in PayTrace's words."""
    parts = []
    if record.detail is not None:
        parts.append(record.detail)
    if record.reason is UnrecognizedReason.KIND_UNKNOWN:
        parts.append(f"kind {record.raw_kind or 'not given'}")
    if record.raw_amount is not None:
        parts.append(f"amount {record.raw_amount or 'not given'}")
    status = record.raw_status if record.raw_status.strip("/ ") else "no status"
    return "; ".join([*parts, f"PayTrace says {status}"])


def _cell(record: PaymentStatusUnrecognized | PaymentStatusRecognized, name: str) -> Any:
    value = getattr(record, name, None)
    if name in _MAY_BE_NULL:
        return value
    return str(value) if value is not None else ""


TABLE = Table(
    name="fct_unrecognized",
    own_columns=("record_type", "paytrace_transaction_id", "said", *_COLUMNS, "occurred_at"),
    reads=(PaymentStatusUnrecognized, PaymentStatusRecognized),
    project=project,
)
