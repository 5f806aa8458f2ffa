"""How each event changes what is remembered of a customer: the one place where an amount is made, divided or ended."""

from __future__ import annotations

from typing import TypeAlias, assert_never

from schemas.records.by_topic import ReceivablesEvents
from schemas.records.identification import Movement
from schemas.records.orders import OrderMoneyNamed
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
    PaymentAllocated,
    PaymentMatched,
    PaymentReassigned,
    PaymentRequestDone,
    PaymentStatusChanged,
    PostingRequested,
    RefundMatched,
)
from schemas.values.business_day import business_day
from schemas.values.exchange import leaves
from schemas.values.replacing import replace
from streams.domain.receivables.account import (
    CREDIT_MEMO_REFUND,
    WITHOUT_MONEY,
    Entry,
    EntryKind,
    EntryStatus,
    Lost,
    Move,
    State,
    request_name,
)

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
    if state.abas_customer_id != event.abas_customer_id:
        state = replace(state, abas_customer_id=event.abas_customer_id)
    match event:
        case OpenItemRecorded():
            return replace(state, items={**state.items, event.abas_open_item_id: event})
        case MovementRecorded():
            return _moved(replace(state, movement_ids=state.movement_ids | {event.movement_id}), event)
        case DecisionTaken() | DecisionRefused():
            return _decided(state, event)
        case OrderMoneyNamed():
            return replace(state, orders={**state.orders, event.paytrace_transaction_id: event})
        case PaymentStatusChanged():
            return replace(state, statuses={**state.statuses, event.status_key: event})
        case PaymentAllocated():
            return replace(state, allocations={**state.allocations, event.call_reference: event})
        case PaymentRequestDone():
            name = request_name(event.paytrace_transaction_id, takes_back=event.takes_back)
            return replace(state, requests={**state.requests, name: event})
        case EntryPartMade():
            return _with_part(state, event)
        case EntryUnmatched():
            return _unmatched(state, event)
        case PaymentReassigned():
            move = Move(event.to_customer_id, event.command_id)
            return replace(state, moved_to={**state.moved_to, event.paytrace_transaction_id: move})
        case EntryMoved() if event.abas_customer_id == event.from_customer_id:
            gone = state.entries.get(event.posting_reference)
            return state if gone is None else state.with_entries(replace(gone, status=EntryStatus.MOVED, options=()))
        case EntryMoved():
            return _taken_over(state, event)
        case PostingRequested() if event.document_kind in WITHOUT_MONEY:
            return state.with_entries(_without_money(event))
        case _:
            entry = state.entries.get(event.posting_reference)
            if entry is None or entry.is_posted or not entry.is_live:
                return state
            return state.with_entries(_moved_on(entry, event))


def _moved_on(entry: Entry, event: EntryEvent) -> Entry:
    match event:
        case EntryWaiting():
            # Suggestions are reported at once before the reason; a reason that comes alone ends them.
            options = entry.options if entry.reason is None else ()
            return replace(entry, status=EntryStatus.WAITING, reason=event.reason, detail=event.detail, options=options)
        case MatchSuggested():
            before = () if event.suggestion_number == 1 else entry.options
            return replace(entry, reason=None, options=(*before, event))
        case PaymentMatched():
            item, number = event.abas_open_item_id, event.invoice_number
            return replace(entry, abas_open_item_id=item, item_invoice_number=number, on_account=False)
        case EntryPutOnAccount():
            put = replace(entry, on_account=True, abas_open_item_id=None, item_invoice_number="")
            return replace(put, takes_back=event.takes_back or entry.takes_back)
        case PostingRequested():
            asked = replace(
                entry,
                status=EntryStatus.REQUESTED,
                posted_on=event.posted_on,
                options=(),
                reverses=event.reverses_reference,
                lines=event.lines,
                reason=None,
                detail="",
                booked_base_minor=event.booked_base_minor,
                item_minor=event.item_minor,
                by_category=_by_category(event),
            )
            is_credited = event.document_kind.startswith(CREDIT_MEMO_REFUND)
            return _credited(asked, event) if is_credited else asked
        case EntryPosted():
            number = event.abas_document_number
            return replace(entry, status=EntryStatus.POSTED, posted_at=event.occurred_at, document_number=number)
        case EntryNetted():
            return replace(entry, status=EntryStatus.NETTED, options=())
        case EntrySplit():
            return replace(entry, status=EntryStatus.SPLIT, options=())
        case EntryHandedOver():
            return replace(entry, status=EntryStatus.HANDED_OVER, reason=None, detail="", options=())
        case RefundMatched():
            # Another document is asked for now, so neither the account nor a refusal of the former one stands.
            payment = event.paytrace_transaction_id
            return replace(entry, payment_id=payment, on_account=False, reason=None, detail="", options=())
        case _:
            assert_never(event)


