"""The bank of a trading day: pays out what PayTrace's own books say is settled, and writes the statement.

It knows nothing of ours, so a deposit that our side explains is explained by what our side learned of PayTrace. It
books a day later and takes no fee, because PayTrace's books hold none. Pure; fetching and importing are the caller's.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from infra.demo.audit import REFUND_KINDS
from schemas.values.business_day import business_day
from schemas.values.money import Money

SETTLED = "SETTLED"


@dataclass(frozen=True, slots=True)
class Statement:
    """A bank statement as a file holds it. booked_on is the day of all its lines."""

    text: str
    booked_on: date


def statement_of(charges: Sequence[Mapping[str, Any]], transactions: Collection[str]) -> Statement | None:
    """Return the statement of the day after these transactions settled; None when nothing of them did.

    Shapes:  charges are PayTrace's book entries (n,), transactions the ids of this day's; a batch is paid out whole,
             also what it holds of an earlier day.
    Ensures: one line for each card batch, which it names, and one for the bank debits that have not come back.
    """
    settled = [charge for charge in charges if charge["state"] == SETTLED and charge["settled_at"]]
    todays = [charge for charge in settled if str(charge["id"]) in transactions]
    if not todays:
        return None
    batches = {charge["batch"] for charge in todays if charge["batch"] is not None}
    paid: dict[tuple[str, str], int] = defaultdict(int)
    for charge in settled:
        currency = str(charge["currency"])
        amount = -int(charge["amount_minor"]) if charge["kind"] in REFUND_KINDS else int(charge["amount_minor"])
        if charge["batch"] in batches:
            paid[f"PAYTRACE DEP BATCH {charge['batch']}", currency] += amount
        elif charge["batch"] is None and str(charge["id"]) in transactions:
            paid["PAYTRACE ACH CREDIT", currency] += amount
    last = max(datetime.fromisoformat(str(charge["settled_at"])) for charge in todays)
    booked_on = business_day(last) + timedelta(days=1)
    file = io.StringIO()
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(("Date", "Description", "Amount", "Currency"))
    for (words, currency), minor in sorted(paid.items()):
        if minor:
            rows.writerow((booked_on.isoformat(), words, str(Money(minor, currency).major), currency))
    return Statement(file.getvalue(), booked_on)
