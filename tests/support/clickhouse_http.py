"""ClickHouse's HTTP interface in front of the embedded engine, because no server can be installed here.

The engine is ClickHouse's own; what this stands in for is the server around it: queries in the body or the address,
settings and parameters in the address, inserts as a body in the format that the query names, errors with their code in
a header. It keeps no session, as a server does without session_id. It proves the client side of `clickhouse://`; a real
server is tested where SALDO_TEST_CLICKHOUSE_DSN names one.
"""

from __future__ import annotations

import re
import socket
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import chdb
import lz4.frame
import uvicorn
from chdb.state.sqlitelike import Connection
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.support.parts import Parts, chosen, container_clickhouse

_FORMAT = re.compile(r"\bFORMAT\s+(\w+)\s*$", re.IGNORECASE)
_INSERT = re.compile(r"^\s*INSERT\s", re.IGNORECASE)
_CODE = re.compile(r"Code: (\d+)")
# What the HTTP layer of a server consumes itself.
_TRANSPORT = frozenset(
    {
        "query",
        "database",
        "client_protocol_version",
        "session_id",
        "query_id",
        "compress",
        "role",
        "wait_end_of_query",
        "send_progress_in_http_headers",
        "http_headers_progress_interval_ms",
        "enable_http_compression",
        "buffer_size",
    }
)


def _connect(path: str) -> Any:
    connect: Any = chdb.connect  # it has no annotations
    return connect(path)


class HttpFront:
    """Answers requests by the engine whose data lies in path."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        # The engine lives as long as one connection to it.
        self._anchor = _connect(str(path))

    def close(self) -> None:
        self._anchor.close()

    def answer(self, address: Mapping[str, str], body: bytes) -> Response:
        with self._lock:
            connection = _connect(str(self._path))
            try:
                return Response(self._run(connection, address, body), media_type="application/octet-stream")
            except RuntimeError as error:
                code = _CODE.search(str(error))
                return Response(str(error), 500, {"X-ClickHouse-Exception-Code": code[1] if code else "0"})
            finally:
                connection.close()

    def _run(self, connection: Connection, address: Mapping[str, str], body: bytes) -> bytes:
        if database := address.get("database"):
            connection.query(f"USE {database}")
        for name, value in sorted(address.items(), key=lambda pair: pair[0] == "readonly"):
            if name not in _TRANSPORT and not name.startswith("param_"):
                connection.query(f"SET {name} = '{value}'")
        parameters = {name.removeprefix("param_"): v for name, v in address.items() if name.startswith("param_")}
        query = address.get("query", "")
        if _INSERT.match(query or body[:20].decode("utf-8", "replace")):
            if not query:
                # The statement is the first line of the body, its data follows.
                line, _, body = body.partition(b"\n")
                query = line.decode()
            return self._insert(connection, query, body)
        statement = (query + body.decode()).strip()
        named = _FORMAT.search(statement)
        answer = connection.query(_FORMAT.sub("", statement), named[1] if named else "TabSeparated", params=parameters)
        return bytes(answer.bytes())

    def _insert(self, connection: Connection, query: str, body: bytes) -> bytes:
        with tempfile.NamedTemporaryFile() as file:
            file.write(body)
            file.flush()
            named = _FORMAT.search(query)
            assert named is not None
            connection.query(f"{_FORMAT.sub('', query)} FROM INFILE '{file.name}' FORMAT {named[1]}")
        return b""


def _unpacked(body: bytes) -> bytes:
    """The client sends a frame for each of its blocks."""
    pieces = []
    while body:
        frame = lz4.frame.LZ4FrameDecompressor()
        pieces.append(frame.decompress(body))
        body = frame.unused_data or b""
    return b"".join(pieces)


@contextmanager
def http_front(path: Path) -> Iterator[str]:
    """Serve on loopback until the block ends; gives host:port."""
    front = HttpFront(path)

    async def handle(request: Request) -> Response:
        body = await request.body()
        if request.headers.get("content-encoding") == "lz4":
            body = _unpacked(body)
        return await run_in_threadpool(front.answer, dict(request.query_params), body)

    async def ping(_request: Request) -> Response:
        return Response("Ok.\n")

    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # connections inherit it
    app = Starlette(routes=[Route("/ping", ping), Route("/", handle, methods=["GET", "POST"])])
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=2))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
        front.close()


@contextmanager
def clickhouse_server(path: Path) -> Iterator[str]:
    """DSN without a database of the server that tests have: the stand-in, or a container (tests/support/parts.py)."""
    if chosen() is Parts.CONTAINERS:
        with container_clickhouse() as dsn:
            yield dsn
    else:
        with http_front(path) as address:
            yield f"clickhouse://{address}"
