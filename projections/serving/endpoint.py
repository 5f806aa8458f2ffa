"""The projector's own door on loopback: read-only SQL, lag and health, because the embedded store is one process's.

Whoever may read projector.json (its owner) finds the address and the token there. SQL needs the token; the Host header
must name loopback, so a web page in the owner's browser can't reach in through a name that it points at us.
"""

from __future__ import annotations

import errno
import hmac
import json
import logging
import os
import secrets
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from projections.batches.lag import ProjectorStatus
from projections.console.app import TokenDoor, console_app
from projections.console.parts import MOUNTED_AT
from projections.serving.metrics import PROMETHEUS_TEXT, prometheus_text
from projections.serving.serving import LOOPBACK_NAMES, SpooledResponse, served
from projections.serving.settings import ProjectionSettings, endpoint_file
from projections.store.client import SqlReader
from projections.store.errors import QueryRefused
from schemas.failures import ContractBroken, Unavailable
from schemas.files.private_files import read_private, write_private

logger = logging.getLogger(__name__)

# Port and console token, kept over restarts so that the console's address stays.
CONSOLE_FILE = "console.json"


def endpoint_app(
    reader: SqlReader,
    status: ProjectorStatus,
    token: str,
    console_token: str,
    *,
    day_zone: str,
    access_notice: Callable[[], str] = str,
    own_reports: Path | None = None,
) -> Starlette:
    """Return the projector's HTTP interface.

    POST /sql     {"sql", "parameters", "format", "as_of"} with `Authorization: Bearer <token>`; the bytes of that
                  format, or 400 {"error", "code"}: what is wrong with the request, or the engine's own words.
    GET  /health  {"reading": bool, "tally": {...}}: reading is true once every topic exists and is assigned.
    GET  /console/  the workbench without decisions; takes console_token once in its address, which can't ask SQL.
    GET  /lag     {"total": n, "topics": {topic: n}}; 503 {"error", "code"} while the broker does not answer.
    GET  /metrics what the projector is behind and what waits for people, for Prometheus; counts and ages, no amounts.
    """
    expected = f"Bearer {token}"

    async def sql(request: Request) -> Response:
        if not hmac.compare_digest(request.headers.get("authorization", "").encode(), expected.encode()):
            return JSONResponse({"error": "token missing or wrong; see projector.json", "code": "TOKEN"}, 401)
        try:
            asked = _asked(await request.body())
        except ValueError as error:
            return JSONResponse({"error": str(error), "code": "REQUEST"}, 400)
        return await run_in_threadpool(_answer, reader, *asked)

    def health(_request: Request) -> Response:
        return JSONResponse({"reading": status.is_reading, "tally": status.tally()})

    def lag(_request: Request) -> Response:
        try:
            behind = status.lag()
        except (Unavailable, ContractBroken) as error:
            return JSONResponse({"error": str(error), "code": "BROKER"}, 503)
        return JSONResponse({"total": behind.total, "topics": dict(behind.by_topic)})

    def metrics(_request: Request) -> Response:
        return Response(prometheus_text(reader, status), media_type=PROMETHEUS_TEXT)

    return Starlette(
        routes=[
            Route("/sql", sql, methods=["POST"]),
            Route("/health", health),
            Route("/lag", lag),
            Route("/metrics", metrics),
            Mount(
                MOUNTED_AT,
                console_app(
                    reader,
                    TokenDoor(console_token),
                    day_zone=day_zone,
                    access_notice=access_notice,
                    own_reports=own_reports,
                ),
            ),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=LOOPBACK_NAMES)],
    )


