"""Who asks: the log-in that a ClickHouse client sends, and whether the connection is of this process's owner."""

from __future__ import annotations

import base64
import binascii
import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from projections.store.errors import QueryRefused

DEFAULT_USER: Final = "default"
_IPV4_BYTES: Final = 4
_MAPPED: Final = bytes(10) + b"\xff\xff"
_TCP_TABLES: Final = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))


@dataclass(frozen=True, slots=True)
class ClientLogIn:
    """What a client says of itself.

    user      empty or `default` when nobody named one
    secret    password, session token or machine's key; empty when none was sent
    is_owner  whether the connection comes from a process of the user who runs this one, or of root
    """

    user: str
    secret: str
    is_owner: bool

    def __repr__(self) -> str:
        return f"ClientLogIn(user={self.user!r}, secret='**********', is_owner={self.is_owner})"


def only_the_owner(log_in: ClientLogIn) -> str:
    """Let pass the owner of this process and nobody else: where people do not log in.

    Raises: QueryRefused, code AUTHENTICATION_FAILED.
    """
    if log_in.user not in ("", DEFAULT_USER):
        raise QueryRefused(
            f"{log_in.user[:60]}: Authentication failed: this installation has no users yet, so nobody logs in; "
            f"ask as {DEFAULT_USER}, or make users (`saldo user add`)",
            code="AUTHENTICATION_FAILED",
        )
    if not log_in.is_owner:
        raise QueryRefused(
            "Authentication failed: without users only processes of the operating system's user who runs Saldo may "
            "ask; make users (`saldo user add`) and log in as one",
            code="AUTHENTICATION_FAILED",
        )
    return DEFAULT_USER


def sent_log_in(headers: Mapping[str, str], address: Mapping[str, str]) -> tuple[str, str]:
    """User and secret of a request: ClickHouse's headers, else Authorization, else the address.

    Raises: QueryRefused, code AUTHENTICATION_FAILED, for an Authorization that can't be read: who sends one means it.
    """
    if "x-clickhouse-user" in headers or "x-clickhouse-key" in headers:
        return headers.get("x-clickhouse-user", ""), headers.get("x-clickhouse-key", "")
    scheme, _, value = headers.get("authorization", "").partition(" ")
    match scheme.lower():
        case "bearer":
            return "", value.strip()
        case "basic":
            try:
                user, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                raise _unreadable("the Basic Authorization is no base64 of user:password") from None
            return user, secret
        case _ if scheme:
            raise _unreadable(f"{scheme[:20]!r} HTTP Authorization scheme is not supported; send Basic or Bearer")
        case _:
            return address.get("user", ""), address.get("password", "")


def _unreadable(why: str) -> QueryRefused:
    return QueryRefused(f"Authentication failed: {why}", code="AUTHENTICATION_FAILED")


def is_of_owner(client: tuple[str, int], server: tuple[str, int]) -> bool:
    """Return whether the client's end of a loopback connection belongs to the user of this process, or to root.

    The kernel lists every socket with its user; a connection that it does not list is nobody's. Source: proc(5).
    """
    listed = {(_as_listed(*client, mapped=mapped), _as_listed(*server, mapped=mapped)) for mapped in (False, True)}
    for table in _TCP_TABLES:
        try:
            lines = table.read_text("ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            words = line.split()
            if (words[1], words[2]) in listed:
                return int(words[7]) in (os.getuid(), 0)
    return False


def _as_listed(host: str, port: int, *, mapped: bool) -> str:
    """Return an end as the kernel prints it: the address by 32-bit words in the machine's byte order, in hexadecimal.

    mapped is for an IPv4 address on a socket of IPv6, as Java opens them.
    """
    packed = socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
    if mapped and len(packed) == _IPV4_BYTES:
        packed = _MAPPED + packed
    words = (
        packed[start : start + 4][:: -1 if sys.byteorder == "little" else 1].hex().upper()
        for start in range(0, len(packed), 4)
    )
    return f"{''.join(words)}:{port:04X}"
