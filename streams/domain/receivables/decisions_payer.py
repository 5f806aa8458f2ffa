"""What a person may decide about whose money it is, and about refunds that find no payment. Pure; for receivables.py.

Like every decision (decisions.py): one event with who, when and why, also for a refused one, and a command counts once.
"""

from __future__ import annotations

from typing import TypeAlias

from schemas.checks.attribution import why_not_attributed
from schemas.records.receivables import (
    Decision,
    EntryHandedOver,
    HandToFinance,
    MatchRefund,
    PaymentReassigned,
    PutRefundOnAccount,
    ReassignPayment,
    RefundMatched,
)
from schemas.values.money import Money
from streams.domain.decided import decided
from streams.domain.receivables.allocation import put_on_account
from streams.domain.receivables.decisions import amount_changed
from streams.domain.receivables.entries import Event
from streams.domain.receivables.entry import Entry, EntryKind, EntryStatus, State
from streams.domain.receivables.families import remaining_minor, unclaimed_minor

Command: TypeAlias = ReassignPayment | MatchRefund | PutRefundOnAccount | HandToFinance
BY_HAND = "by-hand"

_DECISIONS = {
    ReassignPayment: Decision.REASSIGN,
    MatchRefund: Decision.MATCH_REFUND,
    PutRefundOnAccount: Decision.REFUND_ON_ACCOUNT,
    HandToFinance: Decision.HAND_OVER,
}


def decide_payer_command(state: State, command: Command) -> tuple[Event, ...]:
    """What follows from a person's command.

    Ensures: a command that was here yields (); the first event says who decided what and why, or what stood against it.
    """
    if command.command_id in state.command_ids:
        return ()
    missing = why_not_attributed(command.decided_by, command.reason)
    events, refused = ((), missing) if missing else _answer(state, command)
    reference = (
        f"PT{command.paytrace_transaction_id}" if isinstance(command, ReassignPayment) else command.posting_reference
    )
    return decided(
        command,
        _DECISIONS[type(command)],
        customer=command.abas_customer_id,
        reference=reference,
        events=events,
        refused=refused,
    )


def _answer(state: State, command: Command) -> tuple[tuple[Event, ...], str]:
    """The events of a command, or why it is refused."""
    match command:
        case ReassignPayment():
            return _reassigned(state, command)
        case MatchRefund():
            return _refund_matched(state, command)
        case PutRefundOnAccount():
            refund, refused = _free_refund(state, command)
            if refund is None:
                return (), refused
            reference, at = refund.posting_reference, command.occurred_at
            return put_on_account(state, refund, reference, refund.amount_minor, at, command.decided_by), ""
        case HandToFinance():
            return _handed_over(state, command)


def _reassigned(state: State, command: ReassignPayment) -> tuple[tuple[Event, ...], str]:
    payment, to = command.paytrace_transaction_id, command.to_customer_id
    entries = [entry for entry in state.entries.values() if entry.owner == payment and entry.is_live]
    move = state.moved_to.get(payment)
    if not to.strip() or to == command.abas_customer_id:
        return (), f"payment {payment} is with customer {command.abas_customer_id} already"
    if move is not None:
        return (), f"payment {payment} went to customer {move.to_customer_id}; decide there"
    linked = next((one.owner for one in state.entries.values() if one.transaction_id == payment and one.is_live), None)
    if not entries and linked is not None:
        return (), f"{payment} belongs to payment {linked}; reassign that one"
    if not entries:
        return (), f"customer {command.abas_customer_id} has no money of payment {payment}"
    if not any(_is_to_move(state, entry) for entry in entries):
        return (), f"nothing of payment {payment} is left to move: all of it is taken back or handed over"
    reassigned = PaymentReassigned(
        abas_customer_id=command.abas_customer_id,
        paytrace_transaction_id=payment,
        to_customer_id=to,
        command_id=command.command_id,
        decided_by=command.decided_by,
        occurred_at=command.occurred_at,
    )
    return (reassigned,), ""


def _is_to_move(state: State, entry: Entry) -> bool:
    if entry.status is EntryStatus.POSTED:
        return entry.is_receipt and unclaimed_minor(state, entry) > 0
    return entry.is_waiting or entry.status is EntryStatus.REQUESTED


def _refund_matched(state: State, command: MatchRefund) -> tuple[tuple[Event, ...], str]:
    refund, refused = _free_refund(state, command)
    if refund is None:
        return (), refused
    named = state.entries.get(command.payment_id)
    payment = (named.payment_id if named else None) or command.payment_id
    receipts = [one for one in state.entries.values() if one.payment_id == payment and one.is_receipt and one.is_live]
    amount = Money(refund.amount_minor, refund.currency)
    if not receipts:
        return (), f"customer {command.abas_customer_id} has no payment {command.payment_id}; reassign the refund first"
    currencies = sorted({receipt.currency for receipt in receipts})
    if currencies != [refund.currency]:
        return (), f"payment {payment} is in {', '.join(currencies)}, the refund is {amount}"
    left = remaining_minor(state).get(payment, 0)
    if left < refund.amount_minor:
        return (), f"payment {payment} has {Money(left, refund.currency)} left, the refund is {amount}"
    matched = RefundMatched(
        posting_reference=refund.posting_reference,
        paytrace_transaction_id=payment,
        abas_customer_id=command.abas_customer_id,
        refund_transaction_id=refund.transaction_id,
        amount_minor=refund.amount_minor,
        currency=refund.currency,
        rule=BY_HAND,
        occurred_at=command.occurred_at,
    )
    return (matched,), ""


def _free_refund(state: State, command: MatchRefund | PutRefundOnAccount) -> tuple[Entry | None, str]:
    """The refund that waits for a payment, or why there is none to decide about."""
    reference = command.posting_reference
    entry = state.entries.get(reference)
    if entry is None or not entry.is_live:
        return None, f"this customer has no entry {reference}"
    if entry.kind is not EntryKind.REFUND:
        return None, f"{reference} is no refund"
    if entry.payment_id is not None:
        return None, f"{reference} belongs to payment {entry.payment_id}"
    return _waiting(entry, command)


def _waiting(entry: Entry, command: MatchRefund | PutRefundOnAccount | HandToFinance) -> tuple[Entry | None, str]:
    changed = amount_changed(entry, command.amount_minor, command.currency)
    if changed:
        return None, changed
    match entry.status:
        case EntryStatus.REQUESTED:
            return None, f"{entry.posting_reference} is being posted; ask again once abas has answered"
        case EntryStatus.POSTED:
            return None, f"{entry.posting_reference} is posted already"
        case EntryStatus.HANDED_OVER:
            return None, f"{entry.posting_reference} is handed over to finance"
        case _:
            return entry, ""


def _handed_over(state: State, command: HandToFinance) -> tuple[tuple[Event, ...], str]:
    reference = command.posting_reference
    known = state.entries.get(reference)
    if known is None or not known.is_live:
        return (), f"this customer has no entry {reference}"
    if known.is_receipt or known.kind is EntryKind.UNMATCH:
        return (), f"{reference} is no money that went back to a payer; put a receipt on account instead"
    entry, refused = _waiting(known, command)
    if entry is None:
        return (), refused
    handed_over = EntryHandedOver(
        posting_reference=reference,
        paytrace_transaction_id=entry.transaction_id,
        abas_customer_id=command.abas_customer_id,
        direction=entry.direction,
        amount_minor=entry.amount_minor,
        currency=entry.currency,
        decided_by=command.decided_by,
        reason=command.reason,
        occurred_at=command.occurred_at,
    )
    return (handed_over,), ""
