"""What people have laid down for deposits, as one value that is handed into `decide`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Policy:
    """When an answer is sure, and when a deposit is booked though something of it is not explained.

    rule_version  the version of these rules, which every match and suggestion names
    sure_one_in   a sum of lines may fit by chance once in so many; more often is for a person
    books_rest    whether what nothing explains of a named deposit or batch goes to unidentified; else the line waits
    rest_percent  how much of a deposit a rest or a fee nobody named may be; a bank line that is short by more is a part
    """

    rule_version: int
    sure_one_in: int
    books_rest: bool
    rest_percent: int

    def is_small(self, part_minor: int, whole_minor: int) -> bool:
        """Return whether an amount is so small a part of another that it can be a fee or a rest."""
        return abs(part_minor) * 100 <= self.rest_percent * abs(whole_minor)
