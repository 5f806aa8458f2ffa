"""What people have laid down for disputes, as one value that is handed into `decide`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Policy:
    """When a deadline needs attention.

    version    the version of these rules
    warn_days  so many days before the last day for an answer, a warning is given; each threshold once
    """

    version: int
    warn_days: tuple[int, ...]
