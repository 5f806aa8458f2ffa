"""Records, editors and infosystems as JSON, in each of abas' three dialects and two variable languages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from infra.sandboxes.abas.selection import Path, follow
from infra.sandboxes.abas.store import Record, Store, Stored
from infra.sandboxes.abas.tables import TABLES, Column, Kind

# The media types of the reference: "Three JSON dialects".
JSON_DIALECT = "application/json"
OBJECTS_DIALECT = "application/abas.objects+json"
SIMPLE_DIALECT = "application/abas.objects.simple+json"

_YES_NO = {"en": ("Yes", "No"), "de": ("Ja", "Nein")}
PROTOCOL_VERSION = "50.0.0"


@dataclass(frozen=True, slots=True)
class View:
    """What is to be shown: meta, header values by name with their columns, rows likewise, links."""

    meta: dict[str, Any]
    head: Mapping[str, tuple[Stored, Column]]
    rows: Sequence[Mapping[str, tuple[Stored, Column]]] = ()
    links: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Renderer:
    """Writes views for one request: its dialect, languages, and the base of links."""

    store: Store
    dialect: str
    accept_language: str
    base: str

    def object(self, view: View) -> dict[str, Any]:
        """Write one object."""
        data: dict[str, Any] = {"meta": view.meta}
        if self.dialect == SIMPLE_DIALECT:
            data["head"] = {name: self._value(*entry) for name, entry in view.head.items()}
            if view.rows:
                data["table"] = [{name: self._value(*entry) for name, entry in row.items()} for row in view.rows]
            return data
        data["head"] = {"fields": self._fields(view.head)}
        if view.rows:
            data["table"] = [
                {"editId": f"!{number}", "number": number, "fields": self._fields(row)}
                for number, row in enumerate(view.rows, start=1)
            ]
        if view.links:
            data["links"] = self.links(view.links)
        return data

    def list(self, views: Sequence[View]) -> dict[str, Any]:
        """Write a list."""
        return {"meta": {}, "erpDataObjects": [self.object(view) for view in views]}

    def named_values(self, values: Mapping[str, str]) -> dict[str, Any]:
        """Write texts under names of their own, as `about` does: each a field, or plain in the simple dialect."""
        if self.dialect == SIMPLE_DIALECT:
            return dict(values)
        named = {name: {"name": name} if self.dialect == JSON_DIALECT else {} for name in values}
        return {name: {**named[name], "text": text, "value": text} for name, text in values.items()}

    def _fields(self, entries: Mapping[str, tuple[Stored, Column]]) -> Any:
        if self.dialect == JSON_DIALECT:
            return [{"name": name, **self.field(*entry)} for name, entry in entries.items()]
        return {name: self.field(*entry) for name, entry in entries.items()}

    def field(self, stored: Stored, column: Column) -> dict[str, Any]:
        """Write one field: text for people, value for programs."""
        shown: dict[str, Any] = {}
        if column.kind is Kind.BUTTON:
            return shown
        value = self._value(stored, column)
        text = self._text(stored, column)
        if text is not None:
            shown["text"] = text
        if value is not None:
            shown["value"] = value
        if column.kind is Kind.REFERENCE and stored and column.target:
            shown["links"] = self.links({"via": self.record_href(column.target, str(stored))})
        return shown

    def links(self, links: Mapping[str, str]) -> Any:
        """Write links by relation."""
        if self.dialect == JSON_DIALECT:
            return [{"rel": rel, "href": href} for rel, href in links.items()]
        return {rel: [{"rel": rel, "href": href}] for rel, href in links.items()}

    def record_href(self, table: str, record_id: str) -> str:
        """Address of a record: server-absolute, colon and parentheses encoded."""
        return f"{self.base}/obj/data/{quote(table, safe='')}/{quote(record_id, safe='')}"

    def _value(self, stored: Stored, column: Column) -> Any:
        match column.kind:
            case Kind.DOUBLE:
                # Written like abas writes it, a JSON number; 15 digits survive the way through a double unharmed.
                return float(Decimal(str(stored or "0")))
            case Kind.INTEGER:
                return int(str(stored or "0"))
            case Kind.BOOLEAN:
                return stored is True
            case Kind.DATE | Kind.DATETIME:
                return str(stored) or None
            case _:
                return str(stored)

    def _text(self, stored: Stored, column: Column) -> str | None:
        language = "de" if self.accept_language.lower().startswith("de") else "en"
        match column.kind:
            case Kind.DOUBLE:
                shown = f"{Decimal(str(stored or '0')):,.2f}"
                return shown if language == "en" else shown.translate(str.maketrans(",.", ".,"))
            case Kind.INTEGER:
                return str(stored or "0")
            case Kind.BOOLEAN:
                return _YES_NO[language][0 if stored is True else 1]
            case Kind.DATE:
                return self._day(str(stored), language) if stored else ""
            case Kind.DATETIME:
                return f"{self._day(str(stored)[:10], language)} {str(stored)[11:16]}" if stored else ""
            case Kind.REFERENCE:
                target = self.store.record(str(stored))
                return str(target.values.get(TABLES[target.table].echo, "")) if target else "(0,0,0)"
            case Kind.ENUMERATION:
                return str(stored).strip("()")
            case _:
                return str(stored) if column.english == "id" else None

    def _day(self, text: str, language: str) -> str:
        day = date.fromisoformat(text[:10])
        return day.strftime("%m/%d/%Y" if language == "en" else "%d.%m.%Y")


def dialect_of(accept: str) -> str:
    """Choose the dialect that the client asked for; a client that takes anything gets the map form."""
    wanted = [part.split(";")[0].strip().lower() for part in accept.split(",")]
    for part in wanted:
        if part in (OBJECTS_DIALECT, SIMPLE_DIALECT, JSON_DIALECT):
            return part
    return OBJECTS_DIALECT


def record_view(renderer: Renderer, record: Record, paths: Mapping[str, Path], client: str) -> View:
    """Show a record of the books with the asked fields."""
    table = TABLES[record.table]
    href = renderer.record_href(table.spec, record.id)
    meta = {
        "_type": "ErpDataObjectMeta",
        "sourceType": "QUERY",
        "objectType": f"obj:data:{table.spec}",
        "client": client,
        "objectGroup": table.spec,
        "id": record.id,
        "identNumber": str(record.values["idno"]),
        "version": record.version,
        "lastModified": _iso_with_offset(str(record.values["stand"])),
        "rowCount": len(record.rows),
        "link": {"rel": "self", "href": href, "objectType": f"obj:data:{table.spec}"},
    }
    head = {name: (follow(renderer.store, record.values, path), path.last) for name, path in paths.items()}
    return View(meta, head)


def _iso_with_offset(text: str) -> str:
    return datetime.fromisoformat(text).isoformat(timespec="milliseconds")
