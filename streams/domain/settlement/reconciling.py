"""What each record of the settlement inbox changes, and what follows from it.

When bank lines are asked about again is decided here too, because asking costs time: when they come, when a batch is
stated or becomes complete, when an operator says something, and when a day ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from typing import assert_never

from schemas.failures import Unreadable
from schemas.records.by_topic import SettlementInbox
from schemas.records.disputes import DisputeMoneyMoved, DisputeMovement
from schemas.records.identification import Movement
from schemas.records.ledger import DepositExplained, DepositReopened
from schemas.records.settlement import (
    BankDirection,
    BankLineObserved,
    BankStatementEnded,
    BankTransferRecorded,
    BreakReason,
    CardTypeObserved,
    CardTypeRecorded,
    DepositBreakFound,
    DepositMatched,
    DepositMatchRejected,
    DepositReported,
    DepositReportRecorded,
    DepositRestExplained,
    DepositUnmatched,
    FeeScheduleAccepted,
    FeeStatementRecorded,
    MoneySettled,
    ProcessorEntryKind,
    ProcessorEntryObserved,
    SettlementBatchObserved,
    SettlementBatchRecorded,
    SettlementLineKind,
    SettlementLineRecorded,
    SettlementLineRefused,
    SettlementRequestRefused,
)
from schemas.topic import Topic
from schemas.values.business_day import business_day
from schemas.values.replacing import replace
from streams.domain.output import Output
from streams.domain.settlement.books import (
    BANK_KINDS,
    BATCH_DAYS,
    KNOWN_DAYS,
    PAYMENT_KINDS,
    Batch,
    Event,
    KnownLine,
    OpenDeposit,
    OpenLine,
    State,
    evolve,
    refusal_id,
)
from streams.domain.settlement.days import day_end, restated
from streams.domain.settlement.explaining import NO_MERCHANT, Keys, findings, is_complete, keys_of, payments_of
from streams.domain.settlement.policy import Policy
from streams.domain.settlement.reported import sum_of_parts
from streams.domain.settlement.requests import Request, answer
from streams.domain.settlement.rests import after_line, after_schedule
from streams.domain.settlement.schedules import proposal
from streams.domain.settlement.transfers import late_returns, observed, transfer_of

BANK_CHARGE = "BANK_CHARGE"  # kind of what a bank charges for a transfer
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
    ProcessorEntryKind.FEE_GIVEN_BACK: SettlementLineKind.FEE_GIVEN_BACK,
    ProcessorEntryKind.CHARGEBACK_FEE: SettlementLineKind.CHARGEBACK_FEE,
    ProcessorEntryKind.CHARGEBACK_FEE_GIVEN_BACK: SettlementLineKind.CHARGEBACK_FEE_GIVEN_BACK,
    ProcessorEntryKind.FEE_STATEMENT: SettlementLineKind.FEE,  # where it was taken out of a deposit
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
            return _on_bank_line(state, record, policy)
        case ProcessorEntryObserved() if record.kind is ProcessorEntryKind.FEE_STATEMENT and not record.deposit_id:
            return _on_fee_statement(state, record, policy)
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
        case DepositReported():
            return _on_report(state, record, policy)
        case CardTypeObserved():
            return _on_card_type(state, record)
        case _ if isinstance(record, Request):
            return _on_request(state, record, policy)
        case _:
            assert_never(record)


def route(state: State, event: Event) -> tuple[Output, ...]:
    """Tell the ledger what bank and processor moved, and announce a reported deposit where lines name no merchant."""
    match event:
        case DepositReportRecorded() if not event.settlement_account.startswith(NO_MERCHANT):
            return (Output(Topic.SETTLEMENT_INBOX, _announced(event)),)
        case SettlementLineRecorded() if event.kind in _OF_ENTRY.values():
            return (Output(Topic.LEDGER_INBOX, event),)
        case DepositRestExplained():
            return (Output(Topic.LEDGER_INBOX, event),)
        case DepositMatched() if (match_ := state.matches.get(event.bank_line_id)) is not None:
            explained = DepositExplained(
                settlement_account=event.settlement_account,
                bank_line_id=event.bank_line_id,
                deposit_minor=event.deposit_minor,
                bank_minor=match_.deposit.bank_minor,
                bank_currency=match_.deposit.bank_currency,
                records_minor=event.records_minor,
                fee_minor=event.fee_minor,
                tax_minor=event.tax_minor,
                fee_kind=match_.statement.fee_kind if match_.statement is not None else "",
                rest_minor=event.rest_minor,
                currency=event.currency,
                moved_on=match_.deposit.moved_on,
                occurred_at=event.occurred_at,
            )
            return (Output(Topic.LEDGER_INBOX, explained),)
        case BankTransferRecorded():
            return _transfer_outputs(event)
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


def _transfer_outputs(event: BankTransferRecorded) -> tuple[Output, ...]:
    """Send a customer's payment to the payments, and what the bank charged for it to the ledger."""
    payment = Output(Topic.PAYMENTS_OBSERVATIONS, observed(event))
    if not event.fee_minor:
        return (payment,)
    charged = DepositExplained(
        settlement_account=event.settlement_account,
        bank_line_id=event.bank_line_id,
        deposit_minor=-event.fee_minor,
        records_minor=0,
        fee_minor=event.fee_minor,
        tax_minor=0,
        fee_kind=BANK_CHARGE,
        rest_minor=0,
        currency=event.currency,
        moved_on=event.booked_on,
        occurred_at=event.occurred_at,
    )
    return payment, Output(Topic.LEDGER_INBOX, charged)


