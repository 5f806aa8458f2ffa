"""What the entries of one payment, and those on one open item, say together: who bears what, and what is left.

For the policy (posting.py) and for evolve (entries.py). Questions only; nothing here changes a state.
"""

from __future__ import annotations

from collections.abc import Mapping

from streams.domain.receivables.entry import Entry, EntryKind, EntryStatus, State


def receipt_to_reverse(state: State, reversal: Entry) -> Entry | None:
    """The posted receipt of the same payment that a reversal is asked against.

    Ensures: never more is taken back from a receipt than it brought; the receipt it is meant for comes first.
    """
    meant = state.entries.get(reversal.takes_back or "")
    if meant is not None and meant.is_live and _left_of(state, meant) >= reversal.amount_minor:
        return meant if meant.status is EntryStatus.POSTED else None
    able = (
        entry
        for entry in family(state, reversal.payment_id)
        if entry.is_receipt and entry.status is EntryStatus.POSTED and _left_of(state, entry) >= reversal.amount_minor
    )
    return next(able, None)


def shares_of(state: State, reversal: Entry) -> tuple[tuple[str, int], ...]:
    """How a reversal that no single receipt can bear is divided over its payment's receipts.

    Shapes:  (receipt's posting reference, minor units), two or more; () while it is not certain what comes back.
    Ensures: the shares sum to the reversal, and none is more than its receipt has left. Everything that is left of the
             payment is certain whatever became of its receipts; a part of it comes from posted ones, oldest first.
    """
    if reversal.payment_id is None:
        return ()
    left = able_to_give_back(state.entries, reversal.payment_id, but=reversal.posting_reference)
    if any(minor >= reversal.amount_minor for _, minor in left):
        return ()
    if sum(minor for _, minor in left) == reversal.amount_minor:
        return tuple((entry.posting_reference, minor) for entry, minor in left)
    shares: list[tuple[str, int]] = []
    due = reversal.amount_minor
    for entry, minor in left:
        share = min(minor, due) if entry.status is EntryStatus.POSTED else 0
        if share:
            shares.append((entry.posting_reference, share))
            due -= share
    return () if due else tuple(shares)


def refund_of(entries: Mapping[str, Entry], transaction_id: str) -> Entry | None:
    """The reversal that this refund transaction caused."""
    entry = entries.get(f"PT{transaction_id}")
    return entry if entry is not None and entry.kind is EntryKind.REFUND else None


def family(state: State, payment_id: str | None) -> tuple[Entry, ...]:
    """All entries of one payment, in order of arrival; none for a refund that is not linked yet."""
    if payment_id is None:
        return ()
    return tuple(entry for entry in state.entries.values() if entry.payment_id == payment_id)


def remaining_minor(state: State) -> Mapping[str, int]:
    """What is left of each payment's money, in minor units, by payment id: what came in less what was taken back."""
    left: dict[str, int] = {}
    for entry in state.entries.values():
        if entry.payment_id is not None:
            left[entry.payment_id] = left.get(entry.payment_id, 0) + entry.signed_minor
    return left


def unclaimed_minor(state: State, receipt: Entry) -> int:
    """What of a receipt nothing takes back yet, in minor units, reversals that still wait included."""
    return receipt.amount_minor - sum(
        entry.amount_minor
        for entry in state.entries.values()
        if (entry.reverses or entry.takes_back) == receipt.posting_reference and entry.is_live
    )


def _left_of(state: State, receipt: Entry) -> int:
    return receipt.amount_minor - sum(
        entry.amount_minor
        for entry in state.entries.values()
        if entry.reverses == receipt.posting_reference and entry.is_at_abas
    )


def able_to_give_back(entries: Mapping[str, Entry], payment_id: str, *, but: str = "") -> list[tuple[Entry, int]]:
    """The receipts of a payment and what nothing else takes back of each, increases first; `but` is not counted."""
    taken: dict[str, int] = {}
    for entry in entries.values():
        receipt = entry.reverses or entry.takes_back
        if receipt is not None and entry.is_live and entry.posting_reference != but:
            taken[receipt] = taken.get(receipt, 0) + entry.amount_minor
    receipts = [
        (entry, entry.amount_minor - taken.get(entry.posting_reference, 0))
        for entry in entries.values()
        if entry.payment_id == payment_id and entry.is_receipt and entry.is_live
    ]
    able = [(entry, left) for entry, left in receipts if left > 0]
    return sorted(able, key=lambda pair: pair[0].kind is not EntryKind.INCREASE)
