"""Which open item does the money clear? Decided for the receivables context, one abas customer at a time.

Identified movements become entries (entries.py), the policy says what follows (posting.py), and what abas made of our
commands comes back as outcomes. What protects the money: every movement is in exactly one entry or family of entries,
an entry is requested once under a posting reference of its own, and whatever cannot be posted waits with the reason.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime
from functools import reduce
from typing import assert_never

from schemas.failures import Unreadable
from schemas.records.by_topic import ReceivablesInbox
from schemas.records.erp import (
    CashReceiptPosted,
    CashReceiptReversed,
    PostCashReceipt,
    PostingRefused,
    PostOnAccountReceipt,
    PostOnAccountRefund,
    PostWriteOff,
    ReversalReason,
    ReverseCashReceipt,
    ReverseWriteOff,
    WriteOffPosted,
    WriteOffReversed,
)
from schemas.records.identification import Movement, PaymentIdentified, WaitingReason
from schemas.records.payments import RefundLinked
from schemas.records.receivables import (
    ConfirmMatch,
    EntryMoved,
    EntryPosted,
    HandToFinance,
    MatchRefund,
    MovementRecorded,
    OpenItemObserved,
    OpenItemRecorded,
    PostAgain,
    PostingRequested,
    PutOnAccount,
    PutRefundOnAccount,
    ReassignPayment,
    RefundMatched,
    RejectMatch,
    RestWriteOffRefused,
    RestWriteOffRequested,
    RestWriteOffReversalRefused,
    RestWriteOffReversalRequested,
    RestWriteOffReversed,
    RestWrittenOff,
    SplitEntry,
    UndoWriteOff,
    UnmatchEntry,
    WriteOffRest,
)
from schemas.topic import Topic
from schemas.values.business_day import business_day
from streams.domain.output import Output
from streams.domain.receivables.decisions import decide_command
from streams.domain.receivables.decisions_payer import decide_payer_command
from streams.domain.receivables.entries import Event, evolve
from streams.domain.receivables.entry import INITIAL, Entry, EntryKind, EntryStatus, State
from streams.domain.receivables.matching_rules import Waits
from streams.domain.receivables.posting import follow, waiting_event

__all__ = ["INITIAL", "Event", "State", "decide", "evolve", "route"]

_CURRENCY = re.compile(r"^[A-Z]{3}$")

_REASONS = {
    EntryKind.VOID: ReversalReason.VOID,
    EntryKind.ACH_RETURN: ReversalReason.ACH_RETURN,
    EntryKind.CORRECTION: ReversalReason.CORRECTION,
    EntryKind.REFUND: ReversalReason.REFUND,
    EntryKind.UNMATCH: ReversalReason.CORRECTION,
}


def decide(state: State, record: ReceivablesInbox) -> tuple[Event, ...]:
    """What this record changes for the customer, and everything that follows from it.

    Ensures: a record that was here, an older view of an open item and an outcome of something that we never asked for
             yield ().
    Raises:  Unreadable for a movement that is not money, and for an outcome that names another amount than was asked
             for.
    """
    match record:
        case PaymentIdentified():
            return _with_consequences(state, _on_payment(state, record), record.occurred_at)
        case OpenItemObserved():
            return _with_consequences(state, _on_open_item(state, record), record.observed_at)
        case CashReceiptPosted() | CashReceiptReversed():
            return _with_consequences(state, _on_posted(state, record), record.occurred_at)
        case WriteOffPosted() | WriteOffReversed():
            return _with_consequences(state, _on_written_off(state, record), record.occurred_at)
        case PostingRefused() if record.posting_reference in state.write_offs:
            return _with_consequences(state, _on_write_off_refused(state, record), record.occurred_at)
        case PostingRefused():
            return _with_consequences(state, _on_refused(state, record), record.occurred_at)
        case (
            ConfirmMatch()
            | RejectMatch()
            | SplitEntry()
            | WriteOffRest()
            | PutOnAccount()
            | UnmatchEntry()
            | PostAgain()
            | UndoWriteOff()
        ):
            return _with_consequences(state, decide_command(state, record), record.occurred_at)
        case ReassignPayment() | MatchRefund() | PutRefundOnAccount() | HandToFinance():
            return _with_consequences(state, decide_payer_command(state, record), record.occurred_at)
        case EntryMoved():
            return _with_consequences(state, _on_moved(state, record), record.occurred_at)
        case _:
            assert_never(record)


def route(state: State, event: Event) -> tuple[Output, ...]:
    """What abas is asked to post, which payment a refund was found to belong to, and what goes to another customer."""
    match event:
        case EntryMoved() if event.abas_customer_id == event.from_customer_id:
            return (Output(Topic.RECEIVABLES_INBOX, replace(event, abas_customer_id=event.to_customer_id)),)
        case PostingRequested():
            entry = state.entries.get(event.posting_reference)
            return () if entry is None else (Output(Topic.ERP_COMMANDS, _command(state, entry, event)),)
        case RestWriteOffRequested():
            return (Output(Topic.ERP_COMMANDS, _write_off_command(event)),)
        case RestWriteOffReversalRequested():
            return (Output(Topic.ERP_COMMANDS, _write_off_reversal_command(event)),)
        case RefundMatched():
            link = RefundLinked(
                paytrace_transaction_id=event.paytrace_transaction_id,
                refund_transaction_id=event.refund_transaction_id,
                amount_minor=event.amount_minor,
                currency=event.currency,
                linked_by=event.rule,
                occurred_at=event.occurred_at,
            )
            return (Output(Topic.PAYMENTS_OBSERVATIONS, link),)
        case _:
            return ()


def _with_consequences(state: State, events: tuple[Event, ...], at: datetime) -> tuple[Event, ...]:
    return events + follow(reduce(evolve, events, state), at) if events else ()


def _on_payment(state: State, payment: PaymentIdentified) -> tuple[Event, ...]:
    if payment.movement_id in state.movement_ids:
        return ()
    if payment.movement is Movement.UNKNOWN or payment.amount_minor < 0 or not _CURRENCY.match(payment.currency):
        raise Unreadable(
            f"PaymentIdentified {payment.movement_id} is no money: movement {payment.movement}, "
            f"amount_minor {payment.amount_minor}, currency {payment.currency!r}"
        )
    recorded = MovementRecorded(
        movement_id=payment.movement_id,
        paytrace_transaction_id=payment.paytrace_transaction_id,
        abas_customer_id=payment.abas_customer_id,
        movement=payment.movement,
        amount_minor=payment.amount_minor,
        currency=payment.currency,
        method=payment.method,
        invoice_number=payment.invoice_number,
        value_on=payment.value_on,
        occurred_at=payment.occurred_at,
    )
    return (recorded,)


def _on_moved(state: State, entry: EntryMoved) -> tuple[Event, ...]:
    """Take over an entry from another customer, once.

    Raises: Unreadable for one that was not meant for this customer.
    """
    if entry.abas_customer_id != entry.to_customer_id:
        raise Unreadable(f"EntryMoved {entry.posting_reference} goes to {entry.to_customer_id}, not here")
    return () if (entry.command_id, entry.posting_reference) in state.moves_taken else (entry,)


def _on_open_item(state: State, seen: OpenItemObserved) -> tuple[Event, ...]:
    if not _CURRENCY.match(seen.currency):
        raise Unreadable(f"OpenItemObserved {seen.abas_open_item_id} names no currency: {seen.currency!r}")
    recorded = OpenItemRecorded(
        abas_open_item_id=seen.abas_open_item_id,
        abas_customer_id=seen.abas_customer_id,
        invoice_number=seen.invoice_number,
        amount_minor=seen.amount_minor,
        open_minor=seen.open_minor,
        currency=seen.currency,
        due_on=seen.due_on,
        is_open=seen.is_open,
        occurred_at=seen.observed_at,
    )
    known = state.items.get(seen.abas_open_item_id)
    return (recorded,) if known is None or _is_news(known, recorded) else ()


def _is_news(known: OpenItemRecorded, seen: OpenItemRecorded) -> bool:
    content = ("abas_customer_id", "invoice_number", "amount_minor", "open_minor", "currency", "due_on", "is_open")
    differs = any(getattr(known, name) != getattr(seen, name) for name in content)
    return differs and seen.occurred_at > known.occurred_at


def _on_posted(state: State, outcome: CashReceiptPosted | CashReceiptReversed) -> tuple[Event, ...]:
    entry = _asked_for(state, outcome)
    if entry is None or entry.is_receipt is not isinstance(outcome, CashReceiptPosted):
        return ()
    return (
        EntryPosted(
            posting_reference=entry.posting_reference,
            paytrace_transaction_id=entry.transaction_id,
            abas_customer_id=outcome.abas_customer_id,
            direction=entry.direction,
            amount_minor=entry.amount_minor,
            currency=entry.currency,
            abas_document_id=outcome.abas_document_id,
            abas_document_number=outcome.abas_document_number,
            occurred_at=outcome.occurred_at,
        ),
    )


def _on_refused(state: State, outcome: PostingRefused) -> tuple[Event, ...]:
    entry = _asked_for(state, outcome)
    if entry is None or entry.status is not EntryStatus.REQUESTED:
        return ()
    refused = Waits(WaitingReason.POSTING_REFUSED, f"{outcome.code}: {outcome.message}")
    return (waiting_event(state, entry, refused, outcome.occurred_at),)


def _on_written_off(state: State, outcome: WriteOffPosted | WriteOffReversed) -> tuple[Event, ...]:
    known = state.write_offs.get(outcome.posting_reference)
    if known is None or known.status is EntryStatus.POSTED:
        return ()
    if known.reverses is not None:
        reversed_ = RestWriteOffReversed(
            posting_reference=known.posting_reference,
            paytrace_transaction_id=known.transaction_id,
            abas_customer_id=outcome.abas_customer_id,
            reverses_reference=known.reverses,
            abas_open_item_id=known.abas_open_item_id,
            amount_minor=known.amount_minor,
            currency=known.currency,
            abas_document_id=outcome.abas_document_id,
            abas_document_number=outcome.abas_document_number,
            occurred_at=outcome.occurred_at,
        )
        return (reversed_,)
    return (
        RestWrittenOff(
            posting_reference=known.posting_reference,
            paytrace_transaction_id=known.transaction_id,
            abas_customer_id=outcome.abas_customer_id,
            abas_open_item_id=known.abas_open_item_id,
            amount_minor=known.amount_minor,
            currency=known.currency,
            abas_document_id=outcome.abas_document_id,
            abas_document_number=outcome.abas_document_number,
            occurred_at=outcome.occurred_at,
        ),
    )


def _on_write_off_refused(state: State, outcome: PostingRefused) -> tuple[Event, ...]:
    known = state.write_offs[outcome.posting_reference]
    if known.status is not EntryStatus.REQUESTED:
        return ()
    detail = f"{outcome.code}: {outcome.message}"
    if known.reverses is not None:
        stands = RestWriteOffReversalRefused(
            posting_reference=known.posting_reference,
            paytrace_transaction_id=known.transaction_id,
            abas_customer_id=outcome.abas_customer_id,
            reverses_reference=known.reverses,
            abas_open_item_id=known.abas_open_item_id,
            amount_minor=known.amount_minor,
            currency=known.currency,
            detail=detail,
            occurred_at=outcome.occurred_at,
        )
        return (stands,)
    return (
        RestWriteOffRefused(
            posting_reference=known.posting_reference,
            paytrace_transaction_id=known.transaction_id,
            abas_customer_id=outcome.abas_customer_id,
            abas_open_item_id=known.abas_open_item_id,
            amount_minor=known.amount_minor,
            currency=known.currency,
            detail=detail,
            occurred_at=outcome.occurred_at,
        ),
    )


def _asked_for(state: State, outcome: CashReceiptPosted | CashReceiptReversed | PostingRefused) -> Entry | None:
    """The entry that an outcome is about, unless it is none of ours or its story is over.

    A refused entry counts, because abas may hold a document after all that our look-up did not see in time.
    """
    entry = state.entries.get(outcome.posting_reference)
    is_handed_over = entry is not None and entry.status is EntryStatus.HANDED_OVER
    if entry is None or not (entry.status is EntryStatus.REQUESTED or entry.is_refused or is_handed_over):
        return None
    if (outcome.amount_minor, outcome.currency) != (entry.amount_minor, entry.currency):
        raise Unreadable(
            f"{type(outcome).__name__} of {outcome.posting_reference} names {outcome.amount_minor} {outcome.currency}, "
            f"asked for was {entry.amount_minor} {entry.currency} (minor units); compare the document in abas"
        )
    return entry


def _command(
    state: State, entry: Entry, event: PostingRequested
) -> PostCashReceipt | PostOnAccountReceipt | PostOnAccountRefund | ReverseCashReceipt:
    """The value date is the business day on which the money moved, however late it is seen, identified or posted."""
    receipt = entry if entry.is_receipt else state.entries[entry.reverses or entry.posting_reference]
    if entry.on_account:
        return (PostOnAccountReceipt if entry.is_receipt else PostOnAccountRefund)(
            posting_reference=entry.posting_reference,
            paytrace_transaction_id=event.paytrace_transaction_id,
            abas_customer_id=event.abas_customer_id,
            amount_minor=entry.amount_minor,
            currency=entry.currency,
            method=entry.method,
            value_on=entry.value_on,
            occurred_at=event.occurred_at,
        )
    if entry.is_receipt:
        return PostCashReceipt(
            posting_reference=entry.posting_reference,
            paytrace_transaction_id=event.paytrace_transaction_id,
            abas_customer_id=event.abas_customer_id,
            abas_open_item_id=event.abas_open_item_id or "",
            invoice_number=receipt.item_invoice_number,
            amount_minor=entry.amount_minor,
            currency=entry.currency,
            method=entry.method,
            value_on=entry.value_on,
            occurred_at=event.occurred_at,
        )
    return ReverseCashReceipt(
        posting_reference=entry.posting_reference,
        paytrace_transaction_id=event.paytrace_transaction_id,
        abas_customer_id=event.abas_customer_id,
        reverses_reference=receipt.posting_reference,
        abas_open_item_id=event.abas_open_item_id or "",
        invoice_number=receipt.item_invoice_number,
        amount_minor=entry.amount_minor,
        currency=entry.currency,
        method=entry.method,
        reason=_REASONS[entry.kind],
        value_on=entry.value_on,
        occurred_at=event.occurred_at,
    )


def _write_off_command(event: RestWriteOffRequested) -> PostWriteOff:
    """The value date is the business day of the decision: no money moves."""
    return PostWriteOff(
        posting_reference=event.posting_reference,
        paytrace_transaction_id=event.paytrace_transaction_id,
        abas_customer_id=event.abas_customer_id,
        abas_open_item_id=event.abas_open_item_id,
        invoice_number=event.invoice_number,
        amount_minor=event.amount_minor,
        currency=event.currency,
        value_on=event.value_on or business_day(event.occurred_at),
        reason=event.reason,
        occurred_at=event.occurred_at,
    )


def _write_off_reversal_command(event: RestWriteOffReversalRequested) -> ReverseWriteOff:
    """The value date is the business day of the decision, as it was for the write-off."""
    return ReverseWriteOff(
        posting_reference=event.posting_reference,
        paytrace_transaction_id=event.paytrace_transaction_id,
        abas_customer_id=event.abas_customer_id,
        reverses_reference=event.reverses_reference,
        abas_open_item_id=event.abas_open_item_id,
        invoice_number=event.invoice_number,
        amount_minor=event.amount_minor,
        currency=event.currency,
        value_on=event.value_on or business_day(event.occurred_at),
        occurred_at=event.occurred_at,
    )
