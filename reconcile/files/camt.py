"""camt.052, camt.053 and camt.054 of any version: each booked entry is one line.

References and names of the single transactions inside an entry become part of it, so that a collective credit can
still be explained by its parts. The file is read as a stream, an entry at a time; a DTD is refused at sight, so no
entity is ever expanded and nothing is fetched.
"""

from __future__ import annotations

import codecs
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any
from xml.parsers import expat

from reconcile.engine.lines import Line, Side
from reconcile.files.banking import (
    Closed,
    Reading,
    balance_break,
    joined,
    kept_references,
    statements_missing,
)
from reconcile.files.bookings import booked
from reconcile.files.errors import BadRow, FileUnreadable
from reconcile.files.masking import shown
from reconcile.files.values import BadValue, DateOrder, amount_minor, read_date

REFERENCES = ("EndToEndId", "InstrId", "TxId", "MndtId", "ChqNb", "AcctSvcrRef", "Ref", "Nb", "UETR", "PmtInfId")
KEPT = ("Ntry", "Acct", "Bal", "StmtPgntn", "RptPgntn")
STATEMENTS = ("Stmt", "Rpt", "Ntfctn")
BOOKED = "BOOK"
NOT_BOOKED = ("PDNG", "INFO", "FUTR")
DEEPEST = 100  # levels; camt needs about 15, an attack many thousands
CHUNK = 65_536


@dataclass(slots=True)
class _Node:
    """An element without namespace, and the line it begins on."""

    tag: str
    line: int
    attributes: dict[str, str]
    text: str = ""
    children: list[_Node] = field(default_factory=list)

    def first(self, *path: str) -> _Node | None:
        """Return the element at a path of tags."""
        found: _Node | None = self
        for tag in path:
            found = next((child for child in found.children if child.tag == tag), None) if found else None
        return found

    def value(self, *path: str) -> str:
        """Return the text at a path of tags, or nothing."""
        found = self.first(*path)
        return found.text.strip() if found else ""

    def every(self, *tags: str) -> Iterator[_Node]:
        """Yield all elements with one of these tags, at any depth, this one included."""
        if self.tag in tags:
            yield self
        for child in self.children:
            yield from child.every(*tags)

    def texts(self, *tags: str) -> list[str]:
        """Return the texts of all elements with one of these tags."""
        return [text for node in self.every(*tags) if (text := node.text.strip())]


@dataclass(slots=True)
class _Statement:
    """What is known of the statement that is being read, for its balance."""

    opening: _Node | None = None
    closing: _Node | None = None
    whole: bool = True
    account: str = ""
    entries_minor: int = 0


def read_camt(path: Path, side: Side, reading: Reading) -> Iterator[Line | BadRow]:
    """Read a camt file.

    Ensures: entries that are not booked yet are left out and counted in notes.
    Raises:  FileUnreadable for what is no camt file, no XML, or XML with a DTD.
    """
    count = pending = 0
    unclear: Counter[str] = Counter()
    chains: dict[tuple[str, str], list[Closed]] = {}  # the statements by account and currency
    statement = _Statement()
    for part in _parts(path, reading.encoding):
        if isinstance(part, str):  # a statement begins or ends
            broken = _balance(path.name, statement)
            if broken is not None:
                yield broken
            _chain(statement, chains)
            statement = _Statement()
        elif part.tag == "Bal":
            _note_balance(statement, part)
        elif part.tag == "Acct":
            statement.account = reading.accounts.label(part.value("Id", "IBAN") or part.value("Id", "Othr", "Id"))
        elif part.tag != "Ntry":
            statement.whole &= part.value("PgNb") in ("", "1") and part.value("LastPgInd") in ("", "true", "1")
        elif (status := _status(part)) in NOT_BOOKED or booked(status) is False:
            count, pending = count + 1, pending + 1
        else:
            count += 1
            if status != BOOKED and not booked(status):
                unclear[status] += 1
            try:
                line = replace(_entry(part, side, count), account=statement.account)
                statement.entries_minor += line.amount_minor
                yield line
            except BadValue as error:
                statement.whole = False
                yield BadRow(path.name, part.line, f"entry {count}: {error}")
    yield from statements_missing(path.name, chains)
    if pending:
        reading.notes.append(
            f"{pending} of {count} entries are not booked yet (pending or for information) and were left out"
        )
    for status, times in sorted(unclear.items()):
        what = f"status {shown(status)}, which is not known to be booked or not" if status else "no status"
        reading.notes.append(f"entries with {what}; counted as booked: {times:,}")


