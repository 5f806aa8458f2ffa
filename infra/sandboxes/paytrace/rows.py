"""Writes the sandbox's books in PayTrace's words: export rows, batch rows, ACH items, and the books themselves."""

from __future__ import annotations

import sqlite3
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from infra.sandboxes.common.books import from_us, to_us
from infra.sandboxes.paytrace import formats
from infra.sandboxes.paytrace.faults import Faults
from infra.sandboxes.paytrace.formats import to_clock_text, to_dollars
from infra.sandboxes.paytrace.oddities import ACH_STATUSES, CARD_STATUSES, CLEAR_AMOUNTS, UNCLEAR_AMOUNTS
from infra.sandboxes.paytrace.settings import SandboxSettings

# A row of the store, or one put together from it.
Fields = sqlite3.Row | dict[str, Any]

_EMPTY_ADDRESS: Final = {
    "name": "",
    "street_address": "",
    "street_address2": "",
    "city": "",
    "state": "",
    "zip": "",
    "country": "US",
}


class RowWriter:
    """Turns rows of the store into wire shapes, in the account's zone and wording."""

    def __init__(self, settings: SandboxSettings, faults: Faults) -> None:
        self._settings = settings
        self._faults = faults
        self._zone: ZoneInfo = settings.zone

    def transaction(self, row: Fields) -> formats.JsonObject:
        """Return one transaction as the card export shows it."""
        code, message = self._status(row)
        return {
            "transaction_id": row["number"],
            "credit_card": {
                "masked_number": f"************{row['last_four']}",
                "expiration_month": row["expiration_month"],
                "expiration_year": row["expiration_year"],
            },
            "transaction_type": row["kind"],
            "description": row["description"],
            "amount": self._amount(row["number"], row["amount_minor"]),
            "invoice_id": row["invoice_id"],
            "shipping_address": _address(row["shipping"], county=True),
            "billing_address": _address(row["billing"]),
            "receipt_emailed_to": "",
            "tax_amount": "" if row["tax_minor"] is None else f"{to_dollars(row['tax_minor']):.2f}",
            "customer_reference_id": row["customer_reference_id"],
            "approval_code": row["approval_code"],
            "approval_message": row["approval_message"],
            "avs_response": row["avs"],
            "csc_response": row["csc"],
            "status_code": code,
            "status_message": message,
            "created": {
                "through": row["through"],
                "at": self.clock(row["created_at"]),
                "by": row["made_by"],
                "from_ip": "127.0.0.1",
            },
            "settled": self.clock(row["settled_at"]),
            "customer_id": row["customer_id"],
        }

    def _amount(self, identity: int | str, amount_minor: int) -> object:
        for fault, styles in (("amount_unclear", UNCLEAR_AMOUNTS), ("amount_text", CLEAR_AMOUNTS)):
            if (place := self._faults.place(fault, identity)) is not None:
                return styles[place % len(styles)](amount_minor)
        return to_dollars(amount_minor)

    def _ach_status(self, identity: int | str, state: str) -> str:
        place = self._faults.place("odd_status", identity)
        return state if place is None else ACH_STATUSES[place % len(ACH_STATUSES)]

    def _status(self, row: Fields) -> tuple[str, str]:
        if (place := self._faults.place("odd_status", row["number"])) is not None:
            return CARD_STATUSES[place % len(CARD_STATUSES)]
        if row["state"] == "VOIDED_BY_RULE" and self._faults.place("void_after_103", row["number"]) is not None:
            # Approved already, and the void that follows is not in the export yet.
            return "Y", "Pending Settlement"
        match row["state"]:
            case "SETTLED":
                return f"GB{row['batch_number']}", f"GB{row['batch_number']}"
            case "PENDING":
                return "Y", "Pending Settlement"
            case "AUTHORIZED":
                return "N", "Authorization Only"
            case "DECLINED":
                return "N", self._settings.decline_text
            case _:
                return "N", self._settings.void_text

    def batch(self, row: sqlite3.Row) -> formats.JsonObject:
        """Return one settlement batch."""
        return {
            "batch_number": row["number"],
            "settled": self.clock(row["settled_at"]),
            "transaction_count": row["sales_count"] + row["refund_count"],
            "net_amount": to_dollars(row["sales_minor"] - row["refund_minor"]),
            "sales_count": row["sales_count"],
            "sales_amount": to_dollars(row["sales_minor"]),
            "refund_count": row["refund_count"],
            "refund_amount": to_dollars(row["refund_minor"]),
        }

    def transaction_v3(self, row: sqlite3.Row) -> formats.JsonObject:
        """Return one transaction as v3 exports are assumed to show it: v1's record, with v3's word for the invoice."""
        fields: formats.JsonObject = {**self.transaction(row)}
        fields["invoice_number"] = fields.pop("invoice_id")
        fields["customer_label"] = fields["customer_id"]
        fields["transaction_id"] = str(fields["transaction_id"])
        return fields

    def customer_v3(self, row: sqlite3.Row) -> formats.JsonObject:
        """Return one vault customer as v3 is assumed to show it."""
        return {**self.customer(row), "customer_id": row["number"], "customer_label": row["customer_id"]}

    def check(self, row: Fields) -> formats.JsonObject:
        """Return one check as the (assumed) check export shows it."""
        return {
            "check_transaction_id": row["number"],
            "transaction_type": row["kind"],
            "amount": self._amount(row["number"], row["amount_minor"]),
            "status": self._ach_status(row["number"], row["state"]),
            "customer_id": row["customer_id"],
            "invoice_id": row["invoice_id"],
            "description": row["description"],
            "created": {"through": "API", "at": self.clock(row["created_at"])},
            "settled": self.clock(row["settled_at"]),
            "return_code": row["return_code"] or "",
        }

    def ach(self, row: Fields, merchant_id: int) -> formats.JsonObject:
        """Return one ACH payment as the v3 list shows it."""
        return {
            "transaction_id": row["id"],
            "transaction_status": self._ach_status(row["id"], row["state"]),
            "transaction_type": row["kind"],
            "amount": self._amount(row["id"], row["amount_minor"]),
            "merchant_id": merchant_id,
            "customer_id": row["customer_number"],
            "customer_label": row["customer_id"],
            "invoice_number": row["invoice_id"],
            "description": row["description"],
            "std_entry_class": row["entry_class"],
            "entry_method": "API",
            "idempotency_key": row["idempotency_key"] or "",
            "bank_account": {"account_number_masked": f"*****{row['last_four']}"},
            "created": self._local_iso(row["created_at"]),
            "settled": self._local_iso(row["settled_at"]),
            "return_code": row["return_code"] or "",
        }

    def customer(self, row: sqlite3.Row) -> formats.JsonObject:
        """Return one vault customer."""
        found: formats.JsonObject = {
            "customer_id": row["customer_id"],
            "email": row["email"],
            "phone": row["phone"],
            "billing_address": _address(row["billing"]),
            "shipping_address": _address(row["shipping"], county=True),
            "created": {"through": "API", "at": self.clock(row["created_at"])},
        }
        if row["last_four"]:
            found["credit_card"] = {
                "masked_number": f"************{row['last_four']}",
                "expiration_month": row["expiration_month"],
                "expiration_year": row["expiration_year"],
            }
        return found

    def recurrence(self, row: sqlite3.Row) -> formats.JsonObject:
        """Return one schedule."""
        next_on = "" if row["next_on"] is None else date.fromisoformat(row["next_on"]).strftime("%m/%d/%Y")
        return {
            "id": row["id"],
            "amount": to_dollars(row["amount_minor"]),
            "customer_id": row["customer_id"],
            "next": next_on,
            "total_count": row["total_count"],
            "current_count": row["current_count"],
            "frequency": row["frequency"],
            "transaction_type": row["transaction_type"],
            "type": row["pays_by"],
            "description": row["description"],
        }

    def clock(self, instant_us: int | None) -> str:
        """Return a clock text of the account's zone; empty for what has not happened."""
        return "" if instant_us is None else to_clock_text(from_us(instant_us), self._zone)

    def _local_iso(self, instant_us: int | None) -> str:
        if instant_us is None:
            return ""
        return from_us(instant_us).astimezone(self._zone).replace(tzinfo=None, microsecond=0).isoformat()

    def day_bounds_us(self, start: date, end: date) -> tuple[int, int]:
        """Return the instants from which and before which a range of days lies, in the account's zone."""
        after = end + timedelta(days=1) if self._settings.end_date_inclusive else end
        return self._midnight_us(start), self._midnight_us(after)

    def _midnight_us(self, day: date) -> int:
        return to_us(datetime.combine(day, time(), tzinfo=self._zone))


