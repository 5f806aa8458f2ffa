"""What people have laid down for payments, as one value that is handed into `decide`."""

from __future__ import annotations

from dataclasses import dataclass

from streams.domain.payments.codes import Codes


@dataclass(frozen=True, slots=True)
class Policy:
    """The currency of the books, in which other money is valued before its movements go out, and what codes mean.

    assesses_risk: whether rules of risk are in force, which say whether money goes to its customer.
    """

    base_currency: str
    codes: Codes
    assesses_risk: bool
