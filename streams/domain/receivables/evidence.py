"""What agrees and what differs between a payment and open items: the one place that says so.

For whoever publishes a match or a suggestion. Each line is looked up in the two sides, never carried over from the way
in which an answer was found, so a line that is published is true whatever rule or person asked for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from schemas.values.money import Money
from schemas.values.references import normalised_invoice
from streams.domain.receivables.account import Entry, State, number_of

MOST_ADDED_UP = 14  # items of which every sum is looked at, 2^14 of them; with more, nothing is said of other sums
_SEPARATORS = re.compile(r"[\s,;+&/|]+")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for and against that a payment pays these open items, line by line."""

    agrees: tuple[str, ...]
    differs: tuple[str, ...]


def named_invoices(text: str | None, known: Iterable[str]) -> frozenset[str]:
    """The customer's invoices that a payment names, normalised: its whole text, else the words of it.

    Shapes: known are normalised numbers of all the customer's items, open or not.
    """
    whole, numbers = normalised_invoice(text), frozenset(known)
    if whole is None:
        return frozenset()
    return frozenset({whole} if whole in numbers else _SEPARATORS.split(whole)) & numbers


def evidence(state: State, receipt: Entry, chosen: Sequence[str], together: Sequence[Entry] = ()) -> Evidence:
    """Look at a receipt and at open items, and say what agrees and what differs.

    Shapes:  chosen are ids of items of this customer; together are the receipts that pay them jointly, this one among
             them, or none.
    Ensures: the same two sides give the same lines; an item of which nothing is known to be open has no line about
             amounts.
    """
    items, available = [state.items[item_id] for item_id in chosen], state.available
    named = named_invoices(receipt.invoice_number, state.invoice_numbers)
    agrees, differs = _names(receipt, {number_of(item) for item in items} - {""}, named)
    foreign = [item for item in items if item.currency != receipt.currency]
    if foreign:
        differs += [
            f"the payment is in {receipt.currency}, invoice {item.invoice_number} in {item.currency}"
            for item in foreign
        ]
    elif chosen and all(item_id in available for item_id in chosen):
        paid = sum(one.amount_minor for one in together or (receipt,))
        opens = sum(available[item_id] for item_id in chosen)
        amount = Money(opens, receipt.currency)
        if opens == paid:
            agrees.append(f"open amount {amount}" if len(chosen) == 1 else f"sum of {len(chosen)} open items {amount}")
            if together:
                agrees.append(f"paid together by {', '.join(one.posting_reference for one in together)}")
            elif not named:  # of a payment that names its invoice nobody asks whether others fit
                agrees += _only(state, receipt, len(chosen))
        else:
            apart = Money(abs(opens - paid), receipt.currency)
            differs.append(f"pays {apart} {'less' if opens > paid else 'more'} than the {amount} open")
    return Evidence(tuple(agrees), tuple(differs))


def _names(receipt: Entry, numbers: set[str], named: frozenset[str]) -> tuple[list[str], list[str]]:
    """What the payment's own text says of these invoices."""
    agrees = [f"invoice {number}" for number in sorted(named & numbers)]
    differs = [f"names invoice {number} too" for number in sorted(named - numbers)]
    if named:
        differs += [f"does not name invoice {number}" for number in sorted(numbers - named)]
    written = (receipt.invoice_number or "").strip()
    if written and not named:
        differs.append(f"names {written}, which is no invoice of this customer")
    return agrees, differs


def _only(state: State, receipt: Entry, count: int) -> list[str]:
    """Whether nothing else adds up as well."""
    amounts = [minor for item, minor in state.available.items() if state.items[item].currency == receipt.currency]
    if count == 1:
        return ["the only open item of this amount"] if amounts.count(receipt.amount_minor) == 1 else []
    parts = [minor for minor in amounts if minor <= receipt.amount_minor]
    is_only = len(parts) <= MOST_ADDED_UP and _ways(parts, receipt.amount_minor) == 1
    return ["the only such sum"] if is_only else []


def _ways(amounts: Sequence[int], total: int) -> int:
    """In how many ways some of these amounts add up to the total."""
    ways = {0: 1}
    for minor in amounts:
        longer = {sofar + minor: count for sofar, count in ways.items() if sofar + minor <= total}
        ways = {sofar: ways.get(sofar, 0) + longer.get(sofar, 0) for sofar in {*ways, *longer}}
    return ways.get(total, 0)
