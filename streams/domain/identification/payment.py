"""Whose money a payment is: its movements, what its tokens answer, and what a person decides. Pure; for payer.py."""

from __future__ import annotations

from typing import Any

from schemas.checks.attribution import why_not_attributed
from schemas.records.identification import (
    AssignCustomer,
    CardMoneyKnown,
    IdentificationReviewed,
    PaymentAwaitsReference,
    PaymentAwaitsRisk,
    PaymentIdentified,
    PaymentPassedOn,
    PaymentToIdentify,
    ReferenceAnswered,
    ReferenceAnswerRecorded,
    ReferenceAsked,
    WaitingReason,
)
from schemas.records.orders import OrderCustomerFound, OrderCustomerSource, OrderPayerNamed
from schemas.records.receivables import Decision
from schemas.records.risk import PaymentRiskDecided, RiskStatus
from schemas.signs import movement_sign
from schemas.values.references import CARD, NO_REFERENCE, payment_token
from schemas.values.replacing import replace
from streams.domain.decided import decided
from streams.domain.identification.state import Event, Payment, PaymentEvent

_MOVEMENT_FIELDS = (
    "movement_id",
    "paytrace_transaction_id",
    "movement",
    "amount_minor",
    "currency",
    "base_minor",
    "base_currency",
    "method",
    "invoice_number",
    "vault_customer_id",
    "settlement_account",
    "card_token",
    "value_on",
    "dispute_id",
    "occurred_at",
)


def on_movement(payment: Payment, movement: PaymentPassedOn) -> tuple[Event, ...]:
    """Identify a movement with the customer of its payment, or let it wait with the others."""
    if movement.movement_id in payment.movement_ids:
        return ()
    if payment.abas_customer_id is not None:
        return (_going(payment, movement, payment.abas_customer_id, payment.identified_by),)
    if payment.customer_of_order is not None:
        return (_going(payment, movement, payment.customer_of_order, _by_order(payment)),)
    answer = movement.abas_customer_ids
    if payment.waiting:
        first = payment.waiting[0]
        return (_awaits(movement, first.tokens, first.token, first.reason, first.detail),)
    if len(answer) == 1:
        return (_going(payment, movement, answer[0], movement.token),)
    tied = _tied(movement, movement.tokens, movement.token, answer, movement.detail)
    waits = tied if answer else _unknown(movement, movement.tokens)
    return (waits, _recorded(movement, movement.token, answer))


def on_answer(payment: Payment, answer: ReferenceAnswered) -> tuple[Event, ...]:
    """Identify what waits, or report what a token of higher priority says of what was decided without it."""
    if payment.abas_customer_id is None:
        return _answered(payment, answer)
    customer, customers = payment.abas_customer_id, answer.abas_customer_ids
    heard = payment.rank(payment.reviewed_by or payment.identified_by)
    if not customers or not 0 <= payment.rank(answer.token) < heard:
        return ()
    detail = (
        f"identified with customer {customer} by {payment.identified_by}; "
        f"{answer.token} is known by {', '.join(customers)}"
    )
    return (
        IdentificationReviewed(
            payment_token=answer.payment_token,
            paytrace_transaction_id=answer.paytrace_transaction_id,
            abas_customer_id=customer,
            identified_by=payment.identified_by,
            token=answer.token,
            abas_customer_ids=customers,
            agrees=customers == (customer,),
            detail=detail,
            occurred_at=answer.occurred_at,
        ),
    )


def on_order(payment: Payment, order: OrderPayerNamed) -> tuple[Event, ...]:
    """Identify what waits with the customer of the order that names this payment, and remember who asks.

    Ensures: money that has a customer stays with it; the order hears which one that is.
    """
    customer = order.abas_customer_id
    if order.shop_order in payment.orders and customer in (None, payment.customer_of_order):
        return ()
    if customer is None or payment.abas_customer_id is not None:
        return (order,)
    return (order, *(_going(payment, one, customer, f"order {order.shop_order}") for one in payment.waiting))


def customer_found(payment: Payment, event: PaymentIdentified | OrderPayerNamed) -> tuple[OrderCustomerFound, ...]:
    """Return what the orders of a payment hear of its customer; a new order alone hears what is known already."""
    orders = payment.orders if isinstance(event, PaymentIdentified) else {event.shop_order}
    customer = payment.abas_customer_id
    if customer is None:
        return ()
    return tuple(
        OrderCustomerFound(
            shop_order=order,
            source=OrderCustomerSource.PAYMENT,
            abas_customer_id=customer,
            detail=payment.identified_by,
            occurred_at=event.occurred_at,
        )
        for order in sorted(orders)
    )


