"""BAI2: records of comma-separated fields, continued by 88, amounts without a decimal point.

Each 16 record is one line. An account's control total (49) and its opening and closing ledger balance (010, 015) are
checked. The meaning of the type codes comes from the bai2 library; records are read here, because one bad record must
cost one line and not the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from reconcile.engine.lines import Line, Side
from reconcile.files.banking import Reading, balance_break, joined, kept_references
from reconcile.files.encoding import decoded
from reconcile.files.errors import BadRow, FileUnreadable
from reconcile.files.values import BadValue, DateOrder, amount_minor, full_year, money, read_date

_RECORD = re.compile(r"\s*(01|02|03|16|49|88|98|99),")
# Where several records stand on one line, the next one begins like a record; "DATED 11/16,BATCH 5" is text.
_NEXT_ON_LINE = re.compile(
    r"/\s*(?=02,[^,/]*,[^,/]*,\d|03,[^,/]*,(?:[A-Za-z]{3})?[,/]|16,\d{3},|(?:49|98|99),[-+]?\d+,\d|88,)"
)
OPENING, CLOSING = "010", "015"
DELETED, CORRECTED, TEST = "2", "3", "4"  # status of a group; 1 is an update
LIBRARY_CODES_END = 900  # 900 and above are the bank's own: 900-919 status, 920-959 credits, 960-999 debits
# The other party's name, as US banks write it into the text; the second list is for money out.
_NAME_ENDS = r"(?=\s{2,}|\s+(?:ORIG ID|DESC DATE|CO ENTRY|SEC|TRACE|EED|IND ID|IND NAME|TRN|REF|OBI)\b|[\n;,/]|$)"
_PAYER = re.compile(r"\b(?:ORIG CO NAME|ORIGINATOR|DBNM|ORG):\s*(.+?)" + _NAME_ENDS)
_PAYEE = re.compile(r"\b(?:ORIG CO NAME|BENEFICIARY|CRNM|BNF):\s*(.+?)" + _NAME_ENDS)


@dataclass(slots=True)
class _Record:
    code: str
    fields: list[str]
    line: int
    text: str = ""


@dataclass(slots=True)
class _Account:
    currency: str
    total_minor: int = 0  # of all amounts, the control total of record 49
    entries_minor: int = 0
    entries: int = 0
    whole: bool = True
    label: str = ""
    balances: dict[str, int] = field(default_factory=dict)


def read_bai2(path: Path, side: Side, reading: Reading) -> Iterator[Line | BadRow]:
    """Read a BAI2 file.

    Raises: FileUnreadable when it has no records of an account.
    """
    default = reading.currency or "USD"
    group_currency, on = default, None
    account: _Account | None = None
    count = informative = status = tests = 0
    group = ""
    seen_account = False
    for record in _records(decoded(path.read_bytes(), reading.encoding)):
        try:
            if record.code == "02":
                group = _field(record, 3)
                if group == DELETED:
                    raise BadValue("the bank deletes a group that it sent before; take its lines back by hand")
                if group == CORRECTED:
                    reading.notes.append("a group corrects one that the bank sent before (status 3): compare the two")
                group_currency = _field(record, 6).upper() or default
                on = _day(_field(record, 4))
            elif record.code == "03":
                seen_account = True
                if group in (DELETED, TEST):
                    account = None
                    continue
                account = _Account(_field(record, 2).upper() or group_currency)
                account.label = reading.accounts.label(_field(record, 1))
                _summaries(record, account)
            elif record.code == "16":
                count += 1
                if group in (DELETED, TEST):
                    tests += group == TEST
                    continue
                if account is None:
                    raise BadValue("a transaction before any account (record 03)")
                amount = _number(_field(record, 2), account.currency)
                account.total_minor += amount or 0
                if amount is None and _field(record, 1) in ("890", "891"):
                    informative += 1
                    continue
                if _is_status(_field(record, 1)):  # the control total counts it, the balance does not
                    status += 1
                    continue
                if amount is None:
                    raise BadValue("no amount")
                line = replace(_line(record, side, account.currency, amount, on, count), account=account.label)
                account.entries_minor += line.amount_minor
                account.entries += 1
                yield line
            elif record.code == "49" and account is not None:
                yield from _checks(path.name, record, account)
                account = None
        except BadValue as error:
            if account is not None:
                account.whole = False
            what = f"transaction {count}" if record.code == "16" else f"record {record.code}"
            yield BadRow(path.name, record.line, f"{what}: {error}")
    if not seen_account:
        raise FileUnreadable(path, "BAI2 without an account (record 03)", "Ask the bank for the file again")
    if informative:
        reading.notes.append(f"{informative} records without money (type 890) were left out")
    if tests:
        reading.notes.append(f"transactions of groups that only test (status 4), left out: {tests:,}")
    if status:
        reading.notes.append(f"records of account status (types 001-099 and 900-919), no money, left out: {status:,}")


def _is_status(code: str) -> bool:
    return re.fullmatch(r"0\d\d|90\d|91\d", code) is not None


def _records(text: str) -> Iterator[_Record]:
    """Yield records with their continuations; a text that runs over several lines is put together."""
    rows = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    held: _Record | None = None
    for number, row in enumerate(rows, start=1):
        # Some banks put several records on one line, each ended by a slash.
        for piece in _NEXT_ON_LINE.split(row) if _RECORD.match(row) else [row]:
            found = _RECORD.match(piece)
            content = piece[found.end() :].rstrip() if found else piece.strip()
            if not content and not found:
                continue
            if found and found[1] != "88":
                if held is not None:
                    yield _cut(held)
                held = _Record(found[1], [], number, content)
            elif held is not None:  # 88, or a broken text: one more piece of the last record
                held.text = f"{held.text.removesuffix('/')}{_glue(held)}{content}"
    if held is not None:
        yield _cut(held)


def _glue(record: _Record) -> str:
    # A slash ends a field; without one, a transaction's text goes on (and may hold commas of its own).
    if record.text.endswith("/") or record.code != "16":
        return ","
    if not _in_text(record):
        return "" if record.text.endswith(",") else ","
    return "" if record.text.endswith(",") else "\n"


def _in_text(record: _Record) -> bool:
    """Return whether a transaction has reached its last field, the text.

    Before it a continuation begins a new field.
    """
    fields = [record.code, *record.text.split(",")]
    return len(fields) > _after_funds(_Record(record.code, fields, record.line), 3) + 2


def _cut(record: _Record) -> _Record:
    record.fields = [record.code, *record.text.removesuffix("/").split(",")]
    return record


def _field(record: _Record, at: int) -> str:
    return record.fields[at].strip(" \n/") if at < len(record.fields) else ""


def _number(text: str, currency: str) -> int | None:
    """Return an amount in minor units: BAI2 writes none of the decimal points, but some banks do."""
    if not text:
        return None
    return amount_minor(text, ".", currency, in_minor="." not in text)


def _day(text: str) -> date | None:
    return read_date(f"{full_year(text[:2])}{text[2:]}" if len(text) == 6 else text, DateOrder(True))


def _summaries(record: _Record, account: _Account) -> None:
    """Add up the amounts of an account's header, and keep its two ledger balances."""
    at = 3
    while at < len(record.fields):
        code, amount = _field(record, at), _number(_field(record, at + 1), account.currency)
        account.total_minor += amount or 0
        if amount is not None and code in (OPENING, CLOSING):
            account.balances[code] = amount
        at = _after_funds(record, at + 3)


