"""What stands beside the records: type commands, uploads, and the token endpoint that Keycloak is for abas."""

import hmac
import re
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from infra.sandboxes.abas.faults import ErpFault
from infra.sandboxes.abas.routes_workspace import open_new
from infra.sandboxes.abas.state import Call, Reply, Sandbox
from infra.sandboxes.abas.tables import TYPE_COMMANDS, TypeCommand

_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,80}")


def type_commands(call: Call) -> Reply:
    """Describe the type commands."""
    return Reply({"commands": [_show(command) for command in TYPE_COMMANDS]})


def type_command_links(call: Call) -> Reply:
    """Link to the type commands."""
    return Reply({"links": call.renderer.links({c.name: f"{call.base}/sys/typeCmd/{c.number}" for c in TYPE_COMMANDS})})


def type_command(call: Call) -> Reply:
    """Tell a type command's table and edit action."""
    return Reply(_show(_find(call)))


def open_type_command(call: Call) -> Reply:
    """Open the editor that a type command stands for."""
    command = _find(call)
    call.path |= {"table": command.table, "command": command.action}
    return open_new(call)


def upload(call: Call) -> Reply:
    """Keep an uploaded file in the client's directory.

    Raises: ErpFault ILLEGAL_ARGUMENT for a name that could leave the directory.
    """
    name = call.query.get("fileName", "")
    if not _FILE_NAME.fullmatch(name):
        raise ErpFault("ILLEGAL_ARGUMENT", "fileName is no file name")
    if not isinstance(call.body, bytes):
        raise ErpFault("MISSING_ARGUMENT", "There is no file")
    if call.sandbox.uploads is not None:
        call.sandbox.uploads.mkdir(exist_ok=True)
        (call.sandbox.uploads / name).write_bytes(call.body)
    return Reply({"fileName": name, "size": len(call.body)})


def token_route(sandbox: Sandbox) -> Route:
    """Build the token endpoint; the client's secret is the sandbox's password."""

    async def token(request: Request) -> Response:
        async with request.form(max_files=0, max_fields=20) as form:
            secret = str(form.get("client_secret", ""))
            grant = str(form.get("grant_type", ""))
        if grant != "client_credentials":
            return JSONResponse({"error": "unsupported_grant_type"}, status_code=400)
        if not hmac.compare_digest(secret.encode(), sandbox.password.encode()):
            return JSONResponse({"error": "unauthorized_client"}, status_code=401)
        return JSONResponse(
            {
                "access_token": sandbox.new_token(),
                "token_type": "bearer",
                "expires_in": int(sandbox.faults.token_lifetime_s),
                "scope": "abas-fusion openid",
            }
        )

    return Route("/realms/{realm}/protocol/openid-connect/token", token, methods=["POST"])


def _find(call: Call) -> TypeCommand:
    wanted = call.path["command"]
    for command in TYPE_COMMANDS:
        if wanted in (str(command.number), command.name):
            return command
    raise ErpFault("MISSING_OBJECT", "Type command does not exist")


def _show(command: TypeCommand) -> dict[str, Any]:
    return {
        "name": command.name,
        "number": command.number,
        "description": command.name.strip("()"),
        "tableName": command.table,
        "editAction": command.action,
    }
