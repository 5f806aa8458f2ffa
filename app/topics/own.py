"""Partition counts of an installation's own, for topics that are yet to be made: `SALDO_KAFKA_TOPICS_PATH`.

    partitions:
      receivables.inbox.v1: 12

What a topic carries and who may write it is the contract and the same everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from pydantic import Field

from schemas import catalog
from schemas.files.owned import Entry, FileInvalid, parse_with_lines, problems_at, text_of
from schemas.files.yaml_lines import Path as YamlPath
from schemas.files.yaml_lines import near


class TopicsFile(Entry):
    """How many partitions topics get; the others get those of schemas/topics."""

    partitions: Mapping[str, Annotated[int, Field(ge=1, le=1_000)]]


def topics_of(path: Path | None) -> Sequence[catalog.TopicSpec]:
    """Return every topic as this installation wants it.

    The journal and the dead letters of an inbox have as many partitions.

    Raises: FileInvalid naming what is no inbox.
    """
    specs = catalog.topics()
    if path is None:
        return tuple(specs.values())
    found, lines = parse_with_lines(text_of(path), TopicsFile, file=str(path))
    inboxes = [name for name, spec in specs.items() if spec.role == "inbox"]
    wrong: list[tuple[YamlPath, str]] = [
        (("partitions", name), f"is no inbox, which alone has a count of its own; {near(name, inboxes)}")
        for name in found.partitions
        if name not in inboxes
    ]
    if wrong:
        raise FileInvalid(problems_at(wrong, lines, str(path)))
    counts = dict(found.partitions)
    for inbox, count in found.partitions.items():
        spec = specs[inbox]
        if spec.dlq is not None:
            counts[spec.dlq] = count
        if not spec.awaits_agent:
            counts[catalog.journal_of(inbox).name] = count
    return tuple(replace(spec, partitions=counts.get(name, spec.partitions)) for name, spec in specs.items())
