"""PayTraceV3Client: the v3 API (North B2B) with the calls that v1 has, so that a setting can switch.

Captures, refunds and voids are lists of operations there; this client sends
lists of one, so that an answer belongs to one transaction. What v3 does not offer raises CallNotOffered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import httpx2

from connectors.paytrace.answers import (
    names_the_record,
    read_v3_answer,
    read_v3_body,
    read_v3_item,
    read_v3_rows,
)
from connectors.paytrace.calls import Call
from connectors.paytrace.charges import recurrence_fields, require_dollars
from connectors.paytrace.errors import CallNotOffered, PayTraceRefused
from connectors.paytrace.login import v3_headers, v3_login
from connectors.paytrace.mapping import Meaning
from connectors.paytrace.merchant import Merchant
from connectors.paytrace.ports import (
    Answer,
    Charge,
    RecurrencePlan,
)
from connectors.paytrace.readings import to_date_text, to_dollars
from connectors.paytrace.settings import PayTraceSettings
from connectors.paytrace.texts import clean_text
from connectors.paytrace.wire import JsonObject


class PayTraceV3Client(Merchant):
    """One merchant account over the v3 API. Use as an async context manager, or call aclose."""

    def __init__(self, settings: PayTraceSettings, *, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        super().__init__(settings, v3_login, transport=transport)

    # --- exports: reads, repeated when they fail

    async def export_transactions(
        self, start: date, end: date, *, including_text: str | None = None
    ) -> list[JsonObject]:
        """Card transactions created on these days, both included; rows are assumed to be v1's."""
        body = {
            "start_date": to_date_text(start),
            "end_date": to_date_text(end),
            "including_text": including_text,
        }
        return await self._rows("/v3/transactions/export/by-date", body, ("transactions", "items"))

    async def export_transaction(self, transaction_id: str) -> JsonObject | None:
        """Return one card transaction, or None when PayTrace does not know the id."""
        try:
            rows = await self._rows(f"/v3/transaction/export/{transaction_id}", {}, ("transactions", "items"))
        except CallNotOffered:
            return None
        except PayTraceRefused as refused:
            if names_the_record(refused):
                return None
            raise
        return next((row for row in rows if str(row.get("transaction_id", row.get("id"))) == transaction_id), None)

    async def find_transactions(self, start: date, end: date, text: str) -> list[JsonObject]:
        """Card transactions of these days that contain text: what to ask before repeating a payment."""
        return await self.export_transactions(start, end, including_text=text)

    async def export_checks(self, start: date, end: date) -> list[JsonObject]:
        """v1 checks do not show in v3."""
        raise CallNotOffered("the v1 check export is not part of v3; set ach_source to v3 or off")

    async def export_recurrences(self, *, customer_id: str | None = None) -> list[JsonObject]:
        """Return none: no path of v3 is known that lists schedules."""
        raise CallNotOffered("v3 documents no path that lists schedules")

    async def export_batches(self, start: date, end: date) -> list[JsonObject]:
        """Settlement batches closed on these days."""
        body = {"start_date": to_date_text(start), "end_date": to_date_text(end)}
        return await self._rows("/v3/batch/export/by-date", body, ("batches", "items"))

    async def export_batch_transactions(self, batch_number: int) -> list[JsonObject]:
        """Return the settled transactions of one batch."""
        body = {"batch_number": batch_number}
        return await self._rows("/v3/batch/export/transactions", body, ("transactions", "items"))

    async def export_customers(self, customer_id: str | None = None) -> list[JsonObject]:
        """Vault customers, all or the one with this label."""
        body = {} if customer_id is None else {"customer_label": customer_id}
        return await self._rows("/v3/customer/export", body, ("customers", "items"), method="GET")

    # --- money moves, sent once

    async def sale_by_customer(self, customer_id: str, charge: Charge) -> Answer:
        """Charge a vault customer's card; customer_id is the number that PayTrace gave."""
        return await self._charge(f"/v3/card/sale/customer/{customer_id}", charge, {})

    async def authorize_by_customer(self, customer_id: str, charge: Charge) -> Answer:
        """Reserve an amount on a vault customer's card."""
        return await self._charge(f"/v3/card/authorize/customer/{customer_id}", charge, {})

    async def capture(self, transaction_id: str, amount_minor: int | None = None) -> Answer:
        """Capture an authorization, in full when no amount is given; the id stays the same."""
        return await self._one_of_a_list("/v3/card/batch/capture", transaction_id, amount_minor)

    async def void(self, transaction_id: str) -> Answer:
        """Cancel an unsettled transaction."""
        return await self._one_of_a_list("/v3/card/batch/void", transaction_id, None)

    async def refund(self, transaction_id: str, amount_minor: int | None = None) -> Answer:
        """Pay a settled transaction back, in full when no amount is given."""
        return await self._one_of_a_list("/v3/card/batch/refund", transaction_id, amount_minor)

    # --- vault and schedules

    async def create_customer_from_transaction(
        self, customer_label: str, transaction_id: str, billing_address: Mapping[str, str]
    ) -> Answer:
        """Store the card of an earlier transaction; the answer carries PayTrace's number of the customer."""
        body = {
            "transaction_id": transaction_id,
            "customer_label": clean_text(customer_label),
            "billing_address": dict(billing_address),
            "merchant_id": self._settings.merchant_id,
        }
        return await self._change("/v3/customer/create/by-transaction", customer_label, body)

    async def update_customer(
        self, customer_id: str, *, new_id: str | None = None, fields: Mapping[str, Any] | None = None
    ) -> Answer:
        """Refuse: no page shows how v3 changes a stored customer."""
        raise CallNotOffered("v3 documents no call that changes the values of a stored customer")

    async def delete_customer(self, customer_id: str) -> Answer:
        """Remove a stored customer."""
        return await self._change(f"/v3/customer/{customer_id}", customer_id, None, method="DELETE")

    async def create_recurrence(self, recurrence: RecurrencePlan) -> Answer:
        """Create a recurring schedule; nothing is charged yet."""
        body = {
            "customer_id": _number(recurrence.customer_id),
            "merchant_id": self._settings.merchant_id,
            "recurrence": recurrence_fields(recurrence),
        }
        return await self._change("/v3/recurrence/create", recurrence.customer_id, body)

    async def delete_recurrence(self, recurrence_id: str) -> Answer:
        """Remove a recurring schedule for good."""
        body = {"merchant_id": self._settings.merchant_id, "recurrence": {"id": _number(recurrence_id)}}
        return await self._change("/v3/recurrence", recurrence_id, body, method="DELETE")

    async def create_payment_fields_key(self) -> str:
        """Return a client key for hosted payment fields."""
        call = self._call("POST", "/v3/payment-fields/token", {})
        data = read_v3_body(call, await self._login.send(call)).get("data")
        return str(data.get("clientKey", "")) if isinstance(data, dict) else ""

    # --- plumbing

    async def _rows(
        self, path: str, body: Mapping[str, Any], names: tuple[str, ...], *, method: str = "POST"
    ) -> list[JsonObject]:
        call = self._call(method, path, body)
        return read_v3_rows(call, await self._login.send(call), names)

    async def _charge(self, path: str, charge: Charge, fields: Mapping[str, Any]) -> Answer:
        require_dollars(charge)
        body = {
            "merchant_id": self._settings.merchant_id,
            "amount": to_dollars(charge.amount_minor),
            "invoice_number": clean_text(charge.invoice_number) or None,
            "description": clean_text(charge.description, limit=255) or None,
            "customer_reference_id": clean_text(charge.customer_reference_id) or None,
            **_billing(charge),
            **fields,
        }
        if charge.tax_amount_minor is not None:
            body["tax_amount"] = f"{to_dollars(charge.tax_amount_minor):.2f}"
        return await self._move(path, charge.invoice_number, body)

    async def _move(self, path: str, reference: str, body: Mapping[str, Any]) -> Answer:
        call = self._call("POST", path, body, moves_money=True, reference=reference or None)
        return read_v3_answer(call, await self._login.send(call))

    async def _change(
        self, path: str, reference: str, body: Mapping[str, Any] | None, *, method: str = "POST"
    ) -> Answer:
        """Vault and schedules, which may answer without a code: that they were not refused is all that is said."""
        call = self._call(method, path, body, moves_money=True, reference=reference or None)
        answer = read_v3_answer(call, await self._login.send(call))
        return answer if answer.response_code is not None else replace(answer, meaning=Meaning.DONE)

    async def _one_of_a_list(self, path: str, transaction_id: str, amount_minor: int | None) -> Answer:
        item: dict[str, Any] = {"transaction_id": transaction_id}
        if amount_minor is not None:
            item["amount"] = to_dollars(amount_minor)
        body = {"merchant_id": self._settings.merchant_id, "batch_items": [item]}
        call = self._call("POST", path, body, moves_money=True, reference=transaction_id)
        return read_v3_item(call, await self._login.send(call))

    def _call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        *,
        moves_money: bool = False,
        reference: str | None = None,
    ) -> Call:
        return Call(
            method=method,
            path=path,
            headers={"Accept": "application/json", **v3_headers(self._settings)},
            json=None if body is None else {name: value for name, value in body.items() if value is not None},
            moves_money=moves_money,
            reference=reference,
        )


def _billing(charge: Charge) -> dict[str, Any]:
    """Sale calls of v3 say street and postal_code, where the vault says street_address."""
    address = charge.billing_address
    if address is None:
        return {}
    parts = {
        "street": address.street_address,
        "city": address.city,
        "state": address.state,
        "country": address.country,
        "postal_code": address.zip,
    }
    fields: dict[str, Any] = {"billing_address": {name: clean_text(text) for name, text in parts.items() if text}}
    if address.name:
        fields["billing_name"] = clean_text(address.name)
    return fields


def _number(identity: str) -> int | str:
    return int(identity) if identity.isascii() and identity.isdecimal() and len(identity) < 19 else identity
