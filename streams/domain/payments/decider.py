"""What PayTrace's observations of one transaction prove: decided for the payments context, one transaction at a time.

PayTrace has no "modified since" and no webhooks, so the same transaction is seen again and again, late and in any
order. What was seen is therefore a set that only grows, and every money fact is a monotone function of that set: a
fact is reported at the observation that completes its proof, once, whichever observation that is. What protects the
money:

- only an explicit yes counts: a status that does not belong to its kind, or that we cannot read, is shown and is
  never money;
- the captured amount is the one of the latest observation (by time, then by status, then by amount);
- a capture is reversed at most once, by whatever reversed it first;
- what disputes take is kept beside the facts of PayTrace, which shows none: the last fact of each dispute decides;
- observations that cannot both be true are shown to a person, besides the facts that they prove;
- a transaction waits, visibly, while its latest observation can't be read: an unknown word, an amount that is none;
- what a code of a return, notice or decline allows next is said once per code, and holds charges where it must;
- money in a foreign currency is valued once, by what the source booked or by an exchange rate; until then its movements
  wait here, and they go out together (valuation.py).

`occurred_at` of an event is the `observed_at` of the observation that proved it: when Saldo learned of it. `value_on`
is the business day of the money, by the rules of value_dates.py.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from functools import reduce
from typing import Any, TypeAlias, assert_never

from schemas.records.by_topic import PaymentsEvents, PaymentsObservations
from schemas.records.gateway import HoldCharges, HoldRefunds
from schemas.records.identification import Movement, PaymentToIdentify
from schemas.records.ledger import MoneyMoved
from schemas.records.orders import OrderPaymentAsked
from schemas.records.payments import (
    AchPaymentFailed,
    AchPaymentInitiated,
    AchPaymentReturned,
    AuthorizationRecorded,
    CaptureAmountChanged,
    CaptureRecorded,
    CaptureReversalReason,
    CaptureReversed,
    CodeKind,
    DisputeReported,
    NextStep,
    NextStepFound,
    PaymentAuthorized,
    PaymentCaptured,
    PaymentChargebackLost,
    PaymentChargebackReversed,
    PaymentChargedBack,
    PaymentContradicted,
    PaymentDeclined,
    PaymentMethod,
    PaymentSettled,
    PaymentStatusRecognized,
    PaymentStatusUnrecognized,
    PaymentValued,
    PaymentVoided,
    RefundApplied,
    RefundIssued,
    RefundLinked,
    RefundReversed,
    RefundSettled,
    ReportPaymentCode,
    TransactionKind,
    TransactionObserved,
    TransactionStatus,
    UnrecognizedReason,
    ValuationAsked,
    VoidReason,
)
from schemas.records.rates import RateAnswered, RateAsked
from schemas.records.risk import RiskAsked
from schemas.records.settlement import MoneySettled
from schemas.records.subscriptions import PaymentSeen, SubscriptionPaymentSeen
from schemas.topic import Topic
from schemas.values.business_day import business_day
from schemas.values.exchange import pair_of
from schemas.values.references import card_token, tokens_of
from schemas.values.replacing import replace
from streams.domain.output import Output
from streams.domain.payments import attempts
from streams.domain.payments.codes import banking_day_after
from streams.domain.payments.orders import News, Proof, proof_of, reports, why
from streams.domain.payments.policy import Policy
from streams.domain.payments.valuation import Move, Valuation, booked_by
from streams.domain.payments.value_dates import Days, reversed_on

Event: TypeAlias = PaymentsEvents
DisputeEvent: TypeAlias = PaymentChargedBack | PaymentChargebackReversed | PaymentChargebackLost


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What a dispute takes of this payment now, by its last change. Units: minor units of the payment's currency."""

    paytrace_transaction_id: str
    dispute_id: str
    amount_minor: int
    change_number: int
    reopens_invoice: bool
    value_on: date
    occurred_at: datetime


class Fact(StrEnum):
    """What is proved about a transaction. The set of facts only grows."""

    AUTHORIZED = "AUTHORIZED"
    ACH_INITIATED = "ACH_INITIATED"
    CAPTURED = "CAPTURED"
    SETTLED = "SETTLED"
    VOIDED = "VOIDED"
    VOIDED_BY_RULE = "VOIDED_BY_RULE"
    DECLINED = "DECLINED"
    ACH_FAILED = "ACH_FAILED"
    ACH_RETURNED = "ACH_RETURNED"
    CAPTURE_REVERSED = "CAPTURE_REVERSED"
    REFUND_ISSUED = "REFUND_ISSUED"
    REFUND_SETTLED = "REFUND_SETTLED"
    REFUND_REVERSED = "REFUND_REVERSED"


class Stage(StrEnum):
    """Where a transaction stands, for people; derived from the facts and never stored."""

    UNKNOWN = "UNKNOWN"
    AUTHORIZED = "AUTHORIZED"
    ACH_PENDING = "ACH_PENDING"
    CAPTURED = "CAPTURED"
    CLEARED = "CLEARED"
    SETTLED = "SETTLED"
    PARTIALLY_REFUNDED = "PARTIALLY_REFUNDED"
    REFUNDED = "REFUNDED"
    VOIDED = "VOIDED"
    RETURNED = "RETURNED"
    DECLINED = "DECLINED"
    FAILED = "FAILED"
    REFUND_ISSUED = "REFUND_ISSUED"
    REFUND_REVERSED = "REFUND_REVERSED"
    PARTIALLY_CHARGED_BACK = "PARTIALLY_CHARGED_BACK"
    CHARGED_BACK = "CHARGED_BACK"