def _by_category(event: PostingRequested) -> tuple[tuple[str, int], ...]:
    return tuple(zip(event.category_names, event.category_amounts, strict=True))


def _credited(entry: Entry, event: PostingRequested) -> Entry:
    """Return a refund that pays out a credit memo, or what came back of one."""
    credited = replace(entry, is_credited=True, abas_open_item_id=event.abas_open_item_id)
    return replace(credited, takes_back=event.takes_from_reference or entry.takes_back)


# -- decisions, parts, moves -------------------------------------------------------------------------------------------


def _free(entry: Entry) -> Entry:
    """Return an entry as it is before anything was found for it, or asked of abas."""
    waits = replace(entry, status=EntryStatus.WAITING, reason=None, detail="", on_account=False)
    freed = replace(waits, abas_open_item_id=None, item_invoice_number="", booked_base_minor=None, by_category=())
    return replace(freed, item_minor=None)


def _with_part(state: State, event: EntryPartMade) -> State:
    """Add a part: its whole in everything but reference, amount, what it reverses and where it goes."""
    whole = state.entries.get(event.split_from)
    if whole is None or event.posting_reference in state.entries:
        return state
    part = replace(_free(whole), posting_reference=event.posting_reference, amount_minor=event.amount_minor, options=())
    return state.with_entries(replace(part, takes_back=event.takes_back, base_minor=event.base_minor))


def _taken_over(state: State, event: EntryMoved) -> State:
    """Take over an entry from another customer; money that comes by a command that is new here stays here."""
    kind, payment = EntryKind(event.kind), event.payment_id
    if kind is EntryKind.REFUND_VOID:
        refund = state.refund(event.paytrace_transaction_id)
        payment = (refund.payment_id if refund else None) or payment
    entry = Entry(
        posting_reference=event.posting_reference,
        kind=kind,
        transaction_id=event.paytrace_transaction_id,
        payment_id=payment,
        amount_minor=event.amount_minor,
        currency=event.currency,
        base_minor=event.base_minor,
        base_currency=event.base_currency,
        dispute_id=event.dispute_id,
        method=event.method,
        invoice_number=event.invoice_number,
        settlement_account=event.settlement_account,
        card_token=event.card_token,
        occurred_at=event.money_at,
        value_on=event.value_on or business_day(event.money_at),
        takes_back=event.takes_back,
    )
    moved_to = state.moved_to
    if all(command != event.command_id for command, _ in state.moves_taken):
        moved_to = {owner: move for owner, move in moved_to.items() if owner != entry.owner}
    moves_taken = state.moves_taken | {(event.command_id, event.posting_reference)}
    return replace(state.with_entries(entry), moved_to=moved_to, moves_taken=moves_taken)


def _unmatched(state: State, event: EntryUnmatched) -> State:
    """Reverse what was posted, so that its money waits under another reference; what was not just waits again."""
    entry = state.entries.get(event.posting_reference)
    if entry is None or not entry.is_live:
        return state
    if event.reversal_reference is None or event.released_reference is None:
        return state.with_entries(_free(entry))
    if event.reversal_reference in state.entries or event.released_reference in state.entries:
        return state
    again = replace(  # no money moved, so the reversal and the money that is free again keep the day
        _free(entry),
        posting_reference=event.released_reference,
        kind=EntryKind.RELEASED,
        amount_minor=event.amount_minor,
        base_minor=entry.value_of(entry.amount_minor - event.amount_minor, entry.amount_minor),
        takes_back=None,
        dispute_id=None,
        released_by=event.reversal_reference,
        options=(),
        posted_at=None,
        document_number="",
    )
    reversal = replace(
        again,
        posting_reference=event.reversal_reference,
        kind=EntryKind.UNMATCH,
        takes_back=entry.posting_reference,
        released_by=None,
    )
    return state.with_entries(reversal, again)


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
    entry = entry if entry is None else state.entries.get(entry.takes_from or "", entry)
    items = {item for item in event.abas_open_item_ids if item}
    if event.decision not in (Decision.REJECT, Decision.UNMATCH):
        narrowed = _narrowed(state, items, "" if entry is None else entry.owner)
        held = state.held | {owner for owner, _ in narrowed}
        return replace(state, narrowed=state.narrowed | narrowed, held=held)
    if entry is None:
        return state
    whose = entry.owner or entry.abas_credit_item_id or ""
    pairs = frozenset((whose, item) for item in items)
    return replace(state, ruled_out=state.ruled_out | pairs, held=state.held | {whose})


