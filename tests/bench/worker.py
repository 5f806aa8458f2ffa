"""The worker: a task of fold-payments that catches up, beside a plain loop, Quix Streams and a bare Faust agent.

All of them work through the same records on the same broker, each in a process of its own, in turns. The peers keep
less: none of them restores from its journal, drops repeats, parks what it cannot read, or writes outputs first.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from schemas import catalog
from schemas.records.payments import TransactionStatus
from streams.agents import FOLD_PAYMENTS
from tests.bench.figures import Figure, Run, compared
from tests.support.builders import observation
from tests.support.kafka import client_options, make_topics
from tests.support.worker_process import ROOT, outbound, produce

INBOX = FOLD_PAYMENTS.inbox.value
# Its journal, the inboxes that it writes to, and its dead letters.
OUTPUTS = tuple(
    name for name, spec in catalog.topics().items() if FOLD_PAYMENTS.name in spec.producers and name != INBOX
)
QUIX = ("Quix at-least-once", "Quix exactly-once")
PEERS = ("plain loop", *QUIX, "bare Faust")
GOALS = {"Saldo": ">= 0.6 of the plain loop, ahead of Quix exactly-once"}


def measure(bootstrap: str, directory: Path, payments: int, rounds: int, quix_python: Path | None) -> list[Figure]:
    """Fill a broker, let everybody work in turns; Shapes: `payments` two observations each, in every round."""
    make_topics(bootstrap, dict.fromkeys((INBOX, *OUTPUTS), rounds))
    counts = _fill(bootstrap, payments, rounds)
    peers = [who for who in PEERS if who not in QUIX or quix_python is not None]
    found: dict[str, list[Run]] = {who: [] for who in ("plain loop", "Saldo", *peers[1:])}
    restores: dict[str, list[Run]] = {"read + decode": [], "restore": []}
    for number, count in enumerate(counts):
        for who in found:
            python = quix_python if who in QUIX else None
            found[who].append(_run(bootstrap, directory, who, number, count, python=python))
        journal = _journal_count(bootstrap, number)
        for who in restores:
            restores[who].append(_run(bootstrap, directory, who, number, count, journal_count=journal))
    return [
        *compared("worker, catching up", found, floor="plain loop", unit="records/s", goals=GOALS),
        *compared("restore", restores, floor="read + decode", unit="events/s", goals={"restore": ">= 0.7"}),
    ]


def quix_environment(directory: Path) -> Path | None:
    """Return the interpreter of an environment with Quix Streams, made at the first call; None where it can't be made.

    It sees our packages behind its own, so that both decide by the same code.
    """
    python = directory / "bin" / "python"
    if not (directory / "made").exists():
        uv = Path(sys.executable).parent / "uv"
        commands: Sequence[Sequence[str]] = (
            (sys.executable, "-m", "venv", "--clear", str(directory)),
            (str(uv), "pip", "install", "--quiet", "--python", str(python), "quixstreams>=3.20,<4"),
        )
        for command in commands:
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
                sys.stderr.write(f"Quix Streams is skipped, its environment can't be made: {last}\n")
                return None
        ours = sysconfig.get_path("purelib")
        (next(directory.glob("lib/python*/site-packages")) / "saldo.pth").write_text(f"{ours}\n")
        (directory / "made").touch()
    return python


def _fill(bootstrap: str, payments: int, rounds: int) -> list[int]:
    """Write the inbox, one partition per round, and the number of records on each."""
    statuses = (TransactionStatus.PENDING_SETTLEMENT, TransactionStatus.SETTLED)
    records = [
        outbound(INBOX, observation(status, payment=f"8{number:07d}", minute=minute), rounds)
        for minute, status in enumerate(statuses)
        for number in range(payments * rounds)
    ]
    produce(bootstrap, records)
    counts = [sum(record.partition == number for record in records) for number in range(rounds)]
    for number in range(rounds):
        make_topics(bootstrap, {f"bench.in.{number}": 1})
        produce(
            bootstrap,
            (replace(one, topic=f"bench.in.{number}", partition=0) for one in records if one.partition == number),
        )
    return counts


def _run(
    bootstrap: str, directory: Path, who: str, number: int, count: int, *, python: Path | None = None, **more: Any
) -> Run:
    name = f"bench-{who.lower().replace(' ', '-')}-{number}"
    outputs = {to: f"{name}.{to}" for to in OUTPUTS}
    if who in PEERS:
        state = f"{name}-state-changelog" if who == "bare Faust" else f"changelog__{name}--bench.in.{number}--default"
        make_topics(bootstrap, dict.fromkeys((*outputs.values(), state), 1))
    options = client_options(bootstrap)
    given = {
        "who": who,
        "name": name,
        "options": options,
        "connection": {key: value for key, value in options.items() if key != "log_level"},
        "topic": f"bench.in.{number}",
        "partition": number,
        "outputs": outputs,
        "count": count,
        "guarantee": "exactly-once" if who.endswith("exactly-once") else "at-least-once",
        "directory": str(directory / name),
        **more,
    }
    done = subprocess.run(
        [str(python or sys.executable), "-m", "tests.bench.contenders", json.dumps(given)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=900,
    )
    if done.returncode:
        raise RuntimeError(f"{who}: {done.stderr[-2000:]}")
    return Run(**json.loads(done.stdout.strip().splitlines()[-1]))


def _journal_count(bootstrap: str, partition: int) -> int:
    consumer = Consumer({**client_options(bootstrap), "group.id": "bench"})
    _, end = consumer.get_watermark_offsets(TopicPartition(FOLD_PAYMENTS.journal.value, partition), timeout=15)
    consumer.close()
    return int(end)
