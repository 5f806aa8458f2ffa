"""Where the page of a thing is: one place that turns an id of any kind into an address within the workbench."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode


def _path(room: str, *parts: str) -> str:
    return "/".join((f"/{room}", *(quote(part, safe="") for part in parts)))


def _of(account: str) -> str:
    """Return the merchant account as the rest of an address: its name has slashes."""
    return f"?{urlencode({'account': account})}" if account else ""


def payment(transaction: str) -> str:
    """Return the page of a payment or refund."""
    return _path("payments", transaction)


def invoice(number: str) -> str:
    """Return the page of an invoice, by its number or its open item."""
    return _path("invoices", number)


def customer(number: str) -> str:
    """Return the page of a customer of abas."""
    return _path("customers", number)


def order(shop_order: str) -> str:
    """Return the page of an order of a shop, named <shop>/<id>."""
    return _path("orders", *shop_order.split("/", 1))


def subscription(name: str) -> str:
    """Return the page of a subscription, named <vault customer>/<id>."""
    return _path("subscriptions", *name.rsplit("/", 1))


def dispute(account: str, dispute_id: str) -> str:
    """Return the page of a dispute."""
    return _path("disputes", dispute_id) + _of(account)


def bank_line(account: str, bank_line_id: str) -> str:
    """Return the page of a bank line."""
    return _path("bank-lines", bank_line_id) + _of(account)


def day(on: str, account: str = "") -> str:
    """Return the page of a day of deposits."""
    return _path("deposits", on) + _of(account)


def searched(text: str) -> str:
    """Return the search for a text."""
    return f"/search?{urlencode({'q': text})}"


def of_column(column: str, record: Mapping[str, Any]) -> str:
    """Return where the value of a column of a report leads; empty for what has no page.

    A value that names several things, or a thing only with another column of its row, leads there if both are known.
    """
    value = record.get(column)
    if not isinstance(value, str) or not value:
        return ""
    account = str(record.get("settlement_account") or "")
    match column:
        case "paytrace_transaction_id" | "refund_transaction_id":
            return payment(value)
        case "invoice_number" | "abas_open_item_id" | "open_item":
            return invoice(value)
        case "abas_customer_id":
            return customer(value)
        case "shop_order" if "/" in value:
            return order(value)
        case "subscription" if "/" in value:
            return subscription(value)
        case "dispute_id" if account:
            return dispute(account, value)
        case "bank_line_id" if account:
            return bank_line(account, value)
        case "posting_reference" | "document_number" | "abas_document_number":
            return searched(value)
        case _:
            return ""
