"""The files of a contract directory as they stand on disk, read without trusting them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from fastavro.schema import parse_schema

from schemas.files.yaml_lines import dotted, read_yaml

_AVSC_NAME = re.compile(r"([A-Z][A-Za-z0-9]*)\.v([1-9][0-9]*)\.avsc")


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One finding: where, what is wrong, and what to do about it."""

    file: str
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.file}: {self.what}; {self.remedy}"


@dataclass(frozen=True, slots=True)
class SchemaFile:
    """One .avsc that parses; `file` is its path below the contract directory."""

    file: str
    context: str
    name: str
    version: int
    schema: Mapping[str, Any]

    @property
    def example_file(self) -> str:
        """Where its example belongs."""
        return f"examples/{self.context}/{self.name}.v{self.version}.json"


@dataclass(frozen=True, slots=True)
class TopicFile:
    """One topic YAML that is a mapping."""

    file: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Contract:
    """What could be read: schemas by record name (oldest version first), topics, examples by file."""

    schemas: Mapping[str, tuple[SchemaFile, ...]]
    topics: tuple[TopicFile, ...]
    examples: Mapping[str, Any]

    def newest(self) -> Iterator[SchemaFile]:
        """Yield the newest version of each record type."""
        for versions in self.schemas.values():
            yield versions[-1]

    def every(self) -> Iterator[SchemaFile]:
        """Yield every version of every record type."""
        for versions in self.schemas.values():
            yield from versions


def load(root: Path) -> tuple[Contract, list[Problem]]:
    """Read a contract directory; what can't be read becomes a finding and is left out."""
    problems: list[Problem] = []
    schemas: dict[str, list[SchemaFile]] = {}
    for path in sorted((root / "avro").glob("*/*")):
        file = path.relative_to(root).as_posix()
        found = _schema_file(path, file)
        if isinstance(found, Problem):
            problems.append(found)
        elif (same := schemas.get(found.name)) and same[0].context != found.context:
            problems.append(
                Problem(
                    file, f"{found.name} is also in context {same[0].context}", "give each record type its own name"
                )
            )
        else:
            schemas.setdefault(found.name, []).append(found)
    for versions in schemas.values():
        versions.sort(key=lambda schema: schema.version)
    examples: dict[str, Any] = {}
    for path in sorted((root / "examples").glob("*/*.json")):
        file = path.relative_to(root).as_posix()
        try:
            examples[file] = json.loads(path.read_text("utf-8"))
        except ValueError as error:
            problems.append(Problem(file, f"no JSON: {error}", "correct the syntax"))
    topics: list[TopicFile] = []
    for path in sorted((root / "topics").glob("*")):
        file = path.relative_to(root).as_posix()
        found_topic = _topic_file(path, file)
        if isinstance(found_topic, Problem):
            problems.append(found_topic)
        else:
            topics.append(found_topic)
    return Contract({name: tuple(versions) for name, versions in schemas.items()}, tuple(topics), examples), problems


def _schema_file(path: Path, file: str) -> SchemaFile | Problem:
    named = _AVSC_NAME.fullmatch(path.name)
    if named is None:
        return Problem(file, "file name is not <Record>.v<N>.avsc", "rename it, e.g. PaymentSettled.v1.avsc")
    name, version, context = named[1], int(named[2]), path.parent.name
    try:
        schema = json.loads(path.read_text("utf-8"))
        parse_schema(schema, named_schemas={})
    except Exception as error:  # fastavro raises many kinds, and a finding is wanted for each
        return Problem(file, f"no Avro schema: {type(error).__name__}: {error}", "correct the syntax")
    if not isinstance(schema, dict) or schema.get("type") != "record":
        return Problem(file, "is not a record", 'begin with {"type": "record", ...}')
    if schema["name"] != name:
        return Problem(file, f"record is named {schema['name']!r}", f"name it {name!r} as the file says")
    if schema.get("namespace") != f"saldo.{context}":
        return Problem(
            file, f"namespace is {schema.get('namespace')!r}", f"make it 'saldo.{context}', as its folder says"
        )
    return SchemaFile(file, context, name, version, schema)


def _topic_file(path: Path, file: str) -> TopicFile | Problem:
    if path.suffix != ".yaml":
        return Problem(file, "is not a .yaml file", "rename it to <topic>.yaml")
    try:
        data, lines = read_yaml(path.read_text("utf-8"))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        return Problem(file, f"no YAML: {' '.join(str(error).split())}", "correct the syntax")
    for twice in lines.twice:
        return Problem(f"{file}:{lines.nearest(twice)}", f"{dotted(twice)} is written twice", "keep one")
    if not isinstance(data, dict):
        return Problem(file, "is not a mapping", "begin with name: <topic>")
    return TopicFile(file, data)
