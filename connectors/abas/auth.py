"""Who we are towards abas: Basic with a name that may be empty, or a bearer token from a token endpoint."""

import asyncio
import base64
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Generator

import httpx2

from connectors.abas.errors import AbasUnavailable, LoginRejected
from connectors.abas.settings import AbasSettings, TokenLogin
from connectors.common.reach import PROXY_LOGIN_WANTED, ReachSettings, Way
from schemas.failures.waiting import Pause
from schemas.values.clock import monotonic_s

_TOO_MANY_REQUESTS = 429


class Login(httpx2.Auth, ABC):
    """A way to log in, which can be told that abas no longer takes what it has."""

    @abstractmethod
    def forget(self) -> None:
        """Log in anew with the next request."""


class BasicLogin(Login):
    """Basic login; abas finds the user by the password record, so an empty name is normal."""

    def __init__(self, user: str, password: str) -> None:
        pair = base64.b64encode(f"{user}:{password}".encode())
        self._header = "Basic " + pair.decode("ascii")

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        """Add the header."""
        request.headers["Authorization"] = self._header
        yield request

    def forget(self) -> None:
        """Forget nothing, since each request carries the whole login."""


class BearerLogin(Login):
    """Client credentials: fetch a token, renew it before it ends, or when abas rejects it early."""

    def __init__(self, login: TokenLogin, reach: ReachSettings, *, timeout: httpx2.Timeout) -> None:
        self._login = login
        self._timeout = timeout
        self._way = Way("abas' token endpoint", login.token_url, reach, section="abas", setting="token_login")
        self._pause = Pause(reach.longest_wait_s)
        self._token = ""
        self._renew_at = 0.0
        self._lock = asyncio.Lock()

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """Add the token."""
        request.headers["Authorization"] = f"Bearer {await self._valid_token()}"
        yield request

    def forget(self) -> None:
        """Fetch a new token with the next request."""
        self._token = ""

    async def _valid_token(self) -> str:
        async with self._lock:
            if not self._token or monotonic_s() >= self._renew_at:
                self._token, lifetime_s = await self._fetch()
                self._renew_at = monotonic_s() + max(lifetime_s - self._login.refresh_before_s, 1.0)
            return self._token

    async def _fetch(self) -> tuple[str, float]:
        form = {
            "grant_type": "client_credentials",
            "client_id": self._login.client_id,
            "client_secret": self._login.client_secret.get_secret_value(),
        }
        if (running := self._pause.running()) is not None:
            ask, left_s = running
            raise AbasUnavailable(self._way.says(ask.in_words()), retry_after_s=left_s, asked_s=ask.asked_s)
        try:
            async with httpx2.AsyncClient(timeout=self._timeout, **self._way.client_options(None)) as http:
                response = await http.post(self._login.token_url, data=form)
        except httpx2.TransportError as error:
            raise AbasUnavailable(self._way.why(error)) from error
        if response.status_code == PROXY_LOGIN_WANTED and self._way.proxy is not None:
            raise AbasUnavailable(self._way.proxy_refuses())
        if response.status_code >= 500 or response.status_code == _TOO_MANY_REQUESTS:
            # Neither says anything about client id and secret.
            said = self._way.says(f"HTTP {response.status_code}")
            asked = self._pause.ask(response.headers.get("retry-after"), date=response.headers.get("date"))
            if asked is None:
                raise AbasUnavailable(said)
            text = f"{said}; {asked.in_words()}"
            raise AbasUnavailable(text, retry_after_s=asked.granted_s, asked_s=asked.asked_s)
        try:
            answer = response.json()
            return str(answer["access_token"]), float(answer.get("expires_in", 60))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise LoginRejected(
                f"token endpoint answered {response.status_code} without a token. Check client id and secret."
            ) from error


def login_for(settings: AbasSettings) -> Login:
    """Choose the login that the settings describe."""
    if settings.token_login is not None:
        timeout = httpx2.Timeout(settings.read_timeout_s, connect=settings.connect_timeout_s)
        return BearerLogin(settings.token_login, settings, timeout=timeout)
    return BasicLogin(settings.user, settings.password.get_secret_value())
