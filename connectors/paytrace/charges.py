"""Puts charges and schedules into PayTrace's words, for both clients. Pure.

Protects the merchant: another currency than US dollars and a negative amount are refused before any call.
"""

from __future__ import annotations

from typing import Any

from connectors.paytrace.errors import CurrencyNotOffered
from connectors.paytrace.ports import Charge, RecurrencePlan
from connectors.paytrace.readings import to_date_text, to_dollars
from connectors.paytrace.texts import clean_text


def require_dollars(charge: Charge) -> None:
    """Refuse what PayTrace cannot charge.

    Raises: CurrencyNotOffered; ValueError for a negative amount.
    """
    if charge.currency != "USD":
        raise CurrencyNotOffered(f"PayTrace charges US dollars only, not {charge.currency}")
    if charge.amount_minor < 0:
        raise ValueError("amount_minor must not be negative")


def charge_fields(charge: Charge) -> dict[str, Any]:
    """Return the fields of a charge in v1's words. Raises as require_dollars."""
    require_dollars(charge)
    fields: dict[str, Any] = {
        "amount": f"{to_dollars(charge.amount_minor):.2f}",
        "invoice_id": clean_text(charge.invoice_number) or None,
        "description": clean_text(charge.description, limit=255) or None,
        "customer_reference_id": clean_text(charge.customer_reference_id) or None,
    }
    if charge.tax_amount_minor is not None:
        fields["tax_amount"] = f"{to_dollars(charge.tax_amount_minor):.2f}"
    address = charge.billing_address
    if address is not None:
        parts = {
            "name": address.name,
            "street_address": address.street_address,
            "city": address.city,
            "state": address.state,
            "zip": address.zip,
            "country": address.country,
        }
        fields["billing_address"] = {name: clean_text(text) for name, text in parts.items() if text}
    return fields


def recurrence_fields(plan: RecurrencePlan) -> dict[str, Any]:
    """Return the fields of a schedule, equal in v1 and v3."""
    return {
        "amount": to_dollars(plan.amount_minor),
        "frequency": plan.frequency,
        "start_date": to_date_text(plan.start_on),
        "total_count": str(plan.total_count),
        "transaction_type": plan.transaction_type,
        "type": plan.pays_by,
        "description": clean_text(plan.description, limit=255),
    }