def _status(entry: _Node) -> str:
    """BOOK, PDNG and so on, or the bank's own word; up to version 7 without an element of its own."""
    return entry.value("Sts", "Cd") or entry.value("Sts", "Prtry") or entry.value("Sts")


# -- XML ------------------------------------------------------------------------------------------------------------


class _Builder:
    """Turns expat's calls into whole entries and balances, and forgets everything else."""

    def __init__(self, parser: expat.XMLParserType):
        self.parser = parser
        self.ready: list[_Node | str] = []
        self.open: list[_Node] = []
        self.depth = 0
        self.root = ""
        self.is_camt = False
        parser.buffer_text = True
        parser.StartElementHandler = self.start
        parser.EndElementHandler = self.end
        parser.CharacterDataHandler = self.characters
        parser.StartDoctypeDeclHandler = self.doctype

    def doctype(self, *_: Any) -> None:
        raise BadValue("XML with a DTD, which a bank's file never has")

    def start(self, label: str, attributes: dict[str, str]) -> None:
        tag = label.rsplit(":", 1)[-1]
        self.depth += 1
        if self.depth > DEEPEST:
            raise BadValue(f"XML nested deeper than {DEEPEST} levels")
        if not self.root:
            spaces = [value for name, value in attributes.items() if name.startswith("xmlns") and "20022" in value]
            self.root = spaces[0].rsplit(":", 1)[-1] if spaces else tag
        if tag in STATEMENTS or tag.startswith("BkToCstmr"):
            self.is_camt = True
        if tag in STATEMENTS:
            self.ready.append(tag)
        if self.open or tag in KEPT:
            node = _Node(tag, self.parser.CurrentLineNumber, attributes)
            if self.open:
                self.open[-1].children.append(node)
            self.open.append(node)

    def end(self, name: str) -> None:
        self.depth -= 1
        if self.open:
            node = self.open.pop()
            if not self.open:
                self.ready.append(node)
        elif name.rsplit(":", 1)[-1] in STATEMENTS:
            self.ready.append(name)

    def characters(self, text: str) -> None:
        if self.open:
            self.open[-1].text += text


def _parts(path: Path, encoding: str = "") -> Iterator[_Node | str]:
    """Yield entries, balances, and the beginnings and ends of statements, in the order of the file."""
    parser = expat.ParserCreate(encoding or _encoding(path))
    builder = _Builder(parser)
    try:
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                parser.Parse(chunk, False)
                yield from builder.ready
                builder.ready.clear()
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise FileUnreadable(
            path, f"broken XML in line {error.lineno}: {expat.ErrorString(error.code)}", "Ask the bank for it again"
        ) from error
    except (BadValue, LookupError, UnicodeError) as error:
        raise FileUnreadable(path, f"line {parser.CurrentLineNumber}: {error}", "Ask the bank for it again") from error
    if not builder.is_camt:
        raise FileUnreadable(
            path, f"XML ({builder.root}), but no camt.052, camt.053 or camt.054", "Ask the bank for camt.053"
        )


def _encoding(path: Path) -> str | None:
    """Return None to believe the file; Latin-1 for one that says UTF-8, or nothing, and is not."""
    with path.open("rb") as file:
        head = file.read(200).lower()
        if head.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in head:
            return None
        if b"encoding" in head and b"utf-8" not in head:
            return None
        file.seek(0)
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            while chunk := file.read(CHUNK):
                decoder.decode(chunk)
            decoder.decode(b"", True)
        except UnicodeDecodeError:
            return "iso-8859-1"
    return None


# -- balances and entries -------------------------------------------------------------------------------------------


def _note_balance(statement: _Statement, balance: _Node) -> None:
    code = balance.value("Tp", "CdOrPrtry", "Cd")
    if code == "OPBD" or (code == "PRCD" and statement.opening is None):
        statement.opening = balance
    elif code == "CLBD":
        statement.closing = balance


