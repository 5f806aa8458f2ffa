"""Tokens for both API versions: log in once, renew shortly before the end, log in again once when refused.

One login serves many calls at the same time; a lock keeps a burst of refused calls from logging in a burst.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final, Protocol

from connectors.paytrace.calls import Call, Caller, Reply
from connectors.paytrace.errors import CallNotOffered, LoginRejected, UnreadableAnswer
from connectors.paytrace.mapping import Meaning, read_response_code
from connectors.paytrace.settings import PayTraceSettings
from schemas.values.clock import monotonic_s

V1_TOKEN_PATH: Final = "/oauth/token"  # noqa: S105 -- a path
V3_TOKEN_PATH: Final = "/v3/token"  # noqa: S105 -- a path


@dataclass(frozen=True, slots=True)
class Token:
    """An access token and the monotonic second from which on it is not used any more."""

    value: str
    usable_until_s: float


class Sender(Protocol):
    """Whatever sends a call: the caller itself."""

    async def send(self, call: Call) -> Reply:
        """Send one call."""


class Login:
    """Keeps one token for one API version and sends calls with it."""

    def __init__(
        self,
        sender: Sender,
        request: Callable[[], Call],
        *,
        default_life_s: float,
        margin_s: float,
        clock: Callable[[], float] = monotonic_s,
    ) -> None:
        self._sender = sender
        self._request = request
        self._default_life_s = default_life_s
        self._margin_s = margin_s
        self._clock = clock
        self._lock = asyncio.Lock()
        self._token: Token | None = None

    async def send(self, call: Call) -> Reply:
        """Send a call with our token; when the token is refused, log in once and send once more.

        Repeating is safe for payments too: a call whose token is refused was not carried out.
        Raises: LoginRejected when the new token is refused as well, and what the sender raises.
        """
        token = await self._current()
        reply = await self._sender.send(_with_token(call, token))
        if not refuses_token(reply):
            return reply
        token = await self._renewed(token)
        reply = await self._sender.send(_with_token(call, token))
        if refuses_token(reply) and not _says_why(reply):
            raise LoginRejected(f"{call.path}: PayTrace refuses a token that it issued a moment ago")
        return reply

    async def _current(self) -> Token:
        token = self._token
        if token is not None and self._clock() < token.usable_until_s:
            return token
        return await self._renewed(token)

    async def _renewed(self, refused: Token | None) -> Token:
        async with self._lock:
            if self._token is not None and self._token is not refused:
                return self._token
            self._token = self._read(await self._sender.send(self._request()))
            return self._token

    def _read(self, reply: Reply) -> Token:
        body = reply.body if isinstance(reply.body, dict) else {}
        inner = body.get("data")
        # v3 puts the token under data, v1 at the top; some servers of either kind do the opposite.
        for fields in (inner, body):
            if isinstance(fields, dict) and isinstance(fields.get("access_token"), str):
                life_s = _life_s(fields.get("expires_in"), self._default_life_s)
                margin_s = min(self._margin_s, life_s / 2)
                return Token(fields["access_token"], self._clock() + life_s - margin_s)
        if reply.status in {400, 401, 403, 422} or "error" in body:
            raise LoginRejected(
                f"login: HTTP {reply.status}; check username, password and integrator_id of this merchant"
            )
        if reply.status in {404, 405}:
            raise CallNotOffered(f"login: HTTP {reply.status}; this host or account does not offer this API version")
        raise UnreadableAnswer(f"login: HTTP {reply.status} without an access token")


def _life_s(said: object, default_s: float) -> float:
    if isinstance(said, bool) or not isinstance(said, int | Decimal | str):
        return default_s
    try:
        life_s = float(said)
    except (ValueError, OverflowError):
        return default_s
    return life_s if 0 < life_s < 1e9 else default_s


def refuses_token(reply: Reply) -> bool:
    """Tell whether a reply says that the token is missing, unknown or expired."""
    if isinstance(reply.body, dict):
        if reply.body.get("error") == "invalid_token":
            return True
        if "response_code" in reply.body and read_response_code(reply.body["response_code"]) is not Meaning.ERRORS:
            return False
    return reply.status == 401


def _says_why(reply: Reply) -> bool:
    """Return whether the answer names errors of its own, which its reader knows better how to take than we do."""
    return isinstance(reply.body, dict) and "response_code" in reply.body


def _with_token(call: Call, token: Token) -> Call:
    return replace(call, headers={**call.headers, "Authorization": f"Bearer {token.value}"})


def v1_login(caller: Caller, settings: PayTraceSettings) -> Login:
    """Password grant of v1."""

    def request() -> Call:
        return Call(
            method="POST",
            path=V1_TOKEN_PATH,
            headers={"Accept": "*/*"},
            form={
                "grant_type": "password",
                "username": settings.username,
                "password": settings.password.get_secret_value(),
            },
        )

    return Login(
        caller,
        request,
        default_life_s=settings.token_life_s,
        margin_s=settings.token_renewal_margin_s,
    )


def v3_login(caller: Caller, settings: PayTraceSettings) -> Login:
    """Client credentials of v3; a refresh would put the token into a URL, so we simply log in again."""

    def request() -> Call:
        return Call(
            method="POST",
            path=V3_TOKEN_PATH,
            headers=v3_headers(settings),
            form={
                "grant_type": "client_credentials",
                "client_id": settings.username,
                "client_secret": settings.password.get_secret_value(),
            },
        )

    return Login(
        caller,
        request,
        default_life_s=settings.v3_token_life_s,
        margin_s=settings.token_renewal_margin_s,
    )


def v3_headers(settings: PayTraceSettings) -> dict[str, str]:
    """Headers of every v3 call besides the token."""
    headers = {"X-Integrator-Id": settings.integrator_id}
    if settings.x_permalinks:
        headers["X-Permalinks"] = settings.x_permalinks
    return headers
