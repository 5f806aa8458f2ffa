"""Records for Kafka are built in streams/log and nowhere else."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import streams.log

ROOT = Path(streams.log.__file__).parents[2]
DOOR = ROOT / "streams" / "log"
BUILT_HERE = {"Envelope", "Outbound"}


def modules() -> Iterator[Path]:
    for room in ("schemas", "streams", "reconcile", "connectors", "projections", "infra", "app"):
        yield from (ROOT / room).rglob("*.py")


def built_in(source: str) -> list[str]:
    """Names of records and envelopes that a module makes by itself, with the line."""
    calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    named = ((call, getattr(call.func, "id", getattr(call.func, "attr", ""))) for call in calls)
    return [f"{name} in line {call.lineno}" for call, name in named if name in BUILT_HERE]


def test_no_other_module_builds_a_record() -> None:
    found = {path: built_in(path.read_text("utf-8")) for path in modules() if DOOR not in path.parents}
    assert len(found) > 100
    assert {str(path): calls for path, calls in found.items() if calls} == {}


def test_the_search_sees_what_it_looks_for() -> None:
    assert built_in((DOOR / "outbound.py").read_text("utf-8")) != []
    assert built_in("x = outbound.Outbound(topic='t')") == ["Outbound in line 1"]
