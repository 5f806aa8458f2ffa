"""Working sets, editors and locks of the sandbox's abas: pessimistic, per user session, gone when they expire.

Held in memory like the sessions of a real server: a restart drops them, and nothing uncommitted survives. An
expired working set takes all its editors along at once, which is what Saldo's editor strategy leans on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from infra.sandboxes.abas.faults import ErpFault, Faults, Question, business_refusal, locked_by
from infra.sandboxes.abas.infosystems import InfosystemDef
from infra.sandboxes.abas.ledger import post_entry, post_payment, refuse_closed
from infra.sandboxes.abas.selection import Path, resolve_among
from infra.sandboxes.abas.store import Record, Store, Stored
from infra.sandboxes.abas.tables import ENTRY, OPEN_ITEM, PAYMENT, TABLES, Column, Kind, TableDef, column_of
from infra.sandboxes.abas.values import accept_value
from schemas.values.clock import monotonic_s, new_uuid

_WRITING_ACTIONS = frozenset({"NEW", "COPY", "UPDATE", "MODIFY", "STORE", "PAYMENT", "REVERSAL"})
_LOCKING_ACTIONS = frozenset({"UPDATE", "MODIFY", "STORE"})
_NOT_PERMITTED = 1201
_MAX_ROWS = 1000
CONFIRM_POSTING = "CONFIRM_POSTING"
# What abas asks before it saves an entry, with a document number and without one (reference, section 7).
DIALOG_OF_NUMBERED, DIALOG_OF_NUMBERLESS = "583", "1941"
_PROMPTS = {
    CONFIRM_POSTING: "Save this payment?",
    DIALOG_OF_NUMBERED: "OK?",
    DIALOG_OF_NUMBERLESS: "OK, with an automatic number?",
}


@dataclass(slots=True)
class Editor:
    """One open screen: over a table's record (or a new one), or over an infosystem."""

    id: str
    working_set: "WorkingSet"
    head: tuple[Column, ...]
    row_columns: tuple[Column, ...]
    action: str
    table: TableDef | None = None
    infosystem: InfosystemDef | None = None
    record: Record | None = None
    values: dict[str, Stored] = field(default_factory=dict)
    rows: list[dict[str, Stored]] = field(default_factory=list)
    state: str = "ACTIVE"
    modifications: int = 0
    current_row: int = 0


@dataclass(slots=True)
class WorkingSet:
    """Editors that share a session."""

    id: str
    label: str
    user: str
    expires_at_s: float
    created_at: datetime
    editors: dict[str, Editor] = field(default_factory=dict)


