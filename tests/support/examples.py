"""The examples of schemas/examples as records, for tests that need one of each kind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from schemas import catalog
from schemas.wire.codec import from_json

EXAMPLES = Path(catalog.__file__).parent / "examples"


def example(name: str, **changes: Any) -> Any:
    """The newest version's example of one record type, with some of its JSON fields changed."""
    (path,) = EXAMPLES.glob(f"*/{name}.v{catalog.latest(name).version}.json")
    return from_json(name, json.loads(path.read_text("utf-8")) | changes)
