"""HTTPS in front of a sandbox, under a certificate of a private authority, as a merchant's own gateway would do it.

The pipeline reaches both parties through it; the feeder and the audit go to the sandboxes themselves. A backend that
does not listen refuses the connection here too, and one that cuts a connection cuts it here.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import threading
from collections import Counter
from collections.abc import Mapping

from tests.support.tls import Issued

HOST = "127.0.0.1"
_PIECE_BYTES = 64 * 1024


class TlsFront(threading.Thread):
    """Serves one HTTPS port for each backend; `carried` counts the connections that spoke TLS, by backend."""

    def __init__(self, backends: Mapping[str, int], issued: Issued) -> None:
        super().__init__(name="tls-front", daemon=True)
        self._backends = dict(backends)
        self._listeners = {name: _listener() for name in backends}
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(issued.cert, issued.key)
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self.carried: Counter[str] = Counter()

    def url(self, name: str) -> str:
        """Where the front of a backend is reached."""
        return f"https://{HOST}:{self._listeners[name].getsockname()[1]}"

    def run(self) -> None:
        """Serve until stopped."""
        try:
            self._loop.run_until_complete(self._serve())
        except asyncio.CancelledError:
            pass
        finally:
            for listener in self._listeners.values():
                listener.close()

    def stop(self) -> None:
        """End every connection and the thread."""
        self._loop.call_soon_threadsafe(lambda: [task.cancel() for task in asyncio.all_tasks(self._loop)])
        self.join()

    async def _serve(self) -> None:
        await asyncio.gather(*(self._listen(name, self._listeners[name]) for name in self._backends))

    async def _listen(self, name: str, listener: socket.socket) -> None:
        while True:
            connection, _ = await self._loop.sock_accept(listener)
            task = self._loop.create_task(self._carry(name, connection))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _carry(self, name: str, connection: socket.socket) -> None:
        try:
            back_reader, back_writer = await asyncio.open_connection(HOST, self._backends[name])
        except OSError:
            # Reset instead of closed, which is how a port without a listener answers.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
            return
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        try:
            transport, _ = await self._loop.connect_accepted_socket(lambda: protocol, connection, ssl=self._context)
            self.carried[name] += 1
            writer = asyncio.StreamWriter(transport, protocol, reader, self._loop)
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
    listener.setblocking(False)
    return listener
