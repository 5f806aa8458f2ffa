"""How another side is reached: certificates, proxy, how long it may make us wait, and in words why it can't be reached.

For both connectors. Certificates are always verified: a private authority is added by a setting, and nothing switches
the check off. No text from here holds the user or password of a proxy.
"""

from __future__ import annotations

import asyncio
import errno
import functools
import ipaddress
import re
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.request import getproxies, proxy_bypass

import httpx2
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from schemas.failures import ContractBroken, Transient
from schemas.failures.waiting import IN_PLACE_S, LONGEST_WAIT_S, MOST_WAIT_S, Pause

_PROXY_SCHEMES: Final = ("http", "https")
_HOST: Final = re.compile(r"[A-Za-z0-9._:-]+")
# The request never reached the other side, so even a write may be called "had no effect".
NEVER_SENT: Final = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
    httpx2.UnsupportedProtocol,
)
PROXY_LOGIN_WANTED: Final = 407


class ReachSettings(BaseModel):
    """What each connector's settings have in common.

    ca_file         PEM file of a private certificate authority, believed besides the public ones
    proxy_url       http://[user:password@]host:port of a forward proxy; none means what http_proxy, https_proxy and
                    no_proxy of the environment say. Loopback is never asked for through a proxy.
    longest_wait_s  what we grant of a Retry-After at most
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    ca_file: Path | None = None
    proxy_url: SecretStr | None = None
    longest_wait_s: float = Field(default=LONGEST_WAIT_S, gt=0, le=MOST_WAIT_S)

    @field_validator("ca_file")
    @classmethod
    def _is_readable(cls, value: Path | None) -> Path | None:
        if value is not None:
            _load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), value)
        return value

    @field_validator("proxy_url")
    @classmethod
    def _is_proxy(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            _read_proxy(value.get_secret_value(), "this setting")
        return value


class Way:
    """The way to one address: with which certificates and through which proxy, and what to call it in messages."""

    def __init__(self, party: str, url: str, settings: ReachSettings, *, section: str, setting: str) -> None:
        """Name the party for people, and the settings section and field that hold its address.

        Raises: ContractBroken when the environment names a proxy that can't be one.
        """
        self.party = party
        self._url = httpx2.URL(url)
        self._settings = settings
        self._section = section
        self._setting = f"SALDO_{section}_{setting}".upper()
        try:
            self._proxy = _proxy_for(self._url, settings)
        except ValueError as error:
            raise ContractBroken(str(error)) from None

    @property
    def proxy(self) -> httpx2.Proxy | None:
        """The forward proxy; None when the address is reached directly."""
        return self._proxy

    @property
    def verify(self) -> ssl.SSLContext:
        """Whom we believe that a server is who it says. Raises: ContractBroken when ca_file is gone or damaged."""
        try:
            return authorities(self._settings.ca_file)
        except ValueError as error:
            raise ContractBroken(f"{self._of('ca_file')}: {error}") from None

    @property
    def address(self) -> str:
        """Host and port."""
        return _address(self._url)

    def client_options(self, transport: httpx2.AsyncBaseTransport | None) -> dict[str, Any]:
        """Return what an httpx2 client is made with.

        A transport of its own (of a test) takes the place of the network.
        """
        # trust_env would send loopback through http_proxy, and take logins from a ~/.netrc that nobody thinks of.
        options: dict[str, Any] = {"verify": self.verify, "trust_env": False}
        return {**options, "transport": transport} if transport is not None else {**options, "proxy": self._proxy}

    def says(self, text: str) -> str:
        """Return a message that names party, host and port."""
        through = f" through the proxy {_address(self._proxy.url)}" if self._proxy is not None else ""
        return f"{self.party} at {self.address}{through}: {text}"

    def why(self, error: BaseException) -> str:
        """Return why a request failed, for operators: host, port, cause and remedy in one line."""
        return self.says(self._cause(error))

    def proxy_refuses(self) -> str:
        """Return what a proxy's 407 means, for operators."""
        remedy = f"set user and password in {self._of('proxy_url')} (http://user:password@host:port)"
        return self.says(f"the proxy refuses us (407, it wants a login or another one); {remedy}")

    def _cause(self, error: BaseException) -> str:
        causes = list(_causes(error))
        for cause in causes:
            if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLWantReadError):
                return self._tls(cause)
        hop = "the proxy" if self._proxy is not None else "the host"
        check = f"check {self._of('proxy_url') if self._proxy is not None else self._setting}"
        for cause in causes:
            if isinstance(cause, socket.gaierror):
                return f"the name of {hop} can't be resolved (DNS: {cause.strerror or cause}); {check}, or the resolver"
            if isinstance(cause, ConnectionRefusedError):
                return f"{hop} refuses the connection: nothing listens on this port; is it running? {check}"
        match error:
            case httpx2.ProxyError() if str(error).startswith(str(PROXY_LOGIN_WANTED)):
                remedy = f"set user and password in {self._of('proxy_url')} (http://user:password@host:port)"
                return f"the proxy refuses us (407, it wants a login or another one); {remedy}"
            case httpx2.ProxyError():
                return f"the proxy does not let us through ({_shown(str(error))}); ask whoever runs it"
            case httpx2.ConnectTimeout():
                return f"no connection within connect_timeout_s: {hop} does not answer; {check}, or a firewall between"
            case httpx2.ReadTimeout():
                return "connected, and no answer within read_timeout_s"
            case httpx2.WriteTimeout():
                return "connected, and it took no more of the request within read_timeout_s"
            case httpx2.PoolTimeout():
                return "no connection was free in time"
            case TimeoutError():
                return "connected, and the answer was not whole within answer_timeout_s"
            case httpx2.RemoteProtocolError() | httpx2.ReadError():
                return f"connected, and the connection broke before the answer was whole ({_name(error)})"
        for cause in causes:
            if isinstance(cause, OSError) and cause.errno in (errno.EHOSTUNREACH, errno.ENETUNREACH):
                return f"there is no route to {hop} ({cause.strerror}); {check}, or the network"
        return f"{_name(error)} {_shown(str(error))}".strip()

    def _tls(self, error: ssl.SSLError) -> str:
        add = f"{self._of('ca_file')} adds a private one"
        if not isinstance(error, ssl.SSLCertVerificationError):
            if error.reason in {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"}:
                return f"TLS: whatever answers on this port does not speak TLS; check https and port in {self._setting}"
            return f"TLS: the handshake failed ({error.reason or _shown(str(error))})"
        match error.verify_code:
            case 10:
                return "TLS: its certificate has expired; whoever runs it must renew it"
            case 9:
                return "TLS: its certificate is not valid yet; compare the clocks of both machines"
            case 62 | 64:
                said = _shown(error.verify_message)
                return f"TLS: its certificate is for another host name ({said}); check {self._setting}"
            case 18 | 19 | 20 | 21:
                said = _shown(error.verify_message)
                return f"TLS: its certificate is signed by an authority that is not known here ({said}); {add}"
            case _:
                return f"TLS: its certificate is not believed ({_shown(error.verify_message)}); {add}"

    def _of(self, name: str) -> str:
        return f"SALDO_{self._section}_{name}".upper()


async def left_alone(pause: Pause, way: Way, away: type[Transient]) -> None:
    """Keep a call back for as long as its party asked, of all calls of a client; nothing is sent meanwhile.

    Raises: `away` at once when more is left than a call waits for by itself.
    """
    while (running := pause.running()) is not None:
        ask, left_s = running
        if left_s > IN_PLACE_S:
            raise away(way.says(ask.in_words()), retry_after_s=left_s, asked_s=ask.asked_s)
        await asyncio.sleep(left_s)


@functools.cache
def authorities(ca_file: Path | None = None) -> ssl.SSLContext:
    """Whom we believe: the public authorities, and a private one; one for all clients, because reading them is slow.

    Raises: ValueError when the file can't be read as PEM certificates.
    """
    context = httpx2.create_ssl_context()
    if ca_file is not None:
        _load(context, ca_file)
    return context


def _load(context: ssl.SSLContext, ca_file: Path) -> None:
    try:
        context.load_verify_locations(ca_file)
    except (OSError, ValueError) as error:  # an ssl.SSLError is an OSError
        reason = "is not there" if isinstance(error, FileNotFoundError) else "holds no PEM certificate that can be read"
        raise ValueError(f"{ca_file} {reason}") from None


def _proxy_for(url: httpx2.URL, settings: ReachSettings) -> httpx2.Proxy | None:
    """Return the proxy for this address: of the setting, else of the environment; never one for loopback."""
    if is_loopback(url.host):
        return None
    if settings.proxy_url is not None:
        return _read_proxy(settings.proxy_url.get_secret_value(), "proxy_url")
    host = f"{url.host}:{url.port}" if url.port else url.host
    if proxy_bypass(host):
        return None
    named = getproxies()
    found = named.get(url.scheme) or named.get("all")
    return _read_proxy(found, f"{url.scheme}_proxy of the environment") if found else None


def _read_proxy(text: str, where: str) -> httpx2.Proxy:
    """Read a proxy's address. Raises: ValueError, which never shows the address: it may hold a password."""
    form = f"{where} must be http://[user:password@]host:port"
    try:
        url = httpx2.URL(text if "://" in text else f"http://{text}")
    except (httpx2.InvalidURL, TypeError, ValueError):
        raise ValueError(form) from None
    if url.scheme not in _PROXY_SCHEMES or not _HOST.fullmatch(url.host):
        raise ValueError(f"{form}; {'a SOCKS proxy' if url.scheme.startswith('socks') else 'this'} is not offered")
    return httpx2.Proxy(url, ssl_context=authorities() if url.scheme == "https" else None)


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine by its name alone; nothing is resolved."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _address(url: httpx2.URL) -> str:
    port = url.port or {"https": 443, "http": 80}.get(url.scheme)
    host = f"[{url.host}]" if ":" in url.host else url.host
    return f"{host}:{port}" if port else host


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all that led to it, nearest first; each once."""
    waiting: list[BaseException | None] = [error]
    seen: set[int] = set()
    while waiting:
        cause = waiting.pop(0)
        if cause is None or id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        if isinstance(cause, BaseExceptionGroup):
            waiting += cause.exceptions
        waiting += [cause.__cause__, cause.__context__]


def _name(error: BaseException) -> str:
    return type(error).__name__


def _shown(text: str) -> str:
    """Return one line of bounded length."""
    return " ".join(text.split())[:200]
