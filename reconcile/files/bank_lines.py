"""A bank file as records of the settlement context: which lines, under which names, without account numbers.

Decides what makes a bank line the same one again: the account, the day, the amount and the bank's own words, and which
one of equal lines of a day it is. Not its place in a file, so that a statement of today, the same statement exported
again, and a statement of the week all tell the same lines. Of the references only those count that the next file
gives again (docs/adr/0045-what-makes-a-bank-line-the-same.md).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from reconcile.engine.lines import Line, Side
from reconcile.files.banking import names_a_place
from reconcile.files.errors import BadRow, FileUnreadable
from reconcile.files.profile import SideProfile
from reconcile.files.reading import SideFile, read_side
from reconcile.files.received import GivenFile
from reconcile.files.statements import READERS
from reconcile.files.values import NO_CURRENCY
from schemas.checks.plausibility import FIRST_DAY, LAST_DAY, findings_of
from schemas.checks.sensitive import MASK, mask_sensitive
from schemas.checks.sensitive.identity import mask_of
from schemas.records.files import FileReceived
from schemas.records.settlement import BankDirection, BankLineObserved, BankStatementEnded
from schemas.values.money import is_currency

_LONGEST_TEXT = 200
# A bank account's number, a trace number or a reference: nobody can tell, so it is masked and keeps its identity.
_LONG_DIGITS = re.compile(r"(?<![\d*])\d{9,}", re.ASCII)
_BATCH = re.compile(
    r"\b(?:GB|BATCH(?:\s*(?:NO|NR|NUM|NUMBER))?)[\s.:#-]*0*(\d{1,3})\b(?![.,]\d)", re.IGNORECASE | re.ASCII
)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which account the file belongs to and which of its lines are about PayTrace.

    Shapes: account is our own label of the bank account, never its number; only matches anywhere in a line's words;
            bank_account is how the number of the bank account ends, for a file that holds several; settles is the
            currency of the settlement account, where a processor converts what it pays out.
    Units:  currency counts where the file names none.
    """

    merchant: str
    account: str
    currency: str
    only: re.Pattern[str] | None = None
    bank_account: str = ""
    settles: str = ""


@dataclass(frozen=True, slots=True)
class BankFile:
    """What a file tells.

    Shapes: received holds the chosen lines, as the file's topic keeps them; ended one record for each currency.
    """

    kind: str
    digest: str
    received: tuple[FileReceived, ...]
    lines: tuple[BankLineObserved, ...]
    ended: tuple[BankStatementEnded, ...]
    bad: tuple[BadRow, ...]
    left_out: int
    notes: tuple[str, ...]


def read_bank_lines(
    given: GivenFile,
    selection: Selection,
    profile: SideProfile | None = None,
    *,
    through_on: date | None = None,
    ends_days: bool = True,
) -> BankFile:
    """Read a bank file of any known kind.

    Ensures: the same line has the same bank_line_id in every file that holds its whole day; no account number is kept.
             With ends_days, each currency's statement reaches to through_on, or else to its last booking day.
    Raises:  FileUnreadable; also for a file of several accounts of which the selection chooses none.
    """
    path = given.path
    found = read_side(path, Side.RIGHT, profile)
    lines = _of_one_account(path, found, selection)
    bad = list(found.bad)
    seen: Counter[str] = Counter()
    reported: list[BankLineObserved] = []
    kept: list[tuple[int, Mapping[str, Any]]] = []
    last: dict[str, date] = {}
    left_out = 0
    for position, line in enumerate(lines, start=1):
        on, currency = line.on or line.value_on, _currency(line, selection)
        if on is None:
            bad.append(BadRow(given.name, position, "no booking date"))
            continue
        if is_currency(currency) and FIRST_DAY <= on <= LAST_DAY:
            last[currency] = max(on, last.get(currency, on))
        # Counted before lines are left out, so that a narrower choice names the same lines.
        content = _content(line, selection, on, currency, found.understood["kind"])
        seen[content] += 1
        if selection.only is not None and not selection.only.search(_words(line)):
            left_out += 1
            continue
        name = hashlib.sha256(f"{content}\n{seen[content]}".encode()).hexdigest()[:16]
        record = _record(line, selection, on, currency, name, given, position)
        findings = findings_of(record)
        if findings:
            bad.append(BadRow(given.name, position, "; ".join(map(str, findings))))
        else:
            reported.append(record)
            kept.append((position, _kept(record)))
    counts = Counter(line.currency for line in reported)
    ended = [
        BankStatementEnded(
            settlement_account=f"{selection.merchant}/{selection.settles or currency}",
            through_on=through_on or on,
            line_count=counts[currency],
            statement=given.digest,
            occurred_at=given.observed_at,
        )
        for currency, on in sorted(last.items())
    ]
    return BankFile(
        kind=found.understood["kind"],
        digest=given.digest,
        received=given.kept("bank", kept),
        # What names its batch comes first, so that what names none finds only what is left.
        lines=tuple(sorted(reported, key=lambda line: (line.booked_on, line.batch_number is None, line.bank_line_id))),
        ended=tuple(ended) if ends_days else (),
        bad=tuple(bad),
        left_out=left_out,
        notes=tuple(found.notes),
    )


