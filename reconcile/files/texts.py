"""A word in a file that people own, where YAML may have read a number or a day: `version: 2`, `sheet: 2026`."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from pydantic import BeforeValidator


def _as_written(value: Any) -> Any:
    return str(value) if isinstance(value, int | float | date) and not isinstance(value, bool) else value


Text = Annotated[str, BeforeValidator(_as_written)]
