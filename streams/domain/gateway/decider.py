"""May a payment request from abas be carried out? Decided for the gateway context, one request at a time.

Protects money that goes out: only an open payment request of a known kind that names everything it needs becomes a
call, once in its life; what abas says of it later changes nothing. Where it stands is written back onto the request,
whatever becomes of it (written_back.py).
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import datetime, timedelta
from typing import Final, TypeAlias, assert_never

from schemas.operator_commands import same_person
from schemas.records.approvals import AskForApproval
from schemas.records.by_topic import GatewayEvents, GatewayInbox
from schemas.records.gateway import (
    CountPaymentRequest,
    GatewayCallBegun,
    GatewayCallDone,
    GatewayCallParked,
    GatewayCallRefused,
    PaymentRequestAccepted,
    PaymentRequestClosed,
    PaymentRequestCounted,
    PaymentRequestHeld,
    PaymentRequestKind,
    PaymentRequestNotReleased,
    PaymentRequestObserved,
    PaymentRequestPosted,
    PaymentRequestProgress,
    PaymentRequestProgressed,
    PaymentRequestRejected,
    PaymentRequestStatus,
    ReleasePaymentRequest,
    RequestGatewayCall,
)
from schemas.records.orders import OrderRequestAnswered
from schemas.records.receivables import PaymentAllocated, PaymentRequestDone
from schemas.topic import Topic
from schemas.values.money import Money
from schemas.values.references import order_of_request
from schemas.values.replacing import replace
from schemas.wire.codec import to_json
from streams.domain.gateway.policy import Policy
from streams.domain.gateway.state import INITIAL, Stage, State
from streams.domain.gateway.written_back import write_back
from streams.domain.output import Output

__all__ = ["INITIAL", "Event", "State", "decide", "evolve", "route"]

# PayTrace is a US-dollar gateway.
CURRENCY: Final = "USD"
# What a payer reads beside a charge; PayTrace documents 255 characters for one of its calls and none for the others.
_LONGEST_DESCRIPTION: Final = 200
_LONGEST_WORD: Final = 40
CANCELLED: Final = "cancelled"
# How somebody at abas is authenticated: by abas, which Saldo takes at its word; so he approves nothing here.
BY_ABAS: Final = "abas"
APPROVED_WITHIN: Final = timedelta(days=3)  # so that a weekend fits in
_NOT_WORD: Final = re.compile(r"[^A-Za-z0-9]+")
_TAKE_BACK: Final = frozenset({PaymentRequestKind.REFUND, PaymentRequestKind.VOID})

Event: TypeAlias = GatewayEvents


def decide(state: State, record: GatewayInbox, policy: Policy) -> tuple[Event, ...]:
    """Return what follows from a payment request, or from what the gateway, abas or a second person made of it.

    Ensures: at most one PaymentRequestAccepted per payment request.
    """
    match record:
        case PaymentRequestObserved() if state.held is not None and record.status is PaymentRequestStatus.CANCELLED:
            return (_not_released(state.held, CANCELLED, "cancelled at abas", record.observed_at),)
        case PaymentRequestObserved():
            return _on_payment_request(state, record, policy)
        case ReleasePaymentRequest():
            return _on_release(state, record)
        case CountPaymentRequest():
            return _on_count(state, record)
        case PaymentRequestCounted():
            return _on_counted(state, record)
        case PaymentRequestNotReleased():
            held = state.held
            return () if held is None else (_not_released(held, "not-approved", record.message, record.occurred_at),)
        case GatewayCallBegun():
            return _progressed(state, record, PaymentRequestProgress.SENT, "")
        case GatewayCallParked():
            status = PaymentRequestProgress.IN_DOUBT if record.was_begun else PaymentRequestProgress.WAITING
            return _progressed(state, record, status, record.message)
        case GatewayCallDone() | GatewayCallRefused():
            return _on_outcome(state, record)
        case PaymentRequestPosted():
            return () if record.abas_document_number in state.documents else (record,)
        case _:
            assert_never(record)


def evolve(state: State, event: GatewayEvents) -> State:
    """Return the payment request after this event."""
    match event:
        case PaymentRequestAccepted():
            return State(
                stage=Stage.ACCEPTED,
                status=PaymentRequestProgress.ACCEPTED,
                kind=event.kind,
                paytrace_transaction_id=event.paytrace_transaction_id or "",
                decided_at=event.occurred_at,
            )
        case PaymentRequestHeld():
            waits = replace(state, stage=Stage.HELD, status=PaymentRequestProgress.WAITING, held=event)
            return replace(waits, reason=event.message, decided_at=event.occurred_at)
        case PaymentRequestRejected():
            reason = f"{event.code}: {event.message}"
            refused = replace(state, stage=Stage.UNSEEN, status=PaymentRequestProgress.REFUSED, held=None)
            return replace(refused, reason=reason, decided_at=event.occurred_at)
        case PaymentRequestCounted():
            counted = {event.payment_request_id: event.amount_minor} if event.is_within else {}
            return replace(state, counted={**state.counted, **counted})
        case PaymentRequestProgressed():
            return replace(state, status=event.status, reason=event.message)
        case PaymentRequestClosed() if event.is_done:
            result = event.result_transaction_id or state.paytrace_transaction_id
            done = replace(state, stage=Stage.CLOSED, status=PaymentRequestProgress.DONE, reason="")
            return replace(done, result_transaction_id=result)
        case PaymentRequestClosed():
            reason = f"{event.code}: {event.message}"
            is_cancelled = event.code == CANCELLED
            status = PaymentRequestProgress.CANCELLED if is_cancelled else PaymentRequestProgress.REFUSED
            return replace(state, stage=Stage.CLOSED, status=status, reason=reason, held=None)
        case PaymentRequestPosted():
            return replace(state, documents=(*state.documents, event.abas_document_number))
        case _:
            assert_never(event)


def route(state: State, event: GatewayEvents) -> tuple[Output, ...]:
    """Write each change back to abas, send an accepted request to the gateway, and follow what was done to abas.

    What a charge is to pay is known to the customer's account before the charge is made.
    """
    if isinstance(event, PaymentRequestCounted):
        return (Output(Topic.GATEWAY_INBOX, event),)
    written = _written(state, event)
    match event:
        case PaymentRequestAccepted():
            call = Output(Topic.GATEWAY_COMMANDS, _call(event))
            return (*_allocation(event), call, written)
        case PaymentRequestHeld() if event.budget:
            return (Output(Topic.GATEWAY_INBOX, _count(event)), written)
        case PaymentRequestHeld():
            return (Output(Topic.APPROVALS_INBOX, _proposal(event)), written)
        case PaymentRequestClosed() if event.is_done and state.result_transaction_id:
            done = PaymentRequestDone(
                abas_customer_id=event.abas_customer_id,
                payment_request_id=event.payment_request_id,
                paytrace_transaction_id=state.result_transaction_id,
                takes_back=state.kind in _TAKE_BACK,
                occurred_at=event.occurred_at,
            )
            return (Output(Topic.RECEIVABLES_INBOX, done), written)
        case _:
            return (written,)


def _written(state: State, event: GatewayEvents) -> Output:
    """Report where a request stands to whoever made it: on the request in abas, or to the order of a shop."""
    order = order_of_request(event.payment_request_id)
    if order is None:
        return Output(Topic.ERP_COMMANDS, write_back(event.payment_request_id, state, event.occurred_at))
    answered = OrderRequestAnswered(
        shop_order=order,
        payment_request_id=event.payment_request_id,
        status=state.status,
        result_transaction_id=state.result_transaction_id or None,
        message=state.reason,
        occurred_at=event.occurred_at,
    )
    return Output(Topic.ORDERS_INBOX, answered)


def call_reference(payment_request_id: str) -> str:
    """Return our reference of the call that a payment request asks for; the same payment request gives the same one."""
    word = _NOT_WORD.sub("-", payment_request_id).strip("-")
    if len(word) > _LONGEST_WORD:
        word = hashlib.sha256(payment_request_id.encode()).hexdigest()[:_LONGEST_WORD]
    return f"SALDO-R-{word}"


def _call(accepted: PaymentRequestAccepted) -> RequestGatewayCall:
    return RequestGatewayCall(
        payment_request_id=accepted.payment_request_id,
        call_reference=accepted.call_reference,
        subject=accepted.subject,
        kind=accepted.kind,
        paytrace_transaction_id=accepted.paytrace_transaction_id,
        vault_customer_id=accepted.vault_customer_id,
        merchant=accepted.merchant,
        # A charge comes back under our reference, by which its money finds the invoices that it pays.
        invoice_number=None,
        description=", ".join(accepted.invoice_numbers)[:_LONGEST_DESCRIPTION],
        abas_customer_id=accepted.abas_customer_id,
        amount_minor=accepted.amount_minor,
        currency=accepted.currency,
        occurred_at=accepted.occurred_at,
    )


def _allocation(accepted: PaymentRequestAccepted) -> tuple[Output, ...]:
    if not accepted.invoice_numbers:
        return ()
    allocated = PaymentAllocated(
        abas_customer_id=accepted.abas_customer_id,
        payment_request_id=accepted.payment_request_id,
        call_reference=accepted.call_reference,
        invoice_numbers=accepted.invoice_numbers,
        part_amounts=accepted.part_amounts,
        currency=accepted.currency,
        occurred_at=accepted.occurred_at,
    )
    return (Output(Topic.RECEIVABLES_INBOX, allocated),)


def _proposal(held: PaymentRequestHeld) -> AskForApproval:
    """Return what a second person is asked to approve: the request as it was read."""
    release = ReleasePaymentRequest(
        command_id=held.call_reference,
        payment_request_id=held.payment_request_id,
        amount_minor=held.amount_minor,
        currency=held.currency,
        decided_by=held.requester,
        authenticated_by=BY_ABAS,
        approved_by=None,
        reason=f"asked for in abas: {held.reason}",
        occurred_at=held.occurred_at,
    )
    amount = Money(held.amount_minor, held.currency)
    about = held.paytrace_transaction_id or f"vault customer {held.vault_customer_id}"
    return AskForApproval(
        proposal_id=held.call_reference,
        target_inbox=Topic.GATEWAY_INBOX,
        command_type=ReleasePaymentRequest.__name__,
        command=json.dumps(to_json(release), ensure_ascii=False),
        summary=f"{held.kind.lower()} {amount} of {about}, customer {held.abas_customer_id}",
        amount_minor=held.amount_minor,
        currency=held.currency,
        decided_by=held.requester,
        authenticated_by=BY_ABAS,
        reason=release.reason,
        expires_at=held.occurred_at + APPROVED_WITHIN,
        occurred_at=held.occurred_at,
    )


def _on_release(state: State, release: ReleasePaymentRequest) -> tuple[Event, ...]:
    """Accept a held request that a second person approved; whoever asked for it can't."""
    held = state.held
    if held is None or held.budget:
        return ()
    by = release.approved_by or release.decided_by
    if same_person(by, held.requester):
        of = replace(held, occurred_at=release.occurred_at)
        return (_progress(of, PaymentRequestProgress.WAITING, f"{by} asked for it; another person approves it"),)
    return (_accepted(held, release.occurred_at),)


