"""What is known of one transaction: proved facts, amounts, identity, what disputes take, where it stands for people."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import date, datetime
from enum import StrEnum
from typing import Any, TypeAlias

from schemas.records.by_topic import PaymentsEvents
from schemas.records.orders import OrderPaymentAsked
from schemas.records.payments import (
    CodeKind,
    DisputeReported,
    NextStepFound,
    PaymentCaptured,
    PaymentChargebackLost,
    PaymentChargebackReversed,
    PaymentChargedBack,
    PaymentMethod,
    RefundIssued,
    TransactionObserved,
    TransactionStatus,
)
from schemas.records.risk import RiskAsked
from schemas.values.business_day import business_day
from streams.domain.payments.valuation import Move, Valuation

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


# Of two observations at one instant, the one whose status is further along is the later one.
RANKS = {
    TransactionStatus.PENDING_SETTLEMENT: 0,
    TransactionStatus.ACH_CLEARED: 0,
    TransactionStatus.BANK_BOOKED: 0,
    TransactionStatus.SETTLED: 1,
}


VOIDS = frozenset({Fact.VOIDED, Fact.VOIDED_BY_RULE})


def taken_by(event: PaymentChargedBack | PaymentChargebackReversed) -> Taken:
    """Return what a dispute takes from its event on."""
    return Taken(
        paytrace_transaction_id=event.paytrace_transaction_id,
        dispute_id=event.dispute_id,
        amount_minor=event.amount_minor,
        change_number=event.change_number,
        reopens_invoice=event.reopens_invoice,
        value_on=event.entered_on,
        occurred_at=event.occurred_at,
    )


def case_of(reported: DisputeReported | DisputeEvent) -> str:
    """Return what a dispute is known by: its ids are unique within a settlement account."""
    return f"{reported.settlement_account} {reported.dispute_id}"


def value_date(event: Any) -> date:
    """Return the value date of an event that moves money or ends a payment."""
    on: date | None = getattr(event, "value_on", None)
    return on or business_day(event.occurred_at)


def identifying(reported: Identity | TransactionObserved | PaymentCaptured | RefundIssued) -> dict[str, Any]:
    """Return the fields that say whose money it is."""
    return {name: getattr(reported, name) for name in _IDENTIFYING}


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
        return Stage.VOIDED if state.facts & VOIDS else Stage.RETURNED
    if state.refunded_minor:
        return Stage.REFUNDED if state.refunded_minor >= state.captured_minor else Stage.PARTIALLY_REFUNDED
    if Fact.SETTLED in state.facts:
        return Stage.SETTLED
    is_cleared = state.identity is not None and state.identity.method in (
        PaymentMethod.ACH,
        PaymentMethod.BANK_TRANSFER,
    )
    return Stage.CLEARED if is_cleared else Stage.CAPTURED
