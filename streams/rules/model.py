"""What the matching engine knows of open items beforehand, learned from a book in which payers name what they pay.

A customer's few lines teach it nothing, and numbers that moved with each line would change earlier answers. So they are
learned once from a made-up book, by arithmetic alone: the same rules give the same numbers in every process.
"""

from __future__ import annotations

from collections.abc import Sequence

from reconcile.engine import engine
from reconcile.engine.learn import Model
from reconcile.engine.lines import Line, Side
from reconcile.engine.rules import RuleSet

_CURRENCY = "USD"  # of the made-up book; the numbers hold for every currency
_LINES = 300
_LETTERS = "bcdfghjklmnpqrstvwxz"


def model_of(rules: RuleSet) -> Model:
    """Return the numbers of a book in which every payment has its invoice and four of five name it."""
    return engine.learn_all(*_book(), rules).models[_CURRENCY]


def _book() -> tuple[Sequence[Line], Sequence[Line]]:
    """Return invoices of a hundred customers and their payments, with amounts spread by arithmetic."""
    invoices, payments = [], []
    for number in range(_LINES):
        # Two large odd steps below 2,000.00: amounts come near each other as often as those of real books.
        amount = 10_00 + (number * 245_489 + number * number * 977) % 1_999_99
        name = "customer " + "".join(_LETTERS[(number // 3 * 7 // 20**place) % 20] for place in range(4))
        reference = f"RE-{10_000 + number * 37}"
        invoices.append(Line(f"i{number}", Side.LEFT, amount, _CURRENCY, counterparty=name, references=(reference,)))
        names_it = (reference,) if number % 5 else ()
        payments.append(Line(f"p{number}", Side.RIGHT, amount, _CURRENCY, counterparty=name, references=names_it))
    return invoices, payments
