"""What an operator may do with a deposit: confirm, reject, take apart, dismiss, accept a fee schedule.

Each request becomes an event with who, when and why; one that can't be done becomes a refusal that says what would
help. The same request twice is one.
"""

from __future__ import annotations

from datetime import date
from typing import TypeAlias, assert_never

from schemas.records.settlement import (
    AcceptFeeSchedule,
    BankLineDismissed,
    ConfirmDepositMatch,
    DepositMatched,
    DepositMatchRejected,
    DepositUnmatched,
    DismissBankLine,
    FeeScheduleAccepted,
    RejectDepositMatch,
    SettlementRequest,
    SettlementRequestRefused,
    UnmatchDeposit,
)
from streams.domain.settlement.books import (
    BY_RULE,
    KEPT_DAYS,
    Event,
    OpenDeposit,
    State,
    answer_key,
    schedule_subject,
)
from streams.domain.settlement.explaining import MOST_LINES, RULE_VERSION, schedule_of

Request: TypeAlias = ConfirmDepositMatch | RejectDepositMatch | UnmatchDeposit | DismissBankLine | AcceptFeeSchedule

BY_OPERATOR = "operator"


def answer(state: State, request: Request) -> tuple[Event, ...]:
    """One event: done, or refused; () for a request that was answered."""
    subject = schedule_subject(request.version) if isinstance(request, AcceptFeeSchedule) else request.bank_line_id
    if answer_key(_NAMES[type(request)], request.requested_by, subject, request.requested_at) in state.answered:
        return ()
    if not request.requested_by.strip() or not request.reason.strip() or request.requested_by == BY_RULE:
        return _refused(request, subject, "say who asks (by a name) and why")
    if state.day is None:
        return _refused(request, subject, "nothing is known of this account")
    match request:
        case ConfirmDepositMatch():
            return _confirm(state, state.day, request)
        case RejectDepositMatch():
            return _reject(state, state.day, request)
        case UnmatchDeposit():
            return _unmatch(state, state.day, request)
        case DismissBankLine():
            return _dismiss(state, state.day, request)
        case AcceptFeeSchedule():
            return _accept(state, request, subject)
        case _:
            assert_never(request)


def _confirm(state: State, today: date, request: ConfirmDepositMatch) -> tuple[Event, ...]:
    deposit = state.deposits.get(request.bank_line_id)
    if deposit is None:
        return _refused(request, request.bank_line_id, _not_open(state, request.bank_line_id))
    suggested = deposit.suggested.line_ids if deposit.suggested else ()
    line_ids = tuple(sorted(set(request.line_ids or suggested)))
    if not line_ids:
        return _refused(request, request.bank_line_id, "nothing is suggested: name the lines that it pays out")
    lines = [line for line_id in line_ids if (line := state.line(line_id)) is not None]
    gone = sorted(set(line_ids) - {line.line_id for line in lines})
    if gone:
        return _refused(request, request.bank_line_id, f"not open: {', '.join(gone[:5])}")
    if len(line_ids) > MOST_LINES:
        return _refused(request, request.bank_line_id, f"{len(line_ids)} lines, at most {MOST_LINES} at once")
    records = sum(line.net_minor for line in lines)
    schedule = schedule_of(state)
    matched = DepositMatched(
        settlement_account=request.settlement_account,
        bank_line_id=request.bank_line_id,
        line_ids=line_ids,
        records_minor=records,
        deposit_minor=deposit.deposit_minor,
        fee_minor=records - deposit.deposit_minor,
        expected_fee_minor=_expected(deposit, line_ids),
        currency=state.currency,
        schedule_version=schedule.version,
        rule=BY_OPERATOR,
        rule_version=RULE_VERSION,
        evidence=(f"{len(line_ids)} lines, {records}, against {deposit.deposit_minor}",),
        matched_by=request.requested_by,
        reason=request.reason,
        book_on=today,
        occurred_at=request.requested_at,
    )
    return (matched,)


def _expected(deposit: OpenDeposit, line_ids: tuple[str, ...]) -> int:
    suggested = deposit.suggested
    return suggested.expected_fee_minor if suggested and suggested.line_ids == line_ids else 0


