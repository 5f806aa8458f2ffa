"""What became of a payment's money and of its invoice, in our words and in the ERP's: what is written back there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class PaymentStatus(StrEnum):
    """What became of a payment's money on one invoice; the last four: of its money that is on none."""

    PENDING = "PENDING"  # asked of the ERP, which has not confirmed it yet
    PAID = "PAID"
    PARTLY_REFUNDED = "PARTLY_REFUNDED"  # a part went back, whatever the reason
    REFUNDED = "REFUNDED"
    VOIDED = "VOIDED"
    RETURNED = "RETURNED"  # an ACH return
    CHARGED_BACK = "CHARGED_BACK"  # a dispute took it, and its invoice is open again
    REVERSED = "REVERSED"  # taken off this invoice by a correction, or by a person
    WAITING = "WAITING"  # another fact, or a person's decision, is needed
    ON_ACCOUNT = "ON_ACCOUNT"
    HANDED_OVER = "HANDED_OVER"  # left to finance
    PLACED = "PLACED"  # nothing of it is without an invoice any more


class InvoiceStatus(StrEnum):
    """How far an invoice is paid, whoever paid it."""

    OPEN = "OPEN"
    PARTLY_PAID = "PARTLY_PAID"
    PAID = "PAID"


@dataclass(frozen=True, slots=True)
class StatusWords:
    """The ERP's word for each status. A status of a payment that has none is not written back."""

    payment: Mapping[PaymentStatus, str]
    invoice: Mapping[InvoiceStatus, str]
