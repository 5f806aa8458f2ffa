"""A deposit report of a processor as records of the settlement context: CSV or XLSX, one deposit a row, any columns.

Decides which column is which category, by a profile that is data, and whether what was taken is written with a minus.
That is proved: the way counts by which more rows come to their own net. Rows whose parts are not their net are brought
all the same, since the net is what the bank pays, and each is told.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from reconcile.files.bank_lines import batch_number_in
from reconcile.files.errors import BadRow
from reconcile.files.masking import masked
from reconcile.files.named_columns import Headers, TableProfile, cell_text, columns_of, plain, read_named
from reconcile.files.received import GivenFile, ReadFile
from reconcile.files.tables import Broken, Table
from reconcile.files.texts import Text
from reconcile.files.values import BadValue, amount_minor, date_order, decimal_mark, read_date
from schemas.checks.plausibility import findings_of
from schemas.checks.sensitive import mask_sensitive
from schemas.files.owned import read_owned
from schemas.records.settlement import DepositReported
from schemas.values.counting import counted
from schemas.values.money import is_currency

Meaning = Literal[
    "deposit",
    "date",
    "gross",
    "refunds",
    "returns",
    "chargebacks",
    "fees",
    "tax",
    "reserve",
    "net",
    "currency",
    "batch",
    "merchant",
]
NEEDED: tuple[Meaning, ...] = ("deposit", "date", "net")
TAKEN: tuple[Meaning, ...] = ("refunds", "returns", "chargebacks", "fees", "tax", "reserve")
_SHIPPED = Path(__file__).with_name("deposit_profile.yaml")


class DepositProfile(TableProfile):
    """Headers by meaning; others are columns without an account of ours. What is empty is found out."""

    columns: Mapping[Meaning, Headers] = Field(default_factory=dict)
    others: tuple[Text, ...] = ()


@dataclass(frozen=True, slots=True)
class _Row:
    """One row as it is written. Units: amounts in minor units, with the signs of the file."""

    number: int
    cells: Mapping[str, str]
    merchant: str
    amounts: Mapping[str, int]
    others: Mapping[str, int]
    currency: str
    date: Any

    def difference(self, taken_sign: int) -> int:
        """Net less the parts, where what was taken counts with this sign."""
        taken = sum(self.amounts.get(name, 0) for name in TAKEN)
        return self.amounts["net"] - self.amounts.get("gross", 0) - taken_sign * taken - sum(self.others.values())


def load_deposit_profile(path: Path | None) -> DepositProfile:
    """Return the profile that ships with Saldo, with what a file of one's own adds; raises FileInvalid."""
    shipped = read_owned(_SHIPPED, DepositProfile)
    if path is None:
        return shipped
    own = read_owned(path, DepositProfile)
    columns = {name: (*own.columns.get(name, ()), *names) for name, names in shipped.columns.items()}
    return own.model_copy(update={"columns": columns, "others": (*own.others, *shipped.others)})


