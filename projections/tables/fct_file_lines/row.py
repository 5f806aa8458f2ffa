"""fct_file_lines: which row of which file says what of a dispute, a deposit or a bank line."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

from projections.messages.coordinates import Coordinates
from projections.tables.columns import Number, Word
from projections.tables.table import FactTable
from schemas.records.disputes import DisputeObserved
from schemas.records.settlement import BankDirection, BankLineObserved, DepositReported

FILE_RECORDS = (DisputeObserved, DepositReported, BankLineObserved)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLineRow:
    """Which row of which file says what; a line that several files hold has a row for each."""

    file_digest: str
    row_number: Annotated[Number, "row of a table, 1 is its first line; of a bank statement which line it is"]
    record_type: Word
    settlement_account: Word
    id: Annotated[str, "the dispute, deposit or bank line"]
    what: Annotated[Word, "the fact of a dispute; empty for others"]
    amount_minor: Annotated[int, "as the row states it; below zero where the bank or processor takes money"]
    currency: Word
    on_day: date


def project(record: Any, at: Coordinates) -> tuple[FileLineRow, ...]:
    """Return one row for each record that was made of a row of a file."""
    match record:
        case DisputeObserved():
            place, id_, what = record.origin.removeprefix("file:"), record.dispute_id, record.fact.value
            amount, on = record.amount_minor, record.entered_on
        case DepositReported():
            place, id_, what = record.source_file, record.deposit_id, ""
            amount, on = record.net_minor, record.reported_on
        case BankLineObserved():
            place, id_, what = record.statement, record.bank_line_id, ""
            sign = -1 if record.direction is BankDirection.DEBIT else 1
            amount, on = sign * record.amount_minor, record.booked_on
        case _:
            return ()
    digest, _, number = place.partition("#")
    if not number.isdecimal():  # a hook, a person, or another system
        return ()
    return (
        FileLineRow(
            file_digest=digest,
            row_number=int(number),
            record_type=type(record).__name__,
            settlement_account=record.settlement_account,
            id=id_,
            what=what,
            amount_minor=amount,
            currency=record.currency,
            on_day=on,
        ),
    )


TABLE = FactTable(
    name="fct_file_lines",
    row=FileLineRow,
    order_by=("file_digest", "row_number"),
    reads=FILE_RECORDS,
    project=project,
)
