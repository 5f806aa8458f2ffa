"""Serves the sandbox, with connections that can really be cut: no answer, no header, just the end of the wire."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.types import Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

# Far above the 5 s after which clients leave an idle connection: of two equal times, a slow machine has the server
# close what the client is just sending on.
KEEP_ALIVE_S = 75
# peer address -> its open transport; filled by the protocol, used by cut().
_transports: dict[tuple[str, int], Any] = {}


class CuttableProtocol(H11Protocol):
    """Remembers each connection's transport, so that a fault switch can abort it."""

    def connection_made(self, transport: Any) -> None:
        """Remember the transport; `client` is None when the other side has already gone."""
        super().connection_made(transport)
        if self.client is not None:
            _transports[self.client] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the transport."""
        if self.client is not None:
            _transports.pop(self.client, None)
        super().connection_lost(exc)


def cut(scope: Scope) -> bool:
    """Abort the connection of a request; False when this server isn't ours and can't."""
    client = scope.get("client")
    transport = _transports.get((client[0], client[1])) if client else None
    if transport is None:
        return False
    transport.abort()
    return True


async def serve(
    app: Starlette,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    started: Callable[[int], None] | None = None,
    tls: tuple[Path, Path] | None = None,
) -> None:
    """Serve until the process is asked to stop; port 0 takes a free one, and `started` is called with which.

    With tls, PEM files of certificate and key, it speaks HTTPS and nothing else.
    """
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=CuttableProtocol,
        ws="none",
        lifespan="on",
        log_level="warning",
        access_log=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        ssl_certfile=None if tls is None else str(tls[0]),
        ssl_keyfile=None if tls is None else str(tls[1]),
    )
    server = _Announcing(config, started)
    await server.serve()


class _Announcing(uvicorn.Server):
    """Tells the bound port once it listens."""

    def __init__(self, config: uvicorn.Config, started: Callable[[int], None] | None) -> None:
        super().__init__(config)
        self._announce = started

    async def startup(self, sockets: Any = None) -> None:
        """Bind, then announce."""
        await super().startup(sockets=sockets)
        if self._announce is not None and self.started:
            self._announce(self.servers[0].sockets[0].getsockname()[1])
