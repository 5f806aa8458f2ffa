"""What follows from a customer's entries as they stand: netting, linking, matching, requests, and what waits and why.

A policy for the receivables context. It goes in single steps, each one certain, until nothing is left to do, so the
same entries always end in the same events. The order of the steps protects the money: opposites are netted before
anything is posted, a refund is linked before its payment is matched, and a reversal is requested only when abas has
confirmed the receipt that it takes back.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from dataclasses import replace
from datetime import datetime
from functools import reduce

from schemas.records.identification import WaitingReason
from schemas.records.receivables import (
    EntryMoved,
    EntryNetted,
    EntryUnmatched,
    EntryWaiting,
    MatchSuggested,
    RefundMatched,
)
from schemas.values.money import Money
from streams.domain.receivables.allocation import applied, requested, reversal_divided
from streams.domain.receivables.availability import available_minor, holders_of
from streams.domain.receivables.entries import Event, evolve
from streams.domain.receivables.entry import Entry, EntryKind, EntryStatus, Move, State
from streams.domain.receivables.evidence import evidence
from streams.domain.receivables.families import family, receipt_to_reverse, refund_of, shares_of, unclaimed_minor
from streams.domain.receivables.matching_rules import Found, Matching, Option, Part, Waits, match_refund
from streams.domain.receivables.policy import policy
from streams.domain.suggestion_codes import suggestion_code

Step = Callable[[State, datetime], tuple[Event, ...]]


def follow(state: State, at: datetime) -> tuple[Event, ...]:
    """Everything that follows from this state, told at this instant.

    Ensures: ends, because each step moves an entry on; asked again of the state it leads to, it yields ().
    """
    events: tuple[Event, ...] = ()
    while step := _next_step(state, at):
        events += step
        state = reduce(evolve, step, state)
    return events + _told_waiting(state, at)


def _next_step(state: State, at: datetime) -> tuple[Event, ...]:
    if not state.moved_to and not any(entry.is_waiting for entry in state.entries.values()):
        return ()
    steps: tuple[Step, ...] = (
        _net_nothing,
        _net_voided_refund,
        _net_receipt,
        _link_refund,
        _move_receipt,
        _request_on_account,
        _request_again,
        _request_matched,
        _divide_reversal,
        _request_reversal,
        _move_reversal,
    )
    return next((events for step in steps if (events := step(state, at))), ())


def _waiting(state: State) -> Iterator[Entry]:
    """Waiting entries by business day, then by when they were learned of; equal ones in order of arrival."""
    waiting = (entry for entry in state.entries.values() if entry.is_waiting)
    return iter(sorted(waiting, key=lambda entry: (entry.value_on, entry.occurred_at)))


def _net_nothing(state: State, at: datetime) -> tuple[Event, ...]:
    """An entry of no money (a zero-amount card check, an increase taken back again) needs no document."""
    for entry in _waiting(state):
        if entry.amount_minor == 0:
            return (_netted(state, entry, entry.posting_reference, at),)
    return ()


def _net_voided_refund(state: State, at: datetime) -> tuple[Event, ...]:
    """A refund that was voided before its reversal was requested cancels out with its void."""
    for entry in _waiting(state):
        refund = _voided_refund(state, entry)
        # What was handed over is not in abas, so its void must not get there either.
        is_unposted = refund is not None and (refund.is_waiting or refund.status is EntryStatus.HANDED_OVER)
        if refund is not None and is_unposted and refund.amount_minor == entry.amount_minor:
            return _netted_together(state, entry, (refund,), at)
    return ()


def _net_receipt(state: State, at: datetime) -> tuple[Event, ...]:
    """A receipt that still waits cancels out with reversals that take it back in whole, never in part."""
    for receipt in _waiting(state):
        if not receipt.is_receipt:
            continue
        reversals = [entry for entry in family(state, receipt.payment_id) if entry.is_waiting and not entry.is_receipt]
        meant = tuple(entry for entry in reversals if entry.takes_back == receipt.posting_reference)
        free = tuple(entry for entry in reversals if (entry.takes_back or "") not in state.entries)
        for opposite in (meant, (*meant, *free)):
            if opposite and sum(entry.amount_minor for entry in opposite) == receipt.amount_minor:
                return _netted_together(state, receipt, opposite, at)
    return ()


def _link_refund(state: State, at: datetime) -> tuple[Event, ...]:
    for refund in _waiting(state):
        if refund.kind is not EntryKind.REFUND or refund.payment_id is not None or refund.on_account:
            continue
        link = match_refund(refund, state)
        if not isinstance(link, Waits):
            return (
                RefundMatched(
                    posting_reference=refund.posting_reference,
                    paytrace_transaction_id=link.payment_id,
                    abas_customer_id=state.abas_customer_id,
                    refund_transaction_id=refund.transaction_id,
                    amount_minor=refund.amount_minor,
                    currency=refund.currency,
                    rule=link.rule,
                    occurred_at=at,
                ),
            )
    return ()


def _request_on_account(state: State, at: datetime) -> tuple[Event, ...]:
    """A receipt that a person put on account stays there, also if its amount changed since."""
    for receipt in _waiting(state):
        if receipt.on_account and not receipt.is_refused:
            return (requested(state, receipt, None, at),)
    return ()


def _request_again(state: State, at: datetime) -> tuple[Event, ...]:
    """A refund that was voided after its reversal was posted: the money clears the same item as before."""
    for receipt in _waiting(state):
        again = None if receipt.is_refused or not receipt.is_receipt else _item_again(state, receipt)
        if isinstance(again, Option):
            return applied(state, receipt, again, at)
    return ()


def _request_matched(state: State, at: datetime) -> tuple[Event, ...]:
    events: tuple[Event, ...] = ()
    for receipt, option in _matching(state).certain():
        events += applied(state, receipt, option, at)
    return events


def _divide_reversal(state: State, at: datetime) -> tuple[Event, ...]:
    """A reversal that no single receipt can bear is divided over them."""
    for reversal in _waiting(state):
        if reversal.is_receipt or reversal.is_refused or receipt_to_reverse(state, reversal) is not None:
            continue
        shares = shares_of(state, reversal)
        if shares:
            return reversal_divided(state, reversal, shares, at)
    return ()


def _request_reversal(state: State, at: datetime) -> tuple[Event, ...]:
    for reversal in _waiting(state):
        if reversal.is_receipt or reversal.is_refused:
            continue
        receipt = receipt_to_reverse(state, reversal)
        if receipt is not None:
            return (requested(state, reversal, receipt.abas_open_item_id, at),)
    return ()


def _move_receipt(state: State, at: datetime) -> tuple[Event, ...]:
    """Money of a payment that belongs to another customer: what abas holds is taken back first, the rest goes at once.

    A document that is on its way to abas is let through; it is taken back when abas has answered.
    """
    for entry in state.entries.values():
        move = state.moved_to.get(entry.owner)
        if move is None or not entry.is_receipt:
            continue
        if entry.status is EntryStatus.POSTED and unclaimed_minor(state, entry) > 0:
            return (unmatched(state, entry, at),)
        reversal = state.entries.get(entry.released_by or "")
        if entry.is_waiting and (reversal is None or reversal.status is EntryStatus.POSTED):
            return (_moved(state, entry, move, at),)
    return ()


def _move_reversal(state: State, at: datetime) -> tuple[Event, ...]:
    """What takes money back goes where the money went, unless a receipt here bears it or still may."""
    for entry in _waiting(state):
        move = state.moved_to.get(entry.owner)
        if move is None or entry.is_receipt or entry.kind is EntryKind.UNMATCH or entry.is_refused:
            continue
        relatives = family(state, entry.payment_id)
        if not any(one.is_receipt and one.status is EntryStatus.REQUESTED for one in relatives):
            return (_moved(state, entry, move, at),)
    return ()


def _moved(state: State, entry: Entry, move: Move, at: datetime) -> EntryMoved:
    return EntryMoved(
        abas_customer_id=state.abas_customer_id,
        from_customer_id=state.abas_customer_id,
        to_customer_id=move.to_customer_id,
        command_id=move.command_id,
        posting_reference=entry.posting_reference,
        kind=entry.kind.value,
        paytrace_transaction_id=entry.transaction_id,
        payment_id=entry.payment_id,
        direction=entry.direction,
        amount_minor=entry.amount_minor,
        currency=entry.currency,
        method=entry.method,
        invoice_number=entry.invoice_number,
        takes_back=entry.takes_back,
        money_at=entry.occurred_at,
        value_on=entry.value_on,
        occurred_at=at,
    )


def unmatched(state: State, entry: Entry, at: datetime) -> EntryUnmatched:
    """The event that frees a receipt from its match: by a reversal and a new entry where abas holds it."""
    is_posted = entry.status is EntryStatus.POSTED
    reference = entry.posting_reference
    return EntryUnmatched(
        posting_reference=reference,
        paytrace_transaction_id=entry.transaction_id,
        abas_customer_id=state.abas_customer_id,
        abas_open_item_id=entry.abas_open_item_id,
        amount_minor=unclaimed_minor(state, entry) if is_posted else entry.amount_minor,
        currency=entry.currency,
        reversal_reference=free_reference(state.entries, f"{reference}U") if is_posted else None,
        released_reference=free_reference(state.entries, f"{reference}A") if is_posted else None,
        occurred_at=at,
    )


def free_reference(taken: Container[str], base: str) -> str:
    """The first reference of this base that nothing bears yet."""
    number = 1
    while f"{base}{number}" in taken:
        number += 1
    return f"{base}{number}"


def _told_waiting(state: State, at: datetime) -> tuple[Event, ...]:
    """Tell what waits and why, and what is suggested; silent where all that is what was told before."""
    matching = _matching(state)
    told: tuple[Event, ...] = ()
    for entry in _waiting(state):
        waits = _why(state, entry)
        found = matching.found(entry) if waits is None else Found(None, waits)
        suggested = _suggested(state, entry, found.options, at)
        if (entry.reason, entry.detail) != (found.waits.reason, found.waits.detail) or _differs(entry, suggested):
            told += (*suggested, waiting_event(state, entry, found.waits, at))
    return told


def _suggested(state: State, entry: Entry, options: tuple[Option, ...], at: datetime) -> tuple[MatchSuggested, ...]:
    available = available_minor(state) if options else {}
    suggested: list[MatchSuggested] = []
    for number, option in enumerate(options, 1):
        items = [part.item.abas_open_item_id for part in option.parts]
        amounts = [part.amount_minor for part in option.parts]
        opens = [available.get(item_id, 0) for item_id in items]
        suggested.append(
            MatchSuggested(
                posting_reference=entry.posting_reference,
                paytrace_transaction_id=entry.transaction_id,
                abas_customer_id=state.abas_customer_id,
                amount_minor=entry.amount_minor,
                currency=entry.currency,
                suggestion_number=number,
                suggestion_count=len(options),
                abas_open_item_ids=tuple(items),
                invoice_numbers=tuple(part.item.invoice_number for part in option.parts),
                part_amounts=tuple(amounts),
                open_amounts=tuple(opens),
                kind=option.kind,
                rule=option.rule,
                rule_version=policy().rule_version,
                score_hundredths=round(100 * option.score),
                margin_hundredths=round(100 * option.margin),
                agrees=option.agrees,
                differs=option.differs,
                occurred_at=at,
                suggestion_code=suggestion_code(
                    entry.posting_reference, entry.amount_minor, entry.currency, items, amounts, opens
                ),
            )
        )
    return tuple(suggested)


def _differs(entry: Entry, suggested: tuple[MatchSuggested, ...]) -> bool:
    """Whether a suggestion is another one than was told; the instant of telling makes no difference."""
    told = [replace(option, occurred_at=entry.occurred_at) for option in entry.options]
    return told != [replace(option, occurred_at=entry.occurred_at) for option in suggested]


def _matching(state: State) -> Matching:
    """The receipts whose only question is which open items they pay."""
    return Matching(state, [entry for entry in _waiting(state) if entry.is_receipt and _why(state, entry) is None])


def _why(state: State, entry: Entry) -> Waits | None:
    """What keeps an entry waiting besides the choice of open items; None where that choice is all."""
    if entry.is_refused:
        return Waits(WaitingReason.POSTING_REFUSED, entry.detail)
    if entry.is_receipt:
        return _receipt_waits(state, entry)
    if entry.payment_id is None:
        link = match_refund(entry, state)
        assert isinstance(link, Waits), "a refund that has its payment was linked before this is asked"
        return link
    amount = Money(entry.amount_minor, entry.currency)
    detail = f"payment {entry.payment_id} has no receipt in abas of which {amount} could be taken back"
    return Waits(WaitingReason.RECEIPT_NOT_POSTED, detail)


def _receipt_waits(state: State, receipt: Entry) -> Waits | None:
    if receipt.kind is EntryKind.INCREASE:
        amount = Money(receipt.amount_minor, receipt.currency)
        detail = f"payment {receipt.payment_id} grew by {amount} after its receipt was requested"
        return Waits(WaitingReason.AMOUNT_INCREASED_AFTER_POSTING, detail)
    reversal = state.entries.get(receipt.released_by or "")
    if reversal is not None and reversal.status is not EntryStatus.POSTED:
        detail = f"reversal {reversal.posting_reference} of the wrong match is not posted yet"
        return Waits(WaitingReason.RECEIPT_NOT_POSTED, detail)
    again = _item_again(state, receipt)
    return again if isinstance(again, Waits) else None


def _item_again(state: State, receipt: Entry) -> Option | Waits | None:
    """The item that a refund's reversal opened again, for the receipt of its void; None for any other receipt."""
    refund = _voided_refund(state, receipt)
    if refund is None or not refund.is_at_abas:
        return None
    if refund.status is not EntryStatus.POSTED:
        detail = f"reversal {refund.posting_reference} is not posted yet, so there is nothing to put right"
        return Waits(WaitingReason.RECEIPT_NOT_POSTED, detail)
    reversed_receipt = state.entries.get(refund.reverses or "")
    item = state.items.get((reversed_receipt.abas_open_item_id if reversed_receipt else None) or "")
    if item is None or (receipt.owner, item.abas_open_item_id) in state.ruled_out:
        return None
    holders = [one for one in holders_of(state, item.abas_open_item_id) if one.payment_id != receipt.payment_id]
    room = available_minor(state).get(item.abas_open_item_id, 0)
    if holders and room < receipt.amount_minor:
        detail = f"invoice {item.invoice_number} is cleared by {holders[-1].posting_reference} meanwhile"
        return Waits(WaitingReason.NO_OPEN_ITEM, detail)
    found = evidence(receipt, (item.abas_open_item_id,), state.items, available_minor(state))
    said = (f"reversal {refund.posting_reference} took it back", *found.agrees)
    return Option((Part(item, receipt.amount_minor),), "refund-voided", said, found.differs)