class Sessions:
    """All working sets and the locks that their editors hold."""

    def __init__(self, store: Store, faults: Faults, *, idle_s: float) -> None:
        self.store = store
        self.faults = faults
        self.idle_s = idle_s
        self._sets: dict[str, WorkingSet] = {}
        self._locks: dict[str, Editor] = {}
        self._locked_until: dict[str, float] = {}
        self._count = 0
        self.lock_for(faults.locked_s)

    def working_sets(self, label: str | None = None) -> list[WorkingSet]:
        """Return the living working sets, of one label or all."""
        self._expire()
        return [ws for ws in self._sets.values() if label is None or ws.label == label]

    def new_set(self, label: str, user: str, *, set_id: str | None = None) -> WorkingSet:
        """Open a working set, under an id of the caller's if he has one."""
        self._expire()
        self._count += 1
        expires_at_s = monotonic_s() + self.idle_s
        working_set = WorkingSet(set_id or f"ws-{self._count}", label, user, expires_at_s, self.store.now())
        self._sets[working_set.id] = working_set
        return working_set

    def has_set(self, set_id: str) -> bool:
        """Return whether a working set of this id lives."""
        self._expire()
        return set_id in self._sets

    def find_set(self, set_id: str) -> WorkingSet:
        """Find a living working set and let its timer start anew.

        Raises: ErpFault MISSING_WORKINGSET.
        """
        self._expire()
        working_set = self._sets.get(set_id)
        if working_set is None:
            raise ErpFault("MISSING_OBJECT", f"Working set {set_id[:40]} is missing", error_code="MISSING_WORKINGSET")
        working_set.expires_at_s = monotonic_s() + self.idle_s
        return working_set

    def leave_open(self, record: Record, user: str) -> WorkingSet:
        """Open a record for somebody who then goes to lunch: locked until the working set expires.

        Raises: ErpFault RECORD_LOCKED.
        """
        working_set = self.new_set("", user)
        self.open(working_set, TABLES[record.table], record, "UPDATE")
        return working_set

    def find_editor(self, set_id: str, editor_id: str) -> Editor:
        """Find an open editor.

        Raises: ErpFault MISSING_WORKINGSET or MISSING_WORKINGSET_EDITOR.
        """
        editor = self.find_set(set_id).editors.get(editor_id)
        if editor is None:
            raise ErpFault(
                "MISSING_OBJECT", f"Editor {editor_id[:60]} is missing", error_code="MISSING_WORKINGSET_EDITOR"
            )
        return editor

    def close_set(self, working_set: WorkingSet) -> None:
        """Drop a working set with everything in it that was not committed."""
        for editor in list(working_set.editors.values()):
            self._end(editor, "CANCELED")
        self._sets.pop(working_set.id, None)

    def open(self, working_set: WorkingSet, table: TableDef, record: Record | None, action: str) -> Editor:
        """Open an editor.

        Raises: ErpFault RECORD_LOCKED, or OTHER when the table doesn't know the action.
        """
        if action not in table.actions:
            raise business_refusal(f"Command {action[:20]} is not permitted for {table.name}", _NOT_PERMITTED)
        if record is not None and record.filed and action == "UPDATE" and self.faults.filed_refused:
            raise business_refusal(f"{table.name} is filed and can't be changed", _NOT_PERMITTED)
        if (record is None) != (action == "NEW"):
            raise ErpFault("MISSING_ARGUMENT", f"Command {action} needs {'no' if record else 'a'} record")
        target, source, values = self._start_values(table, record, action)
        editor = Editor(
            f"ep-{new_uuid()}", working_set, target.head, target.rows, action, target, record=source, values=values
        )
        if source is not None:
            editor.rows = [dict(row) for row in source.rows]
        if source is not None and action in _LOCKING_ACTIONS:
            self._lock(source, editor)
        working_set.editors[editor.id] = editor
        return editor

    def open_infosystem(self, working_set: WorkingSet, infosystem: InfosystemDef) -> Editor:
        """Open an infosystem's screen."""
        editor = Editor(
            f"ep-{new_uuid()}", working_set, infosystem.head, infosystem.rows, "VIEW", infosystem=infosystem
        )
        working_set.editors[editor.id] = editor
        return editor

    def apply(self, editor: Editor, actions: Sequence[Any], language: str) -> None:
        """Apply actions in order.

        Raises: ErpFault at the first that fails; it says how many succeeded and which remain.
        """
        for number, action in enumerate(actions):
            try:
                self._apply_one(editor, action, language)
            except ErpFault as fault:
                fault.success_count = number
                fault.remaining_actions = list(actions[number:])
                raise

    def commit(self, editor: Editor, language: str) -> None:
        """Save the editor's record; the editor stays active and locked when abas refuses."""
        if editor.table is None or editor.action not in _WRITING_ACTIONS:
            raise business_refusal("There is nothing to save", _NOT_PERMITTED)
        if editor.table is PAYMENT:
            self.refuse_locked(str(editor.values.get("customer", "")))
            names = {column.english: column.name(language) for column in PAYMENT.head}
            editor.record = post_payment(self.store, self.faults, editor.values, names, editor.rows)
        elif editor.table is ENTRY:
            names = {column.english: column.name(language) for column in (*ENTRY.head, *ENTRY.rows)}
            editor.record = post_entry(self.store, self.faults, editor.values, editor.rows, names)
        else:
            with self.store.transaction():
                if editor.record is None:
                    editor.record = self.store.add(editor.table, editor.values, editor.rows)
                else:
                    self.store.change(editor.record, editor.values, rows=editor.rows)
        editor.values = dict(editor.record.values)
        self._end(editor, "COMMITTED")

    def cancel(self, editor: Editor) -> None:
        """Drop an editor."""
        self._end(editor, "CANCELED")
        editor.working_set.editors.pop(editor.id, None)

    def _start_values(
        self, table: TableDef, record: Record | None, action: str
    ) -> tuple[TableDef, Record | None, dict[str, Stored]]:
        """Say what the screen shows first: a new record, the record itself, or the follow-up of a command."""
        if record is None:
            return table, None, {}
        if table is OPEN_ITEM and action == "PAYMENT":
            copied = {name: record.values[name] for name in ("customer", "curr")}
            return PAYMENT, None, {**copied, "item": record.id, "amount": record.values["openAmt"]}
        if table is PAYMENT and action == "REVERSAL":
            copied = {name: record.values[name] for name in ("customer", "item", "curr", "method")}
            return PAYMENT, None, {**copied, "reverses": record.id, "amount": f"-{record.values['amount']}"}
        return table, record, dict(record.values)

    def _apply_one(self, editor: Editor, action: Any, language: str) -> None:
        if not isinstance(action, dict):
            raise ErpFault("ILLEGAL_ARGUMENT", "Action is no object")
        if editor.state != "ACTIVE":
            raise ErpFault("ILLEGAL_ARGUMENT", f"Editor is {editor.state}")
        match action.get("_type"):
            case "SetFieldValue" | "SetFreeText":
                self._set(editor, action, language)
            case "ResetFieldValue":
                values, column, _ = self._target(editor, action, language)
                values.pop(column.english, None)
            case "InsertRow":
                if not editor.row_columns or len(editor.rows) >= _MAX_ROWS:
                    raise ErpFault("ILLEGAL_ARGUMENT", "No row can be inserted")
                editor.rows.append({})
                editor.current_row = len(editor.rows)
            case "DeleteRows":
                del editor.rows[self._row_number(editor, action.get("rowSpec")) - 1]
            case "Commit":
                self._ask(editor, action)
                self.commit(editor, language)
            case "Cancel":
                self.cancel(editor)
            case other:
                raise ErpFault("ILLEGAL_ARGUMENT", f"Action {str(other)[:40]} is not known")
        editor.modifications += 1

    def _set(self, editor: Editor, action: dict[str, Any], language: str) -> None:
        values, column, name = self._target(editor, action, language)
        if column.kind is Kind.BUTTON:
            if editor.infosystem is None or column.english != editor.infosystem.button:
                raise ErpFault("ILLEGAL_ARGUMENT", f"Button {name} does nothing here")
            self._ask(editor, action)
            if editor.infosystem.saves:
                self.refuse_locked(str(editor.values.get("ycustomer", "")))
            editor.rows = editor.infosystem.run(self.store, self.faults, editor.values, editor.rows)
            return
        if editor.infosystem is None and (not column.writable or editor.action not in _WRITING_ACTIONS):
            raise business_refusal(f"Variable {name} can't be changed", _NOT_PERMITTED, name)
        accepted = accept_value(self.store, column, action.get("value", action.get("text")), name, self.faults)
        if column.english in ("postDate", "ypostdate") and accepted:
            refuse_closed(self.faults, str(accepted), name)
        values[column.english] = accepted

    def _ask(self, editor: Editor, action: dict[str, Any]) -> None:
        """Ask before a payment is saved, when the switch says so, and before each entry; only `yes` goes on."""
        if editor.table is ENTRY and editor.infosystem is None:
            self._question(DIALOG_OF_NUMBERED if editor.values.get("docNo") else DIALOG_OF_NUMBERLESS, action)
            return
        saves = editor.table is PAYMENT or (editor.infosystem is not None and editor.infosystem.saves)
        if saves and self.faults.ask_before_saving:
            self._question(CONFIRM_POSTING, action)

    def _question(self, dialog: str, action: dict[str, Any]) -> None:
        answers = action.get("dialogAnswers")
        listed = answers if isinstance(answers, list) else []
        given = [a.get("values") for a in listed if isinstance(a, dict) and a.get("id") == dialog]
        if not given:
            raise Question(dialog, _PROMPTS[dialog])
        if given[0] != ["yes"]:
            raise business_refusal("Not confirmed", _NOT_PERMITTED)

    def _target(self, editor: Editor, action: dict[str, Any], language: str) -> tuple[dict[str, Stored], Column, str]:
        name = str(action.get("fieldName") or "")
        if not name:
            raise ErpFault("MISSING_ARGUMENT", "fieldName is missing")
        row = action.get("rowSpec")
        in_head = row in (None, "", 0, "0")
        column = column_of(editor.head if in_head else editor.row_columns, name, language)
        if column is None:
            raise ErpFault("ILLEGAL_ARGUMENT", f"Variable {name[:40]} does not exist")
        return (editor.values if in_head else editor.rows[self._row_number(editor, row) - 1]), column, name

    def _row_number(self, editor: Editor, row: Any) -> int:
        text = str(row if row is not None else "").removeprefix("!")
        number = {".": editor.current_row, "#": len(editor.rows)}.get(text, int(text) if text.isdecimal() else 0)
        if not 1 <= number <= len(editor.rows):
            raise ErpFault("ILLEGAL_ARGUMENT", f"Row {text[:20]} does not exist")
        return number

    def _lock(self, record: Record, editor: Editor) -> None:
        holder = self._locks.get(record.id)
        self.refuse_locked(record.id)
        if holder is not None:
            raise locked_by(holder.working_set.user or "another session", record.id)
        self._locks[record.id] = editor

    def lock_for(self, seconds: dict[str, float]) -> None:
        """Let somebody else have these records open for so long from now on."""
        self._locked_until = {record: monotonic_s() + lasting for record, lasting in seconds.items()}

    def refuse_locked(self, record_id: str) -> None:
        """Say who has a record open, if the switches say that somebody has."""
        is_locked_for_long = self._locked_until.get(record_id, 0.0) > monotonic_s()
        if record_id in self.faults.locked or is_locked_for_long:
            self.store.strike("locked_s" if is_locked_for_long else "locked")
            raise locked_by("another user", record_id)

    def _end(self, editor: Editor, state: str) -> None:
        if editor.state == "ACTIVE":
            editor.state = state
        for record_id, holder in list(self._locks.items()):
            if holder is editor:
                del self._locks[record_id]

    def _expire(self) -> None:
        now = monotonic_s()
        for working_set in [ws for ws in self._sets.values() if ws.expires_at_s <= now]:
            self.close_set(working_set)


def editor_paths(editor: Editor, names: str, language: str, *, rows: bool = False) -> dict[str, Path]:
    """Resolve a field list (`*` all, `-` none) against an editor's columns."""
    columns = editor.row_columns if rows else editor.head
    if names in ("-", ""):
        return {}
    if names == "*":
        return {column.name(language): Path((column,)) for column in columns}
    return {name.strip(): resolve_among(columns, name.strip(), language) for name in names.split(",")}
