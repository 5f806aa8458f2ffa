"""Tables whose columns a profile names by their headers: what reports of a processor have in common.

A profile is data: it says which header means what, in any language. Which way the values are written is found out where
it says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import BeforeValidator, Field

from reconcile.files.errors import FileUnreadable
from reconcile.files.kinds import kind_of
from reconcile.files.tables import Table, read_table
from reconcile.files.texts import Text
from schemas.files.owned import Entry

M = TypeVar("M", bound=str)

_NO_WORD: Final = re.compile(r"[\W_]+")


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


# One entry of a profile, or several.
OneOrMore = BeforeValidator(_as_list)
Headers = Annotated[tuple[Text, ...], OneOrMore]


class TableProfile(Entry):
    """How a file is written; what is empty is found out.

    merchants   our label by the name that the processor gives a merchant account, for a file whose rows name theirs
    """

    merchants: Mapping[Text, Text] = Field(default_factory=dict)
    decimal: Literal["", ".", ","] = ""
    date_format: str = ""
    encoding: Text = ""
    delimiter: str = ""
    sheet: Text = ""


def plain(text: Any) -> str:
    """Return a header or word as it is compared: small letters, single blanks for what is no letter or digit."""
    return _NO_WORD.sub(" ", str(text or "")).strip().lower()


def cell_text(row: Sequence[Any], column: int) -> str:
    """Return a cell as text, empty where there is none; a day as ISO writes it, a whole number without its decimals."""
    value = row[column] if column < len(row) else None
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "" if value is None else " ".join(str(value).split())


def read_named(path: Path, profile: TableProfile, headers: Iterable[str]) -> Table:
    """Read a table; its header is the row that has most of these headers. Raises FileUnreadable."""
    known = frozenset(map(plain, headers))

    def score(row: Sequence[Any]) -> int:
        return 2 * sum(1 for cell in row if isinstance(cell, str) and plain(cell) in known)

    return read_table(path, kind_of(path), profile.encoding, profile.delimiter, profile.sheet, score)


def columns_of(
    path: Path, table: Table, names: Mapping[M, Sequence[str]], needed: Sequence[M], *, page: str
) -> dict[M, int]:
    """Return the column of each meaning that the table has; none means two things, the first name wins.

    Raises: FileUnreadable naming the needed ones that are missing, with the page that says what to do.
    """
    headers = [plain(header) for header in table.headers]
    found: dict[M, int] = {}
    for meaning, known in names.items():
        wanted = [headers.index(name) for name in map(plain, known) if name in headers]
        if free := [column for column in wanted if column not in found.values()]:
            found[meaning] = free[0]
    missing = [meaning for meaning in needed if meaning not in found]
    if missing:
        has = ", ".join(str(header) for header in table.headers)
        what = f"no column for {' and '.join(missing)} among: {has}"
        raise FileUnreadable(path, what, f"Name the headers below columns: of a profile ({page})")
    return found
