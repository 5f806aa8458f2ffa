"""The sandbox's HTTP surface: abas' paths below /mw, ours below /_sandbox.

One wrapper around every abas call does what a real middleware does around EDP: login, headers, body, envelope,
error bodies; and it is where the fault switches act.
"""

import asyncio
import base64
import binascii
import hmac
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType

from python_multipart.exceptions import MultipartParseError
from starlette.applications import Starlette
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from infra.sandboxes.abas import admin, routes_meta, routes_objects, routes_system, routes_workspace
from infra.sandboxes.abas.faults import ErpFault
from infra.sandboxes.abas.render import PROTOCOL_VERSION, dialect_of
from infra.sandboxes.abas.server import cut
from infra.sandboxes.abas.state import DEFAULT_PASSWORD, SESSION_COOKIE, Call, Reply, Sandbox
from schemas.values.clock import monotonic_s, new_uuid, utc_now

Handler = Callable[[Call], Reply]

_MAX_BODY_BYTES = 8 * 1024 * 1024
_LOCK_POLL_S = 0.01
_FOREVER_S = 3600.0  # what a negative wait means here: longer than any test
_READS = frozenset({"GET", "HEAD"})


def create_app(
    state_dir: Path | None = None,
    *,
    password: str = DEFAULT_PASSWORD,
    client: str = "erp",
    session_idle_s: float = 60.0,
) -> Starlette:
    """Build the ASGI app of one sandbox.

    Ensures: everything answered is in state_dir and survives kill -9; with None it lives in memory only.
    Units:   session_idle_s is how long an idle working set lives, in seconds.
    """
    sandbox = Sandbox(state_dir, password=password, client=client, session_idle_s=session_idle_s)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        sandbox.store.close()

    routes: list[BaseRoute] = [
        Route("/_sandbox", _to_page, methods=["GET"]),
        Mount("/_sandbox", routes=admin.routes(sandbox)),
        Mount("/mw/r", routes=_abas_routes(sandbox)),
        Route("/mw/r", _endpoint(sandbox, routes_meta.root), methods=["GET"]),
        routes_system.token_route(sandbox),
    ]
    app = Starlette(routes=routes, lifespan=lifespan, exception_handlers={404: _no_resource})
    app.router.redirect_slashes = False
    return app


async def _no_resource(request: Request, error: Exception) -> Response:
    return _fault_response(request, ErpFault("MISSING_OBJECT", "Resource does not exist"), str(new_uuid()))


async def _to_page(request: Request) -> Response:
    return RedirectResponse("/_sandbox/")


def _abas_routes(sandbox: Sandbox) -> list[BaseRoute]:
    """Return every path that the reference lists, most used first, because they are tried in order."""
    table = "/{client}/obj/data/{table}"
    editor = "/{client}/workspace/{working_set}/wip/{editor}"
    listed: list[tuple[str, str, Handler]] = [
        ("POST", f"{table}/query", routes_objects.list_records),
        ("GET", f"{table}/query", routes_objects.list_records),
        ("POST", "/{client}/infosys/data/{workspace}/{search_word}", routes_objects.run_infosystem),
        ("POST", "/{client}/exec", routes_objects.execute),
        ("POST", editor, routes_workspace.act),
        ("GET", editor, routes_workspace.read_editor),
        ("POST", f"{editor}/commands/{{command}}", routes_workspace.command_editor),
        ("GET", f"{editor}/fields/head/{{field}}/value", routes_workspace.read_value),
        ("PUT", f"{editor}/fields/head/{{field}}/value", routes_workspace.write_value),
        ("POST", "/{client}/workspace/{working_set}/commands/{command}", routes_workspace.close_set),
        ("GET", "/{client}/workspace/keepalive", routes_workspace.keep_alive),
        ("GET", "/{client}/workspace/{working_set}", routes_workspace.read_set),
        ("GET", "/{client}/workspace", routes_workspace.list_sets),
        ("POST", "/{client}/workspace", routes_workspace.create_set),
        ("GET", "/{client}/obj/data/byId/{record}", routes_objects.redirect_by_id),
        ("GET", "/{client}/obj/data/byIds", routes_objects.read_by_ids),
        ("POST", "/{client}/obj/data/byIds", routes_objects.read_by_ids),
        ("GET", f"{table}/commands", routes_meta.table_command_links),
        ("POST", f"{table}/commands/{{command}}", routes_workspace.open_new),
        ("GET", f"{table}/{{record}}/commands", routes_meta.record_command_links),
        ("POST", f"{table}/{{record}}/commands/{{command}}", routes_workspace.open_existing),
        ("GET", table, routes_objects.list_records),
        ("POST", table, routes_objects.create_record),
        ("GET", f"{table}/{{record}}", routes_objects.read_record),
        ("POST", f"{table}/{{record}}", routes_objects.update_record),
        ("DELETE", f"{table}/{{record}}", routes_objects.delete_record),
        ("GET", "/{client}/methods/formatDbFieldValue", routes_objects.format_value),
        ("GET", "/{client}/obj/meta", routes_meta.tables),
        ("GET", "/{client}/obj/meta/{table}", routes_meta.table),
        ("GET", "/{client}/obj/meta/{table}/commands", routes_meta.table_commands),
        ("GET", "/{client}/infosys/meta", routes_meta.infosystems),
        ("GET", "/{client}/infosys/meta/{workspace}", routes_meta.infosystems),
        ("GET", "/{client}/infosys/meta/{workspace}/{search_word}", routes_meta.infosystem),
        ("GET", "/{client}/infosys/data/{workspace}/{search_word}", routes_objects.run_infosystem),
        ("GET", "/{client}/sys/typeCmd", routes_system.type_command_links),
        ("GET", "/{client}/sys/typeCmd/meta", routes_system.type_commands),
        ("GET", "/{client}/sys/typeCmd/{command}", routes_system.type_command),
        ("POST", "/{client}/sys/typeCmd/{command}", routes_system.open_type_command),
        ("POST", "/{client}/upload", routes_system.upload),
        ("GET", "/{client}/about", routes_meta.about),
        ("GET", "/{client}/logout", routes_meta.logout),
        ("GET", "/{client}", routes_meta.client_root),
    ]
    routes: list[BaseRoute] = [
        Route(path, _endpoint(sandbox, handler), methods=[method]) for method, path, handler in listed
    ]
    methods = ["GET", "POST", "PUT", "DELETE"]
    return [*routes, Route("/{rest:path}", _endpoint(sandbox, routes_meta.unknown), methods=methods)]


