"""How the money of a transaction moves, and who books it: identification, settlement, the ledger."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.records.by_topic import PaymentsEvents
from schemas.records.identification import Movement, PaymentToIdentify
from schemas.records.ledger import MoneyMoved
from schemas.records.payments import (
    CaptureAmountChanged,
    CaptureReversalReason,
    CaptureReversed,
    PaymentCaptured,
    PaymentChargebackLost,
    PaymentChargebackReversed,
    PaymentChargedBack,
    PaymentMethod,
    PaymentSettled,
    PaymentValued,
    RefundIssued,
    RefundReversed,
    RefundSettled,
)
from schemas.records.settlement import MoneySettled
from schemas.topic import Topic
from schemas.values.business_day import business_day
from schemas.values.references import card_token, tokens_of
from schemas.values.replacing import replace
from streams.domain.output import Output
from streams.domain.payments.state import Fact, State, Taken, taken_by, value_date
from streams.domain.payments.valuation import Move


def moves_now(state: State, event: PaymentsEvents) -> tuple[Move, ...]:
    """Return the movements that go out with this event: its own, or those that waited for the valuation."""
    if isinstance(event, PaymentValued):
        return state.held
    return () if state.asked_in and state.valuation is None else moves_of(state, event)


def moves_of(state: State, event: PaymentsEvents) -> tuple[Move, ...]:
    """Return the movements of money that an event is."""
    if state.identity is None:
        return ()
    return _to_identification(state, event) + _disputed(state, event) + _to_settlement(state, event)


def _to_identification(state: State, event: PaymentsEvents) -> tuple[Move, ...]:
    """Return each movement of money, for its payer to be found."""
    match event:
        case PaymentCaptured():
            return (_movement(event, Movement.CAPTURED, 0, event.amount_minor),)
        case CaptureAmountChanged():
            suffix = _change_suffix(state, event)
            return (_movement(event, _change(event), event.previous_minor, event.amount_minor, suffix=suffix),)
        case CaptureReversed():
            return (_movement(event, _reversal(event), 0, event.amount_minor),)
        case RefundIssued():
            return (_movement(event, Movement.REFUNDED, 0, event.amount_minor),)
        case RefundReversed():
            return (_movement(event, Movement.REFUND_VOIDED, 0, event.amount_minor),)
        case _:
            return ()


def _disputed(state: State, event: PaymentsEvents) -> tuple[Move, ...]:
    """Return what disputes take of the customer at once or for good; also where the payment comes later."""
    match event:
        case PaymentChargedBack() | PaymentChargebackReversed() if event.reopens_invoice:
            return (_taken_move(taken_by(event), event.previous_minor),)
        case PaymentChargebackLost():
            return (_lost_move(event, event.previous_minor),)
        case PaymentCaptured():
            taken = [one for one in state.disputes.values() if one.reopens_invoice and one.amount_minor]
            lost = [one for one in state.lost.values() if one.lost_minor]
            return (*(_taken_move(one, 0) for one in taken), *(_lost_move(one, 0) for one in lost))
        case _:
            return ()


def _taken_move(taken: Taken, from_minor: int) -> Move:
    movement = Movement.CHARGED_BACK if taken.amount_minor > from_minor else Movement.CHARGEBACK_REVERSED
    return _dispute_move(taken, movement, from_minor, taken.amount_minor)


def _lost_move(lost: PaymentChargebackLost, from_minor: int) -> Move:
    movement = Movement.CHARGEBACK_LOST if lost.lost_minor > from_minor else Movement.CHARGEBACK_LOST_REVERSED
    return _dispute_move(lost, movement, from_minor, lost.lost_minor)


def _dispute_move(event: Taken | PaymentChargebackLost, movement: Movement, from_minor: int, to_minor: int) -> Move:
    suffix = f":{event.dispute_id}:{event.change_number}"
    return replace(_movement(event, movement, from_minor, to_minor, suffix=suffix), dispute_id=event.dispute_id)


def _to_settlement(state: State, event: PaymentsEvents) -> tuple[Move, ...]:
    """Return what the bank must pay out or reverse: a card payment once it is settled, an ACH debit once it is cleared.

    A card payment is settled with its latest amount; what a later observation changes is reported as a difference, so
    that any order of observations ends in the same sum. A settled card payment can't be voided, so a void of one is a
    contradiction and not reported. A settled refund can come back, from a closed card say, and is then paid out again.
    """
    is_ach = state.identity is not None and state.identity.method is PaymentMethod.ACH
    match event:
        case PaymentSettled():
            amount_minor = state.captured_minor if Fact.CAPTURED in state.facts else event.amount_minor
            return _settled(event, Movement.CAPTURED, 0, amount_minor, event.batch_number)
        case RefundSettled():
            refunded = _settled(event, Movement.REFUNDED, 0, event.amount_minor, event.batch_number)
            came_back = Fact.REFUND_REVERSED in state.facts  # as was seen before it was seen to be settled
            return refunded + (_settled(event, Movement.REFUND_VOIDED, 0, state.refund_minor) if came_back else ())
        case CaptureAmountChanged() if is_ach or Fact.SETTLED in state.facts:
            suffix = _change_suffix(state, event)
            return _settled(event, _change(event), event.previous_minor, event.amount_minor, suffix=suffix)
        case PaymentCaptured() if is_ach:
            return _settled(event, Movement.CAPTURED, 0, event.amount_minor)
        case CaptureReversed() if is_ach:
            return _settled(event, _reversal(event), 0, event.amount_minor)
        case RefundIssued() if is_ach:
            return _settled(event, Movement.REFUNDED, 0, event.amount_minor)
        case RefundReversed() if is_ach or Fact.REFUND_SETTLED in state.facts:
            return _settled(event, Movement.REFUND_VOIDED, 0, event.amount_minor)
        case _:
            return ()


def _movement(event: Any, movement: Movement, from_minor: int, to_minor: int, *, suffix: str = "") -> Move:
    return Move(
        movement=movement,
        from_minor=from_minor,
        to_minor=to_minor,
        name=f"{event.paytrace_transaction_id}:{movement}{suffix}",
        transaction_id=event.paytrace_transaction_id,
        value_on=value_date(event),
        occurred_at=event.occurred_at,
    )


def _settled(
    event: Any,
    movement: Movement,
    from_minor: int,
    to_minor: int,
    batch_number: int | None = None,
    *,
    suffix: str = "",
) -> tuple[Move, ...]:
    """Return one line for the bank. A settlement has a time of its own; other money counts on its value date."""
    if from_minor == to_minor:
        return ()
    move = _movement(event, movement, from_minor, to_minor, suffix=suffix)
    if isinstance(event, PaymentSettled | RefundSettled):
        on = event.settled_on or business_day(event.settled_at)
        return (replace(move, settled_at=event.settled_at, value_on=on, batch_number=batch_number),)
    return (replace(move, settled_at=event.occurred_at),)


def outputs_of(state: State, move: Move) -> tuple[Output, ...]:
    """Return a movement as the contexts that it is for hear of it, with its value in base currency.

    The ledger hears of what goes to identification, and needs no payer.
    """
    identity = state.identity
    assert identity is not None, "money has its identity from its first fact on"
    about: dict[str, Any] = {
        "paytrace_transaction_id": move.transaction_id,
        "movement": move.movement,
        "amount_minor": abs(move.to_minor - move.from_minor),
        "currency": identity.currency,
        **move.value(identity.currency, state.valuation),
        "method": identity.method,
        "occurred_at": move.occurred_at,
    }
    if move.settled_at is None:
        card = card_token(identity.settlement_account, identity.card_last_four)
        tokens = tokens_of(
            move.transaction_id,
            identity.vault_customer_id,
            identity.invoice_number,
            identity.customer_reference,
            refunded_card=card if move.movement in (Movement.REFUNDED, Movement.REFUND_VOIDED) else None,
        )
        to_identify = PaymentToIdentify(
            **about,
            movement_id=move.name,
            invoice_number=identity.invoice_number,
            vault_customer_id=identity.vault_customer_id,
            settlement_account=identity.settlement_account,
            card_token=card,
            tokens=tokens,
            value_on=move.value_on,
            dispute_id=move.dispute_id,
            awaits_risk=state.awaits_risk,
        )
        if move.dispute_id is not None:  # the ledger hears of disputes from their cases
            return (Output(Topic.IDENTIFICATION_INBOX, to_identify),)
        booked = MoneyMoved(
            **about,
            settlement_account=identity.settlement_account,
            movement_id=move.name,
            value_on=move.value_on,
        )
        return Output(Topic.IDENTIFICATION_INBOX, to_identify), Output(Topic.LEDGER_INBOX, booked)
    settled = MoneySettled(
        **about,
        settlement_account=identity.settlement_account,
        line_id=move.name,
        batch_number=move.batch_number,
        settled_at=move.settled_at,
        moved_on=move.value_on,
    )
    return (Output(Topic.SETTLEMENT_INBOX, settled),)


def _change(event: CaptureAmountChanged) -> Movement:
    is_more = event.amount_minor > event.previous_minor
    return Movement.AMOUNT_INCREASED if is_more else Movement.AMOUNT_DECREASED


def _reversal(event: CaptureReversed) -> Movement:
    is_return = event.reason is CaptureReversalReason.ACH_RETURN
    return Movement.RETURNED if is_return else Movement.VOIDED


def _change_suffix(state: State, event: CaptureAmountChanged) -> str:
    """Name a change by its instant and rank besides the amount, which may come back to what it was."""
    micros = (event.occurred_at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    rank = state.capture.rank if state.capture else 0
    return f":{event.amount_minor}:{micros}:{rank}"
