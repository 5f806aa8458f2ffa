"""Quotations as rates of the pairs that are wanted: direct, inverse and cross, each exact."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime

from connectors.rates.wire import Quotations
from schemas.records.rates import RateKind, RateObserved
from schemas.values.exchange import currencies_of


def rate_of(quotations: Quotations, pair: str) -> str | None:
    """Return how many of the second currency one of the first is worth; None where the day has no rate of one.

    The base itself is quoted as 1, so every pair is one quotation over another: USD/EUR of a euro base is 1/1.0857,
    EUR/USD is 1.0857, GBP/USD is 1.0857/0.8567.
    """
    first, second = currencies_of(pair)
    quoted = {**quotations.rates, quotations.base: "1"}
    if first not in quoted or second not in quoted:
        return None
    return quoted[second] if first == quotations.base else f"{quoted[second]}/{quoted[first]}"


def to_rates_observed(
    quotations: Quotations, pairs: Sequence[str], *, provider: str, raw_kind: str, observed_at: datetime
) -> Iterator[RateObserved]:
    """Yield the rate of each pair of which the day has one, with the quotations that it is made of."""
    for pair in pairs:
        rate = rate_of(quotations, pair)
        if rate is None:
            continue
        used = {name: quotations.rates[name] for name in sorted(currencies_of(pair)) if name in quotations.rates}
        yield RateObserved(
            currency_pair=pair,
            rate_on=quotations.day,
            rate=rate,
            rate_provider=provider,
            kind=RateKind.MEAN,
            raw_kind=raw_kind,
            raw=json.dumps({"base": quotations.base, "day": quotations.day.isoformat(), "rates": used}),
            observed_at=observed_at,
        )
