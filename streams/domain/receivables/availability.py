"""How much of each open item money may still be asked for. For matching and for an operator's decisions.

What abas showed last may be older than what we asked of it since, so both are held against each other and the smaller
answer counts: too little makes money wait until abas is seen again, too much would overpay an invoice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

from schemas.records.receivables import OpenItemRecorded
from streams.domain.receivables.entry import Entry, EntryStatus, State


def available_minor(state: State) -> Mapping[str, int]:
    """What may still be asked for, by abas_open_item_id.

    Units:   minor units of the item's currency; items of which nothing is left are not among them.
    Ensures: never more than the item's amount less all that we hold or asked for on it, and never more than abas showed
             open less what abas cannot have shown yet.
    """
    held, unseen = _ours(state)
    left = {
        item_id: min(item.open_minor - max(0, unseen[item_id]), item.amount_minor - held[item_id])
        for item_id, item in state.items.items()
        if item.is_open
    }
    return {item_id: minor for item_id, minor in left.items() if minor > 0}


def holders_of(state: State, item_id: str) -> tuple[Entry, ...]:
    """The receipts of ours on an open item, from the request on until abas confirmed that all of them is taken back."""
    taken_back: dict[str, int] = defaultdict(int)
    for entry in state.entries.values():
        if entry.reverses is not None and entry.status is EntryStatus.POSTED:
            taken_back[entry.reverses] += entry.amount_minor
    return tuple(
        entry
        for entry in state.entries.values()
        if entry.is_receipt
        and entry.is_at_abas
        and entry.abas_open_item_id == item_id
        and taken_back[entry.posting_reference] < entry.amount_minor
    )


def _ours(state: State) -> tuple[Mapping[str, int], Mapping[str, int]]:
    """What we hold or asked for on each item, and what of it abas' last view cannot show yet; both in minor units.

    A reversal counts once abas has confirmed it, and lowers what is unseen at most to nothing.
    """
    held: dict[str, int] = defaultdict(int)
    unseen: dict[str, int] = defaultdict(int)

    def count(item_id: str | None, signed_minor: int, posted_at: datetime | None) -> None:
        item = state.items.get(item_id or "")
        if item is None:
            return
        held[item.abas_open_item_id] += signed_minor
        if _is_unseen(item, posted_at):
            unseen[item.abas_open_item_id] += signed_minor

    for entry in state.entries.values():
        if entry.is_receipt and entry.is_at_abas:
            count(entry.abas_open_item_id, entry.amount_minor, entry.posted_at)
        elif entry.reverses is not None and entry.status is EntryStatus.POSTED:
            receipt = state.entries.get(entry.reverses)
            count(receipt.abas_open_item_id if receipt else None, -entry.amount_minor, entry.posted_at)
    for write_off in state.write_offs.values():
        count(write_off.abas_open_item_id, write_off.written_off_minor, write_off.posted_at)
    return held, unseen


def _is_unseen(item: OpenItemRecorded, posted_at: datetime | None) -> bool:
    return posted_at is None or posted_at >= item.occurred_at
