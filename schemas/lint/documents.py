"""Rules on the kinds of documents and records: each file reads, and what reverses a kind turns its lines."""

from __future__ import annotations

from pathlib import Path

from schemas.documents import read_kinds
from schemas.lint.files import Problem


def document_rules(root: Path) -> list[Problem]:
    """Return findings on documents/ of a contract directory."""
    _, bad = read_kinds(root / "documents")
    return [Problem(f"documents/{one.file}", *one.what.rsplit("; ", 1)) for one in bad]
