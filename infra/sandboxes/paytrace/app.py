"""The sandbox as an ASGI app and as a server: PayTrace's paths, the admin paths beside them, faults in front.

A client that keeps away from /_sandbox cannot tell it from the reference's description of PayTrace.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from infra.sandboxes.paytrace import admin, formats, v1, v3, v3_cards
from infra.sandboxes.paytrace.faults import FaultLayer, Faults
from infra.sandboxes.paytrace.hooks import Hooks
from infra.sandboxes.paytrace.merchant import Merchant
from infra.sandboxes.paytrace.rejections import NO_PERMISSION, Rejected
from infra.sandboxes.paytrace.settings import SandboxSettings

_MAX_BODY_BYTES: Final = 1024 * 1024
_LOGIN_FAILED: Final = {
    "error": "invalid_grant",
    "error_description": (
        "The provided authorization grant is invalid, expired, revoked, does not match the redirection URI used "
        "in the authorization request, or was issued to another client."
    ),
}
_TOKEN_REFUSED: Final = {"error": "invalid_token", "error_description": "The access token is invalid"}

# Far above the 5 s after which clients leave an idle connection: of two equal times, a slow machine has the server
# close what the client is just sending on.
KEEP_ALIVE_S = 75


def create_app(settings: SandboxSettings) -> ASGIApp:
    """Build the sandbox of one account; its state lives in settings.data_dir and survives the process."""
    faults = Faults()
    merchant = Merchant(settings, faults)
    face = Face(merchant)
    hooks = Hooks(merchant, faults)
    if settings.hooks is not None:
        hooks.configure(settings.hooks)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        distinctive = asyncio.create_task(hooks.run())
        yield
        distinctive.cancel()
        with suppress(asyncio.CancelledError):
            await distinctive
        merchant.close()

    routes = [
        Route("/oauth/token", face.log_in_v1, methods=["POST"]),
        Route("/v1/{path:path}", face.operate_v1, methods=["POST"]),
        Route("/v3/token", face.log_in_v3, methods=["POST"]),
        Route("/v3/{path:path}", face.operate_v3, methods=["GET", "POST", "DELETE"]),
        *admin.routes(merchant, faults, hooks),
    ]
    return FaultLayer(Starlette(routes=routes, lifespan=lifespan), faults)


def serve(host: str, port: int, data_dir: Path, *, settings: SandboxSettings | None = None) -> None:
    """Serve the sandbox until the process is asked to stop; settings default to the reference's account."""
    chosen = settings or SandboxSettings(data_dir=data_dir)
    app = create_app(chosen.model_copy(update={"data_dir": data_dir}))
    uvicorn.run(
        app,
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        ssl_certfile=None if chosen.tls_cert_path is None else str(chosen.tls_cert_path),
        ssl_keyfile=None if chosen.tls_key_path is None else str(chosen.tls_key_path),
    )


