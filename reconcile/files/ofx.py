"""OFX and QFX, as American banks and card issuers give them for download: each STMTTRN is one line.

Both writings are read: 1.x, where an element needs no end tag (SGML), and 2.x (XML). There is no opening balance, so
nothing shows whether entries are missing, but a file that breaks off is reported. The format is read here because the
library that is kept up is under the GPL.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from reconcile.engine.lines import Line, Side
from reconcile.files.banking import Reading, joined, kept_references
from reconcile.files.encoding import decoded
from reconcile.files.errors import BadRow, FileUnreadable
from reconcile.files.masking import shown
from reconcile.files.values import BadValue, DateOrder, amount_minor, decimal_mark, read_date

LARGEST_OFX = 200_000_000  # bytes; the text is held in memory
# A value ends where the next tag begins; a "<" that begins no tag is text, as in "paid < 5".
_INSIDE = r"[A-Za-z][A-Za-z0-9._]*(?:\s+[\w:.-]+\s*=\s*(?:\"[^\"]*\"|'[^']*'))*\s*"
_TAG = re.compile(rf"<(/?)(?P<name>{_INSIDE})(/?)>((?:[^<]|<(?!/?{_INSIDE}/?>))*)")
_HELD = "HOLD"  # a type of the pending list: the amount is reserved, not moved
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
# What a type says of the direction; of the others (ATM, POS, XFER, INT, OTHER) it may be either.
_DEBITS = frozenset({"DEBIT", "CHECK", "PAYMENT", "DIRECTDEBIT", "REPEATPMT", "FEE", "SRVCHG", "CASH", "POS"})
_CREDITS = frozenset({"CREDIT", "DEP", "DIRECTDEP", "DIV"})
_CDATA = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)
# An entry ends with these, whether or not its own end tag stands there.
_ENDS_ENTRY = frozenset({"STMTTRN", "STMTTRNP", "BANKTRANLIST", "BANKTRANLISTP", "LEDGERBAL", "AVAILBAL",
                         "STMTRS", "CCSTMTRS", "INVSTMTRS"})  # fmt: skip
_PENDING = ("STMTTRNP", "BANKTRANLISTP")
_ANY_ORDER = DateOrder(day_first=False)  # a date is written as 20261124, which has one reading


@dataclass(slots=True)
class _Entry:
    """The elements of one STMTTRN by name; of a name that stands twice (PAYEE has one of its own) the first counts."""

    line: int
    currency: str
    account: str = ""
    values: dict[str, str] = field(default_factory=dict)


def read_ofx(path: Path, side: Side, reading: Reading) -> Iterator[Line | BadRow]:
    """Read an OFX or QFX file.

    Raises: FileUnreadable when it holds no statement, or is too large.
    """
    if path.stat().st_size > LARGEST_OFX:
        raise FileUnreadable(path, f"more than {LARGEST_OFX:,} bytes", "Download it by month or account")
    text = _CDATA.sub(lambda found: html.escape(found[1]), decoded(path.read_bytes(), reading.encoding))
    text = _COMMENT.sub(lambda found: "\n" * found[0].count("\n"), text)
    if not re.search(r"<(BANKTRANLIST|STMTTRN|STMTRS|CCSTMTRS|INVTRANLIST)\b", text, re.IGNORECASE):
        raise FileUnreadable(path, "an OFX file without a statement", "Download the account's transactions")
    if re.search(r"<INVSTMTRS>", text, re.IGNORECASE):
        reading.notes.append(
            "of an investment account only the movements of cash are lines; purchases and sales are left out"
        )
    found = list(_entries(text, reading))
    entries = [one for one in found if isinstance(one, _Entry)]
    booked = [one for one in entries if one.currency and one.values.get("TRNTYPE", "").upper() != _HELD]
    pending = len(entries) - len(booked)
    kept, unknown, doubtful = _corrected(booked, reading.notes)
    unsigned = _unsigned(kept, reading.notes)
    for count, entry in enumerate(kept, start=1):
        try:
            yield replace(_line(entry, side, count, entry.account in unsigned), account=entry.account)
        except BadValue as error:
            yield BadRow(path.name, entry.line, str(error))
    for entry in unknown:
        yield BadRow(path.name, entry.line, _uncorrected(entry))
    for entry in doubtful:
        yield BadRow(path.name, entry.line, "a later entry corrects this one and does not say how; correct it by hand")
    for one in found:
        if isinstance(one, int):
            yield BadRow(path.name, one, "the file breaks off before </OFX>; download it again")
    if pending:
        reading.notes.append(f"pending entries left out: {pending:,}")


def _corrected(entries: list[_Entry], notes: list[str]) -> tuple[list[_Entry], list[_Entry], list[_Entry]]:
    """Return the entries that stand once corrections are made, the corrections that can't be made, and what those name.

    A correction that names only itself, as some banks write every line, replaces nothing and is a line.
    """
    by_id: dict[tuple[str, str], list[int]] = {}
    for at, entry in enumerate(entries):
        by_id.setdefault((entry.account, entry.values.get("FITID", "")), []).append(at)
    gone: set[int] = set()
    unknown: list[_Entry] = []
    doubtful: set[int] = set()
    for at, entry in enumerate(entries):
        action, of = entry.values.get("CORRECTACTION", "").upper(), entry.values.get("CORRECTFITID", "")
        if not action and not of:
            continue
        own = of == entry.values.get("FITID", "")
        named = by_id.get((entry.account, of), []) if of else []
        others = [one for one in named if one < at or (one > at and not own)]
        if action == "DELETE":
            gone.add(at)
        if (not others and not own) or action not in ("REPLACE", "DELETE"):
            gone.add(at)
            unknown.append(entry)
            doubtful.update(others)
            continue
        gone.update(others)
    doubtful -= gone
    if len(gone) > len(unknown):
        notes.append(f"entries that corrections replaced or deleted, left out: {len(gone) - len(unknown):,}")
    kept = [entry for at, entry in enumerate(entries) if at not in gone | doubtful]
    return kept, unknown, [entries[at] for at in sorted(doubtful)]


def _uncorrected(entry: _Entry) -> str:
    """Return why a correction was not made, and what helps."""
    action, of = entry.values.get("CORRECTACTION", ""), entry.values.get("CORRECTFITID", "")
    if action.upper() in ("REPLACE", "DELETE"):
        return f"a correction ({action.lower()}) of entry {of}, which is not in this file; correct it by hand"
    if of:
        return f"a correction of entry {of} that says neither REPLACE nor DELETE; correct it by hand"
    return f"{shown(action)} is no correction (REPLACE or DELETE); correct it by hand"


def _unsigned(entries: list[_Entry], notes: list[str]) -> set[str]:
    """Return the accounts whose amounts carry no sign, so that their direction stands in the type alone."""
    found: set[str] = set()
    for account in sorted({entry.account for entry in entries}):
        mine = [entry for entry in entries if entry.account == account]
        signs = [entry.values.get("TRNAMT", "").strip().startswith(("-", "(")) for entry in mine]
        against = sum(
            1
            for entry, negative in zip(mine, signs, strict=True)
            if entry.values.get("TRNTYPE", "").upper() in (_CREDITS if negative else _DEBITS)
        )
        if against and not any(signs):
            found.add(account)
            notes.append("no amount has a minus; the direction is that of the entry's type (TRNTYPE)")
        elif against:
            notes.append(f"amounts whose sign is not that of their type (TRNTYPE); the sign counts: {against:,}")
    return found


def _entries(text: str, reading: Reading) -> Iterator[_Entry | int]:
    """Yield all entries, pending ones without a currency; at the end the last line's number if the file breaks off."""
    entry: _Entry | None = None
    currency, account, at, line, closed = reading.currency or "?", "", 0, 1, False
    for tag in _TAG.finditer(text):
        line += text.count("\n", at, tag.start())
        at = tag.start()
        ends, name, value = bool(tag[1] or tag[3]), tag[2].split()[0].upper(), " ".join(html.unescape(tag[4]).split())
        if name in _ENDS_ENTRY:
            if entry is not None:
                yield entry
            entry = None
            if not ends and name.startswith("STMTTRN"):
                entry = _Entry(line, "" if name in _PENDING else currency, account)
            if name.endswith("STMTRS") and not ends:
                currency, account = reading.currency or "?", ""
        elif name == "ACCTID" and value and not ends and entry is None:
            account = reading.accounts.label(value)
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


