"""The v3 face of the sandbox: ACH payments and the list in which their status can be seen.

Answers as the reference describes them: 422 with field and detail, the ACH id at the top level beside an empty
data list, list items under items, single records under data.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from infra.sandboxes.common.books import to_us
from infra.sandboxes.paytrace import formats
from infra.sandboxes.paytrace.bank_books import DebitRequest
from infra.sandboxes.paytrace.formats import BadValue, to_minor
from infra.sandboxes.paytrace.merchant import Merchant

_LIST: Final = "/v3/checks/transactions"
_DEFAULT_PAGE: Final = 10
_LONGEST_PAGE: Final = 30
_ENTRY_CLASSES: Final = frozenset({"CCD", "PPD", "WEB", "TEL"})
_ENCRYPTED_LENGTHS: Final = range(329, 360)


class Invalid(Exception):
    """A request that v3 refuses: where (location/name) and why."""

    def __init__(self, field_name: str, detail: str) -> None:
        super().__init__(f"{field_name}: {detail}")
        self.body: formats.JsonObject = {"data": [{"field": field_name, "detail": detail}]}


def pay_by_check(merchant: Merchant, fields: Mapping[str, Any]) -> formats.JsonObject:
    """POST /v3/checks/payment. The same idempotency key gives the same payment again."""
    require_merchant(merchant, fields.get("merchant_id"), "body")
    if fields.get("std_entry_class") not in _ENTRY_CLASSES:
        raise Invalid("body/std_entry_class", "value is not a valid enumeration member")
    amount_minor = _amount(fields)
    customer_id, last_four = _payer(merchant, fields)
    key = fields.get("idempotency_key")
    if key is not None and not (isinstance(key, str) and 1 <= len(key) <= 50):
        raise Invalid("body/idempotency_key", "ensure this value has at most 50 characters")
    row = merchant.bank.debit(
        DebitRequest(
            api="v3",
            kind="SALE",
            amount_minor=amount_minor,
            last_four=last_four,
            invoice_id=_text(fields, "invoice_number", 50),
            customer_id=customer_id,
            description=_text(fields, "description", 255),
            entry_class=str(fields["std_entry_class"]),
            idempotency_key=key,
        )
    )
    return {"transaction_id": row["id"], "data": []}


def _payer(merchant: Merchant, fields: Mapping[str, Any]) -> tuple[str, str]:
    account = fields.get("bank_account")
    if isinstance(account, Mapping):
        number = str(account.get("account_number", ""))
        encrypted = len(number) in _ENCRYPTED_LENGTHS
        if not encrypted and not (number.isascii() and number.isdecimal() and 4 <= len(number) <= 17):
            raise Invalid("body/bank_account/account_number", "value is not a valid account number")
        if account.get("account_type") not in {"Checking", "Savings"}:
            raise Invalid("body/bank_account/account_type", "value is not a valid enumeration member")
        return "", "0000" if encrypted else number[-4:]
    customer = merchant.vault.by_number(str(fields.get("customer_id", "")))
    if customer is None or not customer["bank_last_four"]:
        raise Invalid("body/customer_id", "customer not found or without a bank account")
    return customer["customer_id"], customer["bank_last_four"]


def list_checks(merchant: Merchant, query: Mapping[str, str]) -> formats.JsonObject:
    """GET /v3/checks/transactions, one page of it."""
    merchant_id = require_merchant(merchant, query.get("merchant_id"), "query")
    start_us, end_us = _instant(merchant, query, "start_date"), _instant(merchant, query, "end_date")
    date_type = query.get("date_type", "PROCESSED")
    if date_type not in {"PROCESSED", "SETTLED"}:
        raise Invalid("query/date_type", "value is not a valid enumeration member")
    limit = _whole(query, "limit", _DEFAULT_PAGE)
    if limit > _LONGEST_PAGE:
        raise Invalid("query/limit", f"ensure this value is less than or equal to {_LONGEST_PAGE}")
    offset = _whole(query, "offset", 0)
    # The end is given to the second, so everything within that second belongs to the range.
    rows = merchant.bank.between(
        "v3", "created" if date_type == "PROCESSED" else "settled", start_us, end_us + 1_000_000
    )
    wanted = {
        "state": query.get("status"),
        "customer_number": query.get("customer_id"),
        "id": query.get("transaction_id"),
        "idempotency_key": query.get("idempotency_key"),
    }
    found = [row for row in rows if all(value is None or str(row[name]) == value for name, value in wanted.items())]
    if offset:
        # Between two pages a row left the ones before, or came to them: one is missed, or one shows twice.
        moved = bool(merchant.faults.strikes("page_skips", _LIST)) - bool(
            merchant.faults.strikes("page_repeats", _LIST)
        )
        offset = max(0, offset + moved)
    return {"items": [merchant.rows.ach(row, merchant_id) for row in found[offset : offset + limit]]}


def one_check(merchant: Merchant, query: Mapping[str, str], identity: str) -> formats.JsonObject | None:
    """GET /v3/checks/transactions/{id}; None when unknown."""
    merchant_id = require_merchant(merchant, query.get("merchant_id"), "query")
    row = merchant.bank.find(identity)
    return None if row is None else {"data": merchant.rows.ach(row, merchant_id)}


def one_check_by_key(merchant: Merchant, query: Mapping[str, str], key: str) -> formats.JsonObject | None:
    """GET /v3/checks/transactions/idempotency-keys/{key}; None when unknown."""
    merchant_id = require_merchant(merchant, query.get("merchant_id"), "query")
    row = merchant.bank.by_key(key)
    return None if row is None else {"data": merchant.rows.ach(row, merchant_id)}


def require_merchant(merchant: Merchant, value: object, location: str) -> int:
    """Return the merchant id of a request. Raises Invalid when it is no number or not ours."""
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise Invalid(f"{location}/merchant_id", "value is not a valid integer")
    if merchant.settings.merchant_id not in (None, int(text)):
        raise Invalid(f"{location}/merchant_id", "merchant not found")
    return int(text)


def _amount(fields: Mapping[str, Any]) -> int:
    value = fields.get("amount")
    try:
        amount_minor = to_minor("amount", value)
    except BadValue as error:
        raise Invalid("body/amount", "value is not a valid number") from error
    if amount_minor <= 0:
        raise Invalid("body/amount", "ensure this value is greater than 0")
    return amount_minor


def _text(fields: Mapping[str, Any], name: str, longest: int) -> str:
    value = fields.get(name) or ""
    if not isinstance(value, str) or len(value) > longest:
        raise Invalid(f"body/{name}", f"ensure this value has at most {longest} characters")
    return value


def _whole(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise Invalid(f"query/{name}", "value is not a valid integer")
    return int(text)


def _instant(merchant: Merchant, query: Mapping[str, str], name: str) -> int:
    try:
        instant = datetime.fromisoformat(query.get(name, ""))
    except ValueError as error:
        raise Invalid(f"query/{name}", "invalid datetime format") from error
    return to_us(instant if instant.tzinfo else instant.replace(tzinfo=merchant.settings.zone))
