"""Which open item does the money clear? Decided for the receivables context, one abas customer at a time.

Identified movements become entries (changes.py), what follows from them is in posting.py, and what abas made of our
commands comes back as outcomes. What protects the money: every movement is in exactly one entry or family of entries,
an entry is requested once under a posting reference of its own, and whatever cannot be posted waits with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from functools import reduce
from typing import assert_never

from schemas.documents import kinds
from schemas.failures import Unreadable
from schemas.records.by_topic import ReceivablesInbox
from schemas.records.erp import DocumentPosted, DocumentRefused, PostDocument, SubjectKind
from schemas.records.gateway import PaymentRequestPosted
from schemas.records.identification import Movement, PaymentIdentified, WaitingReason
from schemas.records.orders import OrderMoneyNamed
from schemas.records.payments import RefundLinked
from schemas.records.receivables import (
    DecideAgain,
    EntryMoved,
    EntryPosted,
    MovementRecorded,
    OpenItemObserved,
    OpenItemRecorded,
    PaymentAllocated,
    PaymentRequestDone,
    PaymentStatusChanged,
    PostingRequested,
    RefundMatched,
)
from schemas.topic import Topic
from schemas.values.refusal_codes import is_period_closed
from schemas.values.replacing import replace
from streams.domain.output import Output
from streams.domain.periods import PARKED_REMEDY, redated_to
from streams.domain.receivables import orders
from streams.domain.receivables.account import Entry, EntryStatus, State
from streams.domain.receivables.changes import Event, evolve
from streams.domain.receivables.decisions import Command, decide_command
from streams.domain.receivables.matching import Waits
from streams.domain.receivables.policy import Policy
from streams.domain.receivables.posting import follow
from streams.domain.receivables.reasons import waiting_event
from streams.domain.receivables.requests import Requests, about
from streams.domain.receivables.statuses import save_status

_CURRENCY = re.compile(r"^[A-Z]{3}$")


def decide(state: State, record: ReceivablesInbox, policy: Policy) -> tuple[Event, ...]:
    """Decide what this record changes for the customer, and everything that follows from it.

    Ensures: a record that was here, an older view of an open item and an outcome of something that we never asked for
             yield ().
    Raises:  Unreadable for a movement that is not money, and for an outcome that names another amount than was asked
             for.
    """
    events: tuple[Event, ...]
    match record:
        case PaymentIdentified():
            events = _on_payment(state, record)
        case OpenItemObserved():
            events = _on_open_item(state, record)
        case DocumentPosted():
            events = _on_posted(state, record)
        case DocumentRefused():
            events = _on_refused(state, record, policy)
        case EntryMoved():
            events = _on_moved(state, record)
        case PaymentAllocated():
            events = () if record.call_reference in state.allocations else (record,)
        case PaymentRequestDone():
            known = state.request_of(record.paytrace_transaction_id, takes_back=record.takes_back)
            return (record,) if known is None else ()
        case OrderMoneyNamed():
            events = orders.named(state, record)
        case DecideAgain():
            return follow(state, policy, record.occurred_at)
        case _ if isinstance(record, Command):
            events = decide_command(state, record, policy)
        case _:
            assert_never(record)
    if not events:
        return ()
    at = record.observed_at if isinstance(record, OpenItemObserved) else record.occurred_at
    return events + follow(reduce(evolve, events, state), policy, at)


def reminder(state: State, at: datetime) -> DecideAgain | None:
    """Return what has a customer decided again who waits for an account of the mapping."""
    waits = any(entry.reason is WaitingReason.ACCOUNT_UNMAPPED for entry in state.waiting)
    return DecideAgain(abas_customer_id=state.abas_customer_id, occurred_at=at) if waits else None


def route(state: State, event: Event) -> tuple[Output, ...]:
    """Send documents and statuses to abas, a refund's payment to its payments, moved entries to the other customer."""
    match event:
        case EntryMoved() if event.abas_customer_id == event.from_customer_id:
            return (Output(Topic.RECEIVABLES_INBOX, replace(event, abas_customer_id=event.to_customer_id)),)
        case PostingRequested():
            entry = state.entries.get(event.posting_reference)
            return () if entry is None else (Output(Topic.ERP_COMMANDS, _document(state, entry, event)),)
        case PaymentRequestDone():
            return _posted_for(event, tuple(state.entries.values()))
        case PaymentStatusChanged():
            return (Output(Topic.ERP_COMMANDS, save_status(event)),)
        case EntryPosted():
            reported = orders.reported(state, event)
            of_order = () if reported is None else (Output(Topic.ORDERS_INBOX, reported),)
            return (*of_order, *_posted_for_request(state, event))
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


def _posted_for_request(state: State, event: EntryPosted) -> tuple[Output, ...]:
    entry = state.entries.get(event.posting_reference)
    request = entry and state.request_of(entry.transaction_id, takes_back=not entry.is_receipt)
    return _posted_for(request, (entry,)) if entry and request else ()


def _posted_for(request: PaymentRequestDone, entries: Sequence[Entry]) -> tuple[Output, ...]:
    """Report what abas holds for a payment request to whoever follows the request."""
    return tuple(
        Output(
            Topic.GATEWAY_INBOX,
            PaymentRequestPosted(
                payment_request_id=request.payment_request_id,
                abas_customer_id=request.abas_customer_id,
                document_kind=entry.document_kind,
                abas_document_number=entry.document_number,
                occurred_at=max(entry.posted_at or request.occurred_at, request.occurred_at),
            ),
        )
        for entry in entries
        if entry.is_posted
        and entry.moves_money
        and entry.transaction_id == request.paytrace_transaction_id
        and entry.is_receipt is not request.takes_back
    )


