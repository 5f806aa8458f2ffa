"""What of an open item is of which product category, and what of that each document takes or gives back.

A document takes of each category its share of what is left of it, so parts of an item sum to the item, whatever their
number and order. What reverses a document gives back shares of what that one took.

What an item's categories are is said by `by_category` alone: today by the lines of its invoice in the ERP. A second
source, such as the order in a shop, is one more answer there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from schemas.records.receivables import OpenItemRecorded
from schemas.values.shares import shares_of
from streams.domain.receivables.account import EXCHANGE_KINDS, Entry, State

Shares = tuple[tuple[str, int], ...]  # category -> minor units, each once, none below zero


def by_category(item: OpenItemRecorded) -> Shares:
    """Return the whole of an item by category, without its sign; () where no source tells its lines.

    Ensures: the shares sum to the item. A category below zero, such as a discount in a line of its own, lowers the
             others by their shares.
    """
    sign = 1 if item.amount_minor >= 0 else -1
    gross = [
        (name, sign * (net + tax))
        for name, net, tax in zip(
            item.category_names, item.category_net_amounts, item.category_tax_amounts, strict=True
        )
    ]
    return _shared(abs(item.amount_minor), [(name, minor) for name, minor in gross if minor > 0])


def taken_of_item(state: State, item_id: str, amount_minor: int) -> Shares:
    """Return what of each category a document takes that pays this much of an item, or pays it out.

    Units: amount_minor is minor units of the item's currency, above zero.
    """
    item = state.items.get(item_id)
    whole = () if item is None else by_category(item)
    if item is None or not whole:
        return ()
    gone: Counter[str] = Counter()
    unnamed = ours = 0
    for entry in state.entries.values():
        sign = _sign_on(state, entry, item)
        ours += sign * entry.amount_minor
        if entry.by_category:
            gone.update({name: sign * minor for name, minor in entry.by_category})
        else:
            unnamed += sign * entry.amount_minor
    open_minor = (state.available if item.amount_minor > 0 else state.credits).get(item_id, 0)
    by_others = max(0, abs(item.amount_minor) - open_minor - ours)  # what people cleared in the ERP took its shares too
    left = [(name, minor - min(max(gone[name], 0), minor)) for name, minor in whole]
    strange = sum(gone.values()) - sum(minor for _, minor in whole) + sum(minor for _, minor in left)
    others = min(max(0, unnamed + by_others + strange), sum(minor for _, minor in left))
    left = list(_less(left, _shared(others, left)))
    return _shared(amount_minor, left if sum(minor for _, minor in left) >= amount_minor else whole)


def taken_back(document: Entry, by: Iterable[Entry], amount_minor: int) -> Shares:
    """Return what of each category goes back with the next part of a document; `by` has taken back of it before."""
    gone: Counter[str] = Counter()
    for entry in by:
        gone.update(dict(entry.by_category))
    left = [(name, max(0, minor - gone[name])) for name, minor in document.by_category]
    return _shared(amount_minor, left if sum(minor for _, minor in left) >= amount_minor else document.by_category)


def _sign_on(state: State, entry: Entry, item: OpenItemRecorded) -> int:
    """Return 1 for what takes of an item, -1 for what gives back to it, 0 for what is not about it."""
    bearer = entry if entry.reverses is None or entry.is_credited else state.entries.get(entry.reverses, entry)
    if bearer.abas_open_item_id != item.abas_open_item_id or entry.kind in EXCHANGE_KINDS:
        return 0
    sign = 1 if (entry.side.value == "CREDIT") == (item.amount_minor > 0) else -1
    counts = entry.is_at_abas if sign > 0 else entry.is_posted  # as in what may still be asked for
    return sign if counts else 0


def _less(whole: Sequence[tuple[str, int]], part: Shares) -> Shares:
    gone = dict(part)
    return tuple((name, minor - gone.get(name, 0)) for name, minor in whole)


def _shared(minor: int, weights: Sequence[tuple[str, int]]) -> Shares:
    """Divide by weights; categories that get nothing are left out."""
    amounts = shares_of(minor, [weight for _, weight in weights])
    return tuple((name, share) for (name, _), share in zip(weights, amounts, strict=True) if share)
