"""What became of an open item that a poll doesn't show: only abas' own word that there is none makes it gone."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx2
import pytest

from connectors.abas.client import AbasClient
from connectors.abas.errors import AbasRecordUnreadable
from connectors.abas.profile import load_profile
from connectors.abas.settings import SANDBOX_PROFILE, AbasSettings
from connectors.abas.source import AbasSource
from connectors.abas.vanished import LOOKED_UP_PER_POLL
from schemas.records.receivables import OpenItemObserved

SETTINGS = AbasSettings(read_attempts=1, retry_initial_s=0.0, filed_lookback_days=0)
GOOD = {"docNo": "RE-1", "customer^idno": "70001", "totalAmt": 1.5, "openAmt": 1.5, "curr^swd": "USD"}
ONE, TWO = "(1,900,0)", "(2,900,0)"


class Books:
    """An abas with open items only. hidden: there, and left out of lists; mute: says nothing of a single record."""

    def __init__(self, *ids: str) -> None:
        self.items: dict[str, dict[str, object]] = {item: dict(GOOD) for item in ids}
        self.filed: set[str] = set()
        self.hidden: set[str] = set()
        self.mute = False
        self.looked_up: list[str] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if "/900:1/" not in request.url.path:
            return _answer({"data": {"erpDataObjects": []}})
        if request.method == "GET":
            return self._read(request.url.path.rpartition("/")[2])
        body = json.loads(request.content)
        [criteria] = body["criteria"]
        by_id = re.search(r"id==([^;]+)", criteria)
        if by_id is not None:
            self.looked_up.append(by_id[1])
        wanted = [
            item
            for item in self.items
            if ((item in self.filed) is ("(Filed)" in criteria))
            and (item == by_id[1] if by_id else item not in self.hidden)
        ]
        objects = [_shown(item, self.items[item]) for item in wanted]
        return _answer({"data": {"erpDataObjects": objects[body["offset"] :]}})

    def _read(self, item: str) -> httpx2.Response:
        if item in self.items:
            return _answer({"data": _shown(item, self.items[item])})
        if self.mute:
            return httpx2.Response(404, json={"detail": "Not Found"})
        error = {"_type": "AbasErpError", "category": "MISSING_OBJECT", "error": {"text": ["no record"]}}
        return _answer(error, status=404)


def _answer(content: Any, *, status: int = 200) -> httpx2.Response:
    return httpx2.Response(status, json={"content": content})


def _shown(item: str, values: dict[str, object]) -> dict[str, Any]:
    return {"meta": {"id": item}, "head": {"fields": {name: {"value": value} for name, value in values.items()}}}


class Watch:
    """Polls one after the other, as the runner does."""

    def __init__(self, books: Books) -> None:
        self._client = AbasClient(SETTINGS, transport=httpx2.MockTransport(books))
        self._source = AbasSource(self._client, load_profile(SANDBOX_PROFILE), SETTINGS)

    async def poll(self) -> dict[str, OpenItemObserved]:
        seen = {}
        async for key, (observed, _) in self._source.poll():
            assert isinstance(observed, OpenItemObserved)
            seen[key.removeprefix("open-item/")] = observed
        return seen


async def test_an_item_that_was_deleted_is_reported_as_closed_with_what_was_last_known() -> None:
    books = Books(ONE, TWO)
    watch = Watch(books)
    before = (await watch.poll())[ONE]
    del books.items[ONE]
    for _ in range(2):  # again with each poll, so that a write that failed is made good
        gone = (await watch.poll())[ONE]
        assert (gone.is_open, gone.open_minor, gone.amount_minor) == (False, 0, before.amount_minor)
        assert (gone.abas_customer_id, gone.invoice_number, gone.raw) == ("70001", "RE-1", "{}")
    books.items[ONE] = dict(GOOD)
    assert (await watch.poll())[ONE].is_open


async def test_an_item_that_a_page_left_out_stays_open() -> None:
    books = Books(ONE, TWO)
    watch = Watch(books)
    await watch.poll()
    books.hidden = {ONE}
    seen = await watch.poll()
    assert seen[ONE].is_open
    assert set(books.looked_up) == {ONE}


async def test_an_item_filed_without_a_visible_change_is_reported_as_closed() -> None:
    books = Books(ONE)
    watch = Watch(books)
    await watch.poll()
    books.filed, books.hidden = {ONE}, {ONE}
    assert not (await watch.poll())[ONE].is_open


async def test_an_item_of_which_abas_says_nothing_stays_as_it_was() -> None:
    books = Books(ONE)
    watch = Watch(books)
    await watch.poll()
    del books.items[ONE]
    books.mute = True
    assert await watch.poll() == {}
    books.mute = False
    assert not (await watch.poll())[ONE].is_open


async def test_an_item_that_can_not_be_read_any_more_is_there_all_the_same() -> None:
    books = Books(ONE)
    watch = Watch(books)
    await watch.poll()
    books.items[ONE]["totalAmt"] = "much"
    for _ in range(2):
        with pytest.raises(AbasRecordUnreadable):
            await watch.poll()
    assert books.looked_up == []


async def test_many_deletions_are_looked_up_over_several_polls() -> None:
    many = [f"({n},900,0)" for n in range(LOOKED_UP_PER_POLL + 5)]
    books = Books(*many)
    watch = Watch(books)
    await watch.poll()
    books.items.clear()
    assert len(await watch.poll()) == LOOKED_UP_PER_POLL
    assert {i.is_open for i in (await watch.poll()).values()} == {False}
    assert len(await watch.poll()) == len(many)
