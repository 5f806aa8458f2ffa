"""What people have laid down for exchange rates, as one value that is handed into `decide`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Policy:
    """Which rates may value a payment.

    maximum_age_days  a rate may be so many calendar days older than the money; 0 is the same day
    providers         whose rates count; the first that has one young enough is used, the next ones stand in for it
    """

    version: int
    maximum_age_days: int
    providers: tuple[str, ...]
