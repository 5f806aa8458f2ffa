"""Records of the gateway context: what others ask of the payment gateway.

Field for field like schemas/avro/gateway/*.avsc; tests/catalog holds the two together.
Meaning, unit and source of each field stand in the .avsc, so that every language reads the same words.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class WishKind(StrEnum):
    """What is asked of the gateway; UNKNOWN keeps raw_kind and is never carried out."""

    UNKNOWN = "UNKNOWN"
    REFUND = "REFUND"
    VOID = "VOID"
    CAPTURE = "CAPTURE"
    CHARGE = "CHARGE"


class WishStatus(StrEnum):
    """How the wish stands at abas; only OPEN asks for anything, UNKNOWN keeps raw_status."""

    UNKNOWN = "UNKNOWN"
    OPEN = "OPEN"
    DONE = "DONE"
    REFUSED = "REFUSED"
    CANCELLED = "CANCELLED"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentWishObserved:
    """Somebody at abas asks something of the payment gateway; nothing has been done about it yet."""

    wish_id: str
    wish_number: str
    kind: WishKind
    raw_kind: str
    status: WishStatus
    raw_status: str
    abas_customer_id: str
    amount_minor: int
    currency: str
    paytrace_transaction_id: str | None = None
    vault_customer_id: str | None = None
    requester: str | None = None
    reason: str
    observed_at: datetime
    raw: str
