"""What an operator may do with a deposit: confirm, reject, take apart, dismiss, accept a fee schedule.

Each request becomes an event with who, when and why; one that can't be done, that names nobody or no reason, or that
means a suggestion that does not stand, becomes a refusal that says what would help. The same request twice is one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import TypeAlias, assert_never

from schemas.checks.attribution import why_not_attributed
from schemas.records.settlement import (
    AcceptFeeSchedule,
    BankLineDismissed,
    BankTransferRecorded,
    ConfirmDepositMatch,
    DepositMatched,
    DepositMatchRejected,
    DepositRestExplained,
    DepositUnmatched,
    DismissBankLine,
    FeeScheduleAccepted,
    RejectDepositMatch,
    SettlementLineKind,
    SettlementLineRecorded,
    SettlementRequest,
    SettlementRequestRefused,
    TakeBankTransfer,
    UnmatchDeposit,
)
from schemas.values.counting import counted
from schemas.values.money import Money, shown
from schemas.values.replacing import replace
from streams.domain.settlement.books import (
    BY_RULE,
    KEPT_DAYS,
    KNOWN_DAYS,
    Event,
    OpenDeposit,
    Rest,
    State,
    answer_key,
    schedule_subject,
    transfer_id,
)
from streams.domain.settlement.explaining import BY_GIVING_BACK, MOST_LINES, schedule_of
from streams.domain.settlement.policy import Policy
from streams.domain.settlement.transfers import BY_OPERATOR, as_line, left_of, named_by, recorded, return_of

Request: TypeAlias = (
    ConfirmDepositMatch | RejectDepositMatch | UnmatchDeposit | DismissBankLine | TakeBankTransfer | AcceptFeeSchedule
)


def answer(state: State, request: Request, policy: Policy) -> tuple[Event, ...]:
    """Return one event: done, or refused; () for a request that was answered."""
    subject = schedule_subject(request.version) if isinstance(request, AcceptFeeSchedule) else request.bank_line_id
    if answer_key(_NAMES[type(request)], request.requested_by, subject, request.requested_at) in state.answered:
        return ()
    missing = why_not_attributed(request.requested_by, request.reason)
    if missing:
        return _refused(request, subject, missing)
    if request.requested_by == BY_RULE:
        return _refused(request, subject, f"{BY_RULE!r} is no person; say who asks, by a name")
    if state.day is None:
        return _refused(request, subject, "nothing is known of this account")
    match request:
        case ConfirmDepositMatch():
            return _confirm(state, state.day, request, policy)
        case RejectDepositMatch():
            return _reject(state, state.day, request)
        case UnmatchDeposit():
            return _unmatch(state, state.day, request)
        case DismissBankLine():
            return _dismiss(state, state.day, request)
        case TakeBankTransfer():
            return _take(state, state.day, request, policy)
        case AcceptFeeSchedule():
            return _accept(state, request, subject)
        case _:
            assert_never(request)


def _confirm(state: State, today: date, request: ConfirmDepositMatch, policy: Policy) -> tuple[Event, ...]:
    asked = state.deposits.get(request.bank_line_id) or state.rests.get(request.bank_line_id)
    if asked is None:
        return _refused(request, request.bank_line_id, _not_open(state, request.bank_line_id))
    line_ids = tuple(sorted(set(request.line_ids)))
    stands = asked.suggested
    is_given_back = bool(request.suggestion_code) and stands is not None and stands.rule == BY_GIVING_BACK
    if not line_ids and not is_given_back:
        return _refused(request, request.bank_line_id, f"name the lines that it pays out; {_status(asked)}")
    if request.suggestion_code and not _is_meant(asked, request.suggestion_code, line_ids):
        return _refused(request, request.bank_line_id, _gone(asked, request.suggestion_code))
    lines = [line for line_id in line_ids if (line := state.line(line_id)) is not None]
    gone = sorted(set(line_ids) - {line.line_id for line in lines})
    if gone:
        return _refused(request, request.bank_line_id, f"not open: {', '.join(gone[:5])}")
    if len(line_ids) > MOST_LINES:
        return _refused(
            request, request.bank_line_id, f"{counted(len(line_ids), 'line')}, at most {MOST_LINES} at once"
        )
    records = sum(line.net_minor for line in lines)
    if isinstance(asked, Rest):
        return _explain(state, today, request, asked, records, policy)
    deposit, schedule = asked, schedule_of(state)
    stands = deposit.suggested if deposit.suggested and deposit.suggested.line_ids == line_ids else None
    carried, evidence = 0, f"{counted(len(line_ids), 'line')}, {shown(records, state.currency)}"
    if not line_ids:  # what it takes of its deposit is to come again
        records, carried, evidence = deposit.deposit_minor, -deposit.deposit_minor, "given back"
    # A person takes a difference for a fee, but for the rest of what was suggested.
    rest = stands.rest_minor if stands else 0
    matched = DepositMatched(
        settlement_account=request.settlement_account,
        bank_line_id=request.bank_line_id,
        deposit_id=stands.deposit_id if stands else deposit.deposit_id,
        line_ids=line_ids,
        records_minor=records,
        deposit_minor=deposit.deposit_minor,
        fee_minor=records - deposit.deposit_minor - rest,
        rest_minor=rest,
        expected_fee_minor=_expected(deposit, line_ids),
        currency=state.currency,
        schedule_version=schedule.version,
        rule=BY_OPERATOR,
        rule_version=policy.rule_version,
        carried_minor=carried,
        evidence=(f"{evidence}, against {shown(deposit.deposit_minor, state.currency)}",),
        matched_by=request.requested_by,
        authenticated_by=request.authenticated_by,
        approved_by=request.approved_by,
        reason=request.reason,
        book_on=today,
        occurred_at=request.requested_at,
    )
    return (matched,)


def _explain(
    state: State, today: date, request: ConfirmDepositMatch, rest: Rest, records: int, policy: Policy
) -> tuple[Event, ...]:
    """Return that these lines are what the rest of a matched bank line was; what they are more is a fee."""
    line_ids = tuple(sorted(set(request.line_ids)))
    left = f"the rest is {shown(rest.rest_minor, state.currency)}"
    explained = DepositRestExplained(
        settlement_account=request.settlement_account,
        bank_line_id=request.bank_line_id,
        deposit_id=rest.matched.deposit_id,
        line_ids=line_ids,
        records_minor=records,
        fee_minor=records + rest.rest_minor,
        rest_minor=rest.rest_minor,
        currency=state.currency,
        rule=BY_OPERATOR,
        rule_version=policy.rule_version,
        evidence=(f"{counted(len(line_ids), 'line')}, {shown(records, state.currency)}, {left}",),
        matched_by=request.requested_by,
        authenticated_by=request.authenticated_by,
        approved_by=request.approved_by,
        reason=request.reason,
        book_on=today,
        occurred_at=request.requested_at,
    )
    return (explained,)


def _expected(deposit: OpenDeposit, line_ids: tuple[str, ...]) -> int:
    suggested = deposit.suggested
    return suggested.expected_fee_minor if suggested and suggested.line_ids == line_ids else 0


def _reject(state: State, today: date, request: RejectDepositMatch) -> tuple[Event, ...]:
    deposit = state.deposits.get(request.bank_line_id) or state.rests.get(request.bank_line_id)
    if deposit is None:
        return _refused(request, request.bank_line_id, _not_open(state, request.bank_line_id))
    if deposit.suggested is None:
        return _refused(request, request.bank_line_id, f"nothing is suggested for it{_rejected(deposit)}")
    if not _is_meant(deposit, request.suggestion_code, request.line_ids):
        return _refused(request, request.bank_line_id, _gone(deposit, request.suggestion_code))
    rejected = DepositMatchRejected(
        settlement_account=request.settlement_account,
        bank_line_id=request.bank_line_id,
        line_ids=deposit.suggested.line_ids,
        requested_by=request.requested_by,
        authenticated_by=request.authenticated_by,
        approved_by=request.approved_by,
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
    if match.reported.carried_minor and state.line(match.due_id) is None:
        return _refused(
            request,
            request.bank_line_id,
            f"other bank lines brought the rest of deposit {match.reported.deposit_id}: unmatch those first",
        )
    rest = state.rests.get(request.bank_line_id)
    rest_minor = rest.rest_minor if rest else 0
    unmatched = DepositUnmatched(
        settlement_account=request.settlement_account,
        bank_line_id=request.bank_line_id,
        deposit_id=match.reported.deposit_id,
        line_ids=tuple(sorted(line.line_id for line in match.lines)),
        records_minor=match.reported.deposit_minor + match.fee_minor + rest_minor,
        deposit_minor=match.reported.deposit_minor,
        fee_minor=match.fee_minor,
        expected_fee_minor=match.expected_fee_minor,
        rest_minor=rest_minor,
        currency=state.currency,
        requested_by=request.requested_by,
        authenticated_by=request.authenticated_by,
        approved_by=request.approved_by,
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
        authenticated_by=request.authenticated_by,
        approved_by=request.approved_by,
        reason=request.reason,
        book_on=today,
        occurred_at=request.requested_at,
    )
    return (dismissed,)


def _take(state: State, today: date, request: TakeBankTransfer, policy: Policy) -> tuple[Event, ...]:
    """Let an open bank line be a customer's payment; what it names is what its words and the operator say."""
    deposit = state.deposits.get(request.bank_line_id)
    if deposit is None:
        return _refused(request, request.bank_line_id, _not_open(state, request.bank_line_id))
    if request.returns_line_id is not None:
        return _take_back(state, today, request, deposit, policy)
    if deposit.deposit_minor <= 0:
        remedy = "name the payment that it takes back (--returns BANK_LINE), confirm or dismiss it"
        return _refused(request, request.bank_line_id, f"it is a debit: nobody paid; {remedy}")
    line = SettlementLineRecorded(
        settlement_account=request.settlement_account,
        line_id=request.bank_line_id,
        kind=SettlementLineKind.DEPOSITED,
        amount_minor=deposit.deposit_minor,
        fee_minor=deposit.bank_fee_minor,
        currency=state.currency,
        moved_on=deposit.moved_on,
        book_on=today,
        card_type="",
        text=deposit.text,
        occurred_at=request.requested_at,
    )
    read = named_by(deposit.text, (), policy)
    named = replace(
        read,
        invoice_number=request.invoice_number or read.invoice_number,
        vault_customer_id=request.vault_customer_id or read.vault_customer_id,
    )
    taken = replace(recorded(line, named, (), policy, rule=BY_OPERATOR), deposit_minor=deposit.deposit_minor)
    return (_said_by(taken, request),)