@dataclass(frozen=True, slots=True, order=True)
class AmountObservation:
    """A captured or authorized amount and what makes it the latest: compared field by field, the highest one wins.

    Units: amount_minor is minor units of the transaction's currency; rank rises with the status (see RANKS).
    """

    observed_at: datetime
    rank: int
    amount_minor: int


@dataclass(frozen=True, slots=True, order=True)
class LatestObservation:
    """The latest observation and whether it could be read: compared field by field, the highest one is the latest.

    words is what could not be read, empty for an observation that could. At one instant the unreadable one counts, so
    that a person looks.
    """

    observed_at: datetime
    is_unread: bool = False
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What the first money fact said about the transaction; all its movements are identified by this."""

    merchant: str
    method: PaymentMethod
    currency: str
    invoice_number: str | None
    vault_customer_id: str | None
    card_last_four: str | None
    customer_reference: str | None = None

    @property
    def settlement_account(self) -> str:
        """The account that PayTrace funds."""
        return f"{self.merchant}/{self.currency}"


# What most events say of it; the order's number is kept with the money alone, since nothing else asks for it.
_IDENTIFYING = tuple(field.name for field in fields(Identity) if field.name != "customer_reference")


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """All that is remembered of one transaction. Units: amounts in minor units of identity.currency.

    captured_on and refunded_on are the value dates of its money, ended_on the days of what may take that back.
    """

    facts: frozenset[Fact] = frozenset()
    capture: AmountObservation | None = None
    captured_on: date | None = None
    refund_minor: int = 0
    refunded_on: date | None = None
    ended_on: dict[Fact, date] = field(default_factory=dict)
    identity: Identity | None = None
    refunds: dict[str, int]
    latest: LatestObservation | None = None
    unrecognized: frozenset[tuple[str, ...]] = frozenset()
    # Whether something that could not be read may have taken money of its payer.
    may_take_money: bool = False
    contradictions: frozenset[str] = frozenset()
    # Whose card or account it is, as first said; codes that were said; those that wait for the former.
    vault_customer_id: str | None = None
    codes: frozenset[tuple[CodeKind, str]] = frozenset()
    unheld: tuple[NextStepFound, ...] = ()
    # What each dispute takes now, by account and case number: its last change; one that was won back stands at 0.
    disputes: dict[str, Taken] = field(default_factory=dict)
    # The base currency in which a value was asked for, the valuation once there is one, and what waited for it.
    asked_in: str = ""
    valuation: Valuation | None = None
    held: tuple[Move, ...] = ()
    # What of that is lost for good, by the last event of each case.
    lost: dict[str, PaymentChargebackLost] = field(default_factory=dict)
    # Orders of shops that name it, and what they hear of it beside the facts; revision counts their news, and whether
    # the last event was some.
    orders: dict[str, OrderPaymentAsked] = field(default_factory=dict)
    revision: int = 0
    is_news: bool = False
    authorization: AmountObservation | None = None
    currency: str = ""
    ended_because: frozenset[str] = frozenset()
    # What risk was asked last; None where no rules of risk were in force.
    attempt: RiskAsked | None = None

    @property
    def captured_minor(self) -> int:
        """Captured amount of the latest observation; 0 when nothing was captured."""
        return self.capture.amount_minor if self.capture and Fact.CAPTURED in self.facts else 0

    @property
    def authorized_minor(self) -> int:
        """Authorized amount of the latest observation of an authorization; 0 when nothing was authorized."""
        return self.authorization.amount_minor if self.authorization is not None else 0

    @property
    def refunded_minor(self) -> int:
        """Sum of the refunds that are known to refund this payment."""
        return sum(self.refunds.values())

    @property
    def awaits_risk(self) -> bool:
        """Whether its money goes to its customer only once risk lets it."""
        return self.attempt is not None and self.attempt.is_judged

    @property
    def is_unrecognized(self) -> bool:
        """Whether the latest observation can't be read, so that the transaction waits."""
        return self.latest is not None and self.latest.is_unread

    @property
    def charged_back_minor(self) -> int:
        """Sum of what disputes take of this payment now."""
        return sum(one.amount_minor for one in self.disputes.values())

    @property
    def stage(self) -> Stage:
        """The furthest stage that the facts prove."""
        return _stage(self)


INITIAL = State(refunds={})

# Of two observations at one instant, the one whose status is further along is the later one.
RANKS = {
    TransactionStatus.PENDING_SETTLEMENT: 0,
    TransactionStatus.ACH_CLEARED: 0,
    TransactionStatus.BANK_BOOKED: 0,
    TransactionStatus.SETTLED: 1,
}

