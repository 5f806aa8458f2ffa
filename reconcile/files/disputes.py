"""A dispute report or statement of a processor as facts of cases: CSV or XLSX, any columns, any words for stages.

Decides which row says which facts, by a profile that is data. What a word means is never guessed: a row with a word
that the profile does not have is left out and listed. Of a row only the columns that the profile names are kept,
masked, since such reports hold names and card numbers.
"""

from __future__ import annotations

import json
import zoneinfo
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from reconcile.files.errors import BadRow
from reconcile.files.masking import masked
from reconcile.files.named_columns import Headers, OneOrMore, TableProfile, cell_text, columns_of, plain, read_named
from reconcile.files.received import GivenFile, ReadFile
from reconcile.files.tables import Broken, Table
from reconcile.files.texts import Text
from reconcile.files.values import BadValue, DateOrder, amount_minor, date_order, decimal_mark, read_date
from schemas.checks.plausibility import findings_of
from schemas.checks.sensitive import mask_sensitive
from schemas.files.owned import Entry, read_owned
from schemas.records.disputes import DisputeFact, DisputeObserved
from schemas.values.money import is_currency

Meaning = Literal[
    "case", "stage", "date", "amount", "currency", "reason", "respond_by", "transaction", "sequence", "merchant"
]
HookMeaning = Meaning | Literal["reported_at"]
NEEDED: tuple[Meaning, ...] = ("case", "stage", "date")
DATES: tuple[Meaning, ...] = ("date", "respond_by")
MONEY_FACTS = (DisputeFact.DEBITED, DisputeFact.CREDITED)
_SHIPPED = Path(__file__).with_name("dispute_profile.yaml")


def _zone(name: str) -> str:
    if name and name not in zoneinfo.available_timezones():
        raise ValueError("is no time zone; write one such as America/New_York, or UTC")
    return name


class HookProfile(Entry):
    """How a hook of a processor is read; unlike a column, one value proves no convention, so it is said here.

    each     where the disputes of one hook stand, as a list; empty where the hook is one
    fields   where each value stands, names joined by dots, most preferred first; reported_at is when it was stated
    amounts  minor: whole numbers of the smallest unit; major: as people write them; empty where each amount proves it
    zone     in which a time counts that names no zone; empty where all name theirs
    """

    each: Text = ""
    fields: Mapping[HookMeaning, Headers] = Field(default_factory=dict)
    amounts: Literal["", "minor", "major"] = ""
    zone: Annotated[str, AfterValidator(_zone)] = ""


class DisputeProfile(TableProfile):
    """Headers by meaning and facts by word of a stage; what is empty is found out."""

    columns: Mapping[Meaning, Headers] = Field(default_factory=dict)
    hook: HookProfile = HookProfile()
    stages: Mapping[str, Annotated[tuple[DisputeFact, ...], OneOrMore]] = Field(default_factory=dict)

    @property
    def facts_by_word(self) -> Mapping[str, tuple[DisputeFact, ...]]:
        """What each plain word of a stage stands for; a fact's own name is one, where no profile says otherwise."""
        named = {plain(fact): (fact,) for fact in DisputeFact if fact is not DisputeFact.UNKNOWN}
        return {**named, **{plain(word): facts for word, facts in self.stages.items()}}