def _balance(file: str, statement: _Statement) -> BadRow | None:
    if statement.opening is None or statement.closing is None or not statement.whole:
        return None
    try:
        (opening, currency), (closing, other) = _signed(statement.opening), _signed(statement.closing)
    except BadValue as error:
        return BadRow(file, statement.closing.line, f"balance: {error}")
    if currency != other:
        return None
    return balance_break(file, statement.closing.line, opening, statement.entries_minor, closing, currency)


def _chain(statement: _Statement, chains: dict[tuple[str, str], list[Closed]]) -> None:
    """Note with what a statement opens and closes."""
    if statement.opening is None:
        return
    with suppress(BadValue):
        opening, currency = _signed(statement.opening)
        closing = _signed(statement.closing)[0] if statement.closing is not None else None
        one = Closed(statement.opening.line, opening, closing)
        chains.setdefault((statement.account, currency), []).append(one)


def _signed(node: _Node) -> tuple[int, str]:
    """Return the amount of an entry or a balance, in minor units, with its sign and currency. Raises: BadValue."""
    amount = node.first("Amt")
    if amount is None:
        raise BadValue("no amount")
    currency = amount.attributes.get("Ccy", "").upper()
    if len(currency) != 3 or not currency.isalpha():
        raise BadValue("no currency")
    direction = node.value("CdtDbtInd")
    if direction not in ("CRDT", "DBIT"):
        raise BadValue("says neither credit nor debit")
    minor = amount_minor(amount.text.strip(), ".", currency)
    return minor if direction == "CRDT" else -minor, currency


def _entry(entry: _Node, side: Side, count: int) -> Line:
    amount, currency = _signed(entry)
    returned = entry.value("RvslInd") in ("true", "1") or any(True for _ in entry.every("RtrInf"))
    details = list(entry.every("TxDtls")) or [entry]
    # A returned payment keeps the roles of the original: money that comes back names us as the debtor.
    payer = (amount > 0) != returned
    roles = ("Dbtr", "UltmtDbtr") if payer else ("Cdtr", "UltmtCdtr")
    names = [party.texts("Nm")[:1] for one in details for party in one.every(*roles)]
    texts = [text for one in details for text in one.texts("Ustrd", "AddtlRmtInf", "AddtlTxInf")]
    own = [entry.value("AcctSvcrRef"), entry.value("NtryRef")]
    references = [ref for one in details if one is not entry for ref in one.texts(*REFERENCES)]
    ids = kept_references([entry.value("NtryRef"), entry.value("AcctSvcrRef")])
    batches = kept_references(entry.texts("PmtInfId", "MsgId"))
    extra = {"return": "return"} if returned else {}
    foreign = _foreign(details, currency)
    if foreign:
        extra["foreign amount"] = foreign
    return Line(
        id=ids[0] if ids else f"entry-{count}",
        side=side,
        amount_minor=amount,
        currency=currency,
        on=_day(entry, "BookgDt"),
        value_on=_day(entry, "ValDt"),
        text=joined([*texts, entry.value("AddtlNtryInf")]),
        counterparty=joined(name for found in names for name in found),
        references=kept_references([*references, *own]),
        batch_key=batches[0] if batches else "",
        extra=extra,
        numbered=not ids,
        bank_reference=_banks_own(entry, details),
    )


def _banks_own(entry: _Node, details: list[_Node]) -> str:
    """Return the account servicer's reference, of the entry or of its only transaction.

    NtryRef is none: many banks count the entries of a statement with it, and count anew in the next.
    """
    only = details[0].value("Refs", "AcctSvcrRef") if len(details) == 1 else ""
    return next(iter(kept_references([entry.value("AcctSvcrRef"), only])), "")


def _foreign(details: list[_Node], currency: str) -> str:
    """Return what was paid in another currency, as in "USD 120.00"; only told where it is one payment."""
    if len(details) != 1:
        return ""
    amounts = [one for holder in details[0].every("InstdAmt", "TxAmt") for one in holder.every("Amt")]
    other = [one for one in amounts if one.attributes.get("Ccy", currency) != currency]
    return f"{other[0].attributes['Ccy']} {other[0].text.strip()}" if other else ""


def _day(entry: _Node, tag: str) -> date | None:
    return read_date(entry.value(tag, "Dt") or entry.value(tag, "DtTm"), DateOrder(True))
