"""A forward proxy on loopback: CONNECT and absolute addresses, with or without a login, and names of its own.

It resolves names by a table, so that a test can reach a sandbox on loopback under a name that is not loopback.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.support.loop_thread import LoopThread


@dataclass
class ForwardProxy:
    """A running proxy: where it is, whom it lets in, what it was asked for."""

    hosts: Mapping[str, int]
    login: str | None = None
    asked: list[str] = field(default_factory=list)
    port: int = 0
    # asyncio holds the task of a connection by weak references only.
    _serving: set[asyncio.Task[None] | None] = field(default_factory=set)

    def url(self, login: str = "") -> str:
        return f"http://{login + '@' if login else ''}127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._serving.add(task)
        try:
            await self._serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        except asyncio.CancelledError:
            writer.transport.abort()
            raise
        finally:
            writer.close()
            self._serving.discard(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")
        method, target, version = first.split(" ")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        self.asked.append(f"{method} {target}")
        if self.login is not None:
            wanted = "Basic " + base64.b64encode(self.login.encode()).decode()
            if headers.get("proxy-authorization") != wanted:
                await _answer(writer, "407 Proxy Authentication Required", 'Proxy-Authenticate: Basic realm="test"\r\n')
                return
        host = target.rpartition(":")[0] if method == "CONNECT" else (urlsplit(target).hostname or "")
        if host not in self.hosts:
            await _answer(writer, "502 Bad Gateway", "")
            return
        there, back = await asyncio.open_connection("127.0.0.1", self.hosts[host])
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await writer.drain()
        else:
            parts = urlsplit(target)
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            kept = [line for line in lines if line and not line.lower().startswith(("proxy-", "connection:"))]
            back.write(
                "\r\n".join((f"{method} {path} {version}", *kept, "Connection: close", "", "")).encode("latin-1")
            )
        # HTTP clients close no half of a connection: when one direction ends, both do.
        pumps = {asyncio.ensure_future(_pump(reader, back)), asyncio.ensure_future(_pump(there, writer))}
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            back.transport.abort()


async def _answer(writer: asyncio.StreamWriter, status: str, headers: str) -> None:
    writer.write(f"HTTP/1.1 {status}\r\n{headers}Content-Length: 0\r\nConnection: close\r\n\r\n".encode())
    await writer.drain()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()


@contextlib.contextmanager
def forward_proxy(hosts: Mapping[str, int], *, login: str | None = None) -> Iterator[ForwardProxy]:
    """Run a proxy in a thread; hosts are the names that it knows, each with a port on loopback."""
    proxy = ForwardProxy(hosts, login)
    thread = LoopThread("forward-proxy")
    server = thread.call(asyncio.start_server(proxy.serve, "127.0.0.1", 0))
    proxy.port = server.sockets[0].getsockname()[1]

    async def end() -> None:
        server.close()

    try:
        yield proxy
    finally:
        thread.call(end())
        thread.stop()
