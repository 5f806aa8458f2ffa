"""May a wish of somebody at abas be carried out? Decided for the gateway context, one wish at a time.

Protects money that goes out: only an open wish of a known kind that names everything it needs becomes a call, once in
its life; what abas says of it later changes nothing. What can't be carried out says why, once for each reason.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, TypeAlias, assert_never

from schemas.records.by_topic import GatewayEvents, GatewayInbox
from schemas.records.gateway import (
    GatewayCallDone,
    GatewayCallRefused,
    PaymentWishAccepted,
    PaymentWishClosed,
    PaymentWishObserved,
    PaymentWishTurnedDown,
    RequestGatewayCall,
    WishKind,
    WishStatus,
)
from schemas.topic import Topic
from streams.domain.output import Output

# PayTrace is a US-dollar gateway.
CURRENCY: Final = "USD"
# What PayTrace takes as an invoice number; our reference goes there when a charge names none.
_LONGEST_INVOICE: Final = 50
_LONGEST_WORD: Final = 40
_NOT_WORD: Final = re.compile(r"[^A-Za-z0-9]+")

Event: TypeAlias = GatewayEvents


class Stage(StrEnum):
    """Where a wish stands with us."""

    UNSEEN = "UNSEEN"
    ACCEPTED = "ACCEPTED"
    CLOSED = "CLOSED"


@dataclass(frozen=True, slots=True)
class State:
    """One wish; complaint is the code of the last reason why it could not be carried out."""

    stage: Stage = Stage.UNSEEN
    complaint: str = ""


INITIAL: Final = State()


def decide(state: State, record: GatewayInbox) -> tuple[Event, ...]:
    """What follows from a wish, or from what the gateway made of it.

    Ensures: at most one PaymentWishAccepted per wish.
    """
    match record:
        case PaymentWishObserved():
            return _on_wish(state, record)
        case GatewayCallDone() | GatewayCallRefused():
            return _on_outcome(state, record)
        case _:
            assert_never(record)


def evolve(state: State, event: GatewayEvents) -> State:
    """The wish after this event."""
    match event:
        case PaymentWishAccepted():
            return State(Stage.ACCEPTED)
        case PaymentWishTurnedDown():
            return replace(state, complaint=event.code)
        case PaymentWishClosed():
            return State(Stage.CLOSED)
        case _:
            assert_never(event)


def route(_state: State, event: GatewayEvents) -> tuple[Output, ...]:
    """An accepted wish becomes a command for the gateway."""
    if not isinstance(event, PaymentWishAccepted):
        return ()
    command = RequestGatewayCall(
        wish_id=event.wish_id,
        call_reference=event.call_reference,
        subject=event.subject,
        kind=event.kind,
        paytrace_transaction_id=event.paytrace_transaction_id,
        vault_customer_id=event.vault_customer_id,
        invoice_number=event.invoice_number,
        abas_customer_id=event.abas_customer_id,
        amount_minor=event.amount_minor,
        currency=event.currency,
        occurred_at=event.occurred_at,
    )
    return (Output(Topic.GATEWAY_COMMANDS, command),)


def call_reference(wish_id: str) -> str:
    """Our reference of the call that a wish asks for; the same wish gives the same one."""
    word = _NOT_WORD.sub("-", wish_id).strip("-")
    if len(word) > _LONGEST_WORD:
        word = hashlib.sha256(wish_id.encode()).hexdigest()[:_LONGEST_WORD]
    return f"SALDO-W-{word}"


def _on_wish(state: State, wish: PaymentWishObserved) -> tuple[Event, ...]:
    if state.stage is not Stage.UNSEEN or wish.status is not WishStatus.OPEN:
        return ()
    complaint = _complaint(wish)
    if complaint is not None:
        code, message = complaint
        if code == state.complaint:
            return ()
        return (
            PaymentWishTurnedDown(
                wish_id=wish.wish_id,
                abas_customer_id=wish.abas_customer_id,
                code=code,
                message=message,
                occurred_at=wish.observed_at,
            ),
        )
    charges = wish.kind is WishKind.CHARGE
    return (
        PaymentWishAccepted(
            wish_id=wish.wish_id,
            call_reference=call_reference(wish.wish_id),
            subject=f"vault/{wish.vault_customer_id}" if charges else f"payment/{wish.paytrace_transaction_id}",
            kind=wish.kind,
            paytrace_transaction_id=None if charges else wish.paytrace_transaction_id,
            vault_customer_id=wish.vault_customer_id if charges else None,
            invoice_number=wish.invoice_number if charges else None,
            abas_customer_id=wish.abas_customer_id,
            amount_minor=wish.amount_minor,
            currency=wish.currency,
            occurred_at=wish.observed_at,
        ),
    )


def _complaint(wish: PaymentWishObserved) -> tuple[str, str] | None:
    """Why a wish can't be carried out: a word for programs, and what would be right."""
    if wish.kind is WishKind.UNKNOWN:
        return "unknown-kind", f"{wish.raw_kind!r} is no kind of wish; refund, void, capture and charge are"
    if wish.currency != CURRENCY:
        return "currency", f"PayTrace moves {CURRENCY} only, this wish asks for {wish.currency}"
    if wish.kind is not WishKind.VOID and wish.amount_minor == 0:
        return "no-amount", "a refund, capture or charge needs an amount above zero"
    if wish.kind is WishKind.CHARGE and len(wish.invoice_number or "") > _LONGEST_INVOICE:
        return "invoice-too-long", f"PayTrace takes invoice numbers of {_LONGEST_INVOICE} characters at most"
    if wish.kind is WishKind.CHARGE:
        return None if wish.vault_customer_id else ("no-vault-customer", "a charge names the vault customer to charge")
    if not wish.paytrace_transaction_id:
        return "no-payment", "a refund, void or capture names the PayTrace transaction that it is about"
    if not wish.paytrace_transaction_id.isdecimal():
        return "bank-debit", "PayTrace documents no call that pays a bank debit back; do it in the Virtual Terminal"
    return None


def _on_outcome(state: State, outcome: GatewayCallDone | GatewayCallRefused) -> tuple[Event, ...]:
    if state.stage is not Stage.ACCEPTED:
        return ()
    is_done = isinstance(outcome, GatewayCallDone)
    return (
        PaymentWishClosed(
            wish_id=outcome.wish_id,
            call_reference=outcome.call_reference,
            abas_customer_id=outcome.abas_customer_id,
            is_done=is_done,
            code=outcome.code,
            message=outcome.message,
            result_transaction_id=outcome.result_transaction_id if isinstance(outcome, GatewayCallDone) else None,
            occurred_at=outcome.occurred_at,
        ),
    )