def _take_back(
    state: State, today: date, request: TakeBankTransfer, debit: OpenDeposit, policy: Policy
) -> tuple[Event, ...]:
    """Let an open debit take back all or a part of what is left of the payment that the operator names."""
    named = request.returns_line_id or ""
    paid, back_minor = state.transfers.get(transfer_id(named)), -debit.paid_minor
    if paid is None:
        why = f"{named} is no payment of a customer in the last {KNOWN_DAYS} days"
    elif back_minor <= 0:
        why = "it is a credit: it takes nothing back"
    elif request.invoice_number or request.vault_customer_id:
        why = "invoice and customer are those of the payment that it takes back; leave them out"
    elif back_minor > (left := left_of(state, paid)):
        why = f"of payment {paid.paytrace_transaction_id} {shown(left, state.currency)} is left"
    else:
        line = replace(as_line(state, debit, request.requested_at), book_on=today)
        back = replace(return_of(paid, line, policy, deposit_minor=debit.deposit_minor), rule=BY_OPERATOR)
        return (_said_by(back, request),)
    return _refused(request, request.bank_line_id, why)


def _said_by(event: BankTransferRecorded, request: TakeBankTransfer) -> BankTransferRecorded:
    return replace(
        event,
        matched_by=request.requested_by,
        authenticated_by=request.authenticated_by,
        approved_by=request.approved_by,
        reason=request.reason,
    )


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
        authenticated_by=request.authenticated_by,
        approved_by=request.approved_by,
        reason=request.reason,
        occurred_at=request.requested_at,
    )
    return (accepted,)


