"""What abas tells about itself: root, about, user, tables, fields, commands, infosystems."""

from typing import Any
from urllib.parse import quote

from infra.sandboxes.abas.faults import ErpFault
from infra.sandboxes.abas.infosystems import INFOSYSTEMS
from infra.sandboxes.abas.render import PROTOCOL_VERSION
from infra.sandboxes.abas.routes_objects import find_infosystem, find_record
from infra.sandboxes.abas.state import Call, Reply
from infra.sandboxes.abas.tables import TABLES, Column, TableDef


def root(call: Call) -> Reply:
    """Say which versions and clients there are."""
    client = {"rel": "urn:abas:rel:client", "href": call.base, "description": call.sandbox.client}
    reported = {
        "externalVersion": "2026.1-sandbox",
        "internalVersion": "0",
        "protocolVersion": PROTOCOL_VERSION,
        "messages": [],
        "apidocs": [],
        "clients": [client],
    }
    return Reply(content=reported, content_type="RootDirectory")


def client_root(call: Call) -> Reply:
    """List what stands under the client."""
    parts = ("about", "obj/data", "obj/meta", "infosys/meta", "workspace", "exec", "logout")
    return Reply({"links": call.renderer.links({part: f"{call.base}/{part}" for part in parts})})


def about(call: Call) -> Reply:
    """Tell version, zone, clock and licence mode."""
    fields = {
        "erpClientName": call.sandbox.client,
        "erpClientId": call.sandbox.client,
        "erpVersion": "2026.1-sandbox",
        "erpVersionName": "sandbox",
        "erpTimeZone": "UTC",
        "erpDateTime": call.sandbox.store.now().isoformat(timespec="milliseconds"),
    }
    return Reply(
        {
            **call.renderer.named_values(fields),
            "erpLicenseInfo": {"licensingMode": "CC_USER"},
            "erpOperatingLanguages": [{"code": code, "languageTag": code} for code in ("en", "de")],
            "erpFeatures": [],
            "erpEnvironmentVariables": [],
        }
    )


def logout(call: Call) -> Reply:
    """End the login; the middleware answers in the form in which it otherwise tells its own failures."""
    call.sandbox.log_out(call.session)
    return Reply(content={"error": {"message": "Logged out", "type": "INFO"}}, content_type="Error")


def tables(call: Call) -> Reply:
    """List the tables."""
    return Reply({"erpDbGroups": [_table(call, table) for table in TABLES.values()]})


def table(call: Call) -> Reply:
    """Describe a table with its fields."""
    head = [_field(column, call.language, in_table=False) for column in call.table.head]
    rows = [_field(column, call.language, in_table=True) for column in call.table.rows]
    return Reply({**_table(call, call.table), "withTable": bool(rows), "editable": True, "fields": head + rows})


def table_commands(call: Call) -> Reply:
    """List the actions of a table."""
    return Reply({"commands": _commands(call.table)})


def table_command_links(call: Call) -> Reply:
    """Link to the commands of a table."""
    return Reply(_command_links(call, [a for a in call.table.actions if a == "NEW"], ""))


def record_command_links(call: Call) -> Reply:
    """Link to the commands of a record."""
    record = find_record(call, call.table, call.path["record"])
    return Reply(_command_links(call, [a for a in call.table.actions if a != "NEW"], f"/{quote(record.id, safe='')}"))


def infosystems(call: Call) -> Reply:
    """List the infosystems, all or of one workspace."""
    workspace = call.path.get("workspace")
    listed = [
        {
            "className": i.class_name,
            "name": i.class_name,
            "searchWord": i.search_word,
            "workspace": i.workspace,
            "standard": not i.workspace.startswith("ow"),
        }
        for i in INFOSYSTEMS.values()
        if workspace in (None, i.workspace)
    ]
    return Reply({"erpInfosystems": listed})


def infosystem(call: Call) -> Reply:
    """Describe an infosystem with its fields."""
    found = find_infosystem(call)
    head = [_field(column, call.language, in_table=False) for column in found.head]
    rows = [_field(column, call.language, in_table=True) for column in found.rows]
    return Reply(
        {
            "className": found.class_name,
            "searchWord": found.search_word,
            "workspace": found.workspace,
            "fields": head + rows,
        }
    )


def unknown(call: Call) -> Reply:
    """Answer what isn't there."""
    raise ErpFault("MISSING_OBJECT", "Resource does not exist")


def _table(call: Call, table: TableDef) -> dict[str, Any]:
    return {
        "id": table.name,
        "name": table.name,
        "dbId": table.db_id,
        "tableSpec": table.spec,
        "description": table.name,
        "link": {"rel": "describedby", "href": f"{call.base}/obj/meta/{table.spec.replace(':', '%3A')}"},
    }


def _commands(table: TableDef) -> list[dict[str, Any]]:
    return [
        {
            "db": int(table.database),
            "dbId": table.db_id,
            "group": table.spec.split(":")[1],
            "groupId": table.name,
            "withObject": action != "NEW",
            "editAction": action,
            "commandString": f"<({table.name})><({action.title()})>",
        }
        for action in table.actions
    ]


def _command_links(call: Call, actions: list[str], target: str) -> dict[str, Any]:
    base = f"{call.base}/obj/data/{quote(call.table.spec, safe='')}{target}/commands"
    listed = {f"urn:abas:rel:editAction:{action}": f"{base}/{action}" for action in actions}
    return {"name": call.table.name, "links": call.renderer.links(listed)}


def _field(column: Column, language: str, *, in_table: bool) -> dict[str, Any]:
    return {
        "name": column.name(language),
        "germanName": column.german,
        "englishName": column.english,
        "type": {"erpType": column.erp_type, "baseType": column.kind.value},
        "description": column.english,
        "tableColumn": in_table,
        "skip": not column.writable,
        "selectable": True,
    }
