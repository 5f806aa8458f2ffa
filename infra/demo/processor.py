"""The processor of the demo: what it keeps of each batch, and what becomes of disputes; told in reports, as files.

It reads PayTrace's own books and knows nothing of ours, so what our side says of fees and disputes is what it learned
from the reports and the bank. Pure but for its memory; fetching and importing are the caller's.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from infra.demo.audit import REFUND_KINDS
from infra.demo.bank import Kept
from schemas.values.money import Money

FEE_BASIS_POINTS = 290
FEE_EACH_MINOR = 30
RESERVE_BASIS_POINTS = 100
LATE_FEE_MINOR = 4_50
RESPOND_WITHIN = timedelta(days=20)
_DEPOSITS = ("Deposit ID", "Deposit Date", "Batch", "Gross", "Refunds", "Fees", "Reserve", "Net", "Currency")
_DISPUTES = ("Case Number", "Stage", "Event Date", "Amount", "Currency", "Reason Code", "Respond By", "Transaction ID")
# Fraud with the card not there; goods not received; a subscription that was cancelled.
_REASONS = ("10.4", "13.1", "13.2")


class Stage(StrEnum):
    """What a report says of a dispute, in the words of processors."""

    OPENED = "Chargeback"
    DEFENDED = "Representment"
    CREDITED = "Chargeback Reversal"
    WON = "Won"
    LOST = "Lost"


# Money of the merchant that moves with a stage.
_MOVES = {Stage.OPENED: -1, Stage.CREDITED: 1}


@dataclass(frozen=True, slots=True)
class Dispute:
    """A payment that its payer disputes. Units: amount_minor in minor units."""

    case: str
    transaction: str
    amount_minor: int
    currency: str


@dataclass
class Processor:
    """Which batches it has reported, which disputes there are, and of which deposits it is to tell a fee yet."""

    reported: set[int] = field(default_factory=set)
    late: list[Kept] = field(default_factory=list)
    disputes: list[Dispute] = field(default_factory=list)

    def deposits(self, charges: Sequence[Mapping[str, Any]], today: date) -> tuple[str, Mapping[int, Kept]]:
        """Return the report of the batches that settled since the last one, and what is kept of each.

        Shapes: charges are PayTrace's book entries (n,); the report is CSV, empty where nothing settled; what is kept
                is by batch number.
        """
        settled = [one for one in charges if one["state"] == "SETTLED" and one["batch"] is not None]
        batches: dict[int, list[Mapping[str, Any]]] = {}
        for one in settled:
            if int(one["batch"]) not in self.reported:
                batches.setdefault(int(one["batch"]), []).append(one)
        rows: list[Sequence[object]] = []
        kept: dict[int, Kept] = {}
        for number, entries in sorted(batches.items()):
            currency = str(entries[0]["currency"])
            sums: Counter[bool] = Counter()
            for one in entries:
                sums[one["kind"] in REFUND_KINDS] += int(one["amount_minor"])
            gross, refunds = sums[False], sums[True]
            sales = sum(one["kind"] not in REFUND_KINDS for one in entries)
            fees = gross * FEE_BASIS_POINTS // 10_000 + FEE_EACH_MINOR * sales
            reserve = gross * RESERVE_BASIS_POINTS // 10_000
            amounts = (gross, refunds, fees, reserve, gross - refunds - fees - reserve)
            paid_on = today + timedelta(days=1)
            name = f"DEP-{paid_on:%y%m%d}-{number}"
            kept[number] = Kept(name, fees, reserve, currency)
            rows.append((name, paid_on, number, *(_text(minor, currency) for minor in amounts), currency))
        self.reported |= batches.keys()
        return _table(_DEPOSITS, rows), kept

    def keep_more(self, kept: Mapping[int, Kept]) -> Mapping[int, Kept]:
        """Keep a fee of the largest deposit that its report does not say; it is told the next time.

        So the bank brings less than what is reported: the rest stands open until the fee explains it.
        """
        if not kept:
            return kept
        number = max(kept, key=lambda one: kept[one].fees_minor)
        shortened = replace(kept[number], late_minor=LATE_FEE_MINOR)
        self.late.append(shortened)
        return {**kept, number: shortened}

    def dispute(self, payments: Iterable[tuple[str, int, str]]) -> None:
        """Remember disputes of payments: each with its transaction, minor units and currency."""
        for transaction, minor, currency in payments:
            case = f"CB{transaction}"
            self.disputes.append(Dispute(case, transaction, minor, currency))

    def stages(self, reached: Sequence[tuple[int, Stage]], today: date) -> tuple[str, Mapping[str, int]]:
        """Return the report of what happened to disputes today, and what it moves at the bank.

        Shapes: reached are numbers of disputes (n,) with their stage; what it moves is by the words of the bank, in
                signed minor units.
        """
        rows: list[Sequence[object]] = []
        moves: dict[str, int] = {}
        for number, stage in reached:
            one = self.disputes[number]
            respond_by = today + RESPOND_WITHIN if stage is Stage.OPENED else ""
            reason = _REASONS[number % len(_REASONS)]
            amount = _text(one.amount_minor, one.currency)
            rows.append((one.case, stage.value, today, amount, one.currency, reason, respond_by, one.transaction))
            if stage in _MOVES:
                moves[f"PAYTRACE {stage.value.upper()} {one.case}"] = _MOVES[stage] * one.amount_minor
        return _table(_DISPUTES, rows), moves


def _text(minor: int, currency: str) -> str:
    return str(Money(minor, currency).major)


def _table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    if not rows:
        return ""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(headings)
    writer.writerows(rows)
    return file.getvalue()
