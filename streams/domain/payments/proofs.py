"""What one observation proves beside all that was seen before it: each fact at the observation that completes it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime
from functools import reduce
from typing import Any

from schemas.records.payments import (
    AchPaymentFailed,
    AchPaymentInitiated,
    AchPaymentReturned,
    AuthorizationRecorded,
    CaptureAmountChanged,
    CaptureRecorded,
    CaptureReversalReason,
    CaptureReversed,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentContradicted,
    PaymentDeclined,
    PaymentSettled,
    PaymentStatusRecognized,
    PaymentStatusUnrecognized,
    PaymentVoided,
    RefundIssued,
    RefundReversed,
    RefundSettled,
    TransactionObserved,
    UnrecognizedReason,
    VoidReason,
)
from streams.domain.payments.evolving import evolve, is_later, observation_of, with_authorization, words_of
from streams.domain.payments.readings import CONTRADICTIONS, READINGS, WITHOUT_AMOUNT
from streams.domain.payments.state import VOIDS, Event, Fact, LatestObservation, State, identifying
from streams.domain.payments.value_dates import Days, reversed_on


def on_observation(state: State, seen: TransactionObserved) -> tuple[Event, ...]:
    """Return what an observation completes, what it contradicts, and what of it must be remembered."""
    reading = READINGS[seen.kind].get(seen.status) if seen.kind in READINGS else None
    reason = why_unrecognized(seen, reading)
    if reading is None or reason is not None:
        return _unrecognized(state, seen, reason or UnrecognizedReason.STATUS_UNKNOWN)
    events = _proved_by(state, reading, seen)
    return events + _recognized(state, events, seen)


def _proved_by(state: State, reading: frozenset[Fact], seen: TransactionObserved) -> tuple[Event, ...]:
    if state.identity is not None and state.identity.currency != seen.currency:
        currencies = " and ".join(sorted((state.identity.currency, seen.currency)))
        return _contradicted(state, f"currencies {currencies}", seen)
    if state.identity is not None and state.identity.merchant != seen.merchant:
        # Two payments under one number are never added up; PayTrace is not known to give a number twice.
        merchants = " and ".join(sorted((state.identity.merchant, seen.merchant)))
        return _contradicted(state, f"merchant accounts {merchants}", seen)
    # The new amount first, so that what is settled is settled with it.
    events = _amount_changed(state, reading, seen) + _newly_proved(state, reading, seen)
    known = reduce(evolve, events, state)
    for rule in (_reversals, _contradictions, _amount_to_remember):
        more = rule(known, reading, seen)
        events, known = events + more, reduce(evolve, more, known)
    return events


def why_unrecognized(seen: TransactionObserved, reading: frozenset[Fact] | None) -> UnrecognizedReason | None:
    """Return why an observation can't be read; None when it can."""
    if seen.unreadable is not None:
        return UnrecognizedReason.ROW_UNREADABLE
    if seen.raw_amount is not None and (reading is None or not reading <= WITHOUT_AMOUNT):
        return UnrecognizedReason.AMOUNT_UNREADABLE
    if seen.kind not in READINGS:
        return UnrecognizedReason.KIND_UNKNOWN
    return UnrecognizedReason.STATUS_UNKNOWN if reading is None else None


def _unrecognized(state: State, seen: TransactionObserved, reason: UnrecognizedReason) -> tuple[Event, ...]:
    """Note that the transaction waits from here, unless a later observation could be read.

    A reading that is known is published again when it is seen later: otherwise an older, readable observation that
    arrives late would end the waiting.
    """
    event = PaymentStatusUnrecognized(
        paytrace_transaction_id=seen.paytrace_transaction_id,
        raw_kind=seen.raw_kind,
        raw_status=seen.raw_status,
        reason=reason,
        detail=seen.unreadable,
        raw_amount=seen.raw_amount,
        amount_minor=None if seen.raw_amount is not None else seen.amount_minor,
        currency=seen.currency,
        kind=seen.kind,
        method=seen.method,
        merchant=seen.merchant,
        invoice_number=seen.invoice_number,
        vault_customer_id=seen.vault_customer_id,
        card_last_four=seen.card_last_four,
        occurred_at=seen.observed_at,
    )
    latest = state.latest
    if latest is None or latest < LatestObservation(seen.observed_at, True, words_of(event)):
        return (event,)
    if words_of(event) in state.unrecognized:
        return ()
    return (event,) if latest.is_unread else (event, _recognized_at(seen.paytrace_transaction_id, latest.observed_at))