_CARD_PAYMENT_READINGS: Mapping[TransactionStatus, frozenset[Fact]] = {
    TransactionStatus.AUTHORIZED: frozenset({Fact.AUTHORIZED}),
    TransactionStatus.PENDING_SETTLEMENT: frozenset({Fact.CAPTURED}),
    TransactionStatus.SETTLED: frozenset({Fact.CAPTURED, Fact.SETTLED}),
    TransactionStatus.VOIDED: frozenset({Fact.VOIDED}),
    TransactionStatus.VOIDED_BY_RULE: frozenset({Fact.VOIDED_BY_RULE}),
    TransactionStatus.DECLINED: frozenset({Fact.DECLINED}),
}
_ACH_PAYMENT_READINGS: Mapping[TransactionStatus, frozenset[Fact]] = {
    TransactionStatus.AUTHORIZED: frozenset({Fact.AUTHORIZED}),  # a check on hold
    TransactionStatus.ACH_PENDING: frozenset({Fact.ACH_INITIATED}),
    TransactionStatus.ACH_CLEARED: frozenset({Fact.CAPTURED}),
    TransactionStatus.ACH_RETURNED: frozenset({Fact.ACH_RETURNED}),
    TransactionStatus.ACH_FAILED: frozenset({Fact.ACH_FAILED}),
    TransactionStatus.VOIDED: frozenset({Fact.VOIDED}),
    TransactionStatus.VOIDED_BY_RULE: frozenset({Fact.VOIDED_BY_RULE}),
    TransactionStatus.DECLINED: frozenset({Fact.DECLINED}),
}
# A refund that is only authorized has moved nothing and promises nothing, so it proves nothing. What a bank books is a
# part of a customer's transfer that it took back.
_CARD_REFUND_READINGS: Mapping[TransactionStatus, frozenset[Fact]] = {
    TransactionStatus.AUTHORIZED: frozenset(),
    TransactionStatus.PENDING_SETTLEMENT: frozenset({Fact.REFUND_ISSUED}),
    TransactionStatus.SETTLED: frozenset({Fact.REFUND_ISSUED, Fact.REFUND_SETTLED}),
    TransactionStatus.BANK_BOOKED: frozenset({Fact.REFUND_ISSUED}),
    TransactionStatus.VOIDED: frozenset({Fact.VOIDED}),
    TransactionStatus.VOIDED_BY_RULE: frozenset({Fact.VOIDED_BY_RULE}),
    TransactionStatus.DECLINED: frozenset({Fact.DECLINED}),
}
_ACH_REFUND_READINGS: Mapping[TransactionStatus, frozenset[Fact]] = {
    TransactionStatus.AUTHORIZED: frozenset(),
    TransactionStatus.ACH_PENDING: frozenset({Fact.REFUND_ISSUED}),
    TransactionStatus.ACH_CLEARED: frozenset({Fact.REFUND_ISSUED}),
    TransactionStatus.ACH_RETURNED: frozenset({Fact.ACH_RETURNED}),
    TransactionStatus.ACH_FAILED: frozenset({Fact.ACH_FAILED}),
    TransactionStatus.VOIDED: frozenset({Fact.VOIDED}),
    TransactionStatus.VOIDED_BY_RULE: frozenset({Fact.VOIDED_BY_RULE}),
    TransactionStatus.DECLINED: frozenset({Fact.DECLINED}),
}
# What a bank reports of a customer's payment into a bank account: it is there, or was taken back.
_BANK_TRANSFER_READINGS: Mapping[TransactionStatus, frozenset[Fact]] = {
    TransactionStatus.BANK_BOOKED: frozenset({Fact.CAPTURED}),
    TransactionStatus.BANK_RETURNED: frozenset({Fact.ACH_RETURNED}),
}
READINGS: Mapping[TransactionKind, Mapping[TransactionStatus, frozenset[Fact]]] = {
    TransactionKind.SALE: _CARD_PAYMENT_READINGS,
    TransactionKind.AUTHORIZATION: _CARD_PAYMENT_READINGS,
    TransactionKind.ACH_SALE: _ACH_PAYMENT_READINGS,
    TransactionKind.REFUND: _CARD_REFUND_READINGS,
    TransactionKind.ACH_REFUND: _ACH_REFUND_READINGS,
    TransactionKind.BANK_TRANSFER: _BANK_TRANSFER_READINGS,
}

_VOIDS = frozenset({Fact.VOIDED, Fact.VOIDED_BY_RULE})

# That no money moves, or that it came back, is proved without an amount.
_REFUNDS: Collection[TransactionKind] = (TransactionKind.REFUND, TransactionKind.ACH_REFUND)
_FAILURES = {CodeKind.DECLINE: PaymentSeen.DECLINED, CodeKind.RETURN: PaymentSeen.RETURNED}
_WITHOUT_AMOUNT = _VOIDS | {Fact.DECLINED, Fact.ACH_FAILED, Fact.ACH_RETURNED}

# Pairs that cannot both be true, in the words shown to a person.
CONTRADICTIONS = (
    (Fact.SETTLED, Fact.VOIDED),
    (Fact.SETTLED, Fact.VOIDED_BY_RULE),
    (Fact.DECLINED, Fact.CAPTURED),
    (Fact.ACH_FAILED, Fact.CAPTURED),
    (Fact.DECLINED, Fact.REFUND_ISSUED),
    (Fact.CAPTURED, Fact.REFUND_ISSUED),
)


def decide(state: State, record: PaymentsObservations, policy: Policy) -> tuple[Event, ...]:
    """Return what this record proves that was not known before.

    Ensures: a record whose news is known yields (); any order of a transaction's observations ends in the same state.
    """
    match record:
        case TransactionObserved():
            events = _on_observation(state, record)
            valued = _valued(reduce(evolve, events, state), record, policy)
            return _attempted(state, record, policy) + valued + events + _next_step_shown(state, record, policy)
        case RefundLinked():
            return _on_refund_linked(state, record)
        case DisputeReported():
            return _on_dispute(state, record)
        case ReportPaymentCode():
            return _on_code(state, record, policy)
        case RateAnswered():
            return _on_rate(state, record)
        case OrderPaymentAsked():
            return _on_order(state, record)
        case _:
            assert_never(record)


