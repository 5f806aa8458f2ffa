"""Rows of a table file: CSV in any usual dialect, XLSX, Parquet, JSON.

Gives rows as lists with their line numbers, and nothing else: what a column means is `columns.py`, what a value means
is `values.py`. A large file is read more than once and never held: a sample tells the conventions, and the rows come
again one by one. Formulas are never computed; a workbook's cell counts as the value that was saved in it.
"""

from __future__ import annotations

import csv
import json
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from reconcile.files.columns import header_score, without_header
from reconcile.files.encoding import encoding_of
from reconcile.files.errors import BadRow, FileUnreadable

HEADER_SEARCH = 40  # banks put addresses and balances above the header, not pages of them
DELIMITERS = ",;\t|"
CELL_LIMIT = 1_000_000  # characters; a cell larger than that is an attack or a broken quote
LONGEST_ROW = 100  # lines of a file in one row; above it is a quote that nobody closed
LARGEST_TABLE = 5_000_000  # rows; each costs about 500 bytes of memory while it is matched
LARGEST_JSON = 200_000_000  # bytes of a JSON document that is not one object a line
SAMPLE = 5_000
LINE_KEYS = frozenset({"transactions", "booked", "entries", "bookings", "movements", "statement_lines"})
UNPACKED_LIMIT = 1_500_000_000  # bytes of a workbook's XML; a million full rows have about 600 million
STRINGS_LIMIT = 300_000_000  # bytes of its texts, which are held in memory
BOMB_RATIO, BOMB_FROM = 250, 50_000_000  # a sheet packs 10 to 30 times; more, and large, is a zip bomb

Numbered = tuple[int, list[Any]]
Source = Callable[[], Iterator[Numbered]]
Score = Callable[[Sequence[Any]], int]


@dataclass(slots=True)
class Table:
    """A header and its rows.

    Ensures: each() gives all rows from the first, as often as asked; sample holds up to 2 x SAMPLE of them, evenly
             spread; a row's number is its line in the file (1 is the first); above is the text over the header.
    """

    headers: list[Any]
    each: Source
    sample: list[list[Any]] = field(default_factory=list)
    count: int = 0
    bad: list[BadRow] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    above: str = ""


def read_table(
    path: Path, kind: str, encoding: str = "", delimiter: str = "", sheet: str = "", score: Score = header_score
) -> Table:
    """Read a table file; score says how much a row looks like its header (4 and more: enough).

    Raises: FileUnreadable when no header with an amount is found, there are too many rows, or the file is not what its
            kind says.
    """
    notes: list[str] = []
    if kind == "xlsx":
        rows = list(_xlsx(path, sheet, notes))
        table = _with_header(path, lambda: iter(rows), score)
    elif kind == "parquet":
        table = _parquet(path)
    elif kind == "jsonl":
        table = _json(path)
    else:
        table = _with_header(path, _csv(path, encoding, delimiter), score)
    table.notes[:0] = notes
    return table


def column(rows: Sequence[Sequence[Any]], at: int) -> list[Any]:
    """Return the values of a column."""
    return [row[at] for row in rows]


@dataclass(frozen=True, slots=True)
class Broken:
    """Stands in place of the cells of a row that could not be read."""

    reason: str


def _surveyed(path: Path, headers: list[Any], each: Source) -> Table:
    """Return a table whose rows have been seen once: counted, sampled, and the unreadable ones listed."""
    table = Table(headers, lambda: (row for row in each() if not _broken(row[1])))
    step = 1
    for number, row in each():
        if _broken(row):
            table.bad.append(BadRow(path.name, number, row[0].reason))
            continue
        if table.count % step == 0:
            table.sample.append(row)
            if len(table.sample) >= 2 * SAMPLE:
                table.sample, step = table.sample[::2], step * 2
        table.count += 1
        if table.count > LARGEST_TABLE:
            raise FileUnreadable(path, f"more than {LARGEST_TABLE:,} rows", "Split it by month or account")
    return table


def _broken(row: Sequence[Any]) -> bool:
    return bool(row) and isinstance(row[0], Broken)


# -- header ---------------------------------------------------------------------------------------------------------


