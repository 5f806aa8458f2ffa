"""What people have laid down for deposits, as one value that is handed into `decide`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Reference:
    """How a number is written in a bank's words, and how the ERP writes it: a pattern, and a template of its groups."""

    find: re.Pattern[str]
    write: str

    def found_in(self, text: str) -> Iterator[str]:
        """Yield each number that a text names, as the ERP writes it."""
        return (found.expand(self.write) for found in self.find.finditer(text))


@dataclass(frozen=True, slots=True)
class Transfers:
    """Into which bank accounts customers pay, and how they name what they pay.

    accounts  our label of a bank account -> `named`: a line that names an invoice, order or customer is a customer's
              payment; `all`: so is every other credit that names no deposit. Other accounts have deposits alone.
    """

    accounts: Mapping[str, Literal["named", "all"]]
    invoices: tuple[Reference, ...]
    orders: tuple[Reference, ...]
    customers: tuple[Reference, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """When an answer is sure, and when a deposit is booked though something of it is not explained.

    rule_version  the version of these rules, which every match and suggestion names
    sure_one_in   a sum of lines may fit by chance once in so many; more often is for a person
    books_rest    whether what nothing explains of a named deposit or batch goes to unidentified; else the line waits
    rest_percent  how much of a deposit a rest or a fee nobody named may be; a bank line that is short by more is a part
    transfers     which bank lines are payments of customers
    paid_out_in   the other currencies in which a settlement account may be paid out, by its name
    """

    rule_version: int
    sure_one_in: int
    books_rest: bool
    rest_percent: int
    transfers: Transfers
    paid_out_in: Mapping[str, tuple[str, ...]]

    def is_small(self, part_minor: int, whole_minor: int) -> bool:
        """Return whether an amount is so small a part of another that it can be a fee or a rest."""
        return abs(part_minor) * 100 <= self.rest_percent * abs(whole_minor)