@contextmanager
def serve_endpoint(
    settings: ProjectionSettings, reader: SqlReader, status: ProjectorStatus, more: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Serve until the block ends, from a thread of its own; gives the base URL. `more` stands in projector.json too.

    Ensures: projector.json names an address that already answers, and is gone after a clean stop.
    """
    token = secrets.token_urlsafe(32)
    listener, console_token = _same_address(settings)
    app = endpoint_app(
        reader,
        status,
        token,
        console_token,
        day_zone=settings.day_zone,
        access_notice=settings.access_notice,
        own_reports=settings.reports_dir,
    )
    address = endpoint_file(settings.data_dir)
    with served(app, listener, "projector-endpoint"):
        try:
            url = f"http://{_host(settings.http_host)}:{listener.getsockname()[1]}"
            reported = {
                "url": url,
                "token": token,
                "pid": os.getpid(),
                "console": f"{url}{MOUNTED_AT}/?token={console_token}",
                **(more or {}),
            }
            address.parent.mkdir(parents=True, exist_ok=True)
            write_private(address, json.dumps(reported))
            yield url
        finally:
            address.unlink(missing_ok=True)


def _same_address(settings: ProjectionSettings) -> tuple[socket.socket, str]:
    """Listen where the projector listened before, with the console's token of then, so that a bookmark stays true.

    Without a port in the settings it is a free one, found at the first start and kept in the data directory.
    Raises: ContractBroken when another process has the port that the settings name.
    """
    kept = settings.data_dir / CONSOLE_FILE
    kept_port, console_token = _kept_address(kept)
    port = settings.http_port or kept_port
    family = _family(settings.http_host)
    try:
        listener = socket.create_server((settings.http_host, port), family=family)
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES) or not port:
            raise
        why = "another process has it" if error.errno == errno.EADDRINUSE else "this user may not listen there"
        if settings.http_port:
            raise ContractBroken(
                f"the console can't have port {port} of {settings.http_host}: {why}; "
                "end that process, or name another port in SALDO_REPORTING_HTTP_PORT (0 takes a free one)"
            ) from error
        listener = socket.create_server((settings.http_host, 0), family=family)
        logger.warning(
            "the console's address changes",
            extra={
                "port": listener.getsockname()[1],
                "was": port,
                "reason": why,
                "remedy": "SALDO_REPORTING_HTTP_PORT",
            },
        )
    found = {"port": listener.getsockname()[1], "console_token": console_token}
    kept.parent.mkdir(parents=True, exist_ok=True)
    write_private(kept, json.dumps(found))
    return listener, console_token


def _kept_address(path: Path) -> tuple[int, str]:
    """Port and console token of the last start; 0 and a new token where there is none that can be read."""
    try:
        reported = json.loads(read_private(path) or b"{}")
        return int(reported["port"]), str(reported["console_token"])
    except (ValueError, KeyError, TypeError):
        return 0, secrets.token_urlsafe(32)


def _asked(body: bytes) -> tuple[str, dict[str, object], str, datetime | None]:
    """Statement, parameters, format and instant of a request; ValueError names the field and the remedy."""
    try:
        reported = json.loads(body)
    except ValueError as error:
        raise ValueError(f'the body is no JSON ({error}); send {{"sql": "SELECT ..."}}') from error
    if not isinstance(reported, dict) or not isinstance(reported.get("sql"), str):
        raise ValueError('the body needs "sql", a text; send {"sql": "SELECT ..."}')
    parameters, output_format = reported.get("parameters") or {}, reported.get("format") or "JSONCompact"
    if not isinstance(parameters, dict):
        raise ValueError('"parameters" must be an object of names and values')
    if not isinstance(output_format, str):
        raise ValueError('"format" must be the name of an output format, e.g. JSONCompact')
    as_of = None
    if reported.get("as_of") is not None:
        try:
            as_of = datetime.fromisoformat(reported["as_of"])
        except (TypeError, ValueError):
            raise ValueError('"as_of" must be an instant, e.g. 2026-11-24T15:30:00+00:00') from None
        if as_of.tzinfo is None:
            raise ValueError('"as_of" needs a zone, e.g. 2026-11-24T15:30:00+00:00')
    return reported["sql"], parameters, output_format, as_of


def _answer(
    reader: SqlReader, sql: str, parameters: dict[str, object], output_format: str, as_of: datetime | None
) -> Response:
    try:
        spool = reader.answer(sql, parameters, output_format=output_format, as_of=as_of)
    except QueryRefused as error:
        return JSONResponse({"error": str(error), "code": error.code}, 400)
    headers = {"content-type": "application/octet-stream", "content-length": str(spool.size)}
    return SpooledResponse(spool.pieces(), spool, headers)


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _host(host: str) -> str:
    return f"[{host}]" if ":" in host else host
