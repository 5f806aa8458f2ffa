"""Payments through the real parts: broker, worker, sources, projector, and the sandboxes of PayTrace and abas.

    python -m tests.year.real --payments 20000

Plays the demo's month with so many payments in a data directory of its own. It ends well only if each charge of
PayTrace's books stands in abas once or waits, every document of the ledger stands in abas once, the trial balance has
no residual, and the bridge closes. Then everything derived is derived again and compared. Writes what it took.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
LONGEST_S = 4 * 3600


def run(payments: int, workers: int, data_dir: Path) -> list[str]:
    """Run once; the result is what was measured. Raises: CalledProcessError when books differ."""
    env = {**os.environ, "SALDO_DATA_DIR": str(data_dir), "COLUMNS": "160"}
    written = []
    for words in (("demo", "--payments", str(payments), "--workers", str(workers)), ("rebuild",)):
        began, used = time.perf_counter(), _processor_s()
        subprocess.run(  # our own command
            [sys.executable, "-m", "app.cli", *words], env=env, cwd=ROOT, timeout=LONGEST_S, check=True
        )
        seconds, processor = time.perf_counter() - began, _processor_s() - used
        written.append(f"saldo {' '.join(words)}: {seconds:.0f} s, {processor:.0f} s of the processor")
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return [*written, f"largest process: {largest:.0f} MB"]


def _processor_s() -> float:
    """Return the processor time of all children that have ended, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> int:
    """Run from the command line; exit code 1 when books differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--payments", type=int, default=20_000)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="saldo-real-") as directory:
        try:
            written = run(given.payments, given.workers, Path(directory))
        except subprocess.CalledProcessError as error:
            sys.stdout.write(f"{error}\n")
            return 1
    sys.stdout.write("\n".join(written) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