def _narrowed(state: State, taken: set[str], by: str) -> frozenset[tuple[str, str]]:
    """Find payments that wait between several suggestions, one of which a person now gives to something else.

    Nobody has answered for them: which payment an item got is no answer to whose the item left over is.
    """
    return frozenset(
        (entry.owner, item)
        for entry in state.waiting
        if entry.owner != by and len(entry.options) > 1
        for option in entry.options
        for item in taken.intersection(option.abas_open_item_ids)
    )


def _without_money(event: PostingRequested) -> Entry:
    """Return the entry of what moves no money, or of what reverses such a one: it begins when it is asked for."""
    return Entry(
        posting_reference=event.posting_reference,
        kind=WITHOUT_MONEY[event.document_kind],
        transaction_id=event.paytrace_transaction_id,
        payment_id=None,
        amount_minor=event.amount_minor,
        currency=event.currency,
        base_minor=event.lines[0].base_minor,
        base_currency=event.lines[0].base_currency,
        booked_base_minor=event.booked_base_minor,
        method=PaymentMethod.UNKNOWN,
        invoice_number=None,
        settlement_account=event.settlement_account,
        value_on=event.value_on or business_day(event.occurred_at),
        occurred_at=event.occurred_at,
        status=EntryStatus.REQUESTED,
        abas_open_item_id=event.abas_open_item_id,
        item_invoice_number=event.invoice_number or "",
        reverses=event.reverses_reference,
        lines=event.lines,
        by_category=_by_category(event),
        takes_from=event.takes_from_reference,
        abas_credit_item_id=event.abas_credit_item_id,
        dispute_id=event.dispute_id,
        rule=event.rule,
        tax_minor=event.tax_minor,
        tax_code=event.tax_code,
    )


# -- movements ---------------------------------------------------------------------------------------------------------


def _moved(state: State, movement: MovementRecorded) -> State:
    payment, amount = movement.paytrace_transaction_id, movement.amount_minor
    main = f"PT{payment}"
    match movement.movement:
        case Movement.CAPTURED:
            return _added(state, movement, EntryKind.CAPTURE, main, amount)
        case Movement.AMOUNT_INCREASED:
            return _increased(state, movement)
        case Movement.AMOUNT_DECREASED:
            return _decreased(state, movement)
        case Movement.VOIDED:
            return _reversed(state, movement, EntryKind.VOID, f"{main}V")
        case Movement.RETURNED:
            return _reversed(state, movement, EntryKind.ACH_RETURN, f"{main}N")
        case Movement.REFUNDED:
            return _added(state, movement, EntryKind.REFUND, main, amount)
        case Movement.REFUND_VOIDED:
            refund = state.refund(payment)
            linked = refund.payment_id if refund else None
            return _added(state, movement, EntryKind.REFUND_VOID, f"{main}V", amount, payment_id=linked)
        case Movement.CHARGED_BACK:
            return _reversed(state, movement, EntryKind.CHARGEBACK, f"{main}K")
        case Movement.CHARGEBACK_REVERSED:
            return _charged_back_no_more(state, movement)
        case Movement.CHARGEBACK_LOST:
            return _lost(state, movement, amount)
        case Movement.CHARGEBACK_LOST_REVERSED:
            return _lost(state, movement, -amount)
        case Movement.UNKNOWN:
            return state
        case _:
            assert_never(movement.movement)


def _charged_back_no_more(state: State, movement: MovementRecorded) -> State:
    """Give back what a dispute took, the latest first: what still waits takes less, the rest is money in again.

    Ensures: what comes in and what waits no more sum to the movement.
    """
    payment, left = movement.paytrace_transaction_id, movement.amount_minor
    shares: list[tuple[str | None, int]] = []
    for taken, able in state.chargebacks_of(movement.dispute_id):
        share = min(able, left)
        left -= share
        if taken.is_waiting:
            value = taken.value_of(taken.amount_minor - share, taken.amount_minor)
            state = state.with_entries(_resized(taken, -share, None if value is None else -value))
        elif share:
            shares.append((taken.posting_reference, share))
    if left:  # it was taken of another customer, to whom this goes as well
        shares.append((None, left))
    before = movement.amount_minor - sum(share for _, share in shares)
    for takes_back, share in shares:
        kind, base = EntryKind.CHARGEBACK_RETURNED, f"PT{payment}R"
        state = _added(state, movement, kind, base, share, before, takes_back=takes_back)
        before += share
    return state


def _lost(state: State, movement: MovementRecorded, minor: int) -> State:
    """Remember what a dispute took for good; documents follow from it (posting.py)."""
    dispute = movement.dispute_id or ""
    known = state.lost.get(dispute)
    lost = Lost(
        payment_id=movement.paytrace_transaction_id,
        lost_minor=minor + (known.lost_minor if known else 0),
        value_on=movement.value_on or business_day(movement.occurred_at),
    )
    return replace(state, lost={**state.lost, dispute: lost})


