"""The routes of ClickHouse's HTTP interface that clients use, and the port on which they are served.

Any path answers a query, as on a server; /ping and /replicas_status say that it is there. The Host header must name
loopback and a page of a browser may not ask, so a page in the owner's browser can't reach in.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import threading
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from typing import Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from projections.clickhouse_http import compression
from projections.clickhouse_http.asked import Asked, asked_by
from projections.clickhouse_http.errors import in_clickhouse_words
from projections.clickhouse_http.formats import FORMATS
from projections.clickhouse_http.native import for_revision
from projections.clickhouse_http.sessions import ClientSessions
from projections.serving.log_in import ClientLogIn, is_of_owner, sent_log_in
from projections.serving.serving import LOOPBACK_NAMES, SpooledResponse, served
from projections.serving.settings import ProjectionSettings
from projections.store.errors import QueryRefused
from projections.store.spool import Spool
from schemas.failures import ContractBroken

logger = logging.getLogger(__name__)

# Lets pass who may read, and gives the name under which; raises QueryRefused for everybody else.
Admission = Callable[[ClientLogIn], str]
DISPLAY_NAME: Final = "saldo"
# An answer up to this size is sent at once, with its length.
_HEAD_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Opened:
    """Whether clients are served: where, or why not; both empty when the port is switched off or a server has it."""

    url: str = ""
    problem: str = ""


def clickhouse_app(sessions: ClientSessions, admit: Admission) -> Starlette:
    """Return the interface.

    GET, POST /ANY  a statement in `query` or the body; the answer's bytes, or an error as ClickHouse words it
    GET /ping, /replicas_status   "Ok." without log-in
    """

    async def ok(_request: Request) -> Response:
        return Response("Ok.\n", media_type="text/plain; charset=UTF-8")

    async def query(request: Request) -> Response:
        if request.method in ("GET", "HEAD") and request.url.path == "/" and not request.query_params:
            return await ok(request)
        query_id = str(uuid.uuid4())
        try:
            await run_in_threadpool(_let_in, request, admit)
            asked = await asked_by(request)
            query_id = asked.query_id or query_id
            async with _watched(request) as client_gone:
                output_format, spool = await run_in_threadpool(sessions.answer, asked, client_gone)
        except QueryRefused as error:
            return _refusal(error, query_id)
        headers = {
            "Content-Type": FORMATS[output_format],
            "X-ClickHouse-Format": output_format,
            "X-ClickHouse-Summary": _NO_SUMMARY,
            "X-ClickHouse-Timezone": "UTC",
            **_identity(query_id),
            **({"Content-Encoding": asked.encoding, "Vary": "Accept-Encoding"} if asked.encoding else {}),
        }
        try:
            pieces = _packed(spool, output_format, asked)
            # What can't be written for this client is refused with the first piece.
            head, is_whole = await run_in_threadpool(_head, pieces)
        except QueryRefused as error:
            spool.close()
            return _refusal(error, query_id)
        if is_whole:
            spool.close()
            return Response(head, headers=headers)
        return SpooledResponse(chain((head,), pieces), spool, headers)

    return Starlette(
        routes=[
            Route("/ping", ok),
            Route("/replicas_status", ok),
            Route("/{path:path}", query, methods=["GET", "POST"]),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=LOOPBACK_NAMES)],
    )


# The engine inside the process does not say what it read.
_NO_SUMMARY: Final = json.dumps(
    dict.fromkeys(
        ("read_rows", "read_bytes", "written_rows", "written_bytes", "total_rows_to_read", "result_rows",
         "result_bytes", "elapsed_ns"),
        "0",
    )
)  # fmt: skip


@contextmanager
def serve_clickhouse(settings: ProjectionSettings) -> Iterator[Opened]:
    """Serve the clients of an embedded store until the block ends.

    The default port is served if it is free; else the projector goes on without, and says so.
    Raises: ContractBroken when a port that was set is taken.
    """
    port = settings.clickhouse_port
    if not settings.is_embedded or port == 0:
        yield Opened()
        return
    try:
        listener = socket.create_server(("127.0.0.1", port or DEFAULT_PORT))
    except OSError as error:
        problem = (
            f"port {port or DEFAULT_PORT} of 127.0.0.1 is taken ({error.strerror}), so no ClickHouse client is "
            "answered; end what has it, or set SALDO_REPORTING_CLICKHOUSE_PORT to a free port (0 for none)"
        )
        if port is not None:
            raise ContractBroken(problem) from error
        logger.error("%s", problem)
        yield Opened(problem=problem)
        return
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    sessions = ClientSessions(settings.clickhouse_dsn)
    try:
        with served(clickhouse_app(sessions, settings.admit), listener, "clickhouse-clients"):
            yield Opened(url=f"http://127.0.0.1:{listener.getsockname()[1]}")
    finally:
        sessions.close()


# ClickHouse's own.
DEFAULT_PORT: Final = 8123


def _let_in(request: Request, admit: Admission) -> None:
    # A browser says so itself when another page asks; no client of a database does.
    if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin") or "origin" in request.headers:
        raise QueryRefused("a page of a browser may not ask", code="ACCESS_DENIED")
    user, secret = sent_log_in(request.headers, request.query_params)
    client, server = request.client, request.scope.get("server")
    is_owner = bool(client and server and is_of_owner((client.host, client.port), (server[0], server[1])))
    admit(ClientLogIn(user, secret, is_owner))


def _packed(spool: Spool, output_format: str, asked: Asked) -> Iterator[bytes]:
    pieces = spool.pieces()
    if output_format == "Native" and asked.revision:
        pieces = for_revision(spool.content(), asked.revision)
    if asked.in_blocks:
        pieces = compression.as_blocks(pieces)
    if asked.encoding:
        pieces = compression.packed(pieces, asked.encoding)
    return pieces


def _head(pieces: Iterator[bytes]) -> tuple[bytes, bool]:
    """Return the beginning of an answer, and whether it is all of it."""
    head = bytearray()
    for piece in pieces:
        head += piece
        if len(head) >= _HEAD_BYTES:
            return bytes(head), False
    return bytes(head), True


@asynccontextmanager
async def _watched(request: Request) -> AsyncIterator[threading.Event]:
    """Hold an event that is set once the client of the request has gone."""
    gone = threading.Event()

    async def watch() -> None:
        # The body has been read, so nothing else can come.
        while (await request.receive())["type"] != "http.disconnect":
            pass
        gone.set()

    watching = asyncio.create_task(watch())
    try:
        yield gone
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching


def _refusal(error: QueryRefused, query_id: str) -> Response:
    status, number, body = in_clickhouse_words(error)
    headers = {"X-ClickHouse-Exception-Code": str(number), **_identity(query_id)}
    if status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="Saldo, as ClickHouse"'
    return Response(body, status, headers, media_type="text/plain; charset=UTF-8")


def _identity(query_id: str) -> dict[str, str]:
    return {"X-ClickHouse-Query-Id": query_id, "X-ClickHouse-Server-Display-Name": DISPLAY_NAME}