def read_deposits(given: GivenFile, profile: DepositProfile) -> ReadFile[DepositReported]:
    """Read a deposit report.

    Ensures: the same file gives the same records.
    Raises:  FileUnreadable for what is no table, has no columns for deposit, date and net, or names no merchant account
             where several are possible.
    """
    path = given.path
    table = read_named(path, profile, chain(*profile.columns.values(), profile.others))
    at, others = _columns(path, table, profile)
    if "merchant" not in at:
        given.accounts.require_one(path)
    bad = list(table.bad)
    rows: list[_Row] = []
    kept: list[tuple[int, Mapping[str, Any]]] = []
    mark = profile.decimal or decimal_mark(line[at["net"]] for line in table.sample)
    for number, row in table.each():
        if (row and isinstance(row[0], Broken)) or not any(cell_text(row, column) for column in at.values()):
            continue
        cells: dict[str, str] = {name: text for name, column in at.items() if (text := cell_text(row, column))}
        more = {header: text for header, column in others.items() if (text := cell_text(row, column))}
        kept.append((number, {name: mask_sensitive(text) for name, text in (*cells.items(), *more.items())}))
        try:
            account = given.accounts.of_row(cells.get("merchant", ""), profile.merchants)
            rows.append(_read(number, row, cells, at, others, mark, account))
        except BadValue as error:
            bad.append(BadRow(given.name, number, str(error)))
    sign, notes = _taken_sign(rows, has_gross="gross" in at)
    order = date_order((line[at["date"]] for line in table.sample), profile.date_format, profile.decimal == ",")
    deposits: list[DepositReported] = []
    for one in rows:
        try:
            on = read_date(one.date, order)
            if on is None:
                raise BadValue("no date")
            taken: dict[str, Any] = {f"{name}_minor": -sign * one.amounts.get(name, 0) for name in TAKEN}
            record = DepositReported(
                settlement_account=f"{one.merchant}/{one.currency}",
                deposit_id=mask_sensitive(one.cells["deposit"]),
                reported_on=on,
                gross_minor=one.amounts.get("gross"),
                **taken,
                other_parts=dict(one.others),
                net_minor=one.amounts["net"],
                currency=one.currency,
                batch_number=_batch(one.cells.get("batch", "")),
                source_file=given.row_name(one.number),
                observed_at=given.observed_at,
                raw=json.dumps({name: mask_sensitive(text) for name, text in one.cells.items()}, ensure_ascii=False),
            )
            if findings := findings_of(record):
                raise BadValue("; ".join(map(str, findings)))
            deposits.append(record)
        except BadValue as error:
            bad.append(BadRow(given.name, one.number, str(error)))
    received = given.kept("deposits", kept)
    return ReadFile(given.digest, received, tuple(deposits), tuple(bad), (*table.notes, *notes))


def _read(
    number: int,
    row: Sequence[Any],
    cells: Mapping[str, str],
    at: Mapping[Meaning, int],
    others: Mapping[str, int],
    mark: str,
    account: tuple[str, str],
) -> _Row:
    merchant, currency = account
    if "deposit" not in cells or "net" not in cells:
        raise BadValue("names no deposit" if "deposit" not in cells else "has no net amount")
    coin = cells.get("currency", "").upper() or currency
    if not is_currency(coin):
        raise BadValue(f"currency {masked(coin)!r} is none of ISO 4217")
    wanted = [name for name in ("gross", "net", *TAKEN) if name in cells]
    amounts: dict[str, int] = {name: amount_minor(row[at[name]], mark, coin) for name in wanted}
    more = {
        header: amount_minor(row[column], mark, coin) for header, column in others.items() if cell_text(row, column)
    }
    parts = {name: minor for name, minor in more.items() if minor}
    return _Row(number, cells, merchant, amounts, parts, coin, row[at["date"]])


def _taken_sign(rows: Sequence[_Row], *, has_gross: bool) -> tuple[int, list[str]]:
    """Return -1 where what was taken is written without a minus, +1 where with one, and what is to be told of it."""
    closing = {sign: sum(not row.difference(sign) for row in rows) for sign in (-1, 1)}
    if not has_gross or closing[-1] == closing[1]:
        written = any(row.amounts.get(name, 0) < 0 for row in rows for name in TAKEN)
        sign = 1 if written else -1
        how = "with" if written else "without"
        reason = "the file has no gross amounts" if not has_gross else "its sums prove neither way"
        notes = [f"what was taken is read as written {how} a minus, by the signs alone: {reason}"]
        if closing[-1] == len(rows) and has_gross:
            notes = []  # nothing was taken
    else:
        sign, notes = (1 if closing[1] > closing[-1] else -1), []
    wrong = [row for row in rows if has_gross and row.difference(sign)]
    if wrong:
        names = ", ".join(masked(row.cells["deposit"]) for row in wrong[:5])
        notes.append(f"the parts of {counted(len(wrong), 'deposit')} are not the net: {names}")
    return sign, notes


def _batch(text: str) -> int | None:
    digits = text.strip("Bb# ")
    return int(digits) if digits.isdecimal() and 0 < int(digits) < 1000 else batch_number_in(text)


def _columns(path: Path, table: Table, profile: DepositProfile) -> tuple[dict[Meaning, int], dict[str, int]]:
    found = columns_of(path, table, profile.columns, NEEDED, page="docs/settlement.md")
    known = {plain(name) for name in profile.others}
    headers = [plain(header) for header in table.headers]
    return found, {name: at for at, name in enumerate(headers) if name in known and at not in found.values()}