def _line(entry: _Entry, side: Side, count: int, unsigned: bool) -> Line:
    values = entry.values
    if not re.fullmatch(r"[A-Z]{3}", entry.currency):
        raise BadValue("no currency (CURDEF) stands before the entry")
    amount = values.get("TRNAMT", "")
    name = values.get("FITID", "")
    kind = values.get("TRNTYPE", "").lower()
    minor = amount_minor(amount, decimal_mark([amount]), entry.currency)
    if unsigned and minor:
        if kind.upper() not in _DEBITS | _CREDITS:
            raise BadValue(f"neither a sign nor the type {kind or 'nothing'} says whether it is a credit or a debit")
        minor = -minor if kind.upper() in _DEBITS else minor
    return Line(
        id=name or f"entry-{count}",
        side=side,
        amount_minor=minor,
        currency=entry.currency,
        on=_day(values.get("DTPOSTED", "")),
        value_on=_day(values["DTAVAIL"]) if "DTAVAIL" in values else None,
        text=joined([values.get("MEMO"), kind if kind not in ("", "other") else None]),
        counterparty=values.get("NAME", ""),
        references=kept_references([values.get("CHECKNUM"), values.get("REFNUM")]),
        numbered=not name,
    )


def _day(written: str) -> date:
    """Return the day of "20261124120000.000[-5:EST]", as the bank wrote it: its own, whatever the zone."""
    found = re.match(r"\d{8}(?!\d{1,5}(?!\d))", written)
    day = read_date(found[0], _ANY_ORDER) if found else None
    if day is None:
        raise BadValue(f"date {shown(written)} is not a date")
    return day
