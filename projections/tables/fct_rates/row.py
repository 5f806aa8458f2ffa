"""fct_rates: what is known of exchange rates, and which of them valued which payment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from projections.messages.coordinates import Coordinates
from projections.tables.columns import Word
from projections.tables.table import FactTable
from schemas.records.rates import RateAnswered, RateAwaited, RateCorrected, RateRecorded
from schemas.values.exchange import parse_rate, shown_rate

RATE_EVENTS = (RateRecorded, RateCorrected, RateAnswered, RateAwaited)


@dataclass(frozen=True, slots=True, kw_only=True)
class RateRow:
    """Each rate that was recorded or corrected, each payment that was valued by one, and each that waits for one."""

    record_type: Word
    currency_pair: Word
    rate_provider: Word
    rate_on: date | None
    rate: str
    shown_rate: str
    previous_rate: str
    paytrace_transaction_id: str
    value_on: date | None
    occurred_at: datetime


def project(record: Any, at: Coordinates) -> tuple[RateRow, ...]:
    """Return one row for each event of a pair."""
    rate = getattr(record, "rate", "")
    return (
        RateRow(
            record_type=type(record).__name__,
            currency_pair=record.currency_pair,
            rate_provider=getattr(record, "rate_provider", ""),
            rate_on=getattr(record, "rate_on", None),
            rate=rate,
            shown_rate=shown_rate(parse_rate(rate)) if rate else "",
            previous_rate=getattr(record, "previous_rate", ""),
            paytrace_transaction_id=getattr(record, "paytrace_transaction_id", ""),
            value_on=getattr(record, "value_on", None),
            occurred_at=record.occurred_at,
        ),
    )


TABLE = FactTable(
    name="fct_rates",
    row=RateRow,
    order_by=("currency_pair", "rate_provider"),
    reads=RATE_EVENTS,
    project=project,
)