def _voided_refund(state: State, entry: Entry) -> Entry | None:
    """The refund that this entry voids."""
    if entry.kind is not EntryKind.REFUND_VOID:
        return None
    return refund_of(state.entries, entry.transaction_id)


def _netted_together(state: State, entry: Entry, opposite: tuple[Entry, ...], at: datetime) -> tuple[Event, ...]:
    return (
        _netted(state, entry, opposite[0].posting_reference, at),
        *(_netted(state, other, entry.posting_reference, at) for other in opposite),
    )


def _netted(state: State, entry: Entry, netted_with: str, at: datetime) -> EntryNetted:
    return EntryNetted(
        posting_reference=entry.posting_reference,
        paytrace_transaction_id=entry.transaction_id,
        abas_customer_id=state.abas_customer_id,
        direction=entry.direction,
        amount_minor=entry.amount_minor,
        currency=entry.currency,
        netted_with=netted_with,
        occurred_at=at,
    )


def waiting_event(state: State, entry: Entry, waits: Waits, at: datetime) -> EntryWaiting:
    """What is told of an entry that waits."""
    return EntryWaiting(
        posting_reference=entry.posting_reference,
        paytrace_transaction_id=entry.transaction_id,
        abas_customer_id=state.abas_customer_id,
        direction=entry.direction,
        amount_minor=entry.amount_minor,
        currency=entry.currency,
        invoice_number=entry.invoice_number,
        reason=waits.reason,
        detail=waits.detail,
        occurred_at=at,
    )