def _endpoint(sandbox: Sandbox, handler: Handler) -> Callable[[Request], object]:
    async def endpoint(request: Request) -> Response:
        faults = sandbox.faults
        writes = request.method not in _READS and handler is not routes_objects.list_records
        request_id, session = str(new_uuid()), None
        sandbox.running += 1
        try:
            raw = await _body_of(request)
            if faults.latency_s:
                await asyncio.sleep(faults.latency_s)
            disturbed = _disturbance(sandbox, writes=writes)
            if disturbed is not None:
                return disturbed
            if writes and sandbox.take("cut_before"):
                return await _cut(request)
            call = await _call(sandbox, request, raw)
            session = sandbox.login_session(request.cookies.get(SESSION_COOKIE))
            sandbox.take_licence()
            commits = sandbox.store.commit_count
            reply = await _answer(handler, call)
            happened = sandbox.store.commit_count != commits
            if happened and faults.slow_posting_s:
                await asyncio.sleep(faults.slow_posting_s)
            if happened and sandbox.take("cut_after"):
                return await _cut(request)
            return _with_session(_response(request, reply, request_id), session)
        except ErpFault as fault:
            answer = _fault_response(request, fault, request_id, faults.statuses, retry_after=faults.retry_after)
            return _with_session(answer, session)
        except ClientDisconnect:
            return Response(status_code=499)
        finally:
            sandbox.running -= 1

    return endpoint


async def _answer(handler: Handler, call: Call) -> Reply:
    """Run the handler; a lock is waited for as long as maxWaitOnLock says, in seconds."""
    wait = call.query.get("maxWaitOnLock", "0")
    seconds = float(wait) if re.fullmatch(r"-?\d{1,6}", wait) else 0.0
    deadline = monotonic_s() + (_FOREVER_S if seconds < 0 else seconds)
    while True:
        try:
            return handler(call)
        except ErpFault as fault:
            if fault.category != "RECORD_LOCKED" or monotonic_s() >= deadline:
                raise
        await asyncio.sleep(_LOCK_POLL_S)


async def _body_of(request: Request) -> bytes:
    """Read the body, bounded.

    Raises: ErpFault ILLEGAL_ARGUMENT when it is too large.
    """
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > _MAX_BODY_BYTES:
            raise ErpFault("ILLEGAL_ARGUMENT", "Body is too large")
    return bytes(received)


