"""Selections as the sandbox's abas understands them: the reference's criteria syntax, evaluated over the books."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

from infra.sandboxes.abas.faults import ErpFault
from infra.sandboxes.abas.store import Record, Store, Stored
from infra.sandboxes.abas.tables import TABLES, Column, Kind, TableDef, column_of

_CONDITION = re.compile(
    r"(?P<field>[A-Za-z][A-Za-z0-9_]*(?:\^[A-Za-z][A-Za-z0-9_]*)*)(?P<fold>~?)(?P<op>==|<>|/==|//|/|=)(?P<value>.*)",
    re.DOTALL,
)
_OPTIONS = {
    "verknuepfung": "link",
    "ablageart": "filingmode",
    "ordnung": "order",
    "richtung": "direction",
    "maxtreffer": "maxhit",
    "sort": "order",
}
_MAX_CONDITIONS = 50


@dataclass(frozen=True, slots=True)
class Path:
    """A field of a record, or of the record that references lead to."""

    columns: tuple[Column, ...]

    @property
    def last(self) -> Column:
        """The column whose value counts."""
        return self.columns[-1]


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition; case is folded when the tilde stood before the operator."""

    path: Path
    operator: str
    value: str
    folded: bool


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed selection."""

    conditions: tuple[Condition, ...]
    any_of: bool = False
    filing: str = "(Active)"
    order: Path | None = None
    descending: bool = False
    max_hit: int | None = None


def resolve_path(table: TableDef, name: str, language: str, *, in_rows: bool = False) -> Path:
    """Find the columns behind `a` or `a^b`.

    Raises: ErpFault ILLEGAL_ARGUMENT when a name isn't there in this language.
    """
    return resolve_among(table.rows if in_rows else table.head, name, language)


def resolve_among(available: tuple[Column, ...], name: str, language: str) -> Path:
    """Find the columns behind `a` or `a^b`, where a is one of these.

    Raises: ErpFault ILLEGAL_ARGUMENT when a name isn't there in this language.
    """
    columns: list[Column] = []
    for part in name.split("^"):
        column = column_of(available, part, language)
        if column is None:
            raise ErpFault("ILLEGAL_ARGUMENT", f"Variable {name[:60]} does not exist")
        columns.append(column)
        available = TABLES[column.target].head if column.target in TABLES else ()
    return Path(tuple(columns))


def follow(store: Store, values: dict[str, Stored], path: Path) -> Stored:
    """Read the value at the end of a path; empty when a reference on the way is."""
    for column in path.columns[:-1]:
        target = store.record(str(values.get(column.english, "")))
        if target is None:
            return ""
        values = target.values
    return values.get(path.last.english, "")


def parse_query(table: TableDef, criteria: Sequence[str], language: str) -> Query:
    """Read criteria: parts separated by `;`, in one string or several.

    Raises: ErpFault ILLEGAL_ARGUMENT for what is no selection.
    """
    parts = [part for text in criteria for part in text.split(";") if part.strip()]
    if len(parts) > _MAX_CONDITIONS:
        raise ErpFault("ILLEGAL_ARGUMENT", "Selection is too long")
    conditions: list[Condition] = []
    options: dict[str, str] = {}
    for part in parts:
        if part.startswith("@"):
            name, _, value = part[1:].partition("=")
            options[_OPTIONS.get(name.lower(), name.lower())] = value
            continue
        match = _CONDITION.fullmatch(part)
        if match is None:
            raise ErpFault("ILLEGAL_ARGUMENT", f"Selection is not correct: {part[:60]}")
        conditions.append(
            Condition(resolve_path(table, match["field"], language), match["op"], match["value"], bool(match["fold"]))
        )
    hits = options.get("maxhit", "")
    return Query(
        tuple(conditions),
        any_of=options.get("link", "").lower() in ("(or)", "(oder)"),
        filing=options.get("filingmode", "(Active)"),
        order=resolve_path(table, options["order"], language) if options.get("order") else None,
        descending=options.get("direction", "").lower() in ("(backward)", "(descending)"),
        max_hit=int(hits) if hits.isdecimal() else None,
    )


def select(store: Store, table: TableDef, query: Query, *, lag_s: float = 0.0) -> list[Record]:
    """Find the records of a selection, in its order, as the books were lag_s seconds ago."""
    found = [
        record
        for record in (store.records_before(table.spec, lag_s) if lag_s else _candidates(store, table, query))
        if _in_filing(record, query.filing) and _matches(store, record, query)
    ]
    if query.order is not None:
        path = query.order
        if path.last.english == "id":
            found.sort(key=lambda record: record.seq, reverse=query.descending)
        else:
            found.sort(
                key=lambda record: _sort_key(follow(store, record.values, path), path.last), reverse=query.descending
            )
    return found if query.max_hit is None else found[: query.max_hit]


def _candidates(store: Store, table: TableDef, query: Query) -> Iterable[Record]:
    """Use an index where one equality allows it."""
    if not query.any_of:
        for condition in query.conditions:
            if condition.operator == "==" and not condition.folded and len(condition.path.columns) == 1:
                found = store.matching(table.spec, condition.path.last.english, condition.value)
                if found is not None:
                    return found
    return store.records(table.spec)


def _in_filing(record: Record, filing: str) -> bool:
    match filing:
        case "(Both)":
            return True
        case "(Filed)":
            return record.filed
        case _:
            return not record.filed


def _matches(store: Store, record: Record, query: Query) -> bool:
    results = (_holds(follow(store, record.values, c.path), c) for c in query.conditions)
    return (any(results) or not query.conditions) if query.any_of else all(results)


def _holds(stored: Stored, condition: Condition) -> bool:
    text, value = _as_text(stored), condition.value
    if condition.folded:
        text, value = text.casefold(), value.casefold()
    match condition.operator:
        case "==":
            return _equal(text, value, condition.path.last)
        case "<>":
            return text != "" if value == "`" else not _equal(text, value, condition.path.last)
        case "/" | "//":
            return value in text if condition.operator == "/" else value in text.split()
        case "/==":
            try:
                return re.search(value, text) is not None
            except re.error as error:
                raise ErpFault("ILLEGAL_ARGUMENT", "Regular expression is not correct") from error
        case _:
            return _in_range(text, value, condition.path.last)


def _in_range(text: str, value: str, column: Column) -> bool:
    if value == "`":
        return text == ""
    if "!" not in value:
        return text.startswith(value) if column.kind is Kind.STRING else _equal(text, value, column)
    low, _, high = value.partition("!")
    exclusive = high.startswith("!")
    high = high.removeprefix("!")
    key = _sort_key(text, column)
    above = not low or (key > _sort_key(low, column) if exclusive else key >= _sort_key(low, column))
    below = not high or (key < _sort_key(high, column) if exclusive else key <= _sort_key(high, column))
    return bool(text) and above and below


def _equal(text: str, value: str, column: Column) -> bool:
    return text == value or (column.kind is Kind.DOUBLE and _sort_key(text, column) == _sort_key(value, column))


def _sort_key(stored: Stored, column: Column) -> tuple[Decimal, str]:
    text = _as_text(stored)
    try:
        match column.kind:
            case Kind.DOUBLE | Kind.INTEGER:
                return Decimal(text or "0"), ""
            case Kind.DATE:
                return Decimal(date.fromisoformat(text).toordinal() if text else 0), ""
            case Kind.DATETIME:
                return Decimal(_seconds(text) if text else 0), ""
            case _:
                return Decimal(0), text
    except (ValueError, InvalidOperation) as error:
        raise ErpFault("ILLEGAL_ARGUMENT", f"Value {text[:40]} does not fit {column.english}") from error


def _seconds(text: str) -> str:
    moment = datetime.fromisoformat(text)
    day_seconds = moment.hour * 3600 + moment.minute * 60 + moment.second
    return f"{moment.toordinal() * 86400 + day_seconds}.{moment.microsecond:06d}"


def _as_text(stored: Stored) -> str:
    return ("true" if stored else "false") if isinstance(stored, bool) else stored
