"""What is remembered of one customer's receivables: open items, and an entry for each document due in abas.

An entry is one document that abas should hold: a receipt (money in) or a reversal (money out). It waits, is requested,
is posted, or is netted with its opposite before anything was posted. The entries of a payment are its family: its
receipt, its increases, and everything that takes money back.

The invariant that the whole room stands on: the signed sum of all entries that are not netted is the signed sum of all
movements that were recorded. `evolve` keeps it; nothing else changes an amount.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias

from schemas.records.identification import Movement, WaitingReason
from schemas.records.payments import PaymentMethod
from schemas.records.receivables import (
    EntryDirection,
    EntryNetted,
    EntryPosted,
    EntryWaiting,
    MovementRecorded,
    OpenItemRecorded,
    PaymentMatched,
    PostingRequested,
    RefundMatched,
)

Event: TypeAlias = (
    OpenItemRecorded
    | MovementRecorded
    | EntryWaiting
    | PaymentMatched
    | PostingRequested
    | EntryPosted
    | EntryNetted
    | RefundMatched
)


class EntryKind(StrEnum):
    """Which movement an entry comes from."""

    CAPTURE = "CAPTURE"
    INCREASE = "INCREASE"
    REFUND_VOID = "REFUND_VOID"
    VOID = "VOID"
    ACH_RETURN = "ACH_RETURN"
    CORRECTION = "CORRECTION"
    REFUND = "REFUND"


class EntryStatus(StrEnum):
    """How far an entry is."""

    WAITING = "WAITING"
    REQUESTED = "REQUESTED"
    POSTED = "POSTED"
    NETTED = "NETTED"


RECEIPT_KINDS = frozenset({EntryKind.CAPTURE, EntryKind.INCREASE, EntryKind.REFUND_VOID})


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One document due in abas.

    Units: amount_minor is minor units of currency, never negative. occurred_at is the movement's own time and becomes
           the value date. reason and detail are what was last told of it; a changed amount takes them back.
    payment_id is the original payment (None: a refund that is not linked yet), transaction_id the movement's own.
    takes_back is the receipt that a reversal is meant for, reverses the one that it was requested against.
    """

    posting_reference: str
    kind: EntryKind
    transaction_id: str
    payment_id: str | None
    amount_minor: int
    currency: str
    method: PaymentMethod
    invoice_number: str | None
    occurred_at: datetime
    takes_back: str | None = None
    status: EntryStatus = EntryStatus.WAITING
    reason: WaitingReason | None = None
    detail: str = ""
    abas_open_item_id: str | None = None
    item_invoice_number: str = ""
    reverses: str | None = None

    @property
    def is_receipt(self) -> bool:
        """Money in, as against a reversal."""
        return self.kind in RECEIPT_KINDS

    @property
    def direction(self) -> EntryDirection:
        """The same in the words of the records."""
        return EntryDirection.RECEIPT if self.is_receipt else EntryDirection.REVERSAL

    @property
    def signed_minor(self) -> int:
        """The amount with its direction, 0 once netted."""
        if self.status is EntryStatus.NETTED:
            return 0
        return self.amount_minor if self.is_receipt else -self.amount_minor

    @property
    def is_waiting(self) -> bool:
        """Nothing was asked of abas, or abas refused."""
        return self.status is EntryStatus.WAITING

    @property
    def is_refused(self) -> bool:
        """Abas said no: only a person, another amount or an opposite entry moves it on."""
        return self.is_waiting and self.reason is WaitingReason.POSTING_REFUSED

    @property
    def is_at_abas(self) -> bool:
        """Requested or posted, so abas holds the document or may hold it any moment."""
        return self.status in (EntryStatus.REQUESTED, EntryStatus.POSTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """One customer. Shapes: items by abas_open_item_id, entries by posting reference in order of arrival."""

    abas_customer_id: str = ""
    items: dict[str, OpenItemRecorded]
    entries: dict[str, Entry]
    movement_ids: frozenset[str] = frozenset()


INITIAL = State(items={}, entries={})


def evolve(state: State, event: Event) -> State:
    """Remember one event; accepts any event in any state."""
    state = replace(state, abas_customer_id=event.abas_customer_id)
    match event:
        case OpenItemRecorded():
            return replace(state, items={**state.items, event.abas_open_item_id: event})
        case MovementRecorded():
            entries = _entries_after(state.entries, event)
            return replace(state, entries=entries, movement_ids=state.movement_ids | {event.movement_id})
        case _:
            entry = state.entries.get(event.posting_reference)
            if entry is None or entry.status in (EntryStatus.POSTED, EntryStatus.NETTED):
                return state
            return replace(state, entries={**state.entries, entry.posting_reference: _moved_on(state, entry, event)})


def receipt_to_reverse(state: State, reversal: Entry) -> Entry | None:
    """The posted receipt of the same payment that a reversal is asked against.

    Ensures: never more is taken back from a receipt than it brought; the receipt it is meant for comes first.
    """
    able = [
        entry
        for entry in family(state, reversal.payment_id)
        if entry.is_receipt
        and entry.status is EntryStatus.POSTED
        and entry.amount_minor - _asked_back(state, entry) >= reversal.amount_minor
    ]
    meant = [entry for entry in able if entry.posting_reference == reversal.takes_back]
    return next(iter((*meant, *able)), None)


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


def holders(state: State) -> Mapping[str, Entry]:
    """The receipt of ours that holds each open item, by abas_open_item_id.

    A receipt holds its item from the request on, until it is taken back in whole and abas has confirmed that.
    """
    taken_back: dict[str, int] = {}
    for entry in state.entries.values():
        if entry.reverses is not None and entry.status is EntryStatus.POSTED:
            taken_back[entry.reverses] = taken_back.get(entry.reverses, 0) + entry.amount_minor
    return {
        entry.abas_open_item_id: entry
        for entry in state.entries.values()
        if entry.is_receipt
        and entry.is_at_abas
        and entry.abas_open_item_id is not None
        and taken_back.get(entry.posting_reference, 0) < entry.amount_minor
    }


def _asked_back(state: State, receipt: Entry) -> int:
    return sum(
        entry.amount_minor
        for entry in state.entries.values()
        if entry.reverses == receipt.posting_reference and entry.is_at_abas
    )


def _moved_on(
    state: State,
    entry: Entry,
    event: EntryWaiting | PaymentMatched | PostingRequested | EntryPosted | EntryNetted | RefundMatched,
) -> Entry:
    match event:
        case EntryWaiting():
            return replace(
                entry,
                status=EntryStatus.WAITING,
                reason=event.reason,
                detail=event.detail,
            )
        case PaymentMatched():
            return replace(entry, abas_open_item_id=event.abas_open_item_id, item_invoice_number=event.invoice_number)
        case PostingRequested():
            receipt = None if entry.is_receipt else receipt_to_reverse(state, entry)
            reverses = receipt.posting_reference if receipt else None
            return replace(entry, status=EntryStatus.REQUESTED, reverses=reverses)
        case EntryPosted():
            return replace(entry, status=EntryStatus.POSTED)
        case EntryNetted():
            return replace(entry, status=EntryStatus.NETTED)
        case RefundMatched():
            return replace(entry, payment_id=event.paytrace_transaction_id)


def _entries_after(entries: dict[str, Entry], movement: MovementRecorded) -> dict[str, Entry]:
    payment, amount = movement.paytrace_transaction_id, movement.amount_minor
    receipt = f"PT{payment}"
    match movement.movement:
        case Movement.CAPTURED:
            return _added(entries, movement, EntryKind.CAPTURE, receipt, amount)
        case Movement.AMOUNT_INCREASED:
            return _increased(entries, movement)
        case Movement.AMOUNT_DECREASED:
            return _decreased(entries, movement)
        case Movement.VOIDED:
            return _taken_back(entries, movement, EntryKind.VOID, f"{receipt}V")
        case Movement.RETURNED:
            return _taken_back(entries, movement, EntryKind.ACH_RETURN, f"{receipt}N")
        case Movement.REFUNDED:
            return _added(entries, movement, EntryKind.REFUND, receipt, amount)
        case Movement.REFUND_VOIDED:
            refund = refund_of(entries, payment)
            linked = refund.payment_id if refund else None
            return _added(entries, movement, EntryKind.REFUND_VOID, f"{receipt}V", amount, payment_id=linked)
        case Movement.UNKNOWN:
            return entries


def _increased(entries: dict[str, Entry], movement: MovementRecorded) -> dict[str, Entry]:
    """Before posting the receipt itself grows; afterwards the increase is a document of its own."""
    receipt = entries.get(f"PT{movement.paytrace_transaction_id}")
    is_unposted_capture = (
        receipt is not None
        and receipt.kind is EntryKind.CAPTURE
        and (receipt.is_waiting or receipt.amount_minor == 0)  # a receipt of nothing was netted, and comes back to life
    )
    if receipt is not None and is_unposted_capture:
        grown = replace(receipt, status=EntryStatus.WAITING)
        return {**entries, receipt.posting_reference: _resized(grown, receipt.amount_minor + movement.amount_minor)}
    return _corrected(entries, movement, EntryKind.INCREASE, movement.amount_minor)


def _decreased(entries: dict[str, Entry], movement: MovementRecorded) -> dict[str, Entry]:
    """Before posting the receipts themselves shrink, latest first; what is left is taken back by a reversal."""
    left = movement.amount_minor
    receipts = [entry for entry in _receipts_of(entries, movement.paytrace_transaction_id) if entry.is_waiting]
    for receipt in reversed(receipts):
        part = min(left, receipt.amount_minor)
        if part:
            entries = {**entries, receipt.posting_reference: _resized(receipt, receipt.amount_minor - part)}
            left -= part
    if not left:
        return entries
    return _corrected(entries, movement, EntryKind.CORRECTION, left, f"PT{movement.paytrace_transaction_id}")


def _taken_back(entries: dict[str, Entry], movement: MovementRecorded, kind: EntryKind, base: str) -> dict[str, Entry]:
    """A void or a return takes back each receipt document of the payment by a reversal of its own.

    Ensures: the reversals sum to the movement; what no receipt can give back is a reversal too, and waits.
    """
    main, left = f"PT{movement.paytrace_transaction_id}", movement.amount_minor
    shares: list[tuple[str, int]] = []
    for receipt, able in _able_to_give_back(entries, movement.paytrace_transaction_id):
        whole = receipt.kind is not EntryKind.INCREASE or able <= left  # an increase is never posted, so all or nothing
        if whole and (share := min(able, left)):
            shares.append((receipt.posting_reference, share))
            left -= share
    if left or not shares:
        shares.append((main, left))
    for takes_back, share in sorted(shares, key=lambda pair: pair[0] != main):
        entries = _added(entries, movement, kind, base, share, takes_back=takes_back)
    return entries


def _able_to_give_back(entries: dict[str, Entry], payment_id: str) -> list[tuple[Entry, int]]:
    """The receipts of a payment and what nothing else takes back of each, increases first."""
    taken: dict[str, int] = {}
    for entry in entries.values():
        receipt = entry.reverses or entry.takes_back
        if receipt is not None and entry.status is not EntryStatus.NETTED:
            taken[receipt] = taken.get(receipt, 0) + entry.amount_minor
    receipts = [
        (entry, entry.amount_minor - taken.get(entry.posting_reference, 0))
        for entry in entries.values()
        if entry.payment_id == payment_id and entry.is_receipt and entry.status is not EntryStatus.NETTED
    ]
    able = [(entry, left) for entry, left in receipts if left > 0]
    return sorted(able, key=lambda pair: pair[0].kind is not EntryKind.INCREASE)


def _receipts_of(entries: dict[str, Entry], payment_id: str) -> list[Entry]:
    kinds = (EntryKind.CAPTURE, EntryKind.INCREASE)
    return [entry for entry in entries.values() if entry.payment_id == payment_id and entry.kind in kinds]


def _resized(entry: Entry, amount_minor: int) -> Entry:
    """Another amount is another question: what was told no longer stands, an earlier refusal included."""
    return replace(entry, amount_minor=amount_minor, reason=None, detail="")


def _corrected(
    entries: dict[str, Entry],
    movement: MovementRecorded,
    kind: EntryKind,
    amount_minor: int,
    takes_back: str | None = None,
) -> dict[str, Entry]:
    number = 1
    while (reference := f"PT{movement.paytrace_transaction_id}C{number}") in entries:
        number += 1
    return _added(entries, movement, kind, reference, amount_minor, takes_back=takes_back)


def _added(
    entries: dict[str, Entry],
    movement: MovementRecorded,
    kind: EntryKind,
    base: str,
    amount_minor: int,
    *,
    payment_id: str | None = None,
    takes_back: str | None = None,
) -> dict[str, Entry]:
    reference, number = base, 2
    while reference in entries:
        reference, number = f"{base}-{number}", number + 1
    entry = Entry(
        posting_reference=reference,
        kind=kind,
        transaction_id=movement.paytrace_transaction_id,
        payment_id=None if kind is EntryKind.REFUND else payment_id or movement.paytrace_transaction_id,
        amount_minor=amount_minor,
        currency=movement.currency,
        method=movement.method,
        invoice_number=movement.invoice_number,
        occurred_at=movement.occurred_at,
        takes_back=takes_back,
    )
    return {**entries, reference: entry}
