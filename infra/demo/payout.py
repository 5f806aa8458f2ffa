"""A day's end outside of PayTrace: what bank and processor write, read as people would import it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from app.files.reading import FileReader, Understood, read_bank
from app.settings.settings import Settings
from infra.demo.bank import Bank
from infra.demo.processor import Processor, Stage
from reconcile.files.bank_lines import Selection
from reconcile.files.received import GivenFile


def pay_out(
    settings: Settings,
    charges: Sequence[Mapping[str, Any]],
    bank: Bank,
    processor: Processor,
    today: date,
    reached: Sequence[tuple[int, Stage]] = (),
) -> Sequence[Understood]:
    """Pay out what settled, and return the day's files: the processor's of deposits and disputes, the bank's statement.

    Shapes:  charges are PayTrace's book entries (n,); reached are disputes by their number, with the stage of today.
    Ensures: the files lie in the data directory; one that has nothing to say is left out.
    """
    deposits, kept = processor.deposits(charges, today)
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
    return files
