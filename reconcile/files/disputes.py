"""A dispute report or statement of a processor as facts of cases: CSV or XLSX, any columns, any words for stages.

Decides which row says which facts, by a profile that is data. What a word means is never guessed: a row with a word
that the profile does not have is left out and listed. Of a row only the columns that the profile names are kept,
masked, since such reports hold names and card numbers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from reconcile.files.errors import BadRow
from reconcile.files.masking import masked
from reconcile.files.named_columns import Headers, OneOrMore, TableProfile, cell_text, columns_of, plain, read_named
from reconcile.files.tables import Broken, Table
from reconcile.files.values import BadValue, DateOrder, amount_minor, date_order, decimal_mark, read_date
from schemas.checks.plausibility import findings_of
from schemas.checks.sensitive import mask_sensitive
from schemas.files.owned import read_owned
from schemas.records.disputes import DisputeFact, DisputeObserved
from schemas.records.files import FileReceived
from schemas.values.money import is_currency

Meaning = Literal["case", "stage", "date", "amount", "currency", "reason", "respond_by", "transaction", "sequence"]
NEEDED: tuple[Meaning, ...] = ("case", "stage", "date")
DATES: tuple[Meaning, ...] = ("date", "respond_by")
MONEY_FACTS = (DisputeFact.DEBITED, DisputeFact.CREDITED)
PURPOSE = "disputes"
_PART = 400_000  # characters; with escapes and other alphabets still below what a record may have
_SHIPPED = Path(__file__).with_name("dispute_profile.yaml")
_LONGEST_NAME = 200


class DisputeProfile(TableProfile):
    """Headers by meaning and facts by word of a stage; what is empty is found out."""

    columns: Mapping[Meaning, Headers] = Field(default_factory=dict)
    stages: Mapping[str, Annotated[tuple[DisputeFact, ...], OneOrMore]] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DisputeFile:
    """What a file says. Shapes: received holds the file itself, in parts; facts are in order of the rows."""

    digest: str
    received: tuple[FileReceived, ...]
    facts: tuple[DisputeObserved, ...]
    bad: tuple[BadRow, ...]
    notes: tuple[str, ...]


def load_dispute_profile(path: Path | None) -> DisputeProfile:
    """Return the profile that ships with Saldo, with what a file of one's own adds; raises FileInvalid."""
    shipped = read_owned(_SHIPPED, DisputeProfile)
    if path is None:
        return shipped
    own = read_owned(path, DisputeProfile)
    columns = {name: (*own.columns.get(name, ()), *shipped.columns.get(name, ())) for name in shipped.columns}
    stages = {plain(word): facts for word, facts in (*shipped.stages.items(), *own.stages.items())}
    return own.model_copy(update={"columns": columns, "stages": stages})


def read_disputes(
    path: Path, merchant: str, currency: str, observed_at: datetime, profile: DisputeProfile, *, origin: str
) -> DisputeFile:
    """Read a dispute report.

    Units:   currency counts where a row names none.
    Ensures: the same file gives the same digest and facts that say the same; the same row in another file too.
    Raises:  FileUnreadable for what is no table, or has no columns for case, stage and date.
    """
    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    stages = {plain(word): facts for word, facts in profile.stages.items()}
    table = read_named(path, profile, chain(*profile.columns.values()))
    at = columns_of(path, table, profile.columns, NEEDED, page="docs/disputes.md")
    reading = _Reading.of(table, at, profile)
    facts: list[DisputeObserved] = []
    rows: list[str] = []
    bad = list(table.bad)
    for number, row in table.each():
        if row and isinstance(row[0], Broken):
            continue
        cells = {meaning: cell_text(row, column) for meaning, column in at.items()}
        if not any(cells.values()):
            continue
        raw: dict[str, str] = {name: mask_sensitive(text) for name, text in cells.items() if text}
        rows.append(json.dumps({"line": number, **raw}, ensure_ascii=False))
        try:
            facts += reading.facts(row, cells, raw, stages, merchant, currency, digest, observed_at)
        except BadValue as error:
            bad.append(BadRow(path.name, number, str(error)))
    received = _received(path, digest, len(data), rows, origin, observed_at)
    return DisputeFile(digest, tuple(received), tuple(facts), tuple(bad), tuple(table.notes))


@dataclass(frozen=True, slots=True)
class _Reading:
    """How the values of one file are written, found out once."""

    at: Mapping[Meaning, int]
    mark: str
    orders: Mapping[Meaning, DateOrder]

    @classmethod
    def of(cls, table: Table, at: Mapping[Meaning, int], profile: DisputeProfile) -> _Reading:
        """Look at the first rows of a table."""

        def values(meaning: Meaning) -> list[Any]:
            return [line[at[meaning]] for line in table.sample]

        mark = profile.decimal or (decimal_mark(values("amount")) if "amount" in at else "")
        comma = profile.decimal == ","
        dates = [meaning for meaning in DATES if meaning in at]
        return cls(at, mark, {one: date_order(values(one), profile.date_format, comma) for one in dates})

    def facts(
        self,
        row: Sequence[Any],
        cells: Mapping[Meaning, str],
        raw: Mapping[str, str],
        stages: Mapping[str, tuple[DisputeFact, ...]],
        merchant: str,
        currency: str,
        digest: str,
        observed_at: datetime,
    ) -> Iterator[DisputeObserved]:
        """Yield the facts of one row; raises BadValue for a row that can't be read as a whole."""
        case = mask_sensitive(cells["case"])
        if not case:
            raise BadValue("no case number")
        found = stages.get(plain(cells["stage"]))
        if not found:
            raise BadValue(f"stage {masked(cells['stage'])!r} is not known; add it below stages: of a profile")
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
                origin=f"file:{digest}",
                observed_at=observed_at,
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


def _received(
    path: Path, digest: str, byte_count: int, rows: Sequence[str], origin: str, observed_at: datetime
) -> list[FileReceived]:
    parts: list[str] = [""]
    for row in rows:
        if parts[-1] and len(parts[-1]) + len(row) >= _PART:
            parts.append("")
        parts[-1] += f"{row}\n"
    return [
        FileReceived(
            file_digest=digest,
            purpose=PURPOSE,
            file_name=masked(path.name)[:_LONGEST_NAME],
            byte_count=byte_count,
            row_count=len(rows),
            part_number=number,
            part_count=len(parts),
            content=part,
            origin=origin,
            observed_at=observed_at,
        )
        for number, part in enumerate(parts, 1)
    ]
