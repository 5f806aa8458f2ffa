"""A day's end outside of PayTrace: what bank and processor write, read as people would import it.

A deposit report says what was kept as reserve; the entry that says it is held is written as `saldo write` would.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from app.files.reading import FileReader, Understood, read_bank
from app.settings.settings import Settings
from infra.demo.bank import Bank, Kept
from infra.demo.processor import Processor, Stage
from infra.demo.transfers import BANK_ACCOUNT
from reconcile.files.bank_lines import Selection
from reconcile.files.received import GivenFile
from schemas.records.settlement import ProcessorEntryKind, ProcessorEntryObserved


@dataclass(frozen=True, slots=True)
class PaidOut:
    """What a day brings: files, in the order in which they are imported, and entries of the processor."""

    files: Sequence[Understood]
    entries: Sequence[ProcessorEntryObserved]


def pay_out(
    settings: Settings,
    charges: Sequence[Mapping[str, Any]],
    bank: Bank,
    processor: Processor,
    today: date,
    reached: Sequence[tuple[int, Stage]] = (),
    *,
    transfers: str = "",
    keeps_more: bool = False,
) -> PaidOut:
    """Pay out what settled: the processor's reports of deposits and disputes, its reserves, the bank's statement.

    Shapes:  charges are PayTrace's book entries (n,); reached are disputes by their number, with the stage of today;
             transfers is the statement of the account into which customers pay. keeps_more: a fee is told a time later.
    Ensures: the files lie in the data directory; one that has nothing to say is left out.
    """
    told, processor.late = processor.late, []
    deposits, kept = processor.deposits(charges, today)
    kept = processor.keep_more(kept) if keeps_more else kept
    disputes, moved = processor.stages(reached, today)
    statement = bank.statement(charges, today, kept, moved)
    reader = FileReader.of(settings.files, settings.paytrace.currencies)
    merchant = settings.paytrace.merchant

    def given(purpose: str, text: str) -> GivenFile:
        path = settings.data_dir / f"demo-{purpose}-{today}-{len(processor.reported)}.csv"
        path.write_text(text, "utf-8")
        return reader.take(path, merchant, origin="command")

    files = []
    if deposits:
        files.append(reader.deposits(given("deposits", deposits)))
    if disputes:
        files.append(reader.disputes(given("disputes", disputes)))
    if statement is not None:
        selection = Selection(merchant, merchant, settings.paytrace.currency)
        files.append(read_bank(given("statement", statement.text), selection))
    if transfers:
        selection = Selection(merchant, BANK_ACCOUNT, settings.paytrace.currency)
        files.append(read_bank(given(BANK_ACCOUNT, transfers), selection, ends_days=False))
    entries = [
        _entry(ProcessorEntryKind.RESERVE_HELD, one.reserve_minor, one, merchant, today, number)
        for number, one in kept.items()
        if one.reserve_minor
    ]
    entries += [_entry(ProcessorEntryKind.FEE, one.late_minor, one, merchant, today) for one in told]
    return PaidOut(files, entries)


def _entry(
    kind: ProcessorEntryKind, minor: int, kept: Kept, merchant: str, today: date, batch_number: int | None = None
) -> ProcessorEntryObserved:
    return ProcessorEntryObserved(
        settlement_account=f"{merchant}/{kept.currency}",
        entry_id=f"{kept.deposit_id}-{kind.value[0]}",
        kind=kind,
        raw_kind=kind.value,
        amount_minor=minor,
        currency=kept.currency,
        entered_on=today,
        batch_number=batch_number,
        deposit_id=kept.deposit_id,
        observed_at=datetime.now(UTC),
        raw="{}",
    )
