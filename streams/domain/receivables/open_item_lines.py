"""A customer's open items and waiting receipts as lines of the matching engine, and what the engine knows beforehand.

For matching_rules.py. The engine learns from large books how telling a word or an amount is; one customer's few lines
teach it nothing, so it is given numbers learned once from a book in which payers name what they pay. They are frozen:
a line more changes no earlier answer, and a replay gives the same ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache

from reconcile.engine.engine import Learned, learn_all, match
from reconcile.engine.learn import Model
from reconcile.engine.lines import Line, Orientation, Side
from reconcile.engine.results import Outcome
from schemas.records.receivables import OpenItemRecorded
from schemas.values.references import normalised_invoice
from streams.domain.receivables.entry import Entry
from streams.domain.receivables.policy import Policy

# All lines of one run are of one customer; the engine wants to see that as a name that both sides bear.
_THE_CUSTOMER = "thiscustomer"
_SEPARATORS = re.compile(r"[\s,;+&/|]+")
_LESSONS = 300
_NAMES = "bcdfghjklmnpqrstvwxz"


def named_invoices(text: str | None, known: Iterable[str]) -> frozenset[str]:
    """The customer's invoices that a payment names, normalised: its whole text, else the words of it.

    Shapes: known are normalised numbers of all the customer's items, open or not.
    """
    whole, numbers = normalised_invoice(text), frozenset(known)
    if whole is None:
        return frozenset()
    if whole in numbers:
        return frozenset({whole})
    return frozenset(_SEPARATORS.split(whole)) & numbers


def item_line(item: OpenItemRecorded, available: int) -> Line:
    """An open item. Units: available is what may still be asked for, in minor units."""
    return Line(
        id=item.abas_open_item_id,
        side=Side.LEFT,
        amount_minor=available,
        currency=item.currency,
        counterparty=_THE_CUSTOMER,
        references=(normalised_invoice(item.invoice_number) or "",),
    )


def receipt_line(receipt: Entry, named: Iterable[str]) -> Line:
    """A receipt that waits, with the invoices of this customer that it names."""
    return Line(
        id=receipt.posting_reference,
        side=Side.RIGHT,
        amount_minor=receipt.amount_minor,
        currency=receipt.currency,
        counterparty=_THE_CUSTOMER,
        references=tuple(sorted(named)),
    )


@lru_cache(maxsize=512)
def compare(items: tuple[Line, ...], receipts: tuple[Line, ...], policy: Policy) -> Outcome:
    """The engine's answer for lines of one customer and one currency; asked again for equal lines, it is remembered."""
    # A copy, because the model notes each new word and would grow with every invoice of a long life.
    fresh = replace(_model(policy), _weights={}, _alike={})
    learned = Learned(Orientation.SAME, ids_count=False, models={receipts[0].currency: fresh})
    return match(items, receipts, policy.rules, learned)


@lru_cache(maxsize=4)
def _model(policy: Policy) -> Model:
    """The numbers of a book in which every payment has its invoice and four of five name it."""
    return learn_all(*_lessons(), policy.rules).models["USD"]


def _lessons() -> tuple[Sequence[Line], Sequence[Line]]:
    """Invoices of a hundred customers and their payments; amounts are spread by arithmetic, not by dice."""
    invoices, payments = [], []
    for number in range(_LESSONS):
        # Two large odd steps below 2,000.00: amounts come near each other as often as those of real books.
        amount = 10_00 + (number * 245_489 + number * number * 977) % 1_999_99
        name = "customer " + "".join(_NAMES[(number // 3 * 7 // 20**place) % 20] for place in range(4))
        reference = f"RE-{10_000 + number * 37}"
        invoices.append(Line(f"i{number}", Side.LEFT, amount, "USD", counterparty=name, references=(reference,)))
        names_it = (reference,) if number % 5 else ()
        payments.append(Line(f"p{number}", Side.RIGHT, amount, "USD", counterparty=name, references=names_it))
    return invoices, payments
