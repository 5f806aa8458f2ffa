"""The shapes of the REST answers: orders, refunds, notes, products and hooks as version 3 shows them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from infra.sandboxes.shop.php import dates
from infra.sandboxes.shop.store import Store, Thing
from infra.sandboxes.shop.totals import money

_MONEY: Final = (
    *("discount_total", "discount_tax", "shipping_total", "shipping_tax", "cart_tax", "total", "total_tax"),
    *("subtotal", "subtotal_tax", "tax_total", "shipping_tax_total", "discount"),
)
_ADDRESS: Final = (
    "first_name",
    "last_name",
    "company",
    "address_1",
    "address_2",
    "city",
    "state",
    "postcode",
    "country",
)


def order(store: Store, thing: Thing, *, dp: int | None = None) -> dict[str, Any]:
    """Return an order; dp is how many digits its amounts get, the shop's own where it is left out."""
    settings, doc = store.settings, thing.doc
    refunds = store.all("refund", parent=thing.id)
    shown: dict[str, Any] = {
        "id": thing.id,
        "parent_id": thing.parent,
        "status": thing.status,
        "currency": doc["currency"],
        "version": "10.2.1",
        "prices_include_tax": settings.prices_include_tax,
        **dates("date_created", thing.created_us, settings.zone),
        **dates("date_modified", thing.modified_us, settings.zone),
        **{name: doc[name] for name in _MONEY[:7]},
        "customer_id": doc["customer_id"],
        "order_key": doc["order_key"],
        "billing": address(doc["billing"], "email", "phone"),
        "shipping": address(doc["shipping"], "phone"),
        "payment_method": doc["payment_method"],
        "payment_method_title": doc["payment_method_title"],
        "transaction_id": doc["transaction_id"],
        "customer_ip_address": "192.0.2.44",
        "customer_user_agent": "Mozilla/5.0",
        "created_via": doc["created_via"],
        "customer_note": doc["customer_note"],
        **dates("date_completed", doc["completed_us"], settings.zone),
        **dates("date_paid", doc["paid_us"], settings.zone),
        "cart_hash": "",
        "number": doc["number"],
        "meta_data": doc["meta_data"],
        "line_items": [_item(store, line) for line in doc["line_items"]],
        "tax_lines": doc["tax_lines"],
        "shipping_lines": doc["shipping_lines"],
        "fee_lines": doc["fee_lines"],
        "coupon_lines": doc["coupon_lines"],
        "refunds": [
            {"id": one.id, "reason": one.doc["reason"], "total": f"-{one.doc['amount']}"} for one in reversed(refunds)
        ],
        "payment_url": f"{settings.home_url}checkout/order-pay/{thing.id}/?key={doc['order_key']}",
        "is_editable": thing.status in {"pending", "on-hold"},
        "needs_payment": thing.status in {"pending", "failed"} and Decimal(doc["total"]) > 0,
        "needs_processing": True,
    }
    return shown if dp is None else with_digits(shown, dp)


def refund(store: Store, thing: Thing, *, with_parent: bool = False) -> dict[str, Any]:
    """Return a refund; parent_id stands in the list of all refunds alone."""
    doc = thing.doc
    return {
        "id": thing.id,
        **({"parent_id": thing.parent} if with_parent else {}),
        **dates("date_created", thing.created_us, store.settings.zone),
        "amount": doc["amount"],
        "reason": doc["reason"],
        "refunded_by": doc["refunded_by"],
        "refunded_payment": doc["refunded_payment"],
        "meta_data": doc["meta_data"],
        "line_items": doc["line_items"],
        "shipping_lines": doc["shipping_lines"],
        "tax_lines": [],
        "fee_lines": doc["fee_lines"],
    }


def note(store: Store, thing: Thing) -> dict[str, Any]:
    """Return a note of an order."""
    return {
        "id": thing.id,
        "author": thing.doc["author"],
        **dates("date_created", thing.created_us, store.settings.zone),
        "note": thing.doc["note"],
        "customer_note": thing.doc["customer_note"],
    }


def product(store: Store, thing: Thing) -> dict[str, Any]:
    """Return a product or variation."""
    doc = thing.doc
    return {
        "id": thing.id,
        "name": doc["name"],
        "type": doc["type"],
        "status": doc["status"],
        "sku": doc["sku"],
        "price": doc["price"],
        "regular_price": doc["price"],
        "sale_price": "",
        "tax_status": "taxable",
        "tax_class": "",
        "manage_stock": "parent" if thing.kind == "variation" else False,
        "stock_quantity": None,
        "stock_status": "instock",
        "backorders": "no",
        "categories": [_category(store, number) for number in doc["categories"]],
        "variations": [one.id for one in store.all("variation", parent=thing.id)],
        **dates("date_modified", thing.modified_us, store.settings.zone),
    }


def category(thing: Thing) -> dict[str, Any]:
    """Return a category of products."""
    return {"id": thing.id, "name": thing.doc["name"], "slug": thing.doc["slug"], "parent": thing.doc["parent"]}


def hook(store: Store, row: sqlite3.Row) -> dict[str, Any]:
    """Return a hook; neither its secret nor its counter is ever shown."""
    resource, _, event = row["topic"].partition(".")
    return {
        "id": row["id"],
        "name": row["name"],
        "status": row["status"],
        "topic": row["topic"],
        "resource": resource,
        "event": event,
        "hooks": [],
        "delivery_url": row["url"],
        **dates("date_created", row["created_us"], store.settings.zone),
    }


def address(given: dict[str, str], *more: str) -> dict[str, str]:
    """Return an address; what is not known is empty."""
    return {name: str(given.get(name, "")) for name in (*_ADDRESS, *more)}


def with_digits(value: Any, digits: int) -> Any:
    """Return an answer with so many digits in its amounts."""
    if isinstance(value, dict):
        return {
            name: money(held, digits) if name in _MONEY and isinstance(held, str) else with_digits(held, digits)
            for name, held in value.items()
        }
    return [with_digits(one, digits) for one in value] if isinstance(value, list) else value


def trimmed(value: Any, fields: Sequence[str]) -> Any:
    """Return only the fields that `_fields` names."""
    if isinstance(value, list):
        return [trimmed(one, fields) for one in value]
    return {name: held for name, held in value.items() if name in fields}


def _item(store: Store, line: dict[str, Any]) -> dict[str, Any]:
    """Return a line of goods: its name is as it was sold, its SKU is looked up now."""
    product_id, variation_id = line["product_id"], line["variation_id"]
    known = store.find("variation", variation_id) if variation_id else store.find("product", product_id)
    quantity = Decimal(str(line["quantity"]))
    return {
        **{name: held for name, held in line.items() if name != "sku"},
        "product_id": 0 if known is None else product_id,
        "sku": None if known is None else known.doc["sku"],
        "price": float(Decimal(line["total"]) / quantity) if quantity else 0,
        "image": {"id": "", "src": ""},
        "parent_name": None,
    }


def _category(store: Store, number: int) -> dict[str, Any]:
    found = store.find("category", number)
    return {"id": number, "name": found.doc["name"] if found else "", "slug": found.doc["slug"] if found else ""}
