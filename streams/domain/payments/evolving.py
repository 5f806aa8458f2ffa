"""How an event changes what is known of a transaction."""

from __future__ import annotations

from datetime import date
from typing import assert_never

from schemas.records.by_topic import PaymentsEvents
from schemas.records.orders import OrderPaymentAsked
from schemas.records.payments import (
    AchPaymentFailed,
    AchPaymentInitiated,
    AchPaymentReturned,
    AuthorizationRecorded,
    CaptureAmountChanged,
    CaptureRecorded,
    CaptureReversed,
    NextStepFound,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentChargebackLost,
    PaymentChargebackReversed,
    PaymentChargedBack,
    PaymentContradicted,
    PaymentDeclined,
    PaymentSettled,
    PaymentStatusRecognized,
    PaymentStatusUnrecognized,
    PaymentValued,
    PaymentVoided,
    RefundApplied,
    RefundIssued,
    RefundReversed,
    RefundSettled,
    TransactionObserved,
    TransactionStatus,
    ValuationAsked,
    VoidReason,
)
from schemas.records.risk import RiskAsked
from schemas.values.replacing import replace
from streams.domain.payments.movements import moves_of
from streams.domain.payments.orders import News, Proof, proof_of, why
from streams.domain.payments.readings import REFUNDS
from streams.domain.payments.state import (
    RANKS,
    AmountObservation,
    Fact,
    Identity,
    LatestObservation,
    State,
    case_of,
    identifying,
    taken_by,
    value_date,
)
from streams.domain.payments.valuation import Valuation


def evolve(state: State, event: PaymentsEvents) -> State:
    """Remember one event; accepts any event in any state."""
    known = _with_news(state, _with_event(state, event), event)
    if known.vault_customer_id is None and isinstance(event, PaymentAuthorized | AchPaymentInitiated | PaymentCaptured):
        known = replace(known, vault_customer_id=event.vault_customer_id)
    if known.asked_in and known.valuation is None:
        known = replace(known, held=(*known.held, *moves_of(known, event)))
    observation = observation_of(event)
    if observation is None:
        return known
    return replace(known, latest=observation if known.latest is None else max(known.latest, observation))


def _with_event(state: State, event: PaymentsEvents) -> State:
    match event:
        case PaymentAuthorized():
            return with_authorization(_with(state, Fact.AUTHORIZED), event)
        case AuthorizationRecorded():
            return with_authorization(state, event)
        case AchPaymentInitiated():
            return _with(state, Fact.ACH_INITIATED)
        case PaymentCaptured():
            rank = RANKS[TransactionStatus.PENDING_SETTLEMENT]
            observed = _with_amount(state, AmountObservation(event.occurred_at, rank, event.amount_minor))
            captured = _with(observed, Fact.CAPTURED)
            return replace(captured, captured_on=value_date(event), identity=state.identity or _identity(event))
        case CaptureAmountChanged():
            return _with_amount(state, _changed_amount(state, event))
        case CaptureRecorded():
            return _with_amount(
                state, AmountObservation(event.occurred_at, RANKS.get(event.status, 0), event.amount_minor)
            )
        case PaymentSettled():
            rank = RANKS[TransactionStatus.SETTLED]
            observed = _with_amount(state, AmountObservation(event.occurred_at, rank, event.amount_minor))
            return _with(observed, Fact.SETTLED)
        case PaymentVoided():
            by_rule = event.reason is VoidReason.AVS_CSC_RULE
            return _ended(state, Fact.VOIDED_BY_RULE if by_rule else Fact.VOIDED, value_date(event))
        case PaymentDeclined():
            return _with(state, Fact.DECLINED)
        case AchPaymentFailed():
            return _ended(state, Fact.ACH_FAILED, value_date(event))
        case AchPaymentReturned():
            return _ended(state, Fact.ACH_RETURNED, value_date(event))
        case CaptureReversed():
            return _with(state, Fact.CAPTURE_REVERSED)
        case RefundIssued():
            issued = _with(state, Fact.REFUND_ISSUED)
            issued = replace(issued, refund_minor=event.amount_minor, refunded_on=value_date(event))
            return replace(issued, identity=state.identity or _identity(event))
        case RefundSettled():
            return _with(state, Fact.REFUND_SETTLED)
        case RefundReversed():
            return _with(state, Fact.REFUND_REVERSED)
        case RefundApplied():
            return replace(state, refunds={**state.refunds, event.refund_transaction_id: event.amount_minor})
        case PaymentChargedBack() | PaymentChargebackReversed():
            return replace(state, disputes={**state.disputes, case_of(event): taken_by(event)})
        case PaymentChargebackLost():
            return replace(state, lost={**state.lost, case_of(event): event})
        case PaymentStatusUnrecognized():
            payer = state.vault_customer_id or event.vault_customer_id
            takes = state.may_take_money or event.kind not in REFUNDS
            unread = state.unrecognized | {words_of(event)}
            return replace(state, unrecognized=unread, vault_customer_id=payer, may_take_money=takes)
        case PaymentStatusRecognized():
            return state
        case NextStepFound():
            others = tuple(one for one in state.unheld if one.code_kind is not event.code_kind)
            waits = must_hold(event) and event.vault_customer_id is None
            known = state.codes | {(event.code_kind, event.code)}
            is_named = any(kind is event.code_kind and code for kind, code in known)
            return replace(
                state,
                codes=known - {(event.code_kind, "")} if is_named else known,
                unheld=(*others, event) if waits else others,
            )
        case PaymentContradicted():
            return replace(state, contradictions=state.contradictions | {event.detail})
        case ValuationAsked():
            return replace(state, asked_in=event.currency_pair.partition("/")[2])
        case PaymentValued():
            return replace(state, valuation=Valuation(event.base_currency, event.rate))
        case OrderPaymentAsked():
            return replace(state, orders={**state.orders, event.shop_order: event})
        case RiskAsked():
            return replace(state, attempt=event)
        case _:
            assert_never(event)


