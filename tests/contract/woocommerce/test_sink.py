"""Writes into the sandbox shop: each once, whatever is lost on the way, and never money or a computed total."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from connectors.woocommerce.client import WooCommerceClient
from connectors.woocommerce.errors import ShopLoginRejected, ShopUnavailable, WriteOutcomeUnknown
from connectors.woocommerce.sink import INCOMPLETE, WRITE_BACK_OFF, WooCommerceSink
from schemas.records.orders import ShopWriteKind, ShopWriteRefused, ShopWritten, WriteToShop
from schemas.topic import Topic
from schemas.wire.codec import Codec
from streams.edges.shop_claims import AGAIN_AFTER, ShopClaims
from streams.log.memory import MemoryLog
from tests.support.examples import example
from tests.support.shop_sandbox import Shop, settings_of
from tests.support.signing import SIGNER

CODEC = Codec()
SHOP_CLAIMS = Topic.SHOP_CLAIMS


@asynccontextmanager
async def writing(shop: Shop, **changes: Any) -> AsyncIterator[WooCommerceSink]:
    settings = settings_of(shop, **{"writes_back": True, **changes})
    async with WooCommerceClient(settings) as client:
        yield WooCommerceSink(client, settings)


def asked(order: dict[str, Any], kind: ShopWriteKind, **fields: Any) -> WriteToShop:
    plain: WriteToShop = example("WriteToShop")
    given: dict[str, Any] = {"amount_minor": None, "currency": None, "text": "", **fields}
    return replace(plain, shop_order=f"main/{order['id']}", order_id=str(order["id"]), kind=kind, **given)


NOTE: dict[str, Any] = {"kind": ShopWriteKind.NOTE, "text": "posted in abas as 500123"}
STATUS: dict[str, Any] = {"kind": ShopWriteKind.STATUS, "shop_status": "completed"}
REFUND: dict[str, Any] = {"kind": ShopWriteKind.REFUND, "text": "broken", "amount_minor": 300, "currency": "USD"}
EACH = pytest.mark.parametrize("wanted", [NOTE, STATUS, REFUND], ids=["note", "status", "refund"])


def held(shop: Shop) -> tuple[int, str, int]:
    """Our notes, the status, and refunds of the one order."""
    (order,) = shop.admin("books")["orders"]
    return (
        sum("[saldo c0ffee]" in one["note"] for one in order["notes"]),
        order["status"],
        len(order["refunds"]),
    )


def expected(wanted: dict[str, Any]) -> tuple[int, str, int]:
    return {
        ShopWriteKind.NOTE: (1, "processing", 0),
        ShopWriteKind.STATUS: (0, "completed", 0),
        ShopWriteKind.REFUND: (0, "processing", 1),
    }[wanted["kind"]]


@EACH
async def test_each_is_written_once_and_moves_no_money(shop: Shop, wanted: dict[str, Any]) -> None:
    command = asked(shop.order(pay="approve"), **wanted)
    async with writing(shop) as sink:
        first, second = await sink.write(command), await sink.write(command)
    assert isinstance(first, ShopWritten)
    assert isinstance(second, ShopWritten)
    assert first.shop_record_id == second.shop_record_id
    assert held(shop) == expected(wanted)
    books = shop.admin("books")
    assert (books["money_sent_by_refunds"], books["orders_recalculated"]) == ("0", 0)


@EACH
@pytest.mark.parametrize("fault", ["cut_after", "js_wall"])
async def test_a_lost_answer_is_looked_up_and_nothing_is_written_twice(
    shop: Shop, wanted: dict[str, Any], fault: str
) -> None:
    command = asked(shop.order(pay="approve"), **wanted)
    path = {"NOTE": "/notes", "REFUND": "/refunds"}.get(command.kind, "")
    async with writing(shop, read_attempts=1) as sink:
        reads = {"NOTE": 1, "STATUS": 1, "REFUND": 1}[command.kind]
        before = len(shop.admin("requests"))
        outcome: Any = None
        # The fault meets whichever call comes then: a look-up or the write itself.
        shop.fault(**{fault: {"count": 1, "path": f"/orders/{command.order_id}{path}"}})
        for _ in range(4):
            try:
                outcome = await sink.write(command)
                break
            except (WriteOutcomeUnknown, ShopUnavailable):
                continue
        assert reads <= len(shop.admin("requests")) - before
    assert isinstance(outcome, ShopWritten)
    assert held(shop) == expected(wanted)


@EACH
async def test_the_write_itself_may_lose_its_answer(shop: Shop, wanted: dict[str, Any]) -> None:
    command = asked(shop.order(pay="approve"), **wanted)

    class Losing(WooCommerceClient):
        lost = False

        async def write(self, *args: Any, **more: Any) -> Any:
            if not self.lost:
                self.lost = True
                shop.fault(cut_after=1)
            return await super().write(*args, **more)

    settings = settings_of(shop, writes_back=True)
    async with Losing(settings) as client:
        sink = WooCommerceSink(client, settings)
        with pytest.raises(WriteOutcomeUnknown):
            await sink.write(command)
        assert held(shop) == expected(wanted)
        assert isinstance(await sink.write(command), ShopWritten)
    assert held(shop) == expected(wanted)


async def test_of_two_that_a_race_left_the_first_stays(shop: Shop) -> None:
    order = shop.order(pay="approve")
    body = {"amount": "3.00", "api_refund": False, "meta_data": [{"key": "_saldo_ref", "value": "c0ffee"}]}
    first = shop.rest("POST", f"orders/{order['id']}/refunds", body)[2]["id"]
    shop.rest("POST", f"orders/{order['id']}/refunds", body)
    async with writing(shop) as sink:
        outcome = await sink.write(asked(order, **REFUND))
    assert isinstance(outcome, ShopWritten)
    assert outcome.shop_record_id == str(first)
    assert held(shop) == (0, "processing", 1)


async def test_a_status_that_people_moved_on_is_not_set_again(shop: Shop) -> None:
    order = shop.order(pay="approve")
    async with writing(shop) as sink:
        await sink.write(asked(order, **STATUS))
        shop.act(order["id"], "status", status="on-hold")
        await sink.write(asked(order, **STATUS))
        await sink.write(replace(asked(order, **{**STATUS, "shop_status": "cancelled"}), command_id="c0ffee2"))
    assert held(shop)[1] == "cancelled"


async def test_what_is_refused_is_a_fact(shop: Shop) -> None:
    order = shop.order(pay="approve")
    cases: list[tuple[WriteToShop, str]] = [
        (asked(order, **{**REFUND, "amount_minor": 10_000_000}), "woocommerce_rest_cannot_create_order_refund"),
        (asked(order, **{**REFUND, "currency": "EUR"}), "CURRENCY_DIFFERS"),
        (asked(order, **{**STATUS, "shop_status": "no-such"}), "rest_invalid_param"),
        (asked({"id": 7}, **NOTE), "woocommerce_rest_shop_order_invalid_id"),
        (asked({"id": 7}, **STATUS), "woocommerce_rest_shop_order_invalid_id"),
        (asked(order, **{**NOTE, "text": ""}), INCOMPLETE),
    ]
    async with writing(shop) as sink:
        for command, code in cases:
            outcome = await sink.write(command)
            assert isinstance(outcome, ShopWriteRefused)
            assert outcome.code == code
    async with writing(shop, writes_back=False) as sink:
        off = await sink.write(asked(order, **NOTE))
    assert isinstance(off, ShopWriteRefused)
    assert off.code == WRITE_BACK_OFF
    assert held(shop) == (0, "processing", 0)


async def test_a_key_that_may_only_read_stops_the_writes(shop: Shop) -> None:
    command = asked(shop.order(pay="approve"), **NOTE)
    shop.admin("settings", {"permission": "read"})
    async with writing(shop) as sink:
        with pytest.raises(ShopLoginRejected):
            await sink.write(command)


class Killed(BaseException):
    """The process is gone, at this very call."""


class Mortal(WooCommerceClient):
    """A client whose process is killed at its first write: before it was sent, or once the shop had it."""

    dies = ""

    async def write(self, *args: Any, **more: Any) -> Any:
        if self.dies == "before":
            raise Killed
        answer = await super().write(*args, **more)
        if self.dies == "after":
            raise Killed
        return answer


@EACH
@pytest.mark.parametrize("dies", ["before", "after"])
async def test_a_process_killed_between_claim_call_and_answer_leaves_it_written_once(
    shop: Shop, wanted: dict[str, Any], dies: str
) -> None:
    command = asked(shop.order(pay="approve"), **wanted)
    settings, log = settings_of(shop, writes_back=True), MemoryLog({SHOP_CLAIMS: 1}, signer=SIGNER)
    now = command.occurred_at

    def process(client: WooCommerceClient, name: str) -> WooCommerceSink:
        return WooCommerceSink(client, settings, ShopClaims(log, CODEC, claimed_by=name, now=lambda: now))

    async with Mortal(settings) as first, WooCommerceClient(settings) as second:
        first.dies = dies
        with pytest.raises(Killed):
            await process(first, "first").write(command)
        sister = process(second, "second")
        if dies == "before":
            with pytest.raises(WriteOutcomeUnknown):  # it may be on its way
                await sister.write(command)
            assert held(shop) == (0, "processing", 0)
            now += AGAIN_AFTER
        assert isinstance(await sister.write(command), ShopWritten)
        # The first was only paused, and asks again.
        assert isinstance(await process(second, "first, awake").write(command), ShopWritten)
    assert held(shop) == expected(wanted)


@pytest.mark.parametrize(
    ("others", "made"),
    [((), ["5.00"]), (("2.00",), ["2.00", "3.00"]), (("5.00",), ["5.00"]), (("4.00", "2.00"), ["2.00", "4.00"])],
)
async def test_a_refund_of_paytrace_is_shown_but_for_what_the_shop_shows_by_then(
    shop: Shop, others: Sequence[str], made: list[str]
) -> None:
    order = shop.order(pay="approve")
    for amount in others:
        shop.act(order["id"], "refund", amount=amount, by="manual")
    command = replace(
        asked(order, kind=ShopWriteKind.REFUND, text="x", amount_minor=500, currency="USD"), up_to_minor=500
    )
    async with writing(shop) as sink:
        outcomes = [await sink.write(command) for _ in range(2)]
    [books] = shop.admin("books")["orders"]
    assert sorted(one["amount"] for one in books["refunds"]) == made
    is_shown = len(made) > len(others)
    assert {type(one) for one in outcomes} == {ShopWritten if is_shown else ShopWriteRefused}
    assert shop.admin("books")["money_sent_by_refunds"] == "0"


async def test_of_two_processes_at_once_one_writes(shop: Shop) -> None:
    command = asked(shop.order(pay="approve"), **NOTE)
    settings, log = settings_of(shop, writes_back=True), MemoryLog({SHOP_CLAIMS: 1}, signer=SIGNER)
    async with WooCommerceClient(settings) as client:
        sinks = [WooCommerceSink(client, settings, ShopClaims(log, CODEC, claimed_by=f"{n}")) for n in range(4)]
        outcomes = await asyncio.gather(*(sink.write(command) for sink in sinks), return_exceptions=True)
        assert all(isinstance(one, ShopWritten | WriteOutcomeUnknown) for one in outcomes)
        assert isinstance(await sinks[0].write(command), ShopWritten)
        posts = [one for one in shop.admin("requests") if one["method"] == "POST"]
    assert (len(posts), held(shop)) == (1, (1, "processing", 0))


async def test_what_the_shop_certainly_did_not_take_is_written_by_the_same_process_at_once(shop: Shop) -> None:
    command = asked(shop.order(pay="approve"), **NOTE)
    settings, log = settings_of(shop, writes_back=True), MemoryLog({SHOP_CLAIMS: 1}, signer=SIGNER)

    class Refused(WooCommerceClient):
        refused = False

        async def write(self, *args: Any, **more: Any) -> Any:
            if not self.refused:
                self.refused = True
                raise ShopUnavailable("503")
            return await super().write(*args, **more)

    async with Refused(settings) as client:
        sink = WooCommerceSink(client, settings, ShopClaims(log, CODEC, claimed_by="one"))
        with pytest.raises(ShopUnavailable):
            await sink.write(command)
        assert isinstance(await sink.write(command), ShopWritten)
    assert held(shop) == (1, "processing", 0)


@pytest.mark.parametrize(
    ("is_at", "ends_at", "code"),
    [("pending", "processing", ""), ("processing", "processing", ""), ("completed", "completed", "STATUS_MOVED_ON")],
)
async def test_a_status_is_set_from_those_that_it_may_follow(shop: Shop, is_at: str, ends_at: str, code: str) -> None:
    order = shop.order(pay="approve")
    shop.act(order["id"], "status", status=is_at)
    wanted = {**STATUS, "shop_status": "processing", "from_statuses": ("pending", "on-hold")}
    async with writing(shop) as sink:
        outcome = await sink.write(asked(order, **wanted))
    assert getattr(outcome, "code", "") == code
    assert held(shop)[1] == ends_at
