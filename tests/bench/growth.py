"""What grows with the work, and what may not: matching from 10,000 to 100,000 lines a side."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time

from reconcile.engine.engine import match
from reconcile.files.rules import DEFAULT_RULES, read_rules
from tests.bench.figures import Figure
from tests.support.matchgen import generate
from tests.support.worker_process import ROOT

SEED = 92_001


def measure(sizes: tuple[int, int]) -> list[Figure]:
    """Match books of two sizes, each in a process of its own; the ratio is the time of the larger by the smaller."""
    small, large = (_matched(size) for size in sizes)
    name = "matching"
    growth, lines = large[0] / small[0], sizes[1] // sizes[0]
    return [
        Figure(name, f"{sizes[0]:,} lines a side", small[0], "s CPU"),
        Figure(name, f"{sizes[1]:,} lines a side", large[0], "s CPU"),
        Figure(name, f"{lines} x the lines", growth, "x the time", goal=f"<= {lines} x"),
        Figure(name, f"memory of {sizes[1]:,}", large[1], "MB", goal="< 1,000 MB"),
    ]


def _matched(size: int) -> tuple[float, float]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.growth", str(size)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    seconds, megabytes = json.loads(done.stdout)
    return seconds, megabytes


def main(size: int) -> None:
    """Match books of one size; print processor seconds, and the most memory that the process held, in MB."""
    books, rules = generate(size, SEED, "hard"), read_rules(DEFAULT_RULES)
    began = time.process_time()
    match(books.left, books.right, rules)
    seconds = time.process_time() - began
    sys.stdout.write(json.dumps([seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))


if __name__ == "__main__":
    main(int(sys.argv[1]))
