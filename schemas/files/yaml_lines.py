"""YAML that people write: the line of each entry, and keys written twice. For schemas/files/owned.py."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

Path = tuple[str | int, ...]

_DEEPEST = 20  # no file of ours is nested that deep; a hostile one must not exhaust the stack
_DEEPEST_READ = 500  # libyaml builds its tree by recursion, without a limit of its own
_MERGE = "<<"


class Misfits(ValueError):
    """What a model's own check found, each with the path of its entry, so that each is reported with its line."""

    def __init__(self, found: Iterable[tuple[Path, str]]) -> None:
        self.found = tuple(found)
        super().__init__("; ".join(f"{dotted(path)}: {text}" for path, text in self.found))


@dataclass(frozen=True, slots=True)
class Lines:
    """Line of each entry by its path, and what is written twice."""

    by_path: Mapping[Path, int]
    twice: tuple[Path, ...]

    def nearest(self, path: Path) -> int:
        """Find the line of a path, or of the longest part of it that has one; 1 when none has."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.by_path:
                return self.by_path[path[:length]]
        return 1


def read_yaml(text: str) -> tuple[Any, Lines]:
    """Read one document with the line of each entry.

    Raises: yaml.YAMLError, ValueError, RecursionError for what is no YAML.
    """
    _refuse_deep(text)
    loader = yaml.CSafeLoader(text)
    node = loader.get_single_node()
    if node is None:
        return None, Lines({}, ())
    as_written: list[Path] = []
    _collect(node, (), {}, as_written)
    document = loader.construct_document(node)  # puts what is merged into its place, with the line where it is written
    by_path: dict[Path, int] = {}
    _collect(node, (), by_path, [])
    return document, Lines(by_path, tuple(as_written))


def _refuse_deep(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST_READ:
            raise RecursionError(f"nested more than {_DEEPEST_READ} deep")


def _collect(node: yaml.Node, path: Path, by_path: dict[Path, int], twice: list[Path]) -> None:
    if len(path) > _DEEPEST:
        return
    if isinstance(node, yaml.MappingNode):
        written: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            below = (*path, name)
            if name in written and name != _MERGE:
                twice.append(below)
            written.add(name)
            by_path[below] = key.start_mark.line + 1
            _collect(value, below, by_path, twice)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            by_path[(*path, index)] = value.start_mark.line + 1
            _collect(value, (*path, index), by_path, twice)


def near(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """Suggest what may have been meant, or else all there is."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(close)}?" if close else otherwise or f"there are {', '.join(known) or 'none'}"


def dotted(path: Path) -> str:
    """Name an entry by its path."""
    return ".".join(str(part) for part in path)