def evolve(state: State, event: PaymentsEvents) -> State:
    """Remember one event; accepts any event in any state."""
    known = _with_news(state, _with_event(state, event), event)
    if known.vault_customer_id is None and isinstance(event, PaymentAuthorized | AchPaymentInitiated | PaymentCaptured):
        known = replace(known, vault_customer_id=event.vault_customer_id)
    if known.asked_in and known.valuation is None:
        known = replace(known, held=(*known.held, *_moves(known, event)))
    observation = _observation_of(event)
    if observation is None:
        return known
    return replace(known, latest=observation if known.latest is None else max(known.latest, observation))


def _with_event(state: State, event: PaymentsEvents) -> State:
    match event:
        case PaymentAuthorized():
            return _with_authorization(_with(state, Fact.AUTHORIZED), event)
        case AuthorizationRecorded():
            return _with_authorization(state, event)
        case AchPaymentInitiated():
            return _with(state, Fact.ACH_INITIATED)
        case PaymentCaptured():
            rank = RANKS[TransactionStatus.PENDING_SETTLEMENT]
            observed = _with_amount(state, AmountObservation(event.occurred_at, rank, event.amount_minor))
            captured = _with(observed, Fact.CAPTURED)
            return replace(captured, captured_on=_value_on(event), identity=state.identity or _identity(event))
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
            return _ended(state, Fact.VOIDED_BY_RULE if by_rule else Fact.VOIDED, _value_on(event))
        case PaymentDeclined():
            return _with(state, Fact.DECLINED)
        case AchPaymentFailed():
            return _ended(state, Fact.ACH_FAILED, _value_on(event))
        case AchPaymentReturned():
            return _ended(state, Fact.ACH_RETURNED, _value_on(event))
        case CaptureReversed():
            return _with(state, Fact.CAPTURE_REVERSED)
        case RefundIssued():
            issued = _with(state, Fact.REFUND_ISSUED)
            issued = replace(issued, refund_minor=event.amount_minor, refunded_on=_value_on(event))
            return replace(issued, identity=state.identity or _identity(event))
        case RefundSettled():
            return _with(state, Fact.REFUND_SETTLED)
        case RefundReversed():
            return _with(state, Fact.REFUND_REVERSED)
        case RefundApplied():
            return replace(state, refunds={**state.refunds, event.refund_transaction_id: event.amount_minor})
        case PaymentChargedBack() | PaymentChargebackReversed():
            return replace(state, disputes={**state.disputes, _case_of(event): _taken(event)})
        case PaymentChargebackLost():
            return replace(state, lost={**state.lost, _case_of(event): event})
        case PaymentStatusUnrecognized():
            payer = state.vault_customer_id or event.vault_customer_id
            takes = state.may_take_money or event.kind not in _REFUNDS
            unread = state.unrecognized | {_words(event)}
            return replace(state, unrecognized=unread, vault_customer_id=payer, may_take_money=takes)
        case PaymentStatusRecognized():
            return state
        case NextStepFound():
            others = tuple(one for one in state.unheld if one.code_kind is not event.code_kind)
            waits = _must_hold(event) and event.vault_customer_id is None
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


def route(state: State, event: PaymentsEvents) -> tuple[Output, ...]:
    """Return what the other contexts must hear of this event.

    Each movement of money, what PayTrace settled of it, disputes.

    Units:   a movement's amount is non-negative, its direction is in its name; a change carries the difference.
    Ensures: every movement of a transaction carries the tokens of its first one, so that all go the same way.
    """
    moved = tuple(output for move in _moves_now(state, event) for output in _outputs(state, move))
    to_gateway = _to_gateway(state, event)
    to_risk = (Output(Topic.RISK_INBOX, event),) if isinstance(event, RiskAsked) else ()
    to_others = to_gateway + _to_orders(state, event) + _to_subscriptions(state, event)
    return to_risk + moved + _to_rates(event) + to_others


def _moves_now(state: State, event: PaymentsEvents) -> tuple[Move, ...]:
    """Return the movements that go out with this event: its own, or those that waited for the valuation."""
    if isinstance(event, PaymentValued):
        return state.held
    return () if state.asked_in and state.valuation is None else _moves(state, event)


def _moves(state: State, event: PaymentsEvents) -> tuple[Move, ...]:
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
            return (_taken_move(_taken(event), event.previous_minor),)
        case PaymentChargebackLost():
            return (_lost_move(event, event.previous_minor),)
        case PaymentCaptured():
            taken = [one for one in state.disputes.values() if one.reopens_invoice and one.amount_minor]
            lost = [one for one in state.lost.values() if one.lost_minor]
            return (*(_taken_move(one, 0) for one in taken), *(_lost_move(one, 0) for one in lost))
        case _:
            return ()


def _taken(event: PaymentChargedBack | PaymentChargebackReversed) -> Taken:
    return Taken(
        paytrace_transaction_id=event.paytrace_transaction_id,
        dispute_id=event.dispute_id,
        amount_minor=event.amount_minor,
        change_number=event.change_number,
        reopens_invoice=event.reopens_invoice,
        value_on=event.entered_on,
        occurred_at=event.occurred_at,
    )


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


