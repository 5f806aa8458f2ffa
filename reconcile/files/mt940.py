"""MT940 and MT942 in the dialects of banks: each :61: is one line, with what its :86: says.

The format is small, and what banks make of it is not: a line too long, a missing reference, a day that does not exist
must cost at most the entry it stands in. So it is read here, tag by tag, with the line numbers that a person needs.
Three ways of filling :86: are understood: subfields after a separator (?20, ~20, <20; German, Austrian, Polish,
Luxembourg), key words between slashes (/REMI/, /NAME/; Dutch, Belgian), and plain text.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from reconcile.engine.lines import Line, Side
from reconcile.files.banking import (
    Closed,
    Reading,
    balance_break,
    joined,
    kept_references,
    statements_missing,
)
from reconcile.files.encoding import decoded
from reconcile.files.errors import BadRow, FileUnreadable
from reconcile.files.masking import shown
from reconcile.files.values import BadValue, amount_minor, full_year, precision

_TAG = re.compile(r"^\s*:(20|21|25P?|28C?|13D?|34F|60[FM]|61|86|62[FM]|64|65|90[CD]|NS|940|942):")
_CLOCK = re.compile(r"^:\d\d:\d\d(?!\d)")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f]")
_BALANCE = re.compile(r"([CD])(\d{6})?\s*([A-Z]{3})?\s*(\d[\d., ]*)")
_SUM = re.compile(r"(\d*)([A-Z]{3})(\d[\d., ]*)")
_CURRENCY_AT_END = re.compile(r"[\s\d/]([A-Z]{3})\s*$")
_ENTRY = re.compile(
    r"^\s*(?P<value>\d{6})\s*(?P<entry>\d{4})?\s*(?P<mark>R?[CD]|E[CD])(?P<funds>[A-Z])?\s*"
    r"(?P<amount>\d[\d.,' ]*)\s*(?P<kind>[NSF][A-Z0-9 ]{3})?(?P<rest>.*)$",
    re.DOTALL,
)
_FOREIGN = re.compile(r"/OCMT/([A-Z]{3})(\d[\d.,]*)")


@dataclass(slots=True)
class _Field:
    tag: str
    line: int
    rows: list[str]


@dataclass(slots=True)
class _Entry:
    head: _Field
    details: list[_Field] = field(default_factory=list)


@dataclass(slots=True)
class _Statement:
    """One page of a statement: what stands between an opening and a closing balance."""

    currency: str = ""
    account: str = ""
    opening: _Field | None = None
    entries: list[_Entry] = field(default_factory=list)
    sums: list[_Field] = field(default_factory=list)
    whole: bool = True
    credits_minor: int = 0
    debits_minor: int = 0


def read_mt940(path: Path, side: Side, reading: Reading) -> Iterator[Line | BadRow]:
    """Read an MT940 or MT942 file of any number of statements.

    Ensures: an entry that can't be read is a bad row with its line; the opening balance and the entries of each
             statement are compared with its closing balance, the sums of an MT942 with its entries.
    Raises:  FileUnreadable when there is no tag of a statement.
    """
    statement, count, seen = _Statement(), 0, False
    chains: dict[tuple[str, str], list[Closed]] = {}  # the statements by account and currency
    default = reading.currency
    closing: _Field | None = None

    def close() -> Iterator[Line | BadRow]:
        nonlocal statement, count, closing
        for entry in statement.entries:
            count += 1
            yield _read(path.name, entry, statement, side, count, default)
        yield from _breaks(path.name, statement, closing, default)
        _chain(statement, closing, default, chains)
        statement, closing = _Statement(statement.currency, statement.account), None

    for one in _fields(decoded(path.read_bytes(), reading.encoding)):
        seen = True
        if one.tag == "20" or (closing is not None and one.tag in ("60F", "60M", "61")):
            yield from close()
        if one.tag == "20":
            statement.currency = statement.account = ""
        elif one.tag in ("25", "25P"):
            statement.account = reading.accounts.label(one.rows[0])
        elif one.tag in ("60F", "60M"):
            statement.opening = one
        elif one.tag in ("62F", "62M"):
            closing = one
        elif one.tag == "61":
            statement.entries.append(_Entry(one))
        elif one.tag in ("86", "NS") and statement.entries and closing is None:
            statement.entries[-1].details.append(one)
        elif one.tag in ("90C", "90D"):
            statement.sums.append(one)
        statement.currency = statement.currency or _currency(one)
    yield from close()
    yield from statements_missing(path.name, chains)
    if not seen:
        raise FileUnreadable(path, "MT940 without any tag such as :20: or :61:", "Ask the bank for the file again")


def _fields(text: str) -> Iterator[_Field]:
    """Tags with their continuation lines; SWIFT's outer blocks and end marks are dropped."""
    held: _Field | None = None
    for number, row in enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), start=1):
        row = _CONTROL.sub("", row)
        if "{4:" in row:
            row = row.split("{4:", 1)[1]
        ends = row.strip() == "-" or row.startswith("-}")
        row = row[2:] if row.startswith("-}") else row
        found = _TAG.match(row)
        # "16:26:37" wrapped before its first colon looks like tag :26:, or like :20: once in a while.
        clock = held is not None and held.tag == "86" and _CLOCK.match(row) and held.rows[-1][-2:].isdigit()
        if held is not None and (ends or (found and not clock)):
            yield held
            held = None
        if found and not clock:
            held = _Field(found[1], number, [row[found.end() :]])
        elif held is not None and row.strip():
            held.rows.append(row)
    if held is not None:
        yield held


