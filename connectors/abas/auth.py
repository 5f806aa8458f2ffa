"""Who we are towards abas: Basic with a name that may be empty, or a bearer token from a token endpoint."""

import asyncio
import base64
import functools
import ssl
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Generator

import httpx2

from connectors.abas.errors import AbasUnavailable, LoginRejected
from connectors.abas.settings import AbasSettings, TokenLogin


@functools.cache
def authorities() -> ssl.SSLContext:
    """Whom we believe that a server is who it says; one for all clients, because reading them takes long."""
    return httpx2.create_ssl_context()


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
        """Nothing is kept: each request carries the whole login."""


class BearerLogin(Login):
    """Client credentials: fetch a token, renew it before it ends, or when abas rejects it early."""

    def __init__(self, login: TokenLogin, *, timeout_s: float) -> None:
        self._login = login
        self._timeout_s = timeout_s
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
            if not self._token or time.monotonic() >= self._renew_at:
                self._token, lifetime_s = await self._fetch()
                self._renew_at = time.monotonic() + max(lifetime_s - self._login.refresh_before_s, 1.0)
            return self._token

    async def _fetch(self) -> tuple[str, float]:
        form = {
            "grant_type": "client_credentials",
            "client_id": self._login.client_id,
            "client_secret": self._login.client_secret.get_secret_value(),
        }
        try:
            async with httpx2.AsyncClient(timeout=self._timeout_s, verify=authorities()) as http:
                response = await http.post(self._login.token_url, data=form)
        except httpx2.TransportError as error:
            raise AbasUnavailable(f"token endpoint: {type(error).__name__}") from error
        if response.status_code >= 500:
            raise AbasUnavailable(f"token endpoint answered {response.status_code}")
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
        return BearerLogin(settings.token_login, timeout_s=settings.read_timeout_s)
    return BasicLogin(settings.user, settings.password.get_secret_value())
