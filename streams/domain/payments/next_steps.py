"""What a code of a return, notice or decline allows next, and which charges it holds."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from schemas.records.by_topic import PaymentsEvents
from schemas.records.gateway import HoldCharges, HoldRefunds
from schemas.records.payments import (
    CodeKind,
    NextStepFound,
    PaymentChargebackReversed,
    PaymentChargedBack,
    PaymentStatusRecognized,
    PaymentStatusUnrecognized,
    ReportPaymentCode,
    TransactionObserved,
    TransactionStatus,
)
from schemas.topic import Topic
from schemas.values.business_day import business_day
from schemas.values.replacing import replace
from streams.domain.output import Output
from streams.domain.payments.codes import banking_day_after
from streams.domain.payments.evolving import must_hold
from streams.domain.payments.policy import Policy
from streams.domain.payments.proofs import why_unrecognized
from streams.domain.payments.readings import READINGS, REFUNDS
from streams.domain.payments.state import Event, Fact, State
from streams.domain.payments.value_dates import Days


def gateway_hears(state: State, event: PaymentsEvents) -> tuple[Output, ...]:
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
        is_held=must_hold(found),
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


def next_step_shown(state: State, seen: TransactionObserved, policy: Policy) -> tuple[Event, ...]:
    """Say what the code of a return or decline allows; a code that waited for its vault customer is said again.

    No code is said once, and no more after one is known.
    """
    late = tuple(
        replace(one, vault_customer_id=seen.vault_customer_id, occurred_at=seen.observed_at)
        for one in state.unheld
        if seen.vault_customer_id is not None
    )
    reading = READINGS.get(seen.kind, {}).get(seen.status)
    if reading is None or why_unrecognized(seen, reading) is not None:
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
    return (*others, _of_refund(found) if seen.kind in REFUNDS else found)


def _of_refund(found: NextStepFound) -> NextStepFound:
    """Return what a code of money that goes out allows: it stops no charge, and is no try of one."""
    return replace(found, pays_out=True, stops_charges=False, most_entries=None, entries_days=None)


def on_code(state: State, reported: ReportPaymentCode, policy: Policy) -> tuple[Event, ...]:
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
