"""`python -m tests.bench.risk`: precision and recall of the shipped rules of risk, on labelled streams of unseen seeds.

    python -m tests.bench.risk                                        20,000 payments, three seeds
    python -m tests.bench.risk --payments 100000 --seeds 7 8 --rules my-rules.yaml

Recall of a kind: which share of its payments is held or rejected, by any rule. Precision of a rule: which share of the
payments that it helps to hold or reject is trouble, of whatever kind. The baseline is what a shop does without rules:
it looks at a payment whose address or code does not match, or whose amount is among the highest in a hundred.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table

from streams.domain.risk.engine import assess
from streams.domain.risk.facts import PaymentFact
from streams.domain.risk.policy import Outcome
from streams.rules.risk import SHIPPED_RULES, read_risk_rules
from tests.bench.risk_stream import HONEST, KINDS, generate

FRESH_SEEDS = (83_101, 83_102, 83_103)  # never used while developing; use others to check us


def main(arguments: list[str]) -> int:
    """Run the benchmark and print its tables."""
    options = _options(arguments)
    policy = read_risk_rules(options.rules.read_text(), str(options.rules))
    truth: dict[str, str] = {}
    ours: dict[str, tuple[str, ...]] = {}  # payment -> the rules that flag it
    baseline: set[str] = set()
    judged: set[str] = set()
    seconds = 0.0
    attempts = 0
    for seed in options.seeds:
        stream = generate(options.payments, seed)
        start = time.process_time()
        found = assess(stream.facts, policy)
        seconds += time.process_time() - start
        attempts += len(stream.facts)
        truth |= {f"{seed}/{one}": kind for one, kind in stream.truth.items()}
        judged |= {f"{seed}/{one.fact.payment_id}" for one in found}
        ours |= {
            f"{seed}/{one.fact.payment_id}": tuple(finding.rule for finding in one.findings)
            for one in found
            if one.outcome is not Outcome.PASS
        }
        baseline |= {f"{seed}/{one}" for one in trivial([one.fact for one in found])}
    _print(truth, judged, ours, baseline)
    Console(width=140).print(
        f"{attempts:,} attempts in {seconds:.2f} s of one core, {attempts / seconds:,.0f} a second"
    )
    return 0


def trivial(facts: list[PaymentFact]) -> set[str]:
    """Return what a shop without rules would look at."""
    amounts = sorted(one.amount_minor for one in facts)
    high = amounts[len(amounts) * 99 // 100]
    return {one.payment_id for one in facts if "No Match" in (one.avs, one.csc) or one.amount_minor > high}


def _print(truth: dict[str, str], judged: set[str], ours: dict[str, tuple[str, ...]], baseline: set[str]) -> None:
    console = Console(width=140)
    by_kind = Table("trouble", "payments", "rules: recall", "baseline: recall")
    for kind in KINDS:
        of_kind = {one for one in judged if truth[one] == kind}
        by_kind.add_row(
            kind, f"{len(of_kind):,}", _share(of_kind & ours.keys(), of_kind), _share(of_kind & baseline, of_kind)
        )
    trouble = {one for one in judged if truth[one] != HONEST}
    honest = judged - trouble
    for name, of in (("recall of all", trouble), ("honest payments held or rejected", honest)):
        by_kind.add_row(name, f"{len(of):,}", _share(of & ours.keys(), of), _share(of & baseline, of))
    by_kind.add_row(
        "precision of all", "", _share(trouble & ours.keys(), set(ours)), _share(trouble & baseline, baseline)
    )
    console.print(by_kind)
    by_rule = Table("rule", "flags", "precision", "of which kinds")
    for name in sorted({rule for rules in ours.values() for rule in rules}):
        flagged = {one for one, rules in ours.items() if name in rules}
        kinds = Counter(truth[one] for one in flagged).most_common(4)
        by_rule.add_row(name, f"{len(flagged):,}", _share(flagged & trouble, flagged),
                        ", ".join(f"{kind} {count}" for kind, count in kinds))  # fmt: skip
    console.print(by_rule)


def _share(part: set[str], whole: set[str]) -> str:
    return f"{len(part) / len(whole):.1%}" if whole else "-"


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.bench.risk")
    parser.add_argument("--payments", type=int, default=20_000, help="honest ones, of each seed")
    parser.add_argument("--seeds", nargs="+", type=int, default=list(FRESH_SEEDS))
    parser.add_argument("--rules", type=Path, default=SHIPPED_RULES)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
