"""Describes the ways in as OpenAPI 3.1. The schema of an observation comes from its .avsc, so the two can't part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from app.ingress.files import UPLOAD_TYPE
from app.ingress.observations import RECORD
from app.ingress.settings import IngressSettings
from schemas import catalog

_LONG: Final = {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1}
_PRIMITIVES: Final[Mapping[str, Mapping[str, Any]]] = {
    "string": {"type": "string"},
    "boolean": {"type": "boolean"},
    "long": _LONG,
    "int": {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1},
}
# What reading is stricter about than the Avro type.
_STRICTER: Final[Mapping[str, Mapping[str, Any]]] = {
    "paytrace_transaction_id": {"pattern": r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$"},
    "currency": {"pattern": r"^[A-Z]{3}$"},
    "amount_minor": {"minimum": 0},
}
_TEXTS: Final[Mapping[int, str]] = {
    400: "Not well-formed.",
    401: "The sender is not proved.",
    404: "The way in is shut, or there is none.",
    405: "Another method.",
    408: "The body came too slowly.",
    413: "The body is too large.",
    415: "Another kind of body, or a compressed one.",
    422: "Well-formed, but it does not fit; or it holds a card number, security code or bank number.",
    429: "Too many requests from this address.",
    500: "A fault in Saldo.",
    502: "The gateway's answer makes no sense.",
    503: "The broker or the gateway is away, or too much is going on. Send the same again; repeats fold to one event.",
}
_WAIT: Final = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}}}


def describe(settings: IngressSettings, hook_type: str) -> dict[str, Any]:
    """Return the OpenAPI document of an ingress with these settings; no secret is in it."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Saldo ingress",
            "version": "1",
            "description": "Takes reports about PayTrace transactions, hooks of disputes, hints of shops, and files of "
            "processors and banks. A 200 means that Kafka holds it durably, but for hints. Never send card numbers, "
            "security codes or bank numbers: a request that holds one anywhere is refused. In a file they are masked.",
        },
        "paths": {
            "/hooks/paytrace": {"post": _hook(settings)},
            "/hooks/shop/{shop}": {"post": _shop_hook()},
            "/silent-post/{secret}": {"post": _silent_post()},
            "/observations": {"post": _observations(settings)},
            "/hooks/disputes": {"post": _dispute_hook(settings)},
            "/files": {"post": _upload(settings)},
            "/healthz": {"get": _page("The process lives.", "healthz")},
            "/readyz": {"get": _page("The broker answers.", "readyz", 503)},
        },
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {
                "Problem": _problem(),
                "Accepted": _accepted(),
                "TransactionRow": _row(),
                "Hook": _hook_body(hook_type),
                "SilentPost": _silent_body(),
                "ShopHook": _shop_hook_body(),
                "DisputeHook": _dispute_hook_body(),
                "Upload": _upload_body(),
                "FileAccepted": _file_accepted(),
                RECORD: record_schema(RECORD),
                "Observations": {
                    "type": "object",
                    "required": ["observations"],
                    "additionalProperties": False,
                    "properties": {
                        "observations": {
                            "type": "array",
                            "minItems": 1,
                            "maxItems": settings.max_observations,
                            "items": _ref(RECORD),
                        }
                    },
                },
            },
        },
    }


def record_schema(name: str) -> dict[str, Any]:
    """JSON Schema of a record type, from its newest .avsc."""
    fields = catalog.latest(name).schema["fields"]
    return {
        "type": "object",
        "description": str(catalog.latest(name).schema["doc"]),
        "additionalProperties": False,
        "required": [field["name"] for field in fields if "default" not in field],
        "properties": {
            field["name"]: {**_type(field["type"]), **_STRICTER.get(field["name"], {}), "description": field["doc"]}
            for field in fields
        },
    }


