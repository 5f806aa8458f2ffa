"""From a sighting to a message, by real processes; a worker that dies between sending and journal sends it again."""

from __future__ import annotations

import asyncio
import email
import email.policy
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from schemas.records.alerts import NotificationSent
from schemas.topic import Topic
from schemas.values.clock import utc_now
from schemas.wire.codec import Codec
from streams.log.kafka import KafkaLog
from tests.support.examples import example
from tests.support.kafka import client_options, running_broker
from tests.support.worker_process import ROOT, Workers, make_our_topics, outbound, produce, read_all, wait_until

pytestmark = pytest.mark.journey

CODEC = Codec()
RULES = """
version: 1
receivers:
  finance: {by: [mail], gather: 1s, every: 1s}
rules:
  - {name: refused, when: document refused, to: [finance], title: abas refuses a document, remedy: Mend it}
"""


@dataclass
class Postbox:
    """A mail server that kills a process once it holds a message of it, before it says so."""

    message_ids: list[str] = field(default_factory=list)
    kills: int | None = None

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.message_ids.append(str(message["Message-ID"]))
        if self.kills is not None:
            os.kill(self.kills, signal.SIGKILL)
            self.kills = None
        return "250 ok"


@pytest.fixture
def postbox() -> Iterator[tuple[Postbox, int]]:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = int(found.getsockname()[1])
    box = Postbox()
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield box, port
    controller.stop()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[str]:
    with running_broker(tmp_path / "broker") as running:
        make_our_topics(running)
        yield running


async def outcomes(broker: str) -> list[NotificationSent]:
    log = KafkaLog(client_options(broker))
    try:
        events = [CODEC.decode(record.value) for record in await read_all(log, Topic.MAIL_OUTCOMES)]
    finally:
        await asyncio.to_thread(log.close)
    return [event for event in events if isinstance(event, NotificationSent)]


def test_a_message_that_was_sent_and_not_journaled_is_sent_again_under_its_name(
    broker: str, postbox: tuple[Postbox, int], tmp_path: Path
) -> None:
    box, port = postbox
    rules = tmp_path / "alert-rules.yaml"
    rules.write_text(RULES)
    env = {
        "SALDO_RULES_ALERT_RULES_PATH": str(rules),
        "SALDO_MAIL_HOST": "127.0.0.1",
        "SALDO_MAIL_PORT": str(port),
        "SALDO_MAIL_SECURITY": "none",
        "SALDO_MAIL_TO": json.dumps({"finance": ["ar@example.com"]}),
        "SALDO_ALERTS_EVERY_S": "1",
    }
    workers = Workers(broker, tmp_path / "data", env)
    watch: subprocess.Popen[bytes] | None = None
    try:
        box.kills = workers.start("worker-1").pid
        with (tmp_path / "watch.log").open("ab") as output:
            watch = subprocess.Popen(
                [sys.executable, "-m", "app.cli", "run", "watch"],
                env=workers.environment(),
                cwd=ROOT,
                stdout=output,
                stderr=output,
            )
        now = f"{utc_now():%Y-%m-%dT%H:%M:%SZ}"
        seen = example("AlertConditionReported", since_at=now, occurred_at=now)
        produce(broker, [outbound(Topic.ALERTS_INBOX, seen)])
        wait_until(lambda: bool(box.message_ids), "the message", 240)
        assert workers.running["worker-1"].wait(30) == -signal.SIGKILL
        workers.start("worker-2")
        wait_until(lambda: len(box.message_ids) == 2, "the message once more", 240)
        assert len(set(box.message_ids)) == 1

        def sent() -> list[NotificationSent]:
            return asyncio.run(outcomes(broker))

        wait_until(lambda: bool(sent()), "its outcome", 60)
        assert box.message_ids[0] == f"<{sent()[0].notification_id}@localhost>"
        listed = subprocess.run(
            [sys.executable, "-m", "app.cli", "alerts", "list", "--json"],
            env=workers.environment(),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        (alert,) = [json.loads(line) for line in listed.stdout.splitlines()]
        assert (alert["title"], alert["status"]) == ("abas refuses a document", "open")
        assert [one["receiver"] for one in alert["messages"]] == ["finance"]
        assert watch.poll() is None, (tmp_path / "watch.log").read_text()
    finally:
        workers.stop()
        if watch is not None:
            watch.terminate()
            watch.wait(20)
