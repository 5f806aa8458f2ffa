"""The v1 face of the sandbox: one function per path, from a request's fields to an answer's fields.

Each function speaks PayTrace's words in and out and leaves the rules to the books. OPERATIONS lists them all,
so that the contract suite can hold the client's paths against it. What Saldo never asks is not played.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final

from infra.sandboxes.paytrace import formats
from infra.sandboxes.paytrace.bank_books import DebitRequest
from infra.sandboxes.paytrace.card_books import ChargeRequest
from infra.sandboxes.paytrace.cards import NO_CARD, StoredCard, read_card, read_csc
from infra.sandboxes.paytrace.formats import BadValue, to_date, to_minor
from infra.sandboxes.paytrace.merchant import Merchant
from infra.sandboxes.paytrace.rejections import (
    BAD_ACCOUNT_NUMBER,
    BAD_AMOUNT,
    BAD_CARD_NUMBER,
    BAD_DATE,
    BAD_RECURRENCE,
    BAD_ROUTING_NUMBER,
    BAD_TRANSACTION_ID,
    Rejected,
    customer_not_found,
)
from infra.sandboxes.paytrace.vault import FREQUENCIES, Schedule, stored_card
from schemas.checks.sensitive import is_routing_number

Fields = Mapping[str, Any]
Operation = Callable[[Merchant, Fields], formats.JsonObject]

_EXPORTED: Final = "Your request has been successfully completed."
_STATES: Final = {
    "SETTLED": "SETTLED",
    "PENDING": "PENDING",
    "DECLINED": "DECLINED",
    "VOID": "VOIDED",
}


# --- cards


def _charge(kind: str, pick_card: Callable[[Merchant, Fields], tuple[StoredCard, str]]) -> Operation:
    def operation(merchant: Merchant, fields: Fields) -> formats.JsonObject:
        problems: list[Rejected] = []
        amount_minor = 0
        try:
            amount_minor = _amount(fields, allow_zero=kind == "AUTHORIZATION")
        except Rejected as rejected:
            problems.append(rejected)
        try:
            card, customer_id = pick_card(merchant, fields)
        except Rejected as rejected:
            problems.append(rejected)
        if problems:
            raise _together(problems)
        request = ChargeRequest(
            kind=kind,
            amount_minor=amount_minor,
            card=card,
            customer_id=customer_id,
            csc=read_csc(fields, card.brand),
            fields={**fields, "tax_minor": _optional_minor(fields, "tax_amount")},
        )
        row = merchant.cards.charge(request)
        return _refund_answer(row) if kind == "REFUND" else _charge_answer(row)

    return operation


def _together(problems: list[Rejected]) -> Rejected:
    """PayTrace names every problem in one answer."""
    rejected = Rejected()
    for problem in problems:
        rejected.errors |= problem.errors
    return rejected


def _by_card(merchant: Merchant, fields: Fields) -> tuple[StoredCard, str]:
    return read_card(fields, merchant.card_secret), ""


def _by_customer(merchant: Merchant, fields: Fields) -> tuple[StoredCard, str]:
    customer_id = _text(fields, "customer_id")
    card = stored_card(merchant.vault.known(customer_id))
    if not card.last_four:
        raise customer_not_found(customer_id)
    return card, customer_id


def _charge_answer(row: sqlite3.Row) -> formats.JsonObject:
    code, text = {
        "DECLINED": (102, "Your transaction was not approved."),
        "VOIDED_BY_RULE": (
            103,
            "Your transaction was approved, but voided because of your AVS or CSC settings.",
        ),
    }.get(row["state"], (101, "Your transaction was successfully approved."))
    return {
        "success": code != 102,
        "response_code": code,
        "status_message": text,
        "transaction_id": row["number"],
        "approval_code": row["approval_code"],
        "approval_message": row["approval_message"],
        "avs_response": row["avs"],
        "csc_response": row["csc"],
        "external_transaction_id": "",
        "masked_card_number": f"xxxxxxxxxxxx{row['last_four']}",
    }


def _refund_answer(row: sqlite3.Row) -> formats.JsonObject:
    return {
        "success": True,
        "response_code": 106,
        "status_message": "Your transaction successfully refunded.",
        "transaction_id": row["number"],
        "external_transaction_id": "",
    }


def _capture(merchant: Merchant, fields: Fields) -> formats.JsonObject:
    number = _number(fields, "transaction_id", BAD_TRANSACTION_ID)
    merchant.cards.capture(number, _optional_amount(fields))
    return {
        "success": True,
        "response_code": 112,
        "status_message": "Your transaction was successfully captured.",
        "transaction_id": number,
        "external_transaction_id": "",
    }


def _refund(merchant: Merchant, fields: Fields) -> formats.JsonObject:
    number = _number(fields, "transaction_id", BAD_TRANSACTION_ID)
    return _refund_answer(merchant.cards.refund(number, _optional_amount(fields)))


def _void(merchant: Merchant, fields: Fields) -> formats.JsonObject:
    number = _number(fields, "transaction_id", BAD_TRANSACTION_ID)
    merchant.cards.void(number, also_by_rule=merchant.faults.concerns("void_after_103", number))
    return {
        "success": True,
        "response_code": 109,
        "status_message": "Your transaction was successfully voided.",
        "transaction_id": number,
    }


def _client_key(merchant: Merchant, fields: Fields) -> formats.JsonObject:
    return {"clientKey": secrets.token_urlsafe(24)}


# --- exports


def _export_by_date(merchant: Merchant, fields: Fields) -> formats.JsonObject:
    start_us, end_us = _range(merchant, fields)
    rows = [row for row in merchant.cards.between(start_us, end_us) if _passes(row, fields)]
    return _export("transactions", [merchant.rows.transaction(row) for row in rows])


def _export_by_id(merchant: Merchant, fields: Fields) -> formats.JsonObject:
    row = merchant.cards.find(_number(fields, "transaction_id", BAD_TRANSACTION_ID))
    if row is None:
        raise Rejected(BAD_TRANSACTION_ID)
    return _export("transactions", [merchant.rows.transaction(row)])


def _passes(row: sqlite3.Row, fields: Fields) -> bool:
    wanted = _text(fields, "transaction_type").upper()
    if wanted in _STATES:
        if row["state"] not in {_STATES[wanted], f"{_STATES[wanted]}_BY_RULE"}:
            return False
    elif wanted and row["kind"] != wanted:
        return False
    if _text(fields, "transaction_id") not in {"", str(row["number"])}:
        return False
    if _text(fields, "customer_id") not in {"", row["customer_id"]}:
        return False
    text = _text(fields, "including_text").lower()
    searched = (row["invoice_id"], row["description"], row["customer_reference_id"], row["customer_id"])
    return not text or any(text in value.lower() for value in searched)


def _export_batches(merchant: Merchant, fields: Fields) -> formats.JsonObject:
    start_us, end_us = _range(merchant, fields)
    rows = merchant.cards.batches_between(start_us, end_us)
    return _export("batches", [merchant.rows.batch(row) for row in rows])


def _export_batch_transactions(merchant: Merchant, fields: Fields) -> formats.JsonObject:
    batch = merchant.cards.batch(_batch_number(fields))
    rows = [] if batch is None else merchant.cards.of_batch(batch["key"])
    return _export("transactions", [merchant.rows.transaction(row) for row in rows])


def _batch_number(fields: Fields) -> int:
    # One published connector writes the name in camel case.
    text = _text(fields, "batch_number") or _text(fields, "batchNumber")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0


def _export_customers(merchant: Merchant, fields: Fields) -> formats.JsonObject:
    customer_id = _text(fields, "customer_id")
    rows = [merchant.vault.known(customer_id)] if customer_id else merchant.vault.customers()
    return _export("customers", [merchant.rows.customer(row) for row in rows])


def _export_checks(merchant: Merchant, fields: Fields) -> formats.JsonObject:
    start_us, end_us = _range(merchant, fields)
    rows = merchant.bank.between("v1", "created", start_us, end_us)
    return _export("checks", [merchant.rows.check(row) for row in rows])


def _export(name: str, rows: list[Any]) -> formats.JsonObject:
    return {
        "success": True,
        "response_code": 1,
        "status_message": _EXPORTED,
        name: rows,
        "external_transaction_id": "",
    }


# --- checks


def _check(merchant: Merchant, fields: Fields) -> formats.JsonObject:
    """Return a debit that a shop or a terminal makes; Saldo only reads it."""
    request = DebitRequest(
        api="v1",
        kind="SALE",
        amount_minor=_amount(fields),
        last_four=read_bank(fields),
        invoice_id=_text(fields, "invoice_id"),
        description=_text(fields, "description"),
    )
    is_declined = request.amount_minor == merchant.settings.decline_amount_minor
    row = merchant.bank.debit(request, refused=is_declined)
    return {
        "success": not is_declined,
        "response_code": 125 if is_declined else 120,
        "status_message": f"Your check was {'NOT ' if is_declined else ''}successfully processed.",
        "check_transaction_id": row["number"],
    }


def read_bank(fields: Fields) -> str:
    """Check the bank part of a request and return the last four digits, all that is kept of it.

    Raises: Rejected with every problem at once.
    """
    check = fields.get("check")
    check = check if isinstance(check, Mapping) else {}
    account, routing = _text(check, "account_number"), _text(check, "routing_number")
    problems = []
    if not (account.isascii() and account.isdecimal() and 4 <= len(account) <= 17):
        problems.append(BAD_ACCOUNT_NUMBER)
    if not (routing.isascii() and routing.isdecimal() and is_routing_number(routing)):
        problems.append(BAD_ROUTING_NUMBER)
    if problems:
        raise Rejected(*problems)
    return account[-4:]


# --- vault


def _customer_create(merchant: Merchant, fields: Fields) -> formats.JsonObject:
    wants_card = any(name in fields for name in ("credit_card", "hpf_token"))
    card = read_card(fields, merchant.card_secret) if wants_card else NO_CARD
    bank = read_bank(fields) if "check" in fields else ""
    if not wants_card and not bank:
        raise Rejected(BAD_CARD_NUMBER)
    customer_id = _text(fields, "customer_id")
    merchant.vault.create(customer_id, card, bank, fields)
    return _customer_answer(merchant, 160, "created", customer_id)


def _customer_from_transaction(merchant: Merchant, fields: Fields) -> formats.JsonObject:
    row = merchant.cards.find(_number(fields, "transaction_id", BAD_TRANSACTION_ID))
    if row is None:
        raise Rejected(BAD_TRANSACTION_ID)
    customer_id = _text(fields, "customer_id")
    merchant.vault.create(customer_id, stored_card(row), "", fields)
    return _customer_answer(merchant, 160, "created", customer_id)


def _customer_update(merchant: Merchant, fields: Fields) -> formats.JsonObject:
    wants_card = any(name in fields for name in ("credit_card", "hpf_token"))
    card = read_card(fields, merchant.card_secret) if wants_card else None
    account = _text(fields, "direct_deposit_account")
    bank = account[-4:] if account else None
    customer_id = merchant.vault.update(_text(fields, "customer_id"), card, bank, fields)
    return _customer_answer(merchant, 161, "updated", customer_id)


def _customer_delete(merchant: Merchant, fields: Fields) -> formats.JsonObject:
    customer_id = _text(fields, "customer_id")
    answer = _customer_answer(merchant, 162, "deleted", customer_id)
    merchant.vault.delete(customer_id)
    return answer


def _customer_answer(merchant: Merchant, code: int, verb: str, customer_id: str) -> formats.JsonObject:
    row = merchant.vault.known(customer_id)
    name = merchant.rows.customer(row)["billing_address"].get("name", "")
    return {
        "success": True,
        "response_code": code,
        "status_message": f"The customer profile for {customer_id}/{name} was successfully {verb}.",
        "customer_id": customer_id,
        "masked_card_number": f"xxxxxxxxxxxx{row['last_four']}" if row["last_four"] else "",
    }


# --- schedules


def _recurrence_create(merchant: Merchant, fields: Fields) -> formats.JsonObject:
    identity = merchant.vault.schedule(read_schedule(fields, _text(fields, "customer_id")))
    return _recurrence_answer(150, "created", identity)


def read_schedule(fields: Fields, customer_id: str, *, api: str = "v1") -> Schedule:
    """Check the recurrence part of a request. Raises Rejected."""
    plan = _nested(fields, "recurrence")
    frequency, total = _text(plan, "frequency"), _text(plan, "total_count")
    kind, pays_by = _text(plan, "transaction_type") or "Sale", _text(plan, "type") or "C"
    try:
        start_on = to_date("start_date", plan.get("start_date"))
    except BadValue as error:
        raise Rejected(BAD_RECURRENCE) from error
    valid = frequency in FREQUENCIES and total.isdecimal() and 1 <= int(total[:4]) <= 999
    if not valid or kind not in {"Sale", "Authorization"} or pays_by not in {"C", "A"}:
        raise Rejected(BAD_RECURRENCE)
    return Schedule(
        customer_id=customer_id,
        amount_minor=_amount(plan),
        frequency=frequency,
        start_on=start_on,
        total_count=int(total),
        transaction_type=kind,
        pays_by=pays_by,
        description=_text(plan, "description"),
        api=api,
    )


def _recurrence_update(merchant: Merchant, fields: Fields) -> formats.JsonObject:
    plan = _nested(fields, "recurrence")
    identity = _number(plan, "id", BAD_RECURRENCE)
    total = _text(plan, "total_count")
    merchant.vault.reschedule(
        identity,
        amount_minor=_optional_amount(plan),
        total_count=int(total) if total.isdecimal() and len(total) < 4 else None,
    )
    return _recurrence_answer(151, "updated", identity)


def _recurrence_delete(merchant: Merchant, fields: Fields) -> formats.JsonObject:
    identity = _number(_nested(fields, "recurrence"), "id", BAD_RECURRENCE)
    merchant.vault.unschedule(identity)
    return _recurrence_answer(152, "deleted", identity)


def _recurrence_answer(code: int, verb: str, identity: int) -> formats.JsonObject:
    return {
        "success": True,
        "response_code": code,
        "status_message": f"The recurrence was successfully {verb}.",
        "recurrence": {"id": identity},
    }


def _recurrence_export(merchant: Merchant, fields: Fields) -> formats.JsonObject:
    plan = _nested(fields, "recurrence")
    identity = _number(plan, "id", BAD_RECURRENCE) if "id" in plan else None
    customer_id = _text(fields, "customer_id") or None
    rows = merchant.vault.schedules(customer_id=customer_id, identity=identity)
    return {
        "success": True,
        "response_code": 155,
        "status_message": "The recurrence was successfully exported.",
        "recurrences": [merchant.rows.recurrence(row) for row in rows],
    }


# --- reading requests


def _amount(fields: Fields, *, allow_zero: bool = False) -> int:
    try:
        amount_minor = to_minor("amount", fields.get("amount"))
    except BadValue as error:
        raise Rejected(BAD_AMOUNT) from error
    if amount_minor < 0 or (amount_minor == 0 and not allow_zero):
        raise Rejected(BAD_AMOUNT)
    return amount_minor


def _optional_amount(fields: Fields) -> int | None:
    return _amount(fields) if fields.get("amount") not in (None, "") else None


def _optional_minor(fields: Fields, name: str) -> int | None:
    if fields.get(name) in (None, ""):
        return None
    try:
        return to_minor(name, fields.get(name))
    except BadValue as error:
        raise Rejected(BAD_AMOUNT) from error


def _number(fields: Fields, name: str, problem: str) -> int:
    text = _text(fields, name)
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise Rejected(problem)
    return int(text)


def _text(fields: Fields, name: str) -> str:
    value = fields.get(name)
    return str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _nested(fields: Fields, name: str) -> Fields:
    value = fields.get(name)
    return value if isinstance(value, Mapping) else {}


def _range(merchant: Merchant, fields: Fields) -> tuple[int, int]:
    try:
        start: date = to_date("start_date", fields.get("start_date"))
        end: date = to_date("end_date", fields.get("end_date"))
    except BadValue as error:
        raise Rejected(BAD_DATE) from error
    return merchant.rows.day_bounds_us(start, end)


OPERATIONS: Final[Mapping[str, Operation]] = {
    "/v1/transactions/sale/keyed": _charge("SALE", _by_card),
    "/v1/transactions/sale/by_customer": _charge("SALE", _by_customer),
    "/v1/transactions/authorization/by_customer": _charge("AUTHORIZATION", _by_customer),
    "/v1/transactions/authorization/capture": _capture,
    "/v1/transactions/refund/for_transaction": _refund,
    "/v1/transactions/void": _void,
    "/v1/payment_fields/token/create": _client_key,
    "/v1/transactions/export/by_date_range": _export_by_date,
    "/v1/transactions/export/by_id": _export_by_id,
    "/v1/batches/export": _export_batches,
    "/v1/batches/transaction_list": _export_batch_transactions,
    "/v1/checks/sale/by_account": _check,
    "/v1/checks/export/by_date_range": _export_checks,
    "/v1/customer/create": _customer_create,
    "/v1/customer/create_from_transaction": _customer_from_transaction,
    "/v1/customer/pt_protect_create": _customer_create,
    "/v1/customer/pt_protect_update": _customer_update,
    "/v1/customer/update": _customer_update,
    "/v1/customer/delete": _customer_delete,
    "/v1/customer/export": _export_customers,
    "/v1/recurrence/create": _recurrence_create,
    "/v1/recurrence/update": _recurrence_update,
    "/v1/recurrence/delete": _recurrence_delete,
    "/v1/recurrence/export_scheduled": _recurrence_export,
}
