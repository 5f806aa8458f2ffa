"""The sandbox shop answers as the reference says that WooCommerce does: odd statuses, odd defaults, hooks included."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.support.paytrace_sandbox import sandbox_in_thread
from tests.support.shop_sandbox import KEYS, Shop, shop_in_process, shop_in_thread

LINES: list[dict[str, Any]] = [{"name": "Pump", "price": "19.99", "quantity": 3}, {"name": "Hose", "price": "5.45"}]


@dataclass
class Receiver:
    """What a hook receiver got, and the status that it answers with."""

    url: str = ""
    status: int = 200
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@contextmanager
def receiver() -> Iterator[Receiver]:
    kept = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            kept.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(kept.status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.url = f"http://127.0.0.1:{server.server_address[1]}/hooks"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()


def until(holds: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.01)


def code(answer: Sequence[Any]) -> tuple[int, str]:
    return answer[0], answer[2]["code"]


@pytest.mark.parametrize(
    ("rounding", "decimals", "includes_tax"),
    [("line", 2, False), ("subtotal", 2, True), ("subtotal", 0, False), ("line", 3, True)],
)
def test_an_order_adds_up_within_one_unit_of_each_rate(
    tmp_path: Path, rounding: str, decimals: int, includes_tax: bool
) -> None:
    rates = [
        {"id": 1, "code": "US-CA-STATE-1", "percent": "7.25"},
        {"id": 2, "code": "US-CA-CITY-2", "percent": "1.125", "compound": True, "on_shipping": False},
    ]
    more = {"tax_rounding": rounding, "decimals": decimals, "prices_include_tax": includes_tax, "tax_rates": rates}
    with shop_in_thread(tmp_path, **more) as shop:
        order = shop.order(
            lines=LINES,
            shipping=[{"total": "7.5"}, {"total": "2.33"}],
            fees=[{"name": "Gift", "total": "-3.10"}],
            coupons=[{"discount": "4.00"}],
        )
    unit = Decimal(1).scaleb(-decimals)
    parts = [Decimal(one["total"]) for name in ("line_items", "shipping_lines", "fee_lines") for one in order[name]]
    total = sum(parts) + Decimal(order["cart_tax"]) + Decimal(order["shipping_tax"])
    assert abs(total - Decimal(order["total"])) <= 2 * unit
    assert sum(Decimal(one["tax_total"]) for one in order["tax_lines"]) == Decimal(order["cart_tax"])
    assert Decimal(order["total"]).as_tuple().exponent == -decimals


def test_dates_are_without_a_zone_and_numbers_are_no_ids(tmp_path: Path) -> None:
    with shop_in_thread(tmp_path, time_zone="Pacific/Tongatapu") as shop:
        shop.admin("clock", {"now": "2026-11-20T12:30:00+00:00"})
        first, second = shop.order(), shop.order()
    assert first["date_created_gmt"].startswith("2026-11-20T12:30")
    assert first["date_created"].startswith("2026-11-21T01:30")
    assert second["id"] > first["id"] + 1
    assert first["number"] == f"W{first['id']}"


def test_who_asks_must_be_known(shop: Shop) -> None:
    path, key, secret = "/wp-json/wc/v3/orders", KEYS.consumer_key, KEYS.consumer_secret
    assert code(shop.call("GET", path)) == (401, "woocommerce_rest_cannot_view")
    assert code(shop.call("GET", path, by=("ck_no", secret))) == (401, "woocommerce_rest_cannot_view")
    assert code(shop.call("GET", path, by=(key, "cs_no"))) == (401, "woocommerce_rest_authentication_error")
    assert shop.call("GET", f"{path}?consumer_key={key}&consumer_secret={secret}")[0] == 200
    shop.admin("settings", {"permission": "read"})
    assert code(shop.rest("POST", "orders", {})) == (401, "woocommerce_rest_authentication_error")
    assert shop.call("GET", "/?rest_route=/wc/v3/orders", by=(key, secret))[0] == 200


def test_odd_statuses_of_the_source_are_kept(shop: Shop) -> None:
    order = shop.order(pay="approve")["id"]
    assert code(shop.rest("GET", "orders?per_page=101")) == (400, "rest_invalid_param")
    assert code(shop.rest("GET", "orders/7")) == (404, "woocommerce_rest_shop_order_invalid_id")
    assert code(shop.rest("PUT", "orders/7", {})) == (400, "woocommerce_rest_shop_order_invalid_id")
    assert code(shop.rest("POST", "orders", {"id": 5})) == (400, "woocommerce_rest_shop_order_exists")
    assert code(shop.rest("GET", "nothing")) == (404, "rest_no_route")
    refund = {"amount": "1.00", "api_refund": False}
    assert code(shop.rest("POST", "orders/7/refunds", refund)) == (500, "woocommerce_rest_cannot_create_order_refund")
    too_much = {**refund, "amount": "900.00"}
    assert shop.rest("POST", f"orders/{order}/refunds", too_much)[0] == 500
    assert shop.rest("DELETE", f"orders/{order}")[0] == 200
    assert code(shop.rest("DELETE", f"orders/{order}")) == (410, "woocommerce_rest_already_trashed")
    status, headers, found = shop.rest("GET", "orders?page=9")
    assert (status, found, headers["x-wp-total"]) == (200, [], "0")


def test_a_refund_moves_money_unless_it_is_told_not_to(shop: Shop) -> None:
    order = shop.order(lines=LINES, pay="approve")
    quiet = {"amount": "1.00", "api_refund": False, "meta_data": [{"key": "_saldo_ref", "value": "r-1"}]}
    status, _, made = shop.rest("POST", f"orders/{order['id']}/refunds", quiet)
    assert (status, made["refunded_payment"], made["meta_data"][0]["value"]) == (201, False, "r-1")
    assert shop.admin("books")["money_sent_by_refunds"] == "0"
    shop.rest("POST", f"orders/{order['id']}/refunds", {"amount": "2.00", "api_refund": "false"})
    assert shop.admin("books")["money_sent_by_refunds"] == "2.00"
    after = shop.rest("GET", f"orders/{order['id']}")[2]
    assert (after["total"], after["status"]) == (order["total"], "processing")
    assert {one["total"] for one in after["refunds"]} == {"-1.00", "-2.00"}
    shop.act(order["id"], "status", status="refunded")
    assert shop.admin("books")["money_sent_by_refunds"] == "2.00"


def test_a_refund_is_there_before_the_gateway_refuses_it(shop: Shop) -> None:
    order = shop.order(pay="approve")["id"]
    made = shop.act(order, "refund", amount="3.00", fails=True, stays=True)["made"]
    assert [one["id"] for one in shop.rest("GET", f"orders/{order}/refunds")[2]] == [made["id"]]
    shop.act(order, "refund-fails", refund_id=made["id"])
    assert shop.rest("GET", f"orders/{order}/refunds")[2] == []


def test_time_cancels_and_a_late_payment_opens_again(shop: Shop) -> None:
    order = shop.order()["id"]
    draft = shop.order(status="checkout-draft")["id"]
    shop.admin("clock", {"advance_s": 3700})
    assert shop.rest("GET", f"orders/{order}")[2]["status"] == "cancelled"
    assert shop.act(order, "pay")["status"] == "processing"
    shop.admin("clock", {"advance_s": 90_000})
    assert shop.rest("GET", f"orders/{draft}")[0] == 404


def test_a_hook_is_signed_over_its_bytes_and_built_at_delivery(shop: Shop) -> None:
    with receiver() as kept:
        hook = {"topic": "order.created", "delivery_url": kept.url, "secret": "letters0and1digits"}
        assert shop.rest("POST", "webhooks", hook)[2]["status"] == "active"
        until(lambda: kept.got)
        headers, ping = kept.got.pop()
        assert ping == b"webhook_id=1"
        assert not any(name.startswith("x-wc") for name in headers)
        order = shop.order(lines=LINES, pay="approve")["id"]
        until(lambda: kept.got)
    headers, body = kept.got.pop()
    signature = base64.b64encode(hmac.digest(b"letters0and1digits", body, hashlib.sha256)).decode()
    assert headers["x-wc-webhook-signature"] == signature
    assert headers["x-wc-webhook-topic"] == "order.created"
    assert json.loads(body)["id"] == order
    assert b"\\/" in body


def test_seven_failures_in_a_row_switch_a_hook_off_and_nothing_is_sent_again(shop: Shop) -> None:
    with receiver() as kept:
        shop.rest("POST", "webhooks", {"topic": "order.created", "delivery_url": kept.url, "secret": "abc"})
        until(lambda: kept.got)
        kept.status = 500
        for number in range(1, 8):
            shop.order()
            until(lambda number=number: shop.admin("books")["hooks"][0]["failures"] == number)  # type: ignore[misc]
        assert shop.rest("GET", "webhooks")[2][0]["status"] == "disabled"
        kept.status = 200
        shop.rest("PUT", "webhooks/1", {"status": "active"})
        kept.status = 500
        shop.order()
        until(lambda: shop.rest("GET", "webhooks")[2][0]["status"] == "disabled")
        assert len(kept.got) == 9  # ping, seven, one


def test_the_shop_and_paytrace_tell_one_story(tmp_path: Path) -> None:
    with sandbox_in_thread(tmp_path / "paytrace") as paytrace, shop_in_thread(tmp_path / "shop") as shop:
        shop.admin("settings", {"paytrace_url": paytrace.base_url})
        paid, kept = shop.order(lines=LINES, pay="approve"), shop.order(pay="authorize")
        declined = shop.order(pay="decline")
        books = paytrace.books()
        assert declined["status"] == "failed"
        assert (kept["status"], books[kept["transaction_id"]]["kind"]) == ("on-hold", "AUTHORIZATION")
        charge = books[paid["transaction_id"]]
        assert (charge["invoice_id"], charge["amount_minor"]) == (paid["number"], int(Decimal(paid["total"]) * 100))
        shop.act(kept["id"], "capture", amount="4.00")
        assert paytrace.books()[kept["transaction_id"]]["amount_minor"] == 400


def test_what_was_answered_survives_kill_nine(tmp_path: Path) -> None:
    with shop_in_process(tmp_path) as (shop, process):
        order = shop.order(lines=LINES, pay="approve")
        shop.rest("POST", "webhooks", {"topic": "order.updated", "delivery_url": "http://127.0.0.1:9/", "secret": "a"})
        process.kill()
        process.wait(10)
        port = int(shop.url.rpartition(":")[2])
    with shop_in_process(tmp_path, port) as (again, _):
        found = again.rest("GET", f"orders/{order['id']}")[2]
        assert {name: found[name] for name in ("total", "status", "number")} == {
            name: order[name] for name in ("total", "status", "number")
        }
        assert again.rest("GET", "webhooks")[2][0]["topic"] == "order.updated"
        assert again.order()["id"] > order["id"]