def _currency(one: _Field) -> str:
    text = one.rows[0]
    if one.tag in ("60F", "60M", "62F", "62M", "64", "65"):
        found = _BALANCE.match(text)
        return found[3] or "" if found else ""
    if one.tag in ("34F", "90C", "90D"):
        named = re.match(r"\d*([A-Z]{3})", text)
        return named[1] if named else ""
    if one.tag in ("25", "25P"):
        ending = _CURRENCY_AT_END.search(text)
        return ending[1] if ending else ""
    return ""


def _minor(text: str, currency: str) -> int:
    """Return an amount as banks write it into MT940.

    The comma is decimal, and so is a point that is not for thousands.
    """
    digits = text.strip(" '").replace(" ", "").replace("'", "")
    if "," in digits:
        digits = digits.replace(".", "").replace(",", ".")
    elif digits.count(".") > 1 or (precision(currency) != 3 and re.search(r"\.\d{3}$", digits)):
        digits = digits.replace(".", "")
    return amount_minor(digits, ".", currency)


# -- entries --------------------------------------------------------------------------------------------------------


def _read(file: str, entry: _Entry, statement: _Statement, side: Side, count: int, default: str) -> Line | BadRow:
    try:
        line = replace(_line(entry, statement.currency or default, side, count), account=statement.account)
    except BadValue as error:
        statement.whole = False
        return BadRow(file, entry.head.line, f"entry {count}: {error}")
    if line.amount_minor > 0:
        statement.credits_minor += line.amount_minor
    else:
        statement.debits_minor -= line.amount_minor
    return line


def _line(entry: _Entry, currency: str, side: Side, count: int) -> Line:
    rows = entry.head.rows
    found = _ENTRY.match(rows[0])
    if found is None and len(rows) > 1:  # wrapped inside the amount
        rows = [rows[0].rstrip() + rows[1].lstrip(), *rows[2:]]
        found = _ENTRY.match(rows[0])
    if found is None:
        raise BadValue(f":61: is not date, C or D, amount, type, reference: {shown(rows[0])}")
    if found["mark"][0] == "E":
        raise BadValue("an expected entry (mark EC or ED), not a booked one; wait for the booking")
    if not currency:
        raise BadValue("no currency, because the statement has no opening balance (:60F:)")
    value_on = _value_date(found["value"])
    reference, _, bank_reference = found["rest"].partition("//")
    reported = _reported(entry.details)
    supplement = " ".join(rows[1:])
    extra = {"return": "return"} if found["mark"][0] == "R" or reported.returned else {}
    foreign = _FOREIGN.search(supplement) or _FOREIGN.search(reported.text)
    if foreign and foreign[1] != currency:
        extra["foreign amount"] = f"{foreign[1]} {foreign[2]}"
    credit = found["mark"] in ("C", "RD")  # the reversal of a debit is money in
    amount = _minor(found["amount"], currency)
    return Line(
        id=f"entry-{count}",
        side=side,
        amount_minor=amount if credit else -amount,
        currency=currency,
        on=_entry_date(found["entry"], value_on),
        value_on=value_on,
        text=joined([reported.text, supplement]),
        counterparty=reported.name,
        references=kept_references([*_distinctive(reference, bank_reference), *reported.references]),
        extra=extra,
        numbered=True,
        bank_reference=next(iter(kept_references(_distinctive(bank_reference))), ""),
    )


