"""An HTTP interface on loopback, served from a thread of this process until its block ends."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import uvicorn
from starlette.applications import Starlette
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from projections.store.spool import Spool

# A Host header of another name is a web page's that points a name of its own at us.
LOOPBACK_NAMES: Final = ["127.0.0.1", "localhost", "[::1]"]
_START_TIMEOUT_S = 20.0


@contextmanager
def served(app: Starlette, listener: socket.socket, name: str) -> Iterator[None]:
    """Serve until the block ends; the listener is closed then.

    Ensures: it answers from the first line of the block on.
    """
    server = uvicorn.Server(
        uvicorn.Config(
            app, log_config=None, access_log=False, server_header=False, lifespan="off", timeout_graceful_shutdown=5
        )
    )
    # Its connections inherit this. asyncio sets it on sockets named as TCP alone, and create_server names none: the
    # second half of an answer would wait 40 ms for the client's acknowledgement of the first.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    thread = threading.Thread(target=server.run, args=([listener],), name=name, daemon=True)
    thread.start()
    try:
        _wait_for_start(server, thread)
        yield
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


class SpooledResponse(StreamingResponse):
    """An answer of any size, sent piece by piece; thrown away when it is sent, or when the client has gone."""

    def __init__(self, pieces: Iterator[bytes], spool: Spool, headers: Mapping[str, str]) -> None:
        super().__init__(pieces, headers=headers)
        self._spool = spool

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, and close the spool however that ends."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._spool.close()


def _wait_for_start(server: uvicorn.Server, thread: threading.Thread) -> None:
    waited = threading.Event()
    for _ in range(int(_START_TIMEOUT_S / 0.01)):
        if server.started:
            return
        if not thread.is_alive():
            break
        waited.wait(0.01)
    raise RuntimeError(f"{thread.name} did not start")
