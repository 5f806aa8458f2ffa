"""Refuses what a person or a script wrote when a text of it holds a card or bank number: the writer takes it out.

What programs write is masked instead (schemas/checks/guard.py, called by the codec), so that nothing is lost.
"""

from __future__ import annotations

from schemas.checks.guard import finding_in_texts
from schemas.failures import Unreadable
from schemas.records import Record
from schemas.wire.codec import to_json


class HoldsSensitive(Unreadable):
    """A text of a record holds what no topic may hold; the message names the field and never the value."""


def refuse_sensitive(record: Record) -> None:
    """Raise HoldsSensitive naming the first text that holds a card number, security code or bank number."""
    name = type(record).__name__
    finding = finding_in_texts(name, to_json(record))
    if finding is not None:
        where = name + finding.field_path.removeprefix("record")
        raise HoldsSensitive(f"{where} holds a {finding.kind}; keep the last four digits or a token at most")
