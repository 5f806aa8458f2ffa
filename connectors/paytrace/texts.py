"""Cleans texts before they go to PayTrace: its firewall rejects markup, its legacy format splits at bars."""

from __future__ import annotations

import re
from typing import Final

_REJECTED: Final = re.compile(r"[<>~|\x00-\x1f\x7f-\x9f]")


def clean_text(text: str, *, limit: int = 50) -> str:
    """Strip what PayTrace's firewall rejects and cut to the documented length (50 unless given)."""
    return _REJECTED.sub("", text).strip()[:limit]
