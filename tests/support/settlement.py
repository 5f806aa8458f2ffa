"""A merchant account for tests: reported record by record, with the books proved after every event."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from typing import Any

from schemas.records.disputes import DisputeFact, DisputeMoneyMoved, DisputeMovement, DisputeObserved
from schemas.records.identification import Movement
from schemas.records.payments import PaymentMethod
from schemas.records.settlement import (
    AcceptFeeSchedule,
    BankDirection,
    BankLineObserved,
    BankStatementEnded,
    ConfirmDepositMatch,
    DepositReported,
    DismissBankLine,
    MoneySettled,
    ProcessorEntryKind,
    ProcessorEntryObserved,
    RejectDepositMatch,
    SettlementBatchObserved,
    SettlementDayStated,
    UnmatchDeposit,
)
from streams.domain import settlement
from streams.domain.settlement.policy import Policy
from tests.support.policies import DEPOSITS

ACCOUNT = "main/USD"
FIRST = date(2026, 3, 2)  # a Monday
NO_RESTS = replace(DEPOSITS, books_rest=False)


def day(number: int) -> date:
    """Days of the story, from 0."""
    return FIRST + timedelta(days=number)


def noon(number: int) -> datetime:
    """An instant of a day of the story."""
    return datetime(2026, 3, 2, 12, tzinfo=UTC) + timedelta(days=number)


def settled(
    transaction: str,
    amount_minor: int,
    on: int,
    batch: int | None = None,
    *,
    movement: Movement = Movement.CAPTURED,
    method: PaymentMethod = PaymentMethod.CARD,
    account: str = ACCOUNT,
    seen: int | None = None,
) -> MoneySettled:
    """Settled money of one transaction; seen later than it was settled where that is said."""
    return MoneySettled(
        settlement_account=account,
        line_id=f"{transaction}:{movement}",
        paytrace_transaction_id=transaction,
        movement=movement,
        amount_minor=amount_minor,
        currency=account.rpartition("/")[2],
        method=method,
        batch_number=batch,
        settled_at=noon(on),
        occurred_at=noon(on if seen is None else seen),
    )


def batch(number: int, net_minor: int, on: int, *, is_consistent: bool | None = True) -> SettlementBatchObserved:
    """A batch as PayTrace states it."""
    return SettlementBatchObserved(
        settlement_account=ACCOUNT,
        batch_id=f"main/{number}/{day(on)}",
        merchant="main",
        batch_number=number,
        settled_on=day(on),
        settled_at=noon(on),
        raw_settled="",
        net_minor=net_minor,
        currency="USD",
        is_consistent=is_consistent,
        mismatch="",
        observed_at=noon(on),
        raw="{}",
    )


def bank(
    line: str,
    amount_minor: int,
    on: int,
    batch: int | None = None,
    *,
    seen: int | None = None,
    deposit: str | None = None,
    included: int = 0,
    excluded: int = 0,
) -> Any:
    """A bank line; a negative amount is a debit. included and excluded are the bank's charges, minor units."""
    return BankLineObserved(
        settlement_account=ACCOUNT,
        bank_line_id=line,
        direction=BankDirection.CREDIT if amount_minor >= 0 else BankDirection.DEBIT,
        raw_direction="",
        amount_minor=abs(amount_minor),
        currency="USD",
        booked_on=day(on),
        batch_number=batch,
        deposit_id=deposit,
        fee_included_minor=included,
        fee_excluded_minor=excluded,
        text="PAYTRACE",
        bank_reference="",
        statement="s#1",
        observed_at=noon(on if seen is None else seen),
        raw="{}",
    )


def statement(through: int) -> BankStatementEnded:
    """The bank statement covers everything up to this day."""
    return BankStatementEnded(
        settlement_account=ACCOUNT, through_on=day(through), line_count=1, statement="s", occurred_at=noon(through)
    )


def reported(
    id_: str,
    on: int,
    *,
    net: int,
    gross: int | None = None,
    refunds: int = 0,
    returns: int = 0,
    chargebacks: int = 0,
    fees: int = 0,
    tax: int = 0,
    reserve: int = 0,
    others: dict[str, int] | None = None,
    batch: int | None = None,
    transactions: tuple[str, ...] = (),
    file: str = "",
    seen: int | None = None,
) -> DepositReported:
    """A deposit as the processor reports it. Units: minor units; what takes money is not negative."""
    return DepositReported(
        settlement_account=ACCOUNT,
        deposit_id=id_,
        reported_on=day(on),
        gross_minor=gross,
        refunds_minor=refunds,
        returns_minor=returns,
        chargebacks_minor=chargebacks,
        fees_minor=fees,
        tax_minor=tax,
        reserve_minor=reserve,
        other_parts=others or {},
        net_minor=net,
        currency="USD",
        batch_number=batch,
        transaction_ids=transactions,
        source_file=file,
        observed_at=noon(on if seen is None else seen),
        raw="{}",
    )