def _to_rates(event: PaymentsEvents) -> tuple[Output, ...]:
    if not isinstance(event, ValuationAsked):
        return ()
    asked = RateAsked(
        currency_pair=event.currency_pair,
        paytrace_transaction_id=event.paytrace_transaction_id,
        value_on=event.value_on,
        amount_minor=event.amount_minor,
        currency=event.currency,
        occurred_at=event.occurred_at,
    )
    return (Output(Topic.RATES_INBOX, asked),)


def _to_gateway(state: State, event: PaymentsEvents) -> tuple[Output, ...]:
    """Hold refunds of money that a dispute takes, and charges where a code says so or an outcome is not known."""
    if isinstance(event, NextStepFound):
        return _charges_held(event)
    if isinstance(event, PaymentStatusUnrecognized | PaymentStatusRecognized):
        return _held_while_unknown(state, event)
    if not isinstance(event, PaymentChargedBack | PaymentChargebackReversed):
        return ()
    hold = HoldRefunds(
        subject=f"payment/{event.paytrace_transaction_id}",
        paytrace_transaction_id=event.paytrace_transaction_id,
        settlement_account=event.settlement_account,
        dispute_id=event.dispute_id,
        charged_back_minor=event.amount_minor,
        currency=event.currency,
        occurred_at=event.occurred_at,
    )
    return (Output(Topic.GATEWAY_COMMANDS, hold),)


def _with_news(before: State, state: State, event: PaymentsEvents) -> State:
    """Remember what orders hear of an event besides its facts, and whether it is news to them."""
    if isinstance(event, News):
        because = state.ended_because | frozenset(filter(None, [why(event)]))
        state = replace(state, currency=state.currency or getattr(event, "currency", ""), ended_because=because)
    if _proof(before) == _proof(state):
        return replace(state, is_news=False) if state.is_news else state
    return replace(state, revision=state.revision + 1, is_news=True)


def _to_orders(state: State, event: PaymentsEvents) -> tuple[Output, ...]:
    """Report to the orders that name this transaction how far it is proved, where the event changed that."""
    if not state.is_news:
        return ()
    found = reports(event, _proof(state), state.revision)
    return tuple(Output(Topic.ORDERS_INBOX, report) for report in found)


def _proof(state: State) -> Proof:
    return proof_of(
        state.orders,
        state.stage,
        (state.authorized_minor, state.captured_minor, state.refunded_minor),
        state.currency,
        ", ".join(sorted(state.ended_because)),
        awaits_risk=state.awaits_risk,
    )


def _charges_held(found: NextStepFound) -> tuple[Output, ...]:
    """Hold charges of the vault customer, or lift what an earlier code of this payment held."""
    if found.vault_customer_id is None:
        return ()
    hold = HoldCharges(
        subject=f"vault/{found.vault_customer_id}",
        vault_customer_id=found.vault_customer_id,
        paytrace_transaction_id=found.paytrace_transaction_id,
        code_kind=found.code_kind,
        code=found.code,
        meaning=found.meaning if found.correct is None else f"{found.meaning}: {found.correct}",
        is_held=_must_hold(found),
        most_entries=found.most_entries,
        entries_days=found.entries_days,
        amount_minor=found.amount_minor,
        currency=found.currency,
        noticed_on=found.noticed_on,
        occurred_at=found.occurred_at,
    )
    return (Output(Topic.GATEWAY_COMMANDS, hold),)


def _held_while_unknown(state: State, event: PaymentStatusUnrecognized | PaymentStatusRecognized) -> tuple[Output, ...]:
    """Hold charges while nobody knows whether a payment was taken: a second one might take the money twice."""
    is_held = isinstance(event, PaymentStatusUnrecognized) and state.is_unrecognized
    if state.vault_customer_id is None or not state.may_take_money:
        return ()
    hold = HoldCharges(
        subject=f"vault/{state.vault_customer_id}",
        vault_customer_id=state.vault_customer_id,
        paytrace_transaction_id=event.paytrace_transaction_id,
        code_kind=CodeKind.UNKNOWN,
        code="",
        meaning="an outcome that is not known yet; ask PayTrace first",
        is_held=is_held,
        noticed_on=business_day(event.occurred_at),
        occurred_at=event.occurred_at,
    )
    return (Output(Topic.GATEWAY_COMMANDS, hold),)


def _to_subscriptions(state: State, event: PaymentsEvents) -> tuple[Output, ...]:
    """Return what the subscriptions of a vault customer must know: money, its reversal, a decline, an open outcome."""
    step, code, meaning, again_on = NextStep.UNKNOWN, "", "", None
    match event:
        case PaymentCaptured():
            seen, on = PaymentSeen.CAPTURED, _value_on(event)
        case CaptureReversed():
            seen, on = PaymentSeen.REVERSED, _value_on(event)
        case PaymentStatusUnrecognized() if state.may_take_money:
            seen, on = PaymentSeen.UNCLEAR, business_day(event.occurred_at)
        case NextStepFound() if event.code_kind in _FAILURES and not event.pays_out:
            seen, on = _FAILURES[event.code_kind], event.noticed_on
            step, code, meaning, again_on = event.next_step, event.code, event.meaning, event.again_on
        case _:
            return ()
    if not event.vault_customer_id or event.amount_minor is None or not event.currency:
        return ()
    payment = SubscriptionPaymentSeen(
        vault_customer_id=event.vault_customer_id,
        paytrace_transaction_id=event.paytrace_transaction_id,
        seen=seen,
        amount_minor=event.amount_minor,
        currency=event.currency,
        invoice_number=event.invoice_number,
        happened_on=on,
        next_step=step,
        code=code,
        meaning=meaning,
        again_on=again_on,
        occurred_at=event.occurred_at,
    )
    return (Output(Topic.SUBSCRIPTIONS_INBOX, payment),)