def _distinctive(*references: str) -> list[str]:
    """Return references of a :61: without key words that only announce the :86: (EREF, MARF, KREF+) and fillers."""
    return [ref for ref in references if len(ref.strip()) > 5 or any(char.isdigit() for char in ref)]


def _value_date(text: str) -> date:
    year, month, day = full_year(text[:2]), int(text[2:4]), int(text[4:])
    if not 1 <= month <= 12 or not 1 <= day <= 31:
        raise BadValue(f"value date {text!r} is not a date")
    return date(year, month, min(day, monthrange(year, month)[1]))  # banks with months of 30 days have a 30 February


def _entry_date(text: str | None, value_on: date) -> date:
    """Return the booking day, which has no year: the one closest to the value date."""
    if not text or text == "0000":
        return value_on
    month, day = int(text[:2]), int(text[2:])
    if not 1 <= month <= 12 or not 1 <= day <= 31:
        raise BadValue(f"entry date {text!r} is not a date")
    years = (value_on.year - 1, value_on.year, value_on.year + 1)
    return min((date(year, month, min(day, monthrange(year, month)[1])) for year in years),
               key=lambda on: abs(on - value_on))  # fmt: skip


def _breaks(file: str, statement: _Statement, closing: _Field | None, default: str) -> Iterator[BadRow]:
    if not statement.whole:
        return
    currency = statement.currency or default
    try:
        if statement.opening is not None and closing is not None:
            entries = statement.credits_minor - statement.debits_minor
            opened, closed = _balance(statement.opening, currency), _balance(closing, currency)
            broken = balance_break(file, closing.line, opened, entries, closed, currency)
            if broken is not None:
                yield broken
        for total in statement.sums:
            found = _SUM.match(total.rows[0])
            if found and found[1]:
                mine = statement.credits_minor if total.tag == "90C" else statement.debits_minor
                if _minor(found[3], currency) != mine:
                    text = f"the sum in :{total.tag}: is {found[3].strip()}, which is not what the entries add up to"
                    yield BadRow(file, total.line, f"{text}; ask the bank for the file again")
    except BadValue as error:
        yield BadRow(file, (closing or statement.sums[0]).line, f"balance: {error}")


def _chain(
    statement: _Statement, closing: _Field | None, default: str, chains: dict[tuple[str, str], list[Closed]]
) -> None:
    """Note with what a statement opens and closes."""
    currency = statement.currency or default
    with suppress(BadValue):
        if statement.opening is not None:
            closed = _balance(closing, currency) if closing is not None else None
            one = Closed(statement.opening.line, _balance(statement.opening, currency), closed)
            chains.setdefault((statement.account, currency), []).append(one)


def _balance(one: _Field, currency: str) -> int:
    found = _BALANCE.match(one.rows[0])
    if found is None:
        raise BadValue(f":{one.tag}: is not C or D, date, currency, amount: {shown(one.rows[0])}")
    amount = _minor(found[4], currency)
    return amount if found[1] == "C" else -amount


# -- :86: -----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Reported:
    """What the details of an entry say."""

    text: str = ""
    name: str = ""
    references: list[str] = field(default_factory=list)
    returned: bool = False


