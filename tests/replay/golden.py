"""Golden files of the scenarios. Run: python -m tests.replay.golden

Writes tests/replay/<name>/{input,events,commands}.jsonl. A change of the rules shows as a diff of events and commands;
whoever makes the change reads it and commits it with the reason.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterable
from pathlib import Path

from schemas.wire.codec import to_json
from tests.replay.line import Line, run
from tests.replay.scenarios import SCENARIOS, Reported
from tests.support.guard_key import use_guard_key_of_the_tests

ROOT = Path(__file__).parent


def read(path: Path) -> list[Line]:
    """The lines of a golden file."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def write(path: Path, lines: Iterable[Line]) -> None:
    """One JSON object per line, fields sorted, so that a diff shows what changed and nothing else."""
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(line, sort_keys=True, ensure_ascii=False) + "\n" for line in lines), "utf-8")


def reported(records: Iterable[Reported]) -> list[Line]:
    """What is reported, as a golden file holds it."""
    return [{"topic": topic, "type": type(record).__name__, "record": to_json(record)} for topic, record in records]


def main() -> None:
    """Write every scenario."""
    use_guard_key_of_the_tests()
    for scenario in SCENARIOS:
        lines = reported(scenario())
        found = asyncio.run(run(lines, restarts=False))
        home = ROOT / scenario.__name__
        write(home / "input.jsonl", lines)
        write(home / "events.jsonl", found.events)
        write(home / "commands.jsonl", found.commands)
        sys.stdout.write(f"{scenario.__name__}: {len(found.events)} events, {len(found.commands)} commands\n")


if __name__ == "__main__":
    main()
