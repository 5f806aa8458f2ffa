"""The sandbox's books as an auditor reads them: every document and outstanding item, as JSON and as a page."""

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import jinja2

from infra.sandboxes.abas.ledger import APPLICATION, ON_ACCOUNT, WRITE_OFF
from infra.sandboxes.abas.state import Sandbox
from infra.sandboxes.abas.store import Record
from infra.sandboxes.abas.tables import (
    CUSTOMER,
    ENTRY,
    OPEN_ITEM,
    PAYMENT,
    PAYMENT_REQUEST,
    PAYMENT_STATUS,
    SALES_ORDER,
)
from schemas.values.money import Money, from_major

_PAGE_ROWS = 200


def read_books(sandbox: Sandbox) -> dict[str, Any]:
    """Tell every posted document and every outstanding item, oldest first, amounts also in minor units."""
    return {
        "documents": [_document(sandbox, payment) for payment in sandbox.store.records(PAYMENT.spec)],
        "payment_requests": [_payment_request(sandbox, one) for one in sandbox.store.records(PAYMENT_REQUEST.spec)],
        "payment_statuses": [_payment_status(sandbox, one) for one in sandbox.store.records(PAYMENT_STATUS.spec)],
        "open_items": [_open_item(sandbox, item) for item in sandbox.store.records(OPEN_ITEM.spec)],
        "customers": [
            {
                "id": customer.id,
                "number": customer.values["idno"],
                "name": customer.values.get("descrOperLang", ""),
                "vault_customer_id": customer.values.get("ypaytracecust", ""),
                "balance": customer.values.get("bal", "0"),
                "shop_reference": customer.values.get("yshopref", ""),
                "street": customer.values.get("street", ""),
                "town": customer.values.get("town", ""),
                "dunning_block": customer.values.get("ydunblock", ""),
                "dunning_reason": customer.values.get("ydunreason", ""),
                "version": customer.version,
            }
            for customer in sandbox.store.records(CUSTOMER.spec)
        ],
        "entries": [_entry(sandbox, entry) for entry in sandbox.store.records(ENTRY.spec)],
        "sales_orders": [_sales_order(sandbox, order) for order in sandbox.store.records(SALES_ORDER.spec)],
    }


def _entry(sandbox: Sandbox, entry: Record) -> dict[str, Any]:
    values, currency = entry.values, _number(sandbox, entry.values.get("entryCurr", ""), "swd")
    return {
        "id": entry.id,
        "number": values["idno"],
        "posting_reference": values.get("yposref", ""),
        "reverses_reference": values.get("yreverses", ""),
        "posted_on": values.get("postDate") or values.get("docDate", ""),
        "value_on": values.get("docDate", ""),
        "text": values.get("text", ""),
        "currency": currency,
        "rows": [
            {
                "account": _number(sandbox, row.get("account", ""), "idno"),
                "currency": _number(sandbox, row.get("rowCurr", ""), "swd") or currency,
                **_sides(row, _number(sandbox, row.get("rowCurr", ""), "swd") or currency),
                "cost_centre": _number(sandbox, row.get("costCenter", ""), "idno"),
                "tax_code": row.get("taxCode", ""),
                "text": row.get("rowText", ""),
            }
            for row in entry.rows
        ],
    }


def _sides(row: Mapping[str, Any], currency: str) -> dict[str, int]:
    amounts = {"debit_minor": row.get("debitAmt"), "credit_minor": row.get("creditAmt")}
    return {side: from_major(Decimal(str(amount or "0")), currency).minor for side, amount in amounts.items()}


def _sales_order(sandbox: Sandbox, order: Record) -> dict[str, Any]:
    values = order.values
    return {
        "id": order.id,
        "number": values["idno"],
        "shop_reference": values.get("yshopref", ""),
        "shop_number": values.get("yshopno", ""),
        "gross": values.get("yshopgross", ""),
        "customer": _number(sandbox, values.get("customer", ""), "idno"),
        "currency": _number(sandbox, values.get("curr", ""), "swd"),
        "version": order.version,
        "rows": [
            {
                "row_key": row.get("yrowkey", ""),
                "product": _number(sandbox, row.get("product", ""), "idno"),
                "quantity": row.get("unitQty", ""),
                "price": row.get("price", ""),
                "tax_code": row.get("taxCode", ""),
                "category": row.get("yshopcat", ""),
            }
            for row in order.rows
        ],
    }


def _document(sandbox: Sandbox, payment: Record) -> dict[str, Any]:
    values, store = payment.values, sandbox.store
    amount, currency = Decimal(str(values["amount"])), _number(sandbox, values["curr"], "swd")
    item = store.record(str(values.get("item") or ""))
    reversed_document = store.record(str(values.get("reverses") or ""))
    return {
        "id": payment.id,
        "number": values["idno"],
        "kind": _kind(str(values.get("ykind") or ""), amount),
        "posting_reference": values.get("yposref", ""),
        "paytrace_transaction_id": values.get("ypaytraceid", ""),
        "customer": _number(sandbox, values["customer"], "idno"),
        "open_item": values.get("item") or "",
        "invoice": "" if item is None else item.values["docNo"],
        "reverses_reference": None if reversed_document is None else reversed_document.values.get("yposref", ""),
        "amount_minor": from_major(abs(amount), currency).minor,
        "currency": currency,
        "value_on": values.get("valDate", ""),
        "posted_on": values.get("postDate") or values.get("valDate", ""),
        "reason": values.get("yreason", ""),
        "counter_account": _number(sandbox, values.get("counterAcct", ""), "idno"),
        "cost_centre": _number(sandbox, values.get("costCenter", ""), "idno"),
        "tax_code": values.get("taxCode", ""),
        "counter_rows": [
            {
                "account": _number(sandbox, row.get("counterAcct", ""), "idno"),
                "amount_minor": from_major(abs(Decimal(str(row.get("amount") or "0"))), currency).minor,
                "cost_centre": _number(sandbox, row.get("costCenter", ""), "idno"),
                "tax_code": row.get("taxCode", ""),
                "text": row.get("rowText", ""),
            }
            for row in payment.rows
        ],
        "posted_at": values["erfass"],
    }


