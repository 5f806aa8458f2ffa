"""What the providers publish now, as records, for the source runner, which compares contents and knows what changed.

A provider that is away or unreadable does not hide the next one: it is reported at the end of the poll.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import httpx2

from connectors.rates.client import RatesClient
from connectors.rates.mapping import to_rates_observed
from connectors.rates.settings import RatesSettings
from connectors.rates.wire import ECB, Quotations, read_ecb, read_json
from schemas.failures import Transient, Unreadable
from schemas.records.rates import RateObserved
from schemas.values.clock import utc_now

Observation = tuple[str, tuple[RateObserved, ...]]


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider: its name in the rules, what it calls its rates, its address, and how its file is read."""

    name: str
    raw_kind: str
    client: RatesClient
    read: Callable[[bytes], Sequence[Quotations]]


class RatesSource:
    """Reads every provider of the settings; satisfies the source runner's port by its shape."""

    name = "rates"

    def __init__(
        self,
        settings: RatesSettings,
        *,
        now: Callable[[], datetime] = utc_now,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self._pairs = settings.pairs
        self._now = now
        self._providers = tuple(_providers(settings, transport))

    async def poll(self) -> AsyncIterator[Observation]:
        """Yield the rate of each wanted pair and day, each under a key that stays the same from poll to poll.

        Raises: the first error of a provider, after the others were read; ContractBroken at once.
        """
        first: Transient | Unreadable | None = None
        for provider in self._providers:
            try:
                days = provider.read(await provider.client.fetch())
            except (Transient, Unreadable) as error:
                first = first or error
                continue
            for quotations in days:
                for observed in to_rates_observed(
                    quotations,
                    self._pairs,
                    provider=provider.name,
                    raw_kind=provider.raw_kind,
                    observed_at=self._now(),
                ):
                    yield f"rate/{provider.name}/{observed.currency_pair}/{observed.rate_on}", (observed,)
        if first is not None:
            raise first


def _providers(settings: RatesSettings, transport: httpx2.AsyncBaseTransport | None) -> Sequence[Provider]:
    found = []
    if settings.ecb_url:
        client = RatesClient("the ECB", settings.ecb_url, settings, setting="ecb_url", transport=transport)
        found.append(Provider(ECB, "euro foreign exchange reference rate", client, read_ecb))
    if profile := settings.json_provider:
        party = f"provider {profile.name}"
        client = RatesClient(party, profile.url, settings, setting="json_provider", transport=transport)
        found.append(Provider(profile.name, "rate", client, lambda content: read_json(content, profile)))
    return found
