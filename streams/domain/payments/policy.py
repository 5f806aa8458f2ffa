"""What people have laid down for payments, as one value that is handed into `decide`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Policy:
    """The currency of the books: money in another one is valued before its movements go out."""

    base_currency: str