def _kind(reported: str, amount: Decimal) -> str:
    if amount < 0:
        return "reversal"
    return {WRITE_OFF: "write_off", ON_ACCOUNT: "on_account", APPLICATION: "application"}.get(reported, "receipt")


def _open_item(sandbox: Sandbox, item: Record) -> dict[str, Any]:
    currency = _number(sandbox, item.values["curr"], "swd")
    return {
        "id": item.id,
        "invoice": item.values["docNo"],
        "customer": _number(sandbox, item.values["customer"], "idno"),
        "amount_minor": from_major(Decimal(str(item.values["totalAmt"])), currency).minor,
        "open_minor": from_major(Decimal(str(item.values["openAmt"])), currency).minor,
        "currency": currency,
        "due_on": item.values.get("dueDate", "") or None,
        "filed": item.filed,
        "payment_status": item.values.get("ypaystatus", ""),
        "invoice_status": item.values.get("yinvstatus", ""),
        "credits": _number(sandbox, item.values.get("credits", ""), "docNo"),
    }


def _payment_status(sandbox: Sandbox, status: Record) -> dict[str, Any]:
    values = status.values
    return {
        "number": values["idno"],
        "key": values.get("ystatuskey", ""),
        "customer": _number(sandbox, values.get("customer", ""), "idno"),
        "paytrace_transaction_id": values.get("ypaytraceid", ""),
        "invoice": values.get("docNo", ""),
        "payment_status": values.get("ypaystatus", ""),
        "invoice_status": values.get("yinvstatus", ""),
        "amount": f"{values.get('amount', '')} {_number(sandbox, values.get('curr', ''), 'swd')}",
        "reason": values.get("yreason", ""),
    }


def _payment_request(sandbox: Sandbox, payment_request: Record) -> dict[str, Any]:
    values = payment_request.values
    return {
        "number": values["idno"],
        "kind": values.get("ykind", ""),
        "status": values.get("ystatus", ""),
        "customer": _number(sandbox, values.get("customer", ""), "idno"),
        "amount": f"{values.get('amount', '')} {_number(sandbox, values.get('curr', ''), 'swd')}",
        "paytrace_transaction_id": values.get("ypaytraceid", ""),
        "reason": values.get("yreason", ""),
        "result": values.get("yresult", ""),
        "document": values.get("ydocument", ""),
        "answer": values.get("yanswer", ""),
    }


def _shown(record: Record) -> str:
    """Name a record as a person knows it: its invoice or its number, and its id."""
    return f"{record.values.get('docNo') or record.values.get('idno') or ''} {record.id}".strip()


def _number(sandbox: Sandbox, reference: object, column: str) -> str:
    record = sandbox.store.record(str(reference))
    return "" if record is None else str(record.values.get(column, ""))


def show_page(sandbox: Sandbox) -> str:
    """Write the page on which a person sees the books, the switches and who has what open."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["money"] = lambda minor, currency: f"{Money(minor, currency).major:,} {currency}"
    environment.filters["grouped"] = lambda amount: f"{Decimal(str(amount)):,.2f}"
    environment.filters["shown"] = _shown
    reported = read_books(sandbox)
    open_items = [item for item in reported["open_items"] if not item["filed"]]
    cleared = [item for item in reported["open_items"] if item["filed"]]
    open_totals: Counter[str] = Counter()
    for item in open_items:
        open_totals[item["currency"]] += item["open_minor"]
    return environment.get_template("page.html").render(
        now=sandbox.store.now().strftime("%Y-%m-%d %H:%M:%S UTC"),
        faults=sandbox.faults.model_dump(exclude_defaults=True),
        documents=reported["documents"][-_PAGE_ROWS:][::-1],
        document_count=len(reported["documents"]),
        rows=_PAGE_ROWS,
        open_items=open_items[:_PAGE_ROWS],
        open_item_count=len(open_items),
        open_totals=open_totals,
        cleared=cleared[-_PAGE_ROWS:][::-1],
        cleared_count=len(cleared),
        payment_requests=[
            _payment_request(sandbox, payment_request)
            for payment_request in sandbox.store.records(PAYMENT_REQUEST.spec)
        ][-_PAGE_ROWS:][::-1],
        names={customer["number"]: customer["name"] for customer in reported["customers"]},
        customers=reported["customers"][:_PAGE_ROWS],
        customer_count=len(reported["customers"]),
        editors=sandbox.sessions.working_sets(),
    )
