"""A poll hides nothing: what can't be read is reported, after everything else was yielded."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import httpx2
import pytest

from connectors.abas.client import AbasClient
from connectors.abas.errors import AbasRecordUnreadable
from connectors.abas.profile import load_profile
from connectors.abas.settings import SANDBOX_PROFILE, AbasSettings
from connectors.abas.source import AbasSource

SETTINGS = AbasSettings(read_attempts=1, filed_lookback_days=0)
GOOD = {"docNo": "RE-1", "customer^idno": "70001", "totalAmt": 1.5, "openAmt": 1.5, "curr^swd": "USD"}


def server(request: httpx2.Request) -> httpx2.Response:
    criteria = json.loads(request.content)["criteria"][0]
    items: list[dict[str, object]] = []
    if "/900:1/" in request.url.path and "(Active)" in criteria:
        items = [GOOD, {**GOOD, "totalAmt": "much"}, {**GOOD, "curr^swd": ""}, GOOD]
    objects = [
        {"meta": {"id": f"({n},900,0)"}, "head": {"fields": {k: {"value": v} for k, v in item.items()}}}
        for n, item in enumerate(items, start=1)
    ]
    return httpx2.Response(200, json={"content": {"messages": [], "data": {"erpDataObjects": objects}}})


async def test_an_unreadable_record_does_not_hide_the_others_and_is_reported() -> None:
    async with AbasClient(SETTINGS, transport=httpx2.MockTransport(server)) as client:
        source = AbasSource(
            client, load_profile(SANDBOX_PROFILE), SETTINGS, now=lambda: datetime(2026, 1, 1, tzinfo=UTC)
        )
        seen: list[str] = []

        async def read_all() -> None:
            async for key, _ in source.poll():
                seen.append(key)

        with pytest.raises(AbasRecordUnreadable) as caught:
            await read_all()
    assert seen == ["open-item/(1,900,0)", "open-item/(4,900,0)"]
    assert "2 records" in str(caught.value)
    assert "(2,900,0)" in str(caught.value)
    assert "totalAmt" in str(caught.value)