def _announced(event: DepositReportRecorded) -> DepositReported:
    """Return a reported deposit for the account of lines that name no merchant, so that they are not guessed there."""
    return DepositReported(
        settlement_account=f"{NO_MERCHANT}/{event.currency}",
        deposit_id=f"{event.settlement_account}/{event.deposit_id}",
        reported_on=event.reported_on,
        other_parts={},
        net_minor=event.net_minor,
        currency=event.currency,
        observed_at=event.occurred_at,
        raw="{}",
    )


# -- lines ----------------------------------------------------------------------------------------------------------


def _on_bank_line(state: State, seen: BankLineObserved, policy: Policy) -> tuple[Event, ...]:
    """Take a line of the bank: a customer's payment, the return of one, or a deposit."""
    if seen.currency != seen.settlement_account.rpartition("/")[2]:
        return _on_reported_line(state, _of_converted(state, seen, policy), policy)
    line = _of_bank(seen)
    _check(line)
    transfer = transfer_of(state, seen, line, policy) if line.amount_minor and not _is_known(state, line) else None
    if transfer is None:
        return _on_reported_line(state, line, policy)
    return _too_old(state, line) or _transferred(state, transfer, policy)


def _transferred(state: State, transfer: BankTransferRecorded, policy: Policy) -> tuple[Event, ...]:
    """Return a payment, its returns where those were imported before it, and the days whose status this changes."""
    if state.day is not None:
        transfer = replace(transfer, book_on=max(state.day, transfer.booked_on))
    after = evolve(state, transfer)
    back = late_returns(after, transfer, policy) if transfer.returns_line_id is None else ()
    events = (transfer, *back)
    return (*events, *restated(reduce(evolve, events, state), state.day, transfer.occurred_at))


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
    _check_key(line.settlement_account, line.currency, what)
    if line.moved_on > line.occurred_at.astimezone(UTC).date() + AHEAD:
        raise Unreadable(
            f"{what} is of {line.moved_on}, more than {AHEAD.days} days after it was seen; correct its date"
        )


def _check_key(account: str, currency: str, what: str) -> None:
    if not account.endswith(f"/{currency}") or len(currency) != 3:
        raise Unreadable(f"{what} is in {currency!r}; the key is <merchant>/<currency>")


def _is_known(state: State, line: SettlementLineRecorded) -> bool:
    """Payments reports each movement once; what is open or was just paid out is looked for all the same."""
    if line.line_id in state.known or line.line_id in state.deposits or state.line(line.line_id) is not None:
        return True
    since = line.moved_on - timedelta(days=1)
    return any(match.deposit.moved_on >= since and line.line_id in match.line_ids for match in state.matches.values())


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
    events: tuple[Event, ...] = ()
    if line.kind in BANK_KINDS:
        asked = [line.line_id]
        while asked:
            found = _asked(state, asked, at, policy)
            events, state = events + found, reduce(evolve, found, state)
            asked = _asked_again(state, [event for event in found if isinstance(event, DepositMatched)])
        return events
    opened = state.line(line.line_id)
    if state.deposits and opened is not None:
        events = _asked(state, _may_pay_out(state, opened), at, policy)
        state = reduce(evolve, events, state)
    return (*events, *after_line(state, line, at, policy))


def _asked_again(state: State, matched: Sequence[DepositMatched]) -> list[str]:
    """Return open bank lines of the same deposits, and those to which lines were suggested that are taken now."""
    deposits = {event.deposit_id for event in matched} - {None}
    taken = {id_ for event in matched for id_ in event.line_ids}
    return [
        id_
        for id_, one in state.deposits.items()
        if one.deposit_id in deposits or (one.suggested is not None and not taken.isdisjoint(one.suggested.line_ids))
    ]


