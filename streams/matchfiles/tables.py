"""Rows of a table file: CSV in any usual dialect and encoding, XLSX, Parquet, JSON lines.

Gives rows as lists with their line numbers, and nothing else: what a column means is `columns.py`, what a value means
is `values.py`. Formulas are never computed; a workbook's cell counts as the value that was saved in it.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from streams.matchfiles.columns import header_score
from streams.matchfiles.errors import BadRow, FileUnreadable

HEADER_SEARCH = 40  # banks put addresses and balances above the header, not pages of them
DELIMITERS = ",;\t|"
CELL_LIMIT = 1_000_000  # characters; a cell larger than that is an attack or a broken quote
UNPACKED_LIMIT = 2_000_000_000  # bytes of a workbook's XML; above it is a zip bomb


@dataclass(slots=True)
class Table:
    """A header and its rows; numbers holds each row's line in the file (1 is the first)."""

    headers: list[Any]
    rows: list[list[Any]]
    numbers: list[int]
    bad: list[BadRow]


def read_table(path: Path, kind: str, encoding: str = "", delimiter: str = "", sheet: str = "") -> Table:
    """Read a table file.

    Raises: FileUnreadable when there is no header with an amount, or the file is not what its kind says.
    """
    if kind == "xlsx":
        return _with_header(path, _xlsx(path, sheet))
    if kind == "parquet":
        return _parquet(path)
    if kind == "jsonl":
        return _jsonl(path)
    return _with_header(path, _csv(path, encoding, delimiter))


# -- CSV ------------------------------------------------------------------------------------------------------------