def on_risk(payment: Payment, decided: PaymentRiskDecided) -> tuple[Event, ...]:
    """Let money go to its customer, or say why it is held; money that is there stays there."""
    known = payment.risk
    if known is not None and known.revision >= decided.revision:
        return ()
    if is_cleared(decided):
        return (decided, *(_identified(one, one.abas_customer_id, one.identified_by) for one in payment.held))
    return (decided, *(_held(one, decided) for one in payment.held))


def on_assignment(payment: Payment, command: AssignCustomer) -> tuple[Event, ...]:
    """Identify what waits with the customer that a person names, or keep a customer that was contested.

    Ensures: money that has a customer is not moved here; the receivables of that customer do that.
    """
    by = command.payment_token
    return decided(
        command,
        Decision.ASSIGN_CUSTOMER,
        customer=command.abas_customer_id,
        reference=f"PT{command.paytrace_transaction_id}",
        events=tuple(_going(payment, one, command.abas_customer_id, by) for one in payment.waiting),
        refused=why_not_attributed(command.decided_by, command.reason) or _against(payment, command),
    )


def _against(payment: Payment, command: AssignCustomer) -> str:
    """Return what stands against an assignment; empty if nothing does."""
    name, known = command.paytrace_transaction_id, payment.abas_customer_id
    if command.payment_token != payment_token(name):
        return f"{command.payment_token} is not the token of payment {name}"
    if not payment.movement_ids:
        return f"no money of payment {name} is known here"
    if known is not None and payment.held and not payment.is_through:
        return f"payment {name} is held for customer {known}; release it first (saldo decide release-hold {name})"
    if known is not None and known != command.abas_customer_id:
        return f"payment {name} has customer {known}; its receivables move it (ReassignPayment)"
    if known is not None and not payment.is_contested:
        return f"payment {name} has customer {known} already"
    return ""


def evolve(payment: Payment, event: PaymentEvent) -> Payment:
    """Remember one event of a payment; accepts any event in any state."""
    match event:
        case PaymentAwaitsReference():
            by_movement = {one.movement_id: one for one in payment.waiting} | {event.movement_id: event}
            waiting = tuple(by_movement.values())
            known = payment.movement_ids | {event.movement_id}
            return replace(payment, tokens=event.tokens, waiting=waiting, movement_ids=known)
        case ReferenceAnswerRecorded():
            return replace(payment, answers={**payment.answers, event.token: event.abas_customer_ids})
        case PaymentIdentified() | PaymentAwaitsRisk():
            others = tuple(one for one in payment.held if one.movement_id != event.movement_id)
            return replace(
                payment,
                waiting=tuple(one for one in payment.waiting if one.movement_id != event.movement_id),
                held=(*others, event) if isinstance(event, PaymentAwaitsRisk) else others,
                abas_customer_id=event.abas_customer_id,
                identified_by=event.identified_by,
                movement_ids=payment.movement_ids | {event.movement_id},
                is_through=payment.is_through or isinstance(event, PaymentIdentified),
            )
        case PaymentRiskDecided():
            return replace(payment, risk=event)
        case IdentificationReviewed():
            return replace(payment, reviewed_by=event.token, is_contested=not event.agrees)
        case OrderPayerNamed():
            orders = payment.orders | {event.shop_order}
            return replace(
                payment, orders=orders, customer_of_order=event.abas_customer_id or payment.customer_of_order
            )


def card_money(event: PaymentIdentified) -> CardMoneyKnown | None:
    """Return what the card of identified money hears of it; None where it has none, or no money moved."""
    if event.card_token is None or not movement_sign(event.movement):
        return None
    return CardMoneyKnown(
        token=event.card_token,
        movement_id=event.movement_id,
        paytrace_transaction_id=event.paytrace_transaction_id,
        abas_customer_id=event.abas_customer_id,
        movement=event.movement,
        amount_minor=event.amount_minor,
        currency=event.currency,
        value_on=event.value_on,
        occurred_at=event.occurred_at,
    )


def question(event: PaymentAwaitsReference, token: str) -> ReferenceAsked:
    """Return what a payment that waits asks one of its tokens; a card is asked by what went back, and when."""
    by_card = token.startswith(CARD)
    return ReferenceAsked(
        token=token,
        asked_minor=event.amount_minor if by_card else None,
        currency=event.currency if by_card else None,
        asked_on=event.value_on if by_card else None,
        payment_token=payment_token(event.paytrace_transaction_id),
        paytrace_transaction_id=event.paytrace_transaction_id,
        occurred_at=event.occurred_at,
    )


def carried(
    movement: PaymentToIdentify | PaymentPassedOn | PaymentAwaitsReference | PaymentAwaitsRisk | PaymentIdentified,
) -> dict[str, Any]:
    """Return the fields that every record about one movement shares."""
    return {name: getattr(movement, name) for name in _MOVEMENT_FIELDS}