def _type(avro: Any) -> dict[str, Any]:
    match avro:
        case str():
            return dict(_PRIMITIVES[avro])
        case ["null", other]:
            return {"anyOf": [_type(other), {"type": "null"}]}
        case {"type": "enum", "symbols": symbols}:
            return {"type": "string", "enum": list(symbols)}
        case {"logicalType": "timestamp-micros"}:
            return {"type": "string", "format": "date-time"}
        case {"type": str() as inner}:
            return _type(inner)
        case _:
            raise ValueError(f"no JSON Schema is known for the Avro type {avro!r}")


def _hook(settings: IngressSettings) -> dict[str, Any]:
    return {
        "operationId": "hook",
        "summary": "A signed hook",
        "description": "Standard Webhooks: v1,base64(HMAC-SHA256(secret, id.timestamp.body)). PayTrace itself "
        "documents no webhooks: this is for a relay of your own. A row of an export is taken as the poll would take "
        "it; about an id alone, PayTrace is asked.",
        "parameters": _signature(settings),
        "requestBody": _body("application/json", "Hook"),
        "responses": _responses(400, 401, 404, 405, 408, 413, 415, 422, 429, 500, 502, 503),
    }


def _shop_hook() -> dict[str, Any]:
    return {
        "operationId": "shopHook",
        "summary": "A shop's webhook",
        "description": "WooCommerce: base64(HMAC-SHA256(secret, body)). Only a hint: the order that it names is asked "
        "for at the shop. Everything but a wrong signature is answered with 200, because WooCommerce never sends one "
        "again and switches off who refuses; 200 is no promise here, the poll finds what is lost.",
        "parameters": [
            {"name": "shop", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}},
            _header("x-wc-webhook-signature", "base64; a ping, webhook_id=<number>, has none.", {"type": "string"}),
        ],
        "requestBody": _body("application/json", "ShopHook"),
        "responses": {
            "200": {"description": "Taken, or lost and found by the poll."},
            **{str(status): _refusal(status) for status in (401, 404, 405, 429, 500)},
        },
    }


def _shop_hook_body() -> dict[str, Any]:
    return {
        "type": "object",
        "description": "A shop's order as it was when this was sent; nothing but its id is looked at.",
        "required": ["id"],
        "properties": {"id": {"type": "integer", "minimum": 1}},
    }


def _signature(settings: IngressSettings) -> list[dict[str, Any]]:
    return [
        _header("webhook-id", "The same at every repeat.", {"type": "string", "minLength": 1, "maxLength": 256}),
        _header(
            "webhook-timestamp",
            f"Seconds since the epoch, at most {settings.replay_window_s:g} s from now.",
            {"type": "string", "pattern": "^[0-9]{1,12}$"},
        ),
        _header("webhook-signature", "v1,<base64>, several separated by blanks.", {"type": "string"}),
    ]


def _dispute_hook(settings: IngressSettings) -> dict[str, Any]:
    return {
        "operationId": "disputeHook",
        "summary": "A signed hook of disputes",
        "description": "Standard Webhooks, as the other hook. What the fields mean is said by the profile of disputes; "
        "what can be read in two ways is refused until it says which.",
        "parameters": _signature(settings),
        "requestBody": _body("application/json", "DisputeHook"),
        "responses": _responses(400, 401, 404, 405, 408, 413, 415, 422, 429, 500, 503),
    }


def _upload(settings: IngressSettings) -> dict[str, Any]:
    responses = _responses(400, 401, 404, 405, 408, 413, 415, 422, 429, 500, 503)
    responses["200"]["content"]["application/json"]["schema"] = _ref("FileAccepted")
    return {
        "operationId": "upload",
        "summary": "A dispute report, a deposit report or a bank statement",
        "description": "Signed as a hook. The same file is the same answer, and counts from its first reading.",
        "parameters": _signature(settings),
        "requestBody": _body("application/json", "Upload"),
        "responses": responses,
    }


