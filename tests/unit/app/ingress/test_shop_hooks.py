"""Webhooks of a shop: a hint for each signed order, 200 for nearly everything, and nothing kept but the order's id."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from app.ingress.shop_hooks import MOST_BYTES
from connectors.shop.settings import ShopSettings
from connectors.woocommerce.hook import WooCommerceHooks
from schemas.records.orders import OrderHinted
from schemas.wire.codec import Codec
from streams.log.memory import MemoryLog
from tests.support.ingress import Answer, Direct, memory_log, new_app, settings

SECRET = "0123456789abcdefABCDEF01"
SHOP = ShopSettings(
    base_url="https://shop.example",
    consumer_key="ck",
    consumer_secret="cs",  # type: ignore[arg-type]  # pydantic makes a secret of it
    hook_secret=SECRET,  # type: ignore[arg-type]
)
ORDER = json.dumps({"id": 1203, "status": "processing", "billing": {"email": "ada@example.com"}}).encode()


@pytest.fixture
def log() -> MemoryLog:
    return memory_log()


@pytest.fixture
def client(log: MemoryLog) -> Iterator[Direct]:
    slow = settings(rate_per_s=0.001, burst=3)
    with Direct(new_app(log, slow, shops={"main": WooCommerceHooks(SHOP)})) as direct:
        yield direct


def headers(body: bytes, secret: str = SECRET, **more: str) -> Mapping[str, str]:
    return {
        "content-type": "application/json",
        "x-wc-webhook-topic": "order.updated",
        "x-wc-webhook-signature": base64.b64encode(hmac.digest(secret.encode(), body, hashlib.sha256)).decode(),
        "x-wc-webhook-delivery-id": "3f2b8c",
        **more,
    }


def post(client: Direct, body: bytes, given: Mapping[str, str] | None = None, path: str = "main") -> Answer:
    return client.request("POST", f"/hooks/shop/{path}", body, headers(body) if given is None else given)


def hints(log: MemoryLog) -> list[Any]:
    async def read() -> list[Any]:
        found = []
        for partition in range(log.partition_count("orders.inbox.v1")):
            _, end = await log.watermarks("orders.inbox.v1", partition)
            async for batch in log.read("orders.inbox.v1", partition, 0, end):
                found += [Codec().decode_as_written(record.value) for record in batch]
        return found

    return asyncio.run(read())


def test_a_signed_order_is_a_hint_and_no_more(client: Direct, log: MemoryLog) -> None:
    answer = post(client, ORDER)
    assert (answer.status, answer.body) == (200, b"")
    (hint,) = hints(log)
    assert isinstance(hint, OrderHinted)
    assert (hint.shop_order, hint.hook_topic, hint.delivery_id) == ("main/1203", "order.updated", "3f2b8c")
    assert "ada" not in repr(hint)


def test_an_unsigned_ping_is_answered_with_200_and_changes_nothing(client: Direct, log: MemoryLog) -> None:
    ping = {"content-type": "application/x-www-form-urlencoded"}
    assert post(client, b"webhook_id=17", ping).status == 200
    assert post(client, b"webhook_id=17&x=1", ping).status == 401
    assert hints(log) == []


@pytest.mark.parametrize(
    "body",
    [
        b'{"code":"woocommerce_rest_cannot_view","message":"Sorry","data":{"status":401}}',
        b'{"id":"12"}',
        b'{"id":true}',
        b'{"id":-1}',
        b"[]",
        b"no json",
        b'{"id":4012000098765439000000000000}'[:-1],
    ],
)
def test_what_is_signed_and_names_no_order_is_answered_with_200(client: Direct, log: MemoryLog, body: bytes) -> None:
    assert post(client, body).status == 200
    assert hints(log) == []


def test_other_topics_are_taken_and_forgotten(client: Direct, log: MemoryLog) -> None:
    for topic in ("product.updated", "action.woocommerce_x", "order.created; drop", ""):
        assert post(client, ORDER, headers(ORDER, **{"x-wc-webhook-topic": topic})).status == 200
    assert hints(log) == []


def test_only_a_wrong_signature_is_refused_and_only_that_is_slowed_down(client: Direct, log: MemoryLog) -> None:
    reencoded = json.dumps(json.loads(ORDER), separators=(",", ":")).encode()
    statuses = [post(client, reencoded, headers(ORDER)).status for _ in range(5)]
    assert statuses == [401, 401, 401, 429, 429]
    assert post(client, ORDER, headers(ORDER, secret="anothershopssecret00000000")).status == 429
    assert [post(client, ORDER).status for _ in range(50)] == [200] * 50
    assert len(hints(log)) == 50


def test_a_body_beyond_measure_loses_its_hint_and_no_more(client: Direct, log: MemoryLog) -> None:
    body = b'{"id":5,"x":"' + b"x" * MOST_BYTES + b'"}'
    assert post(client, body, {**headers(body), "content-length": str(len(body))}).status == 200
    assert hints(log) == []


def test_a_broker_that_is_away_loses_the_hint_and_not_the_hook(log: MemoryLog) -> None:
    class Away(MemoryLog):
        async def append(self, records: Any) -> Any:
            await asyncio.sleep(60)

    away = Away({"orders.inbox.v1": 4, "payments.observations.v1": 4})
    app = new_app(away, settings(ack_timeout_s=0.05), shops={"main": WooCommerceHooks(SHOP)})
    with Direct(app) as client:
        assert post(client, ORDER).status == 200


def test_a_shop_that_is_not_known_has_no_way_in(client: Direct) -> None:
    assert post(client, ORDER, path="other").status == 404
    assert client.request("GET", "/hooks/shop/main").status == 405


def test_the_shop_may_send_what_looks_like_a_card_number(client: Direct, log: MemoryLog) -> None:
    body = json.dumps({"id": 7, "customer_note": "4012000098765439"}).encode()
    assert post(client, body).status == 200
    assert "4012" not in repr(hints(log))
