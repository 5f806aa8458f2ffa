"""Families of codes by which an ERP refuses a document, part of the contract: who asked acts on the family.

The rest of a code, behind the slash, is the ERP's own.
"""

from __future__ import annotations

PERIOD_CLOSED = "PERIOD_CLOSED"


def is_period_closed(code: str) -> bool:
    """Return whether a document was refused because the period of its posting date is closed."""
    return code.partition("/")[0] == PERIOD_CLOSED
