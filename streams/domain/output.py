"""What a context sends to the others: a record and the topic that it is meant for.

The deciders name topics and the task layer writes them; the key of each record is the catalogue's business.
"""

from __future__ import annotations

from dataclasses import dataclass

from schemas.records import Record
from schemas.topic import Topic


@dataclass(frozen=True, slots=True)
class Output:
    """One record for one topic; on the partition of its key, unless one is named."""

    topic: Topic
    record: Record
    partition: int | None = None
