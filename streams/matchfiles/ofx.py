"""OFX and QFX, as American banks and card issuers give them for download: each STMTTRN is one line.

Both writings are read: 1.x, where an element needs no end tag (SGML), and 2.x (XML). There is no opening balance, so
nothing shows whether entries are missing, but a file that breaks off is told. The format is read here because the
library that is kept up is under the GPL.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from streams.domain.matching.lines import Line, Side
from streams.matchfiles.banking import joined, kept_references
from streams.matchfiles.encoding import decoded
from streams.matchfiles.errors import BadRow, FileUnreadable
from streams.matchfiles.masking import shown
from streams.matchfiles.values import BadValue, DateOrder, amount_minor, decimal_mark, read_date

LARGEST_OFX = 200_000_000  # bytes; the text is held in memory
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9._]*)\s*(/?)>([^<]*)")
_CDATA = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)
_PENDING = ("STMTTRNP", "BANKTRANLISTP")
_ANY_ORDER = DateOrder(day_first=False)  # a date is written as 20261124, which has one reading


@dataclass(slots=True)
class _Entry:
    """The elements of one STMTTRN by name; of a name that stands twice (PAYEE has one of its own) the first counts."""

    line: int
    currency: str
    values: dict[str, str] = field(default_factory=dict)


def read_ofx(path: Path, side: Side, notes: list[str]) -> Iterator[Line | BadRow]:
    """Read an OFX or QFX file.

    Raises: FileUnreadable when it holds no statement, or is too large.
    """
    if path.stat().st_size > LARGEST_OFX:
        raise FileUnreadable(path, f"more than {LARGEST_OFX:,} bytes", "Download it by month or account")
    text = _CDATA.sub(lambda found: html.escape(found[1]), decoded(path.read_bytes()))
    if not re.search(r"<(BANKTRANLIST|STMTTRN|STMTRS|CCSTMTRS|INVTRANLIST)\b", text, re.IGNORECASE):
        raise FileUnreadable(path, "an OFX file without a statement", "Download the account's transactions")
    if re.search(r"<INVSTMTRS>", text, re.IGNORECASE):
        notes.append("of an investment account only the movements of cash are lines; purchases and sales are left out")
    count = pending = 0
    for entry in _entries(text):
        if isinstance(entry, int):
            yield BadRow(path.name, entry, "the file breaks off before </OFX>; download it again")
        elif entry.currency == "":
            pending += 1
        else:
            count += 1
            try:
                yield _line(entry, side, count)
            except BadValue as error:
                yield BadRow(path.name, entry.line, str(error))
    if pending:
        notes.append(f"pending entries left out: {pending:,}")


def _entries(text: str) -> Iterator[_Entry | int]:
    """All entries, pending ones without a currency; at the end the last line's number if the file breaks off."""
    currency, entry, at, line, closed = "?", None, 0, 1, False
    for tag in _TAG.finditer(text):
        line += text.count("\n", at, tag.start())
        at = tag.start()
        ends, name, value = bool(tag[1] or tag[3]), tag[2].upper(), " ".join(html.unescape(tag[4]).split())
        if name in ("STMTTRN", "STMTTRNP", "BANKTRANLIST", "BANKTRANLISTP"):
            if entry is not None:
                yield entry
            entry = None
            if not ends and name.startswith("STMTTRN"):
                entry = _Entry(line, "" if name in _PENDING else currency)
        elif name == "CURDEF" and value:
            currency = value.upper()
        elif name == "OFX" and ends:
            closed = True
        elif entry is not None and value and not ends:
            if name == "CURSYM" and "ORIGCURRENCY" not in entry.values and entry.currency:
                entry.currency = value.upper()  # of the amount; of ORIGCURRENCY it is what the amount was before
            entry.values.setdefault(name, value)
        elif entry is not None and name == "ORIGCURRENCY" and not ends:
            entry.values["ORIGCURRENCY"] = "yes"
    if entry is not None:
        yield entry
    if not closed:
        yield line + text.count("\n", at)


def _line(entry: _Entry, side: Side, count: int) -> Line:
    values = entry.values
    if not re.fullmatch(r"[A-Z]{3}", entry.currency):
        raise BadValue("no currency (CURDEF) stands before the entry")
    if "CORRECTACTION" in values:
        raise BadValue(f"a correction ({values['CORRECTACTION'].lower()}) of entry {values.get('CORRECTFITID', '')}")
    amount = values.get("TRNAMT", "")
    name = values.get("FITID", "")
    kind = values.get("TRNTYPE", "").lower()
    return Line(
        id=name or f"entry-{count}",
        side=side,
        amount_minor=amount_minor(amount, decimal_mark([amount]), entry.currency),
        currency=entry.currency,
        on=_day(values.get("DTPOSTED", "")),
        value_on=_day(values["DTAVAIL"]) if "DTAVAIL" in values else None,
        text=joined([values.get("MEMO"), kind if kind not in ("", "other") else None]),
        counterparty=values.get("NAME", ""),
        references=kept_references([values.get("CHECKNUM"), values.get("REFNUM")]),
        numbered=not name,
    )


def _day(written: str) -> date:
    """The day of "20261124120000.000[-5:EST]", as the bank wrote it: its own, whatever the zone."""
    found = re.match(r"\d{8}(?!\d{1,5}(?!\d))", written)
    day = read_date(found[0], _ANY_ORDER) if found else None
    if day is None:
        raise BadValue(f"date {shown(written)} is not a date")
    return day
