"""The shop's source against the sandbox: whatever hosts, caches, hooks and people do, the same facts come out once."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.shop.source import POLLED, ShopSource
from connectors.woocommerce.client import WooCommerceClient
from connectors.woocommerce.errors import (
    ShopLoginRejected,
    ShopNotThere,
    ShopThrottled,
    ShopUnavailable,
)
from connectors.woocommerce.reader import WooCommerceReader
from schemas.records import Record
from schemas.records.orders import (
    OrderGoneObserved,
    OrderLineKind,
    OrderObserved,
    OrderReviewReason,
    OrderStatus,
    ProductCategoriesObserved,
    ShopHooksObserved,
    ShopHooksStatus,
    ShopRefundGoneObserved,
    ShopRefundObserved,
    ShopSeenBy,
)
from streams.edges.publishing import content_digest
from tests.support.shop_sandbox import Shop, settings_of, shop_in_thread

LINES: list[dict[str, Any]] = [{"name": "Pump", "price": "19.99", "quantity": 3}, {"name": "Hose", "price": "5.45"}]


@dataclass
class Runner:
    """What stands for the publisher: it remembers contents and marks, and keeps what is new."""

    source: ShopSource = field(init=False)
    digests: dict[str, str] = field(default_factory=dict)
    marks: dict[str, str] = field(default_factory=dict)
    hinted: list[str] = field(default_factory=list)
    ahead: timedelta = timedelta(0)

    @property
    def subjects(self) -> Sequence[str]:
        return tuple(self.digests)

    def position_of(self, name: str) -> str:
        return self.marks.get(name, "")

    async def mark(self, name: str, position: str) -> None:
        self.marks[name] = position

    async def hints(self) -> Sequence[str]:
        found, self.hinted = self.hinted, []
        return found

    async def poll(self) -> list[Record]:
        """One poll; returns the records that a publisher would write."""
        news: list[Record] = []
        async for subject, records in self.source.poll():
            digest = content_digest(records)
            if self.digests.get(subject) != digest:
                self.digests[subject] = digest
                news += records
        return news

    async def again(self) -> list[Record]:
        """A poll that is due, by forgetting when the last one was."""
        await self.poll()
        self.marks = {
            name: (datetime.fromisoformat(at) - timedelta(days=1)).isoformat() if name.startswith(POLLED) else at
            for name, at in self.marks.items()
        }
        return await self.poll()


@asynccontextmanager
async def reading(shop: Shop, runner: Runner | None = None, **changes: Any) -> AsyncIterator[Runner]:
    found = runner or Runner()
    settings = settings_of(shop, **changes)
    now = lambda: datetime.fromisoformat(shop.admin("clock")["now"]) + found.ahead  # noqa: E731
    async with WooCommerceClient(settings) as client:
        reader = WooCommerceReader(client, settings, now=now)
        reader.now = now  # type: ignore[method-assign]  # uvicorn's Date header does not follow the shop's clock
        found.source = ShopSource(reader, settings, found, found.hints, now=now)
        yield found


def orders(records: Sequence[Record]) -> dict[str, OrderObserved]:
    return {one.order_id: one for one in records if isinstance(one, OrderObserved)}


def of(kind: type[Any], records: Sequence[Record]) -> list[Any]:
    return [one for one in records if isinstance(one, kind)]


async def test_an_order_comes_in_whole_and_adds_up(shop: Shop) -> None:
    pumps = shop.admin("categories", {"name": "Pumps &amp; <i>more</i>"})["id"]
    product = shop.admin("products", {"name": "Pump", "sku": "PUMP-3", "price": "19.99", "categories": [pumps]})["id"]
    made = shop.order(
        lines=[{"product_id": product, "quantity": 3}, {"name": "Old", "price": "5.45"}],
        shipping=[{"total": "7.50"}],
        fees=[{"name": "Gift card", "total": "-3.10", "tax_status": "none"}],
        coupons=[{"discount": "4.00", "code": "welcome"}],
        pay="approve",
    )
    async with reading(shop) as runner:
        news = await runner.poll()
        assert await runner.again() == []
    (order,) = orders(news).values()
    assert (order.shop_order, order.order_number) == (f"main/{made['id']}", made["number"])
    assert (order.status, order.reviews, order.currency) == (OrderStatus.PROCESSING, (), "USD")
    assert order.total_minor == round(float(made["total"]) * 100)
    assert [line.kind for line in order.lines] == [
        OrderLineKind.ITEM,
        OrderLineKind.ITEM,
        OrderLineKind.SHIPPING,
        OrderLineKind.FEE,
    ]
    pump, old, _, gift = order.lines
    assert (pump.sku, pump.category_ids, pump.quantity) == ("PUMP-3", (str(pumps),), "3")
    assert (old.sku, old.product_id, gift.net_minor, gift.tax_minor) == (None, None, -310, 0)
    assert pump.discount_minor + old.discount_minor == 400
    nets = sum(line.net_minor for line in order.lines)
    assert nets + sum(tax.cart_tax_minor + tax.shipping_tax_minor for tax in order.taxes) == order.total_minor
    assert [(one.paytrace_transaction_id, one.found_in) for one in order.transactions] == [
        (made["transaction_id"], "transaction_id")
    ]
    assert order.is_captured is True
    assert order.is_guest
    (goods,) = of(ProductCategoriesObserved, news)
    assert [one.name for one in goods.categories] == ["Pumps & more"]


async def test_who_buys_stands_in_the_sealed_values_alone_and_the_key_of_the_buyer_nowhere(shop: Shop) -> None:
    made = shop.order(customer_note="call Ada", email="Ada@Example.com ", pay="approve")
    same = shop.order(email="ada@example.com")
    async with reading(shop) as runner:
        found = orders(await runner.poll())
    told = repr([replace(one, person={}) for one in found.values()])
    for secret in ("Ada", "Byer", "Main St", "94107", "example.com", "192.0.2.44", "Mozilla", made["order_key"]):
        assert secret not in told
    assert found[str(made["id"])].customer_key == found[str(same["id"])].customer_key
    assert found[str(made["id"])].customer_key.startswith("main/guest/")


@pytest.mark.parametrize(
    "fault",
    ["maintenance", "bad_gateway", "js_wall", "login_page", "other_route", "cut_before", "cut_middle", "php_warning"],
)
async def test_a_shop_that_does_not_answer_usefully_is_asked_again(shop: Shop, fault: str) -> None:
    shop.order()
    async with reading(shop) as runner:
        shop.fault(**{fault: {"count": 1, "path": "/orders"}})
        assert len(orders(await runner.poll())) == 1  # the client itself asks again
        shop.fault(**{fault: True})
        with pytest.raises(ShopUnavailable):
            await runner.again()
        shop.fault(**{fault: False})
        assert await runner.again() == []


@pytest.mark.parametrize("fault", ["bom", "html_comment", "no_paging_headers", "null_for_list", "list_for_map"])
async def test_what_hosts_and_caches_add_changes_no_fact(shop: Shop, fault: str) -> None:
    for _ in range(3):
        shop.order(lines=LINES, pay="approve", ships_to={"city": "Reno"} if fault == "list_for_map" else {})
    async with reading(shop, page_size=2) as runner:
        shop.fault(**{fault: True})
        found = orders(await runner.poll())
        shop.fault(clear=True)
        later = of(OrderObserved, await runner.again())
    assert len(found) == 3
    assert all(not one.reviews for one in found.values())
    # Where it is sent could not be read, so that alone is told anew.
    assert len(later) == (3 if fault == "list_for_map" else 0)


@pytest.mark.parametrize(("fault", "error"), [("waf", ShopLoginRejected), ("key_revoked", ShopLoginRejected)])
async def test_who_is_refused_does_not_ask_again(shop: Shop, fault: str, error: type[Exception]) -> None:
    async with reading(shop) as runner:
        await runner.poll()
        shop.fault(**{fault: True})
        with pytest.raises(error):
            await runner.again()
        struck = shop.admin("faults")["struck"]
    assert struck[fault] == 1


async def test_a_redirect_is_not_followed_with_our_keys(shop: Shop) -> None:
    shop.fault(redirect=True)
    async with reading(shop) as runner:
        with pytest.raises(ShopNotThere, match=r"www\.shop\.example"):
            await runner.poll()


async def test_a_host_that_asks_for_time_gets_it(shop: Shop) -> None:
    shop.fault(rate_limit={"count": 1, "retry_after": "120"})
    async with reading(shop) as runner:
        with pytest.raises(ShopThrottled) as caught:
            await runner.poll()
    assert caught.value.retry_after_s == 120


async def test_a_list_that_shifts_while_it_is_read_loses_nothing(shop: Shop) -> None:
    made = {str(shop.order()["id"]) for _ in range(7)}
    async with reading(shop, page_size=2) as runner:
        shop.fault(page_shift=2)
        assert set(orders(await runner.poll())) == made


async def test_what_a_wrong_time_of_change_hides_the_sweep_finds(shop: Shop) -> None:
    order = shop.order(lines=LINES, pay="approve")["id"]
    shop.admin("clock", {"advance_s": 60})
    async with reading(shop, poll_every_s=1, overlap_s=1) as runner:
        await runner.poll()
        shop.admin("clock", {"advance_s": 7200})
        shop.act(order, "edit", lines=LINES[:1], moves_modified=False)
        assert orders(await runner.poll()) == {}
        shop.admin("clock", {"advance_s": 90_000})
        (found,) = orders(await runner.poll()).values()
    assert found.observed_by is ShopSeenBy.SWEEP
    assert len(found.lines) == 1


async def test_staff_that_only_look_change_nothing(tmp_path: Path) -> None:
    with shop_in_thread(tmp_path, opening_moves_modified=True) as shop:
        order = shop.order(pay="approve")["id"]
        async with reading(shop) as runner:
            await runner.poll()
            shop.act(order, "open")
            assert await runner.again() == []


async def test_a_shop_that_ignores_the_filter_is_read_by_the_time_of_making(tmp_path: Path) -> None:
    with shop_in_thread(tmp_path, honours_modified_filter=False) as shop:
        shop.order()
        async with reading(shop) as runner:
            assert len(orders(await runner.poll())) == 1


@pytest.mark.parametrize("zone", ["America/Anchorage", "Pacific/Tongatapu", "Europe/Berlin"])
async def test_midnight_and_clock_changes_of_the_shop_lose_nothing(tmp_path: Path, zone: str) -> None:
    with shop_in_thread(tmp_path, time_zone=zone) as shop:
        shop.admin("clock", {"now": "2026-10-25T00:59:30+00:00"})  # Berlin's second 2 o'clock begins
        async with reading(shop, poll_every_s=1, overlap_s=60) as runner:
            seen: dict[str, OrderObserved] = {}
            for _ in range(4):
                made = shop.order(pay="approve")
                shop.admin("clock", {"advance_s": 40})
                seen |= orders(await runner.poll())
                assert seen[str(made["id"])].status is OrderStatus.PROCESSING
        first = min(seen.values(), key=lambda one: int(one.order_id))
    assert first.created_at is not None
    assert abs(first.created_at - datetime(2026, 10, 25, 0, 59, 30, tzinfo=UTC)) < timedelta(seconds=10)


async def test_a_draft_is_no_order_and_trash_is_told_of_what_was_known(shop: Shop) -> None:
    shop.order(status="checkout-draft")
    unknown, known = shop.order()["id"], shop.order()["id"]
    async with reading(shop) as runner:
        shop.act(unknown, "trash")
        assert set(orders(await runner.poll())) == {str(known)}
        shop.act(known, "trash")
        runner.hinted = [str(known), str(unknown), "77"]
        (told,) = await runner.poll()
        assert isinstance(told, OrderObserved)
        assert told.status is OrderStatus.TRASHED
        shop.act(known, "restore")
        runner.hinted = [str(known)]
        (told,) = await runner.poll()
        assert isinstance(told, OrderObserved)
        assert (told.status, told.observed_by) == (OrderStatus.PENDING, ShopSeenBy.HOOK)


async def test_an_order_deleted_without_a_word_is_missed_by_the_sweep(shop: Shop) -> None:
    first, second = shop.order()["id"], shop.order()["id"]
    async with reading(shop) as runner:
        await runner.poll()
        shop.act(second, "delete")
        shop.admin("clock", {"advance_s": 90_000})
        news = await runner.poll()
        (gone,) = of(OrderGoneObserved, news)
        assert gone.order_id == str(second)
    assert str(first) != gone.order_id


async def test_refunds_are_facts_of_their_own_and_one_may_vanish(shop: Shop) -> None:
    made = shop.order(lines=LINES, pay="approve")
    line = made["line_items"][0]["id"]
    order = made["id"]
    shop.act(
        order,
        "refund",
        by="manual",
        reason="one was <b>broken</b>",
        lines=[{"id": line, "quantity": 1, "refund_total": "19.99", "refund_tax": [{"id": 1, "refund_total": "1.65"}]}],
    )
    async with reading(shop) as runner:
        (refund,) = of(ShopRefundObserved, await runner.poll())
        assert (refund.amount_minor, refund.is_sent_by_shop, refund.note) == (2164, False, "one was broken")
        (back,) = refund.refund_lines
        assert (back.line_id, back.quantity, back.net_minor, back.tax_minor) == (str(line), "1", 1999, 165)
        phantom = shop.act(order, "refund", amount="3.00", fails=True, stays=True)["made"]["id"]
        (seen,) = of(ShopRefundObserved, await runner.again())
        assert (seen.shop_refund_id, seen.is_sent_by_shop) == (str(phantom), True)
        shop.act(order, "refund-fails", refund_id=phantom)
        runner.hinted = [str(order)]
        (vanished,) = await runner.poll()
        assert isinstance(vanished, ShopRefundGoneObserved)
        assert vanished.shop_refund_id == str(phantom)
        assert await runner.again() == []


async def test_a_restart_knows_what_was_told_and_tells_nothing_twice(shop: Shop) -> None:
    order = shop.order(lines=LINES, pay="approve")["id"]
    refund = shop.act(order, "refund", amount="1.00")["made"]["id"]
    async with reading(shop) as runner:
        await runner.poll()
        await runner.poll()
    shop.act(order, "refund-fails", refund_id=refund)
    again = Runner(digests=runner.digests, marks=runner.marks)
    async with reading(shop, again):
        again.hinted = [str(order)]
        (vanished,) = await again.poll()
    assert isinstance(vanished, ShopRefundGoneObserved)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("unknown_status", OrderReviewReason.UNKNOWN_STATUS),
        ("unknown_currency", OrderReviewReason.UNKNOWN_CURRENCY),
        ("total_off", OrderReviewReason.SUM_DIFFERS),
        ("date_null", OrderReviewReason.DATE_UNREADABLE),
    ],
)
async def test_what_cannot_be_taken_is_a_fact_with_its_reason(
    shop: Shop, fault: str, reason: OrderReviewReason
) -> None:
    shop.order(lines=LINES, pay="approve")
    shop.fault(**{fault: {"path": "/orders"}})
    async with reading(shop) as runner:
        (order,) = orders(await runner.poll()).values()
    assert reason in {one.reason for one in order.reviews}
    assert json.loads(order.raw)["number"] == order.order_number


@pytest.mark.parametrize("fault", ["money_as_number", "html_in_names", "four_byte_text", "big_meta"])
async def test_odd_shapes_of_plugins_are_read(shop: Shop, fault: str) -> None:
    shop.order(lines=LINES, pay="approve")
    shop.fault(**{fault: {"path": "/orders"}})
    async with reading(shop) as runner:
        (order,) = orders(await runner.poll()).values()
    assert order.reviews == ()
    assert len(order.raw) < 10_000
    assert "<b>" not in order.lines[0].name


@pytest.mark.parametrize(("decimals", "currency", "total"), [(0, "JPY", 22), (3, "KWD", 21_650), (0, "USD", 2200)])
async def test_amounts_are_exact_in_every_number_of_digits(
    tmp_path: Path, decimals: int, currency: str, total: int
) -> None:
    with shop_in_thread(tmp_path, decimals=decimals, currency=currency) as shop:
        shop.order(lines=[{"price": "20" if decimals == 0 else "20.000"}])
        async with reading(shop) as runner:
            (order,) = orders(await runner.poll()).values()
    assert (order.total_minor, order.reviews) == (total, ())


async def test_what_is_finer_than_the_currency_is_not_rounded(tmp_path: Path) -> None:
    with shop_in_thread(tmp_path, decimals=3) as shop:
        shop.order(lines=[{"price": "20.005"}])
        async with reading(shop) as runner:
            (order,) = orders(await runner.poll()).values()
    assert order.lines == ()
    assert {one.reason for one in order.reviews} == {OrderReviewReason.AMOUNT_TOO_FINE}


@pytest.mark.parametrize("plugin", ["transaction_id", "meta", "notes", "nothing"])
async def test_the_transaction_is_taken_from_where_the_plugin_leaves_it(tmp_path: Path, plugin: str) -> None:
    with shop_in_thread(tmp_path, plugin=plugin) as shop:
        made = shop.order(pay="authorize")
        own = shop.admin("books")["orders"][0]["own_transaction"]
        other = shop.order(payment_method="stripe", pay="approve")
        async with reading(shop) as runner:
            found = orders(await runner.poll())
    expected = {"transaction_id": "transaction_id", "meta": "meta:_wc_paytrace_transaction_id"}
    named = [(own, expected[plugin])] if plugin in expected else []
    order = found[str(made["id"])]
    assert [(one.paytrace_transaction_id, one.found_in) for one in order.transactions] == named
    assert order.is_captured is (None if plugin == "nothing" else False)
    assert found[str(other["id"])].transactions == ()


async def test_hooks_that_are_off_or_stay_away_are_told(shop: Shop) -> None:
    async with reading(shop, silence_s=1800, poll_every_s=60) as runner:
        (missing,) = of(ShopHooksObserved, await runner.poll())
        assert (missing.status, "order.created is missing" in missing.detail) == (ShopHooksStatus.MISSING, True)
        for topic in ("order.created", "order.updated", "order.deleted", "order.restored"):
            shop.rest("POST", "webhooks", {"topic": topic, "delivery_url": "http://127.0.0.1:9/", "secret": "abc"})
        (active,) = of(ShopHooksObserved, await runner.again())
        assert active.status is ShopHooksStatus.ACTIVE
        hooks = shop.rest("GET", "webhooks")[2]
        shop.rest("PUT", f"webhooks/{hooks[1]['id']}", {"status": "paused"})
        (paused,) = of(ShopHooksObserved, await runner.again())
        assert (paused.status, "order.updated is paused" in paused.detail) == (ShopHooksStatus.PAUSED, True)
        shop.rest("PUT", f"webhooks/{hooks[1]['id']}", {"status": "active"})
        assert of(ShopHooksObserved, await runner.again())[0].status is ShopHooksStatus.ACTIVE
        shop.order()  # nobody hears of it
        await runner.again()
        runner.ahead = timedelta(hours=1)
        (silent,) = of(ShopHooksObserved, await runner.poll())
        assert silent.status is ShopHooksStatus.SILENT
        runner.hinted = ["5"]
        (heard,) = of(ShopHooksObserved, await runner.again())
        assert heard.status is ShopHooksStatus.ACTIVE


async def test_a_hint_and_a_poll_are_one_fact(shop: Shop) -> None:
    order = shop.order(lines=LINES, pay="approve")["id"]
    async with reading(shop) as runner:
        runner.hinted = [str(order), str(order)]
        (by_hook,) = of(OrderObserved, await runner.poll())
        assert await runner.again() == []
    async with reading(shop) as other:
        (by_poll,) = of(OrderObserved, await other.poll())
    assert by_hook.observed_by is ShopSeenBy.HOOK
    assert replace(by_hook, observed_at=NOON, observed_by=ShopSeenBy.POLL) == replace(by_poll, observed_at=NOON)


NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