def _silent_post() -> dict[str, Any]:
    return {
        "operationId": "silentPost",
        "summary": "PayTrace's Silent Post",
        "description": "Unsigned, so only a hint: PayTrace is asked for the transaction, and its answer counts.",
        "parameters": [
            {"name": "secret", "in": "path", "required": True, "schema": {"type": "string", "minLength": 24}}
        ],
        "requestBody": _body("application/x-www-form-urlencoded", "SilentPost"),
        "responses": _responses(400, 404, 405, 408, 413, 415, 422, 429, 500, 502, 503),
    }


def _observations(settings: IngressSettings) -> dict[str, Any]:
    return {
        "operationId": "observations",
        "summary": "Observations in Saldo's own schema",
        "description": f"For a listener of your own that reads PayTrace itself; 1 to {settings.max_observations} "
        "records, all or none.",
        "security": [{"token": []}],
        "requestBody": _body("application/json", "Observations"),
        "responses": _responses(400, 401, 404, 405, 408, 413, 415, 422, 429, 500, 503),
    }


def _page(summary: str, name: str, *statuses: int) -> dict[str, Any]:
    return {
        "operationId": name,
        "summary": summary,
        "responses": {
            "200": {"description": summary, "content": {"application/json": {"schema": {"type": "object"}}}},
            **{str(status): _refusal(status) for status in (405, 422, 429, 500, *statuses)},
        },
    }


def _responses(*statuses: int) -> dict[str, Any]:
    return {
        "200": {
            "description": "Durable on every in-sync replica.",
            "content": {"application/json": {"schema": _ref("Accepted")}},
        },
        **{str(status): _refusal(status) for status in statuses},
    }


def _refusal(status: int) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "description": _TEXTS[status],
        "content": {"application/problem+json": {"schema": _ref("Problem")}},
    }
    return {**answer, "headers": _WAIT} if status in (429, 503) else answer


def _problem() -> dict[str, Any]:
    error = {
        "type": "object",
        "required": ["field", "remedy"],
        "properties": {"field": {"type": "string"}, "remedy": {"type": "string"}},
    }
    return {
        "type": "object",
        "description": "RFC 9457. Names fields and remedies, never values.",
        "required": ["type", "title", "status", "code"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "code": {"type": "string"},
            "field": {"type": "string"},
            "remedy": {"type": "string"},
            "errors": {"type": "array", "items": error},
        },
    }


def _accepted() -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["accepted", "event_ids"],
        "properties": {
            "accepted": {"type": "integer", "minimum": 0},
            "event_ids": {"type": "array", "items": {"type": "string", "pattern": "^[0-9a-f]{32}$"}},
        },
    }


def _row() -> dict[str, Any]:
    text = {"type": ["string", "null"]}
    return {
        "type": "object",
        "description": "One row of a PayTrace v1 card export, as exported; masked_number with the last four at most.",
        "required": ["transaction_id", "transaction_type", "amount", "status_code", "created"],
        "properties": {
            "transaction_id": {"type": ["integer", "string"]},
            "transaction_type": {"type": "string"},
            "amount": {"type": ["number", "string"]},
            "status_code": {"type": "string"},
            "status_message": text,
            "created": {"type": "object", "required": ["at"], "properties": {"at": {"type": "string"}}},
            "settled": text,
            "approval_code": text,
            "invoice_id": text,
            "customer_id": text,
            "credit_card": {"type": "object", "properties": {"masked_number": {"type": "string"}}},
        },
        "example": {
            "transaction_id": 79388123,
            "credit_card": {"masked_number": "************5439"},
            "transaction_type": "SALE",
            "amount": 125.0,
            "invoice_id": "RE-100451",
            "customer_id": "acme-inc",
            "approval_code": "TAS679",
            "status_code": "Y",
            "status_message": "Pending Settlement",
            "created": {"at": "11/20/2026 10:06:30 AM"},
            "settled": "",
        },
    }


