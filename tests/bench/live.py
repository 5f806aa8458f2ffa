"""The live path: two workers, records that Faust brings in as they are written, beside two that read them directly.

Both decide the same records on four partitions by the same task layer. What Faust adds is its consumer, its streams and
a callback per record.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition

from schemas.records.payments import TransactionStatus
from streams.agents import FOLD_PAYMENTS
from streams.log.outbound import Outbound
from tests.bench.contenders import Fold
from tests.bench.figures import Figure, Run, compared
from tests.bench.ingress import cpu_seconds
from tests.bench.worker import INBOX, OUTPUTS
from tests.support.builders import observation
from tests.support.kafka import TestBroker, client_options, make_topics
from tests.support.worker_process import ROOT, outbound, produce, wait_until

PARTITIONS = 4
WORKERS = ((0, 1), (2, 3))
FLOOR, LIVE = "direct reading", "through Faust"
STATUSES = (TransactionStatus.PENDING_SETTLEMENT, TransactionStatus.SETTLED)


def measure(directory: Path, payments: int, rounds: int) -> list[Figure]:
    """Write so many payments to running workers, on a broker of its own each time; two observations each."""
    records = [
        outbound(INBOX, observation(status, payment=f"8{number:07d}", minute=minute), PARTITIONS)
        for minute, status in enumerate(STATUSES)
        for number in range(payments)
    ]
    events = payments * _events_of_one()
    found: dict[str, list[Run]] = {FLOOR: [], LIVE: []}
    for number in range(rounds):
        for who, way in ((FLOOR, "direct"), (LIVE, "live")):
            place = directory / f"{way}-{number}"
            with TestBroker(place / "kafka", die_with_parent=True) as broker:
                found[who].append(_run(broker.bootstrap_servers, place, way, records, events))
    return compared("live path, two workers", found, floor=FLOOR, unit="records/s", goals={LIVE: ">= 0.8"})


def _run(bootstrap: str, place: Path, way: str, records: Sequence[Outbound], events: int) -> Run:
    make_topics(bootstrap, dict.fromkeys((INBOX, *OUTPUTS), PARTITIONS))
    options = client_options(bootstrap)
    workers = []
    for number, partitions in enumerate(WORKERS):
        given = {
            "who": way,
            "name": f"bench-{way}",
            "options": options,
            "connection": {key: value for key, value in options.items() if key != "log_level"},
            "partitions": partitions,
            "directory": str(place / str(number)),
            "ready": str(place / f"ready-{number}"),
        }
        command = [sys.executable, "-m", "tests.bench.contenders", json.dumps(given)]
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        workers.append(subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL))
    try:
        wait_until(lambda: all((place / f"ready-{number}").exists() for number in range(len(WORKERS))), "assigned")
        time.sleep(2.0)  # a second rebalance, once both are members
        before = sum(cpu_seconds(worker.pid) for worker in workers)
        produce(bootstrap, records)
        began = time.perf_counter()
        consumer = Consumer({**options, "group.id": "bench"})
        while (written := _journaled(consumer)) < events:
            if written == 0:
                began = time.perf_counter()
            if any(worker.poll() is not None for worker in workers):
                raise RuntimeError(f"a worker of {way} ended")
            time.sleep(0.02)
        wall_s = time.perf_counter() - began
        cpu_s = sum(cpu_seconds(worker.pid) for worker in workers) - before
        consumer.close()
        return Run(len(records), wall_s, cpu_s)
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()


def _journaled(consumer: Consumer) -> int:
    journal = FOLD_PAYMENTS.journal.value
    ends = (consumer.get_watermark_offsets(TopicPartition(journal, number), timeout=15) for number in range(PARTITIONS))
    return sum(int(end) for _, end in ends)


def _events_of_one() -> int:
    """How many journal records the observations of one payment lead to."""
    fold, count = Fold(), 0
    state = fold.agent.initial
    for minute, status in enumerate(STATUSES):
        value = outbound(INBOX, observation(status, minute=minute), PARTITIONS).value
        state, written = fold.apply(state, b"", value)
        count += sum(topic == FOLD_PAYMENTS.journal.value for topic, _, _ in written)
    return count
