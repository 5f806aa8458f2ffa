"""May a payment request from abas be carried out? Decided for the gateway context, one request at a time.

Protects money that goes out: only an open payment request of a known kind that names everything it needs becomes a
call, once in its life; what abas says of it later changes nothing. What can't be carried out says why, once for each
reason.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias, assert_never

from schemas.records.by_topic import GatewayEvents, GatewayInbox
from schemas.records.gateway import (
    GatewayCallDone,
    GatewayCallRefused,
    PaymentRequestAccepted,
    PaymentRequestClosed,
    PaymentRequestKind,
    PaymentRequestObserved,
    PaymentRequestRejected,
    PaymentRequestStatus,
    RequestGatewayCall,
)
from schemas.topic import Topic
from schemas.values.replacing import replace
from streams.domain.output import Output

# PayTrace is a US-dollar gateway.
CURRENCY: Final = "USD"
# What PayTrace takes as an invoice number; our reference goes there when a charge names none.
_LONGEST_INVOICE: Final = 50
_LONGEST_WORD: Final = 40
_NOT_WORD: Final = re.compile(r"[^A-Za-z0-9]+")

Event: TypeAlias = GatewayEvents


class Stage(StrEnum):
    """Where a payment request stands with us."""

    UNSEEN = "UNSEEN"
    ACCEPTED = "ACCEPTED"
    CLOSED = "CLOSED"


@dataclass(frozen=True, slots=True)
class State:
    """One payment request; complaint is the code of the last reason why it could not be carried out."""

    stage: Stage = Stage.UNSEEN
    complaint: str = ""


INITIAL: Final = State()


def decide(state: State, record: GatewayInbox) -> tuple[Event, ...]:
    """Return what follows from a payment request, or from what the gateway made of it.

    Ensures: at most one PaymentRequestAccepted per payment request.
    """
    match record:
        case PaymentRequestObserved():
            return _on_payment_request(state, record)
        case GatewayCallDone() | GatewayCallRefused():
            return _on_outcome(state, record)
        case _:
            assert_never(record)


def evolve(state: State, event: GatewayEvents) -> State:
    """Return the payment request after this event."""
    match event:
        case PaymentRequestAccepted():
            return State(Stage.ACCEPTED)
        case PaymentRequestRejected():
            return replace(state, complaint=event.code)
        case PaymentRequestClosed():
            return State(Stage.CLOSED)
        case _:
            assert_never(event)


def route(_state: State, event: GatewayEvents) -> tuple[Output, ...]:
    """Make an accepted payment request a command for the gateway."""
    if not isinstance(event, PaymentRequestAccepted):
        return ()
    command = RequestGatewayCall(
        payment_request_id=event.payment_request_id,
        call_reference=event.call_reference,
        subject=event.subject,
        kind=event.kind,
        paytrace_transaction_id=event.paytrace_transaction_id,
        vault_customer_id=event.vault_customer_id,
        merchant=event.merchant,
        invoice_number=event.invoice_number,
        abas_customer_id=event.abas_customer_id,
        amount_minor=event.amount_minor,
        currency=event.currency,
        occurred_at=event.occurred_at,
    )
    return (Output(Topic.GATEWAY_COMMANDS, command),)


def call_reference(payment_request_id: str) -> str:
    """Return our reference of the call that a payment request asks for; the same payment request gives the same one."""
    word = _NOT_WORD.sub("-", payment_request_id).strip("-")
    if len(word) > _LONGEST_WORD:
        word = hashlib.sha256(payment_request_id.encode()).hexdigest()[:_LONGEST_WORD]
    return f"SALDO-R-{word}"


def _on_payment_request(state: State, payment_request: PaymentRequestObserved) -> tuple[Event, ...]:
    if state.stage is not Stage.UNSEEN or payment_request.status is not PaymentRequestStatus.OPEN:
        return ()
    complaint = _complaint(payment_request)
    if complaint is not None:
        code, message = complaint
        if code == state.complaint:
            return ()
        return (
            PaymentRequestRejected(
                payment_request_id=payment_request.payment_request_id,
                abas_customer_id=payment_request.abas_customer_id,
                code=code,
                message=message,
                occurred_at=payment_request.observed_at,
            ),
        )
    charges = payment_request.kind is PaymentRequestKind.CHARGE
    return (
        PaymentRequestAccepted(
            payment_request_id=payment_request.payment_request_id,
            call_reference=call_reference(payment_request.payment_request_id),
            subject=f"vault/{payment_request.vault_customer_id}"
            if charges
            else f"payment/{payment_request.paytrace_transaction_id}",
            kind=payment_request.kind,
            paytrace_transaction_id=None if charges else payment_request.paytrace_transaction_id,
            vault_customer_id=payment_request.vault_customer_id if charges else None,
            merchant=payment_request.merchant,
            invoice_number=payment_request.invoice_number if charges else None,
            abas_customer_id=payment_request.abas_customer_id,
            amount_minor=payment_request.amount_minor,
            currency=payment_request.currency,
            occurred_at=payment_request.observed_at,
        ),
    )


def _complaint(payment_request: PaymentRequestObserved) -> tuple[str, str] | None:
    """Return why a payment request can't be carried out: a word for programs, and what would be right."""
    if payment_request.kind is PaymentRequestKind.UNKNOWN:
        return (
            "unknown-kind",
            f"{payment_request.raw_kind!r} is no kind of payment request; refund, void, capture and charge are",
        )
    if payment_request.currency != CURRENCY:
        return "currency", f"PayTrace moves {CURRENCY} only, this payment request asks for {payment_request.currency}"
    if payment_request.kind is not PaymentRequestKind.VOID and payment_request.amount_minor == 0:
        return "no-amount", "a refund, capture or charge needs an amount above zero"
    if (
        payment_request.kind is PaymentRequestKind.CHARGE
        and len(payment_request.invoice_number or "") > _LONGEST_INVOICE
    ):
        return "invoice-too-long", f"PayTrace takes invoice numbers of {_LONGEST_INVOICE} characters at most"
    if payment_request.kind is PaymentRequestKind.CHARGE:
        return (
            None
            if payment_request.vault_customer_id
            else ("no-vault-customer", "a charge names the vault customer to charge")
        )
    if not payment_request.paytrace_transaction_id:
        return "no-payment", "a refund, void or capture names the PayTrace transaction that it is about"
    if not payment_request.paytrace_transaction_id.isdecimal():
        return "bank-debit", "PayTrace documents no call that pays a bank debit back; do it in the Virtual Terminal"
    return None


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