def entry(
    id_: str,
    amount_minor: int,
    on: int,
    kind: ProcessorEntryKind,
    batch: int | None = None,
    *,
    tax: int = 0,
    deposit: str | None = None,
    of: str | None = None,
) -> Any:
    """A fee or reserve of the processor's statement; of is the transaction that it belongs to."""
    return ProcessorEntryObserved(
        settlement_account=ACCOUNT,
        entry_id=id_,
        kind=kind,
        raw_kind=kind.value,
        amount_minor=amount_minor,
        currency="USD",
        entered_on=day(on),
        batch_number=batch,
        tax_minor=tax,
        deposit_id=deposit,
        paytrace_transaction_id=of,
        observed_at=noon(on),
        raw="{}",
    )


def dispute(id_: str, amount_minor: int, on: int, fact: DisputeFact = DisputeFact.DEBITED) -> DisputeObserved:
    """A fact of a dispute."""
    return DisputeObserved(
        dispute_case=f"{ACCOUNT}/{id_}",
        settlement_account=ACCOUNT,
        dispute_id=id_,
        fact=fact,
        raw_stage=fact.value,
        amount_minor=amount_minor,
        currency="USD",
        reason_code="10.4",
        entered_on=day(on),
        origin="",
        observed_at=noon(on),
        raw="{}",
    )


def disputed_money(id_: str, amount_minor: int, on: int) -> DisputeMoneyMoved:
    """What a dispute took, or gave back if negative, as the case tells the account."""
    movement = DisputeMovement.CHARGED_BACK if amount_minor >= 0 else DisputeMovement.CHARGEBACK_REVERSED
    return DisputeMoneyMoved(
        settlement_account=ACCOUNT,
        dispute_case=f"{ACCOUNT}/{id_}",
        dispute_id=id_,
        line_id=f"{id_}:{movement}",
        movement=movement,
        amount_minor=abs(amount_minor),
        currency="USD",
        reason_code="10.4",
        raw_stage=movement.value,
        reopens_invoice=False,
        moved_on=day(on),
        occurred_at=noon(on),
    )


_BY = {"settlement_account": ACCOUNT, "requested_by": "maria", "reason": "looked it up"}


def confirm(line: str, *line_ids: str, minute: int = 0, **by: str) -> ConfirmDepositMatch:
    """An operator confirms."""
    return ConfirmDepositMatch(bank_line_id=line, line_ids=line_ids, requested_at=_minute(minute), **(_BY | by))


def reject(line: str, *line_ids: str, minute: int = 0, code: str = "") -> RejectDepositMatch:
    """An operator turns a suggestion down."""
    at = _minute(minute)
    return RejectDepositMatch(bank_line_id=line, line_ids=line_ids, suggestion_code=code, requested_at=at, **_BY)


def unmatch(line: str, minute: int = 0) -> UnmatchDeposit:
    """An operator takes a match apart."""
    return UnmatchDeposit(bank_line_id=line, requested_at=_minute(minute), **_BY)


def dismiss(line: str, minute: int = 0) -> DismissBankLine:
    """An operator says that a bank line is none of ours."""
    return DismissBankLine(bank_line_id=line, requested_at=_minute(minute), **_BY)


def accept(version: int, minute: int = 0) -> AcceptFeeSchedule:
    """An operator accepts a fee schedule."""
    return AcceptFeeSchedule(version=version, requested_at=_minute(minute), **_BY)


def _minute(minute: int) -> datetime:
    return datetime(2026, 5, 1, tzinfo=UTC) + timedelta(minutes=minute)


class Account:
    """The rules of one account, told a story.

    policy: who is asked about a rest; people, if a story says nothing else.
    Ensures: after every event the sums of the day that runs are what is open, counted line by line.
    """

    def __init__(self, *, as_shown: bool = False, policy: Policy = NO_RESTS) -> None:
        self._as_shown = as_shown
        self._policy = policy
        self.state = settlement.INITIAL
        self.events: list[Any] = []

    def report(self, *records: Any) -> list[Any]:
        """Decide these records; returns the events of all of them."""
        reported: list[Any] = []
        for reported_record in records:
            record = self._shown(reported_record) if self._as_shown else reported_record
            for event in settlement.decide(self.state, record, self._policy):
                self.state = settlement.evolve(self.state, event)
                reported.append(event)
                assert self.state.running.closing_minor == self.state.in_transit_minor - self.state.unexplained_minor
        self.events += reported
        return reported

    def _shown(self, record: Any) -> Any:
        """A request without lines, as an operator makes it who takes or rejects what is suggested now."""
        if not isinstance(record, ConfirmDepositMatch | RejectDepositMatch) or record.line_ids:
            return record
        deposit = self.state.deposits.get(record.bank_line_id)
        stands = deposit.suggested if deposit else None
        if stands is None:
            return record
        return replace(record, line_ids=stands.line_ids, suggestion_code=stands.suggestion_code)

    def of(self, kind: type[Any]) -> list[Any]:
        """Events of one type, so far."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def days(self) -> dict[int, SettlementDayStated]:
        """The newest statement of each day, by number of the story."""
        return {(reported.book_on - FIRST).days: reported for reported in self.of(SettlementDayStated)}

    @property
    def open_line_ids(self) -> list[str]:
        """Lines that no bank line has paid out."""
        return sorted(self.state.lines())


def names(events: Iterable[Any]) -> list[str]:
    """Types of events, in order."""
    return [type(event).__name__ for event in events]


def folded(events: Iterable[Any]) -> settlement.State:
    """The state that a journal folds to."""
    return reduce(settlement.evolve, events, settlement.INITIAL)