def _after_funds(record: _Record, at: int) -> int:
    """Return where the fields go on after a funds type and what it brings along; `at` is the funds type's place."""
    kind = _field(record, at).upper()
    if kind == "S":
        return at + 4
    if kind == "V":
        return at + 3
    if kind == "D":
        distributions = _field(record, at + 1)
        return at + 2 + 2 * (int(distributions) if distributions.isdigit() else 0)
    return at + 1


def _line(record: _Record, side: Side, currency: str, amount: int, on: date | None, count: int) -> Line:
    code = _field(record, 1)
    sign, meaning = _meaning(code)
    at = _after_funds(record, 3)
    value_on = _day(_field(record, 4)) if _field(record, 3).upper() == "V" else None
    text = ",".join(record.fields[at + 2 :])
    party = (_PAYER if sign > 0 else _PAYEE).search(text)
    return Line(
        id=f"entry-{count}",
        side=side,
        amount_minor=sign * amount,
        currency=currency,
        on=on,
        value_on=value_on,
        text=joined([text.strip(" /"), meaning]),
        counterparty=party[1].strip() if party else "",
        references=kept_references([_field(record, at), _field(record, at + 1)]),
        bank_reference=next(iter(kept_references([_field(record, at)])), ""),
        extra={"return": "return"} if re.search(r"(?i)return|reversal", meaning) else {},
        numbered=True,
    )


def _meaning(code: str) -> tuple[int, str]:
    """Return the sign and the name of a type code. Raises: BadValue for a code that says neither credit nor debit."""
    from bai2.constants import TypeCodes  # type: ignore[import-untyped]  # bai2 ships no types

    if not re.fullmatch(r"\d{3}", code):
        raise BadValue(f"type code {code[:20]!r} is not three digits")
    number, known = int(code), TypeCodes.get(code)
    direction = str(getattr(getattr(known, "transaction", None), "value", "") or "")
    if not direction or number >= LIBRARY_CODES_END:
        credit = 100 <= number < 400 or 920 <= number < 960
        direction = "credit" if credit else "debit" if 400 <= number < 700 or number >= 960 else ""
    if direction not in ("credit", "debit"):
        raise BadValue(f"type code {code} says neither credit nor debit")
    return 1 if direction == "credit" else -1, str(known.description) if known and number < LIBRARY_CODES_END else ""


def _checks(file: str, record: _Record, account: _Account) -> Iterator[BadRow]:
    """Control total and ledger balances of an account that was read without loss."""
    if not account.whole:
        return
    stated = _number(_field(record, 1), account.currency)
    if stated is not None and stated != account.total_minor:
        yield BadRow(
            file,
            record.line,
            f"the account's control total is {money(stated, account.currency)}, but its amounts add up to "
            f"{money(account.total_minor, account.currency)} {account.currency}; ask the bank for the file again",
        )
    if account.entries and {OPENING, CLOSING} <= account.balances.keys():
        opening, closing = account.balances[OPENING], account.balances[CLOSING]
        broken = balance_break(file, record.line, opening, account.entries_minor, closing, account.currency)
        if broken is not None:
            yield broken