def _with_header(path: Path, source: Source, score_of: Score) -> Table:
    """Find the header among the first rows, then take what follows."""
    head: list[Numbered] = []
    for numbered in source():
        head.append(numbered)
        if len(head) >= HEADER_SEARCH:
            break
    if not head:
        raise FileUnreadable(path, "the file has no rows", "Export it again")
    candidates = [(0 if _broken(row) else score_of(row), -at, row) for at, (_, row) in enumerate(head)]
    for at in range(1, len(head)):  # a header of two rows, as merged cells give it
        over, under = head[at - 1][1], head[at][1]
        words = not any(isinstance(low, int | float) for low in under) and _has_letters(under)  # and no ruled line
        if not _broken(over) and not _broken(under) and words:
            for merged in _merged(over, under):
                score = score_of(merged)
                if score > max(candidates[at - 1][0], candidates[at][0]):
                    candidates.append((score, -at, merged))
    score, minus_at, headers = max(candidates, key=lambda found: found[:2])
    first = -minus_at + 1
    notes = []
    if score < 4:
        found = without_header([row for _, row in head if not _broken(row)])
        if found is None:
            raise FileUnreadable(
                path,
                f"no header with an amount found; first row: {[str(cell)[:30] for cell in head[0][1]][:12]}",
                "Add a header row, or name the columns in a profile by number (docs/matching.md)",
            )
        headers, first = found, 0
        notes.append(f"no header row; the columns were taken for {', '.join(headers)}")
    width, skip = len(headers), head[first][0] if first < len(head) else head[-1][0] + 1
    table = _surveyed(path, headers, lambda: (_fitted(one, width) for one in source() if one[0] >= skip))
    table.notes.extend(notes)
    over_it = [row for _, row in head[: max(first - 1, 0)] if not _broken(row)]
    table.above = " ".join(" ".join(str(cell) for row in over_it for cell in row if cell not in ("", None)).split())
    return table


def _has_letters(row: Sequence[Any]) -> bool:
    return any(char.isalpha() for cell in row for char in str(cell or ""))


def _merged(over: Sequence[Any], under: Sequence[Any]) -> Iterator[list[Any]]:
    """Yield two rows as one header: the lower word where there is one, or both, the upper one over all its columns."""
    yield [low if str(low or "").strip() else high for high, low in _pairs(over, under)]
    if any(char.isdigit() for cell in under for char in str(cell or "")):  # values, not words
        return
    joined, above = [], ""
    for high, low in _pairs(over, under):
        above = str(high or "").strip() or above
        joined.append(f"{above} {low or ''}".strip())
    yield joined


