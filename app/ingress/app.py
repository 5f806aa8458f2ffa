"""The door: which path leads where, in which order a request is examined, and what is answered.

    webhook of a shop: wrong signature 401, else 200 (shop_hooks.py)
    address too fast 429 -> head guarded 422 -> path 404, method 405 -> room 503 -> bearer 401 -> kind 415
    -> body read, bounded 408 413 -> signature 401 -> body guarded 422 -> read 400 422 -> gateway asked 502 503
    -> broker 503 -> 200

Nothing of a request is logged but its way in, our own verdict, and ids of transactions after the guard.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from pydantic import SecretStr
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import Receive, Scope, Send

from app.ingress import metrics
from app.ingress.delivery import Delivery
from app.ingress.files import FileWays, Said
from app.ingress.guard import guard_head, guard_parts
from app.ingress.hints import HintResolver
from app.ingress.limits import Crowd, RateLimit, read_body
from app.ingress.openapi import describe
from app.ingress.page import CONTENT_SECURITY_POLICY, render
from app.ingress.problems import FieldError, Problem, away, unfit
from app.ingress.reading import require_media_type
from app.ingress.settings import IngressSettings, hook_key
from app.ingress.shop_hooks import WAY, ShopHooks
from app.ingress.signature import Tokens, Verifier
from app.ingress.ways import Ways
from schemas.failures import Unreadable
from schemas.records.payments import TransactionObserved
from schemas.values.business_day import PAYTRACE_ZONE
from schemas.wire.codec import Codec
from streams.edges.ports import GatewayReader, ShopHookReader

logger = logging.getLogger(__name__)

HOOK: Final = "/hooks/paytrace"
DISPUTE_HOOK: Final = "/hooks/disputes"
OBSERVATIONS: Final = "/observations"
UPLOAD: Final = "/files"
SILENT_POST: Final = "/silent-post/"
# The documented fields come to a few hundred bytes.
SILENT_POST_MAX_BYTES: Final = 8192
_JSON: Final = "application/json"
_FORM: Final = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class WayIn:
    """One way in: what it takes, who may, and what becomes of a body."""

    name: str
    media_type: str
    most_bytes: int
    authorize: Callable[[Request], None]
    prove: Callable[[Request, bytes], None]
    read: Callable[[bytes], Awaitable[Said]]


class Ingress:
    """The ASGI application. Nothing is contacted before the first request."""

    def __init__(
        self,
        settings: IngressSettings,
        gateway: GatewayReader,
        delivery: Delivery,
        codec: Codec,
        *,
        now: Callable[[], float] = time.time,
        zone: ZoneInfo = PAYTRACE_ZONE,
        shops: Mapping[str, ShopHookReader] | None = None,
        files: FileWays | None = None,
    ) -> None:
        """Wire the ways in.

        now gives seconds since the epoch, for the replay window; zone is the merchant's; files takes uploads and hooks
        of disputes, where their secrets are set; shops are by label, those whose webhooks are taken.
        """
        self._settings = settings
        self._delivery = delivery
        self._rate = RateLimit(settings.rate_per_s, settings.burst, time.monotonic)
        self._crowd = Crowd(settings.requests_at_once)
        self._silent_path = settings.silent_post_path.get_secret_value()
        description = describe(settings, gateway.hook_type)
        self._openapi = msgspec.json.encode(description)
        self._page = render(description)
        hints = HintResolver(
            gateway,
            timeout_s=settings.look_up_timeout_s,
            at_once=settings.look_ups_at_once,
            retry_after_s=settings.retry_after_s,
        )
        ways = Ways(gateway, hints, codec, settings, lambda: datetime.fromtimestamp(now(), UTC), zone)
        self._shop_hooks = ShopHooks(
            shops or {},
            delivery,
            body_timeout_s=settings.body_timeout_s,
            now=lambda: datetime.fromtimestamp(now(), UTC),
        )
        self._ways = {**self._open_ways(ways, now), **self._open_file_ways(files, now)}
        self._silent_post = WayIn(
            "silent-post", _FORM, SILENT_POST_MAX_BYTES, _anybody, _unsigned, _observed(ways.silent_post)
        )
        self._pages: Mapping[str, Callable[[], Awaitable[Response]]] = {
            "/healthz": self._healthz,
            "/readyz": self._readyz,
            "/openapi.json": self._show_openapi,
            "/docs": self._show_docs,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; see the order at the top of the file."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        began = time.perf_counter()
        way = "none"
        outcome = "ok"
        body_read = False
        try:
            address = request.client.host if request.client else ""
            if self._shop_hooks.knows(scope["path"]):
                way = WAY
                response = await self._shop_hook(request, address)
                metrics.REQUESTS.labels(way, outcome).inc()
                await response(scope, receive, send)
                return
            self._rate.take(address)
            guard_head(scope.get("raw_path") or scope["path"].encode(), scope["query_string"], scope["headers"])
            page = self._pages.get(scope["path"])
            if page is not None:
                way = scope["path"].removeprefix("/")
                _require_method(request, "GET", "HEAD")
                response = await page()
            else:
                entry = self._entry(scope["path"])
                way = entry.name
                _require_method(request, "POST")
                with self._crowd.enter():
                    entry.authorize(request)
                    content_type = request.headers.get("content-type", "")
                    if content_type.strip().lower().startswith("multipart/"):
                        body = await read_body(request, entry.most_bytes, self._settings.body_timeout_s)
                        body_read = True
                        entry.prove(request, body)
                        await asyncio.to_thread(guard_parts, content_type, body)
                    require_media_type(
                        content_type,
                        request.headers.get("content-encoding", ""),
                        entry.media_type,
                    )
                    body = await read_body(request, entry.most_bytes, self._settings.body_timeout_s)
                    body_read = True
                    entry.prove(request, body)
                    response = await self._take(entry, body)
        except Problem as problem:
            outcome = problem.code
            field = problem.errors[0].field if problem.errors else ""
            logger.warning(
                "refused", extra={"way": way, "status": problem.status, "code": problem.code, "field_name": field}
            )
            response = problem.response(close=not body_read and request.method not in {"GET", "HEAD"})
        except ClientDisconnect:
            metrics.REQUESTS.labels(way, "disconnected").inc()
            return
        except Exception as error:
            # The text of an unforeseen error may quote what was sent, so only its kind and place are kept.
            outcome = "fault"
            logger.error("fault", extra={"way": way, "error": type(error).__name__, "place": _place(error)})
            fault = Problem(500, "fault", "This is a fault in Saldo.", FieldError("", "report it to the operator"))
            response = fault.response(close=True)
        metrics.REQUESTS.labels(way, outcome).inc()
        metrics.SECONDS.labels(way).observe(time.perf_counter() - began)
        await response(scope, receive, send)

    async def _shop_hook(self, request: Request, address: str) -> Response:
        """Answer a shop; only who does not sign as one may not come as often as he likes."""
        try:
            _require_method(request, "POST")
            return await self._shop_hooks.answer(request)
        except Problem:
            self._rate.take(address)
            raise

    async def _take(self, entry: WayIn, body: bytes) -> Response:
        said = await entry.read(body)
        event_ids: list[str] = []
        try:
            # What must be there before the rest is acknowledged before the rest is handed over.
            for records in (said.before, said.records):
                event_ids = await self._delivery.publish(records) if records else []
        except Unreadable:
            raise unfit(FieldError("body", "values that the record's schema can hold")) from None
        metrics.RECORDS.labels(entry.name).inc(len(said.records))
        named = (getattr(record, "paytrace_transaction_id", None) for record in said.records)
        logger.info("taken", extra={"way": entry.name, "transactions": [name for name in named if name][:20]})
        answer = {"accepted": len(said.records), **(said.answer or {"event_ids": event_ids})}
        return Response(msgspec.json.encode(answer), headers={"Cache-Control": "no-store"}, media_type=_JSON)

    def _open_ways(self, ways: Ways, now: Callable[[], float]) -> Mapping[str, WayIn]:
        settings = self._settings
        opened: dict[str, WayIn] = {}
        if settings.hook_secrets:
            prove = self._signed_by(settings.hook_secrets, now)
            opened[HOOK] = WayIn("hook", _JSON, settings.max_body_bytes, _anybody, prove, _observed(ways.hook))
        if settings.observation_tokens:
            tokens = Tokens([token.get_secret_value() for token in settings.observation_tokens])

            def authorize(request: Request) -> None:
                tokens.check(request.headers.get("authorization", ""))

            opened[OBSERVATIONS] = WayIn(
                "observations", _JSON, settings.max_body_bytes, authorize, _unsigned, _observed(ways.observations)
            )
        return opened

    def _open_file_ways(self, files: FileWays | None, now: Callable[[], float]) -> Mapping[str, WayIn]:
        settings = self._settings
        opened: dict[str, WayIn] = {}
        if files is not None and settings.dispute_hook_secrets:
            prove = self._signed_by(settings.dispute_hook_secrets, now)
            most = settings.max_body_bytes
            opened[DISPUTE_HOOK] = WayIn("dispute-hook", _JSON, most, _anybody, prove, files.dispute_hook)
        if files is not None and settings.upload_secrets:
            prove = self._signed_by(settings.upload_secrets, now)
            opened[UPLOAD] = WayIn("upload", _JSON, settings.max_upload_bytes, _anybody, prove, files.upload)
        return opened

    def _signed_by(self, secrets: Sequence[SecretStr], now: Callable[[], float]) -> Callable[[Request, bytes], None]:
        verifier = Verifier([hook_key(secret) for secret in secrets], self._settings.replay_window_s, now)

        def prove(request: Request, body: bytes) -> None:
            verifier.verify(request.headers, body)

        return prove

    def _entry(self, path: str) -> WayIn:
        entry = self._ways.get(path)
        if entry is None and path.startswith(SILENT_POST) and self._silent_path:
            given = path.removeprefix(SILENT_POST).encode("utf-8", "replace")
            if hmac.compare_digest(given, self._silent_path.encode()):
                entry = self._silent_post
        if entry is None:
            raise Problem(
                404,
                "no-such-way",
                "Nothing is taken here.",
                FieldError("path", "see /docs; a way in stays shut until its secret is set"),
            )
        return entry

    async def _healthz(self) -> Response:
        return JSONResponse({"status": "ok"}, headers={"Cache-Control": "no-store"})

    async def _readyz(self) -> Response:
        if not await self._delivery.ready():
            raise away("broker-away", "The broker does not answer.", self._settings.retry_after_s)
        return JSONResponse({"status": "ready"}, headers={"Cache-Control": "no-store"})

    async def _show_openapi(self) -> Response:
        return Response(self._openapi, media_type=_JSON)

    async def _show_docs(self) -> Response:
        return HTMLResponse(self._page, headers={"Content-Security-Policy": CONTENT_SECURITY_POLICY})


def _require_method(request: Request, *allowed: str) -> None:
    if request.method not in allowed:
        raise Problem(
            405,
            "wrong-method",
            "This path takes another method.",
            FieldError("method", " or ".join(allowed)),
            headers={"Allow": ", ".join(allowed)},
        )


def _observed(
    read: Callable[[bytes], Awaitable[tuple[TransactionObserved, ...]]],
) -> Callable[[bytes], Awaitable[Said]]:
    async def said(body: bytes) -> Said:
        return Said(await read(body))

    return said


def _anybody(_: Request) -> None:
    """Let everybody in: the body or the path proves the sender."""


def _unsigned(_: Request, _body: bytes) -> None:
    """Ask for no signature: the head has proved the sender, or nothing in the body is believed."""


def _place(error: Exception) -> str:
    traceback: Any = error.__traceback__
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    code = traceback.tb_frame.f_code
    return f"{code.co_qualname if hasattr(code, 'co_qualname') else code.co_name}:{traceback.tb_lineno}"
