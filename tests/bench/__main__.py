"""`make bench`: every path of Saldo beside its floor and its peers, in one run on one machine.

    make bench                                  all of it: some minutes on two cores that nothing else uses
    make bench QUICK=1                          small sizes, one round: does it run, and roughly how fast
    python -m tests.bench --only worker,ingress

Writes build/bench/results.json; a full run also the table of docs/performance.md.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.bench import command_line, growth, ingress, live, projector, worker
from tests.bench.figures import Figure, machine, table
from tests.support.kafka import TestBroker
from tests.support.worker_process import ROOT

BUILD = ROOT / "build" / "bench"
PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- figures: written by make bench -->", "<!-- end of figures -->"


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much each path is given."""

    rounds: int
    payments: int
    projected: int
    hooks: int
    lines: tuple[int, int]


FULL = Sizes(rounds=3, payments=8_000, projected=4_000, hooks=3_000, lines=(10_000, 100_000))
QUICK = Sizes(rounds=1, payments=1_500, projected=800, hooks=500, lines=(1_000, 10_000))


def main(arguments: list[str]) -> int:
    """Measure, print the table, write the files."""
    parser = argparse.ArgumentParser(prog="tests.bench", description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="", help="paths with commas between: " + ", ".join(PATHS))
    options = parser.parse_args(arguments)
    sizes = QUICK if options.quick else FULL
    chosen = [name for name in options.only.split(",") if name] or list(PATHS)
    if unknown := [name for name in chosen if name not in PATHS]:
        parser.error(f"no path {unknown[0]!r}; there are: {', '.join(PATHS)}")
    BUILD.mkdir(parents=True, exist_ok=True)
    before, figures = machine(), []
    for name in chosen:
        sys.stderr.write(f"{name} ...\n")
        with tempfile.TemporaryDirectory(prefix="saldo-bench-") as directory:
            figures += PATHS[name](Path(directory), sizes)
    found = {
        "machine": before,
        "load_after": machine()["load"],
        "figures": [dataclasses.asdict(one) for one in figures],
    }
    (BUILD / "results.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    lines = _shown(found, figures)
    sys.stdout.write("\n".join(lines) + "\n")
    if chosen == list(PATHS) and not options.quick:
        text = PAGE.read_text("utf-8")
        head, tail = text.partition(BEGIN)[0], text.partition(END)[2]
        PAGE.write_text("\n".join([f"{head}{BEGIN}", "", *lines, "", f"{END}{tail}"]), "utf-8")
    return 0


def _with_broker(measure: Callable[[str, Path, Sizes], list[Figure]]) -> Callable[[Path, Sizes], list[Figure]]:
    """Give a path a broker of its own, so that none finds the topics of another."""

    def measured(directory: Path, sizes: Sizes) -> list[Figure]:
        with TestBroker(directory / "kafka", die_with_parent=True) as broker:
            return measure(broker.bootstrap_servers, directory, sizes)

    return measured


PATHS: dict[str, Callable[[Path, Sizes], list[Figure]]] = {
    "worker": _with_broker(
        lambda broker, directory, sizes: worker.measure(
            broker, directory, sizes.payments, sizes.rounds, worker.quix_environment(BUILD / "quix")
        )
    ),
    "live": lambda directory, sizes: live.measure(directory, sizes.payments, sizes.rounds),
    "projector": _with_broker(
        lambda broker, directory, sizes: projector.measure(broker, directory, sizes.projected, sizes.rounds)
    ),
    "ingress": _with_broker(
        lambda broker, directory, sizes: ingress.measure(broker, directory, sizes.hooks, sizes.rounds)
    ),
    "cli": lambda directory, sizes: command_line.measure(directory, 2 + sizes.rounds),
    "growth": lambda _directory, sizes: growth.measure(sizes.lines),
}


def _shown(found: dict[str, object], figures: list[Figure]) -> list[str]:
    on = found["machine"]
    assert isinstance(on, dict)
    return [
        *table(figures),
        "",
        f"Measured {on['measured_at']} on {on['processor']}, {on['cores']} cores, {on['memory_gb']} GB, Python "
        f"{on['python']}, {on['system']}; load {on['load'][0]} before and {found['load_after'][0]} after.",  # type: ignore[index]  # lists
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
