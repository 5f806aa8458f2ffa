"""Two providers over HTTP, against a sandbox with faults: what is published comes in exactly, nothing else does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any

import httpx2
import pytest
import uvicorn

from connectors.rates.errors import RatesNotThere, RatesUnavailable, RatesUnreadable
from connectors.rates.settings import JsonProvider, RatesSettings
from connectors.rates.source import RatesSource
from connectors.rates.wire import read_ecb, read_json
from infra.embedded.process import free_port
from infra.sandboxes.rates import create_app
from schemas.records.rates import RateObserved
from schemas.values.exchange import parse_rate
from streams.edges.publishing import content_digest

NOW = datetime(2026, 11, 20, 18, tzinfo=UTC)
FRIDAY, MONDAY = date(2026, 11, 20), date(2026, 11, 23)
PAIRS = ("USD/EUR", "EUR/USD", "GBP/USD", "KWD/EUR")
RATES = {
    "2026-11-19": {"USD": "1.0850", "GBP": "0.8560", "JPY": "163.20"},
    "2026-11-20": {"USD": "1.0857", "GBP": "0.8567", "JPY": "163.25"},
}


class _Server(uvicorn.Server):
    """Ends with its test."""

    def install_signal_handlers(self) -> None:
        """Leave the signals of the test run alone."""


@asynccontextmanager
async def sandbox(**faults: Any) -> AsyncIterator[str]:
    """A real server on loopback with two days of rates."""
    port = free_port()
    server = _Server(uvicorn.Config(create_app(), host="127.0.0.1", port=port, log_level="warning", lifespan="off"))
    running = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 -- uvicorn has no event for it
        await asyncio.sleep(0.01)
    url = f"http://127.0.0.1:{port}"
    async with httpx2.AsyncClient(trust_env=False) as client:
        await client.post(f"{url}/_sandbox/rates", json=RATES)
        await client.post(f"{url}/_sandbox/faults", json=faults)
    try:
        yield url
    finally:
        server.should_exit = True
        await running


def source(url: str, path: str = "/ecb/eurofxref-hist.xml", **more: Any) -> RatesSource:
    settings = RatesSettings(pairs=PAIRS, **({"ecb_url": f"{url}{path}"} | more))
    return RatesSource(settings, now=lambda: NOW)


def by_json(url: str, **more: Any) -> dict[str, Any]:
    return {"ecb_url": None, "json_provider": JsonProvider(url=f"{url}/json/latest", **more)}


async def polled(reader: RatesSource) -> dict[tuple[str, str, date], RateObserved]:
    found = {}
    async for subject, (observed,) in reader.poll():
        assert subject == f"rate/{observed.rate_provider}/{observed.currency_pair}/{observed.rate_on}"
        found[(observed.rate_provider, observed.currency_pair, observed.rate_on)] = observed
    return found


@pytest.mark.parametrize("path", ["eurofxref-hist.xml", "eurofxref-hist.csv", "eurofxref-hist.zip"])
async def test_each_file_of_the_ecb_gives_direct_inverse_and_cross_rates_to_the_digit(path: str) -> None:
    async with sandbox() as url:
        found = await polled(source(url, f"/ecb/{path}"))
    today = {pair: one.rate for (_, pair, day), one in found.items() if day == FRIDAY}
    assert today == {"USD/EUR": "1/1.0857", "EUR/USD": "1.0857", "GBP/USD": "1.0857/0.8567"}
    assert parse_rate(today["USD/EUR"]) * parse_rate(today["EUR/USD"]) == 1
    assert parse_rate(today["GBP/USD"]) == Fraction(10857, 8567)
    assert len(found) == 6  # two days; the dinar has no rate


async def test_the_daily_file_is_the_newest_day_alone() -> None:
    async with sandbox() as url:
        assert {day for _, _, day in await polled(source(url, "/ecb/eurofxref-daily.xml"))} == {FRIDAY}


async def test_json_comes_by_its_profile_with_all_its_digits() -> None:
    async with sandbox() as url:
        found = await polled(source(url, **by_json(url)))
    assert found[("json", "USD/EUR", FRIDAY)].rate == "1/1.0857"
    assert found[("json", "GBP/USD", FRIDAY)].raw == (
        '{"base": "EUR", "day": "2026-11-20", "rates": {"GBP": "0.8567", "USD": "1.0857"}}'
    )


async def test_a_rate_that_is_published_again_is_the_same_content() -> None:
    async with sandbox() as url:
        reader = source(url)
        first, again = await polled(reader), await polled(reader)
        assert {key: content_digest([one]) for key, one in first.items()} == {
            key: content_digest([one]) for key, one in again.items()
        }
        async with httpx2.AsyncClient(trust_env=False) as client:
            await client.post(f"{url}/_sandbox/rates", json={"2026-11-20": {"USD": "1.0900"}})
        changed = await polled(reader)
    assert changed[("ecb", "USD/EUR", FRIDAY)].rate == "1/1.0900"


@pytest.mark.parametrize("fault", [{"late_days": 1}, {"missing_days": ["2026-11-20"]}], ids=str)
async def test_a_day_that_is_late_or_missing_has_no_rate(fault: dict[str, Any]) -> None:
    async with sandbox(**fault) as url:
        assert {day for _, _, day in await polled(source(url))} == {date(2026, 11, 19)}


async def test_a_provider_that_is_away_does_not_hide_the_next_one() -> None:
    async with sandbox(unavailable=1, retry_after="7") as url:
        reader = source(url, json_provider=JsonProvider(url=f"{url}/json/latest"))
        seen: list[str] = []
        with pytest.raises(RatesUnavailable, match="HTTP 503") as caught:
            await _into(seen, reader)
        assert caught.value.retry_after_s == 7
        assert seen == [f"rate/json/{pair}/2026-11-20" for pair in PAIRS[:3]]
        assert len(await polled(reader)) == 9


async def _into(seen: list[str], reader: RatesSource) -> None:
    async for subject, _ in reader.poll():
        seen.append(subject)


@pytest.mark.parametrize("path", ["hist.xml", "hist.csv", "hist.zip"])
async def test_a_file_that_breaks_off_is_refused_whole(path: str) -> None:
    async with sandbox(malformed=True) as url:
        with pytest.raises(RatesUnreadable):
            await polled(source(url, f"/ecb/eurofxref-{path}"))


async def test_another_base_than_the_profile_says_is_refused() -> None:
    async with sandbox(wrong_base="USD") as url:
        with pytest.raises(RatesUnreadable, match="base is 'USD', expected EUR"):
            await polled(source(url, **by_json(url)))


async def test_a_wrong_address_and_nobody_there_are_told_apart() -> None:
    async with sandbox() as url:
        with pytest.raises(RatesNotThere, match="HTTP 404"):
            await polled(source(url, "/nothing"))
    with pytest.raises(RatesUnavailable):
        await polled(source(f"http://127.0.0.1:{free_port()}"))


def test_the_daily_csv_writes_its_day_in_words() -> None:
    (day,) = read_ecb(b"Date, USD, JPY, \n20 November 2026, 1.0857, 163.25, \n")
    assert (day.day, day.rates) == (FRIDAY, {"USD": "1.0857", "JPY": "163.25"})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html><body>busy</body></html>",
        b'<!DOCTYPE x [<!ENTITY a "b">]><x/>',
        b"Date,USD\n2026-11-20,-1\n",
        b"Date,USD\n2026-11-20,1/2\n",
        b"Date,USD\nyesterday,1.1\n",
        b"Date,USD,GBP\n2026-11-20,1.1\n",
        b"PK\x03\x04 no zip",
        b"\xff\xfe",
    ],
    ids=range(9),
)
def test_what_is_no_reference_file_is_refused(content: bytes) -> None:
    with pytest.raises(RatesUnreadable):
        read_ecb(content)


@pytest.mark.parametrize(
    "content",
    [b"[]", b"{}", b'{"base": "EUR", "date": 7, "rates": {}}', b'{"base": "EUR", "date": "2026-11-20", "rates": []}'],
)
def test_json_of_another_shape_is_refused(content: bytes) -> None:
    with pytest.raises(RatesUnreadable):
        read_json(content, JsonProvider(url="http://127.0.0.1/"))


def test_fields_of_the_profile_may_lie_inside_others() -> None:
    profile = JsonProvider(url="http://127.0.0.1/", base_field="meta.base", day_field="meta.day", rates_field="data")
    (day,) = read_json(b'{"meta": {"base": "EUR", "day": "2026-11-23"}, "data": {"USD": 1.10}}', profile)
    assert (day.day, day.rates) == (MONDAY, {"USD": "1.10"})


def test_pairs_without_a_provider_are_refused() -> None:
    with pytest.raises(ValueError, match="SALDO_RATES_ECB_URL"):
        RatesSettings(pairs=("USD/EUR",))
    assert not RatesSettings().is_used