WIDTH = 65  # characters of a SWIFT line; a full one was cut inside a word
SUBFIELD_WIDTH = 27
# German business transaction codes of returned direct debits and transfers (GVC, DFÜ agreement, annex 3).
RETURN_CODES = frozenset({"108", "109", "159", "181", "183", "184", "185"})
_SUBFIELDS = re.compile(r"^(\d{3})?\s*([^A-Za-z0-9\s/,.:()'+\-&\"])(?=\d\d)")
_SEPA = re.compile(r"(EREF|KREF|MREF|BREF|RREF|CRED|DEBT|COAM|OAMT|SVWZ|ABWA|ABWE|ANAM|IBAN|BIC|PURP|RETP)(?:\+|: )")
_SLASHED = re.compile(
    r"/(TRTP|IBAN|BIC|NAME|REMI|EREF|PREF|ORDP|BENM|CNTP|MARF|CSID|TRCD|ISDT|ULTD|ULTC|ULTB|PURP|RTRN|ADDR|ACCW|SVCL"
    r"|OCMT|EXCH|CHGS\d?|INIT|TYPE|OAMT)/"
)
_PRIMA_NOTA = re.compile(r"^999(PN\d+)?")  # code "unstructured", and a number of the bank's own
_NON_SWIFT = re.compile(r"^(\d\d)(.*)$")


def _reported(details: list[_Field]) -> _Reported:
    reported = _Reported()
    for one in details:
        if one.tag == "NS":
            _non_swift(one.rows, reported)
            continue
        flat = "".join(one.rows)
        found = _SUBFIELDS.match(flat.strip())
        if found and flat.count(found[2]) > 1:
            _subfields(flat.strip(), found, reported)
        elif _SLASHED.search(flat):
            _slashed(_unwrapped(one.rows), reported)
        else:
            reported.text = joined([reported.text, _PRIMA_NOTA.sub("", _unwrapped(one.rows))])
    return reported


def _unwrapped(rows: list[str]) -> str:
    text = ""
    for row in rows:
        text += row if len(row) >= WIDTH else row + " "
    return text.strip()


def _subfields(flat: str, found: re.Match[str], reported: _Reported) -> None:
    pieces = re.split(re.escape(found[2]) + r"(\d\d)", flat[found.end(1) if found[1] else 0 :])
    values: dict[str, str] = {}
    for key, value in zip(pieces[1::2], pieces[2::2], strict=False):
        values[key] = values.get(key, "") + value
    purpose = _run_together([values[key] for key in sorted(values) if "20" <= key <= "29" or "60" <= key <= "65"])
    names = [_run_together([values.get("32", ""), values.get("33", "")])]
    texts = []
    parts = _SEPA.split(purpose)
    texts.append(parts[0])
    for key, value in zip(parts[1::2], parts[2::2], strict=False):
        if key in ("EREF", "KREF", "MREF", "BREF", "RREF"):
            reported.references.append(value)
        elif key == "SVWZ":
            texts.append(value)
        elif key in ("ABWA", "ABWE", "ANAM"):
            names.append(value)
    reported.name = joined([reported.name, *names])
    reported.text = joined([reported.text, *texts, values.get("00", "")])
    reported.returned = reported.returned or found[1] in RETURN_CODES


def _run_together(values: list[str]) -> str:
    text = ""
    for value in values:
        text += value if len(value) == SUBFIELD_WIDTH else value + " "
    return text.strip()


def _slashed(text: str, reported: _Reported) -> None:
    parts = _SLASHED.split(text)
    texts = [parts[0]]
    for key, value in zip(parts[1::2], parts[2::2], strict=False):
        value = value.strip("/ ")
        if key == "NAME":
            reported.name = joined([reported.name, value])
        elif key == "CNTP":  # account/BIC/name/city
            reported.name = joined([reported.name, *value.split("/")[2:3]])
        elif key == "REMI":
            texts.append(re.sub(r"^(USTD|STRD/CUR)//?", "", value))
        elif key in ("EREF", "PREF", "MARF"):
            reported.references.append(value)
        elif key == "RTRN":
            reported.returned = True
        elif key in ("ORDP", "BENM", "TRTP", "OCMT"):
            texts.append(f"/OCMT/{value}" if key == "OCMT" else value)
    reported.text = joined([reported.text, *texts])


def _non_swift(rows: list[str], reported: _Reported) -> None:
    """Subfields of two digits at the beginning of a line: 01 to 14 purpose, 15 and 16 name, 17 posting text."""
    for row in rows:
        found = _NON_SWIFT.match(row)
        key, value = (found[1], found[2]) if found else ("01", row)
        if "01" <= key <= "14" or key == "17":
            reported.text = joined([reported.text, value])
        elif key in ("15", "16"):
            reported.name = joined([reported.name, value])
