"""An installation for integration tests: a broker with our topics, and commands that find it and the sandboxes."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from connectors.paytrace.client import PayTraceClient
from connectors.paytrace.ports import CardDetails, Charge
from infra.sandboxes.abas.state import DEFAULT_PASSWORD
from schemas.records.customers import CustomerHintAnswered, CustomerHinted, ErpCustomerObserved
from schemas.records.subscriptions import SubscriptionDayBegan
from schemas.wire.codec import Codec
from schemas.wire.envelope import header_text
from streams.log.kafka import KafkaLog
from tests.support.abas_sandbox import AbasSandboxProcess
from tests.support.kafka import client_options, kafka_env
from tests.support.paytrace_sandbox import VISA, Sandbox
from tests.support.worker_process import ROOT, read_all

FACTS = {"settlement": "settlement.inbox.v1", "customers": "customers.inbox.v1"} | {
    "subscriptions": "subscriptions.inbox.v1",
    "gateway": "gateway.inbox.v1",
}
# Customers of abas and days of the calendar come into the same inboxes.
NOT_OF_PAYTRACE = ErpCustomerObserved | CustomerHinted | CustomerHintAnswered | SubscriptionDayBegan
CODEC = Codec()


class Installation:
    """A broker with our topics, and `saldo` commands that find it and the sandboxes."""

    def __init__(self, bootstrap: str, data_dir: Path) -> None:
        self.bootstrap = bootstrap
        self.data_dir = data_dir
        self.env: dict[str, str] = {
            "PATH": "/usr/bin:/bin",
            "SALDO_CONFIG": os.devnull,
            "SALDO_DATA_DIR": str(data_dir),
            **kafka_env(bootstrap),
            "SALDO_LOG_LEVEL": "debug",  # a poll that finds nothing is reported at this level only
            "SALDO_POLLING_PAYTRACE_EVERY_S": "0.3",
            "SALDO_POLLING_ABAS_EVERY_S": "0.3",
            "SALDO_POLLING_FACTS_EVERY_S": "0.3",
            "SALDO_POLLING_WHOLE_WINDOW_EVERY_S": "0.1",
        }

    def reach(self, paytrace: Sandbox | None = None, abas: AbasSandboxProcess | None = None) -> None:
        """Let the commands speak to these sandboxes."""
        if paytrace is not None:
            self.env |= {
                "SALDO_PAYTRACE_BASE_URL": paytrace.base_url,
                "SALDO_PAYTRACE_USERNAME": "demo123",
                "SALDO_PAYTRACE_PASSWORD": "demo123",
                "SALDO_PAYTRACE_MERCHANT_ID": "1",
                "SALDO_PAYTRACE_MAX_REQUESTS_PER_S": "10000",
                "SALDO_PAYTRACE_LOOKBACK_WINDOW_DAYS": "3",
                "SALDO_PAYTRACE_ACH_SOURCE": "off",
            }
        if abas is not None:
            self.env |= {"SALDO_ABAS_BASE_URL": abas.base_url, "SALDO_ABAS_PASSWORD": DEFAULT_PASSWORD}

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run one command to its end."""
        command = [sys.executable, "-m", "app.cli", *words]
        return subprocess.run(command, env=self.env, cwd=ROOT, capture_output=True, text=True, timeout=120)

    @contextmanager
    def running(self, name: str, *words: str) -> Iterator[subprocess.Popen[bytes]]:
        """A command in the background, its output in <name>.log; killed as by kill -9 when the block ends."""
        with self.log_of(name).open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "app.cli", *words], env=self.env, cwd=ROOT, stdout=output, stderr=output
            )
        try:
            yield process
        finally:
            process.kill()
            process.wait(20)

    def log_of(self, name: str) -> Path:
        return self.data_dir / f"{name}.log"

    def polls(self, name: str, source: str) -> int:
        """How many polls of a source ended well, by the log of its process."""
        return self.log_of(name).read_text().count(f'"source": "{source}", "changed"')

    def has_polled(self, name: str, source: str, times: int) -> bool:
        return self.polls(name, source) >= times

    def records(self, topic: str) -> list[tuple[str | None, Any]]:
        """Every record of a topic with its event id."""

        async def read() -> list[tuple[str | None, Any]]:
            log = KafkaLog({**client_options(self.bootstrap), "log_level": 2})
            try:
                found = await read_all(log, topic)
            finally:
                await asyncio.to_thread(log.close)
            return [(header_text(record.headers, "ce_id"), CODEC.decode(record.value)) for record in found]

        return asyncio.run(read())

    def facts(self) -> dict[str, list[Any]]:
        """What is in the inboxes of the contexts to come."""
        return {
            name: [record for _, record in self.records(topic) if not isinstance(record, NOT_OF_PAYTRACE)]
            for name, topic in FACTS.items()
        }

    def counts(self) -> dict[str, int]:
        return {name: len(records) for name, records in self.facts().items()}


def wait_for(done: Callable[[], bool], what: str, timeout_s: float = 120.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not done():
        assert time.monotonic() < deadline, f"not within {timeout_s:.0f} s: {what}"
        time.sleep(0.1)


def card(number: str = VISA, year: int = 2030) -> CardDetails:
    return CardDetails(SecretStr(number), 12, year, SecretStr("999"))


def ask(sandbox: Sandbox, work: Callable[[PayTraceClient], Any]) -> Any:
    """Do something at PayTrace, as a merchant's other software would."""

    async def run() -> Any:
        async with PayTraceClient(sandbox.client_settings()) as client:
            return await work(client)

    return asyncio.run(run())


def sell_and_settle(sandbox: Sandbox, *amounts: int) -> None:
    async def sell(client: PayTraceClient) -> None:
        for amount in amounts:
            await client.sale_keyed(card(), Charge(amount_minor=amount, invoice_number=f"RE-{amount}"))

    ask(sandbox, sell)
    assert sandbox.admin("settle", {})["batch"] is not None
