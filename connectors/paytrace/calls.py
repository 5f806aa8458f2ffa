"""One HTTP exchange with PayTrace: paced, timed, bounded in size, logged without secrets.

Protects money from our own retries: a call that may move money is sent once, and when its answer does not
come it raises PaymentOutcomeUnknown. Only reads are repeated, with jitter, and a server that names a time to
come back is obeyed within bounds (schemas/failures/waiting.py). Decides nothing about the content of an answer.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx2

from connectors.common.pacing import Pacer
from connectors.common.reach import NEVER_SENT, PROXY_LOGIN_WANTED, Way, left_alone
from connectors.paytrace import wire
from connectors.paytrace.errors import (
    CallNotOffered,
    PaymentOutcomeUnknown,
    PayTraceThrottled,
    PayTraceUnavailable,
    UnreadableAnswer,
)
from connectors.paytrace.settings import PayTraceSettings
from schemas.failures.retries import retry_context
from schemas.failures.waiting import IN_PLACE_S, Ask, Pause
from schemas.values.clock import monotonic_s

logger = logging.getLogger(__name__)

# A body with one of these was written by PayTrace itself; a framework's own error page has none of them.
_ENVELOPE: Final = frozenset({"response_code", "success", "errors", "data", "items", "transaction_id"})


@dataclass(frozen=True, slots=True)
class Reply:
    """A parsed answer: the status, and the body when it is a JSON text, else None."""

    status: int
    body: object
    is_json: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What to send. reference is what a person would look the payment up by, and is safe to log."""

    method: str
    path: str
    headers: Mapping[str, str]
    json: Mapping[str, Any] | None = None
    form: Mapping[str, str] | None = None
    params: Mapping[str, str] | None = None
    moves_money: bool = False
    reference: str | None = None