def _is_meant(deposit: OpenDeposit | Rest, code: str, line_ids: Sequence[str]) -> bool:
    """Return whether what stands is what the operator saw: the same lines, and the same code where one was shown."""
    stands = deposit.suggested
    return stands is not None and set(stands.line_ids) == set(line_ids) and code in ("", stands.suggestion_code)


def _gone(deposit: OpenDeposit | Rest, code: str) -> str:
    which = f"suggestion {code}" if code else "what is meant"
    return f"{which} is gone or has changed; {_status(deposit)}{_rejected(deposit)}"


def _status(deposit: OpenDeposit | Rest) -> str:
    """Return what is suggested for a bank line now."""
    stands = deposit.suggested
    if stands is None:
        return "nothing is suggested now"
    records, fee = Money(stands.records_minor, stands.currency), Money(stands.fee_minor, stands.currency)
    lines = counted(len(stands.line_ids), "line")
    return f"suggested now: {stands.suggestion_code} ({lines}, {records}, difference {fee})"


def _rejected(deposit: OpenDeposit | Rest) -> str:
    return "; an operator has turned down a match of it" if deposit.rejected else ""


def _not_open(state: State, bank_line_id: str) -> str:
    """Return why nothing is decided about a bank line: who decided what about it before, where somebody did."""
    match, dismissed = state.matches.get(bank_line_id), state.dismissed.get(bank_line_id)
    if match is not None:
        reported = match.reported
        by = (
            ""
            if reported.matched_by == BY_RULE
            else _by("matched", reported.matched_by, reported.occurred_at, reported.reason)
        )
        return f"it is matched: unmatch it first{by}"
    if (paid := state.transfers.get(transfer_id(bank_line_id))) is not None:
        return f"it is payment {paid.paytrace_transaction_id} of a customer"
    if dismissed is not None:
        one = dismissed.reported
        return f"it is dismissed as other business{_by('dismissed', one.requested_by, one.occurred_at, one.reason)}"
    return "no open bank line has this id"


def _by(what: str, who: str, at: datetime, why: str) -> str:
    return f"; {who} {what} it at {at.astimezone(UTC):%Y-%m-%d %H:%M} UTC: {why}"


_NAMES = {
    ConfirmDepositMatch: SettlementRequest.CONFIRM_MATCH,
    RejectDepositMatch: SettlementRequest.REJECT_MATCH,
    UnmatchDeposit: SettlementRequest.UNMATCH,
    DismissBankLine: SettlementRequest.DISMISS_LINE,
    TakeBankTransfer: SettlementRequest.TAKE_TRANSFER,
    AcceptFeeSchedule: SettlementRequest.ACCEPT_FEES,
}


def _refused(request: Request, subject: str, refusal: str) -> tuple[Event, ...]:
    refused = SettlementRequestRefused(
        settlement_account=request.settlement_account,
        request=_NAMES[type(request)],
        subject=subject,
        refusal=refusal,
        requested_by=request.requested_by,
        authenticated_by=request.authenticated_by,
        approved_by=request.approved_by,
        reason=request.reason,
        occurred_at=request.requested_at,
    )
    return (refused,)
