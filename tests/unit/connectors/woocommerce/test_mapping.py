"""Amounts, sums, dates and texts of WooCommerce: exact, or named as what can't be taken."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.shop.settings import OneShop, ShopSettings
from connectors.woocommerce import wire
from connectors.woocommerce.client import WooCommerceClient
from connectors.woocommerce.errors import UnreadableOrder
from connectors.woocommerce.mapping import to_hooks_observed, to_order_observed
from infra.sandboxes.shop.settings import ShopSandboxSettings, TaxRate
from infra.sandboxes.shop.totals import compute
from schemas.failures import ContractBroken
from schemas.records.orders import OrderObserved, OrderReviewReason, ShopHooksStatus, ShopSeenBy
from schemas.values.money import exponent
from streams.edges.publishing import content_digest

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SETTINGS = ShopSettings(base_url="https://shop.example", consumer_key="ck", consumer_secret="cs")  # type: ignore[arg-type]  # pydantic makes a secret of it


def order(**changes: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "id": 1203,
        "number": "W1203",
        "status": "processing",
        "currency": "USD",
        "order_key": "wc_order_abc",
        "customer_id": 0,
        "billing": {"email": "ada@example.com", "country": "US"},
        "shipping": {},
        "payment_method": "paytrace",
        "transaction_id": "395970002",
        "total": "10.83",
        "cart_tax": "0.83",
        "shipping_total": "0.00",
        "shipping_tax": "0.00",
        "discount_total": "0.00",
        "total_tax": "0.83",
        "date_created_gmt": "2026-11-20T18:00:00",
        "line_items": [
            {"id": 1, "name": "Pump", "quantity": 1, "subtotal": "10.00", "total": "10.00", "total_tax": "0.83"}
        ],
        "tax_lines": [{"id": 2, "rate_id": 1, "rate_code": "US", "tax_total": "0.83", "shipping_tax_total": "0.00"}],
        "shipping_lines": [],
        "fee_lines": [],
        "coupon_lines": [],
        "meta_data": [],
    }
    return {**plain, **changes}


def read(found: dict[str, Any], shop: ShopSettings = SETTINGS) -> OrderObserved:
    return to_order_observed(found, shop, {}, observed_at=NOON, observed_by=ShopSeenBy.POLL)


def reasons(found: OrderObserved) -> list[OrderReviewReason]:
    return [one.reason for one in found.reviews]


def test_a_cent_per_rate_is_rounding_and_two_are_not() -> None:
    assert reasons(read(order(total="10.84"))) == []
    assert reasons(read(order(total="10.85"))) == [OrderReviewReason.SUM_DIFFERS]
    assert reasons(read(order(total_tax="0.84"))) == [OrderReviewReason.TAX_DIFFERS]


@pytest.mark.parametrize("amount", ["", None, "ten", "1e400", "NaN", "1_000", "10,83", [], "9" * 30])
def test_what_is_no_amount_is_named(amount: Any) -> None:
    found = read(order(total=amount))
    assert OrderReviewReason.AMOUNT_UNREADABLE in reasons(found)
    assert found.total_minor is None
    assert found.lines == ()


@pytest.mark.parametrize("number", [None, True, "12", 0, -4, 1.5])
def test_what_has_no_number_is_no_order(number: Any) -> None:
    with pytest.raises(UnreadableOrder, match="expected a number"):
        read(order(id=number))


def test_who_buys_is_values_for_sealing_and_digests_to_compare_by() -> None:
    ada = {"first_name": "Ada", "last_name": "Byer", "email": "Ada@Example.com", "country": "US"}
    found = read(order(billing={**ada, "address_1": "1 Main St", "city": "Reno", "postcode": "89501"}))
    assert {role: value for role, value in found.person.items() if role.startswith("billing")} == {
        "billing_country": "US",
        "billing_postal_code": "89501",
        "billing_street": "1 Main St",
        "billing_town": "Reno",
    }
    same = read(order(billing={**ada, "email": "ada@example.com ", "address_1": "1 Main Street"}))
    assert (found.email_digest, found.name_digest) == (same.email_digest, same.name_digest)
    assert found.data_subject == same.data_subject == f"shop/{found.customer_key}"
    assert read(order(customer_id=7)).customer_key == "main/customer/7"


def test_a_time_of_change_and_a_version_are_no_part_of_what_is_said() -> None:
    later = order(date_modified_gmt="2026-11-21T00:00:00", version="99.1")
    assert content_digest((read(order()),)) == content_digest((read(later),))


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 999_999), st.integers(1, 9)), min_size=1, max_size=5),
    st.lists(st.decimals("0", "25", places=3), min_size=0, max_size=3),
    st.sampled_from(["USD", "JPY", "KWD"]),
    st.sampled_from(["line", "subtotal"]),
    st.integers(-5_000, 0),
)
def test_what_the_shop_computes_always_adds_up(
    goods: list[tuple[int, int]], percents: list[Decimal], currency: str, rounding: str, fee: int
) -> None:
    digits = exponent(currency)
    rates = tuple(TaxRate(id=at, code=f"R{at}", percent=percent) for at, percent in enumerate(percents, 1))
    shop = ShopSandboxSettings(data_dir=Path(), decimals=digits, tax_rates=rates, tax_rounding=rounding)  # type: ignore[arg-type]
    lines = [
        {"id": at, "quantity": count, "subtotal": str(net), "total": str(net), "taxes": []}
        for at, (minor, count) in enumerate(goods, 1)
        if (net := Decimal(minor * count).scaleb(-digits))
    ]
    fees = [{"id": 90, "name": "Voucher", "total": str(Decimal(fee).scaleb(-digits)), "tax_status": "none"}]
    made = order(currency=currency, line_items=lines, fee_lines=fees, shipping_lines=[])
    compute(made, shop)
    found = read(wire.decode(json.dumps(made).encode()))
    assert found.reviews == ()
    assert sum(line.net_minor for line in found.lines) == sum(minor * count for minor, count in goods) + fee


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'\xef\xbb\xbf{"a": 1.10}', {"a": Decimal("1.10")}),
        (b"[1]\n<!-- cached <b> at 3 -->\n", [1]),
        (b"<!-- a --> <!-- b -->[]", []),
    ],
)
def test_json_is_read_through_marks_and_comments(body: bytes, expected: Any) -> None:
    assert wire.decode(body) == expected


@pytest.mark.parametrize("body", [b"", b"<html></html>", b'{"a": NaN}', b'{"a": 1', b"<b>Warning</b>\n[]", b"\xff[]"])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError):
        wire.decode(body)


def test_the_worst_hook_counts_and_other_peoples_hooks_do_not() -> None:
    shop = SETTINGS.model_copy(update={"hook_url": "https://saldo.example/hooks/shop/main"})
    ours = {"delivery_url": shop.hook_url, "status": "active"}
    topics = ("order.created", "order.updated", "order.deleted", "order.restored")
    hooks = [{**ours, "topic": topic} for topic in topics]
    assert to_hooks_observed(hooks, shop, NOON).status is ShopHooksStatus.ACTIVE
    other = [{**one, "delivery_url": "https://elsewhere.example"} for one in hooks]
    assert to_hooks_observed(other, shop, NOON).status is ShopHooksStatus.MISSING
    hooks[2]["status"] = "disabled"
    del hooks[0]
    found = to_hooks_observed(hooks, shop, NOON)
    assert (found.status, found.detail.startswith("order.deleted is disabled")) == (ShopHooksStatus.DISABLED, True)


def test_settings_refuse_what_would_give_the_keys_away() -> None:
    good: dict[str, Any] = {"base_url": "https://shop.example", "consumer_key": "ck", "consumer_secret": "cs"}
    for changes, words in (
        ({"base_url": "http://shop.example"}, "must begin with https"),
        ({"consumer_key": ""}, "has no keys"),
        ({"hook_secret": "short"}, "24 letters and digits"),
        ({"hook_secret": "a&b" * 20}, "24 letters and digits"),
    ):
        with pytest.raises(ValueError, match=words):
            ShopSettings(**{**good, **changes})
    assert ShopSettings(**{**good, "base_url": "http://127.0.0.1:9"}).is_used
    assert not ShopSettings().is_used
    # Most processes have the settings without secrets; whoever calls the shop needs its own.
    with pytest.raises(ContractBroken, match="consumer_secret"):
        WooCommerceClient(ShopSettings(**{**good, "consumer_secret": ""}))
    several = ShopSettings(
        consumer_key="ck",
        consumer_secret="cs",  # type: ignore[arg-type]
        shops={"us": OneShop(base_url="https://us.example"), "eu": OneShop(base_url="https://eu.example")},
    )
    assert {label: shop.base_url for label, shop in several.each().items()} == {
        "us": "https://us.example",
        "eu": "https://eu.example",
    }
