"""The bank of the demo: pays out what PayTrace's own books say is settled, and writes the statement.

It knows nothing of ours, so a deposit that our side explains is explained by what our side learned of PayTrace. It
books a day later. What PayTrace's books don't hold (fees, a reserve, disputes) is the processor's and is told to it.
Pure but for its memory; fetching and importing are the caller's.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from infra.demo.audit import REFUND_KINDS
from schemas.values.money import Money


@dataclass(frozen=True, slots=True)
class Statement:
    """A bank statement as a file holds it. booked_on is the day of all its lines."""

    text: str
    booked_on: date


@dataclass(frozen=True, slots=True)
class Kept:
    """What the processor keeps of a batch, and its name of the deposit that brings the rest.

    Units: minor units. late_minor is a fee that its report does not say.
    """

    deposit_id: str
    fees_minor: int
    reserve_minor: int
    currency: str
    late_minor: int = 0

    @property
    def minor(self) -> int:
        """All of it."""
        return self.fees_minor + self.reserve_minor + self.late_minor


@dataclass
class Bank:
    """What was paid out of each charge so far; each statement holds what has changed since."""

    paid: dict[str, int] = field(default_factory=dict)

    def statement(
        self,
        charges: Sequence[Mapping[str, Any]],
        today: date,
        kept: Mapping[int, Kept] | None = None,
        others: Mapping[str, int] | None = None,
    ) -> Statement | None:
        """Return the statement of the day after today; None when nothing moved.

        Shapes:  charges are PayTrace's book entries (n,); kept is by batch what the processor keeps of it; others are
                 debits and credits of the processor by their words, in signed minor units.
        Ensures: one line for each card batch, which it names, one for the bank debits that cleared, one for each that
                 came back, one for each of the others; nothing is paid twice.
        """
        lines: dict[tuple[str, str], int] = defaultdict(int)
        for charge in charges:
            identity, currency = str(charge["id"]), str(charge["currency"])
            change = _owed(charge) - self.paid.get(identity, 0)
            if change:
                self.paid[identity] = self.paid.get(identity, 0) + change
                lines[_words(charge, change), currency] += change
        for number, of_batch in (kept or {}).items():
            for words, currency in [key for key in lines if key[0] == _of_batch(number)]:
                lines[f"{words} {of_batch.deposit_id}", currency] = lines.pop((words, currency)) - of_batch.minor
        currencies = {currency for _, currency in lines} or {"USD"}
        for words, minor in (others or {}).items():
            lines[words, min(currencies)] += minor
        rows = [(words, currency, minor) for (words, currency), minor in sorted(lines.items()) if minor]
        if not rows:
            return None
        booked_on = today + timedelta(days=1)
        file = io.StringIO()
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("Date", "Description", "Amount", "Currency"))
        for words, currency, minor in rows:
            writer.writerow((booked_on.isoformat(), words, str(Money(minor, currency).major), currency))
        return Statement(file.getvalue(), booked_on)


def _owed(charge: Mapping[str, Any]) -> int:
    """Return what the merchant has of a charge now, in signed minor units."""
    if charge["state"] != "SETTLED" or not charge["settled_at"]:
        return 0
    amount = int(charge["amount_minor"])
    return -amount if charge["kind"] in REFUND_KINDS else amount


def _words(charge: Mapping[str, Any], change: int) -> str:
    if charge["batch"] is not None:
        return _of_batch(int(charge["batch"]))
    return "PAYTRACE ACH CREDIT" if change > 0 else f"PAYTRACE ACH RETURN {charge['id']}"


def _of_batch(number: int) -> str:
    return f"PAYTRACE DEP BATCH {number}"
