"""Compares the mapping profile with the server's own metadata at start. For bootstrap and operators.

Protects the books from a profile that fits another installation: nothing is read or posted before every name in it
was found. All mismatches are told at once, each with file, line and remedy, so that one look repairs the file.
"""

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel

from connectors.abas.client import AbasClient
from connectors.abas.errors import AbasRefused, ProfileMismatch
from connectors.abas.profile import EditorCall, InfosystemCall, Profile, Table

_REFERENCE_TYPE = re.compile(r"PS?(\d{1,3}:\d{1,3})(\.\d+)?")

FieldsByName = Mapping[str, str]  # field name -> ERP type


async def check_profile(profile: Profile, client: AbasClient) -> None:
    """Compare every table, field, infosystem and command that the profile names with what the server has.

    Ensures: returns only when all are there; a reference path is followed from table to table.
    Raises:  ProfileMismatch listing every problem; Transient, LoginRejected, AbasAccessDenied from the server.
    """
    check = _Check(profile, client)
    await check.tables()
    await check.documents()
    if check.problems:
        raise ProfileMismatch(check.problems)


class _Check:
    """Collects problems; remembers the metadata it has read."""

    def __init__(self, profile: Profile, client: AbasClient) -> None:
        self._profile = profile
        self._client = client
        self._fields: dict[str, FieldsByName] = {}
        self.problems: list[str] = []

    async def tables(self) -> None:
        """Check each table's number, class name and fields."""
        groups = await self._client.tables()
        names = {str(group.get("tableSpec")): str(group.get("name")) for group in groups}
        for role in type(self._profile.tables).model_fields:
            entry: Table[BaseModel] | None = getattr(self._profile.tables, role)
            if entry is None:
                continue
            path = ("tables", role)
            if entry.table not in names:
                elsewhere = [spec for spec, name in names.items() if name == entry.meta_name]
                remedy = (
                    f"{entry.meta_name} is {' or '.join(elsewhere)} here"
                    if elsewhere
                    else _near(entry.meta_name, names.values())
                )
                self._tell((*path, "table"), f"this abas has no table {entry.table}", remedy)
                continue
            if names[entry.table] != entry.meta_name:
                remedy = f"write {names[entry.table]}, or the table that {entry.meta_name} has here"
                self._tell((*path, "meta_name"), f"table {entry.table} is {names[entry.table]}", remedy)
            for field_role, name in entry.fields.model_dump().items():
                await self._field((*path, "fields", field_role), entry.table, name)
            await self._field((*path, "order_by"), entry.table, entry.order_by)

    async def documents(self) -> None:
        """Check how each document kind is posted, for the strategy that is chosen."""
        for kind, entry in self._profile.posting.documents.items():
            path = ("posting", "documents", kind)
            chosen = entry.infosystem if self._profile.posting.strategy == "infosystem" else entry.editor
            if chosen is None:
                self._tell(path, f"{kind} can't be posted by {self._profile.posting.strategy}", "add that entry")
            elif isinstance(chosen, InfosystemCall):
                await self._infosystem((*path, "infosystem"), chosen)
            else:
                await self._editor((*path, "editor"), chosen)

    async def _infosystem(self, path: tuple[str, ...], call: InfosystemCall) -> None:
        try:
            listed = await self._client.infosystem_fields(call.workspace, call.search_word)
        except AbasRefused:
            present = [str(i.get("searchWord")) for i in await self._client.infosystems(call.workspace)]
            shown = f"workspace {call.workspace} has {', '.join(present) or 'no infosystems'}"
            self._tell((*path, "search_word"), f"there is no infosystem {call.workspace}/{call.search_word}", shown)
            return
        fields = _types(listed)
        named = [("press", call.press)]
        named += [(f"inputs.{role}", name) for role, name in call.inputs.items()]
        named += [(f"outputs.{role}", name) for role, name in call.outputs.model_dump().items()]
        named += [(f"constants.{name}", name) for name in call.constants]
        for role, name in named:
            if name not in fields:
                self._tell(
                    (*path, *role.split(".", 1)),
                    f"infosystem {call.workspace}/{call.search_word} has no field {name}",
                    _near(name, fields),
                )

    async def _editor(self, path: tuple[str, ...], call: EditorCall) -> None:
        payment = self._profile.tables.payment.table
        await self._action((*path, "action"), payment, call.action)
        for role, name in call.inputs.items():
            await self._field((*path, "inputs", role), payment, name)
        for name in call.constants:
            await self._field((*path, "constants", name), payment, name)
        if call.lock is not None:
            locked: Table[BaseModel] = getattr(self._profile.tables, call.lock.table)
            await self._action((*path, "lock", "action"), locked.table, call.lock.action)

    async def _action(self, path: tuple[str, ...], table: str, action: str) -> None:
        try:
            allowed = [str(command.get("editAction")) for command in await self._client.table_commands(table)]
        except AbasRefused:
            return  # the table itself is missing and already told
        if action not in allowed:
            self._tell(path, f"table {table} allows no {action}", f"it allows {', '.join(allowed) or 'nothing'}")

    async def _field(self, path: tuple[str, ...], table: str, name: str) -> None:
        for part in name.split("^"):
            try:
                fields = await self._fields_of(table)
            except AbasRefused:
                return  # the table itself is missing and already told
            if part not in fields:
                self._tell(path, f"table {table} has no field {part}", _near(part, fields))
                return
            target = _REFERENCE_TYPE.fullmatch(fields[part])
            if target is None:
                return  # the end of the path, or a reference whose target the server doesn't tell
            table = target[1]

    async def _fields_of(self, table: str) -> FieldsByName:
        if table not in self._fields:
            self._fields[table] = _types(await self._client.table_fields(table))
        return self._fields[table]

    def _tell(self, path: tuple[str, ...], problem: str, remedy: str) -> None:
        self.problems.append(f"{self._profile.where(*path)}: {'.'.join(path)}: {problem}; {remedy}")


def _types(listed: Iterable[Mapping[str, Any]]) -> FieldsByName:
    types: dict[str, str] = {}
    for entry in listed:
        kind = entry.get("type")
        types[str(entry.get("name"))] = str(kind.get("erpType", "")) if isinstance(kind, dict) else ""
    return types


def _near(name: str, present: Iterable[str]) -> str:
    """Suggest what may have been meant."""
    close = difflib.get_close_matches(name, list(present), n=3, cutoff=0.5)
    return f"did you mean {' or '.join(close)}?" if close else "see obj/meta for what there is"