def _must_hold(found: NextStepFound) -> bool:
    return found.stops_charges or found.most_entries is not None


def _next_step_shown(state: State, seen: TransactionObserved, policy: Policy) -> tuple[Event, ...]:
    """Say what the code of a return or decline allows; a code that waited for its vault customer is said again.

    No code is said once, and no more after one is known.
    """
    late = tuple(
        replace(one, vault_customer_id=seen.vault_customer_id, occurred_at=seen.observed_at)
        for one in state.unheld
        if seen.vault_customer_id is not None
    )
    reading = READINGS.get(seen.kind, {}).get(seen.status)
    if reading is None or _why_unrecognized(seen, reading) is not None:
        return ()
    match seen.status:
        case TransactionStatus.ACH_RETURNED:
            kind, code = CodeKind.RETURN, seen.return_code or ""
        case TransactionStatus.ACH_FAILED if seen.return_code:
            kind, code = CodeKind.RETURN, seen.return_code
        case TransactionStatus.DECLINED:
            kind, code = CodeKind.DECLINE, policy.codes.declined_by(seen.raw_response_code, seen.raw_status)
        case _:
            return late
    if (kind, code) in state.codes or (not code and any(known is kind for known, _ in state.codes)):
        return late
    found = _next_step(seen.paytrace_transaction_id, kind, code, Days(seen).ended_on(), policy, seen.observed_at)
    found = replace(
        found,
        vault_customer_id=seen.vault_customer_id,
        invoice_number=seen.invoice_number,
        amount_minor=seen.amount_minor,
        currency=seen.currency,
    )
    others = tuple(one for one in late if one.code_kind is not kind)
    return (*others, _of_refund(found) if seen.kind in _REFUNDS else found)


def _of_refund(found: NextStepFound) -> NextStepFound:
    """Return what a code of money that goes out allows: it stops no charge, and is no try of one."""
    return replace(found, pays_out=True, stops_charges=False, most_entries=None, entries_days=None)


def _on_code(state: State, reported: ReportPaymentCode, policy: Policy) -> tuple[Event, ...]:
    """Say what a code allows that a person reports; reported again, it counts again."""
    transaction_id, kind, at = reported.paytrace_transaction_id, reported.code_kind, reported.occurred_at
    found = _next_step(transaction_id, kind, reported.code, reported.noticed_on, policy, at)
    found = replace(found, vault_customer_id=state.vault_customer_id)
    if state.identity is not None:
        found = replace(
            found,
            invoice_number=state.identity.invoice_number,
            amount_minor=state.captured_minor,
            currency=state.identity.currency,
        )
    return (_of_refund(found) if Fact.REFUND_ISSUED in state.facts else found,)


def _next_step(transaction_id: str, kind: CodeKind, code: str, on: date, policy: Policy, at: datetime) -> NextStepFound:
    says = policy.codes.of(kind, code)
    is_change = kind is CodeKind.CHANGE
    return NextStepFound(
        paytrace_transaction_id=transaction_id,
        code_kind=kind,
        code=code,
        code_class=says.code_class,
        meaning=says.meaning,
        next_step=says.step,
        correct=says.correct,
        correct_by_on=banking_day_after(on, policy.codes.change_days) if is_change else None,
        again_on=None if says.again_after_days is None else on + timedelta(days=says.again_after_days),
        most_entries=says.most_entries,
        entries_days=says.entries_days,
        stops_charges=says.stops_charges,
        pays_out=False,
        noticed_on=on,
        occurred_at=at,
    )


def _attempted(state: State, seen: TransactionObserved, policy: Policy) -> tuple[Event, ...]:
    """Ask risk before any money goes out, where rules of risk are in force."""
    if state.attempt is None and not policy.assesses_risk:
        return ()
    has_moved = bool(state.facts & {Fact.CAPTURED, Fact.REFUND_ISSUED})
    return attempts.seen(state.attempt, seen, state.orders, has_moved=has_moved)


def _on_order(state: State, order: OrderPaymentAsked) -> tuple[Event, ...]:
    """Remember an order that names this transaction, and say what risk learns of it."""
    if order.shop_order in state.orders:
        return ()
    return (order, *(attempts.ordered(state.attempt, order, state.orders) if state.attempt is not None else ()))


def _on_observation(state: State, seen: TransactionObserved) -> tuple[Event, ...]:
    reading = READINGS[seen.kind].get(seen.status) if seen.kind in READINGS else None
    reason = _why_unrecognized(seen, reading)
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


def _valued(state: State, seen: TransactionObserved, policy: Policy) -> tuple[Event, ...]:
    """Value money that is in a foreign currency, or ask for a rate; `state` is the one after this observation.

    The value stands before the money, so that its movements carry it.
    """
    identity = state.identity
    if identity is None or state.valuation is not None or identity.currency == policy.base_currency:
        return ()
    rate = booked_by(seen, policy.base_currency) if seen.currency == identity.currency else None
    if rate is not None:
        return (
            PaymentValued(
                paytrace_transaction_id=seen.paytrace_transaction_id,
                currency=identity.currency,
                base_currency=policy.base_currency,
                rate=rate,
                rate_on=None,
                rate_provider="booked",
                occurred_at=seen.observed_at,
            ),
        )
    value_on = state.captured_on or state.refunded_on
    if state.asked_in or value_on is None:
        return ()
    return (
        ValuationAsked(
            paytrace_transaction_id=seen.paytrace_transaction_id,
            currency_pair=pair_of(identity.currency, policy.base_currency),
            amount_minor=state.captured_minor or state.refund_minor,
            currency=identity.currency,
            value_on=value_on,
            occurred_at=seen.observed_at,
        ),
    )


