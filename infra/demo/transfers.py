"""Customers of the demo who pay straight into a bank account of the merchant, which takes some of it back.

On the first trading day invoices are written; the customers pay by transfer on the next ones. One payment comes back
whole, one in part, one is more than its invoice, and one in euros pays an invoice that was booked at another rate.
Pure but for its memory.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from infra.demo.plan import CURRENCY, Customer, Invoice
from schemas.files.owned import text_of
from schemas.records.rates import RateKind, RateObserved
from schemas.records.settlement import BankDirection, BankLineObserved
from schemas.values.exchange import pair_of
from schemas.values.money import Money
from streams.domain.settlement.books import transfer_id
from streams.rules.catalogue import DEPOSIT_MATCHING

BANK_ACCOUNT = "giro"  # our label of it; another one than that into which the processor pays
# How invoices stand in the bank's words, for the rules `deposit-matching`.
_RULES = f"""customers_pay:
  accounts: {{{BANK_ACCOUNT}: named}}
  invoices: [{{find: 'RE-[0-9A-F]+T\\d+'}}]
  orders: []
  customers: []
"""
KIND, BACK = "TRANSFER", "TRANSFER_REFUND"  # as the audit calls them
FOREIGN = "EUR"
# What the foreign invoice is booked as, and what a euro is worth on the day on which it is paid: 16.80 USD are gained.
FOREIGN_MINOR, FOREIGN_BOOKED_MINOR, FOREIGN_RATE = 450_00, 480_00, "1.104"
_PAID, _PART_MINOR = (312_40, 1_045_00, 730_55), 290_00
_OWED, _OVERPAID_MINOR = 150_00, 175_00  # waits, until a person puts it on account


@dataclass
class Transfers:
    """What the customers pay and the bank takes back, by trading day, and what its books hold of it."""

    label: str
    customers: Sequence[Customer]
    held: dict[str, dict[str, Any]] = field(default_factory=dict)  # entries of the bank's books by their name with us
    _names: dict[str, str] = field(default_factory=dict)  # those of the credits, by invoice

    @property
    def invoices(self) -> tuple[Invoice, ...]:
        """What is paid by transfer: three invoices, the foreign one, and one that is paid with more than it is."""
        own = (Invoice(self._number(at), self.customers[at], minor) for at, minor in enumerate(_PAID))
        foreign = Invoice(
            self._number(len(_PAID)), self.customers[0], FOREIGN_MINOR, FOREIGN, booked_minor=FOREIGN_BOOKED_MINOR
        )
        return (*own, foreign, Invoice(self._number(len(_PAID) + 1), self.customers[1], _OWED))

    def statement(self, days: Iterable[int], today: date) -> str:
        """Return the bank's statement of tomorrow, of some of the days of trading; empty where nothing moved."""
        first, second, third, foreign, overpaid = self.invoices
        moves = {
            0: ((first, first.amount_minor), (second, second.amount_minor), (overpaid, _OVERPAID_MINOR)),
            1: ((third, third.amount_minor), (foreign, foreign.amount_minor), (second, -second.amount_minor)),
            2: ((third, -_PART_MINOR),),
        }
        moved = [move for day in days for move in moves.get(day, ())]
        if not moved:
            return ""
        file = io.StringIO()
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("Date", "Description", "Amount", "Currency"))
        booked_on = (today + timedelta(days=1)).isoformat()
        for one, minor in moved:
            words = f"{'TRANSFER' if minor > 0 else 'RETURN'} {one.number}"
            writer.writerow((booked_on, words, Money(minor, one.currency).major, one.currency))
        return file.getvalue()

    def book(self, lines: Iterable[BankLineObserved]) -> None:
        """Remember what the lines of a statement are in the books of the bank, as the audit reads books."""
        for line in sorted(lines, key=lambda one: one.direction is BankDirection.DEBIT):
            invoice = line.text.split()[-1]
            if line.direction is BankDirection.CREDIT:
                self._names[invoice] = transfer_id(line.bank_line_id)
                self.held[self._names[invoice]] = _entry(self._names[invoice], KIND, line)
            elif line.amount_minor == self.held[self._names[invoice]]["amount_minor"]:
                self.held[self._names[invoice]]["state"] = "RETURNED"
            else:
                name = transfer_id(line.bank_line_id)
                self.held[name] = _entry(name, BACK, line)

    def _number(self, at: int) -> str:
        return f"RE-{self.label}T{at + 1}"


def rules_text() -> str:
    """Return the rules `deposit-matching` that ship, with the bank account into which customers pay."""
    before, _, after = text_of(DEPOSIT_MATCHING.shipped).partition("customers_pay:")
    return before + _RULES + after[after.index("# Which merchant accounts") :]


def rate_of(on: date, at: datetime) -> RateObserved:
    """Return the rate of a day as a provider publishes it."""
    return RateObserved(
        currency_pair=pair_of(FOREIGN, CURRENCY),
        rate_on=on,
        rate=FOREIGN_RATE,
        rate_provider="manual",
        kind=RateKind.MEAN,
        raw_kind="",
        observed_at=at,
        raw="{}",
    )


def _entry(name: str, kind: str, line: BankLineObserved) -> dict[str, Any]:
    moved: Mapping[str, Any] = {"amount_minor": line.amount_minor, "currency": line.currency}
    return {"id": name, "kind": kind, "state": "SETTLED", **moved}
