"""A table's columns as its row dataclass says them: name, ClickHouse type, comment.

A field is a column. Its Python type says how it is stored; where that is not enough, one of the names below does
(`Word`, `Number`). A string in an Annotated is the column's comment, and the first paragraph of the dataclass's
docstring is the comment of the table. DDL, inserts and checks are derived from here, so no column stands anywhere else.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from operator import attrgetter
from types import MappingProxyType, NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints


@dataclass(frozen=True, slots=True)
class Stored:
    """How a field is stored where its Python type alone does not say it."""

    as_type: str
    codec: str = ""


Word = Annotated[str, Stored("LowCardinality(String)")]  # one of few: a kind, a currency, a rule
LongText = Annotated[str, Stored("String", codec="ZSTD(1)")]
Number = Annotated[int, Stored("Int32")]  # a count, a version, a number of a batch or partition
Small = Annotated[int, Stored("UInt16")]
Tiny = Annotated[int, Stored("UInt8")]
Millisecond = Annotated[datetime, Stored("DateTime64(3, 'UTC')")]  # Kafka's own timestamp
Digest = Annotated[str, Stored("FixedString(64)")]

_STORED: Mapping[type, Stored] = MappingProxyType(
    {
        str: Stored("String"),
        int: Stored("Int64"),
        bool: Stored("Bool"),
        date: Stored("Date32"),
        datetime: Stored("DateTime64(6, 'UTC')"),
    }
)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table, in the words of ClickHouse."""

    name: str
    as_type: str
    codec: str = ""
    comment: str = ""

    @property
    def ddl(self) -> str:
        """The column as a CREATE TABLE states it."""
        codec = f" CODEC({self.codec})" if self.codec else ""
        comment = f" COMMENT {literal(self.comment)}" if self.comment else ""
        return f"{self.name} {self.as_type}{comment}{codec}"


@cache
def columns_of(row: type) -> tuple[Column, ...]:
    """Return columns of a row dataclass, in the order of its fields.

    Raises: TypeError for a field whose type ClickHouse can't hold as it stands.
    """
    return tuple(_column(name, hint) for name, hint in get_type_hints(row, include_extras=True).items())


@cache
def values_of(row: type) -> Callable[[Any], tuple[Any, ...]]:
    """Return what gives the values of a row in the order of columns_of."""
    names = [column.name for column in columns_of(row)]
    return attrgetter(*names) if len(names) > 1 else lambda one: (getattr(one, names[0]),)


def comment_of(row: type) -> str:
    """Return the first paragraph of a row's docstring, without its full stop."""
    return " ".join((inspect.getdoc(row) or "").partition("\n\n")[0].split()).removesuffix(".")


def literal(text: str) -> str:
    """Return text as SQL quotes it."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _column(name: str, hint: Any) -> Column:
    stored, comment = _stored(name, hint)
    return Column(name, stored.as_type, stored.codec, comment)


def _stored(name: str, hint: Any) -> tuple[Stored, str]:
    """Return how a field of this type is stored, and the comment that its annotation carries."""
    origin = get_origin(hint)
    if origin is Annotated:
        of_type, *said = get_args(hint)
        comment = next((one for one in said if isinstance(one, str)), "")
        own = next((one for one in said if isinstance(one, Stored)), None)
        return (own or _stored(name, of_type)[0]), comment
    if origin in (Union, UnionType):
        some = [one for one in get_args(hint) if one is not NoneType]
        inner = _stored(name, some[0])[0]
        if len(some) == 1 and not inner.codec and not inner.as_type.startswith(("LowCardinality", "Array")):
            return Stored(f"Nullable({inner.as_type})"), ""
    elif origin is tuple and get_args(hint)[1:] == (...,):
        return Stored(f"Array({_stored(name, get_args(hint)[0])[0].as_type})"), ""
    elif hint in _STORED:
        return _STORED[hint], ""
    raise TypeError(f"field {name} has type {hint}, which no column holds: use a type of projections/tables/columns.py")
