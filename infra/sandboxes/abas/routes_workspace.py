"""The stateful way to write: working sets with editors, opened by commands."""

from datetime import timedelta
from typing import Any

from infra.sandboxes.abas.editors import Editor, WorkingSet
from infra.sandboxes.abas.faults import ErpFault
from infra.sandboxes.abas.routes_objects import apply_actions, find_record
from infra.sandboxes.abas.state import Call, Reply
from schemas.values.clock import monotonic_s


def open_new(call: Call) -> Reply:
    """Open an editor for a new record."""
    return _open(call, None)


def open_existing(call: Call) -> Reply:
    """Open an editor on a record, by a command that its table allows."""
    return _open(call, call.path["record"])


def list_sets(call: Call) -> Reply:
    """List the working sets, of one label or all."""
    label = call.headers.get("x-abas-mw-ws-label") or None
    return Reply({"workingSets": [_show_set(call, ws) for ws in call.sandbox.sessions.working_sets(label)]})


def create_set(call: Call) -> Reply:
    """Open an empty working set."""
    working_set = call.sandbox.sessions.new_set(call.headers.get("x-abas-mw-ws-label", ""), call.user)
    location = f"{call.base}/workspace/{working_set.id}"
    return Reply(status=201, empty=True, headers={"Location": location, "X-abas-mw-workingset": working_set.id})


def read_set(call: Call) -> Reply:
    """Show a working set."""
    return Reply(_show_set(call, call.sandbox.sessions.find_set(call.path["working_set"])))


def keep_alive(call: Call) -> Reply:
    """Let the timers of this label's working sets start anew."""
    label = call.headers.get("x-abas-mw-ws-label") or None
    for working_set in call.sandbox.sessions.working_sets(label):
        call.sandbox.sessions.find_set(working_set.id)
    return Reply(content="OK", content_type="String")


def close_set(call: Call) -> Reply:
    """Close or cancel a working set; what was not committed is dropped."""
    if call.path["command"] not in ("CLOSE", "CANCEL"):
        raise ErpFault("ILLEGAL_ARGUMENT", "Command is not known")
    working_set = call.sandbox.sessions.find_set(call.path["working_set"])
    call.sandbox.sessions.close_set(working_set)
    return Reply({"workingSetEditors": [_show_editor(editor) for editor in working_set.editors.values()]})


def read_editor(call: Call) -> Reply:
    """Show an editor."""
    return _shown(call, _editor(call))


def act(call: Call) -> Reply:
    """Apply actions to an editor."""
    editor = _editor(call)
    apply_actions(call, editor, call.actions())
    return _shown(call, editor)


def command_editor(call: Call) -> Reply:
    """Run an editor's command: COMMIT, CANCEL, START, INIT."""
    editor = _editor(call)
    match call.path["command"]:
        case "COMMIT":
            apply_actions(call, editor, [{"_type": "Commit"}])
        case "CANCEL":
            call.sandbox.sessions.cancel(editor)
        case "START" | "INIT":
            pass  # an editor of ours is started when it opens
        case _:
            raise ErpFault("ILLEGAL_ARGUMENT", "Command is not known")
    return _shown(call, editor)


def read_value(call: Call) -> Reply:
    """Show one header field of an editor."""
    shown = call.show_editor(_editor(call), call.path["field"], "-")
    return Reply(shown)


def write_value(call: Call) -> Reply:
    """Set one header field of an editor by its plain text."""
    editor = _editor(call)
    value = call.body if isinstance(call.body, str) else ""
    action = {"_type": "SetFieldValue", "fieldName": call.path["field"], "value": value}
    apply_actions(call, editor, [action])
    return _shown(call, editor)


def _open(call: Call, record_text: str | None) -> Reply:
    sessions = call.sandbox.sessions
    wanted = call.query.get("workingSetId")
    record = None if record_text is None else find_record(call, call.table, record_text)
    known = wanted is not None and sessions.has_set(wanted)
    if known and wanted is not None:
        working_set = sessions.find_set(wanted)
    else:
        # A working set that is not there, or not there any more, is made anew under the wanted id.
        working_set = sessions.new_set(call.headers.get("x-abas-mw-ws-label", ""), call.user, set_id=wanted)
    try:
        editor = sessions.open(working_set, call.table, record, call.path["command"])
    except ErpFault:
        if not known:
            sessions.close_set(working_set)
        raise
    head, rows = call.query.get("filterHeadFields", "*"), call.query.get("filterTableFields", "*")
    return Reply(
        call.show_editor(editor, head, rows),
        status=201,
        content_type="EditSuccessResponse",
        kind="EditSuccessResponse",
        headers={
            "Location": f"{call.base}/workspace/{working_set.id}/wip/{editor.id}",
            "X-abas-mw-workingset": working_set.id,
            "X-abas-mw-workingseteditor": editor.id,
        },
    )


def _editor(call: Call) -> Editor:
    return call.sandbox.sessions.find_editor(call.path["working_set"], call.path["editor"])


def _shown(call: Call, editor: Editor) -> Reply:
    head, rows = call.text("headFields", "*"), call.text("tableFields", "*")
    return Reply(call.show_editor(editor, head, rows), content_type="EditSuccessResponse", kind="EditSuccessResponse")


def _show_set(call: Call, working_set: WorkingSet) -> dict[str, Any]:
    clock = call.sandbox.store.now()
    left = timedelta(seconds=working_set.expires_at_s - monotonic_s())
    accessed = clock + left - timedelta(seconds=call.sandbox.sessions.idle_s)
    return {
        "workingSetId": working_set.id,
        "label": working_set.label,
        "creationTime": working_set.created_at.isoformat(timespec="milliseconds"),
        "lastAccessed": accessed.isoformat(timespec="milliseconds"),
        "expiresAt": (clock + left).isoformat(timespec="milliseconds"),
    }


def _show_editor(editor: Editor) -> dict[str, Any]:
    return {
        "workingSetId": editor.working_set.id,
        "workingSetEditorId": editor.id,
        "state": editor.state,
        "action": editor.action,
        "objectId": "" if editor.record is None else editor.record.id,
        "objectGroup": "" if editor.table is None else editor.table.spec,
    }
