"""Describes the API as OpenAPI 3.1, from the commands and reports themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from app.api.bodies import BODIES, Body
from app.api.commands import CommandForm, Commands, Kind, Status
from app.api.reports import Reports, ours
from app.api.settings import ApiSettings
from projections.store.errors import QueryRefused

_TEXTS: Final[Mapping[int, str]] = {
    304: "The asker has this already (If-None-Match).",
    400: "Not well-formed, or a parameter does not fit.",
    401: "Nobody is known to ask.",
    403: "This person may not do that, or a page of another site sent it.",
    404: "There is none of this name.",
    405: "Another method.",
    408: "The body came too slowly.",
    409: "Refused: what is known stands against it. Or the same request is being carried out.",
    413: "The body is too large.",
    415: "Another kind of body, or a compressed one.",
    421: "Another host's name.",
    422: "Well-formed, and it does not fit: `errors` names each field. Or the key belongs to another request.",
    429: "Too many requests.",
    500: "A fault in Saldo.",
    503: "Not now. Send the same again, with the same idempotency key.",
}
_ALWAYS: Final = (400, 401, 403, 404, 405, 421, 429, 500, 503)
_WAIT: Final = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}}}
_ETAG: Final = {"ETag": {"description": "For If-None-Match.", "schema": {"type": "string"}}}
_TEXT: Final = {"type": "string"}


def describe(settings: ApiSettings, commands: Commands, reports: Reports) -> dict[str, Any]:
    """Return the OpenAPI document; no secret and no data is in it."""
    paths: dict[str, Any] = {
        "/healthz": {"get": _get("healthz", "The process lives", "Status", needs_log_in=False)},
        "/readyz": {"get": _get("readyz", "Broker and read side answer", "Status", needs_log_in=False)},
        "/v1/me": {"get": _get("me", "Who asks, and which commands that one may give", "Me")},
        "/v1/commands": {"get": _get("commands", "Every command, with its fields for a form", "Commands", tagged=True)},
        "/v1/reports": {"get": _get("reports", "Every report, with its parameters", "Reports", tagged=True)},
        "/v1/audit": {"get": _get("audit", "Operator commands and changes of users, newest first", "Audit")},
        "/v1/audit/verification": {
            "get": _get("audit-verification", "Whether the history is whole, and its newest links", "Verification")
        },
    }
    paths["/v1/audit"]["get"]["parameters"] = [_query("cursor", _TEXT, "`next` of the page before."), _limit(settings)]
    paths["/v1/audit"]["get"]["responses"] |= _problems(422)
    paths["/v1/audit/export"] = {"get": _export()}
    for name in reports.names():
        try:
            report = reports.load(name)
        except QueryRefused:
            continue
        operation = _get(f"report-{name}", report.question, "Report", tagged=True)
        operation["description"] = report.description
        operation["parameters"] = [
            *({**_query(one.name, _TEXT, one.meaning), "required": one.default is None} for one in report.parameters),
            *(
                one
                for one in (*_paging(settings), *([_query(*one) for one in _PERIOD] if report.period else []))
                if one["name"] in ours(report)
            ),
        ]
        paths[f"/v1/reports/{name}"] = {"get": operation}
    for name, body in BODIES.items():
        method, _, path = name.partition(" ")
        paths.setdefault(path, {})[method.lower()] = _user_change(method, path, body)
    paths["/v1/users"]["get"] = _get("users", "Users, their roles and keys", "Users")
    paths["/v1/keys/{key_id}"] = {"delete": _revoke()}
    for form in commands.forms():
        paths[f"/v1/commands/{form.name}"] = {"post": _command(form)}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Saldo API",
            "version": "1",
            "description": "The operator commands and reports of `saldo`. A command is answered with its outcome, once "
            "its agent has decided it. Amounts `..._minor` are in minor units of the row's currency.",
        },
        "security": [{"key": []}, {"session": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "A machine's key: `saldo user add-key`."},
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "saldo_<installation>",
                    "description": "Of /login. What changes something needs the header X-CSRF-Token besides.",
                },
            },
            "schemas": {
                **_SCHEMAS,
                **{_schema_name(form): _inlined(form.schema) for form in commands.forms()},
                **{body.__name__: _inlined(body.model_json_schema()) for body in BODIES.values()},
            },
        },
    }


def _command(form: CommandForm) -> dict[str, Any]:
    files = ", ".join(field.name for field in form.fields if field.kind is Kind.FILE)
    outcome = {"application/json": {"schema": _ref("Outcome")}}
    return {
        "operationId": form.name.replace("/", "-"),
        "summary": form.title,
        "description": f"{form.help} Gives {', '.join(form.gives)}." + (f" Files: {files}." if files else ""),
        "parameters": [
            {
                "name": "Idempotency-Key",
                "in": "header",
                "description": "The same key is given once, and answered alike for 30 days.",
                "schema": {"type": "string", "pattern": "^[!-~]{1,200}$"},
            }
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _ref(_schema_name(form))}},
        },
        "responses": {
            "200": {"description": "Carried out.", "content": outcome},
            "202": {
                "description": "Durable: it waits for another person (`proposed`), or for its agent (`unanswered`).",
                "content": outcome,
            },
            **_problems(*_ALWAYS, 408, 409, 413, 415, 422),
        },
    }


def _user_change(method: str, path: str, body: type[Body]) -> dict[str, Any]:
    is_new = method == "POST"
    return {
        "operationId": f"users-{body.__name__}",
        "summary": (body.__doc__ or "").strip(),
        "description": "A person's alone: a machine's key keeps no users.",
        "parameters": _path_parameters(path),
        "requestBody": {"required": True, "content": {"application/json": {"schema": _ref(body.__name__)}}},
        "responses": {
            "201" if is_new else "200": {
                "description": "Changed; a new key is in `key`, shown once.",
                "content": {"application/json": {"schema": _ref("Changed")}},
            },
            **_problems(*_ALWAYS, 408, 413, 415, 422),
        },
    }


def _revoke() -> dict[str, Any]:
    return {
        "operationId": "users-revoke-key",
        "summary": "End a key at once",
        "parameters": _path_parameters("/v1/keys/{key_id}"),
        "responses": {"204": {"description": "Revoked."}, **_problems(*_ALWAYS)},
    }


def _path_parameters(path: str) -> list[dict[str, Any]]:
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]


def _get(name: str, summary: str, schema: str, *, tagged: bool = False, needs_log_in: bool = True) -> dict[str, Any]:
    found: dict[str, Any] = {
        "description": "Found.",
        "content": {"application/json": {"schema": _ref(schema)}},
        **({"headers": _ETAG} if tagged else {}),
    }
    more = {"304": {"description": _TEXTS[304]}} if tagged else {}
    operation = {"operationId": name, "summary": summary, "responses": {"200": found, **more, **_problems(*_ALWAYS)}}
    return operation if needs_log_in else {**operation, "security": []}


def _export() -> dict[str, Any]:
    operation = _get("audit-export", "All of it in one file, with what verifies it", "Audit")
    operation["parameters"] = [_query("format", {"type": "string", "enum": ["csv", "jsonl", "zip"]}, "Default: zip.")]
    operation["responses"]["200"]["content"] = {
        "application/zip": {},
        "text/csv": {"schema": _TEXT},
        "application/jsonl": {"schema": _TEXT},
    }
    return operation


def _problems(*statuses: int) -> dict[str, Any]:
    return {
        str(status): {
            "description": _TEXTS[status],
            "content": {"application/problem+json": {"schema": _ref("Problem")}},
            **({"headers": _WAIT} if status in (429, 503) else {}),
        }
        for status in statuses
    }


def _query(name: str, schema: Mapping[str, Any], meaning: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": meaning, "schema": dict(schema)}


def _limit(settings: ApiSettings) -> dict[str, Any]:
    most = {"type": "integer", "minimum": 1, "maximum": settings.max_page_size, "default": settings.page_size}
    return _query("limit", most, "Rows of a page.")


def _paging(settings: ApiSettings) -> list[dict[str, Any]]:
    return [
        _query("cursor", _TEXT, "`next` of the page before, with the same parameters."),
        _limit(settings),
        _query("as_of", _TEXT, "A day or instant: what was known then."),
    ]


_PERIOD: Final = (
    ("period", _TEXT, "2026, 2026-Q4, 2026-11, 2026-11-24 or 2026-11-01..2026-11-24"),
    ("from", _TEXT, "First day."),
    ("to", _TEXT, "Last day."),
)


def _schema_name(form: CommandForm) -> str:
    return "Command-" + form.name.replace("/", "-")


def _inlined(schema: Mapping[str, Any]) -> Any:
    """Return a JSON Schema whose own definitions stand where they are named."""
    definitions = schema.get("$defs", {})

    def plain(value: Any) -> Any:
        match value:
            case {"$ref": str() as ref}:
                return plain(definitions[ref.rpartition("/")[2]])
            case dict():
                return {name: plain(item) for name, item in value.items() if name != "$defs"}
            case list():
                return [plain(item) for item in value]
            case _:
                return value

    return plain(schema)


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _list(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


_ANY: Final = {"type": "object"}
_OR_NULL: Final = {"type": ["string", "null"]}
_SCHEMAS: Final[Mapping[str, Any]] = {
    "Problem": {
        "type": "object",
        "description": "RFC 9457; no value that was sent is repeated.",
        "required": ["type", "title", "status", "code"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "code": {"type": "string", "description": "For programs; stable."},
            "field": {"type": "string"},
            "remedy": {"type": "string"},
            "errors": _list(_object(field=_TEXT, remedy=_TEXT)),
            "outcome": {"$ref": "#/components/schemas/Outcome"},
        },
    },
    "Status": _object(status=_TEXT),
    "Me": _object(
        user_id=_TEXT,
        authenticated_by=_TEXT,
        roles=_list(_TEXT),
        scopes=_list(_TEXT),
        ends_at=_OR_NULL,
        commands=_list(_TEXT),
        notice=_TEXT,
    ),
    "Commands": _object(
        commands=_list(
            _object(name=_TEXT, title=_TEXT, help=_TEXT, gives=_list(_TEXT), fields=_list(_ANY)),
        )
    ),
    "Reports": _object(reports=_list(_ANY)),
    "Report": _object(columns=_list(_TEXT), rows=_list(_ANY), next=_OR_NULL),
    "Outcome": _object(
        status={"type": "string", "enum": [status.value for status in Status]},
        lines=_list(_TEXT),
        given=_list(
            _object(
                type=_TEXT, topic=_TEXT, partition={"type": "integer"}, offset={"type": "integer"}, events=_list(_ANY)
            )
        ),
        proposal_id=_OR_NULL,
        sheets=_list(_object(title=_TEXT, columns=_list(_TEXT), rows=_list(_list(_TEXT)))),
    ),
    "Users": _object(users=_list(_ANY)),
    "Changed": {
        "type": "object",
        "properties": {"user": _ANY, "key": _TEXT},
        "required": ["user"],
    },
    "Audit": _object(entries=_list(_ANY), next=_OR_NULL, broken=_list(_TEXT)),
    "Verification": _object(is_whole={"type": "boolean"}, whole=_list(_TEXT), broken=_list(_TEXT)),
}
