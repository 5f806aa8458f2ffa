"""`python -m tests.bench.matching`: how right, how fast and how large, on labelled books of any size and seed.

    python -m tests.bench.matching                                  1,000 and 10,000 lines, three seeds, hard
    python -m tests.bench.matching --sizes 1000 10000 100000 --seeds 901 --levels easy medium hard
    python -m tests.bench.matching --no-baselines --kinds

Times are processor seconds of one core, without generating and scoring; memory is the peak of the whole process, which
holds the books and their answers too.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Callable

from rich.console import Console
from rich.table import Table

from reconcile.engine.engine import match
from reconcile.engine.results import Status
from reconcile.files.rules import DEFAULT_RULES, read_rules
from tests.bench.baselines import exact, greedy
from tests.bench.scoring import Answer, Report, Score, answers_of, score
from tests.support.matchgen import LEVELS, Labelled, generate

FRESH_SEEDS = (92_001, 92_002, 92_003)  # never used while developing; use others to check us
BASELINE_LINES = 20_000  # the greedy baseline compares too many pairs above it


def main(arguments: list[str]) -> int:
    """Run the benchmark and print its tables; 0 if every goal was met."""
    options = _options(arguments)
    console = Console(width=140)
    rules = read_rules(DEFAULT_RULES)
    total = Table("level", "lines", "seed", "who", "conf P", "conf R", "conf F1", "wrong", "ties", "all P", "all R",
                  "all F1", "CPU s", "MB")  # fmt: skip
    kinds: dict[str, tuple[Score, Score]] = {}
    met = True
    for level in options.levels:
        for size in options.sizes:
            for seed in options.seeds:
                books = generate(size, seed, level)
                solvers: dict[str, Callable[[], dict[Answer, Status]]] = {
                    "engine": lambda books=books: answers_of(match(books.left, books.right, rules))  # type: ignore[misc]  # late binding is what we avoid
                }
                if not options.no_baselines and size <= BASELINE_LINES:
                    solvers["exact reference + amount"] = lambda books=books: exact(books)  # type: ignore[misc]  # as above
                    solvers["greedy fuzzy"] = lambda books=books: greedy(books)  # type: ignore[misc]  # as above
                for who, solve in solvers.items():
                    report, seconds = _timed(books, solve)
                    _row(total, level, size, seed, who, report, seconds)
                    if who == "engine":
                        met = met and report.everything.f1 >= 0.995 and report.confirmed.precision >= 0.9995
                        _add(kinds, report)
    console.print(total)
    if options.kinds:
        console.print(_by_kind(kinds))
    console.print(
        "goals (F1 >= 99.5 % of confirmed + suggested, precision of confirmed >= 99.95 %):", "met" if met else "missed"
    )
    return 0 if met else 1


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.bench.matching", description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--sizes", nargs="+", type=int, default=[1_000, 10_000])
    parser.add_argument("--seeds", nargs="+", type=int, default=list(FRESH_SEEDS))
    parser.add_argument("--levels", nargs="+", choices=sorted(LEVELS), default=["hard"])
    parser.add_argument("--no-baselines", action="store_true")
    parser.add_argument("--kinds", action="store_true", help="a table of recall by kind of trouble")
    return parser.parse_args(arguments)


def _timed(books: Labelled, solve: Callable[[], dict[Answer, Status]]) -> tuple[Report, float]:
    start = time.process_time()
    answers = solve()
    seconds = time.process_time() - start
    return score(books, answers), seconds


def _row(table: Table, level: str, size: int, seed: int, who: str, report: Report, seconds: float) -> None:
    sure, all_ = report.confirmed, report.everything
    table.add_row(
        level,
        f"{size:,}",
        str(seed),
        who,
        f"{sure.precision:.5f}",
        f"{sure.recall:.4f}",
        f"{sure.f1:.4f}",
        str(len(report.wrong_confirmed)),
        str(report.confirmed_ties),
        f"{all_.precision:.4f}",
        f"{all_.recall:.4f}",
        f"{all_.f1:.4f}",
        f"{seconds:.1f}",
        str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10),
    )


def _add(kinds: dict[str, tuple[Score, Score]], report: Report) -> None:
    for kind, scores in report.by_kind.items():
        sums = kinds.setdefault(kind, (Score(), Score()))
        for total, one in zip(sums, scores, strict=True):
            total.truth += one.truth
            total.found += one.found
            total.right += one.right


def _by_kind(kinds: dict[str, tuple[Score, Score]]) -> Table:
    table = Table("kind of trouble", "answers", "confirmed recall", "confirmed + suggested recall")
    for kind, (sure, all_) in sorted(kinds.items()):
        table.add_row(kind, str(all_.truth), f"{sure.recall:.4f}", f"{min(1.0, all_.recall):.4f}")
    return table


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
