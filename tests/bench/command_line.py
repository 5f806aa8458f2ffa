"""What a command of `saldo` costs before it does anything: processor time of a process of its own, best of a few."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

from tests.bench.figures import Figure, cpu_of, spread
from tests.support.worker_process import ROOT

COMMANDS = {"-h": ((), "< 150 ms"), "status": ((), "< 500 ms")}


def measure(directory: Path, rounds: int) -> list[Figure]:
    """Run each command so often, in an installation that is not there: what is measured is the way to its answer."""
    env = {**os.environ, "SALDO_DATA_DIR": str(directory / "none"), "SALDO_CONFIG": os.devnull}
    figures = []
    for word, (more, goal) in COMMANDS.items():
        found = [_cpu_ms([word, *more], env) for _ in range(rounds)]
        figures.append(Figure("command line", f"saldo {word}", min(found), "ms CPU", spread=spread(found), goal=goal))
    return figures


def _cpu_ms(words: list[str], env: dict[str, str]) -> float:
    before = cpu_of(resource.RUSAGE_CHILDREN)
    saldo = str(Path(sys.executable).parent / "saldo")
    subprocess.run([saldo, *words], env=env, cwd=ROOT, capture_output=True, check=False)
    return (cpu_of(resource.RUSAGE_CHILDREN) - before) * 1000
