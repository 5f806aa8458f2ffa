"""How each event changes what is remembered of a customer: the one place where an amount is made, divided or ended."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeAlias, assert_never

from schemas.records.by_topic import ReceivablesEvents
from schemas.records.identification import Movement
from schemas.records.payments import PaymentMethod
from schemas.records.receivables import (
    Decision,
    DecisionRefused,
    DecisionTaken,
    EntryHandedOver,
    EntryMoved,
    EntryNetted,
    EntryPartMade,
    EntryPosted,
    EntryPutOnAccount,
    EntrySplit,
    EntryUnmatched,
    EntryWaiting,
    MatchSuggested,
    MovementRecorded,
    OpenItemRecorded,
    PaymentMatched,
    PaymentReassigned,
    PostingRequested,
    RefundMatched,
)
from schemas.values.business_day import business_day
from streams.domain.receivables.entry import WRITE_OFFS, Entry, EntryKind, EntryStatus, Move, State
from streams.domain.receivables.families import able_to_give_back, refund_of

EntryEvent: TypeAlias = (
    EntryWaiting
    | PaymentMatched
    | MatchSuggested
    | PostingRequested
    | EntryPosted
    | EntryNetted
    | EntrySplit
    | EntryPutOnAccount
    | EntryHandedOver
    | RefundMatched
)
Event: TypeAlias = ReceivablesEvents


def evolve(state: State, event: ReceivablesEvents) -> State:
    """Remember one event; accepts any event in any state."""
    state = replace(state, abas_customer_id=event.abas_customer_id)
    match event:
        case OpenItemRecorded():
            return replace(state, items={**state.items, event.abas_open_item_id: event})
        case MovementRecorded():
            entries = _entries_after(state.entries, event)
            return replace(state, entries=entries, movement_ids=state.movement_ids | {event.movement_id})
        case DecisionTaken() | DecisionRefused():
            return _decided(state, event)
        case EntryPartMade():
            return replace(state, entries=_with_part(state.entries, event))
        case EntryUnmatched():
            return replace(state, entries=_unmatched(state.entries, event))
        case PaymentReassigned():
            move = Move(event.to_customer_id, event.command_id)
            return replace(state, moved_to={**state.moved_to, event.paytrace_transaction_id: move})
        case EntryMoved() if event.abas_customer_id == event.from_customer_id:
            gone = state.entries.get(event.posting_reference)
            if gone is None:
                return state
            moved = replace(gone, status=EntryStatus.MOVED, options=())
            return replace(state, entries={**state.entries, gone.posting_reference: moved})
        case EntryMoved():
            return _taken_over(state, event)
        case PostingRequested() if event.document_kind in WRITE_OFFS:
            return replace(state, write_offs={**state.write_offs, event.posting_reference: _write_off(event)})
        case EntryPosted() | EntryWaiting() if event.posting_reference in state.write_offs:
            known = state.write_offs[event.posting_reference]
            return replace(state, write_offs={**state.write_offs, known.posting_reference: _moved_on(known, event)})
        case _:
            entry = state.entries.get(event.posting_reference)
            if entry is None or entry.status is EntryStatus.POSTED or not entry.is_live:
                return state
            return replace(state, entries={**state.entries, entry.posting_reference: _moved_on(entry, event)})


def _moved_on(entry: Entry, event: EntryEvent) -> Entry:
    match event:
        case EntryWaiting():
            # Suggestions are told at once before the reason; a reason that comes alone ends them.
            options = entry.options if entry.reason is None else ()
            return replace(entry, status=EntryStatus.WAITING, reason=event.reason, detail=event.detail, options=options)
        case MatchSuggested():
            return replace(
                entry, reason=None, options=(*(() if event.suggestion_number == 1 else entry.options), event)
            )
        case PaymentMatched():
            item, number = event.abas_open_item_id, event.invoice_number
            return replace(entry, abas_open_item_id=item, item_invoice_number=number, on_account=False)
        case EntryPutOnAccount():
            return replace(entry, on_account=True, abas_open_item_id=None, item_invoice_number="")
        case PostingRequested():
            return replace(entry, status=EntryStatus.REQUESTED, reverses=event.reverses_reference, options=())
        case EntryPosted():
            return replace(entry, status=EntryStatus.POSTED, posted_at=event.occurred_at)
        case EntryNetted():
            return replace(entry, status=EntryStatus.NETTED, options=())
        case EntrySplit():
            return replace(entry, status=EntryStatus.SPLIT, options=())
        case EntryHandedOver():
            return replace(entry, status=EntryStatus.HANDED_OVER, reason=None, detail="", options=())
        case RefundMatched():
            # Another document is asked for now, so neither the account nor a refusal of the former one stands.
            linked = replace(entry, payment_id=event.paytrace_transaction_id, on_account=False)
            return replace(linked, reason=None, detail="", options=())
        case _:
            assert_never(event)


def _with_part(entries: dict[str, Entry], event: EntryPartMade) -> dict[str, Entry]:
    """A part is its whole in everything but reference, amount, what it takes back and where it goes."""
    whole = entries.get(event.split_from)
    if whole is None or event.posting_reference in entries:
        return entries
    part = replace(
        whole,
        posting_reference=event.posting_reference,
        amount_minor=event.amount_minor,
        takes_back=event.takes_back,
        status=EntryStatus.WAITING,
        reason=None,
        detail="",
        abas_open_item_id=None,
        item_invoice_number="",
        on_account=False,
        options=(),
    )
    return {**entries, part.posting_reference: part}


def _taken_over(state: State, event: EntryMoved) -> State:
    """An entry from another customer; money that comes by a command that is new here stays here."""
    kind, payment = EntryKind(event.kind), event.payment_id
    if kind is EntryKind.REFUND_VOID:
        refund = refund_of(state.entries, event.paytrace_transaction_id)
        payment = (refund.payment_id if refund else None) or payment
    entry = Entry(
        posting_reference=event.posting_reference,
        kind=kind,
        transaction_id=event.paytrace_transaction_id,
        payment_id=payment,
        amount_minor=event.amount_minor,
        currency=event.currency,
        method=event.method,
        invoice_number=event.invoice_number,
        occurred_at=event.money_at,
        value_on=event.value_on or business_day(event.money_at),
        takes_back=event.takes_back,
    )
    moved_to = state.moved_to
    if all(command != event.command_id for command, _ in state.moves_taken):
        moved_to = {owner: move for owner, move in moved_to.items() if owner != entry.owner}
    return replace(
        state,
        entries={**state.entries, entry.posting_reference: entry},
        moved_to=moved_to,
        moves_taken=state.moves_taken | {(event.command_id, event.posting_reference)},
    )


def _unmatched(entries: dict[str, Entry], event: EntryUnmatched) -> dict[str, Entry]:
    """What was posted is reversed and waits again under another reference; what was not just waits again."""
    entry = entries.get(event.posting_reference)
    if entry is None or not entry.is_live:
        return entries
    if event.reversal_reference is None or event.released_reference is None:
        free = replace(entry, status=EntryStatus.WAITING, reason=None, detail="", on_account=False)
        return {**entries, entry.posting_reference: replace(free, abas_open_item_id=None, item_invoice_number="")}
    if event.reversal_reference in entries or event.released_reference in entries:
        return entries
    again = Entry(
        posting_reference=event.released_reference,
        kind=EntryKind.RELEASED,
        transaction_id=entry.transaction_id,
        payment_id=entry.payment_id,
        amount_minor=event.amount_minor,
        currency=entry.currency,
        method=entry.method,
        invoice_number=entry.invoice_number,
        value_on=entry.value_on,  # no money moved, so the reversal and the money that is free again keep the day
        occurred_at=entry.occurred_at,
        released_by=event.reversal_reference,
    )
    reversal = replace(
        again,
        posting_reference=event.reversal_reference,
        kind=EntryKind.UNMATCH,
        takes_back=entry.posting_reference,
        released_by=None,
    )
    return {**entries, reversal.posting_reference: reversal, again.posting_reference: again}


def _decided(state: State, event: DecisionTaken | DecisionRefused) -> State:
    """Remember the command, who decided last about what, what a person ruled out, and whose question that narrowed."""
    state = replace(state, command_ids=state.command_ids | {event.command_id})
    if isinstance(event, DecisionRefused):
        return state
    subjects = [event.posting_reference]
    if event.decision is Decision.WRITE_OFF:
        subjects += event.abas_open_item_ids
    state = replace(state, decided={**state.decided, **dict.fromkeys(subjects, event)})
    entry = state.entries.get(event.posting_reference)
    if event.decision not in (Decision.REJECT, Decision.UNMATCH):
        narrowed = _narrowed(state, event, entry)
        held = state.held | {owner for owner, _ in narrowed}
        return replace(state, narrowed=state.narrowed | narrowed, held=held)
    if entry is None:
        return state
    pairs = frozenset((entry.owner, item) for item in event.abas_open_item_ids if item)
    return replace(state, ruled_out=state.ruled_out | pairs, held=state.held | {entry.owner})


def _narrowed(state: State, event: DecisionTaken, decided: Entry | None) -> frozenset[tuple[str, str]]:
    """Payments that wait between several suggestions, one of which a person now gives to something else.

    Nobody has answered for them: which payment an item got is no answer to whose the item left over is.
    """
    owner = None if decided is None else decided.owner
    taken = {item for item in event.abas_open_item_ids if item}
    return frozenset(
        (entry.owner, item)
        for entry in state.entries.values()
        if entry.is_waiting and entry.owner != owner and len(entry.options) > 1
        for option in entry.options
        for item in taken.intersection(option.abas_open_item_ids)
    )


def _write_off(event: PostingRequested) -> Entry:
    """The entry of a write-off, or of what takes one back: it begins when it is asked for."""
    return Entry(
        posting_reference=event.posting_reference,
        kind=WRITE_OFFS[event.document_kind],
        transaction_id=event.paytrace_transaction_id,
        payment_id=None,
        amount_minor=event.amount_minor,
        currency=event.currency,
        method=PaymentMethod.UNKNOWN,
        invoice_number=None,
        value_on=event.value_on or business_day(event.occurred_at),
        occurred_at=event.occurred_at,
        status=EntryStatus.REQUESTED,
        abas_open_item_id=event.abas_open_item_id,
        item_invoice_number=event.invoice_number or "",
        reverses=event.reverses_reference,
    )


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
    for receipt, able in able_to_give_back(entries, movement.paytrace_transaction_id):
        whole = receipt.kind is not EntryKind.INCREASE or able <= left  # most are never posted, so all or nothing
        if whole and (share := min(able, left)):
            shares.append((receipt.posting_reference, share))
            left -= share
    if left or not shares:
        shares.append((main, left))
    for takes_back, share in sorted(shares, key=lambda pair: pair[0] != main):
        entries = _added(entries, movement, kind, base, share, takes_back=takes_back)
    return entries


def _receipts_of(entries: dict[str, Entry], payment_id: str) -> list[Entry]:
    kinds = (EntryKind.CAPTURE, EntryKind.INCREASE, EntryKind.RELEASED)
    return [entry for entry in entries.values() if entry.payment_id == payment_id and entry.kind in kinds]


def _resized(entry: Entry, amount_minor: int) -> Entry:
    """Another amount is another question: what was told no longer stands, an earlier refusal included."""
    return replace(entry, amount_minor=amount_minor, reason=None, detail="", options=())


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
        value_on=movement.value_on or business_day(movement.occurred_at),
        occurred_at=movement.occurred_at,
        takes_back=takes_back,
    )
    return {**entries, reference: entry}
