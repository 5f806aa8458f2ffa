"""HTTPS in front of a sandbox, under a certificate of a private authority, as a merchant's own gateway would do it.

The pipeline reaches both parties through it; the feeder and the audit go to the sandboxes themselves. A backend that
does not listen refuses the connection here too, and one that cuts a connection cuts it here.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections import Counter
from collections.abc import Coroutine, Mapping
from typing import Any
from weakref import WeakSet

from tests.support.loop_thread import LoopThread
from tests.support.tls import Issued

HOST = "127.0.0.1"
_PIECE_BYTES = 64 * 1024


class TlsFront:
    """Serves one HTTPS port for each backend; `carried` counts the connections that spoke TLS, by backend."""

    def __init__(self, backends: Mapping[str, int], issued: Issued) -> None:
        self._backends = dict(backends)
        self._listeners = {name: _listener() for name in backends}
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(issued.cert, issued.key)
        self._thread: LoopThread | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        # A TLS transport that was closed waits for the other side to close as well; `stop` does not.
        self._transports: WeakSet[asyncio.Transport] = WeakSet()
        self.carried: Counter[str] = Counter()

    def url(self, name: str) -> str:
        """Where the front of a backend is reached."""
        return f"https://{HOST}:{self._listeners[name].getsockname()[1]}"

    def start(self) -> None:
        """Serve in a thread, until stopped."""
        self._thread = LoopThread("tls-front")
        self._thread.call(self._serve())

    def stop(self) -> None:
        """End every connection and the thread."""
        if self._thread is not None:
            self._thread.call(self._abort())
            self._thread.stop()
        for listener in self._listeners.values():
            listener.close()

    async def _serve(self) -> None:
        for name, listener in self._listeners.items():
            self._keep(self._listen(name, listener))

    async def _abort(self) -> None:
        for task in self._tasks:
            task.cancel()
        for transport in list(self._transports):
            transport.abort()

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _listen(self, name: str, listener: socket.socket) -> None:
        while True:
            connection, _ = await asyncio.get_running_loop().sock_accept(listener)
            self._keep(self._carry(name, connection))

    async def _carry(self, name: str, connection: socket.socket) -> None:
        try:
            back_reader, back_writer = await asyncio.open_connection(HOST, self._backends[name])
        except OSError:
            # Reset instead of closed, which is how a port without a listener answers.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
            return
        except asyncio.CancelledError:
            connection.close()
            raise
        back = back_writer.transport
        assert isinstance(back, asyncio.Transport)
        self._transports.add(back)
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        loop = asyncio.get_running_loop()
        try:
            transport, _ = await loop.connect_accepted_socket(lambda: protocol, connection, ssl=self._context)
            self._transports.add(transport)
            self.carried[name] += 1
            writer = asyncio.StreamWriter(transport, protocol, reader, loop)
            await asyncio.gather(_pump(reader, back_writer), _pump(back_reader, writer))
        except OSError:
            connection.close()
        finally:
            back_writer.transport.abort()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while piece := await source.read(_PIECE_BYTES):
            sink.write(piece)
            await sink.drain()
    except OSError:
        sink.transport.abort()
    else:
        sink.close()


def _listener() -> socket.socket:
    listener = socket.create_server((HOST, 0), backlog=64)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # connections inherit it
    listener.setblocking(False)
    return listener
