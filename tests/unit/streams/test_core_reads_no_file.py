"""The core is given values: no module of it opens a file, or knows where one lies."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CORE = [
    path
    for room in ("streams/domain", "streams/tasks", "reconcile/engine")
    for path in sorted((ROOT / room).rglob("*.py"))
]
# A snapshot of a task's state is no configuration: it may be deleted at any moment.
SNAPSHOTS = ROOT / "streams/tasks/stores.py"
FUNCTIONS, METHODS = {"open", "read_owned", "text_of"}, {"read_text", "read_bytes", "safe_load", "compose"}
MODULES = {"pathlib", "os", "io", "importlib", "yaml", "tomllib", "configparser"}


def strange_in(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            function, method = getattr(node.func, "id", ""), getattr(node.func, "attr", "")
            if function in FUNCTIONS or method in METHODS:
                yield f"{path}:{node.lineno}: {function or method}()"
        names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
            if {one.name for one in node.names} == {"PurePath"}:
                continue
        yield from (f"{path}:{node.lineno}: {name}" for name in names if name.split(".")[0] in MODULES)  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", [path for path in CORE if path != SNAPSHOTS], ids=lambda path: str(path)[-60:])
def test_no_file_is_read_in_the_core(path: Path) -> None:
    assert list(strange_in(path)) == []


def test_the_rooms_are_there() -> None:
    assert len(CORE) > 40