def _on_rate(state: State, answer: RateAnswered) -> tuple[Event, ...]:
    """Take the first answer to what was asked; a payment that is valued stays as it is."""
    identity = state.identity
    if identity is None or state.valuation is not None or not state.asked_in:
        return ()
    if answer.currency_pair != pair_of(identity.currency, state.asked_in):
        return ()
    return (
        PaymentValued(
            paytrace_transaction_id=answer.paytrace_transaction_id,
            currency=identity.currency,
            base_currency=state.asked_in,
            rate=answer.rate,
            rate_on=answer.rate_on,
            rate_provider=answer.rate_provider,
            occurred_at=answer.occurred_at,
        ),
    )


def _on_refund_linked(state: State, link: RefundLinked) -> tuple[Event, ...]:
    if link.refund_transaction_id in state.refunds:
        return ()
    return (
        RefundApplied(
            paytrace_transaction_id=link.paytrace_transaction_id,
            refund_transaction_id=link.refund_transaction_id,
            amount_minor=link.amount_minor,
            currency=link.currency,
            occurred_at=link.occurred_at,
        ),
    )


def _on_dispute(state: State, reported: DisputeReported) -> tuple[Event, ...]:
    """Return what is new of a dispute, which its case reports in order; a payment that nobody saw counts too."""
    known = state.disputes.get(_case_of(reported))
    known_minor = 0 if known is None else known.amount_minor
    events: tuple[Event, ...] = ()
    if reported.charged_back_minor != known_minor:
        moved = PaymentChargedBack if reported.charged_back_minor > known_minor else PaymentChargebackReversed
        events += (
            moved(
                paytrace_transaction_id=reported.paytrace_transaction_id,
                settlement_account=reported.settlement_account,
                dispute_id=reported.dispute_id,
                raw_stage=reported.raw_stage,
                previous_minor=known_minor,
                amount_minor=reported.charged_back_minor,
                change_number=1 + max((one.change_number for one in state.disputes.values()), default=0),
                currency=reported.currency,
                reason_code=reported.reason_code,
                entered_on=reported.entered_on,
                reopens_invoice=reported.reopens_invoice,
                occurred_at=reported.occurred_at,
            ),
        )
    lost = state.lost.get(_case_of(reported))
    lost_minor = 0 if lost is None else lost.lost_minor
    if reported.lost_minor != lost_minor and not reported.reopens_invoice:
        events += (
            PaymentChargebackLost(
                paytrace_transaction_id=reported.paytrace_transaction_id,
                settlement_account=reported.settlement_account,
                dispute_id=reported.dispute_id,
                raw_stage=reported.raw_stage,
                previous_minor=lost_minor,
                lost_minor=reported.lost_minor,
                change_number=1 + max((one.change_number for one in state.lost.values()), default=0),
                currency=reported.currency,
                reason_code=reported.reason_code,
                value_on=reported.entered_on,
                occurred_at=reported.occurred_at,
            ),
        )
    return events


def _case_of(reported: DisputeReported | DisputeEvent) -> str:
    return f"{reported.settlement_account} {reported.dispute_id}"


def _why_unrecognized(seen: TransactionObserved, reading: frozenset[Fact] | None) -> UnrecognizedReason | None:
    """Return why an observation can't be read; None when it can."""
    if seen.unreadable is not None:
        return UnrecognizedReason.ROW_UNREADABLE
    if seen.raw_amount is not None and (reading is None or not reading <= _WITHOUT_AMOUNT):
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
    if latest is None or latest < LatestObservation(seen.observed_at, True, _words(event)):
        return (event,)
    if _words(event) in state.unrecognized:
        return ()
    return (event,) if latest.is_unread else (event, _recognized_at(seen.paytrace_transaction_id, latest.observed_at))


def _recognized(state: State, events: tuple[Event, ...], seen: TransactionObserved) -> tuple[Event, ...]:
    """End the waiting; also keep the time of an observation that proved nothing new.

    Without the second, an unreadable observation that arrives late would wait although a later one could be read.
    """
    if state.latest is not None and seen.observed_at <= state.latest.observed_at:
        return ()
    if state.is_unrecognized or not any(map(_observation_of, events)):
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
    if not _is_later(state, seen) or seen.amount_minor == state.captured_minor:
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
        **_identifying(state.identity),
    }
    events: tuple[Event, ...] = ()
    if _completed(state, Fact.CAPTURED, _VOIDS | {Fact.ACH_RETURNED}, Fact.CAPTURE_REVERSED):
        reason = CaptureReversalReason.VOID if state.facts & _VOIDS else CaptureReversalReason.ACH_RETURN
        ends = _VOIDS if state.facts & _VOIDS else {Fact.ACH_RETURNED}
        value_on = reversed_on(_first_end(state, ends), state.captured_on)
        events += (CaptureReversed(amount_minor=state.captured_minor, reason=reason, value_on=value_on, **reported),)
    takes_it_back = _VOIDS | {Fact.ACH_FAILED, Fact.ACH_RETURNED}
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
    if Fact.CAPTURED not in reading or not _is_later(state, seen):
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
    return () if _with_authorization(state, recorded) == state else (recorded,)