def batch_number_in(words: str) -> int | None:
    """Return the settlement batch that a text names ("BATCH 571", "GB571"); None when it names none, or several."""
    numbers = {int(found) for found in _BATCH.findall(words)} - {0}
    return numbers.pop() if len(numbers) == 1 else None


def masked(text: str) -> str:
    """Return a bank's words with each number of nine digits and more masked, and no security code."""
    shown = mask_sensitive(" ".join(text.split()))
    return _LONG_DIGITS.sub(lambda number: mask_of(number[0]), shown)[:_LONGEST_TEXT]


def _currency(line: Line, selection: Selection) -> str:
    return selection.currency if line.currency == NO_CURRENCY else line.currency


def _words(line: Line) -> str:
    return " ".join(filter(None, (line.text, line.counterparty, *line.references, line.batch_key)))


def _of_one_account(path: Path, found: SideFile, selection: Selection) -> list[Line]:
    """Return the lines of the chosen account; all where the file holds no second one."""
    held = sorted({line.account for line in found.lines})
    chosen = held
    if selection.bank_account:
        chosen = found.accounts.ending(selection.bank_account)
        held = found.accounts.labels
    if len(chosen) > 1 or (selection.bank_account and not chosen):
        shown = ", ".join(one or "(no number)" for one in held) or "none with a number"
        ends = f" that end in {selection.bank_account[-4:]!r}" if selection.bank_account else ""
        what = "several accounts" if len(chosen) > 1 else "no accounts"
        raise FileUnreadable(
            path,
            f"the file holds {what}{ends}; its accounts end in {shown}",
            "One label names one account: choose with --bank-account and the last digits of its number",
        )
    return [line for line in found.lines if line.account in chosen] if selection.bank_account else found.lines


def _content(line: Line, selection: Selection, on: date, currency: str, kind: str) -> str:
    if line.bank_reference and not names_a_place(line.bank_reference):
        words = line.bank_reference
    else:
        # NtryRef, by which a camt entry is named in its file, counts the entries of one statement at many banks.
        places = {line.id, line.id.rpartition("#")[0]} if kind == "camt" else set()
        kept = (one for one in line.references if one not in places and not names_a_place(one, kind not in READERS))
        words = " ".join(sorted(kept))
    if not words:
        words = " ".join(" ".join(filter(None, (line.text, line.counterparty, line.batch_key))).upper().split())
    # The line's name must outlive the guard key, on which the digest of a mask depends.
    words = MASK.sub(r"************\1", words)
    return f"{selection.account}\n{currency}\n{on}\n{line.amount_minor}\n{words}"


def _record(
    line: Line, selection: Selection, on: date, currency: str, name: str, given: GivenFile, position: int
) -> BankLineObserved:
    references = tuple(masked(one) for one in line.references)
    return BankLineObserved(
        settlement_account=f"{selection.merchant}/{selection.settles or currency}",
        bank_line_id=f"{selection.account}/{on}/{name}",
        bank_account=selection.account,
        direction=BankDirection.CREDIT if line.amount_minor >= 0 else BankDirection.DEBIT,
        raw_direction="+" if line.amount_minor >= 0 else "-",
        amount_minor=abs(line.amount_minor),
        currency=currency,
        booked_on=on,
        value_on=line.value_on,
        batch_number=batch_number_in(_words(line)),
        text=masked(" ".join(filter(None, (line.text, line.counterparty)))),
        bank_reference=next(iter(references), ""),
        references=references,
        statement=given.row_name(position),
        observed_at=given.observed_at,
        raw=json.dumps({"references": references}, ensure_ascii=False),
    )


def _kept(record: BankLineObserved) -> Mapping[str, Any]:
    """Return what is kept of a line in its file: what its record says of the bank's own, masked already."""
    return {
        "bank_line": record.bank_line_id,
        "booked_on": record.booked_on,
        "amount_minor": record.amount_minor if record.direction is BankDirection.CREDIT else -record.amount_minor,
        "currency": record.currency,
        "text": record.text,
        "bank_reference": record.bank_reference,
    }
