"""Serves ingress and API with uvicorn: TLS, no access log (a path may be a secret), and no patience with slow heads.

uvicorn waits for ever for the head of a request, which is all that a slow-loris attack needs; `_Door` ends that,
and turns connections away above a number.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Any, Final

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from app.ingress.listening import ListenSettings

logger = logging.getLogger(__name__)

# A hook's head has about 600 bytes; a stranger's is looked through before he is known, so it must be cheap to do so.
_LARGEST_HEAD: Final = 8 * 1024
_BACKLOG: Final = 256
_FULL: Final = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class _Door(H11Protocol):
    """uvicorn's protocol with a deadline for each head and a limit on connections."""

    header_timeout_s: float
    connections_at_once: int
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        super().connection_made(transport)
        if len(self.connections) > self.connections_at_once:
            transport.write(_FULL)
            transport.close()
            return
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        idle = self._idle()
        super().data_received(data)
        if not self._idle():
            self._forget_deadline()
        elif idle and self._deadline is None:
            self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_deadline()
        super().connection_lost(exc)

    def _idle(self) -> bool:
        cycle: Any = self.cycle
        return cycle is None or cycle.response_complete

    def _expect_head(self) -> None:
        self._deadline = self.loop.call_later(self.header_timeout_s, self.transport.abort)

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def new_server(app: ASGIApp, settings: ListenSettings) -> uvicorn.Server:
    """Return a server for these settings; `serve` binds and runs it."""
    protocol = type(
        "Door",
        (_Door,),
        {"header_timeout_s": settings.header_timeout_s, "connections_at_once": settings.connections_at_once},
    )
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=protocol,
        ws="none",
        lifespan="off",
        loop="asyncio",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        h11_max_incomplete_event_size=_LARGEST_HEAD,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=int(settings.graceful_s),
        ssl_certfile=settings.tls_cert_path,
        ssl_keyfile=settings.tls_key_path,
    )
    return uvicorn.Server(config)


def listen(settings: ListenSettings, name: str) -> socket.socket:
    """Return the bound socket; raises OSError naming host and port when somebody else has it."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # Named as TCP: asyncio sets TCP_NODELAY on nothing else, and an answer would wait 40 ms for its second half.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        raise OSError(
            error.errno,
            f"{name} cannot listen on {settings.host}:{settings.port} ({error.strerror}); "
            f"set SALDO_{name.upper()}_PORT",
        ) from error
    return listener


async def serve_until(app: ASGIApp, settings: ListenSettings, name: str, *ends: asyncio.Event) -> None:
    """Serve until one of the events; what is being answered is answered first.

    Raises: OSError as listen.
    """
    server = new_server(app, settings)
    with listen(settings, name) as listener:
        host, port = listener.getsockname()[:2]
        logger.info(f"{name} listens", extra={"host": host, "port": port, "tls": settings.tls_cert_path is not None})
        serving = asyncio.create_task(server.serve([listener]))
        waiting = [asyncio.create_task(event.wait()) for event in ends]
        await asyncio.wait([serving, *waiting], return_when=asyncio.FIRST_COMPLETED)
        server.should_exit = True
        for one in waiting:
            one.cancel()
        await serving
