"""Reading and writing records: lists, queries, single records, direct writes, one-shot editors, infosystems."""

from typing import Any

from infra.sandboxes.abas.accounts import refresh_figures
from infra.sandboxes.abas.editors import Editor
from infra.sandboxes.abas.faults import ErpFault, business_refusal
from infra.sandboxes.abas.infosystems import INFOSYSTEMS, InfosystemDef
from infra.sandboxes.abas.render import View, record_view
from infra.sandboxes.abas.selection import Path, Query, follow, parse_query, resolve_path, select
from infra.sandboxes.abas.state import DEFAULT_LIMIT, Call, Reply
from infra.sandboxes.abas.store import Record
from infra.sandboxes.abas.tables import CURRENCY, CUSTOMER, FIGURES, OPEN_ITEM, PAYMENT, TABLES, TableDef
from infra.sandboxes.abas.values import accept_value

_MAX_BATCH = 1000
_NOT_DELETABLE = 1210


def list_records(call: Call) -> Reply:
    """Answer a list, by query parameters or by the body of a query."""
    table = call.table
    criteria = call.fields.get("criteria", call.query.get("criteria", ""))
    if not isinstance(criteria, str | list) or (
        isinstance(criteria, list) and not all(isinstance(part, str) for part in criteria)
    ):
        raise ErpFault("ILLEGAL_ARGUMENT", "criteria is neither text nor an array of texts")
    query = parse_query(table, [criteria] if isinstance(criteria, str) else criteria, call.language)
    found = search(call, table, query)
    offset, limit = call.number("offset", 0), call.number("limit", DEFAULT_LIMIT)
    page = found[offset : offset + limit] if limit else found[offset:]
    paths = _paths(table, call.text("headFields", "*"), call.language)
    row_paths = _paths(table, call.text("tableFields", "-"), call.language, in_rows=True)
    return Reply(call.renderer.list([_view(call, record, paths, row_paths) for record in page]))


def search(call: Call, table: TableDef, query: Query) -> list[Record]:
    """Return what a search finds: the books as they were so many seconds ago, where the switch says so."""
    store, lag_s = call.sandbox.store, call.sandbox.faults.search_lag_s
    if table is FIGURES:
        refresh_figures(store)
    found = select(store, table, query, lag_s=lag_s)
    if lag_s and _versions(found) != _versions(select(store, table, query)):
        store.strike("search_lag_s")
    return found


def _versions(records: list[Record]) -> list[tuple[str, int]]:
    return [(record.id, record.version) for record in records]


def read_record(call: Call) -> Reply:
    """Answer one record, found by id, number, search word or query."""
    record = find_record(call, call.table, call.path["record"])
    paths = _paths(call.table, call.text("headFields", "*"), call.language)
    row_paths = _paths(call.table, call.text("tableFields", "*"), call.language, in_rows=True)
    return Reply(call.renderer.object(_view(call, record, paths, row_paths)))


def redirect_by_id(call: Call) -> Reply:
    """Lead from an id to the record in its table."""
    record = call.sandbox.store.record(call.path["record"])
    if record is None:
        raise ErpFault("MISSING_OBJECT", "Record does not exist")
    href = call.renderer.record_href(record.table, record.id)
    return Reply(status=303, empty=True, headers={"Location": href})


def read_by_ids(call: Call) -> Reply:
    """Answer several records; what is missing is said per object."""
    ids = call.fields.get("ids") or [part for part in call.query.get("ids", "").split(";") if part]
    if not isinstance(ids, list) or len(ids) > _MAX_BATCH:
        raise ErpFault("ILLEGAL_ARGUMENT", "ids is no array")
    shown: list[dict[str, Any]] = []
    for record_id in map(str, ids):
        record = call.sandbox.store.record(record_id)
        if record is None:
            missing = ErpFault("MISSING_OBJECT", f"Record {record_id[:40]} does not exist").content()
            shown.append({"meta": {"id": record_id}, "abasErpError": missing})
            continue
        paths = _paths(TABLES[record.table], call.text("headFields", "*"), call.language)
        shown.append(call.renderer.object(_view(call, record, paths, {})))
    return Reply({"meta": {}, "erpDataObjects": shown})


def create_record(call: Call) -> Reply:
    """Create directly: 200 without a body, so the new id stays unsaid."""
    _direct(call, None, "NEW")
    return Reply(empty=True)


def update_record(call: Call) -> Reply:
    """Change directly: 200 without a body."""
    _direct(call, find_record(call, call.table, call.path["record"]), "UPDATE")
    return Reply(empty=True)


def delete_record(call: Call) -> Reply:
    """Delete a record that nothing was posted with."""
    record = find_record(call, call.table, call.path["record"])
    if call.table in (PAYMENT, OPEN_ITEM, CURRENCY, CUSTOMER):
        raise business_refusal("A record with postings can't be deleted", _NOT_DELETABLE)
    with call.sandbox.store.transaction():
        call.sandbox.store.remove(record)
    return Reply(empty=True)


def format_value(call: Call) -> Reply:
    """Show how a value is read for a field."""
    call.path["table"] = call.query.get("tableName", "")
    name = call.query.get("fieldName", "")
    column = resolve_path(call.table, name, call.language).last
    stored = accept_value(call.sandbox.store, column, call.query.get("value", ""), name, call.sandbox.faults)
    return Reply({"meta": {}, "result": call.renderer.field(stored, column)})


