"""Compares the mapping profile with the server's own metadata at start. For bootstrap and operators.

Protects the books from a profile that fits another installation: nothing is read or posted before every name in it
was found. All mismatches are reported at once, each with file, line and remedy, so that one look repairs the file.
"""

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from pydantic import BaseModel

from connectors.abas.client import AbasClient
from connectors.abas.errors import (
    AbasAddressWrong,
    AbasInternalError,
    AbasRefused,
    AbasRequestRejected,
    AbasUnavailable,
    ProfileMismatch,
)
from connectors.abas.mapping import is_day, plain_amount, to_date_text
from connectors.abas.profile import (
    BalanceTable,
    DocumentWay,
    Formats,
    InvoiceTable,
    Profile,
    RecordWay,
    Table,
    plain_spec,
)
from schemas.files.yaml_lines import near

_REFERENCE_TYPE = re.compile(r"PS?(\d{1,3}:\d{1,3})(\.\d+)?")
_SPEC = re.compile(r"\d{1,3}:\d{1,3}")

_SEE_METADATA = "see obj/meta for what there is"

FieldsByName = Mapping[str, str]  # field name -> ERP type
Twins = Mapping[str, str]  # name in the language that was not asked for -> field name


logger = logging.getLogger(__name__)

# A day that no wrong format reads as the same day, and an amount that no wrong separator reads as the same amount.
_PROBE_DAY = date(2026, 12, 20)
_PROBE_AMOUNT = "1234.56"


async def check_profile(profile: Profile, client: AbasClient) -> None:
    """Compare every table, field, infosystem and command that the profile names with what the server has.

    Ensures: returns only when all that the server tells about is there; a reference path is followed from table to
             table; dates and amounts in our format are read by abas as what we mean. What the server doesn't offer
             to tell is logged as unchecked.
    Raises:  ProfileMismatch listing every problem; Transient, LoginRejected, AbasAccessDenied from the server.
    """
    check = _Check(profile, client)
    try:
        for part in (check.tables, check.open_item_list, check.ways, check.formats):
            await part()
    except _NotOffered as error:
        logger.warning("abas offers no metadata; the profile stays unchecked", extra={"reason": str(error)})
    if check.problems:
        raise ProfileMismatch(check.problems)


class _NotOffered(Exception):
    """This server doesn't say what we would compare with."""


