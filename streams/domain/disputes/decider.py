"""What each fact of a dispute changes: rules of agent `follow-disputes`, one case at a time.

The case is what its last fact says (case.py). Each change of its money is one line of the merchant account, so that
the bank's debit and credit both find theirs; its payment hears how much the dispute takes now.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, timedelta
from typing import TypeAlias, assert_never

from schemas.checks.attribution import why_not_attributed
from schemas.failures import Unreadable
from schemas.records.by_topic import DisputesEvents, DisputesInbox
from schemas.records.disputes import (
    DayBegan,
    DisputeDeadlineNear,
    DisputeDeadlinePassed,
    DisputeDeadlineSet,
    DisputeFact,
    DisputeFactRefused,
    DisputeMoneyMoved,
    DisputeMovement,
    DisputeObserved,
    DisputeRecorded,
    RecordDisputeFact,
)
from schemas.records.payments import DisputeReported
from schemas.topic import Topic
from schemas.values.replacing import replace
from streams.domain.disputes.calendar import CALENDAR, Calendar, on_calendar, with_event
from streams.domain.disputes.case import Case, Entered, entered
from streams.domain.disputes.policy import Policy
from streams.domain.output import Output

Event: TypeAlias = DisputesEvents
AHEAD = timedelta(days=7)  # processors date ahead over a weekend with holidays; more than that is a slip of the pen
MONEY_FACTS = (DisputeFact.DEBITED, DisputeFact.CREDITED)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """One case, or under the key of the calendar the deadlines of all cases."""

    case: Case = field(default_factory=Case)
    calendar: Calendar = field(default_factory=Calendar)
    command_ids: frozenset[str] = frozenset()


INITIAL = State()


def decide(state: State, record: DisputesInbox, policy: Policy) -> tuple[Event, ...]:
    """Return what this record changes for the case, or which deadlines need attention, by the policy in force.

    Ensures: a fact that was here yields (); any order of the same facts ends in the same case and the same money.
    Raises:  Unreadable for a fact that no rule knows, that is not of its case, or whose day lies ahead.
    """
    match record:
        case DisputeObserved():
            return _on_fact(state.case, record, policy)
        case RecordDisputeFact():
            return _on_command(state, record, policy)
        case DisputeDeadlineSet() | DayBegan():
            return on_calendar(state.calendar, record, policy)
        case _:
            assert_never(record)


def evolve(state: State, event: DisputesEvents) -> State:
    """Remember one event; accepts any event in any state."""
    match event:
        case DisputeRecorded():
            case_ = replace(state.case.with_fact(entered(event)), reopens_invoice=event.reopens_invoice)
            if event.moved_minor < 0:
                case_ = replace(case_, taken_lines=case_.taken_lines + 1)
            elif event.moved_minor > 0:
                case_ = replace(case_, returned_lines=case_.returned_lines + 1)
            commands = state.command_ids | ({event.command_id} if event.command_id else set())
            return replace(state, case=case_, command_ids=commands)
        case DisputeFactRefused():
            return replace(state, command_ids=state.command_ids | {event.command_id})
        case DisputeDeadlineSet() | DayBegan() | DisputeDeadlineNear() | DisputeDeadlinePassed():
            return replace(state, calendar=with_event(state.calendar, event))
        case _:
            assert_never(event)


def route(_state: State, event: DisputesEvents) -> tuple[Output, ...]:
    """Return what the account must hear of changed money, and the payment of what the dispute takes from it now."""
    match event:
        case DisputeRecorded():
            return _to_account(event) + _to_payment(event) + _to_calendar(event)
        case DisputeFactRefused() | DisputeDeadlineSet() | DayBegan() | DisputeDeadlineNear() | DisputeDeadlinePassed():
            return ()
        case _:
            assert_never(event)


def _on_fact(case: Case, seen: DisputeObserved, policy: Policy) -> tuple[Event, ...]:
    if problem := _problem(seen):
        raise Unreadable(problem)
    fact = entered(seen)
    return () if case.knows(fact) else (_recorded(case, seen, fact, policy),)


def _on_command(state: State, command: RecordDisputeFact, policy: Policy) -> tuple[Event, ...]:
    """Return the fact that a person states, or why it is not taken: a person gets an answer in each case."""
    if command.command_id in state.command_ids:
        return ()
    seen = DisputeObserved(
        dispute_case=command.dispute_case,
        settlement_account=command.settlement_account,
        dispute_id=command.dispute_id,
        fact=command.fact,
        raw_stage=command.fact.value,
        paytrace_transaction_id=command.paytrace_transaction_id,
        amount_minor=command.amount_minor,
        currency=command.currency,
        reason_code=command.reason_code,
        respond_by_on=command.respond_by_on,
        entered_on=command.entered_on,
        sequence=command.sequence,
        origin=f"person:{command.decided_by}",
        observed_at=command.occurred_at,
        raw="{}",
    )
    refused = why_not_attributed(command.decided_by, command.reason) or _problem(seen)
    if not refused and state.case.knows(entered(seen)):
        refused = "the case says so already"
    if refused:
        return (
            DisputeFactRefused(
                command_id=command.command_id,
                dispute_case=command.dispute_case,
                settlement_account=command.settlement_account,
                dispute_id=command.dispute_id,
                fact=command.fact,
                refused_because=refused,
                decided_by=command.decided_by,
                authenticated_by=command.authenticated_by,
                approved_by=command.approved_by,
                reason=command.reason,
                occurred_at=command.occurred_at,
            ),
        )
    return (replace(_recorded(state.case, seen, entered(seen), policy), command_id=command.command_id),)


def _recorded(case: Case, seen: DisputeObserved, fact: Entered, policy: Policy) -> DisputeRecorded:
    """Return the fact and what it changes; a case is booked to its end as it was begun, whatever is adopted then."""
    reopens = policy.chargeback == "reopen" if case.reopens_invoice is None else case.reopens_invoice
    after = case.with_fact(fact)
    moved = after.position_minor - case.position_minor
    lines = case.taken_lines if moved < 0 else case.returned_lines
    return DisputeRecorded(
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
        previous_deadline_on=case.deadline_on,
        deadline_on=after.deadline_on,
        disputed_minor=after.disputed_minor,
        reopens_invoice=reopens,
    )


def _problem(seen: DisputeObserved) -> str:
    """Return what is wrong with a fact; empty if nothing is."""
    what = f"dispute {seen.dispute_case}, {seen.raw_stage or seen.fact}"
    if seen.dispute_case != f"{seen.settlement_account}/{seen.dispute_id}":
        return f"{what} is not of its case; the key is {seen.settlement_account}/{seen.dispute_id}"
    if seen.fact is DisputeFact.UNKNOWN:
        return f"{what} is a stage that no rule knows; map it in the profile of its source"
    if seen.amount_minor < 0 or (seen.fact in MONEY_FACTS and not seen.amount_minor):
        return f"{what} is no money: amount_minor {seen.amount_minor}"
    if not seen.settlement_account.endswith(f"/{seen.currency}") or len(seen.currency) != 3:
        return f"{what} is in {seen.currency!r}; the account is <merchant>/<currency>"
    if seen.entered_on > seen.observed_at.astimezone(UTC).date() + AHEAD:
        return f"{what} is of {seen.entered_on}, more than {AHEAD.days} days after it was seen; correct its date"
    return ""


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
        reopens_invoice=event.reopens_invoice,
        occurred_at=event.occurred_at,
    )
    return Output(Topic.SETTLEMENT_INBOX, moved), Output(Topic.LEDGER_INBOX, moved)


def _to_payment(event: DisputeRecorded) -> tuple[Output, ...]:
    """Return what the payment must hear: how much the dispute takes now, and what of it is lost for good.

    A payment that it no longer names gets its money.
    """
    now, before = event.paytrace_transaction_id, event.previous_transaction_id
    taken, known = (event.charged_back_minor, event.lost_minor), (event.previous_minor, event.previous_lost_minor)
    outputs: tuple[Output, ...] = ()
    if before is not None and before != now and any(known):
        outputs += (_disputed(event, before, 0, 0),)
    if now is not None and taken != (known if before == now else (0, 0)):
        outputs += (_disputed(event, now, *taken),)
    return outputs


def _disputed(event: DisputeRecorded, transaction_id: str, charged_back_minor: int, lost_minor: int) -> Output:
    reported = DisputeReported(
        paytrace_transaction_id=transaction_id,
        settlement_account=event.settlement_account,
        dispute_id=event.dispute_id,
        raw_stage=event.raw_stage,
        charged_back_minor=charged_back_minor,
        lost_minor=lost_minor,
        currency=event.currency,
        reason_code=event.reason_code,
        entered_on=event.entered_on,
        reopens_invoice=event.reopens_invoice,
        occurred_at=event.occurred_at,
    )
    return Output(Topic.PAYMENTS_OBSERVATIONS, reported)


def _to_calendar(event: DisputeRecorded) -> tuple[Output, ...]:
    """Return a deadline to watch, or one that ended; a case without one is not watched."""
    if event.deadline_on is None and event.previous_deadline_on is None:
        return ()
    deadline = DisputeDeadlineSet(
        calendar=CALENDAR,
        dispute_case=event.dispute_case,
        settlement_account=event.settlement_account,
        dispute_id=event.dispute_id,
        stage=event.stage,
        reason_code=event.reason_code,
        paytrace_transaction_id=event.paytrace_transaction_id,
        amount_minor=event.disputed_minor,
        currency=event.currency,
        deadline_on=event.deadline_on,
        occurred_at=event.occurred_at,
    )
    return (Output(Topic.DISPUTES_INBOX, deadline),)
