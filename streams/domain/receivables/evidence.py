"""What agrees and what differs between a payment and open items: the one place that says so.

For whoever publishes a match or a suggestion. Each line is looked up in the two sides, never carried over from the way
in which an answer was found, so a line that is published is true whatever rule or person asked for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from schemas.records.receivables import OpenItemRecorded
from schemas.values.money import Money
from schemas.values.references import normalised_invoice
from streams.domain.receivables.entry import Entry
from streams.domain.receivables.open_item_lines import named_invoices

MOST_ADDED_UP = 14  # items of which every sum is looked at, 2^14 of them; with more, nothing is said of other sums


@dataclass(frozen=True, slots=True)
class Evidence:
    """What speaks for and against that a payment pays these open items, line by line."""

    agrees: tuple[str, ...]
    differs: tuple[str, ...]


def evidence(
    receipt: Entry,
    chosen: Sequence[str],
    items: Mapping[str, OpenItemRecorded],
    available: Mapping[str, int],
    together: Sequence[Entry] = (),
) -> Evidence:
    """Look at a receipt and at open items, and say what agrees and what differs.

    Shapes:  chosen are ids of items; items and available are all of this customer, by id; together are the receipts
             that pay the chosen items jointly, this one among them, or none.
    Units:   available is minor units of the item's currency that may still be asked for.
    Ensures: the same two sides give the same lines; an item of which nothing is known to be open has no line about
             amounts.
    """
    named = named_invoices(receipt.invoice_number, {number_of(item) for item in items.values()})
    agrees, differs = _names(receipt, chosen, items, named)
    foreign = [items[item_id] for item_id in chosen if items[item_id].currency != receipt.currency]
    if foreign:
        differs += [
            f"the payment is in {receipt.currency}, invoice {item.invoice_number} in {item.currency}"
            for item in foreign
        ]
    elif chosen and all(item_id in available for item_id in chosen):
        paid = sum(one.amount_minor for one in together) if together else receipt.amount_minor
        opens = sum(available[item_id] for item_id in chosen)
        amount = Money(opens, receipt.currency)
        if opens == paid:
            agrees.append(f"open amount {amount}" if len(chosen) == 1 else f"sum of {len(chosen)} open items {amount}")
            if together:
                agrees.append(f"paid together by {', '.join(one.posting_reference for one in together)}")
            elif not named:  # of a payment that names its invoice nobody asks whether others fit
                agrees += _only(receipt, chosen, items, available)
        else:
            apart = Money(abs(opens - paid), receipt.currency)
            differs.append(f"pays {apart} {'less' if opens > paid else 'more'} than the {amount} open")
    return Evidence(tuple(agrees), tuple(differs))


def _names(
    receipt: Entry, chosen: Sequence[str], items: Mapping[str, OpenItemRecorded], named: frozenset[str]
) -> tuple[list[str], list[str]]:
    """What the payment's own text says of these invoices."""
    numbers = {number_of(items[item_id]) for item_id in chosen} - {""}
    agrees = [f"invoice {number}" for number in sorted(named & numbers)]
    differs = [f"names invoice {number} too" for number in sorted(named - numbers)]
    if named:
        differs += [f"does not name invoice {number}" for number in sorted(numbers - named)]
    written = (receipt.invoice_number or "").strip()
    if written and not named:
        differs.append(f"names {written}, which is no invoice of this customer")
    return agrees, differs


def _only(
    receipt: Entry, chosen: Sequence[str], items: Mapping[str, OpenItemRecorded], available: Mapping[str, int]
) -> list[str]:
    """Whether nothing else adds up as well."""
    amounts = [minor for item_id, minor in available.items() if items[item_id].currency == receipt.currency]
    if len(chosen) == 1:
        return ["the only open item of this amount"] if amounts.count(receipt.amount_minor) == 1 else []
    parts = [minor for minor in amounts if minor <= receipt.amount_minor]
    if len(parts) > MOST_ADDED_UP or _ways(parts, receipt.amount_minor) != 1:
        return []
    return ["the only such sum"]


def _ways(amounts: Sequence[int], total: int) -> int:
    """In how many ways some of these amounts add up to the total."""
    ways = {0: 1}
    for minor in amounts:
        longer = {sofar + minor: count for sofar, count in ways.items() if sofar + minor <= total}
        ways = {sofar: ways.get(sofar, 0) + longer.get(sofar, 0) for sofar in {*ways, *longer}}
    return ways.get(total, 0)


def number_of(item: OpenItemRecorded) -> str:
    """The invoice number of an item as numbers are compared."""
    return normalised_invoice(item.invoice_number) or ""
