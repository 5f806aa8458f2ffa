"""PayTraceClient: the v1 JSON API, every operation that the reference gives, in the shape of ports.PayTraceGateway.

ACH lists exist in v3 only, so the two read calls for them live here as well and use a v3 token; client_v3.py
shares them. Raises only leaves of errors.py. Reads are repeated with jitter, money-moving calls never.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import date
from types import TracebackType
from typing import Any, Final, Self

import httpx2

from connectors.paytrace.ach import AchDesk
from connectors.paytrace.answers import read_v1_answer, read_v1_body, read_v1_rows
from connectors.paytrace.calls import Call, Caller
from connectors.paytrace.charges import charge_fields, recurrence_fields
from connectors.paytrace.errors import PayTraceRefused
from connectors.paytrace.login import v1_login
from connectors.paytrace.ports import (
    AchDateType,
    Answer,
    BankAccount,
    CardDetails,
    Charge,
    EntryClass,
    RecurrencePlan,
)
from connectors.paytrace.readings import to_date_text, to_dollars
from connectors.paytrace.settings import PayTraceSettings
from connectors.paytrace.texts import clean_text
from connectors.paytrace.wire import JsonObject

# The error number for an id that PayTrace does not know; for a look-up that is an answer, not a failure.
_UNKNOWN_TRANSACTION: Final = "58"
_UNKNOWN_CUSTOMER: Final = "30"


class PayTraceClient:
    """One merchant account over the v1 API. Use as an async context manager, or call aclose."""

    def __init__(self, settings: PayTraceSettings, *, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self._settings = settings
        self._caller = Caller(settings, transport=transport)
        self._login = v1_login(self._caller, settings)
        self._ach = AchDesk(self._caller, settings)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        await self._caller.aclose()

    async def ping(self) -> None:
        """Ask whether the API answers at all; the only call without a token."""
        call = Call(method="POST", path="/v1/ping", headers={}, json=self._body({}))
        await self._caller.send(call)

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
        """One card transaction (wire.TransactionRow), or None when PayTrace does not know the id."""
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

    async def export_batch(self, batch_number: int | None = None) -> JsonObject | None:
        """One settlement batch, the latest when no number is given; None when there is none."""
        rows = await self._rows("/v1/batches/export_one", {"batch_number": batch_number}, ("batches", "batch", "data"))
        return rows[0] if rows else None

    async def export_batch_transactions(self, batch_number: int) -> list[JsonObject]:
        """The settled transactions of one batch (wire.TransactionRow). Numbers wrap; the newest batch is meant."""
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

    async def export_inactive_customers(self, inactive_days: int) -> list[JsonObject]:
        """Vault customers without activity for so many days (path assumed, see settings)."""
        return await self._rows(self._settings.customer_export_inactive_path, {"days": inactive_days}, ("customers",))

    async def export_checks(self, start: date, end: date) -> list[JsonObject]:
        """Checks of these days (wire.CheckRow; path and shape assumed, see settings)."""
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

    async def export_last_recurring_payment(self, customer_id: str) -> JsonObject:
        """The most recent approved recurring transaction of a customer, the only one that is kept."""
        call = self._call("/v1/recurrence/export_approved", {"customer_id": customer_id})
        return read_v1_body(call, await self._login.send(call))

    def list_ach(self, start: date, end: date, *, date_type: AchDateType = "PROCESSED") -> AsyncIterator[JsonObject]:
        """ACH transactions (wire.AchRow) by date of processing or settlement, page by page."""
        return self._ach.transactions(start, end, date_type=date_type)

    async def pay_by_ach(
        self,
        payer: BankAccount | str,
        charge: Charge,
        *,
        idempotency_key: str,
        entry_class: EntryClass = "WEB",
    ) -> Answer:
        """Debit a bank account or a vault customer's over v3, at most once for this key."""
        return await self._ach.pay(payer, charge, idempotency_key=idempotency_key, entry_class=entry_class)

    async def export_ach(self, transaction_id: str) -> JsonObject | None:
        """One ACH transaction (wire.AchRow), or None when PayTrace does not know the id."""
        return await self._ach.transaction(transaction_id)

    # --- cards: money moves, sent once

    async def sale_keyed(self, card: CardDetails, charge: Charge) -> Answer:
        """Charge a card."""
        return await self._charge("/v1/transactions/sale/keyed", charge, _card(card))

    async def sale_by_customer(self, customer_id: str, charge: Charge) -> Answer:
        """Charge a vault customer's card."""
        return await self._charge("/v1/transactions/sale/by_customer", charge, {"customer_id": customer_id})

    async def sale_by_transaction(self, transaction_id: str, charge: Charge) -> Answer:
        """Charge the card of an earlier transaction."""
        fields = {"transaction_id": _number(transaction_id)}
        return await self._charge("/v1/transactions/sale/by_transaction", charge, fields)

    async def sale_pt_protect(
        self, hpf_token: str, enc_key: str, charge: Charge, *, customer_id: str | None = None
    ) -> Answer:
        """Charge a card typed into hosted fields; with a customer id the card is stored as well."""
        path = "/v1/transactions/sale/pt_protect" + ("_customer" if customer_id else "")
        return await self._charge(
            path, charge, {"hpf_token": hpf_token, "enc_key": enc_key, "customer_id": customer_id}
        )

    async def authorize_keyed(self, card: CardDetails, charge: Charge) -> Answer:
        """Reserve an amount on a card."""
        return await self._charge("/v1/transactions/authorization/keyed", charge, _card(card))

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

    async def refund_to_customer(self, customer_id: str, charge: Charge) -> Answer:
        """Pay money to a vault customer's card without naming a sale."""
        return await self._charge("/v1/transactions/refund/to_customer", charge, {"customer_id": customer_id})

    async def refund_keyed(self, card: CardDetails, charge: Charge) -> Answer:
        """Pay money to a card without naming a sale."""
        return await self._charge("/v1/transactions/refund/keyed", charge, _card(card))

    async def settle(self) -> Answer:
        """Close the open batch now."""
        return await self._move("/v1/transactions/settle", "the open batch", {})

    async def add_level_three(self, brand: str, transaction_id: str, fields: Mapping[str, Any]) -> Answer:
        """Add purchasing-card detail to an approved, unsettled sale; brand is visa or mastercard.

        fields are in PayTrace's words (reference section 9) and go out as they are.
        """
        body = {"transaction_id": _number(transaction_id), **fields}
        return await self._move(f"/v1/level_three/{brand}", transaction_id, body)

    async def create_payment_fields_key(self) -> str:
        """A client key for hosted payment fields."""
        call = self._call("/v1/payment_fields/token/create", {})
        body = read_v1_body(call, await self._login.send(call))
        return str(body.get("clientKey", ""))

    # --- checks

    async def check_sale_by_account(self, account: BankAccount, charge: Charge) -> Answer:
        """Debit a bank account; accepted is not collected."""
        return await self._charge("/v1/checks/sale/by_account", charge, _check(account))

    async def check_sale_by_customer(self, customer_id: str, charge: Charge) -> Answer:
        """Debit a vault customer's bank account; accepted is not collected."""
        return await self._charge("/v1/checks/sale/by_customer", charge, {"customer_id": customer_id})

    async def check_hold_by_account(self, account: BankAccount, charge: Charge) -> Answer:
        """Announce a debit, to be funded or voided later."""
        return await self._charge("/v1/checks/hold/by_account", charge, _check(account))

    async def check_hold_by_customer(self, customer_id: str, charge: Charge) -> Answer:
        """Announce a debit of a vault customer's account, to be funded or voided later."""
        return await self._charge("/v1/checks/hold/by_customer", charge, {"customer_id": customer_id})

    async def check_fund(self, check_id: str, amount_minor: int) -> Answer:
        """Carry out an announced debit; check_id as we name it, check-<number>."""
        return await self._move("/v1/checks/manage/fund", check_id, _on_check(check_id, amount_minor))

    async def check_void(self, check_id: str) -> Answer:
        """Cancel an announced debit."""
        return await self._move("/v1/checks/manage/void", check_id, _on_check(check_id, None))

    async def check_refund(self, check_id: str, amount_minor: int) -> Answer:
        """Pay a debit back; the answer carries a new check id."""
        return await self._move("/v1/checks/refund/by_transaction", check_id, _on_check(check_id, amount_minor))

    # --- vault and schedules

    async def create_customer(
        self,
        customer_id: str,
        *,
        card: CardDetails | None = None,
        account: BankAccount | None = None,
        billing_address: Mapping[str, str] | None = None,
        email: str = "",
    ) -> Answer:
        """Store a customer with a card, a bank account or both."""
        fields: dict[str, Any] = {"customer_id": customer_id, "email": email or None}
        fields |= (_card(card) if card else {}) | (_check(account) if account else {})
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


def _check(account: BankAccount) -> dict[str, Any]:
    return {
        "check": {
            "account_number": account.account_number.get_secret_value(),
            "routing_number": account.routing_number.get_secret_value(),
        }
    }


def _on(transaction_id: str, amount_minor: int | None) -> dict[str, Any]:
    amount = None if amount_minor is None else f"{to_dollars(amount_minor):.2f}"
    return {"transaction_id": _number(transaction_id), "amount": amount}


def _on_check(check_id: str, amount_minor: int | None) -> dict[str, Any]:
    amount = None if amount_minor is None else f"{to_dollars(amount_minor):.2f}"
    return {"check_transaction_id": _number(check_id.removeprefix("check-")), "amount": amount}


def _number(identity: str) -> int | str:
    """PayTrace writes its ids as numbers; one that is none goes out as it is and is refused there."""
    return int(identity) if identity.isascii() and identity.isdecimal() and len(identity) < 19 else identity