class Face:
    """Requests to answers, for both API versions."""

    def __init__(self, merchant: Merchant) -> None:
        self._merchant = merchant

    async def log_in_v1(self, request: Request) -> Response:
        """Password grant, as form, JSON or multipart."""
        fields = await _read_fields(request)
        settings = self._merchant.settings
        good = (
            fields.get("grant_type") == "password"
            and fields.get("username") == settings.username
            and fields.get("password") == settings.password
        )
        if not good:
            return _json(settings.bad_login_status, _LOGIN_FAILED)
        token, life_s = self._merchant.issue_token("v1")
        return _json(200, {"access_token": token, "token_type": "bearer", "expires_in": life_s})

    async def log_in_v3(self, request: Request) -> Response:
        """Client credentials; the token sits under data."""
        fields = {**request.query_params, **await _read_fields(request)}
        settings = self._merchant.settings
        refreshes = fields.get("grant_type") == "refresh_token" and self._merchant.accepts_token(
            f"Bearer {fields.get('refresh_token', '')}", "refresh"
        )
        logs_in = (
            fields.get("grant_type") == "client_credentials"
            and fields.get("client_id") == settings.username
            and fields.get("client_secret") == settings.password
        )
        if not (refreshes or logs_in):
            return _json(422, {"data": [{"field": "body/client_id", "detail": "invalid client credentials"}]})
        token, life_s = self._merchant.issue_token("v3")
        refresh, _ = self._merchant.issue_token("refresh")
        return _json(201, {"data": {"access_token": token, "refresh_token": refresh, "expires_in": life_s}})

    async def operate_v1(self, request: Request) -> Response:
        """Return every v1 operation."""
        started_s = time.perf_counter()
        operation = v1.OPERATIONS.get(request.url.path)
        if operation is None:
            return Response(b"<html><body>Not Found</body></html>", 404, media_type="text/html")
        settings = self._merchant.settings
        if not self._merchant.accepts_token(request.headers.get("authorization", ""), "v1"):
            return _json(
                settings.bad_token_status, _TOKEN_REFUSED, {"WWW-Authenticate": 'Bearer error="invalid_token"'}
            )
        try:
            fields = await _read_fields(request)
            if settings.integrator_id not in (None, fields.get("integrator_id")):
                raise Rejected(NO_PERMISSION)
            self._merchant.catch_up()
            answer = operation(self._merchant, fields)
        except Rejected as rejected:
            return _rails(started_s, settings.refused_status, _refusal(rejected))
        declined = answer.get("response_code") == 102
        return _rails(started_s, settings.decline_status if declined else 200, answer)

    async def operate_v3(self, request: Request) -> Response:
        """Return every v3 operation."""
        settings = self._merchant.settings
        integrator_id = request.headers.get("x-integrator-id")
        if not self._merchant.accepts_token(request.headers.get("authorization", ""), "v3"):
            return _json(settings.bad_token_status, _TOKEN_REFUSED)
        if not integrator_id or settings.integrator_id not in (None, integrator_id):
            return _json(422, {"data": [{"field": "header/X-Integrator-Id", "detail": "field required"}]})
        self._merchant.catch_up()
        try:
            answer = await self._answer_v3(request)
        except v3.Invalid as invalid:
            return _json(422, invalid.body)
        except Rejected as rejected:
            return _json(422, v3_cards.refusal(rejected))
        return _json(404, {"detail": "Not Found"}) if answer is None else _json(200, answer)

    async def _answer_v3(self, request: Request) -> formats.JsonObject | None:
        path = request.url.path.removeprefix("/v3/").strip("/")
        query = dict(request.query_params)
        match request.method, path.split("/"):
            case "POST", ["checks", "payment"]:
                return v3.pay_by_check(self._merchant, await _read_fields(request))
            case "GET", ["checks", "transactions"]:
                return v3.list_checks(self._merchant, query)
            case "GET", ["checks", "transactions", "idempotency-keys", key]:
                return v3.one_check_by_key(self._merchant, query, key)
            case "GET", ["checks", "transactions", identity]:
                return v3.one_check(self._merchant, query, identity)
            case method, parts:
                return v3_cards.answer_cards(self._merchant, method, parts, await _read_fields(request))


def _refusal(rejected: Rejected) -> formats.JsonObject:
    return {
        "success": False,
        "response_code": 1,
        "status_message": "One or more errors has occurred.",
        "errors": rejected.errors,
        "external_transaction_id": "",
    }


def _json(status: int, body: object, headers: Mapping[str, str] | None = None) -> Response:
    return Response(formats.encode(body), status, media_type="application/json; charset=utf-8", headers=headers)


def _rails(started_s: float, status: int, body: object) -> Response:
    """Return an answer with the headers of the v1 server."""
    headers = {
        "X-Request-Id": secrets.token_hex(16),
        "X-Runtime": f"{time.perf_counter() - started_s:.6f}",
        "Status": f"{status} {'OK' if status == 200 else 'Bad Request'}",
    }
    return _json(status, body, headers)


async def _read_fields(request: Request) -> dict[str, Any]:
    """Return the fields of a request in any of the encodings that clients use; nothing readable gives no fields."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        form = await request.form(max_files=0, max_part_size=_MAX_BODY_BYTES)
        return {name: value for name, value in form.items() if isinstance(value, str)}
    body = await _read_body(request)
    if kind == "application/x-www-form-urlencoded":
        return _read_form(body)
    try:
        fields = formats.decode(body)
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}


async def _read_body(request: Request) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > _MAX_BODY_BYTES:
            return b""
        parts.append(part)
    return b"".join(parts)


def _read_form(body: bytes) -> dict[str, Any]:
    """Form fields; name[part]=value nests one level, as form clients of v1 write card and address."""
    fields: dict[str, Any] = {}
    for name, value in parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True):
        outer, bracket, inner = name.partition("[")
        if bracket and inner.endswith("]"):
            nested = fields.setdefault(outer, {})
            if isinstance(nested, dict):
                nested[inner[:-1]] = value
        else:
            fields[name] = value
    return fields
