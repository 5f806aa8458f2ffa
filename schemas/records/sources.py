"""Records of the sources: what was already told.

Field for field like schemas/avro/sources/*.avsc; tests/catalog holds the two together.
Meaning, unit and source of each field stand in the .avsc, so that every language reads the same words.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceCursor:
    """What a source has already told us. Key: source/subject; compacted."""

    source: str
    subject: str
    digest: str
    position: str
    observed_at: datetime