def _reject(state: State, today: date, request: RejectDepositMatch) -> tuple[Event, ...]:
    deposit = state.deposits.get(request.bank_line_id)
    if deposit is None:
        return _refused(request, request.bank_line_id, _not_open(state, request.bank_line_id))
    if deposit.suggested is None:
        return _refused(request, request.bank_line_id, "nothing is suggested for it")
    rejected = DepositMatchRejected(
        settlement_account=request.settlement_account,
        bank_line_id=request.bank_line_id,
        line_ids=deposit.suggested.line_ids,
        requested_by=request.requested_by,
        reason=request.reason,
        book_on=today,
        occurred_at=request.requested_at,
    )
    return (rejected,)


def _unmatch(state: State, today: date, request: UnmatchDeposit) -> tuple[Event, ...]:
    match = state.matches.get(request.bank_line_id)
    if match is None:
        return _refused(
            request,
            request.bank_line_id,
            f"it is not matched, or was more than {KEPT_DAYS} days ago: correct that in the ledger",
        )
    unmatched = DepositUnmatched(
        settlement_account=request.settlement_account,
        bank_line_id=request.bank_line_id,
        line_ids=match.told.line_ids,
        fee_minor=match.told.fee_minor,
        currency=state.currency,
        requested_by=request.requested_by,
        reason=request.reason,
        book_on=today,
        occurred_at=request.requested_at,
    )
    return (unmatched,)


def _dismiss(state: State, today: date, request: DismissBankLine) -> tuple[Event, ...]:
    deposit = state.deposits.get(request.bank_line_id)
    if deposit is None:
        return _refused(request, request.bank_line_id, _not_open(state, request.bank_line_id))
    dismissed = BankLineDismissed(
        settlement_account=request.settlement_account,
        bank_line_id=request.bank_line_id,
        deposit_minor=deposit.deposit_minor,
        currency=state.currency,
        requested_by=request.requested_by,
        reason=request.reason,
        book_on=today,
        occurred_at=request.requested_at,
    )
    return (dismissed,)


def _accept(state: State, request: AcceptFeeSchedule, subject: str) -> tuple[Event, ...]:
    proposed = state.proposal
    if proposed is None or proposed.version != request.version:
        newest = f"the proposal is version {proposed.version}" if proposed else "nothing is proposed"
        return _refused(request, subject, newest)
    accepted = FeeScheduleAccepted(
        settlement_account=request.settlement_account,
        version=proposed.version,
        rate_bps_by_card_type=proposed.rate_bps_by_card_type,
        per_item_by_card_type=proposed.per_item_by_card_type,
        per_batch_minor=proposed.per_batch_minor,
        tolerance_fixed_minor=proposed.tolerance_fixed_minor,
        tolerance_per_item_hundredths=proposed.tolerance_per_item_hundredths,
        currency=proposed.currency,
        batch_count=proposed.batch_count,
        explained_count=proposed.explained_count,
        worst_difference_minor=proposed.worst_difference_minor,
        requested_by=request.requested_by,
        reason=request.reason,
        occurred_at=request.requested_at,
    )
    return (accepted,)


def _not_open(state: State, bank_line_id: str) -> str:
    return "it is matched: unmatch it first" if bank_line_id in state.matches else "no open bank line has this id"


_NAMES = {
    ConfirmDepositMatch: SettlementRequest.CONFIRM_MATCH,
    RejectDepositMatch: SettlementRequest.REJECT_MATCH,
    UnmatchDeposit: SettlementRequest.UNMATCH,
    DismissBankLine: SettlementRequest.DISMISS_LINE,
    AcceptFeeSchedule: SettlementRequest.ACCEPT_FEES,
}


def _refused(request: Request, subject: str, refusal: str) -> tuple[Event, ...]:
    refused = SettlementRequestRefused(
        settlement_account=request.settlement_account,
        request=_NAMES[type(request)],
        subject=subject,
        refusal=refusal,
        requested_by=request.requested_by,
        reason=request.reason,
        occurred_at=request.requested_at,
    )
    return (refused,)