class Caller:
    """Sends calls to one PayTrace host and hands back parsed replies."""

    def __init__(self, settings: PayTraceSettings, *, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self._settings = settings
        self._pacer = Pacer(max_concurrent=settings.max_concurrent_requests, max_per_s=settings.max_requests_per_s)
        self._way = Way("PayTrace", settings.base_url, settings, section="paytrace", setting="base_url")
        self._pause = Pause(settings.longest_wait_s)
        self._http = httpx2.AsyncClient(
            **self._way.client_options(transport),
            base_url=settings.base_url,
            timeout=httpx2.Timeout(settings.read_timeout_s, connect=settings.connect_timeout_s),
            limits=httpx2.Limits(max_connections=settings.max_concurrent_requests),
            follow_redirects=False,
        )

    async def aclose(self) -> None:
        """Close every connection."""
        await self._http.aclose()

    async def send(self, call: Call) -> Reply:
        """Send a call, reads up to read_attempts times, a money-moving call once.

        Raises: PayTraceUnavailable, PayTraceThrottled, PaymentOutcomeUnknown, UnreadableAnswer, CallNotOffered.
        """
        if call.moves_money:
            return await self._send_once(call)
        reply: Reply | None = None
        async for attempt in retry_context(
            on=_wait_before_repeat,
            attempts=self._settings.read_attempts,
            timeout=None,
            wait_initial=self._settings.retry_wait_initial_s,
            wait_max=self._settings.retry_wait_max_s,
            wait_jitter=self._settings.retry_wait_initial_s,
        ):
            with attempt:
                reply = await self._send_once(call)
        if reply is None:
            raise PayTraceUnavailable(f"{call.path}: no attempt was made")
        return reply

    async def _send_once(self, call: Call) -> Reply:
        await left_alone(self._pause, self._way, PayTraceThrottled)
        async with self._pacer.turn():
            started_s = monotonic_s()
            try:
                status, headers, body = await self._exchange(call)
            except httpx2.HTTPError as error:
                _log(call, started_s, outcome=type(error).__name__)
                raise _broken(call, self._way.why(error), sent=not isinstance(error, NEVER_SENT)) from error
            _log(call, started_s, outcome=str(status))
        return self._judge(call, status, headers, body)

    async def _exchange(self, call: Call) -> tuple[int, httpx2.Headers, bytes]:
        content = None if call.json is None else wire.encode(call.json)
        headers = dict(call.headers)
        if content is not None:
            headers["Content-Type"] = "application/json"
        request = self._http.build_request(
            call.method,
            call.path,
            headers=headers,
            content=content,
            data=None if call.form is None else dict(call.form),
            params=None if call.params is None else dict(call.params),
        )
        response = await self._http.send(request, stream=True)
        try:
            parts: list[bytes] = []
            size = 0
            async for part in response.aiter_bytes():
                size += len(part)
                if size > self._settings.max_body_bytes:
                    raise _too_large(call, self._settings.max_body_bytes)
                parts.append(part)
            return response.status_code, response.headers, b"".join(parts)
        finally:
            await response.aclose()

    def _judge(self, call: Call, status: int, headers: httpx2.Headers, body: bytes) -> Reply:
        try:
            parsed: object = wire.decode(body)
            is_json = True
        except ValueError:
            parsed, is_json = None, False
        if status == 429 or status >= 500:
            ask = self._pause.ask(headers.get("retry-after"), date=headers.get("date"))
            said = self._way.says(f"HTTP {status}" + (f"; {ask.in_words()}" if ask is not None else ""))
            # 429 is refused before anything was done, so this is safe to say of a payment too.
            if status == 429:
                raise PayTraceThrottled(f"{call.path}: {said}, too many requests", **_waits(ask))
            if call.moves_money:
                raise _broken(call, said, sent=True)
            raise PayTraceUnavailable(f"{call.path}: {said}", **_waits(ask))
        if status == PROXY_LOGIN_WANTED and self._way.proxy is not None:
            # A proxy that refuses passes nothing on.
            raise PayTraceUnavailable(f"{call.path}: {self._way.proxy_refuses()}")
        if status in {404, 405} and _is_of_the_framework(parsed):
            raise CallNotOffered(f"{call.method} {call.path}: HTTP {status}; check base_url and the path settings")
        if not is_json and status != 401:
            # A firewall's or restarting gateway's page instead of an answer.
            raise _broken(call, self._way.says(f"HTTP {status} without a JSON body"), sent=True)
        return Reply(status, parsed, is_json)


def _waits(ask: Ask | None) -> dict[str, float]:
    return {} if ask is None else {"retry_after_s": ask.granted_s, "asked_s": ask.asked_s}


def _is_of_the_framework(body: object) -> bool:
    """Return whether a "not found" means that the server has no such path, not that PayTrace has no such record."""
    return not (isinstance(body, dict) and any(name in body for name in _ENVELOPE))


def _broken(call: Call, reason: str, *, sent: bool) -> PayTraceUnavailable | PaymentOutcomeUnknown:
    if call.moves_money and sent:
        return PaymentOutcomeUnknown(
            f"{call.path}: {reason}; look up {call.reference or 'the transaction'} before any repeat",
            path=call.path,
            reference=call.reference,
        )
    return PayTraceUnavailable(f"{call.path}: {reason}")


def _too_large(call: Call, limit_bytes: int) -> UnreadableAnswer | PaymentOutcomeUnknown:
    reason = f"answer larger than {limit_bytes} bytes"
    if call.moves_money:
        return PaymentOutcomeUnknown(f"{call.path}: {reason}", path=call.path, reference=call.reference)
    return UnreadableAnswer(f"{call.path}: {reason}; ask for fewer days or raise max_body_bytes")


def _wait_before_repeat(error: Exception) -> bool | float:
    if not isinstance(error, PayTraceUnavailable):
        return False
    if error.retry_after_s is None:
        return True
    # A longer wait is the caller's, who shows it.
    return error.retry_after_s if error.retry_after_s <= IN_PLACE_S else False


def _log(call: Call, started_s: float, *, outcome: str) -> None:
    logger.debug(
        "paytrace call",
        extra={
            "paytrace_method": call.method,
            "paytrace_path": call.path,
            "paytrace_outcome": outcome,
            "elapsed_s": round(monotonic_s() - started_s, 3),
        },
    )