def _by_order(payment: Payment) -> str:
    return f"order {min(payment.orders)}"


def _answered(payment: Payment, answer: ReferenceAnswered) -> tuple[Event, ...]:
    """Return what an answer does to the movements that wait.

    One customer, a tie, or nothing as long as others are to come.
    """
    token, customers = answer.token, answer.abas_customer_ids
    if not payment.waiting or payment.answers.get(token) == customers:
        return ()
    recorded = _recorded(answer, token, customers)
    answers = {**payment.answers, token: customers}
    for known in payment.tokens:
        said = answers.get(known)
        if said is None:
            return (recorded,)
        if len(said) == 1:
            return tuple(_going(payment, one, said[0], known) for one in payment.waiting)
        if said:
            detail = answer.detail if known == token else ""
            tied = tuple(_tied(one, one.tokens, known, said, detail) for one in payment.waiting)
            return (recorded, *(tied if tied[0].detail != payment.waiting[0].detail else ()))
    return (recorded,)


def _recorded(
    source: PaymentPassedOn | ReferenceAnswered, token: str, customers: tuple[str, ...]
) -> ReferenceAnswerRecorded:
    return ReferenceAnswerRecorded(
        payment_token=source.payment_token,
        paytrace_transaction_id=source.paytrace_transaction_id,
        token=token,
        abas_customer_ids=customers,
        occurred_at=source.occurred_at,
    )


def _unknown(movement: PaymentPassedOn, tokens: tuple[str, ...]) -> PaymentAwaitsReference:
    if tokens[0].startswith(NO_REFERENCE):
        reason, detail = WaitingReason.NO_REFERENCE, "the payment names neither an invoice nor a vault customer"
    elif tokens[0].startswith(CARD):
        detail = f"the refund names neither an invoice nor a vault customer, and no payment of {tokens[0]} fits it"
        reason = WaitingReason.NO_REFERENCE
    else:
        reason, detail = WaitingReason.REFERENCE_UNKNOWN, f"no abas customer is known by {', '.join(tokens)}"
    return _awaits(movement, tokens, tokens[0], reason, detail, asks=tokens[1:])


def _tied(
    movement: PaymentPassedOn | PaymentAwaitsReference,
    tokens: tuple[str, ...],
    token: str,
    customers: tuple[str, ...],
    detail: str,
) -> PaymentAwaitsReference:
    detail = detail or f"{token} is known by customers {', '.join(customers)}"
    return _awaits(movement, tokens, token, WaitingReason.REFERENCE_AMBIGUOUS, detail)


def _awaits(
    movement: PaymentPassedOn | PaymentAwaitsReference,
    tokens: tuple[str, ...],
    token: str,
    reason: WaitingReason,
    detail: str,
    *,
    asks: tuple[str, ...] = (),
) -> PaymentAwaitsReference:
    return PaymentAwaitsReference(
        token=token,
        reason=reason,
        detail=detail,
        tokens=tokens,
        asks=asks,
        awaits_risk=movement.awaits_risk,
        **carried(movement),
    )


def _going(
    payment: Payment, movement: PaymentPassedOn | PaymentAwaitsReference, customer: str, token: str
) -> PaymentIdentified | PaymentAwaitsRisk:
    """Return a movement that has a customer: on its way there, or held back until risk lets it.

    Once money of a payment went to its customer, what comes later follows it.
    """
    if not movement.awaits_risk or payment.is_through or is_cleared(payment.risk):
        return _identified(movement, customer, token)
    return _held(_identified(movement, customer, token), payment.risk)


def _held(money: PaymentIdentified | PaymentAwaitsRisk, risk: PaymentRiskDecided | None) -> PaymentAwaitsRisk:
    is_answered = risk is not None
    return PaymentAwaitsRisk(
        payment_token=payment_token(money.paytrace_transaction_id),
        abas_customer_id=money.abas_customer_id,
        identified_by=money.identified_by,
        reason=WaitingReason.RISK_HELD if is_answered else WaitingReason.RISK_UNANSWERED,
        detail=risk.detail if risk is not None else "rules of risk have not answered yet",
        **carried(money),
    )


def _identified(
    movement: PaymentPassedOn | PaymentAwaitsReference | PaymentAwaitsRisk, customer: str, token: str
) -> PaymentIdentified:
    """Carries the movement's own time, which becomes its value date, however long it waited here."""
    return PaymentIdentified(abas_customer_id=customer, identified_by=token, **carried(movement))


def is_cleared(risk: PaymentRiskDecided | None) -> bool:
    """Return whether risk lets a payment go to its customer."""
    return risk is not None and risk.status not in (RiskStatus.HELD, RiskStatus.UNKNOWN)