def _accepted(held: PaymentRequestHeld, at: datetime) -> PaymentRequestAccepted:
    fields = {name: getattr(held, name) for name in PaymentRequestAccepted.__dataclass_fields__}
    return PaymentRequestAccepted(**{**fields, "occurred_at": at})


def _not_released(held: PaymentRequestHeld, code: str, message: str, at: datetime) -> PaymentRequestClosed:
    return PaymentRequestClosed(
        payment_request_id=held.payment_request_id,
        call_reference=held.call_reference,
        abas_customer_id=held.abas_customer_id,
        is_done=False,
        code=code,
        message=message,
        result_transaction_id=None,
        occurred_at=at,
    )


def _on_payment_request(state: State, request: PaymentRequestObserved, policy: Policy) -> tuple[Event, ...]:
    is_repeat = request.observed_at == state.decided_at
    if request.status is not PaymentRequestStatus.OPEN or is_repeat:
        return ()
    if state.stage is not Stage.UNSEEN:
        # Somebody opened it again, or changed it before he could see what became of it: it shows again where it stands.
        reason = state.reason or "it is decided already; what is wanted besides is a new request"
        return (_progress(request, state.status, reason),)
    complaint = _complaint(request)
    if complaint is None and (not_allowed := policy.refused(request)):
        complaint = "not-allowed", not_allowed
    if complaint is not None:
        code, message = complaint
        return (
            PaymentRequestRejected(
                payment_request_id=request.payment_request_id,
                abas_customer_id=request.abas_customer_id,
                code=code,
                message=message,
                occurred_at=request.observed_at,
            ),
        )
    charges = request.kind is PaymentRequestKind.CHARGE
    parts = allocation(request) if charges else ()
    accepted = PaymentRequestAccepted(
        payment_request_id=request.payment_request_id,
        call_reference=call_reference(request.payment_request_id),
        subject=f"vault/{request.vault_customer_id}" if charges else f"payment/{request.paytrace_transaction_id}",
        kind=request.kind,
        paytrace_transaction_id=None if charges else request.paytrace_transaction_id,
        vault_customer_id=request.vault_customer_id if charges else None,
        merchant=request.merchant,
        invoice_numbers=tuple(number for number, _ in parts),
        part_amounts=tuple(minor for _, minor in parts),
        abas_customer_id=request.abas_customer_id,
        amount_minor=request.amount_minor,
        currency=request.currency,
        occurred_at=request.observed_at,
    )
    why, (budget, most_minor) = policy.needs_approval(request), policy.budget(request) or ("", 0)
    if not why and not budget:
        return (accepted,)
    fields = {name: getattr(accepted, name) for name in PaymentRequestAccepted.__dataclass_fields__}
    remedy = f"another person approves it: saldo approvals approve {accepted.call_reference}"
    held = PaymentRequestHeld(
        **fields,
        requester=policy.asked_by(request),
        message=f"{why}; {remedy}" if why else "",
        reason=request.reason,
        budget=budget,
        most_per_day_minor=most_minor,
        needs_approval=bool(why),
    )
    return (held,)