def _may_pay_out(state: State, opened: OpenLine) -> list[str]:
    """Open bank lines to be asked about again, now that this line is open."""
    if opened.kind not in PAYMENT_KINDS:
        return [*state.deposits]
    waiting = [id_ for id_, one in state.deposits.items() if _is_reported_in_full(state, one, opened)]
    keys = keys_of(state)
    batch = keys.batch_of(opened)
    if batch is not None and is_complete(batch, payments_of(state, keys, batch.batch_id)):
        waiting += _waiting_for(state, keys, batch)
    return waiting


def _is_reported_in_full(state: State, deposit: OpenDeposit, opened: OpenLine) -> bool:
    """Return whether what is open may be all that was captured for the reported deposit that a bank line names."""
    named = deposit.broken is not None and deposit.broken.reason is BreakReason.REPORT_DIFFERS
    report = state.reports.get(deposit.deposit_id or next((id_ for id_ in state.reports if id_ in deposit.text), ""))
    if report is None or not named or opened.moved_on > report.reported.reported_on:
        return False
    gross = report.reported.gross_minor
    of_its_days = (line for line in state.lines().values() if line.moved_on <= report.reported.reported_on)
    return gross is None or sum(line.net_minor for line in of_its_days if line.net_minor > 0) >= gross


def _waiting_for(state: State, keys: Keys, batch: Batch) -> list[str]:
    """Bank lines that name this batch, and those that name none."""
    return [id_ for id_, one in state.deposits.items() if keys.of_deposit(one) in ("", batch.batch_id)]


def _asked(state: State, bank_line_ids: Iterable[str], at: datetime, policy: Policy) -> tuple[Event, ...]:
    """Return findings, a fee schedule that new breaks suggest, and the days whose status this changes."""
    events: tuple[Event, ...] = findings(state, bank_line_ids, at, policy)
    state = reduce(evolve, events, state)
    # A difference of a batch is what a fee schedule is learned from.
    if any(
        isinstance(event, DepositBreakFound) or (isinstance(event, DepositMatched) and event.rest_minor)
        for event in events
    ):
        proposed = proposal(state, at)
        events += proposed
        state = reduce(evolve, proposed, state)
    return events + restated(state, state.day, at)


def _on_statement(state: State, reported: BankStatementEnded, policy: Policy) -> tuple[Event, ...]:
    """End the day that runs, and no later one: it may still get lines of the gateway that are in time."""
    if state.day is None or state.day > reported.through_on:
        return ()
    return day_end(state, state.day + timedelta(days=1), reported.occurred_at, policy)


# -- reports, batches, card types, requests ----------------------------------------------------------------------------


def _on_report(state: State, seen: DepositReported, policy: Policy) -> tuple[Event, ...]:
    """Take a deposit as the processor reports it; the same content, the same file or an older one again yields ()."""
    recorded = _of_report(seen)
    _check_key(recorded.settlement_account, recorded.currency, f"deposit {seen.deposit_id}")
    if recorded.reported_on > seen.observed_at.astimezone(UTC).date() + AHEAD:
        raise Unreadable(f"deposit {seen.deposit_id} is of {seen.reported_on}, which lies ahead; correct its date")
    known = state.reports.get(seen.deposit_id)
    if known is not None:
        same = replace(recorded, occurred_at=known.reported.occurred_at, source_file=known.reported.source_file)
        if same == known.reported or (seen.source_file and seen.source_file in known.files):
            return ()
        if seen.observed_at < known.reported.occurred_at:
            return ()
    after = evolve(state, recorded)
    waiting = [
        id_
        for id_, one in state.deposits.items()
        if one.deposit_id == seen.deposit_id
        or (one.deposit_id is None and (one.paid_minor == seen.net_minor or seen.deposit_id in one.text))
    ]
    return (recorded, *_asked(after, waiting, seen.observed_at, policy))