def _address(text: str, *, county: bool = False) -> formats.JsonObject:
    given = msgspec.json.decode(text)
    found = {name: str(given.get(name) or default) for name, default in _EMPTY_ADDRESS.items()}
    if county:
        found["county"] = str(given.get("county") or "")
    return found


def card_entry(row: sqlite3.Row) -> dict[str, Any]:
    """Return one card transaction as the books hold it, refund link included."""
    return {
        "id": str(row["number"]),
        "kind": row["kind"],
        "state": row["state"],
        "amount_minor": row["amount_minor"],
        "currency": "USD",
        "invoice_id": row["invoice_id"],
        "customer_id": row["customer_id"],
        "refund_of": None if row["refund_of"] is None else str(row["refund_of"]),
        "created_at": _iso(row["created_at"]),
        "settled_at": _iso(row["settled_at"]),
        "batch": row["batch_number"],
        "return_code": None,
    }


def bank_entry(row: sqlite3.Row) -> dict[str, Any]:
    """Return one bank debit as the books hold it."""
    return {
        "id": row["id"],
        "kind": f"ACH_{row['kind']}",
        "state": row["state"],
        "amount_minor": row["amount_minor"],
        "currency": "USD",
        "invoice_id": row["invoice_id"],
        "customer_id": row["customer_id"],
        "refund_of": None,
        "created_at": _iso(row["created_at"]),
        "settled_at": _iso(row["settled_at"]),
        "batch": None,
        "return_code": row["return_code"],
    }


def _iso(instant_us: int | None) -> str | None:
    return None if instant_us is None else from_us(instant_us).isoformat()