def _with_news(before: State, state: State, event: PaymentsEvents) -> State:
    """Remember what orders hear of an event besides its facts, and whether it is news to them."""
    if isinstance(event, News):
        because = state.ended_because | frozenset(filter(None, [why(event)]))
        state = replace(state, currency=state.currency or getattr(event, "currency", ""), ended_because=because)
    if proof(before) == proof(state):
        return replace(state, is_news=False) if state.is_news else state
    return replace(state, revision=state.revision + 1, is_news=True)


def proof(state: State) -> Proof:
    """Return how far PayTrace proves this transaction, as orders hear it."""
    return proof_of(
        state.orders,
        state.stage,
        (state.authorized_minor, state.captured_minor, state.refunded_minor),
        state.currency,
        ", ".join(sorted(state.ended_because)),
        awaits_risk=state.awaits_risk,
    )


def must_hold(found: NextStepFound) -> bool:
    """Return whether a code stops charges of the vault customer."""
    return found.stops_charges or found.most_entries is not None


def is_later(state: State, seen: TransactionObserved) -> bool:
    """Return whether an observation says the captured amount anew."""
    return state.capture is None or state.capture < AmountObservation(
        seen.observed_at, RANKS[seen.status], seen.amount_minor
    )


# Events that occurred when a readable observation was made, so that they keep its time.
_BY_READABLE_OBSERVATION = (
    PaymentAuthorized,
    AuthorizationRecorded,
    AchPaymentInitiated,
    PaymentCaptured,
    CaptureAmountChanged,
    CaptureRecorded,
    PaymentSettled,
    PaymentVoided,
    PaymentDeclined,
    AchPaymentFailed,
    AchPaymentReturned,
    CaptureReversed,
    RefundIssued,
    RefundSettled,
    RefundReversed,
    PaymentStatusRecognized,
    PaymentContradicted,
)


def observation_of(event: PaymentsEvents) -> LatestObservation | None:
    """Return the observation behind an event; None for an event that has another cause."""
    if isinstance(event, PaymentStatusUnrecognized):
        return LatestObservation(event.occurred_at, True, words_of(event))
    return LatestObservation(event.occurred_at) if isinstance(event, _BY_READABLE_OBSERVATION) else None


def words_of(event: PaymentStatusUnrecognized) -> tuple[str, ...]:
    """Return what tells one unreadable observation from another, besides when it was made."""
    amount = event.raw_amount if event.amount_minor is None else str(event.amount_minor)
    return event.reason.value, event.raw_kind, event.raw_status, amount or "", event.detail or ""


def _with(state: State, fact: Fact) -> State:
    return replace(state, facts=state.facts | {fact})


def _ended(state: State, fact: Fact, on: date) -> State:
    return replace(_with(state, fact), ended_on={**state.ended_on, fact: on})


def _with_amount(state: State, observation: AmountObservation) -> State:
    return replace(state, capture=observation if state.capture is None else max(state.capture, observation))


def with_authorization(state: State, event: PaymentAuthorized | AuthorizationRecorded) -> State:
    """Remember an authorized amount; the latest one counts, the larger of two at one instant."""
    observed = AmountObservation(event.occurred_at, 0, event.amount_minor)
    return replace(state, authorization=max(state.authorization or observed, observed))


def _changed_amount(state: State, event: CaptureAmountChanged) -> AmountObservation:
    """Return the observation of an event that names no status: at the latest instant it has that rank."""
    rank = state.capture.rank if state.capture and state.capture.observed_at == event.occurred_at else 0
    return AmountObservation(event.occurred_at, rank, event.amount_minor)


def _identity(reported: TransactionObserved | PaymentCaptured | RefundIssued) -> Identity:
    return Identity(customer_reference=reported.customer_reference, **identifying(reported))