def _count(held: PaymentRequestHeld) -> CountPaymentRequest:
    return CountPaymentRequest(
        budget=held.budget,
        payment_request_id=held.payment_request_id,
        amount_minor=held.amount_minor,
        currency=held.currency,
        most_per_day_minor=held.most_per_day_minor,
        occurred_at=held.occurred_at,
    )


def _on_count(state: State, asked: CountPaymentRequest) -> tuple[Event, ...]:
    """Count a request with those of its budget, once; it counts where all of them stay within the limit."""
    if asked.payment_request_id in state.counted:
        return ()
    fields = {name: getattr(asked, name) for name in CountPaymentRequest.__dataclass_fields__}
    counted = sum(state.counted.values())
    is_within = counted + asked.amount_minor <= asked.most_per_day_minor
    return (PaymentRequestCounted(**fields, counted_minor=counted, is_within=is_within),)


def _on_counted(state: State, counted: PaymentRequestCounted) -> tuple[Event, ...]:
    """Go on with a request that is within the limit of the day; refuse one that is above it."""
    held = state.held
    if held is None or held.budget != counted.budget:
        return ()
    if not counted.is_within:
        most, known = (Money(minor, held.currency) for minor in (counted.most_per_day_minor, counted.counted_minor))
        message = f"{Money(held.amount_minor, held.currency)} is above what may be asked for in a day, {most}"
        return (
            PaymentRequestRejected(
                payment_request_id=held.payment_request_id,
                abas_customer_id=held.abas_customer_id,
                code="not-allowed",
                message=f"{message}: {known} was asked for already (rules payment-requests)",
                occurred_at=held.occurred_at,
            ),
        )
    if held.needs_approval:
        return (replace(held, budget=""),)
    return (_accepted(held, held.occurred_at),)


