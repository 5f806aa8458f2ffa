"""A dispute report or statement of a processor as facts of cases: CSV or XLSX, any columns, any words for stages.

Decides which row says which facts, by a profile that is data. What a word means is never guessed: a row with a word
that the profile does not have is left out and listed. Of a row only the columns that the profile names are kept,
masked, since such reports hold names and card numbers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from reconcile.files.errors import BadRow
from reconcile.files.masking import masked
from reconcile.files.named_columns import Headers, OneOrMore, TableProfile, cell_text, columns_of, plain, read_named
from reconcile.files.received import GivenFile, ReadFile
from reconcile.files.tables import Broken, Table
from reconcile.files.values import BadValue, DateOrder, amount_minor, date_order, decimal_mark, read_date
from schemas.checks.plausibility import findings_of
from schemas.checks.sensitive import mask_sensitive
from schemas.files.owned import read_owned
from schemas.records.disputes import DisputeFact, DisputeObserved
from schemas.values.money import is_currency

Meaning = Literal[
    "case", "stage", "date", "amount", "currency", "reason", "respond_by", "transaction", "sequence", "merchant"
]
NEEDED: tuple[Meaning, ...] = ("case", "stage", "date")
DATES: tuple[Meaning, ...] = ("date", "respond_by")
MONEY_FACTS = (DisputeFact.DEBITED, DisputeFact.CREDITED)
_SHIPPED = Path(__file__).with_name("dispute_profile.yaml")


class DisputeProfile(TableProfile):
    """Headers by meaning and facts by word of a stage; what is empty is found out."""

    columns: Mapping[Meaning, Headers] = Field(default_factory=dict)
    stages: Mapping[str, Annotated[tuple[DisputeFact, ...], OneOrMore]] = Field(default_factory=dict)


def load_dispute_profile(path: Path | None) -> DisputeProfile:
    """Return the profile that ships with Saldo, with what a file of one's own adds; raises FileInvalid."""
    shipped = read_owned(_SHIPPED, DisputeProfile)
    if path is None:
        return shipped
    own = read_owned(path, DisputeProfile)
    columns = {name: (*own.columns.get(name, ()), *shipped.columns.get(name, ())) for name in shipped.columns}
    stages = {plain(word): facts for word, facts in (*shipped.stages.items(), *own.stages.items())}
    return own.model_copy(update={"columns": columns, "stages": stages})


def read_disputes(given: GivenFile, profile: DisputeProfile) -> ReadFile[DisputeObserved]:
    """Read a dispute report.

    Ensures: the same file gives the same facts; the same row of another file says the same, and names that file.
    Raises:  FileUnreadable for what is no table, has no columns for case, stage and date, or names no merchant account
             where several are possible.
    """
    path = given.path
    table = read_named(path, profile, chain(*profile.columns.values()))
    at = columns_of(path, table, profile.columns, NEEDED, page="docs/disputes.md")
    if "merchant" not in at:
        given.accounts.require_one(path)
    reading = _Reading.of(table, at, profile)
    facts: list[DisputeObserved] = []
    rows: list[tuple[int, Mapping[str, str]]] = []
    bad = list(table.bad)
    for number, row in table.each():
        if row and isinstance(row[0], Broken):
            continue
        cells = {meaning: cell_text(row, column) for meaning, column in at.items()}
        if not any(cells.values()):
            continue
        raw: dict[str, str] = {name: mask_sensitive(text) for name, text in cells.items() if text}
        rows.append((number, raw))
        try:
            facts += reading.facts(row, cells, raw, given, number)
        except BadValue as error:
            bad.append(BadRow(given.name, number, str(error)))
    return ReadFile(given.digest, given.kept("disputes", rows), tuple(facts), tuple(bad), tuple(table.notes))


@dataclass(frozen=True, slots=True)
class _Reading:
    """How the values of one file are written, found out once."""

    at: Mapping[Meaning, int]
    mark: str
    orders: Mapping[Meaning, DateOrder]
    stages: Mapping[str, tuple[DisputeFact, ...]]
    merchants: Mapping[str, str]

    @classmethod
    def of(cls, table: Table, at: Mapping[Meaning, int], profile: DisputeProfile) -> _Reading:
        """Look at the first rows of a table."""

        def values(meaning: Meaning) -> list[Any]:
            return [line[at[meaning]] for line in table.sample]

        mark = profile.decimal or (decimal_mark(values("amount")) if "amount" in at else "")
        comma = profile.decimal == ","
        dates = [meaning for meaning in DATES if meaning in at]
        orders = {one: date_order(values(one), profile.date_format, comma) for one in dates}
        return cls(at, mark, orders, {plain(word): facts for word, facts in profile.stages.items()}, profile.merchants)

    def facts(
        self,
        row: Sequence[Any],
        cells: Mapping[Meaning, str],
        raw: Mapping[str, str],
        given: GivenFile,
        number: int,
    ) -> Iterator[DisputeObserved]:
        """Yield the facts of one row; raises BadValue for a row that can't be read as a whole."""
        case = mask_sensitive(cells["case"])
        if not case:
            raise BadValue("no case number")
        found = self.stages.get(plain(cells["stage"]))
        if not found:
            raise BadValue(f"stage {masked(cells['stage'])!r} is not known; add it below stages: of a profile")
        merchant, currency = given.accounts.of_row(cells.get("merchant", ""), self.merchants)
        coin = cells.get("currency", "").upper() or currency
        if not is_currency(coin):
            raise BadValue(f"currency {masked(coin)!r} is none of ISO 4217")
        amount = self._amount(row, cells, coin)
        if not amount and any(fact in MONEY_FACTS for fact in found):
            raise BadValue(f"stage {masked(cells['stage'])!r} moves money, and the row has no amount")
        on = self._day(row, "date")
        if on is None:
            raise BadValue("no date")
        account = f"{merchant}/{coin}"
        for fact in found:
            record = DisputeObserved(
                dispute_case=f"{account}/{case}",
                settlement_account=account,
                dispute_id=case,
                fact=fact,
                raw_stage=masked(cells["stage"]),
                paytrace_transaction_id=cells.get("transaction") or None,
                amount_minor=amount,
                currency=coin,
                reason_code=cells.get("reason", ""),
                respond_by_on=self._day(row, "respond_by"),
                entered_on=on,
                sequence=self._sequence(cells),
                origin=f"file:{given.row_name(number)}",
                observed_at=given.observed_at,
                raw=json.dumps(raw, ensure_ascii=False),
            )
            if findings := findings_of(record):
                raise BadValue("; ".join(map(str, findings)))
            yield record

    def _amount(self, row: Sequence[Any], cells: Mapping[Meaning, str], currency: str) -> int:
        if not cells.get("amount"):
            return 0
        return abs(amount_minor(row[self.at["amount"]], self.mark, currency))

    def _day(self, row: Sequence[Any], meaning: Meaning) -> date | None:
        if meaning not in self.at or not cell_text(row, self.at[meaning]):
            return None
        return read_date(row[self.at[meaning]], self.orders[meaning])

    @staticmethod
    def _sequence(cells: Mapping[Meaning, str]) -> int | None:
        text = cells.get("sequence", "")
        if not text:
            return None
        if not text.isdecimal():
            raise BadValue(f"sequence {masked(text)!r} is no whole number")
        return int(text)