def _hook_body(hook_type: str) -> dict[str, Any]:
    identity = {
        "anyOf": [
            {"type": "integer", "minimum": 0},
            {**_PRIMITIVES["string"], **_STRICTER["paytrace_transaction_id"]},
        ]
    }
    hint = {
        "type": "object",
        "description": "Only an id: PayTrace is asked.",
        "required": ["transaction_id"],
        "additionalProperties": False,
        "properties": {"transaction_id": identity},
    }
    rows = {"type": "array", "minItems": 1, "maxItems": 1000, "items": _ref("TransactionRow")}
    return {
        "type": "object",
        "required": ["type", "data"],
        "additionalProperties": False,
        "properties": {
            "type": {"const": hook_type},
            "timestamp": {
                "type": "string",
                "format": "date-time",
                "description": "When the row was read. Required with rows; the latest observation decides an amount.",
            },
            "data": {"oneOf": [_ref("TransactionRow"), rows, hint]},
        },
    }


def _silent_body() -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["parmList"],
        "properties": {
            "parmList": {"type": "string", "description": "NAME~value pairs joined by |, TRANSACTIONID among them."}
        },
        "example": {"parmList": "ORDERID~123456|TRANSACTIONID~62279788|APPCODE~TAS456|"},
    }


def _dispute_hook_body() -> dict[str, Any]:
    return {
        "type": "object",
        "description": "Any JSON; this is what is read without a profile of your own. case, stage and date are needed.",
        "example": {
            "case": "CB-2026-0042",
            "stage": "DEBITED",
            "date": "2026-11-30",
            "amount": "100.00",
            "currency": "USD",
            "transaction": "79388123",
            "reported_at": "2026-11-30T18:10:00Z",
        },
    }


def _upload_body() -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["type", "data"],
        "additionalProperties": False,
        "properties": {
            "type": {"const": UPLOAD_TYPE},
            "data": {
                "type": "object",
                "required": ["purpose", "file_name", "content"],
                "additionalProperties": False,
                "properties": {
                    "purpose": {"enum": ["disputes", "deposits", "bank"]},
                    "file_name": {"type": "string", "minLength": 1, "maxLength": 200},
                    "content": {"type": "string", "contentEncoding": "base64", "description": "The bytes of the file."},
                    "merchant": {
                        "type": ["string", "null"],
                        "description": "Merchant account; needed where there are several and no column names them.",
                    },
                    "account": {
                        "type": ["string", "null"],
                        "pattern": "^[A-Za-z0-9_-]{1,40}$",
                        "description": "Our label of the bank account, never its number; the merchant's by default.",
                    },
                    "bank_account": {
                        "type": "string",
                        "pattern": "^[0-9]{0,6}$",
                        "description": "Last digits of the bank account, for a statement of several.",
                    },
                    "intraday": {"type": "boolean", "description": "Lines of a day that is not over."},
                },
            },
        },
        "example": {
            "type": UPLOAD_TYPE,
            "data": {
                "purpose": "disputes",
                "file_name": "disputes-2026-11-30.csv",
                "content": "Q2FzZSxTdGF0dXMsRGF0ZSxBbW91bnQKQ0ItMSxDaGFyZ2ViYWNrLDIwMjYtMTEtMjAsMTAwLjAwCg==",
            },
        },
    }


def _file_accepted() -> dict[str, Any]:
    row = {
        "type": "object",
        "required": ["line", "reason"],
        "properties": {"line": {"type": "integer"}, "reason": {"type": "string"}},
    }
    return {
        "type": "object",
        "required": ["accepted", "file_digest", "left_out", "left_out_count", "notes"],
        "properties": {
            "accepted": {"type": "integer", "minimum": 0, "description": "Records that the file's rows became."},
            "file_digest": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
            "left_out": {"type": "array", "items": row, "description": "Rows that can't be read, the first of them."},
            "left_out_count": {"type": "integer", "minimum": 0},
            "notes": {"type": "array", "items": {"type": "string"}},
        },
    }


def _header(name: str, description: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": True, "description": description, "schema": schema}


def _body(media_type: str, schema: str) -> dict[str, Any]:
    return {"required": True, "content": {media_type: {"schema": _ref(schema)}}}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}