def allocation(request: PaymentRequestObserved) -> tuple[tuple[str, int], ...]:
    """Return the invoices that a charge names, and what each gets in minor units; its rows go before its head."""
    if request.allocated_invoices:
        return tuple(zip(request.allocated_invoices, request.allocated_amounts, strict=True))
    return ((request.invoice_number, request.amount_minor),) if request.invoice_number else ()


def _complaint(request: PaymentRequestObserved) -> tuple[str, str] | None:
    """Return why a payment request can't be carried out: a word for programs, and what would be right."""
    if request.kind is PaymentRequestKind.UNKNOWN:
        return (
            "unknown-kind",
            f"{request.raw_kind!r} is no kind of payment request; refund, void, capture and charge are",
        )
    if request.currency != CURRENCY:
        return "currency", f"PayTrace moves {CURRENCY} only, this payment request asks for {request.currency}"
    if request.kind is not PaymentRequestKind.VOID and request.amount_minor == 0:
        return "no-amount", "a refund, capture or charge needs an amount above zero"
    if request.kind is PaymentRequestKind.CHARGE:
        return _complaint_of_charge(request)
    if not request.paytrace_transaction_id:
        return "no-payment", "a refund, void or capture names the PayTrace transaction that it is about"
    if not request.paytrace_transaction_id.isdecimal():
        return "bank-debit", "PayTrace documents no call that pays a bank debit back; do it in the Virtual Terminal"
    return None


