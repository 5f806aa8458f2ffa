"""PayTraceClient: the v1 JSON API, as far as Saldo asks it anything.

Raises only leaves of errors.py. Reads are repeated with jitter, money-moving calls never.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

import httpx2

from connectors.paytrace.answers import read_v1_answer, read_v1_body, read_v1_rows
from connectors.paytrace.calls import Call
from connectors.paytrace.charges import charge_fields, recurrence_fields
from connectors.paytrace.errors import PayTraceRefused
from connectors.paytrace.login import v1_login
from connectors.paytrace.merchant import Merchant
from connectors.paytrace.ports import (
    Answer,
    CardDetails,
    Charge,
    RecurrencePlan,
)
from connectors.paytrace.readings import to_date_text, to_dollars
from connectors.paytrace.settings import PayTraceSettings
from connectors.paytrace.texts import clean_text
from connectors.paytrace.wire import JsonObject

# The error number for an id that PayTrace does not know; for a look-up that is an answer, not a failure.
_UNKNOWN_TRANSACTION: Final = "58"
_UNKNOWN_CUSTOMER: Final = "30"


class PayTraceClient(Merchant):
    """One merchant account over the v1 API. Use as an async context manager, or call aclose."""

    def __init__(self, settings: PayTraceSettings, *, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        super().__init__(settings, v1_login, transport=transport)

    # --- exports: reads, repeated when they fail

    async def export_transactions(
        self,
        start: date,
        end: date,
        *,
        transaction_type: str | None = None,
        customer_id: str | None = None,
        including_text: str | None = None,
    ) -> list[JsonObject]:
        """Card transactions created on these days (wire.TransactionRow), both included; no paging exists."""
        filters = {
            "start_date": to_date_text(start),
            "end_date": to_date_text(end),
            "transaction_type": transaction_type,
            "customer_id": customer_id,
            "including_text": including_text,
        }
        return await self._rows("/v1/transactions/export/by_date_range", filters, ("transactions",))

    async def export_transaction(self, transaction_id: str) -> JsonObject | None:
        """Return one card transaction (wire.TransactionRow), or None when PayTrace does not know the id."""
        try:
            rows = await self._rows(
                "/v1/transactions/export/by_id",
                {"transaction_id": _number(transaction_id)},
                ("transactions", "transaction"),
            )
        except PayTraceRefused as refused:
            if refused.code == _UNKNOWN_TRANSACTION:
                return None
            raise
        return next((row for row in rows if str(row.get("transaction_id")) == transaction_id), None)

    async def find_transactions(self, start: date, end: date, text: str) -> list[JsonObject]:
        """Card transactions of these days that contain text: what to ask before repeating a payment."""
        return await self.export_transactions(start, end, including_text=text)

    async def export_batches(self, start: date, end: date) -> list[JsonObject]:
        """Settlement batches closed on these days (wire.BatchRow)."""
        filters = {"start_date": to_date_text(start), "end_date": to_date_text(end)}
        return await self._rows("/v1/batches/export", filters, ("batches", "batch", "data"))

    async def export_batch_transactions(self, batch_number: int) -> list[JsonObject]:
        """Return the settled transactions of one batch (wire.TransactionRow). Numbers wrap.

        The newest batch is meant.
        """
        return await self._rows(
            "/v1/batches/transaction_list", {"batch_number": batch_number}, ("transactions", "data")
        )

    async def export_customers(self, customer_id: str | None = None) -> list[JsonObject]:
        """Vault customers (wire.CustomerRow), all or one; unknown gives an empty list."""
        try:
            return await self._rows("/v1/customer/export", {"customer_id": customer_id}, ("customers",))
        except PayTraceRefused as refused:
            if refused.code == _UNKNOWN_CUSTOMER:
                return []
            raise

    async def export_checks(self, start: date, end: date) -> list[JsonObject]:
        """Return checks of these days (wire.CheckRow; path and shape assumed, see settings)."""
        filters = {"start_date": to_date_text(start), "end_date": to_date_text(end)}
        return await self._rows(self._settings.check_export_path, filters, ("checks", "transactions"))

    async def export_recurrences(
        self, *, customer_id: str | None = None, recurrence_id: str | None = None
    ) -> list[JsonObject]:
        """Recurring schedules (wire.RecurrenceRow) of a customer, or one of them."""
        filters: dict[str, Any] = {"customer_id": customer_id}
        if recurrence_id is not None:
            filters["recurrence"] = {"id": _number(recurrence_id)}
        return await self._rows(self._settings.recurrence_export_path, filters, ("recurrences", "recurrence", "data"))

    # --- cards: money moves, sent once

    async def sale_keyed(self, card: CardDetails, charge: Charge) -> Answer:
        """Charge a card."""
        return await self._charge("/v1/transactions/sale/keyed", charge, _card(card))

    async def sale_by_customer(self, customer_id: str, charge: Charge) -> Answer:
        """Charge a vault customer's card."""
        return await self._charge("/v1/transactions/sale/by_customer", charge, {"customer_id": customer_id})

    async def authorize_by_customer(self, customer_id: str, charge: Charge) -> Answer:
        """Reserve an amount on a vault customer's card."""
        return await self._charge("/v1/transactions/authorization/by_customer", charge, {"customer_id": customer_id})

    async def capture(self, transaction_id: str, amount_minor: int | None = None) -> Answer:
        """Capture an authorization, in full when no amount is given; the id stays the same."""
        return await self._move(
            "/v1/transactions/authorization/capture", transaction_id, _on(transaction_id, amount_minor)
        )

    async def void(self, transaction_id: str) -> Answer:
        """Cancel an unsettled transaction; the answer carries its id."""
        return await self._move("/v1/transactions/void", transaction_id, _on(transaction_id, None))

    async def refund(self, transaction_id: str, amount_minor: int | None = None) -> Answer:
        """Pay a settled transaction back; the answer carries the new id, and nothing links it to the old one."""
        return await self._move(
            "/v1/transactions/refund/for_transaction", transaction_id, _on(transaction_id, amount_minor)
        )

    async def create_payment_fields_key(self) -> str:
        """Return a client key for hosted payment fields."""
        call = self._call("/v1/payment_fields/token/create", {})
        body = read_v1_body(call, await self._login.send(call))
        return str(body.get("clientKey", ""))

    # --- vault and schedules

    async def create_customer(
        self,
        customer_id: str,
        *,
        card: CardDetails | None = None,
        billing_address: Mapping[str, str] | None = None,
        email: str = "",
    ) -> Answer:
        """Store a customer, with a card where one is given."""
        fields: dict[str, Any] = {"customer_id": customer_id, "email": email or None}
        fields |= _card(card) if card else {}
        if billing_address is not None:
            fields["billing_address"] = {name: clean_text(text) for name, text in billing_address.items()}
        return await self._move("/v1/customer/create", customer_id, fields)

    async def create_customer_from_transaction(self, customer_id: str, transaction_id: str) -> Answer:
        """Store the card of an earlier transaction."""
        fields = {"customer_id": customer_id, "transaction_id": _number(transaction_id)}
        return await self._move("/v1/customer/create_from_transaction", customer_id, fields)

    async def save_customer_pt_protect(
        self, customer_id: str, hpf_token: str, enc_key: str, *, exists: bool = False
    ) -> Answer:
        """Store or replace a card typed into hosted fields."""
        path = "/v1/customer/pt_protect_update" if exists else "/v1/customer/pt_protect_create"
        fields = {"customer_id": customer_id, "hpf_token": hpf_token, "enc_key": enc_key}
        return await self._move(path, customer_id, fields)

    async def update_customer(
        self, customer_id: str, *, new_id: str | None = None, fields: Mapping[str, Any] | None = None
    ) -> Answer:
        """Change a stored customer; new_id renames it, fields are in PayTrace's words."""
        body = {"customer_id": customer_id, "new_id": new_id, **(fields or {})}
        return await self._move("/v1/customer/update", customer_id, body)

    async def delete_customer(self, customer_id: str) -> Answer:
        """Remove a stored customer."""
        return await self._move("/v1/customer/delete", customer_id, {"customer_id": customer_id})

    async def create_recurrence(self, recurrence: RecurrencePlan) -> Answer:
        """Create a recurring schedule; nothing is charged yet."""
        return await self._move(
            "/v1/recurrence/create",
            recurrence.customer_id,
            {"customer_id": recurrence.customer_id, "recurrence": recurrence_fields(recurrence)},
        )

    async def update_recurrence(self, recurrence_id: str, fields: Mapping[str, Any]) -> Answer:
        """Change a recurring schedule; fields are in PayTrace's words."""
        body = {"recurrence": {"id": _number(recurrence_id), **fields}}
        return await self._move(self._settings.recurrence_update_path, recurrence_id, body)

    async def delete_recurrence(self, recurrence_id: str) -> Answer:
        """Remove a recurring schedule for good."""
        body = {"recurrence": {"id": _number(recurrence_id)}}
        return await self._move("/v1/recurrence/delete", recurrence_id, body)

    # --- plumbing

    async def _rows(self, path: str, filters: Mapping[str, Any], names: tuple[str, ...]) -> list[JsonObject]:
        call = self._call(path, filters)
        return read_v1_rows(call, await self._login.send(call), names)

    async def _charge(self, path: str, charge: Charge, fields: Mapping[str, Any]) -> Answer:
        return await self._move(path, charge.invoice_number, charge_fields(charge) | dict(fields))

    async def _move(self, path: str, reference: str, fields: Mapping[str, Any]) -> Answer:
        call = self._call(path, fields, moves_money=True, reference=reference or None)
        return read_v1_answer(call, await self._login.send(call))

    def _call(
        self, path: str, fields: Mapping[str, Any], *, moves_money: bool = False, reference: str | None = None
    ) -> Call:
        return Call(
            method="POST",
            path=path,
            headers={"Accept": "application/json"},
            json=self._body(fields),
            moves_money=moves_money,
            reference=reference,
        )

    def _body(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        body = {name: value for name, value in fields.items() if value is not None}
        if self._settings.integrator_id:
            body["integrator_id"] = self._settings.integrator_id
        return body


def _card(card: CardDetails) -> dict[str, Any]:
    number = "encrypted_number" if card.encrypted else "number"
    fields: dict[str, Any] = {
        "credit_card": {
            number: card.number.get_secret_value(),
            "expiration_month": f"{card.expiration_month:02d}",
            "expiration_year": str(card.expiration_year),
        }
    }
    if card.csc is not None:
        fields["encrypted_csc" if card.encrypted else "csc"] = card.csc.get_secret_value()
    return fields


def _on(transaction_id: str, amount_minor: int | None) -> dict[str, Any]:
    amount = None if amount_minor is None else f"{to_dollars(amount_minor):.2f}"
    return {"transaction_id": _number(transaction_id), "amount": amount}


def _number(identity: str) -> int | str:
    """PayTrace writes its ids as numbers; one that is none goes out as it is and is refused there."""
    return int(identity) if identity.isascii() and identity.isdecimal() and len(identity) < 19 else identity