class _Check:
    """Collects problems; remembers the metadata it has read."""

    def __init__(self, profile: Profile, client: AbasClient) -> None:
        self._profile = profile
        self._client = client
        self._fields: dict[str, FieldsByName] = {}
        self._twins: dict[str, Twins] = {}
        self._names: dict[str, str] = {}  # class name of each table
        self.problems: list[str] = []

    async def tables(self) -> None:
        """Check each table's number, class name and fields."""
        try:
            groups = await self._client.tables()
        except (AbasRefused, AbasAddressWrong) as error:
            raise _NotOffered(str(error)) from error
        names = {plain_spec(str(group.get("tableSpec"))): str(group.get("name")) for group in groups}
        self._names = names
        for role in type(self._profile.tables).model_fields:
            entry: Table[BaseModel] | None = getattr(self._profile.tables, role)
            if entry is None:
                continue
            path = ("tables", role)
            if not self._table(path, entry.table, entry.meta_name):
                continue
            for field_role, name in entry.fields.model_dump(exclude_none=True).items():
                await self._field((*path, "fields", field_role), entry.table, name)
            rows = entry.rows.model_dump(exclude_none=True) if isinstance(entry, InvoiceTable) else {}
            for field_role, name in rows.items():
                await self._field((*path, "rows", field_role), entry.table, name)
            for name in entry.where if isinstance(entry, BalanceTable) else ():
                await self._field((*path, "where", name), entry.table, name)
            await self._field((*path, "order_by"), entry.table, entry.order_by)

    def _table(self, path: tuple[str, ...], table: str, meta_name: str) -> bool:
        """Check a table's number and class name; False when there is no such table."""
        names = self._names
        if table not in names:
            elsewhere = [spec for spec, name in names.items() if name == meta_name]
            remedy = (
                f"{meta_name} is {' or '.join(elsewhere)} here"
                if elsewhere
                else near(meta_name, names.values(), _SEE_METADATA)
            )
            self._report((*path, "table"), f"this abas has no table {table}", remedy)
            return False
        if names[table] != meta_name:
            remedy = f"write {names[table]}, or the table that {meta_name} has here"
            self._report((*path, "meta_name"), f"table {table} is {names[table]}", remedy)
        return True

    async def ways(self) -> None:
        """Check where each kind of schemas/documents goes."""
        ways: list[tuple[tuple[str, ...], DocumentWay | RecordWay]] = [
            *((("documents", name), way) for name, way in self._profile.documents.items()),
            *((("records", name), way) for name, way in self._profile.records.items()),
        ]
        for path, way in ways:
            if not self._table(path, way.table, way.meta_name):
                continue
            named = [("order_by", way.order_by), ("number", way.number)]
            named += [(f"inputs.{role}", name) for role, name in way.inputs.items()]
            named += [(f"reads.{role}", name) for role, name in way.reads.items()]
            named += [(f"constants.{name}", name) for name in way.constants]
            if way.rows is not None:
                named += [(f"rows.inputs.{role}", name) for role, name in way.rows.inputs.items()]
                named += [(f"rows.reads.{role}", name) for role, name in way.rows.reads.items()]
            if isinstance(way, DocumentWay):
                named.append(("created", way.created))
                if way.counter_rows is not None:
                    named += [(f"counter_rows.inputs.{role}", name) for role, name in way.counter_rows.inputs.items()]
                    named += [(f"counter_rows.reads.{role}", name) for role, name in way.counter_rows.reads.items()]
            for role, name in named:
                await self._field((*path, *role.split(".")), way.table, name)
            if isinstance(way, DocumentWay):
                await self._document(path, way)
            else:
                await self._action((*path, "create"), way.table, way.create)
                await self._action((*path, "change"), way.table, way.change)
            lock = way.lock
            if lock is not None and self._table((*path, "lock"), lock.table, lock.meta_name):
                await self._action((*path, "lock", "action"), lock.table, lock.action)

    async def _document(self, path: tuple[str, ...], way: DocumentWay) -> None:
        """Check how a document is posted, for the strategy that is chosen."""
        strategy, call = self._profile.strategy_of(way), way.infosystem
        if strategy == "editor":
            await self._action((*path, "action"), way.table, way.action)
        elif strategy == "typecommand":
            await self._type_command((*path, "type_command"), way)
        elif call is None:
            self._report(path, f"{path[-1]} can't be posted by infosystem", "add that entry, or strategy: editor")
        else:
            named = [("press", call.press), *((f"constants.{name}", name) for name in call.constants)]
            named += [(f"inputs.{role}", name) for role, name in call.inputs.items()]
            named += [(f"counter_rows.{role}", name) for role, name in call.counter_rows.items()]
            named += [(f"outputs.{role}", name) for role, name in call.outputs.items()]
            await self._infosystem((*path, "infosystem"), call.workspace, call.search_word, named)

    async def open_item_list(self) -> None:
        """Check the infosystem that lists outstanding items, when there is one."""
        listing = self._profile.open_item_list
        if listing is not None:
            head = [("press", listing.press), *((f"constants.{name}", name) for name in listing.constants)]
            rows = [(f"rows.{role}", name) for role, name in listing.rows.model_dump(exclude_none=True).items()]
            await self._infosystem(("open_item_list",), listing.workspace, listing.search_word, [*head, *rows])

    async def formats(self) -> None:
        """Let abas read a date and an amount as we write them, where it offers that."""
        item, formats = self._profile.tables.open_item, self._profile.formats
        amounts = [(way.table, name) for way in self._profile.documents.values() if (name := way.inputs.get("amount"))]
        if not amounts or not await self._reports_formats(*amounts[0]):
            logger.warning("abas doesn't say how it reads values; date_input stays unchecked")
            return
        if item is not None:
            await self._format(
                ("formats", "date_input"), item.table, item.fields.due_on, to_date_text(_PROBE_DAY, formats), _PROBE_DAY
            )
        mark = formats.decimal_mark or "."
        await self._format(("formats", "decimal_mark"), *amounts[0], _PROBE_AMOUNT.replace(".", mark), None)

    async def _reports_formats(self, table: str, name: str) -> bool:
        """Ask for a value that can be read in one way only: who refuses that doesn't offer to tell."""
        try:
            await self._client.format_value(table, name, "1")
        except (AbasRefused, AbasRequestRejected, AbasAddressWrong, AbasUnavailable, AbasInternalError):
            return False
        return True

    async def _format(self, path: tuple[str, ...], table: str, name: str, written: str, day: date | None) -> None:
        try:
            read = await self._client.format_value(table, name, written)
        except (AbasRefused, AbasRequestRejected) as error:
            self._report(path, f"abas can't read {written} for {name}: {error}", "use the format that it reads")
            return
        shown = str(read.value if read.value is not None else read.text or "")
        formats = self._profile.formats
        if not (_same_amount(shown, formats) if day is None else is_day(shown, day, formats)):
            self._report(path, f"abas reads {written} for {name} as {shown}", "use the format that it reads")

    async def _infosystem(
        self, path: tuple[str, ...], workspace: str, search_word: str, named: Sequence[tuple[str, str]]
    ) -> None:
        try:
            listed = await self._client.infosystem_fields(workspace, search_word)
        except AbasRefused:
            try:
                present = [str(entry.get("searchWord")) for entry in await self._client.infosystems(workspace)]
            except (AbasRefused, AbasAddressWrong):
                present = []
            shown = f"workspace {workspace} has {', '.join(present) or 'no infosystems'}"
            self._report((*path, "search_word"), f"there is no infosystem {workspace}/{search_word}", shown)
            return
        except AbasAddressWrong:
            logger.warning(
                "abas doesn't say an infosystem's fields", extra={"infosystem": f"{workspace}/{search_word}"}
            )
            return
        fields = _types(listed)
        for role, name in named:
            await self._path((*path, *role.split(".", 1)), f"infosystem {workspace}/{search_word}", fields, name)

    async def _type_command(self, path: tuple[str, ...], way: DocumentWay) -> None:
        if way.type_command is None:
            self._report(path[:-1], "the strategy typecommand needs type_command", "add it, by number or (Name)")
            return
        try:
            reported = await self._client.type_command(way.type_command)
        except AbasRefused:
            self._report(path, f"there is no type command {way.type_command}", "see sys/typeCmd for what there is")
            return
        except AbasAddressWrong:
            logger.warning("abas doesn't say what a type command opens", extra={"type_command": way.type_command})
            return
        tables = [plain_spec(value) for value in reported.values() if _SPEC.fullmatch(value)]
        if tables and way.table not in tables:
            self._report(
                path, f"{way.type_command} opens {tables[0]}, not {way.table}", "name the one that opens that table"
            )

    async def _action(self, path: tuple[str, ...], table: str, action: str) -> None:
        try:
            allowed = [str(command.get("editAction")) for command in await self._client.table_commands(table)]
        except (AbasRefused, AbasAddressWrong):
            return  # the table itself is missing and already reported, or abas doesn't say commands
        if action not in allowed:
            self._report(path, f"table {table} allows no {action}", f"it allows {', '.join(allowed) or 'nothing'}")

    async def _field(self, path: tuple[str, ...], table: str, name: str) -> None:
        try:
            fields = await self._fields_of(table)
        except (AbasRefused, AbasAddressWrong):
            return  # the table itself is missing and already reported, or abas doesn't say fields
        await self._path(path, f"table {table}", fields, name)

    async def _path(self, path: tuple[str, ...], where: str, fields: FieldsByName, name: str) -> None:
        """Check a field, and along a reference path each field of the tables that it leads to."""
        part, _, rest = name.partition("^")
        if part not in fields:
            twin = self._twins.get(where, {}).get(part)
            remedy = (
                f"it is {twin} in the language of SALDO_ABAS_VARIABLE_LANGUAGE; write that, or set the other language"
                if twin is not None
                else near(part, fields, _SEE_METADATA)
            )
            self._report(path, f"{where} has no field {part}", remedy)
            return
        target = _REFERENCE_TYPE.fullmatch(fields[part])
        if rest and target is not None:  # else the server doesn't say where the reference leads
            await self._field(path, plain_spec(target[1]), rest)

    async def _fields_of(self, table: str) -> FieldsByName:
        if table not in self._fields:
            listed = await self._client.table_fields(table)
            self._fields[table] = _types(listed)
            self._twins[f"table {table}"] = {
                str(entry.get(name)): str(entry.get("name"))
                for entry in listed
                for name in ("germanName", "englishName")
            }
        return self._fields[table]

    def _report(self, path: tuple[str, ...], problem: str, remedy: str) -> None:
        self.problems.append(f"{self._profile.where(*path)}: {'.'.join(path)}: {problem}; {remedy}")


def _types(listed: Iterable[Mapping[str, Any]]) -> FieldsByName:
    types: dict[str, str] = {}
    for entry in listed:
        kind = entry.get("type")
        types[str(entry.get("name"))] = str(kind.get("erpType", "")) if isinstance(kind, dict) else ""
    return types


def _same_amount(shown: str, formats: Formats) -> bool:
    """Compare with what we meant: a value has a point, a text the separators of its language."""
    try:
        return Decimal(shown) == Decimal(_PROBE_AMOUNT)
    except InvalidOperation:
        pass
    try:
        return Decimal(plain_amount(shown, formats.decimal_mark)) == Decimal(_PROBE_AMOUNT)
    except (InvalidOperation, ValueError):
        return False