def _increased(state: State, movement: MovementRecorded) -> State:
    """Let the receipt itself grow before posting; afterwards the increase is a document of its own."""
    receipt = state.entries.get(f"PT{movement.paytrace_transaction_id}")
    if receipt is not None and receipt.kind is EntryKind.CAPTURE and (receipt.is_waiting or receipt.amount_minor == 0):
        grown = replace(receipt, status=EntryStatus.WAITING)  # a receipt of nothing was netted, and comes back to life
        value = _value(movement, 0, movement.amount_minor)
        return state.with_entries(_resized(grown, movement.amount_minor, value))
    return _corrected(state, movement, EntryKind.INCREASE, movement.amount_minor)


def _decreased(state: State, movement: MovementRecorded) -> State:
    """Let waiting receipts shrink, latest first; what is left is reversed by a reversal."""
    payment, left = movement.paytrace_transaction_id, movement.amount_minor
    kinds = (EntryKind.CAPTURE, EntryKind.INCREASE, EntryKind.RELEASED)
    for receipt in reversed([one for one in state.family(payment) if one.kind in kinds and one.is_waiting]):
        part = min(left, receipt.amount_minor)
        if part:
            value = _value(movement, movement.amount_minor - left, movement.amount_minor - left + part)
            state = state.with_entries(_resized(receipt, -part, None if value is None else -value))
            left -= part
    return _corrected(state, movement, EntryKind.CORRECTION, left, takes_back=f"PT{payment}") if left else state


def _reversed(state: State, movement: MovementRecorded, kind: EntryKind, base: str) -> State:
    """Take back each receipt document of the payment by a reversal of its own.

    Ensures: the reversals sum to the movement; what no receipt can give back is a reversal too, and waits.
    """
    main, left = f"PT{movement.paytrace_transaction_id}", movement.amount_minor
    shares: list[tuple[str | None, int]] = []
    for receipt, able in state.able_to_give_back(movement.paytrace_transaction_id):
        whole = receipt.kind is not EntryKind.INCREASE or able <= left  # most are never posted, so all or nothing
        if whole and (share := min(able, left)):
            shares.append((receipt.posting_reference, share))
            left -= share
    if left or not shares:
        shares.append((None if shares else main, left))
    before = 0
    for takes_back, share in sorted(shares, key=lambda pair: pair[0] != main):
        state = _added(state, movement, kind, base, share, before, takes_back=takes_back)
        before += share
    return state


def _resized(entry: Entry, by_minor: int, by_value: int | None) -> Entry:
    """Change an amount: another question, so what was reported no longer stands, an earlier refusal included."""
    value = None if by_value is None or entry.base_minor is None else entry.base_minor + by_value
    return replace(
        entry, amount_minor=entry.amount_minor + by_minor, base_minor=value, reason=None, detail="", options=()
    )


def _value(movement: MovementRecorded, before_minor: int, after_minor: int) -> int | None:
    """Return the value of a part of a movement in base currency; None where it is in that currency, or not valued."""
    if movement.base_minor is None or movement.base_currency in (None, movement.currency):
        return None
    whole = movement.amount_minor
    return leaves(movement.base_minor, whole, before_minor, after_minor) if whole else movement.base_minor


def _corrected(
    state: State, movement: MovementRecorded, kind: EntryKind, amount_minor: int, takes_back: str | None = None
) -> State:
    reference = state.free_reference(f"PT{movement.paytrace_transaction_id}C")
    before = movement.amount_minor - amount_minor
    return _added(state, movement, kind, reference, amount_minor, before, takes_back=takes_back)


def _added(
    state: State,
    movement: MovementRecorded,
    kind: EntryKind,
    base: str,
    amount_minor: int,
    before_minor: int = 0,
    *,
    payment_id: str | None = None,
    takes_back: str | None = None,
) -> State:
    reference, number = base, 2
    while reference in state.entries:
        reference, number = f"{base}-{number}", number + 1
    entry = Entry(
        posting_reference=reference,
        kind=kind,
        transaction_id=movement.paytrace_transaction_id,
        payment_id=None if kind is EntryKind.REFUND else payment_id or movement.paytrace_transaction_id,
        amount_minor=amount_minor,
        currency=movement.currency,
        base_minor=_value(movement, before_minor, before_minor + amount_minor),
        base_currency=None if movement.base_currency == movement.currency else movement.base_currency,
        method=movement.method,
        invoice_number=movement.invoice_number,
        settlement_account=movement.settlement_account,
        card_token=movement.card_token,
        value_on=movement.value_on or business_day(movement.occurred_at),
        occurred_at=movement.occurred_at,
        takes_back=takes_back,
        dispute_id=movement.dispute_id,
    )
    return state.with_entries(entry)
