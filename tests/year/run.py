"""A year of payments through every decider, with the books proved on every day.

    python -m tests.year.run --payments 20000
    python -m tests.year.run --payments 1000000 --seed 7

Writes time, memory and what became of the money. Exit code 1 where a day does not close at residual 0.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from schemas.records.erp import PostDocument, Side
from schemas.records.ledger import JournalEntryMade
from schemas.records.settlement import SettlementDayStated
from tests.year.line import Line
from tests.year.money import Year


@dataclass
class Proof:
    """What the events of a year must add up to, kept as they come."""

    problems: list[str] = field(default_factory=list)
    days: dict[date, SettlementDayStated] = field(default_factory=dict)
    events: Counter[str] = field(default_factory=Counter)
    balances: Counter[str] = field(default_factory=Counter)  # by account role

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

    def hold_to(self, truth: Counter[str], documents: Iterable[PostDocument]) -> None:
        """Hold the journal to what happened, and the documents in the ERP to the journal."""
        booked = self.balances
        owed = truth["captured"] - truth["taken back"]
        wanted = {
            "bank": truth["bank"],
            "fees": truth["fees"],
            "reserve": truth["reserve"],
            "clearing": owed - truth["disputed"] + truth["won"] - truth["fees"] - truth["reserve"] - truth["bank"],
        }
        self.problems += [
            f"{role}: the journal says {booked[role]}, what happened comes to {minor}"
            for role, minor in wanted.items()
            if booked[role] != minor
        ]
        customers = sum(booked[role] for role in ("receivable", "on_account", "unapplied", "refund_liability"))
        if customers + owed - truth["lost"] and customers + owed:
            self.problems.append(f"customers: the journal says {customers}, what happened comes to {-owed}")
        held: Counter[str] = Counter()
        for document in documents:
            for line in document.lines:
                held[line.role] += line.amount_minor if line.side is Side.DEBIT else -line.amount_minor
        waits = -booked["unapplied"]
        if held["clearing"] != booked["clearing"] - waits:
            said = f"the ERP holds {held['clearing']}, the journal {booked['clearing']} of which {waits} waits"
            self.problems.append(f"clearing: {said}")

    @property
    def open_days(self) -> list[date]:
        """Days that are not closed, by what was said of them last."""
        return [day for day, stated in sorted(self.days.items()) if not stated.is_closed]


def live(payments: int, seed: int, *, days: int = 365) -> tuple[Line, Proof]:
    """Live a year, and return the line as it stands at its end, and what was proved."""
    proof = Proof()
    line, year = Line(on_event=proof.take), Year(payments, seed, days=days)
    for _, reports in year.days():
        for topic, record in reports:
            line.report(topic, record)
    proof.hold_to(year.truth, line.documents.values())
    return line, proof


def main() -> int:
    """Run one year from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--payments", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    began = time.perf_counter()
    line, proof = live(given.payments, given.seed)
    seconds = time.perf_counter() - began
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    written = [
        f"{given.payments} payments, {line.decided.total()} events, {len(line.documents)} documents in abas",
        f"{len(proof.days)} days, {len(proof.open_days)} of them not closed, {len(proof.problems)} problems",
        f"{seconds:.1f} s, {1e6 * seconds / line.decided.total():.0f} us an event, {memory:.0f} MB",
        *(f"  PROBLEM {problem}" for problem in proof.problems[:20]),
        *(f"  {role}: {minor / 100:,.2f}" for role, minor in sorted(proof.balances.items())),
        *(f"  {name}: {count}" for name, count in sorted(proof.events.items())),
    ]
    sys.stdout.write("\n".join(written) + "\n")
    return 1 if proof.problems else 0


if __name__ == "__main__":
    sys.exit(main())