def load_dispute_profile(path: Path | None) -> DisputeProfile:
    """Return the profile that ships with Saldo, with what a file of one's own adds; raises FileInvalid."""
    shipped = read_owned(_SHIPPED, DisputeProfile)
    if path is None:
        return shipped
    own = read_owned(path, DisputeProfile)
    columns = {name: (*own.columns.get(name, ()), *shipped.columns.get(name, ())) for name in shipped.columns}
    stages = {plain(word): facts for word, facts in (*shipped.stages.items(), *own.stages.items())}
    fields = {**shipped.hook.fields, **own.hook.fields}
    hook = own.hook.model_copy(update={"fields": fields})
    return own.model_copy(update={"columns": columns, "stages": stages, "hook": hook})


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
        return cls(at, mark, orders, profile.facts_by_word, profile.merchants)

    def facts(
        self, row: Sequence[Any], cells: Mapping[Meaning, str], raw: Mapping[str, str], given: GivenFile, number: int
    ) -> Iterator[DisputeObserved]:
        """Yield the facts of one row; raises BadValue for a row that can't be read as a whole."""
        merchant, currency = given.accounts.of_row(cells.get("merchant", ""), self.merchants)
        coin = cells.get("currency", "").upper() or currency
        require_currency(coin)
        stated = Stated(
            merchant=merchant,
            case=cells["case"],
            stage=cells["stage"],
            on=self._day(row, "date"),
            amount_minor=self._amount(row, cells, coin),
            currency=coin,
            reason=cells.get("reason", ""),
            respond_by=self._day(row, "respond_by"),
            transaction=cells.get("transaction", ""),
            sequence=whole_number(cells.get("sequence", "")),
            origin=f"file:{given.row_name(number)}",
            observed_at=given.observed_at,
            raw=raw,
        )
        yield from facts_of(stated, self.stages)

    def _amount(self, row: Sequence[Any], cells: Mapping[Meaning, str], currency: str) -> int:
        if not cells.get("amount"):
            return 0
        return abs(amount_minor(row[self.at["amount"]], self.mark, currency))

    def _day(self, row: Sequence[Any], meaning: Meaning) -> date | None:
        if meaning not in self.at or not cell_text(row, self.at[meaning]):
            return None
        return read_date(row[self.at[meaning]], self.orders[meaning])


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """What a row of a file or a hook states of a dispute, its values read; an empty text where it states none.

    Units: amount_minor is minor units of currency, never negative; 0 where none is stated.
    """

    merchant: str
    case: str
    stage: str
    on: date | None
    amount_minor: int
    currency: str
    reason: str
    respond_by: date | None
    transaction: str
    sequence: int | None
    origin: str
    observed_at: datetime
    raw: Mapping[str, str]


def facts_of(stated: Stated, stages: Mapping[str, tuple[DisputeFact, ...]]) -> Iterator[DisputeObserved]:
    """Yield the facts that a stage stands for. Shapes: stages is by plain word. Raises: BadValue."""
    case = mask_sensitive(stated.case)
    if not case:
        raise BadValue("no case number")
    found = stages.get(plain(stated.stage))
    if not found:
        raise BadValue(f"stage {masked(stated.stage)!r} is not known; add it below stages: of a profile")
    if not stated.amount_minor and any(fact in MONEY_FACTS for fact in found):
        raise BadValue(f"stage {masked(stated.stage)!r} moves money, and no amount is stated")
    if stated.on is None:
        raise BadValue("no date")
    account = f"{stated.merchant}/{stated.currency}"
    for fact in found:
        record = DisputeObserved(
            dispute_case=f"{account}/{case}",
            settlement_account=account,
            dispute_id=case,
            fact=fact,
            raw_stage=masked(stated.stage),
            paytrace_transaction_id=stated.transaction or None,
            amount_minor=stated.amount_minor,
            currency=stated.currency,
            reason_code=stated.reason,
            respond_by_on=stated.respond_by,
            entered_on=stated.on,
            sequence=stated.sequence,
            origin=stated.origin,
            observed_at=stated.observed_at,
            raw=json.dumps(stated.raw, ensure_ascii=False),
        )
        if findings := findings_of(record):
            raise BadValue("; ".join(map(str, findings)))
        yield record


def require_currency(code: str) -> None:
    """Raise BadValue for what money can't be in."""
    if not is_currency(code):
        raise BadValue(f"currency {masked(code)!r} is none of ISO 4217")


def whole_number(text: str) -> int | None:
    """Return the number of a fact in its case; None for an empty text. Raises BadValue."""
    if not text:
        return None
    if not text.isdecimal():
        raise BadValue(f"sequence {masked(text)!r} is no whole number")
    return int(text)
