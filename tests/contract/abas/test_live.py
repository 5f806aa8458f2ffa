"""The reading half of the contract against a live abas: `pytest -m live` with SALDO_LIVE_ABAS_* set.

Nothing here writes. What a live system must answer by writing is the checklist in docs/abas.md.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import get_args

import pytest
from pydantic import SecretStr

from connectors.abas.client import AbasClient
from connectors.abas.criteria import Selection
from connectors.abas.probe import probe
from connectors.abas.profile import load_profile
from connectors.abas.profile_check import check_profile
from connectors.abas.settings import AbasSettings
from connectors.abas.source import AbasSource

pytestmark = pytest.mark.live

_BASE_URL = "SALDO_LIVE_ABAS_BASE_URL"
_PROFILE = "SALDO_LIVE_ABAS_PROFILE_PATH"


def live_settings(**changes: object) -> AbasSettings:
    if _BASE_URL not in os.environ:
        pytest.skip(f"{_BASE_URL} is not set")
    values: dict[str, object] = {
        "base_url": os.environ[_BASE_URL],
        "client": os.environ.get("SALDO_LIVE_ABAS_CLIENT", "erp"),
        "user": os.environ.get("SALDO_LIVE_ABAS_USER", ""),
        "password": SecretStr(os.environ.get("SALDO_LIVE_ABAS_PASSWORD", "")),
        "working_set_label": "saldo-contract",
    }
    if _PROFILE in os.environ:
        values["profile_path"] = Path(os.environ[_PROFILE])
    return AbasSettings.model_validate({**values, **changes})


@pytest.fixture
async def live() -> AsyncIterator[AbasClient]:
    async with AbasClient(live_settings()) as client:
        yield client


async def test_it_reports_about_itself_and_knows_us(live: AbasClient) -> None:
    assert live_settings().about_time_field in await live.about()
    assert await live.tables()


async def test_its_metadata_are_read(live: AbasClient) -> None:
    tables = await live.tables()
    assert any(table.get("tableSpec") == "0:1" and table.get("name") == "Customer" for table in tables)
    assert {"name", "type"} <= (await live.table_fields("0:1"))[0].keys()


@pytest.mark.parametrize("dialect", get_args(AbasSettings.model_fields["dialect"].annotation))
async def test_customers_are_read_in_every_dialect(dialect: str) -> None:
    async with AbasClient(live_settings(dialect=dialect)) as client:
        page = await client.query_page(
            "0:1", Selection(order_by="id"), ["id", "idno"], order_option="@order={field}", limit=5
        )
    assert page
    assert all(customer.head["idno"].value for customer in page)


async def test_pages_do_not_overlap(live: AbasClient) -> None:
    seen = []
    async for customer in live.query("0:1", Selection(order_by="id"), ["id"], order_option="@order={field}"):
        seen.append(customer.id)
        if len(seen) > 2 * live_settings().page_size:
            break
    assert len(seen) == len(set(seen))


async def test_the_probe_writes_a_profile(live: AbasClient) -> None:
    assert "tables:" in await probe(live)


async def test_the_profile_fits(live: AbasClient) -> None:
    if _PROFILE not in os.environ:
        pytest.skip(f"{_PROFILE} is not set")
    await check_profile(load_profile(live_settings().profile_path), live)


async def test_a_poll_reads_open_items(live: AbasClient) -> None:
    if _PROFILE not in os.environ:
        pytest.skip(f"{_PROFILE} is not set")
    settings = live_settings()
    source = AbasSource(live, load_profile(settings.profile_path), settings)
    seen = [key async for key, _ in source.poll()]
    assert all(key.partition("/")[0] in ("customer", "open-item", "sales-order") for key in seen)
