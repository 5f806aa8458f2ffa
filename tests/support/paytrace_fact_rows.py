"""Rows of PayTrace's batch, customer and schedule exports, as the reference shows them; ... leaves a field out."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

SETTLED = "4/10/2015 8:13:45 PM"


def batch_row(**changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "batch_number": 571,
        "settled": SETTLED,
        "transaction_count": 3,
        "net_amount": Decimal("612.40"),
        "sales_count": 2,
        "sales_amount": 650,
        "refund_count": 1,
        "refund_amount": Decimal("37.60"),
    }
    return {name: value for name, value in (row | changes).items() if value is not ...}


def listed(identity: int, amount: str, kind: str = "SALE", **changes: Any) -> dict[str, Any]:
    return {
        "transaction_id": identity,
        "transaction_type": kind,
        "amount": Decimal(amount),
        "approval_code": "TAS1",
        "status_code": "GB571",
        "status_message": "GB571",
        "created": {"at": "4/10/2015 4:06:30 PM"},
        "settled": SETTLED,
        **changes,
    }


LISTED = (listed(1, "600"), listed(2, "50", "AUTHORIZATION"), listed(3, "37.60", "REFUND"))


def customer_row(**changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "customer_id": "acme-inc",
        "email": "kevin@example.com",
        "phone": "5095550100",
        "credit_card": {"masked_number": "************5454", "expiration_month": 12, "expiration_year": 27},
        "billing_address": {"name": "Kevin Smith", "street_address": "8320 E. West St.", "zip": "85284"},
        "created": {"through": "API", "at": "11/20/2026 9:30:00 AM", "by": "demo123", "from_ip": "64.106.246.164"},
    }
    return {name: value for name, value in (row | changes).items() if value is not ...}


def schedule_row(**changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": 42,
        "amount": Decimal("24.95"),
        "customer_id": "acme-inc",
        "next": "12/1/2026",
        "total_count": 12,
        "current_count": "3",
        "frequency": "3",
        "transaction_type": "Sale",
        "type": "C",
        "description": "Monthly fee",
    }
    return {name: value for name, value in (row | changes).items() if value is not ...}
