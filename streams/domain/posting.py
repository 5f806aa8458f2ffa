"""What follows from a customer's entries as they stand: netting, linking, matching, requests, and what waits and why.

A policy for the receivables context. It goes in single steps, each one certain, until nothing is left to do, so the
same entries always end in the same events. The order of the steps protects the money: opposites are netted before
anything is posted, a refund is linked before its payment is matched, and a reversal is requested only when abas has
confirmed the receipt that it takes back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import reduce

from schemas.money import Money
from schemas.records.identification import WaitingReason
from schemas.records.receivables import (
    EntryNetted,
    EntryWaiting,
    PaymentMatched,
    PostingRequested,
    RefundMatched,
)
from streams.domain.entries import (
    Entry,
    EntryKind,
    EntryStatus,
    Event,
    State,
    evolve,
    family,
    receipt_to_reverse,
    refund_of,
)
from streams.domain.matching_rules import (
    RULE_VERSION,
    Candidates,
    Match,
    Waits,
    candidates,
    match_receipt,
    match_refund,
)

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
    if not any(entry.is_waiting for entry in state.entries.values()):
        return ()
    steps: tuple[Step, ...] = (
        _net_nothing,
        _net_voided_refund,
        _net_receipt,
        _link_refund,
        _request_receipt,
        _request_reversal,
    )
    return next((events for step in steps if (events := step(state, at))), ())


def _waiting(state: State) -> Iterator[Entry]:
    """Waiting entries, oldest movement first; equally old ones in order of arrival."""
    waiting = (entry for entry in state.entries.values() if entry.is_waiting)
    return iter(sorted(waiting, key=lambda entry: entry.occurred_at))


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
        if refund is not None and refund.is_waiting and refund.amount_minor == entry.amount_minor:
            return _netted_together(state, entry, (refund,), at)
    return ()


def _net_receipt(state: State, at: datetime) -> tuple[Event, ...]:
    """A receipt that still waits cancels out with reversals that take it back in whole, never in part."""
    for receipt in _waiting(state):
        if not receipt.is_receipt:
            continue
        reversals = [entry for entry in family(state, receipt.payment_id) if entry.is_waiting and not entry.is_receipt]
        meant = tuple(entry for entry in reversals if entry.takes_back == receipt.posting_reference)
        free = tuple(entry for entry in reversals if entry.takes_back is None)
        for opposite in (meant, (*meant, *free)):
            if opposite and sum(entry.amount_minor for entry in opposite) == receipt.amount_minor:
                return _netted_together(state, receipt, opposite, at)
    return ()


def _link_refund(state: State, at: datetime) -> tuple[Event, ...]:
    for refund in _waiting(state):
        if refund.kind is not EntryKind.REFUND or refund.payment_id is not None:
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


def _request_receipt(state: State, at: datetime) -> tuple[Event, ...]:
    among = candidates(state)
    for receipt in _waiting(state):
        if not receipt.is_receipt or receipt.is_refused:
            continue
        match = _item_for(state, receipt, among)
        if isinstance(match, Waits):
            continue
        matched = PaymentMatched(
            posting_reference=receipt.posting_reference,
            paytrace_transaction_id=receipt.transaction_id,
            abas_customer_id=state.abas_customer_id,
            abas_open_item_id=match.item.abas_open_item_id,
            amount_minor=receipt.amount_minor,
            currency=receipt.currency,
            invoice_number=match.item.invoice_number,
            rule=match.rule,
            rule_version=RULE_VERSION,
            evidence=match.evidence,
            occurred_at=at,
        )
        return (matched, _requested(state, receipt, match.item.abas_open_item_id, at))
    return ()


def _request_reversal(state: State, at: datetime) -> tuple[Event, ...]:
    for reversal in _waiting(state):
        if reversal.is_receipt or reversal.is_refused:
            continue
        receipt = receipt_to_reverse(state, reversal)
        if receipt is not None:
            return (_requested(state, reversal, receipt.abas_open_item_id, at),)
    return ()


def _told_waiting(state: State, at: datetime) -> tuple[Event, ...]:
    """Tell what waits and why; silent where reason, amount and detail are what was told before."""
    among = candidates(state)
    told = []
    for entry in _waiting(state):
        waits = _why(state, entry, among)
        if (entry.reason, entry.detail) != (waits.reason, waits.detail):
            told.append(waiting_event(state, entry, waits, at))
    return tuple(told)


def _why(state: State, entry: Entry, among: Candidates) -> Waits:
    if entry.is_refused:
        return Waits(WaitingReason.POSTING_REFUSED, entry.detail)
    if entry.is_receipt:
        answer = _item_for(state, entry, among)
        assert isinstance(answer, Waits), "a receipt that has its item was requested before this is asked"
        return answer
    if entry.payment_id is None:
        link = match_refund(entry, state)
        assert isinstance(link, Waits), "a refund that has its payment was linked before this is asked"
        return link
    amount = Money(entry.amount_minor, entry.currency)
    detail = f"payment {entry.payment_id} has no receipt in abas of which {amount} could be taken back"
    return Waits(WaitingReason.RECEIPT_NOT_POSTED, detail)


def _item_for(state: State, receipt: Entry, among: Candidates) -> Match | Waits:
    if receipt.kind is EntryKind.INCREASE:
        amount = Money(receipt.amount_minor, receipt.currency)
        detail = f"payment {receipt.payment_id} grew by {amount} after its receipt was requested"
        return Waits(WaitingReason.AMOUNT_INCREASED_AFTER_POSTING, detail)
    refund = _voided_refund(state, receipt)
    if refund is not None and refund.is_at_abas:
        return _item_again(state, receipt, refund, among)
    return match_receipt(receipt, among)


def _item_again(state: State, receipt: Entry, refund: Entry, among: Candidates) -> Match | Waits:
    """A refund that was voided after its reversal was posted: the money clears the same item as before."""
    if refund.status is not EntryStatus.POSTED:
        detail = f"reversal {refund.posting_reference} is not posted yet, so there is nothing to put right"
        return Waits(WaitingReason.RECEIPT_NOT_POSTED, detail)
    reversed_receipt = state.entries.get(refund.reverses or "")
    item = state.items.get((reversed_receipt.abas_open_item_id if reversed_receipt else None) or "")
    if item is None:
        return match_receipt(receipt, among)
    holder = among.holders.get(item.abas_open_item_id)
    if holder is not None and holder.payment_id != receipt.payment_id:
        detail = f"invoice {item.invoice_number} is cleared by {holder.posting_reference} meanwhile"
        return Waits(WaitingReason.NO_OPEN_ITEM, detail)
    return Match(item, "refund-voided", (f"reversal {refund.posting_reference} took it back",))


def _voided_refund(state: State, entry: Entry) -> Entry | None:
    """The refund that this entry voids."""
    if entry.kind is not EntryKind.REFUND_VOID:
        return None
    return refund_of(state.entries, entry.transaction_id)


def _requested(state: State, entry: Entry, item_id: str | None, at: datetime) -> PostingRequested:
    return PostingRequested(
        posting_reference=entry.posting_reference,
        paytrace_transaction_id=entry.transaction_id,
        abas_customer_id=state.abas_customer_id,
        direction=entry.direction,
        amount_minor=entry.amount_minor,
        currency=entry.currency,
        abas_open_item_id=item_id,
        occurred_at=at,
    )


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