def _recognized(state: State, events: tuple[Event, ...], seen: TransactionObserved) -> tuple[Event, ...]:
    """End the waiting; also keep the time of an observation that proved nothing new.

    Without the second, an unreadable observation that arrives late would wait although a later one could be read.
    """
    if state.latest is not None and seen.observed_at <= state.latest.observed_at:
        return ()
    if state.is_unrecognized or not any(map(observation_of, events)):
        return (_recognized_at(seen.paytrace_transaction_id, seen.observed_at),)
    return ()


def _recognized_at(transaction_id: str, read_at: datetime) -> PaymentStatusRecognized:
    return PaymentStatusRecognized(paytrace_transaction_id=transaction_id, occurred_at=read_at)


def _newly_proved(state: State, reading: frozenset[Fact], seen: TransactionObserved) -> tuple[Event, ...]:
    return tuple(report(seen) for fact, report in _DISTINCTIVE.items() if fact in reading - state.facts)


def _amount_changed(state: State, reading: frozenset[Fact], seen: TransactionObserved) -> tuple[Event, ...]:
    """Take the latest captured amount; once the capture is reversed, nothing is left that could change."""
    if Fact.CAPTURED not in reading & state.facts or Fact.CAPTURE_REVERSED in state.facts:
        return ()
    if not is_later(state, seen) or seen.amount_minor == state.captured_minor:
        return ()
    return (
        CaptureAmountChanged(
            paytrace_transaction_id=seen.paytrace_transaction_id,
            previous_minor=state.captured_minor,
            amount_minor=seen.amount_minor,
            currency=seen.currency,
            value_on=state.captured_on,
            occurred_at=seen.observed_at,
        ),
    )


def _reversals(state: State, _: frozenset[Fact], seen: TransactionObserved) -> tuple[Event, ...]:
    """Return money that went back: reported when the second half of the proof is seen, whichever half that is."""
    if state.identity is None:
        return ()
    reported = {
        "paytrace_transaction_id": seen.paytrace_transaction_id,
        "occurred_at": seen.observed_at,
        **identifying(state.identity),
    }
    events: tuple[Event, ...] = ()
    if _completed(state, Fact.CAPTURED, VOIDS | {Fact.ACH_RETURNED}, Fact.CAPTURE_REVERSED):
        reason = CaptureReversalReason.VOID if state.facts & VOIDS else CaptureReversalReason.ACH_RETURN
        ends = VOIDS if state.facts & VOIDS else {Fact.ACH_RETURNED}
        value_on = reversed_on(_first_end(state, ends), state.captured_on)
        events += (CaptureReversed(amount_minor=state.captured_minor, reason=reason, value_on=value_on, **reported),)
    takes_it_back = VOIDS | {Fact.ACH_FAILED, Fact.ACH_RETURNED}
    if _completed(state, Fact.REFUND_ISSUED, takes_it_back, Fact.REFUND_REVERSED):
        value_on = reversed_on(_first_end(state, takes_it_back), state.refunded_on)
        events += (RefundReversed(amount_minor=state.refund_minor, value_on=value_on, **reported),)
    return events


def _first_end(state: State, facts: Collection[Fact]) -> date:
    """Return the first day on which one of these facts happened; at least one of them is proved."""
    return min(day for fact, day in state.ended_on.items() if fact in facts)


def _completed(state: State, money: Fact, takes_it_back: frozenset[Fact], reported: Fact) -> bool:
    return money in state.facts and bool(state.facts & takes_it_back) and reported not in state.facts


def _contradictions(state: State, reading: frozenset[Fact], seen: TransactionObserved) -> tuple[Event, ...]:
    details = [f"{one} and {other}" for one, other in CONTRADICTIONS if {one, other} <= state.facts]
    if Fact.REFUND_ISSUED in reading and state.refund_minor != seen.amount_minor:
        details.append(f"refund amounts {state.refund_minor} and {seen.amount_minor}")
    details += Days(seen).doubts()
    return tuple(event for detail in details for event in _contradicted(state, detail, seen))


def _contradicted(state: State, detail: str, seen: TransactionObserved) -> tuple[Event, ...]:
    if detail in state.contradictions:
        return ()
    return (
        PaymentContradicted(
            paytrace_transaction_id=seen.paytrace_transaction_id, detail=detail, occurred_at=seen.observed_at
        ),
    )


def _amount_to_remember(state: State, reading: frozenset[Fact], seen: TransactionObserved) -> tuple[Event, ...]:
    """Return a later observation that no other event has reported.

    Without it an older one could win by arriving late.
    """
    if Fact.AUTHORIZED in reading:
        return _authorization_to_remember(state, seen)
    if Fact.CAPTURED not in reading or not is_later(state, seen):
        return ()
    return (
        CaptureRecorded(
            paytrace_transaction_id=seen.paytrace_transaction_id,
            status=seen.status,
            amount_minor=seen.amount_minor,
            currency=seen.currency,
            occurred_at=seen.observed_at,
        ),
    )