def decoded(data: bytes, encoding: str = "") -> str:
    """Text of a file whose encoding nobody states.

    Ensures: a byte order mark decides; UTF-16 without one is seen by its zero bytes; then UTF-8; then the Windows code
             page that Western banks export, in which every byte means something.
    """
    if encoding:
        return data.decode(encoding, errors="replace")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    head = data[:4_000]
    if head and head.count(0) > len(head) // 4:
        return data.decode("utf-16-be" if head[0] == 0 else "utf-16-le", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def _csv(path: Path, encoding: str, delimiter: str) -> Iterator[tuple[int, list[Any]]]:
    text = decoded(path.read_bytes(), encoding).replace("\x00", "")
    if not delimiter and text[:4].lower() == "sep=":
        delimiter = text[4:5]
    delimiter = delimiter or _delimiter(text)
    csv.field_size_limit(CELL_LIMIT)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    while True:
        first = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield first, [_Broken(str(error))]
            continue
        if row and any(cell.strip() for cell in row):
            yield first, list(row)


def _delimiter(text: str) -> str:
    """The delimiter that cuts the first lines into the same number of cells most often."""
    lines = [line for line in text[:65_536].splitlines()[:60] if line.strip()]
    best = (0, 0, ",")
    for at, delimiter in enumerate(DELIMITERS):
        counts = (
            Counter(len(row) for row in csv.reader(lines, delimiter=delimiter) if len(row) > 1) if lines else Counter()
        )
        if counts:
            width, often = max(counts.items(), key=lambda item: (item[1], item[0]))
            best = max(best, (often * min(width, 6), -at, delimiter))
    return best[2]


@dataclass(frozen=True, slots=True)
class _Broken:
    """Stands for a row that the reader could not cut into cells."""

    reason: str


def _with_header(path: Path, rows: Iterable[tuple[int, list[Any]]]) -> Table:
    """Find the header among the first rows, then keep what follows."""
    source = iter(rows)
    head: list[tuple[int, list[Any]]] = []
    for number, row in source:
        head.append((number, row))
        if len(head) >= HEADER_SEARCH:
            break
    if not head:
        raise FileUnreadable(path, "the file has no rows", "Export it again")
    scores = [0 if isinstance(row[0], _Broken) else header_score(row) for _, row in head]
    best = max(range(len(head)), key=lambda at: (scores[at], -at))
    if scores[best] < 4:
        raise FileUnreadable(
            path,
            f"no header with an amount found; first row: {[str(cell)[:30] for cell in head[0][1]][:12]}",
            "Name the columns in a profile (docs/matching.md), or add a header row",
        )
    headers = head[best][1]
    table = Table(headers=headers, rows=[], numbers=[], bad=[])
    for number, row in (*head[best + 1 :], *source):
        if row and isinstance(row[0], _Broken):
            table.bad.append(BadRow(path.name, number, f"the row can't be cut into cells: {row[0].reason}"))
        elif len(row) > len(headers) and any(str(cell or "").strip() for cell in row[len(headers) :]):
            table.bad.append(BadRow(path.name, number, f"{len(row)} cells, but the header has {len(headers)}"))
        else:
            table.rows.append((row + [""] * (len(headers) - len(row)))[: len(headers)])
            table.numbers.append(number)
    return table


# -- XLSX, Parquet, JSON lines --------------------------------------------------------------------------------------


def _xlsx(path: Path, sheet: str) -> Iterator[tuple[int, list[Any]]]:
    from openpyxl import load_workbook

    try:
        with zipfile.ZipFile(path) as archive:
            if sum(info.file_size for info in archive.infolist()) > UNPACKED_LIMIT:
                raise FileUnreadable(path, "the workbook unpacks to more than 2 GB", "Export it as CSV")
        book = load_workbook(path, read_only=True, data_only=True)
    except FileUnreadable:
        raise
    except Exception as error:  # openpyxl lets zipfile's, XML's and its own errors through
        raise FileUnreadable(path, f"not a workbook: {error}", "Save it again as .xlsx or CSV") from error
    try:
        names = [sheet] if sheet else book.sheetnames
        if sheet and sheet not in book.sheetnames:
            raise FileUnreadable(path, f"no sheet {sheet!r}", f"Use one of {book.sheetnames}")
        chosen = names[0]
        for name in names:  # the first sheet that looks like a table of money
            top = [list(row) for row in book[name].iter_rows(max_row=HEADER_SEARCH, values_only=True)]
            if max((header_score(row) for row in top), default=0) >= 4:
                chosen = name
                break
        for number, row in enumerate(book[chosen].iter_rows(values_only=True), start=1):
            if any(cell not in (None, "") for cell in row):
                yield number, ["" if cell is None else cell for cell in row]
    finally:
        book.close()


def _parquet(path: Path) -> Table:
    import pyarrow.parquet as parquet  # type: ignore[import-untyped]  # pyarrow ships no types
    from pyarrow import ArrowException

    try:
        content = parquet.read_table(path)
    except (ArrowException, OSError) as error:
        raise FileUnreadable(path, f"not a Parquet file: {error}", "Write it again") from error
    columns = [column.to_pylist() for column in content.columns]
    rows = [["" if cell is None else cell for cell in row] for row in zip(*columns, strict=True)]
    return Table(list(content.column_names), rows, list(range(1, len(rows) + 1)), [])


def _jsonl(path: Path) -> Table:
    text = decoded(path.read_bytes()).strip()
    table = Table([], [], [], [])
    records: list[tuple[int, Any]] = []
    if text.startswith("["):
        try:
            records = list(enumerate(json.loads(text, parse_float=Decimal), start=1))
        except ValueError as error:
            raise FileUnreadable(path, f"not JSON: {error}", "Write one object a line") from error
    else:
        for number, line in enumerate(text.splitlines(), start=1):
            if line.strip():
                try:
                    records.append((number, json.loads(line, parse_float=Decimal)))
                except (ValueError, RecursionError) as error:
                    table.bad.append(BadRow(path.name, number, f"not JSON: {error}"))
    positions: dict[str, int] = {}
    for number, record in records:
        if not isinstance(record, dict):
            table.bad.append(BadRow(path.name, number, "not an object"))
            continue
        for key in record:
            positions.setdefault(str(key), len(positions))
        table.numbers.append(number)
        table.rows.append([record])
    table.headers = list(positions)
    table.rows = [_cells(row[0], positions) for row in table.rows]
    if not table.rows:
        raise FileUnreadable(path, "no JSON objects found", "Write one object a line")
    return table


def _cells(record: dict[str, Any], positions: dict[str, int]) -> list[Any]:
    cells: list[Any] = [""] * len(positions)
    for key, value in record.items():
        if value is None:
            continue
        cells[positions[str(key)]] = _flat(value)
    return cells


def _flat(value: Any) -> Any:
    if isinstance(value, list):
        return " ".join(str(_flat(item)) for item in value)
    if isinstance(value, dict):
        return " ".join(str(_flat(item)) for item in value.values())
    return value


def column(rows: Sequence[Sequence[Any]], at: int, most: int = 5_000) -> list[Any]:
    """Up to `most` values of a column, evenly spread, to find its convention."""
    step = max(1, len(rows) // most)
    return [row[at] for row in rows[::step]]
