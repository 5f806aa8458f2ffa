"""A shop's day over HTTP, with the shop and its source killed: hook and poll converge, every order once, nothing lost.

Real broker, the sandbox shop as a process with hooks lost and doubled, `saldo serve ingress` and `saldo run source
shop` as processes, and the real tasks of fulfil-orders: what the journal holds at the end is what the shop's books say.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from schemas.records.orders import (
    OrderChanged,
    OrderHinted,
    OrderInReview,
    OrderObserved,
    OrderPlaced,
    ShopHooksChanged,
    ShopHooksStatus,
    ShopRefundObserved,
    ShopRefundSeen,
    ShopSeenBy,
)
from schemas.wire.codec import Codec
from streams.agents import FULFIL_ORDERS
from streams.log.kafka import KafkaLog
from streams.tasks.membership import SoleOwner
from streams.tasks.ports import SilentObserver
from streams.tasks.stores import MemoryStore
from streams.tasks.task import Task, TaskRules
from tests.support.adopted import adoptions
from tests.support.ingress import ingress_in_process, settings
from tests.support.kafka import client_options, kafka_env, running_broker
from tests.support.scan import read_messages
from tests.support.shop_sandbox import KEYS, Shop, shop_in_process
from tests.support.signing import RING, at_place
from tests.support.worker_process import make_our_topics

pytestmark = pytest.mark.journey

INBOX, JOURNAL = "orders.inbox.v1", "orders.events.v1"
SECRET = "0123456789abcdefABCDEF01"
LINES: list[dict[str, Any]] = [{"name": "Pump", "price": "19.99", "quantity": 3}, {"name": "Hose", "price": "5.45"}]
CODEC = Codec()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[str]:
    with running_broker(tmp_path / "broker") as running:
        make_our_topics(running)
        yield running


def shop_env(url: str) -> dict[str, str]:
    return {
        "SALDO_SHOP_BASE_URL": url,
        "SALDO_SHOP_CONSUMER_KEY": KEYS.consumer_key,
        "SALDO_SHOP_CONSUMER_SECRET": KEYS.consumer_secret,
        "SALDO_SHOP_HOOK_SECRET": SECRET,
        "SALDO_SHOP_LOOK_EVERY_S": "0.1",
        "SALDO_SHOP_POLL_EVERY_S": "1",
        "SALDO_SHOP_MAX_REQUESTS_PER_S": "500",
    }


@contextmanager
def source(directory: Path, broker: str, url: str) -> Iterator[subprocess.Popen[bytes]]:
    """`saldo run source shop` until the block ends."""
    with (directory / "source.log").open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "run", "source", "shop"],
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith("SALDO_")},
                **shop_env(url),
                **kafka_env(broker),
                "SALDO_DATA_DIR": str(directory),
                "SALDO_CONFIG": os.devnull,
            },
            stdout=output,
            stderr=output,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def records(broker: str, topic: str) -> list[Any]:
    return [CODEC.decode(message.value()) for message in read_messages(client_options(broker), [topic])]


def wait_until(holds: Callable[[], bool], what: str, seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"waited {seconds:g} s for {what}"
        time.sleep(0.2)


def books(shop: Shop) -> dict[str, tuple[str, int]]:
    """What the shop itself says of each order: status and total in cents."""
    found = shop.admin("books")["orders"]
    return {str(one["id"]): (one["status"], int(Decimal(one["total"]) * 100)) for one in found}


def last_seen(broker: str) -> dict[str, tuple[str, int | None]]:
    seen = [one for one in records(broker, INBOX) if isinstance(one, OrderObserved)]
    return {one.order_id: (one.raw_status, one.total_minor) for one in seen}


async def follow(broker: str) -> None:
    """Run fulfil-orders over the inbox, as a worker would."""
    log = KafkaLog({**client_options(broker), "log_level": 2})
    for partition in range(log.partition_count(INBOX)):
        for adopted in (one for topic, one in adoptions() if topic == INBOX):
            _, end = await log.watermarks(INBOX, partition)
            key = adopted.rules_name.encode()
            given = at_place(INBOX, adopted, CODEC.encode(adopted), key=key, partition=partition, offset=end)
            await log.append([given])
        task = Task(
            FULFIL_ORDERS,
            partition,
            log=log,
            store=MemoryStore(),
            codec=CODEC,
            ring=RING,
            membership=SoleOwner(),
            observer=SilentObserver(),
            rules=TaskRules(failures_in_a_row=3, marker_every=1_000),
        )
        await task.catch_up()
    await asyncio.to_thread(log.close)


@pytest.mark.timeout(300)
async def test_every_order_comes_once_though_shop_and_source_are_killed(broker: str, tmp_path: Path) -> None:
    home = tmp_path / "shop"
    with (
        shop_in_process(home) as (shop, first_shop),
        ingress_in_process(tmp_path, broker, settings(), shop_env(shop.url)) as ingress,
    ):
        url = f"http://{ingress.client.host}:{ingress.client.port}/hooks/shop/main"
        for topic in ("order.created", "order.updated", "order.deleted", "order.restored"):
            shop.rest("POST", "webhooks", {"topic": topic, "delivery_url": url, "secret": SECRET})
        with source(tmp_path, broker, shop.url) as killed:
            shop.fault(hook_lost={"share": 0.3}, hook_duplicated={"share": 0.3}, hook_reordered={"share": 0.3})
            made = [shop.order(lines=LINES, pay="approve")["id"] for _ in range(6)]
            wait_until(lambda: len(last_seen(broker)) == 6, "the first orders")
            killed.kill()
        shop.act(made[0], "refund", amount="3.00", by="manual", reason="one was broken")
        made += [shop.order(lines=LINES[:1])["id"] for _ in range(3)]
        first_shop.kill()
        first_shop.wait(10)
        port = int(shop.url.rpartition(":")[2])
        with source(tmp_path, broker, shop.url), shop_in_process(home, port) as (again, _):
            for order in made[6:]:
                again.act(order, "pay")
            again.act(made[1], "trash")
            again.act(made[2], "status", status="completed")
            again.fault(total_off={"path": "/orders", "count": 1})
            hinted = again.order(lines=LINES, pay="approve")["id"]
            wait_until(lambda: last_seen(broker) == books(again), "what the books say")
            wait_until(lambda: any(isinstance(one, ShopRefundObserved) for one in records(broker, INBOX)), "the refund")
            final = books(again)
            # Asking for a money-moving refund, or changing what a buyer was charged, is nothing that reading does.
            assert again.admin("books")["money_sent_by_refunds"] == "0"
            assert again.admin("books")["orders_recalculated"] == 0
    await follow(broker)

    inbox, journal = records(broker, INBOX), records(broker, JOURNAL)
    placed = Counter(one.order_id for one in journal if isinstance(one, OrderPlaced))
    assert placed == Counter(list(final))
    left = {one.order_id: one for one in journal if isinstance(one, OrderPlaced | OrderChanged)}
    assert {order: (one.raw_status, one.total_minor) for order, one in left.items()} == final
    assert str(hinted) in left
    assert len([one for one in journal if isinstance(one, OrderInReview)]) <= 1
    (refund,) = [one for one in journal if isinstance(one, ShopRefundSeen)]
    assert (refund.order_id, refund.amount_minor, refund.is_sent_by_shop) == (str(made[0]), 300, False)
    hooks = [one.status for one in journal if isinstance(one, ShopHooksChanged)]
    assert hooks == [ShopHooksStatus.ACTIVE]
    ways = {one.observed_by for one in inbox if isinstance(one, OrderObserved)}
    assert {ShopSeenBy.HOOK, ShopSeenBy.POLL} & ways
    assert any(isinstance(one, OrderHinted) for one in inbox)
    told = repr(inbox) + repr(journal)
    assert "Main St" not in told
    assert "ada@example.com" not in told
