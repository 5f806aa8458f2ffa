"""What each fact of a dispute changes: rules of agent `follow-disputes`, one case at a time.

The case is what its last fact says (case.py). Each change of its money is one line of the merchant account, so that
the bank's debit and credit both find theirs; its payment hears how much the dispute takes now.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, timedelta
from typing import TypeAlias, assert_never

from schemas.failures import Unreadable
from schemas.records.by_topic import DisputesEvents, DisputesInbox
from schemas.records.disputes import DisputeFact, DisputeMoneyMoved, DisputeMovement, DisputeObserved, DisputeRecorded
from schemas.records.payments import DisputeReported
from schemas.topic import Topic
from streams.domain.disputes.case import Case, entered
from streams.domain.output import Output

Event: TypeAlias = DisputesEvents
AHEAD = timedelta(days=7)  # processors date ahead over a weekend with holidays; more than that is a slip of the pen
MONEY_FACTS = (DisputeFact.DEBITED, DisputeFact.CREDITED)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """One case."""

    case: Case = field(default_factory=Case)


INITIAL = State()


def decide(state: State, record: DisputesInbox) -> tuple[Event, ...]:
    """Return what this record changes for the case.

    Ensures: a fact that was here yields (); any order of the same facts ends in the same case and the same money.
    Raises:  Unreadable for a fact that no rule knows, that is not of its case, or whose day lies ahead.
    """
    match record:
        case DisputeObserved():
            return _on_fact(state.case, record)
        case _:
            assert_never(record)


def evolve(state: State, event: DisputesEvents) -> State:
    """Remember one event; accepts any event in any state."""
    match event:
        case DisputeRecorded():
            case_ = state.case.with_fact(entered(event))
            if event.moved_minor < 0:
                case_ = replace(case_, taken_lines=case_.taken_lines + 1)
            elif event.moved_minor > 0:
                case_ = replace(case_, returned_lines=case_.returned_lines + 1)
            return replace(state, case=case_)
        case _:
            assert_never(event)


def route(_state: State, event: DisputesEvents) -> tuple[Output, ...]:
    """Return what the account must hear of changed money, and the payment of what the dispute takes from it now."""
    match event:
        case DisputeRecorded():
            return _to_account(event) + _to_payment(event)
        case _:
            assert_never(event)


def _on_fact(case: Case, seen: DisputeObserved) -> tuple[Event, ...]:
    _check(seen)
    fact = entered(seen)
    if case.knows(fact):
        return ()
    after = case.with_fact(fact)
    moved = after.position_minor - case.position_minor
    lines = case.taken_lines if moved < 0 else case.returned_lines
    return (
        DisputeRecorded(
            dispute_case=seen.dispute_case,
            settlement_account=seen.settlement_account,
            dispute_id=seen.dispute_id,
            fact=seen.fact,
            raw_stage=seen.raw_stage,
            sequence=seen.sequence,
            named_transaction_id=fact.transaction_id,
            amount_minor=seen.amount_minor,
            currency=seen.currency,
            reason_code=fact.reason_code,
            respond_by_on=seen.respond_by_on,
            entered_on=seen.entered_on,
            origin=seen.origin,
            occurred_at=seen.observed_at,
            stage=after.stage,
            previous_minor=case.charged_back_minor,
            charged_back_minor=after.charged_back_minor,
            previous_lost_minor=case.lost_minor,
            lost_minor=after.lost_minor,
            moved_minor=moved,
            line_number=lines + 1 if moved else 0,
            previous_transaction_id=case.transaction_id,
            paytrace_transaction_id=after.transaction_id,
            deadline_on=after.deadline_on,
        ),
    )


def _check(seen: DisputeObserved) -> None:
    what = f"dispute {seen.dispute_case}, {seen.raw_stage or seen.fact}"
    if seen.dispute_case != f"{seen.settlement_account}/{seen.dispute_id}":
        raise Unreadable(f"{what} is not of its case; the key is {seen.settlement_account}/{seen.dispute_id}")
    if seen.fact is DisputeFact.UNKNOWN:
        raise Unreadable(f"{what} is a stage that no rule knows; map it in the profile of its source")
    if seen.amount_minor < 0 or (seen.fact in MONEY_FACTS and not seen.amount_minor):
        raise Unreadable(f"{what} is no money: amount_minor {seen.amount_minor}")
    if not seen.settlement_account.endswith(f"/{seen.currency}") or len(seen.currency) != 3:
        raise Unreadable(f"{what} is in {seen.currency!r}; the account is <merchant>/<currency>")
    if seen.entered_on > seen.observed_at.astimezone(UTC).date() + AHEAD:
        raise Unreadable(
            f"{what} is of {seen.entered_on}, more than {AHEAD.days} days after it was seen; correct its date"
        )


def _to_account(event: DisputeRecorded) -> tuple[Output, ...]:
    """Return the line of the merchant account; however often a case flips, its lines come to its last money fact."""
    if not event.moved_minor:
        return ()
    movement = DisputeMovement.CHARGED_BACK if event.moved_minor < 0 else DisputeMovement.CHARGEBACK_REVERSED
    number = "" if event.line_number == 1 else f":{event.line_number}"
    moved = DisputeMoneyMoved(
        settlement_account=event.settlement_account,
        dispute_case=event.dispute_case,
        dispute_id=event.dispute_id,
        line_id=f"{event.dispute_id}:{movement}{number}",
        movement=movement,
        amount_minor=abs(event.moved_minor),
        currency=event.currency,
        paytrace_transaction_id=event.paytrace_transaction_id,
        reason_code=event.reason_code,
        raw_stage=event.raw_stage,
        moved_on=event.entered_on,
        occurred_at=event.occurred_at,
    )
    return Output(Topic.SETTLEMENT_INBOX, moved), Output(Topic.LEDGER_INBOX, moved)


def _to_payment(event: DisputeRecorded) -> tuple[Output, ...]:
    """Return what the payment must hear: how much the dispute takes now.

    A payment that it no longer names gets its money.
    """
    now, before = event.paytrace_transaction_id, event.previous_transaction_id
    taken = event.charged_back_minor
    outputs: tuple[Output, ...] = ()
    if before is not None and before != now and event.previous_minor:
        outputs += (_disputed(event, before, 0),)
    if now is not None and taken != (event.previous_minor if before == now else 0):
        outputs += (_disputed(event, now, taken),)
    return outputs


def _disputed(event: DisputeRecorded, transaction_id: str, charged_back_minor: int) -> Output:
    reported = DisputeReported(
        paytrace_transaction_id=transaction_id,
        settlement_account=event.settlement_account,
        dispute_id=event.dispute_id,
        raw_stage=event.raw_stage,
        charged_back_minor=charged_back_minor,
        currency=event.currency,
        reason_code=event.reason_code,
        entered_on=event.entered_on,
        occurred_at=event.occurred_at,
    )
    return Output(Topic.PAYMENTS_OBSERVATIONS, reported)