def _authorization_to_remember(state: State, seen: TransactionObserved) -> tuple[Event, ...]:
    recorded = AuthorizationRecorded(
        paytrace_transaction_id=seen.paytrace_transaction_id,
        amount_minor=seen.amount_minor,
        currency=seen.currency,
        occurred_at=seen.observed_at,
    )
    return () if with_authorization(state, recorded) == state else (recorded,)


def _reported_by(seen: TransactionObserved) -> dict[str, Any]:
    """Return the fields that most events take over from the observation as they are."""
    return {
        "paytrace_transaction_id": seen.paytrace_transaction_id,
        "amount_minor": seen.amount_minor,
        "occurred_at": seen.observed_at,
        **identifying(seen),
    }


def _money_of(seen: TransactionObserved) -> dict[str, Any]:
    """Return the fields of money that came or went.

    What most events take over, its day, and the number of its order.
    """
    return {"value_on": Days(seen).money_on(), "customer_reference": seen.customer_reference, **_reported_by(seen)}


def _report_settled(seen: TransactionObserved) -> Event:
    return PaymentSettled(
        paytrace_transaction_id=seen.paytrace_transaction_id,
        merchant=seen.merchant,
        amount_minor=seen.amount_minor,
        currency=seen.currency,
        batch_number=seen.batch_number,
        settled_at=seen.settled_at or seen.observed_at,
        settled_on=Days(seen).settled_on(),
        occurred_at=seen.observed_at,
    )


def _report_refund_settled(seen: TransactionObserved) -> Event:
    return RefundSettled(
        paytrace_transaction_id=seen.paytrace_transaction_id,
        merchant=seen.merchant,
        amount_minor=seen.amount_minor,
        currency=seen.currency,
        batch_number=seen.batch_number,
        settled_at=seen.settled_at or seen.observed_at,
        settled_on=Days(seen).settled_on(),
        occurred_at=seen.observed_at,
    )


def _report_voided(reason: VoidReason) -> Callable[[TransactionObserved], Event]:
    return lambda seen: PaymentVoided(
        paytrace_transaction_id=seen.paytrace_transaction_id,
        merchant=seen.merchant,
        method=seen.method,
        amount_minor=seen.amount_minor,
        currency=seen.currency,
        reason=reason,
        value_on=Days(seen).ended_on(),
        occurred_at=seen.observed_at,
    )


def _report_declined(seen: TransactionObserved) -> Event:
    return PaymentDeclined(
        paytrace_transaction_id=seen.paytrace_transaction_id,
        merchant=seen.merchant,
        method=seen.method,
        amount_minor=seen.amount_minor,
        currency=seen.currency,
        approval_message=seen.raw_status,
        occurred_at=seen.observed_at,
    )


def _report_ach_failed(seen: TransactionObserved) -> Event:
    return AchPaymentFailed(
        paytrace_transaction_id=seen.paytrace_transaction_id,
        raw_status=seen.raw_status,
        value_on=Days(seen).ended_on(),
        occurred_at=seen.observed_at,
    )


def _report_ach_returned(seen: TransactionObserved) -> Event:
    return AchPaymentReturned(
        paytrace_transaction_id=seen.paytrace_transaction_id,
        return_code=seen.return_code,
        value_on=Days(seen).ended_on(),
        occurred_at=seen.observed_at,
    )


# In the order in which they are reported, so that money is reported before what becomes of it.
_DISTINCTIVE: Mapping[Fact, Callable[[TransactionObserved], Event]] = {
    Fact.AUTHORIZED: lambda seen: PaymentAuthorized(**_reported_by(seen)),
    Fact.ACH_INITIATED: lambda seen: AchPaymentInitiated(**_reported_by(seen)),
    Fact.CAPTURED: lambda seen: PaymentCaptured(**_money_of(seen)),
    Fact.SETTLED: _report_settled,
    Fact.VOIDED: _report_voided(VoidReason.VOID),
    Fact.VOIDED_BY_RULE: _report_voided(VoidReason.AVS_CSC_RULE),
    Fact.DECLINED: _report_declined,
    Fact.ACH_FAILED: _report_ach_failed,
    Fact.ACH_RETURNED: _report_ach_returned,
    Fact.REFUND_ISSUED: lambda seen: RefundIssued(**_money_of(seen)),
    Fact.REFUND_SETTLED: _report_refund_settled,
}