def _complaint_of_charge(request: PaymentRequestObserved) -> tuple[str, str] | None:
    if not request.vault_customer_id:
        return "no-vault-customer", "a charge names the vault customer to charge"
    parts = allocation(request)
    numbers = [number for number, _ in parts]
    if not all(numbers):
        return "no-invoice", "a row of the charge names no invoice; name it, or remove the row"
    if twice := sorted({number for number in numbers if numbers.count(number) > 1}):
        return "invoice-twice", f"the charge names {', '.join(twice)} in two rows; write one row with the sum"
    if nothing := [number for number, minor in parts if minor <= 0]:
        return "no-amount", f"the charge gives {', '.join(nothing)} no amount above zero; write it, or remove the row"
    total = sum(minor for _, minor in parts)
    if parts and total != request.amount_minor:
        named, asked = Money(total, request.currency), Money(request.amount_minor, request.currency)
        return "allocation", f"its invoices get {named} and the charge is {asked}; the two must be the same"
    return None


# -- what became of it -------------------------------------------------------------------------------------------------


def _progressed(
    state: State, of: GatewayCallBegun | GatewayCallParked, status: PaymentRequestProgress, message: str
) -> tuple[Event, ...]:
    if state.stage is not Stage.ACCEPTED or (state.status, state.reason) == (status, message):
        return ()
    return (_progress(of, status, message),)


def _progress(
    of: PaymentRequestObserved | PaymentRequestHeld | GatewayCallBegun | GatewayCallParked,
    status: PaymentRequestProgress,
    message: str,
) -> PaymentRequestProgressed:
    return PaymentRequestProgressed(
        payment_request_id=of.payment_request_id,
        abas_customer_id=of.abas_customer_id,
        status=status,
        message=message,
        occurred_at=of.observed_at if isinstance(of, PaymentRequestObserved) else of.occurred_at,
    )


def _on_outcome(state: State, outcome: GatewayCallDone | GatewayCallRefused) -> tuple[Event, ...]:
    if state.stage is not Stage.ACCEPTED:
        return ()
    is_done = isinstance(outcome, GatewayCallDone)
    return (
        PaymentRequestClosed(
            payment_request_id=outcome.payment_request_id,
            call_reference=outcome.call_reference,
            abas_customer_id=outcome.abas_customer_id,
            is_done=is_done,
            code=outcome.code,
            message=outcome.message,
            result_transaction_id=outcome.result_transaction_id if isinstance(outcome, GatewayCallDone) else None,
            occurred_at=outcome.occurred_at,
        ),
    )
