"""A year of payments through every decider, with the books proved on every day.

    python -m tests.year.run --payments 20000
    python -m tests.year.run --payments 1000000 --seed 7 --days-to days.csv

Writes time, memory and what became of the money, month by month and at the end. Exit code 1 where a day does not close
at residual 0.
"""

from __future__ import annotations

import argparse
import csv
import gc
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from schemas.files.owned import text_of
from schemas.records.erp import PostDocument, Side
from schemas.records.ledger import JournalEntryMade
from schemas.records.settlement import SettlementDayStated
from streams.rules.catalogue import DEPOSIT_MATCHING
from tests.year.line import Line
from tests.year.money import CUSTOMERS_PAY, Year


@dataclass
class Proof:
    """What the events of a year must add up to, kept as they come."""

    problems: list[str] = field(default_factory=list)
    days: dict[date, SettlementDayStated] = field(default_factory=dict)
    events: Counter[str] = field(default_factory=Counter)
    balances: Counter[str] = field(default_factory=Counter)  # by account role
    held: Counter[str] = field(default_factory=Counter)  # the same of the documents in the ERP
    documents: Counter[str] = field(default_factory=Counter)  # by kind

    def take(self, event: Any) -> None:
        """Look at one event."""
        self.events[type(event).__name__] += 1
        if isinstance(event, SettlementDayStated):
            self.days[event.book_on] = event
            if event.residual_minor:
                self.problems.append(f"{event.book_on}: residual {event.residual_minor}")
        if isinstance(event, JournalEntryMade):
            if sum(line.amount_minor for line in event.lines):
                self.problems.append(
                    f"{event.entry_id}: lines come to {sum(line.amount_minor for line in event.lines)}"
                )
            for line in event.lines:
                self.balances[line.role] += line.amount_minor

    def hold(self, document: PostDocument) -> None:
        """Look at one document."""
        self.documents[document.kind] += 1
        signed = {Side.DEBIT: 1, Side.CREDIT: -1}
        if sum(signed[line.side] * line.amount_minor for line in document.lines):
            self.problems.append(f"{document.posting_reference}: sides of the document are not equal")
        for line in document.lines:
            self.held[line.role] += signed[line.side] * line.amount_minor

    def hold_to(self, truth: Counter[str]) -> None:
        """Hold the journal to what happened, and the documents in the ERP to the journal."""
        booked = self.balances
        of_gateway = truth["captured"] - truth["taken back"]
        owed, deposited = of_gateway + truth["transferred"], truth["bank"] - truth["transferred"]
        kept = truth["fees"] + truth["reserve"]
        wanted = {
            "bank": truth["bank"],
            "fees": truth["fees"],
            "reserve": truth["reserve"],
            "clearing": of_gateway - truth["disputed"] + truth["won"] - kept - deposited,
        }
        self.problems += [
            f"{role}: the journal says {booked[role]}, what happened comes to {minor}"
            for role, minor in wanted.items()
            if booked[role] != minor
        ]
        customers = sum(booked[role] for role in ("receivable", "on_account", "unapplied", "refund_liability"))
        if customers + owed - truth["lost"] and customers + owed:
            self.problems.append(f"customers: the journal says {customers}, what happened comes to {-owed}")
        waits = -booked["unapplied"]
        held, journal = (one["clearing"] + one["bank"] for one in (self.held, booked))
        if held != journal - waits:
            self.problems.append(
                f"clearing and bank: the ERP holds {held}, the journal {journal} of which {waits} waits"
            )

    @property
    def open_days(self) -> list[date]:
        """Days that are not closed, by what was said of them last."""
        return [day for day, stated in sorted(self.days.items()) if not stated.is_closed]


@dataclass
class Lived:
    """A year, or as much of it as was lived so far. Units: seconds of the clock and of the processor."""

    proof: Proof
    payments: int
    events: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0

    def __str__(self) -> str:
        proof, days = self.proof, len(self.proof.days)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return (
            f"{max(proof.days, default=None)}: {self.payments} payments, {self.events} events, "
            f"{proof.documents.total()} documents in abas; {days} days stated, {days - len(proof.open_days)} closed, "
            f"{len(proof.problems)} problems; {self.seconds:.0f} s, {self.cpu_seconds:.0f} s of the processor, "
            f"{1e6 * self.cpu_seconds / max(1, self.events):.0f} us an event, {memory:.0f} MB"
        )


def live(
    payments: int, seed: int, *, days: int = 365, on_month: Callable[[Lived], None] = lambda _lived: None
) -> Lived:
    """Live a year, and return what was proved; on_month is told at the end of each month."""
    began, cpu_began = time.perf_counter(), time.process_time()
    proof = Proof()
    year, lived = Year(payments, seed, days=days), Lived(proof, 0)
    with tempfile.TemporaryDirectory(prefix="saldo-year-") as directory:
        shipped = text_of(DEPOSIT_MATCHING.shipped)
        rules = {DEPOSIT_MATCHING.name: shipped[: shipped.index("customers_pay:")] + CUSTOMERS_PAY}
        line = Line(Path(directory), rules, on_event=proof.take, on_document=proof.hold)

        def count() -> None:
            lived.payments, lived.events = year.paid, line.decided.total()
            lived.seconds, lived.cpu_seconds = time.perf_counter() - began, time.process_time() - cpu_began

        month = None
        for day, reports in year.days():
            if month not in (None, day.month):
                count()
                on_month(lived)
            month = day.month
            for topic, record in reports:
                line.report(topic, record)
            line.end_day()
        line.close()
        count()
    proof.hold_to(year.truth)
    return lived


def main() -> int:
    """Run one year from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--payments", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--days-to", type=Path, help="a CSV file of every day: residual, and whether it is closed")
    given = parser.parse_args()
    gc.disable()  # a decider makes no cycles, and looking for some takes a tenth of the time

    def on_month(lived: Lived) -> None:
        sys.stdout.write(f"{lived}\n")
        sys.stdout.flush()
        if given.days_to is not None:
            _write_days(lived.proof, given.days_to)

    lived = live(given.payments, given.seed, on_month=on_month)
    on_month(lived)
    proof = lived.proof
    written = [
        f"{len(proof.days)} days, {len(proof.open_days)} of them not closed, {len(proof.problems)} problems",
        *(f"  PROBLEM {problem}" for problem in proof.problems[:20]),
        *(f"  {role}: {minor / 100:,.2f}" for role, minor in sorted(proof.balances.items())),
        *(f"  {kind}: {count} documents" for kind, count in sorted(proof.documents.items())),
        *(f"  {name}: {count}" for name, count in sorted(proof.events.items())),
    ]
    sys.stdout.write("\n".join(written) + "\n")
    return 1 if proof.problems else 0


def _write_days(proof: Proof, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("day", "residual_minor", "is_closed", "in_transit_minor", "open_bank_lines", "overdue"))
        for day, one in sorted(proof.days.items()):
            lines = len(one.open_bank_line_ids)
            rows.writerow((day, one.residual_minor, one.is_closed, one.in_transit_minor, lines, one.overdue_count))


if __name__ == "__main__":
    sys.exit(main())
