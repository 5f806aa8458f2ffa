"""The v3 face of the sandbox for cards, vault, schedules and exports; answers are as clients were seen to read them.

Result bodies of v3 are published nowhere, so what stands here beyond the reference is assumed: v1's numbers and
rows under data. Paths and requests are documented.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Mapping
from typing import Any, Final

from infra.sandboxes.paytrace import formats
from infra.sandboxes.paytrace.card_books import ChargeRequest
from infra.sandboxes.paytrace.cards import NO_CARD, StoredCard, read_csc
from infra.sandboxes.paytrace.formats import BadValue, to_date, to_minor
from infra.sandboxes.paytrace.merchant import Merchant
from infra.sandboxes.paytrace.rejections import Rejected
from infra.sandboxes.paytrace.v1 import read_schedule
from infra.sandboxes.paytrace.v3 import Invalid, require_merchant
from infra.sandboxes.paytrace.vault import stored_card

Fields = Mapping[str, Any]

_DONE: Final = {"capture": 112, "refund": 106, "void": 109}
_NOT_DONE: Final = {"capture": 113, "refund": 107, "void": 110}


def answer_cards(merchant: Merchant, method: str, parts: list[str], fields: Fields) -> formats.JsonObject | None:
    """Carry out a v3 call that is not about ACH; None when there is no such call or record."""
    match method, parts:
        case "POST", ["card", "sale" | "authorize" as verb, "customer", number]:
            customer = _customer(merchant, number)
            return _charge(merchant, verb, stored_card(customer), customer["customer_id"], fields)
        case "POST", ["card", "batch", "capture" | "refund" | "void" as verb]:
            return _batch(merchant, verb, fields)
        case "POST", ["transaction", "export", number]:
            return _export_one(merchant, number)
        case "POST", ["transactions", "export", "by-date"]:
            return _export_by_date(merchant, fields)
        case "POST", ["batch", "export", *rest]:
            return _export_batches(merchant, rest, fields)
        case "POST", ["payment-fields", "token"]:
            return {"data": {"clientKey": secrets.token_urlsafe(24)}}
        case "GET" | "DELETE", ["customer", *rest]:
            return _vault(merchant, method, rest, fields)
        case "POST", ["customer", "create", "by-transaction"]:
            return _store_from_transaction(merchant, fields)
        case ("POST", ["recurrence", "create"]) | ("DELETE", ["recurrence"]):
            return _recurrence(merchant, method, fields)
        case _:
            return None


# --- charges


def _charge(merchant: Merchant, verb: str, card: StoredCard, customer_id: str, fields: Fields) -> formats.JsonObject:
    require_merchant(merchant, fields.get("merchant_id"), "body")
    address = fields.get("billing_address")
    address = address if isinstance(address, Mapping) else {}
    request = ChargeRequest(
        kind="SALE" if verb == "sale" else "AUTHORIZATION",
        amount_minor=_amount(fields),
        card=card,
        customer_id=customer_id,
        csc=read_csc({}, card.brand),
        fields={
            "invoice_id": fields.get("invoice_number") or "",
            "description": fields.get("description") or "",
            "customer_reference_id": fields.get("customer_reference_id") or "",
            "billing_address": {
                "name": fields.get("billing_name") or "",
                "street_address": address.get("street") or "",
                "city": address.get("city") or "",
                "state": address.get("state") or "",
                "zip": address.get("postal_code") or "",
                "country": address.get("country") or "US",
            },
        },
    )
    row = merchant.cards.charge(request)
    code = {"DECLINED": 102, "VOIDED_BY_RULE": 103}.get(row["state"], 101)
    return {
        "data": {
            "transaction_id": str(row["number"]),
            "response_code": code,
            "response_message": "APPROVED" if code == 101 else "NOT APPROVED",
            "approval_code": row["approval_code"],
            "approval_message": row["approval_message"],
            "avs_response": row["avs"],
            "csc_response": row["csc"],
        }
    }


def _batch(merchant: Merchant, verb: str, fields: Fields) -> formats.JsonObject:
    require_merchant(merchant, fields.get("merchant_id"), "body")
    items = fields.get("batch_items")
    if not isinstance(items, list) or not items or not all(isinstance(item, Mapping) for item in items):
        raise Invalid("body/batch_items", "value is not a valid list")
    return {"data": [_one(merchant, verb, item) for item in items]}


def _one(merchant: Merchant, verb: str, item: Fields) -> formats.JsonObject:
    """Return one element of a list of operations; it may fail while its neighbours succeed."""
    number = _whole(item.get("transaction_id"), "body/batch_items/transaction_id")
    amount_minor = _amount(item) if item.get("amount") is not None else None
    try:
        match verb:
            case "capture":
                row = merchant.cards.capture(number, amount_minor)
            case "refund":
                row = merchant.cards.refund(number, amount_minor)
            case _:
                also_by_rule = merchant.faults.concerns("void_after_103", number)
                row = merchant.cards.void(number, also_by_rule=also_by_rule)
    except Rejected as rejected:
        detail = " ".join(text for texts in rejected.errors.values() for text in texts)
        return {
            "status": "failure",
            "transaction_id": str(number),
            "response_code": _NOT_DONE[verb],
            "response_message": detail,
        }
    return {"status": "success", "transaction_id": str(row["number"]), "response_code": _DONE[verb]}


# --- exports


def _export_one(merchant: Merchant, number: str) -> formats.JsonObject | None:
    row = merchant.cards.find(_whole(number, "path/transaction_id"))
    return None if row is None else {"data": [merchant.rows.transaction_v3(row)]}


def _export_by_date(merchant: Merchant, fields: Fields) -> formats.JsonObject:
    rows = merchant.cards.between(*_range(merchant, fields))
    text = str(fields.get("including_text") or "").lower()
    found = [row for row in rows if not text or text in f"{row['invoice_id']}\n{row['description']}".lower()]
    return {"data": [merchant.rows.transaction_v3(row) for row in found]}


def _export_batches(merchant: Merchant, rest: list[str], fields: Fields) -> formats.JsonObject | None:
    match rest:
        case ["by-date"]:
            return {
                "data": [merchant.rows.batch(row) for row in merchant.cards.batches_between(*_range(merchant, fields))]
            }
        case ["transactions"]:
            batch = merchant.cards.batch(_whole(fields.get("batch_number"), "body/batch_number"))
            rows = [] if batch is None else merchant.cards.of_batch(batch["key"])
            return {"data": [merchant.rows.transaction_v3(row) for row in rows]}
        case _:
            return None


# --- vault and schedules


def _vault(merchant: Merchant, method: str, rest: list[str], fields: Fields) -> formats.JsonObject | None:
    match method, rest:
        case "GET", [] | ["export"]:
            label = fields.get("customer_label")
            rows = [row for row in merchant.vault.customers() if label in (None, row["customer_id"])]
            return {"data": [merchant.rows.customer_v3(row) for row in rows]}
        case "GET", [number]:
            customer = _customer(merchant, number)
            masked = f"************{customer['last_four']}"
            return {"data": {**merchant.rows.customer_v3(customer), "card_masked": masked}}
        case "DELETE", [number]:
            customer = _customer(merchant, number)
            merchant.vault.delete(customer["customer_id"])
            return {"data": {"customer_id": customer["number"]}}
        case _:
            return None


def _store_from_transaction(merchant: Merchant, fields: Fields) -> formats.JsonObject:
    row = merchant.cards.find(_whole(fields.get("transaction_id"), "body/transaction_id"))
    if row is None:
        raise Invalid("body/transaction_id", "transaction not found")
    return _store(merchant, stored_card(row), fields)


def _store(merchant: Merchant, card: StoredCard, fields: Fields) -> formats.JsonObject:
    label = str(fields.get("customer_label") or "")
    if not 1 <= len(label) <= 50:
        raise Invalid("body/customer_label", "ensure this value has at most 50 characters")
    merchant.vault.create(label, card if card.last_four else NO_CARD, "", fields)
    return {"data": {"customer_id": merchant.vault.known(label)["number"]}}


def _recurrence(merchant: Merchant, method: str, fields: Fields) -> formats.JsonObject:
    require_merchant(merchant, fields.get("merchant_id"), "body")
    if method == "DELETE":
        plan = fields.get("recurrence")
        identity = _whole(plan.get("id") if isinstance(plan, Mapping) else None, "body/recurrence/id")
        merchant.vault.unschedule(identity)
        return {"data": {"response_code": 152, "recurrence": {"id": identity}}}
    customer = _customer(merchant, str(fields.get("customer_id", "")))
    identity = merchant.vault.schedule(read_schedule(fields, customer["customer_id"], api="v3"))
    return {"data": {"response_code": 150, "recurrence": {"id": identity}}}


def _customer(merchant: Merchant, number: str) -> sqlite3.Row:
    customer = merchant.vault.by_number(number)
    if customer is None:
        raise Invalid("path/customer_id", "customer not found")
    return customer


# --- reading requests


def _amount(fields: Fields) -> int:
    try:
        amount_minor = to_minor("amount", fields.get("amount"))
    except BadValue as error:
        raise Invalid("body/amount", "value is not a valid number") from error
    if amount_minor <= 0:
        raise Invalid("body/amount", "ensure this value is greater than 0")
    return amount_minor


def _whole(value: object, place: str) -> int:
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise Invalid(place, "value is not a valid integer")
    return int(text)


def _range(merchant: Merchant, fields: Fields) -> tuple[int, int]:
    try:
        start = to_date("start_date", fields.get("start_date"))
        end = to_date("end_date", fields.get("end_date"))
    except BadValue as error:
        raise Invalid(f"body/{error.field_name}", "invalid date format") from error
    return merchant.rows.day_bounds_us(start, end)


def refusal(rejected: Rejected) -> formats.JsonObject:
    """Return what the books refuse, in v3's shape."""
    return {
        "data": [{"field": f"body/{number}", "detail": " ".join(texts)} for number, texts in rejected.errors.items()]
    }