def _pairs(over: Sequence[Any], under: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    width = max(len(over), len(under))
    padded = [[*row, *[""] * (width - len(row))] for row in (over, under)]
    return zip(*padded, strict=True)


def _fitted(numbered: Numbered, width: int) -> Numbered:
    number, row = numbered
    if len(row) == width or _broken(row):
        return numbered
    if len(row) > width and any(str(cell or "").strip() for cell in row[width:]):
        return number, [Broken(f"{len(row)} cells, but the header has {width}")]
    return number, (row + [""] * (width - len(row)))[:width]


# -- CSV ------------------------------------------------------------------------------------------------------------


def _csv(path: Path, encoding: str, delimiter: str) -> Source:
    encoding = encoding or encoding_of(path)
    try:
        with path.open(encoding=encoding, errors="replace", newline="") as file:
            head = file.read(65_536).replace("\x00", "").lstrip("\ufeff")
    except LookupError as error:
        raise FileUnreadable(path, str(error), 'Write an encoding such as "utf-8" or "cp1252"') from error
    named = head[:4].lower() == "sep="
    delimiter = delimiter or (head[4:5] if named else _delimiter(head))
    if len(delimiter) != 1 or delimiter in '\r\n"':
        raise FileUnreadable(path, f"the delimiter {delimiter!r} is not one character", "Write one such as ;")

    def rows() -> Iterator[Numbered]:
        csv.field_size_limit(CELL_LIMIT)
        with path.open(encoding=encoding, errors="replace", newline="") as file:
            reader = csv.reader((line.replace("\x00", "") for line in file), delimiter=delimiter)
            while True:
                first = reader.line_num + 1
                try:
                    row = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    yield first, [Broken(f"the row can't be cut into cells: {error}")]
                    continue
                if first == 1 and row:
                    row[0] = row[0].removeprefix("\ufeff")
                    if named:
                        continue
                if reader.line_num - first > LONGEST_ROW:
                    yield first, [Broken(f"a quote that is not closed takes lines {first} to {reader.line_num}")]
                elif any(cell and not cell.isspace() for cell in row):
                    yield first, row

    return rows


def _delimiter(text: str) -> str:
    """Return the delimiter that cuts the first lines into the same number of cells most often."""
    lines = [line for line in text.splitlines()[:60] if line.strip()]
    best = (0, 0, ",")
    for at, delimiter in enumerate(DELIMITERS):
        counts = Counter(len(row) for row in csv.reader(lines, delimiter=delimiter) if len(row) > 1)
        if counts:
            width, often = max(counts.items(), key=lambda item: (item[1], item[0]))
            best = max(best, (often * min(width, 6), -at, delimiter))
    return best[2]


# -- XLSX -----------------------------------------------------------------------------------------------------------


def _xlsx(path: Path, sheet: str, notes: list[str]) -> Iterator[Numbered]:
    from openpyxl import load_workbook

    with path.open("rb") as file:
        _no_bomb(path)
        try:
            book = load_workbook(file, read_only=True, data_only=True)
        except Exception as error:  # openpyxl lets zipfile's, XML's and its own errors through
            reason = str(error).split("\n", 1)[0]
            raise FileUnreadable(path, f"a broken workbook: {reason}", "Save it again as .xlsx or CSV") from error
        try:
            if sheet and sheet not in book.sheetnames:
                raise FileUnreadable(path, f"no sheet {sheet!r}", f"Use one of {book.sheetnames}")
            found = [name for name in book.sheetnames if _is_table(book[name])]
            chosen = sheet or (found or book.sheetnames)[0]
            if not sheet and len(found) > 1:
                notes.append(f"sheet {chosen!r} was read; {found[1:]} look like tables too (a profile names a sheet)")
            for number, row in enumerate(_sheet_rows(book[chosen]), start=1):
                if any(cell not in (None, "") for cell in row):
                    yield number, ["" if cell is None else cell for cell in row]
        except (zipfile.BadZipFile, SyntaxError, ValueError, KeyError, EOFError, OSError, AttributeError) as error:
            raise FileUnreadable(path, f"a broken workbook: {error}", "Save it again as .xlsx or CSV") from error
        finally:
            book.close()


def _no_bomb(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise FileUnreadable(path, f"a broken ZIP archive: {error}", "Save it again as .xlsx or CSV") from error
    if not any(info.filename.lstrip("/") == "xl/workbook.xml" for info in infos):
        raise FileUnreadable(path, "a ZIP archive, not a workbook", "Unpack it first, or save it as .xlsx")
    unpacked = sum(info.file_size for info in infos)
    strings = sum(info.file_size for info in infos if "sharedStrings" in info.filename)
    bomb = any(
        info.file_size > BOMB_FROM and info.file_size > BOMB_RATIO * max(info.compress_size, 1) for info in infos
    )
    if bomb or unpacked > UNPACKED_LIMIT or strings > STRINGS_LIMIT:
        raise FileUnreadable(path, f"the workbook unpacks to {unpacked:,} bytes, too many", "Export it as CSV")


def _is_table(sheet: Any) -> bool:
    top = [row for _, row in zip(range(HEADER_SEARCH), _sheet_rows(sheet), strict=False)]
    return max((header_score(row) for row in top), default=0) >= 4


def _sheet_rows(sheet: Any) -> Iterator[list[Any]]:
    if not hasattr(sheet, "reset_dimensions"):  # a sheet of charts only
        return
    sheet.reset_dimensions()  # a wrong size in the file must not make rows of 16,384 cells
    for row in sheet.iter_rows(values_only=True):
        yield list(row)


# -- Parquet and JSON -----------------------------------------------------------------------------------------------


def _parquet(path: Path) -> Table:
    import pyarrow.parquet as parquet
    from pyarrow import ArrowException

    try:
        with parquet.ParquetFile(path) as file:
            headers = list(file.schema_arrow.names)
            if file.metadata.num_rows > LARGEST_TABLE:
                raise FileUnreadable(path, f"more than {LARGEST_TABLE:,} rows", "Split it by month or account")

        def rows() -> Iterator[Numbered]:
            number = 0
            with parquet.ParquetFile(path) as file:
                for batch in file.iter_batches(batch_size=10_000):
                    for cells in zip(*(one.to_pylist() for one in batch.columns), strict=True):
                        number += 1
                        yield number, ["" if cell is None else _flat(cell) for cell in cells]

        return _surveyed(path, headers, rows)
    except (ArrowException, OSError, ValueError) as error:
        raise FileUnreadable(path, f"not a Parquet file: {error}", "Write it again") from error


def _json(path: Path) -> Table:
    """Return one object a line, or one document with a list of objects somewhere in it."""
    lines = _json_lines(path)
    if next(lines(), None) is None:
        raise FileUnreadable(path, "no JSON objects found", "Write one object a line")
    positions: dict[str, int] = {}
    for _, record in lines():
        for key in record if isinstance(record, dict) else ():
            positions.setdefault(key, len(positions))
    width = len(positions)

    def rows() -> Iterator[Numbered]:
        for number, record in lines():
            if isinstance(record, Broken):
                yield number, [record]
                continue
            cells: list[Any] = [""] * width
            for key, value in record.items():
                cells[positions[key]] = value
            yield number, cells

    table = _surveyed(path, list(positions), rows)
    if not table.count:
        raise FileUnreadable(path, f"no JSON objects found; line {table.bad[0].line}: {table.bad[0].reason}",
                             "Write one object a line")  # fmt: skip
    return table


def _json_lines(path: Path) -> Callable[[], Iterator[tuple[int, dict[str, Any] | Broken]]]:
    encoding = encoding_of(path)
    with path.open(encoding=encoding, errors="replace") as file:
        filled = (line.strip("\ufeff \t\r\n") for line in file)
        first, second = [next((line for line in filled if line), "") for _ in range(2)]
    if not _is_object(first) and (_is_object(second) is False or not second or first in "[{"):
        records = _document(path, encoding)
        return lambda: iter(records)
    if _is_object(first) and not second and _lists_inside(json.loads(first)):
        records = _document(path, encoding)
        return lambda: iter(records)

    def lines() -> Iterator[tuple[int, dict[str, Any] | Broken]]:
        with path.open(encoding=encoding, errors="replace") as file:
            for number, line in enumerate(file, start=1):
                if not line.strip("\ufeff \t\r\n"):
                    continue
                try:
                    record = json.loads(line, parse_float=Decimal)
                except (ValueError, RecursionError) as error:
                    yield number, Broken(f"not JSON: {error}")
                    continue
                yield number, _named(record) if isinstance(record, dict) else Broken("not an object")

    return lines


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _document(path: Path, encoding: str) -> list[tuple[int, dict[str, Any] | Broken]]:
    if path.stat().st_size > LARGEST_JSON:
        raise FileUnreadable(path, f"one JSON document of more than {LARGEST_JSON:,} bytes", "Write one object a line")
    try:
        document = json.loads(path.read_text(encoding=encoding, errors="replace"), parse_float=Decimal)
        found = _lists_inside(document)
    except (ValueError, RecursionError) as error:
        raise FileUnreadable(path, f"not JSON: {error}", "Write one object a line") from error
    return [
        (number, _named(one) if isinstance(one, dict) else Broken("not an object"))
        for number, one in enumerate(found, start=1)
    ]


def _lists_inside(document: Any, depth: int = 0) -> list[Any]:
    """Return the lines of a document: {"data".

    [...]} is as good as [...], and so are accounts that hold transactions each.
    """
    if isinstance(document, list):
        inner = [line for one in document if isinstance(one, dict) for line in _lines_of(one)]
        return inner or (document if any(isinstance(one, dict) for one in document) else [])
    if isinstance(document, dict) and depth < 4:
        return _lines_of(document) or max(
            (_lists_inside(one, depth + 1) for one in document.values()), key=len, default=[]
        )
    return []


def _lines_of(record: dict[str, Any]) -> list[Any]:
    """Return what stands under a key that means lines; pending ones beside booked ones are not taken."""
    found: list[Any] = []
    for key, value in record.items():
        if str(key).casefold() in LINE_KEYS:
            found.extend(_lists_inside(value, 1))
    return found


def _named(record: dict[str, Any], prefix: str = "", depth: int = 0) -> dict[str, Any]:
    """Return an object without nesting: {"amount": {"value": 1}} has the column "amount value"."""
    named: dict[str, Any] = {}
    for key, value in record.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and depth < 3:
            named.update(_named(value, f"{name} ", depth + 1))
        elif value is not None:
            named[name] = _flat(value)
    return named


def _flat(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    if isinstance(value, Iterable) and not isinstance(value, str):
        return " ".join(str(_flat(item)) for item in (value.values() if isinstance(value, dict) else value))
    return value