def _disturbance(sandbox: Sandbox, *, writes: bool) -> Response | None:
    """Act out the switches that come before any work."""
    faults = sandbox.faults
    if sandbox.take("unavailable") or utc_now().timestamp() < faults.unavailable_until:
        raise ErpFault("UNAVAILABLE", "ERP is not available")
    if sandbox.take("login_expired"):
        raise ErpFault("AUTHENTICATION_FAILURE", "Login has expired")
    if sandbox.take("rate_limited"):
        asks = {"Retry-After": faults.retry_after or "1"}
        return PlainTextResponse("too many requests", status_code=429, headers=asks)
    if sandbox.take("gateway_away"):
        asks = {"Retry-After": faults.retry_after} if faults.retry_after else {}
        return HTMLResponse("<html><body>Service Unavailable</body></html>", status_code=503, headers=asks)
    if sandbox.take("wrong_content_type"):
        return HTMLResponse("<html><body>The gateway is being serviced.</body></html>")
    if writes and faults.access_denied:
        raise ErpFault("ACCESS_DENIED", "You lack the permission for this command")
    if writes and sandbox.take("internal_error"):
        raise ErpFault("INTERNAL_ERROR", "Internal error")
    return None


async def _call(sandbox: Sandbox, request: Request, raw: bytes) -> Call:
    """Check the login and read the request.

    Raises: ErpFault AUTHENTICATION_FAILURE, MISSING_OBJECT for an unknown client, ILLEGAL_ARGUMENT.
    """
    path = dict(request.path_params)
    user = "" if not path else _user_of(sandbox, request.headers.get("authorization", ""))
    if path.get("client", sandbox.client) != sandbox.client:
        raise ErpFault("MISSING_OBJECT", "Client does not exist")
    body: object = None
    content_type = request.headers.get("content-type", "")
    if content_type.startswith("multipart/form-data"):
        body = await _file_in(content_type, raw)
    elif raw.strip():
        if content_type.startswith("text/plain"):
            body = raw.decode("utf-8", errors="replace")
        else:
            try:
                body = json.loads(raw)
            except (ValueError, RecursionError) as error:
                raise ErpFault("ILLEGAL_ARGUMENT", "Body is no JSON") from error
    return Call(sandbox, path, dict(request.query_params), body, dict(request.headers), user)


async def _file_in(content_type: str, raw: bytes) -> bytes | None:
    """Find the one file of an upload.

    Raises: ErpFault ILLEGAL_ARGUMENT when the body is no multipart form.
    """

    async def stream() -> AsyncGenerator[bytes, None]:
        yield raw

    try:
        form = await MultiPartParser(Headers({"content-type": content_type}), stream(), max_files=1).parse()
    except (MultiPartException, MultipartParseError, KeyError, UnicodeDecodeError) as error:
        raise ErpFault("ILLEGAL_ARGUMENT", "Body is no multipart form") from error
    try:
        found = [value for value in form.values() if isinstance(value, UploadFile)]
        return await found[0].read() if found else None
    finally:
        await form.close()


def _user_of(sandbox: Sandbox, header: str) -> str:
    """Know the user by the password, as abas does; the name may be empty."""
    scheme, _, credentials = header.partition(" ")
    if scheme.lower() == "basic":
        try:
            user, _, password = base64.b64decode(credentials, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            user, password = "", ""
        if hmac.compare_digest(password.encode(), sandbox.password.encode()):
            return user
    if scheme.lower() == "bearer" and sandbox.knows_token(credentials):
        return "integration@example.org"
    raise ErpFault("AUTHENTICATION_FAILURE", "Login failed")


def _response(request: Request, reply: Reply, request_id: str) -> Response:
    headers = {"mw-request-id": request_id, **reply.headers}
    if reply.empty:
        return Response(status_code=reply.status, headers=headers)
    return _json(request, reply.envelope(), reply.status, headers)


def _with_session(response: Response, session: str | None) -> Response:
    if session is not None:
        response.set_cookie(SESSION_COOKIE, session, path="/mw", httponly=True)
    return response


def _fault_response(
    request: Request,
    fault: ErpFault,
    request_id: str,
    statuses: Mapping[str, int] = MappingProxyType({}),
    *,
    retry_after: str = "",
) -> Response:
    content = fault.content()
    envelope = {
        "meta": {"contentType": content["_type"]},
        "content": content,
        "protocolVersion": PROTOCOL_VERSION,
    }
    asks = {"Retry-After": retry_after} if retry_after and fault.category == "UNAVAILABLE" else {}
    headers = {"mw-request-id": request_id, **asks}
    return _json(request, envelope, statuses.get(fault.category, fault.status), headers)


def _json(request: Request, document: object, status: int, headers: dict[str, str]) -> Response:
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(body, status, headers, media_type=dialect_of(request.headers.get("accept", "*/*")))


async def _cut(request: Request) -> Response:
    """End the connection without a word; a server that isn't ours answers with half a word instead."""
    if cut(request.scope):
        await asyncio.sleep(0)
        return Response(status_code=499)
    return Response(b"", 200, {"Content-Length": "1000"})