def _on_fee_statement(state: State, seen: ProcessorEntryObserved, policy: Policy) -> tuple[Event, ...]:
    """Take a statement of fees that a bank debit of its own pays; clearing is not touched by it."""
    line = _of_entry(seen)
    _check(line)
    if not line.amount_minor or _is_known(state, line):
        return ()
    recorded = FeeStatementRecorded(
        settlement_account=line.settlement_account,
        fee_statement_id=line.line_id,
        fee_kind=line.fee_kind,
        fee_minor=line.amount_minor,
        tax_minor=line.tax_minor,
        currency=line.currency,
        entered_on=line.moved_on,
        occurred_at=line.occurred_at,
    )
    after = evolve(state, recorded)
    debits = [id_ for id_, one in state.deposits.items() if one.deposit_minor < 0]
    return (recorded, *_asked(after, debits, seen.observed_at, policy))


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
                follow += after_schedule(after, request.requested_at, policy)
                after = reduce(evolve, follow, after)
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
    """Read a bank line: what the bank booked, and what it charged before that.

    A credit that its charges would turn into a debit keeps the amount that the bank names, and is never explained.
    """
    extra = -seen.fee_excluded_minor if seen.direction is BankDirection.CREDIT else seen.fee_excluded_minor
    booked = seen.amount_minor + extra
    return SettlementLineRecorded(
        settlement_account=seen.settlement_account,
        line_id=seen.bank_line_id,
        kind=_OF_DIRECTION.get(seen.direction, SettlementLineKind.UNKNOWN),
        amount_minor=booked if booked >= 0 else seen.amount_minor,
        fee_minor=seen.fee_included_minor + seen.fee_excluded_minor,
        currency=seen.currency,
        moved_on=seen.booked_on,
        book_on=seen.booked_on,
        card_type="",
        batch_number=seen.batch_number,
        deposit_id=seen.deposit_id,
        text=seen.text,
        occurred_at=seen.observed_at,
    )


def _of_converted(state: State, seen: BankLineObserved, policy: Policy) -> SettlementLineRecorded:
    """Read a bank line in another currency: what it pays out, as the line or the report of its deposit says it.

    Raises: Unreadable for an account that may not be paid out in it, and for a line of which nothing says what it pays.
    """
    account, what = seen.settlement_account, f"line {seen.bank_line_id} of {seen.settlement_account}"
    currency = account.rpartition("/")[2]
    if seen.currency not in policy.paid_out_in.get(account, ()):
        raise Unreadable(
            f"{what} is in {seen.currency!r}; the key is <merchant>/<currency>, or adopt deposit-matching with "
            f"paid_out_in: {{{account}: [{seen.currency}]}} and replay it"
        )
    if seen.fee_included_minor or seen.fee_excluded_minor:
        raise Unreadable(f"{what} has charges of the bank in {seen.currency}; bring them as a line of their own")
    report = state.reports.get(seen.deposit_id or "")
    settled = seen.settled_minor
    if settled is None and report is not None:
        settled = abs(report.reported.net_minor)
    if settled is None:
        raise Unreadable(
            f"{what} does not say what it pays out in {currency}; import the processor's report of deposit "
            f"{seen.deposit_id or '(none is named)'} and replay it"
        )
    line = _of_bank(replace(seen, amount_minor=settled, currency=currency))
    return replace(line, bank_minor=seen.amount_minor, bank_currency=seen.currency)


def _of_entry(seen: ProcessorEntryObserved) -> SettlementLineRecorded:
    return SettlementLineRecorded(
        settlement_account=seen.settlement_account,
        line_id=seen.entry_id,
        kind=_OF_ENTRY.get(seen.kind, SettlementLineKind.UNKNOWN),
        fee_kind=seen.fee_kind,
        amount_minor=seen.amount_minor + seen.tax_minor,
        tax_minor=seen.tax_minor,
        currency=seen.currency,
        moved_on=seen.entered_on,
        book_on=seen.entered_on,
        card_type="",
        batch_number=seen.batch_number,
        deposit_id=seen.deposit_id,
        dispute_id=seen.dispute_id,
        paytrace_transaction_id=seen.paytrace_transaction_id,
        text=seen.raw_kind,
        occurred_at=seen.observed_at,
    )


def _of_report(seen: DepositReported) -> DepositReportRecorded:
    parts = sum_of_parts(seen)
    return DepositReportRecorded(
        settlement_account=seen.settlement_account,
        deposit_id=seen.deposit_id,
        reported_on=seen.reported_on,
        gross_minor=seen.gross_minor,
        refunds_minor=seen.refunds_minor,
        returns_minor=seen.returns_minor,
        chargebacks_minor=seen.chargebacks_minor,
        fees_minor=seen.fees_minor,
        tax_minor=seen.tax_minor,
        reserve_minor=seen.reserve_minor,
        other_parts=dict(sorted(seen.other_parts.items())),
        net_minor=seen.net_minor,
        difference_minor=0 if parts is None else seen.net_minor - parts,
        currency=seen.currency,
        batch_number=seen.batch_number,
        transaction_ids=tuple(sorted(set(seen.transaction_ids))),
        source_file=seen.source_file,
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
        dispute_id=moved.dispute_id,
        paytrace_transaction_id=moved.paytrace_transaction_id,
        text=moved.raw_stage,
        occurred_at=moved.occurred_at,
    )
