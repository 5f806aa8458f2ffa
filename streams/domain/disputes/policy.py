"""What people have laid down for disputes, as one value that is handed into `decide`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Policy:
    """When a deadline needs attention, and how the money of a new case is booked.

    version    the version of the rules of deadlines
    warn_days  so many days before the last day for an answer, a warning is given; each threshold once
    chargeback the choice of the mapping: a claim on the processor, or the invoice is open again at once
    """

    version: int
    warn_days: tuple[int, ...]
    chargeback: Literal["receivable", "reopen"]
