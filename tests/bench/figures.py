"""What a benchmark says: figures, each beside the floor or peer of the same run, and how noisy the machine was.

Two measures stand side by side, since a machine that others use as well makes every wall clock longer: units per
second of the wall clock, and processor microseconds per unit of the whole process (its threads included). A ratio is
the median of the ratios of interleaved rounds (A B A B), so whatever slows the machine slows both.
"""

from __future__ import annotations

import os
import platform
import resource
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one contender. Units: seconds; `count` is what was worked through."""

    count: int
    wall_s: float
    cpu_s: float

    @property
    def rate(self) -> float:
        """Units per second of the wall clock."""
        return self.count / self.wall_s

    @property
    def cpu_us(self) -> float:
        """Processor microseconds per unit."""
        return self.cpu_s / self.count * 1e6


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table.

    value      in `unit`
    cpu_us     processor microseconds per unit of work; None where the wall clock is what counts
    ratio      against `floor` of the same path, by the wall clock; None for the floor itself
    cpu_ratio  the same by processor time: 1 is as good as the floor, 0.5 takes twice its time
    spread     (highest - lowest) / median of the rounds: what the machine did to it
    goal       what it is held against, in words; empty without one
    """

    path: str
    who: str
    value: float
    unit: str
    cpu_us: float | None = None
    floor: str = ""
    ratio: float | None = None
    cpu_ratio: float | None = None
    spread: float | None = None
    goal: str = ""


class Stopwatch:
    """Wall clock and processor time of this process from `with` on."""

    def __init__(self) -> None:
        self.wall_s = 0.0
        self.cpu_s = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Add what the block takes."""
        wall, cpu = time.perf_counter(), cpu_of(resource.RUSAGE_SELF)
        yield
        self.wall_s += time.perf_counter() - wall
        self.cpu_s += cpu_of(resource.RUSAGE_SELF) - cpu

    def run(self, count: int) -> Run:
        """What was measured, of so many units."""
        return Run(count, self.wall_s, self.cpu_s)


def cpu_of(who: int) -> float:
    """Processor seconds of this process or its ended children, user and system."""
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime


def compared(
    path: str, rounds: Mapping[str, Sequence[Run]], *, floor: str, unit: str, goals: Mapping[str, str] | None = None
) -> list[Figure]:
    """Return a line per contender, each round held against the floor of the same round."""
    figures = []
    for who, runs in rounds.items():
        pairs = [] if who == floor else list(zip(runs, rounds[floor], strict=True))
        figures.append(
            Figure(
                path,
                who,
                statistics.median(run.rate for run in runs),
                unit,
                statistics.median(run.cpu_us for run in runs),
                floor,
                statistics.median(own.rate / base.rate for own, base in pairs) if pairs else None,
                statistics.median(base.cpu_us / own.cpu_us for own, base in pairs) if pairs else None,
                spread([run.rate for run in runs]),
                (goals or {}).get(who, ""),
            )
        )
    return figures


def spread(values: Sequence[float]) -> float | None:
    """(highest - lowest) / median; None of fewer than two."""
    return (max(values) - min(values)) / statistics.median(values) if len(values) > 1 else None


def machine() -> dict[str, Any]:
    """What was measured on. A load above the number of cores says that the wall clock lies."""
    model = ""
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        model = next((line.partition(":")[2].strip() for line in info if line.startswith("model name")), "")
    return {
        "processor": model or platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "python": platform.python_version(),
        "system": platform.platform(),
        "load": [round(load, 1) for load in os.getloadavg()],
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def table(figures: Sequence[Figure]) -> list[str]:
    """Lines of a Markdown table."""
    lines = [
        "| path | who | value | unit | CPU us | ratio | by CPU | spread | goal |",
        "|---|---|---:|---|---:|---:|---:|---:|---|",
    ]
    before = ""
    for one in figures:
        shown = (
            one.path if one.path != before else "",
            one.who,
            f"{one.value:,.0f}" if one.value >= 100 else f"{one.value:,.2f}",
            one.unit,
            "" if one.cpu_us is None else f"{one.cpu_us:,.0f}",
            "" if one.ratio is None else f"{one.ratio:.2f}",
            "" if one.cpu_ratio is None else f"{one.cpu_ratio:.2f}",
            "" if one.spread is None else f"{one.spread:.0%}",
            one.goal,
        )
        lines.append(f"| {' | '.join(shown)} |")
        before = one.path
    return lines