def _is_later(state: State, seen: TransactionObserved) -> bool:
    return state.capture is None or state.capture < AmountObservation(
        seen.observed_at, RANKS[seen.status], seen.amount_minor
    )


def _reported_by(seen: TransactionObserved) -> dict[str, Any]:
    """Return the fields that most events take over from the observation as they are."""
    return {
        "paytrace_transaction_id": seen.paytrace_transaction_id,
        "amount_minor": seen.amount_minor,
        "occurred_at": seen.observed_at,
        **_identifying(seen),
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


def _observation_of(event: PaymentsEvents) -> LatestObservation | None:
    """Return the observation behind an event; None for an event that has another cause."""
    if isinstance(event, PaymentStatusUnrecognized):
        return LatestObservation(event.occurred_at, True, _words(event))
    return LatestObservation(event.occurred_at) if isinstance(event, _BY_READABLE_OBSERVATION) else None


def _words(event: PaymentStatusUnrecognized) -> tuple[str, ...]:
    """Return what tells one unreadable observation from another, besides when it was made."""
    amount = event.raw_amount if event.amount_minor is None else str(event.amount_minor)
    return event.reason.value, event.raw_kind, event.raw_status, amount or "", event.detail or ""


def _with(state: State, fact: Fact) -> State:
    return replace(state, facts=state.facts | {fact})


def _ended(state: State, fact: Fact, on: date) -> State:
    return replace(_with(state, fact), ended_on={**state.ended_on, fact: on})


def _value_on(event: Any) -> date:
    """Return the value date of an event that moves money or ends a payment."""
    on: date | None = getattr(event, "value_on", None)
    return on or business_day(event.occurred_at)


def _with_amount(state: State, observation: AmountObservation) -> State:
    return replace(state, capture=observation if state.capture is None else max(state.capture, observation))


def _with_authorization(state: State, event: PaymentAuthorized | AuthorizationRecorded) -> State:
    observed = AmountObservation(event.occurred_at, 0, event.amount_minor)
    return replace(state, authorization=max(state.authorization or observed, observed))


def _changed_amount(state: State, event: CaptureAmountChanged) -> AmountObservation:
    """Return the observation of an event that names no status: at the latest instant it has that rank."""
    rank = state.capture.rank if state.capture and state.capture.observed_at == event.occurred_at else 0
    return AmountObservation(event.occurred_at, rank, event.amount_minor)


def _identity(reported: TransactionObserved | PaymentCaptured | RefundIssued) -> Identity:
    return Identity(customer_reference=reported.customer_reference, **_identifying(reported))


def _identifying(reported: Identity | TransactionObserved | PaymentCaptured | RefundIssued) -> dict[str, Any]:
    return {name: getattr(reported, name) for name in _IDENTIFYING}


def _movement(event: Any, movement: Movement, from_minor: int, to_minor: int, *, suffix: str = "") -> Move:
    return Move(
        movement=movement,
        from_minor=from_minor,
        to_minor=to_minor,
        name=f"{event.paytrace_transaction_id}:{movement}{suffix}",
        transaction_id=event.paytrace_transaction_id,
        value_on=_value_on(event),
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


def _outputs(state: State, move: Move) -> tuple[Output, ...]:
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


def _stage(state: State) -> Stage:
    if state.charged_back_minor:
        left_minor = state.captured_minor - state.refunded_minor - state.charged_back_minor
        return Stage.PARTIALLY_CHARGED_BACK if left_minor > 0 else Stage.CHARGED_BACK
    facts = state.facts
    if Fact.CAPTURED in facts:
        return _stage_of_money(state)
    for fact, stage in _STAGES_WITHOUT_CAPTURE.items():
        if fact in facts:
            return stage
    return Stage.UNKNOWN


# The first one that is proved names the stage of a transaction that captured nothing.
_STAGES_WITHOUT_CAPTURE = {
    Fact.REFUND_REVERSED: Stage.REFUND_REVERSED,
    Fact.REFUND_ISSUED: Stage.REFUND_ISSUED,
    Fact.VOIDED: Stage.VOIDED,
    Fact.VOIDED_BY_RULE: Stage.VOIDED,
    Fact.ACH_RETURNED: Stage.RETURNED,
    Fact.DECLINED: Stage.DECLINED,
    Fact.ACH_FAILED: Stage.FAILED,
    Fact.ACH_INITIATED: Stage.ACH_PENDING,
    Fact.AUTHORIZED: Stage.AUTHORIZED,
}


def _stage_of_money(state: State) -> Stage:
    if Fact.CAPTURE_REVERSED in state.facts:
        return Stage.VOIDED if state.facts & _VOIDS else Stage.RETURNED
    if state.refunded_minor:
        return Stage.REFUNDED if state.refunded_minor >= state.captured_minor else Stage.PARTIALLY_REFUNDED
    if Fact.SETTLED in state.facts:
        return Stage.SETTLED
    is_cleared = state.identity is not None and state.identity.method in (
        PaymentMethod.ACH,
        PaymentMethod.BANK_TRANSFER,
    )
    return Stage.CLEARED if is_cleared else Stage.CAPTURED
