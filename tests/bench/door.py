"""What building a record costs: guard, encoding, envelope, as ratios of plain encoding.

Run: python -m tests.bench.door [ROUNDS]. Over the examples of every record type; `people's` is the look before a
record of a person or a script is taken.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from schemas import catalog
from schemas.checks.guard import masked
from schemas.wire.codec import Codec, from_json
from streams.log.guard import refuse_sensitive
from streams.log.memory import MemoryLog
from streams.log.outbound import Cause, Checked
from streams.log.records import Inbound

INBOX = "payments.observations.v1"
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def main(rounds: int) -> None:
    """Measure each part alone and print microseconds of processor time per record."""
    records = examples()
    codec, log = Codec(), MemoryLog(dict.fromkeys(catalog.topics(), 4))
    origin = Inbound(topic=INBOX, partition=0, offset=7, key=b"k", value=b"", headers=(), timestamp_ms=0)
    checked = [Checked(record, INBOX, b"k", codec.encode(record)) for record in records]

    costs = {
        "plain encoding": timed(codec._encoded, records, rounds),
        "guard": timed(masked, records, rounds),
        "guard, people's": timed(refuse_sensitive, records, rounds),
        "envelope": timed(
            lambda one: one.sealed(source="saldo/bench", at=NOON, log=log, cause=Cause.of(origin, 0)), checked, rounds
        ),
    }
    floor = costs["plain encoding"]
    lines = [f"{len(records)} record types"]
    lines += [f"{name:20} {cost:7.1f} us  {cost / floor:5.2f} x" for name, cost in costs.items()]
    sys.stdout.write("\n".join(lines) + "\n")


def examples() -> Sequence[Any]:
    """One record of each type, as schemas/examples has it."""
    found = []
    for name, versions in catalog.record_versions().items():
        path = catalog.ROOT / "examples" / versions[-1].context / f"{name}.v{versions[-1].version}.json"
        found.append(from_json(name, json.loads(path.read_text("utf-8"))))
    return found


def timed(work: Callable[[Any], object], items: Sequence[Any], rounds: int) -> float:
    """Microseconds of processor time per item, of the best of five runs."""
    best = float("inf")
    for _ in range(5):
        began = time.process_time()
        for _ in range(rounds):
            for item in items:
                work(item)
        best = min(best, time.process_time() - began)
    return best / rounds / len(items) * 1e6


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