def _document(state: State, entry: Entry, event: PostingRequested) -> PostDocument:
    """Return the document of an entry: the customer's line, and that of the other side.

    Its value date is the business day on which the money moved, however late it is seen, identified or posted; of what
    moves none, the day of the decision.
    """
    credit = state.items.get(event.abas_credit_item_id or "")
    values = {
        "paytrace_transaction_id": event.paytrace_transaction_id or None,  # a credit memo comes of no transaction
        "value_on": entry.value_on.isoformat(),
        "invoice_number": event.invoice_number,
        "method": entry.method.value if entry.moves_money else None,
        "reason": entry.reversal_reason,
        "dispute": event.dispute_id if "dispute" in kinds()[event.document_kind].values else None,
        "credit_number": None if credit is None else credit.invoice_number,
    }
    return PostDocument(
        kind=event.document_kind,
        posting_reference=event.posting_reference,
        reverses_reference=event.reverses_reference,
        subject_kind=SubjectKind.CUSTOMER,
        subject=event.abas_customer_id,
        settlement_account=entry.settlement_account,
        values={role: value for role, value in values.items() if value is not None},
        text=event.text,
        lines=event.lines,
        posted_on=event.posted_on,
        mapping_version=event.mapping_version,
        category_names=event.category_names,
        category_amounts=event.category_amounts,
        occurred_at=event.occurred_at,
    )


# -- facts -------------------------------------------------------------------------------------------------------------


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
        base_minor=payment.base_minor,
        base_currency=payment.base_currency,
        method=payment.method,
        invoice_number=payment.invoice_number,
        settlement_account=payment.settlement_account,
        card_token=payment.card_token,
        value_on=payment.value_on,
        dispute_id=payment.dispute_id,
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
        booked_base_minor=seen.booked_base_minor,
        booked_base_currency=seen.booked_base_currency,
        due_on=seen.due_on,
        is_open=seen.is_open,
        invoiced_on=seen.invoiced_on,
        terms_bps=seen.terms_bps,
        terms_days=seen.terms_days,
        tax_codes=seen.tax_codes,
        taxed_amounts=seen.taxed_amounts,
        tax_amounts=seen.tax_amounts,
        category_names=seen.category_names,
        category_net_amounts=seen.category_net_amounts,
        category_tax_amounts=seen.category_tax_amounts,
        credits_invoice=seen.credits_invoice,
        order_number=seen.order_number,
        occurred_at=seen.observed_at,
    )
    known = state.items.get(seen.abas_open_item_id)
    is_older = known is not None and recorded.occurred_at <= known.occurred_at
    is_same = known is not None and replace(known, occurred_at=recorded.occurred_at) == recorded
    return () if is_older or is_same else (recorded,)


# -- outcomes ----------------------------------------------------------------------------------------------------------


def _on_posted(state: State, outcome: DocumentPosted) -> tuple[Event, ...]:
    entry = _asked_for(state, outcome)
    if entry is None or entry.side is not outcome.lines[0].side:
        return ()
    return (
        EntryPosted(
            **about(entry, outcome.subject, outcome.occurred_at),
            direction=entry.direction,
            abas_document_id=outcome.document_id,
            abas_document_number=outcome.document_number,
        ),
    )


def _on_refused(state: State, outcome: DocumentRefused, policy: Policy) -> tuple[Event, ...]:
    entry = _asked_for(state, outcome)
    if entry is None or entry.status is not EntryStatus.REQUESTED:
        return ()
    detail = f"{outcome.code}: {outcome.message}"
    if is_period_closed(outcome.code):
        # A text for people is not kept, so what says why, a write-off, is left to a person.
        choice = "park" if entry.is_write_off else policy.choices.for_closed_period(entry.document_kind)
        day = redated_to(choice, entry.posted_on or entry.value_on, outcome.occurred_at)
        if day is not None:
            return (Requests(state, policy, outcome.occurred_at).redated(entry, day),)
        detail += f"; {PARKED_REMEDY}"
    refused = Waits(WaitingReason.POSTING_REFUSED, detail)
    return (waiting_event(state, entry, refused, outcome.occurred_at),)


def _asked_for(state: State, outcome: DocumentPosted | DocumentRefused) -> Entry | None:
    """Return the entry that an outcome is about, unless it is none of ours or its story is over.

    A refused entry counts, because abas may hold a document after all that our look-up did not see in time.
    """
    entry = state.entries.get(outcome.posting_reference)
    if entry is None:
        return None
    if entry.status not in (EntryStatus.REQUESTED, EntryStatus.HANDED_OVER) and not entry.is_refused:
        return None
    own = next(iter(outcome.lines), None)  # the customer's own line has all of it
    asked = next(iter(entry.lines), None)
    if own is None or asked is None or (own.amount_minor, own.currency) != (asked.amount_minor, asked.currency):
        named = "no amount" if own is None else f"{own.amount_minor} {own.currency}"
        raise Unreadable(
            f"{type(outcome).__name__} of {outcome.posting_reference} names {named}, "
            f"asked for was {entry.amount_minor} {entry.currency} (minor units); compare the document in abas"
        )
    return entry