def execute(call: Call) -> Reply:
    """Open an editor, act and close it; without a closeAction the editor is cancelled and nothing is saved."""
    sessions = call.sandbox.sessions
    working_set = sessions.new_set(call.headers.get("x-abas-mw-ws-label", ""), call.user)
    try:
        editor = _open_from_action(call, working_set, call.fields.get("initAction"))
        closing = call.fields.get("closeAction")
        actions = call.actions() + ([closing] if closing else [])
        apply_actions(call, editor, actions)
        head, rows = call.text("headFields", "*"), call.text("tableFields", "*")
        return Reply(
            call.show_editor(editor, head, rows), content_type="EditSuccessResponse", kind="EditSuccessResponse"
        )
    finally:
        sessions.close_set(working_set)


def run_infosystem(call: Call) -> Reply:
    """Run an infosystem in one request: set, press, read."""
    sessions = call.sandbox.sessions
    working_set = sessions.new_set(call.headers.get("x-abas-mw-ws-label", ""), call.user)
    try:
        editor = sessions.open_infosystem(working_set, find_infosystem(call))
        apply_actions(call, editor, call.actions())
        head, rows = call.text("headFields", "*"), call.text("tableFields", "*")
        return Reply(call.show_editor(editor, head, rows))
    finally:
        sessions.close_set(working_set)


def apply_actions(call: Call, editor: Editor, actions: list[Any]) -> None:
    """Apply actions; a failure carries the editor's state, as abas' EditErrorResponse does."""
    try:
        call.sandbox.sessions.apply(editor, actions, call.language)
    except ErpFault as fault:
        fault.editor = call.show_editor(editor, "-", "-")
        raise


def find_record(call: Call, table: TableDef, text: str) -> Record:
    """Find the record that a path segment means.

    Raises: ErpFault MISSING_OBJECT when none or several match.
    """
    if text.startswith("$,,"):
        query = parse_query(table, [text[3:]], call.language)
        found = search(call, table, query)
        record = found[0] if len(found) == 1 else None
    else:
        record = call.sandbox.store.resolve(table.spec, text)
    if record is None:
        raise ErpFault("MISSING_OBJECT", f"Record {text[:40]} of {table.name} does not exist")
    return record


def find_infosystem(call: Call) -> InfosystemDef:
    """Find the infosystem of the path.

    Raises: ErpFault MISSING_OBJECT.
    """
    infosystem = INFOSYSTEMS.get((call.path["workspace"], call.path["search_word"]))
    if infosystem is None:
        raise ErpFault("MISSING_OBJECT", "Infosystem does not exist")
    return infosystem


def _direct(call: Call, record: Record | None, action: str) -> None:
    sessions = call.sandbox.sessions
    working_set = sessions.new_set("direct", call.user)
    try:
        editor = sessions.open(working_set, call.table, record, action)
        apply_actions(call, editor, [*_actions_of(call.fields), {"_type": "Commit"}])
    finally:
        sessions.close_set(working_set)


def _actions_of(body: dict[str, Any]) -> list[dict[str, Any]]:
    """Read a record body in any dialect as the actions that set its fields."""
    head = body.get("head") or {}
    rows = body.get("table") or []
    if not isinstance(head, dict) or not isinstance(rows, list):
        raise ErpFault("ILLEGAL_ARGUMENT", "Body is no record")
    actions = [{"_type": "SetFieldValue", "fieldName": n, "value": v} for n, v in _entries_of(head)]
    for row in rows:
        actions.append({"_type": "InsertRow"})
        actions += [{"_type": "SetFieldValue", "fieldName": n, "value": v, "rowSpec": "."} for n, v in _entries_of(row)]
    return actions


def _entries_of(holder: Any) -> list[tuple[str, Any]]:
    if not isinstance(holder, dict):
        raise ErpFault("ILLEGAL_ARGUMENT", "Fields are no object")
    fields = holder.get("fields", holder)
    if isinstance(fields, list):
        return [(str(f.get("name")), f.get("value", f.get("text"))) for f in fields if isinstance(f, dict)]
    if not isinstance(fields, dict):
        raise ErpFault("ILLEGAL_ARGUMENT", "Fields are no object")
    return [
        (str(name), entry.get("value", entry.get("text")) if isinstance(entry, dict) else entry)
        for name, entry in fields.items()
    ]


def _open_from_action(call: Call, working_set: Any, action: Any) -> Editor:
    if not isinstance(action, dict):
        raise ErpFault("MISSING_ARGUMENT", "initAction is missing")
    match action.get("_type"):
        case "OpenEditor":
            call.path["table"] = str(action.get("tableName") or "")
            reference = str(action.get("editRefID") or "")
            record = find_record(call, call.table, reference) if reference not in ("", "(0,0,0)") else None
            return call.sandbox.sessions.open(working_set, call.table, record, str(action.get("editAction") or ""))
        case "OpenInfosystem":
            call.path["workspace"] = str(action.get("workspace") or "")
            call.path["search_word"] = str(action.get("searchWord") or "")
            return call.sandbox.sessions.open_infosystem(working_set, find_infosystem(call))
        case other:
            raise ErpFault("ILLEGAL_ARGUMENT", f"initAction {str(other)[:40]} is not known")


def _paths(table: TableDef, names: str, language: str, *, in_rows: bool = False) -> dict[str, Path]:
    if names in ("-", ""):
        return {}
    if names == "*":
        columns = table.rows if in_rows else table.head
        return {column.name(language): Path((column,)) for column in columns}
    return {name.strip(): resolve_path(table, name.strip(), language, in_rows=in_rows) for name in names.split(",")}


def _view(call: Call, record: Record, paths: dict[str, Path], row_paths: dict[str, Path]) -> View:
    view = record_view(call.renderer, record, paths, call.sandbox.client)
    if not row_paths:
        return view
    store = call.sandbox.store
    rows = [{name: (follow(store, row, path), path.last) for name, path in row_paths.items()} for row in record.rows]
    return View(view.meta, view.head, rows, view.links)
