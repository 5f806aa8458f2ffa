"""What kind of file this is, known by its content; and what is refused at sight, with what to ask for instead."""

from __future__ import annotations

import re
from pathlib import Path

from reconcile.files.encoding import decoded
from reconcile.files.errors import FileUnreadable

LARGEST_FILE = 2_000_000_000  # bytes; a table of that size belongs into a database
HEAD = 8_192
_MT940 = re.compile(r"(?m)^\s*:(20|25|28C?|60[FM]|61|62[FM]|86|940|942):")
_OFX = re.compile(r"(?is)OFXHEADER|<OFX>|(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)?<(?:\?OFX|OFX>)")
_BAI2 = re.compile(r"^0[123],")
_TABLES = "Export it as CSV or XLSX"
_STATEMENTS = "Ask the bank for camt.053, MT940, BAI2, OFX or CSV"
# How a file begins, what it then is, and what helps.
_REFUSED: tuple[tuple[bytes, str, str], ...] = (
    (b"\xd0\xcf\x11\xe0", "an old Excel file (.xls) or an encrypted workbook", "Save it as .xlsx without a password"),
    (b"%PDF", "a PDF", _STATEMENTS),
    (b"\x1f\x8b", "a gzip archive", "Unpack it first"),
    (b"Rar!", "a RAR archive", "Unpack it first"),
    (b"7z\xbc\xaf", "a 7z archive", "Unpack it first"),
    (b"SQLite format 3", "a database", _TABLES),
    (b"\x89PNG", "a picture", _TABLES),
    (b"\xff\xd8\xff", "a picture", _TABLES),
)
_REFUSED_TEXT: tuple[tuple[str, str, str], ...] = (
    (r"!(?:Type|Account|Option)", "a QIF file", _STATEMENTS),
    (r"(?:<\?xml[^>]*>\s*)?(?:<!doctype html|<html|<table|<head|<meta)", "an HTML page", _TABLES),
    (r"(?s)<\?xml.{0,300}progid=.Excel.Sheet", "an Excel 2003 XML workbook", "Save it as .xlsx or CSV"),
    (r"0000\d{8}\d{5}.{100,}", "a CODA file", "Ask the bank for camt.053, MT940 or CSV"),
    (r"\{\\\\rtf", "a text document (RTF)", _TABLES),
)


def kind_of(path: Path) -> str:
    """Return the kind of a file: camt, mt940, bai2, ofx, xlsx, parquet, jsonl or csv.

    Raises: FileUnreadable for what is no regular file, can't be opened, is empty, too large, or of a kind not read.
    """
    head = _head(path)
    for start, what, remedy in _REFUSED:
        if head.startswith(start):
            raise FileUnreadable(path, f"{what}, which is not read", remedy)
    if head.startswith(b"PK\x03\x04"):
        return "xlsx"
    if head.startswith(b"PAR1"):
        return "parquet"
    text = decoded(head).lstrip("\ufeff \t\r\n\x00")
    for pattern, what, remedy in _REFUSED_TEXT:
        if re.match(pattern, text, re.IGNORECASE):
            raise FileUnreadable(path, f"{what}, which is not read", remedy)
    if _OFX.match(text):
        return "ofx"
    if text.startswith("<"):
        return "camt"
    if _MT940.search(text) or text.startswith("{1:F"):
        return "mt940"
    if text.startswith("{") or re.match(r"\[\s*[\[{\]]", text):
        return "jsonl"
    return "bai2" if _BAI2.match(text) and _is_bai2(text) else "csv"


def _is_bai2(text: str) -> bool:
    codes = [line.strip()[:3] for line in text.splitlines() if line.strip()]
    return all(re.fullmatch(r"(01|02|03|16|49|88|98|99),", code) for code in codes[:4])


def _head(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise FileUnreadable(path, "a directory, not a file", "Name one file in it")
        if path.exists() and not path.is_file():
            raise FileUnreadable(path, "a pipe or a device, not a file", "Write it to a file first")
        size = path.stat().st_size
        if size > LARGEST_FILE:
            raise FileUnreadable(path, f"{size:,} bytes, more than {LARGEST_FILE:,}", "Split it by month or account")
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError as error:
        raise FileUnreadable(path, f"can't be opened: {error.strerror}", "Check the path and your rights") from error
    if not head.strip(b" \t\r\n\x00\xef\xbb\xbf\xff\xfe"):
        raise FileUnreadable(path, "the file is empty", "Export it again")
    return head
