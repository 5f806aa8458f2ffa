"""What people have laid down for deposits, as one value that is handed into `decide`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Policy:
    """When an answer is sure.

    rule_version  the version of these rules, which every match and suggestion names
    sure_one_in   a sum of lines may fit by chance once in so many; more often is for a person
    """

    rule_version: int
    sure_one_in: int
