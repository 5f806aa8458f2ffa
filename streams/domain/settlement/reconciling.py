"""What each record of the settlement inbox changes, and what follows from it.

When bank lines are asked about again is decided here too, because asking costs time: when they come, when a batch is
stated or becomes complete, when an operator says something, and when a day ends.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from typing import assert_never

from schemas.failures import Unreadable
from schemas.records.by_topic import SettlementInbox
from schemas.records.disputes import DisputeMoneyMoved, DisputeMovement
from schemas.records.identification import Movement
from schemas.records.ledger import DepositExplained, DepositReopened
from schemas.records.settlement import (
    AcceptFeeSchedule,
    BankDirection,
    BankLineObserved,
    BankStatementEnded,
    CardTypeObserved,
    CardTypeRecorded,
    ConfirmDepositMatch,
    DepositBreakFound,
    DepositMatched,
    DepositMatchRejected,
    DepositUnmatched,
    DismissBankLine,
    FeeScheduleAccepted,
    MoneySettled,
    ProcessorEntryKind,
    ProcessorEntryObserved,
    RejectDepositMatch,
    SettlementBatchObserved,
    SettlementBatchRecorded,
    SettlementLineKind,
    SettlementLineRecorded,
    SettlementLineRefused,
    SettlementRequestRefused,
    UnmatchDeposit,
)
from schemas.topic import Topic
from schemas.values.business_day import business_day
from streams.domain.output import Output
from streams.domain.settlement.books import (
    BANK_KINDS,
    BATCH_DAYS,
    KNOWN_DAYS,
    PAYMENT_KINDS,
    Batch,
    Event,
    KnownLine,
    State,
    evolve,
    refusal_id,
)
from streams.domain.settlement.days import day_end, restated
from streams.domain.settlement.explaining import Keys, findings, is_complete, keys_of, payments_of
from streams.domain.settlement.policy import Policy
from streams.domain.settlement.requests import Request, answer
from streams.domain.settlement.schedules import proposal

AHEAD = timedelta(days=7)  # banks date ahead over a weekend with holidays; more than that is a slip of the pen

_OF_MOVEMENT = {
    Movement.CAPTURED: SettlementLineKind.CAPTURED,
    Movement.AMOUNT_INCREASED: SettlementLineKind.AMOUNT_INCREASED,
    Movement.AMOUNT_DECREASED: SettlementLineKind.AMOUNT_DECREASED,
    Movement.VOIDED: SettlementLineKind.VOIDED,
    Movement.RETURNED: SettlementLineKind.RETURNED,
    Movement.REFUNDED: SettlementLineKind.REFUNDED,
    Movement.REFUND_VOIDED: SettlementLineKind.REFUND_VOIDED,
}
_OF_DIRECTION = {
    BankDirection.CREDIT: SettlementLineKind.DEPOSITED,
    BankDirection.DEBIT: SettlementLineKind.WITHDRAWN,
}
_OF_ENTRY = {
    ProcessorEntryKind.FEE: SettlementLineKind.FEE,
    ProcessorEntryKind.RESERVE_HELD: SettlementLineKind.RESERVE_HELD,
    ProcessorEntryKind.RESERVE_RELEASED: SettlementLineKind.RESERVE_RELEASED,
}
_OF_DISPUTE = {
    DisputeMovement.CHARGED_BACK: SettlementLineKind.CHARGED_BACK,
    DisputeMovement.CHARGEBACK_REVERSED: SettlementLineKind.CHARGEBACK_REVERSED,
}


def decide(state: State, record: SettlementInbox, policy: Policy) -> tuple[Event, ...]:
    """Return what this record changes for the account by the policy in force, and everything that follows from it.

    Ensures: a line, batch or request that was here yields (); no past day's figures change.
    Raises:  Unreadable for a line that is not money, and for a day that
             lies ahead of its source.
    """
    match record:
        case MoneySettled():
            return _on_line(state, _of_money(record), policy)
        case BankLineObserved():
            return _on_reported_line(state, _of_bank(record), policy)
        case ProcessorEntryObserved():
            # One number may come back for another fact: held, released and held again.
            return _on_reported_line(
                state, _of_entry(record), policy, f"{record.entry_id}:{record.kind}:{record.entered_on}"
            )
        case DisputeMoneyMoved():
            return _on_reported_line(state, _of_dispute(record), policy)
        case BankStatementEnded():
            return _on_statement(state, record, policy)
        case SettlementBatchObserved():
            return _on_batch(state, record, policy)
        case CardTypeObserved():
            return _on_card_type(state, record)
        case ConfirmDepositMatch() | RejectDepositMatch() | UnmatchDeposit() | DismissBankLine() | AcceptFeeSchedule():
            return _on_request(state, record, policy)
        case _:
            assert_never(record)


def route(state: State, event: Event) -> tuple[Output, ...]:
    """Tell the ledger what the bank and the processor moved."""
    match event:
        case SettlementLineRecorded() if event.kind in _OF_ENTRY.values():
            return (Output(Topic.LEDGER_INBOX, event),)
        case DepositMatched() if (match_ := state.matches.get(event.bank_line_id)) is not None:
            explained = DepositExplained(
                settlement_account=event.settlement_account,
                bank_line_id=event.bank_line_id,
                deposit_minor=event.deposit_minor,
                records_minor=event.records_minor,
                fee_minor=event.fee_minor,
                tax_minor=0,
                rest_minor=event.records_minor - event.deposit_minor - event.fee_minor,
                currency=event.currency,
                moved_on=match_.deposit.moved_on,
                occurred_at=event.occurred_at,
            )
            return (Output(Topic.LEDGER_INBOX, explained),)
        case DepositUnmatched():
            reopened = DepositReopened(
                settlement_account=event.settlement_account,
                bank_line_id=event.bank_line_id,
                currency=event.currency,
                occurred_at=event.occurred_at,
            )
            return (Output(Topic.LEDGER_INBOX, reopened),)
        case _:
            return ()


# -- lines ----------------------------------------------------------------------------------------------------------


def _on_line(state: State, line: SettlementLineRecorded, policy: Policy) -> tuple[Event, ...]:
    _check(line)
    if not line.amount_minor or _is_known(state, line):
        return ()
    return _recorded(state, line, policy)


def _on_reported_line(
    state: State, line: SettlementLineRecorded, policy: Policy, more_exact_id: str = ""
) -> tuple[Event, ...]:
    """Take a line whose id is the outside's own, which may say the same again, or use one id for two lines.

    Ensures: the same line again yields (); a line is never taken for another one that has its id: where a more exact
             id tells them apart it counts under that one, else it is refused where people see it, once.
    """
    _check(line)
    if not line.amount_minor:
        return ()
    known = None
    for line_id in filter(None, (line.line_id, more_exact_id)):
        reported = replace(line, line_id=line_id)
        if not _is_known(state, reported):
            return _recorded(state, reported, policy)
        known = state.known.get(line_id)
        if known == KnownLine(kind=line.kind, amount_minor=line.amount_minor, moved_on=line.moved_on):
            return ()
        if known is not None and (known.kind, known.moved_on) == (line.kind, line.moved_on):
            break
    if refusal_id(line.line_id, line.kind, line.amount_minor, line.moved_on) in state.known:
        return ()
    stands_for = f"{known.kind} {known.amount_minor} of {known.moved_on}" if known else "a line of the gateway"
    return (_refused(line, state.day or line.moved_on, f"its id stands for {stands_for} already"),)


def _recorded(state: State, line: SettlementLineRecorded, policy: Policy) -> tuple[Event, ...]:
    too_old = _too_old(state, line)
    if too_old:
        return too_old
    events = day_end(state, line.moved_on, line.occurred_at, policy)
    state = reduce(evolve, events, state)
    # What comes late counts on the day that runs.
    recorded = line if state.day is None else replace(line, book_on=max(state.day, line.moved_on))
    return (*events, recorded, *_after_line(evolve(state, recorded), recorded, policy))


def _check(line: SettlementLineRecorded) -> None:
    what = f"line {line.line_id} of {line.settlement_account}"
    if line.kind is SettlementLineKind.UNKNOWN or line.amount_minor < 0:
        raise Unreadable(f"{what} is no money: kind {line.kind}, amount_minor {line.amount_minor}")
    if not line.settlement_account.endswith(f"/{line.currency}") or len(line.currency) != 3:
        raise Unreadable(f"{what} is in {line.currency!r}; the key is <merchant>/<currency>")
    if line.moved_on > line.occurred_at.astimezone(UTC).date() + AHEAD:
        raise Unreadable(
            f"{what} is of {line.moved_on}, more than {AHEAD.days} days after it was seen; correct its date"
        )


def _is_known(state: State, line: SettlementLineRecorded) -> bool:
    """Payments reports each movement once; what is open or was just paid out is looked for all the same."""
    if line.line_id in state.known or line.line_id in state.deposits or state.line(line.line_id) is not None:
        return True
    return any(
        line.line_id in match.reported.line_ids
        for match in state.matches.values()
        if match.deposit.moved_on >= line.moved_on - timedelta(days=1)
    )


def _too_old(state: State, line: SettlementLineRecorded) -> tuple[SettlementLineRefused, ...]:
    """Return a refusal of a line that nobody remembers well enough to know whether it was here.

    () for any other line.
    """
    if state.day is None or line.kind in PAYMENT_KINDS:
        return ()
    oldest_on = state.day - timedelta(days=KNOWN_DAYS)
    return (_refused(line, oldest_on),) if line.moved_on < oldest_on else ()


def _refused(line: SettlementLineRecorded, oldest_on: date, detail: str = "") -> SettlementLineRefused:
    return SettlementLineRefused(
        settlement_account=line.settlement_account,
        line_id=line.line_id,
        kind=line.kind,
        amount_minor=line.amount_minor,
        currency=line.currency,
        moved_on=line.moved_on,
        oldest_on=oldest_on,
        occurred_at=line.occurred_at,
        detail=detail,
    )


def _after_line(state: State, line: SettlementLineRecorded, policy: Policy) -> tuple[Event, ...]:
    """Return which bank lines this line may explain: itself, or those that waited for the last line of its batch."""
    at = line.occurred_at
    if line.kind in BANK_KINDS:
        return _asked(state, [line.line_id], at, policy)
    if not state.deposits:
        return ()
    if line.kind not in PAYMENT_KINDS:
        return _asked(state, state.deposits, at, policy)
    keys = keys_of(state)
    opened = state.line(line.line_id)
    batch = keys.batch_of(opened) if opened else None
    if batch is None or not is_complete(batch, payments_of(state, keys, batch.batch_id)):
        return ()
    return _asked(state, _waiting_for(state, keys, batch), at, policy)


def _waiting_for(state: State, keys: Keys, batch: Batch) -> list[str]:
    """Bank lines that name this batch, and those that name none."""
    return [id_ for id_, one in state.deposits.items() if keys.of_deposit(one) in ("", batch.batch_id)]


def _asked(state: State, bank_line_ids: Iterable[str], at: datetime, policy: Policy) -> tuple[Event, ...]:
    """Return findings, a fee schedule that new breaks suggest, and the days whose status this changes."""
    events: tuple[Event, ...] = findings(state, bank_line_ids, at, policy)
    state = reduce(evolve, events, state)
    if any(isinstance(event, DepositBreakFound) for event in events):
        proposed = proposal(state, at)
        events += proposed
        state = reduce(evolve, proposed, state)
    return events + restated(state, state.day, at)


def _on_statement(state: State, reported: BankStatementEnded, policy: Policy) -> tuple[Event, ...]:
    """End the day that runs, and no later one: it may still get lines of the gateway that are in time."""
    if state.day is None or state.day > reported.through_on:
        return ()
    return day_end(state, state.day + timedelta(days=1), reported.occurred_at, policy)


# -- batches, card types, requests -----------------------------------------------------------------------------------


def _on_batch(state: State, seen: SettlementBatchObserved, policy: Policy) -> tuple[Event, ...]:
    recorded = SettlementBatchRecorded(
        settlement_account=seen.settlement_account,
        batch_id=seen.batch_id,
        batch_number=seen.batch_number,
        settled_on=seen.settled_on,
        settled_at=seen.settled_at,
        net_minor=seen.net_minor,
        currency=seen.currency,
        is_consistent=seen.is_consistent,
        occurred_at=seen.observed_at,
    )
    if state.day is not None and seen.settled_on < state.day - timedelta(days=BATCH_DAYS):
        return ()
    after = evolve(state, recorded)
    known, now = state.batches.get(seen.batch_id), after.batches[seen.batch_id]
    if known is not None and (
        now.observed_at < known.observed_at or replace(now, observed_at=known.observed_at) == known
    ):
        return ()
    keys = keys_of(after)
    return (recorded, *_asked(after, _waiting_for(after, keys, now), seen.observed_at, policy))


def _on_card_type(state: State, seen: CardTypeObserved) -> tuple[Event, ...]:
    if not seen.card_type.strip():
        raise Unreadable(f"CardTypeObserved {seen.paytrace_transaction_id} names no card type")
    recorded = CardTypeRecorded(
        settlement_account=seen.settlement_account,
        paytrace_transaction_id=seen.paytrace_transaction_id,
        card_type=seen.card_type.strip(),
        occurred_at=seen.observed_at,
    )
    after = evolve(state, recorded)
    return () if after.open == state.open else (recorded,)


def _on_request(state: State, request: Request, policy: Policy) -> tuple[Event, ...]:
    events = answer(state, request, policy)
    after = reduce(evolve, events, state)
    follow: tuple[Event, ...] = ()
    for event in events:
        match event:
            case SettlementRequestRefused():
                pass
            case FeeScheduleAccepted():
                follow += _asked(after, after.deposits, request.requested_at, policy)
            case DepositMatchRejected() | DepositUnmatched():
                follow += _asked(after, [event.bank_line_id], request.requested_at, policy)
            case _:
                follow += restated(after, after.day, request.requested_at)
    return events + follow


# -- readings --------------------------------------------------------------------------------------------------------


def _of_money(money: MoneySettled) -> SettlementLineRecorded:
    moved_on = money.moved_on or business_day(money.settled_at)
    return SettlementLineRecorded(
        settlement_account=money.settlement_account,
        line_id=money.line_id,
        kind=_OF_MOVEMENT.get(money.movement, SettlementLineKind.UNKNOWN),
        amount_minor=money.amount_minor,
        currency=money.currency,
        moved_on=moved_on,
        book_on=moved_on,
        card_type=money.method.value,
        batch_number=money.batch_number,
        settled_at=money.settled_at,
        paytrace_transaction_id=money.paytrace_transaction_id,
        text="",
        occurred_at=money.occurred_at,
    )


def _of_bank(seen: BankLineObserved) -> SettlementLineRecorded:
    return SettlementLineRecorded(
        settlement_account=seen.settlement_account,
        line_id=seen.bank_line_id,
        kind=_OF_DIRECTION.get(seen.direction, SettlementLineKind.UNKNOWN),
        amount_minor=seen.amount_minor,
        currency=seen.currency,
        moved_on=seen.booked_on,
        book_on=seen.booked_on,
        card_type="",
        batch_number=seen.batch_number,
        text=seen.text,
        occurred_at=seen.observed_at,
    )


def _of_entry(seen: ProcessorEntryObserved) -> SettlementLineRecorded:
    return SettlementLineRecorded(
        settlement_account=seen.settlement_account,
        line_id=seen.entry_id,
        kind=_OF_ENTRY.get(seen.kind, SettlementLineKind.UNKNOWN),
        amount_minor=seen.amount_minor,
        currency=seen.currency,
        moved_on=seen.entered_on,
        book_on=seen.entered_on,
        card_type="",
        batch_number=seen.batch_number,
        text=seen.raw_kind,
        occurred_at=seen.observed_at,
    )


def _of_dispute(moved: DisputeMoneyMoved) -> SettlementLineRecorded:
    return SettlementLineRecorded(
        settlement_account=moved.settlement_account,
        line_id=moved.line_id,
        kind=_OF_DISPUTE.get(moved.movement, SettlementLineKind.UNKNOWN),
        amount_minor=moved.amount_minor,
        currency=moved.currency,
        moved_on=moved.moved_on,
        book_on=moved.moved_on,
        card_type="",
        paytrace_transaction_id=moved.paytrace_transaction_id,
        text=moved.raw_stage,
        occurred_at=moved.occurred_at,
    )
