"""What does this bank line pay out? Asked of the matching engine, and judged here: sure, a suggestion, or a break.

A wrong match that counts as sure is the worst there is, so it takes the batch that the bank names, complete by what
PayTrace states, or the only set of lines that fits to the cent. The engine is reconcile.engine.deposits; nothing
here looks for sums itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from reconcile.engine.deposits import (
    ONE_BATCH,
    WHOLE_DAYS,
    BankDeposit,
    Break,
    GatewayRecord,
    RecordKind,
    Settled,
    daily_bridges,
)
from reconcile.engine.fees import NO_FEES, FeeRate, FeeSchedule
from reconcile.engine.parameters import PARAMETERS
from schemas.records.settlement import (
    BreakReason,
    DepositBreakFound,
    DepositMatched,
    DepositMatchSuggested,
    SettlementLineKind,
)
from schemas.values.counting import counted
from schemas.values.money import shown
from streams.domain.settlement.books import BY_RULE, PAYMENT_KINDS, Batch, OpenDeposit, OpenLine, State, evolve
from streams.domain.settlement.policy import Policy
from streams.domain.suggestion_codes import suggestion_code

Finding = DepositMatched | DepositMatchSuggested | DepositBreakFound

REACH = timedelta(days=PARAMETERS.deposit_reach_days)
BY_BATCH_KEY = "deposit-by-batch-key"
BY_EXACT_SUM = "deposit-by-exact-sum"
BY_SAME_AMOUNT = "deposit-by-same-amount"
# How the engine names its ways, and how our events name them.
_RULES = {
    "batch key": BY_BATCH_KEY,
    WHOLE_DAYS: "deposit-by-whole-days",
    ONE_BATCH: "deposit-by-one-batch",
    "exact sum": BY_EXACT_SUM,
}
MOST_LINES = 10_000  # an event names each line; so many of 40 bytes stay well below a record's 1 MiB
SAME_BATCH = timedelta(days=1)  # transactions of a batch and the batch itself, by settle time

_KINDS = {
    SettlementLineKind.CAPTURED: RecordKind.CAPTURE,
    SettlementLineKind.AMOUNT_INCREASED: RecordKind.CAPTURE,
    SettlementLineKind.AMOUNT_DECREASED: RecordKind.REFUND,
    SettlementLineKind.VOIDED: RecordKind.REFUND,
    SettlementLineKind.RETURNED: RecordKind.REFUND,
    SettlementLineKind.REFUNDED: RecordKind.REFUND,
    SettlementLineKind.REFUND_VOIDED: RecordKind.CHARGEBACK_REVERSAL,
    SettlementLineKind.CHARGED_BACK: RecordKind.CHARGEBACK,
    SettlementLineKind.CHARGEBACK_REVERSED: RecordKind.CHARGEBACK_REVERSAL,
    SettlementLineKind.FEE: RecordKind.FEE,
    SettlementLineKind.RESERVE_HELD: RecordKind.RESERVE_HOLD,
    SettlementLineKind.RESERVE_RELEASED: RecordKind.RESERVE_RELEASE,
}


@dataclass(frozen=True, slots=True)
class Keys:
    """Which batch each open line and bank line belongs to. Numbers begin again after 999, so the time decides."""

    by_number: Mapping[int, Sequence[Batch]]

    def of_line(self, line: OpenLine) -> str:
        """Batch of a line, or its bare number while PayTrace has not stated the batch."""
        if line.batch_number is None:
            return ""
        batch = self.batch_of(line)
        return batch.batch_id if batch else f"#{line.batch_number}"

    def batch_of(self, line: OpenLine) -> Batch | None:
        """Return the stated batch of a line."""
        if line.batch_number is None:
            return None
        stated = self.by_number.get(line.batch_number, ())
        if line.settled_at is None:  # a fee or reserve: the last batch of that number before it
            before = [batch for batch in stated if timedelta(0) <= line.moved_on - batch.settled_on <= REACH]
            return max(before, key=lambda batch: batch.settled_at, default=None)
        near = [(abs(batch.settled_at - line.settled_at), batch.batch_id, batch) for batch in stated]
        return min((found for found in near if found[0] <= SAME_BATCH), default=(None, "", None))[2]

    def of_deposit(self, deposit: OpenDeposit) -> str:
        """Batch that a bank line names."""
        if deposit.batch_number is None:
            return ""
        stated = [
            batch
            for batch in self.by_number.get(deposit.batch_number, ())
            # The settle date is the merchant's own, the booking date the bank's: a day may lie between their clocks.
            if -SAME_BATCH <= deposit.moved_on - batch.settled_on <= REACH
        ]
        return max(stated, key=lambda batch: batch.settled_at).batch_id if stated else f"#{deposit.batch_number}"


def keys_of(state: State) -> Keys:
    """Return the batches of an account, by number."""
    by_number: dict[int, list[Batch]] = {}
    for batch in sorted(state.batches.values(), key=lambda one: one.batch_id):
        by_number.setdefault(batch.number, []).append(batch)
    return Keys(by_number)


def payments_of(state: State, keys: Keys, batch_id: str) -> list[OpenLine]:
    """Open payments, refunds and corrections of one batch."""
    lines = state.lines().values()
    return [line for line in lines if line.kind in PAYMENT_KINDS and keys.of_line(line) == batch_id]


def is_complete(batch: Batch, payments: Iterable[OpenLine]) -> bool:
    """Return whether these payments of a batch add up to what PayTrace states for it."""
    return batch.is_consistent is not False and sum(line.net_minor for line in payments) == batch.net_minor


def schedule_of(state: State) -> FeeSchedule:
    """Return the fee schedule that an operator accepted, as the engine takes it."""
    accepted = state.schedule
    if accepted is None:
        return NO_FEES
    types = sorted({*accepted.rate_bps_by_card_type, *accepted.per_item_by_card_type})
    return FeeSchedule(
        version=f"v{accepted.version}",
        rates={
            name: FeeRate(accepted.rate_bps_by_card_type.get(name, 0), accepted.per_item_by_card_type.get(name, 0))
            for name in types
        },
        per_batch_minor=accepted.per_batch_minor,
        tolerance_fixed_minor=accepted.tolerance_fixed_minor,
        tolerance_per_item_minor=accepted.tolerance_per_item_hundredths / 100,
    )


def findings(state: State, bank_line_ids: Iterable[str], at: datetime, policy: Policy) -> tuple[Finding, ...]:
    """Return what can be said of these open bank lines now that was not said before.

    Shapes:  those that name a batch come first, then by day; a match takes its lines away from those after it.
    """
    wanted = set(bank_line_ids)
    ordered = sorted(
        (deposit for id_, deposit in state.deposits.items() if id_ in wanted),
        key=lambda one: (one.batch_number is None, one.moved_on, one.bank_line_id),
    )
    if not ordered:
        return ()
    reported: list[Finding] = []
    books = _Books(state, policy)
    for deposit in ordered:
        found = _Question(books, deposit, at).answer()
        known = deposit.suggested or deposit.broken
        if known is not None and known == replace(found, occurred_at=known.occurred_at, book_on=known.book_on):
            continue
        reported.append(found)
        state = evolve(state, found)
        if isinstance(found, DepositMatched):
            books = _Books(state, policy)
    return tuple(reported)


class _Books:
    """The open lines of an account, prepared once for any number of questions."""

    def __init__(self, state: State, policy: Policy) -> None:
        self.state = state
        self.policy = policy
        self.schedule = schedule_of(state)
        self.keys = keys_of(state)
        self.lines = state.lines()
        ordered = sorted(self.lines.values(), key=lambda line: line.line_id)
        self.key_of = {line.line_id: self.keys.of_line(line) for line in ordered}
        self.by_key: dict[str, list[OpenLine]] = {}
        for line in ordered:
            self.by_key.setdefault(self.key_of[line.line_id], []).append(line)
        self.named = {id_: self.keys.of_deposit(deposit) for id_, deposit in state.deposits.items()}
        self.ordered = ordered

    def settled_on(self, line: OpenLine) -> date:
        """Settle date of a payment by its batch, in the merchant's own zone; otherwise the day of the money."""
        batch = self.state.batches.get(self.key_of[line.line_id])
        return batch.settled_on if batch is not None and line.kind in PAYMENT_KINDS else line.moved_on

    def is_complete(self, batch: Batch) -> bool:
        """Return whether every line of a batch is open here."""
        lines = self.by_key.get(batch.batch_id, ())
        return is_complete(batch, [line for line in lines if line.kind in PAYMENT_KINDS])


class _Question:
    """One bank line against the open lines of its account."""

    def __init__(self, books: _Books, deposit: OpenDeposit, at: datetime) -> None:
        self._books = books
        self._state = books.state
        self._deposit = deposit
        self._at = at
        self._key = books.named[deposit.bank_line_id]
        self._near = self._eligible()

    def answer(self) -> Finding:
        """Sure, suggested, or a break."""
        if self._key:
            return self._by_key()
        if not self._near:
            return self._break(
                BreakReason.NO_RECORDS, "no settled money of the days before it is open", self._deposit.deposit_minor
            )
        known = self._deposit.broken
        if known is not None and not self._has_news(known):
            return known
        alone = self._same_amount()
        if alone is not None:
            return alone
        found = self._closest(self._near)
        if isinstance(found, Settled):
            return self._judged(found)
        if not found.is_near:
            count, minor = self._open()
            detail = f"{found.reason}; open are {counted(count, 'line|lines')}, {self._shown(minor)} in all"
            return self._break(BreakReason.NOTHING_NEAR, detail, found.difference_minor)
        if not found.difference_minor:
            return self._break(BreakReason.SEVERAL_WAYS, found.reason, 0)
        return self._break(BreakReason.DIFFERENCE_IS_NO_FEE, found.reason, found.difference_minor)

    def _eligible(self) -> list[OpenLine]:
        """Return lines that it can pay out, in a fixed order; what another bank line names is left to that one."""
        if self._key:
            return self._books.by_key.get(self._key, [])
        others = set(self._books.named.values()) - {""}
        return [
            line
            for line in self._books.ordered
            if self._books.key_of[line.line_id] not in others
            and timedelta(0) <= self._deposit.moved_on - self._books.settled_on(line) <= REACH
        ]

    def _has_news(self, known: DepositBreakFound) -> bool:
        """Return whether asking again can tell anything else: the lines are others, or the fee schedule is."""
        schedule = self._state.schedule
        if schedule is not None and schedule.occurred_at >= known.occurred_at:
            return True
        return (known.open_count, known.open_minor) != self._open() or known.reason is BreakReason.NO_RECORDS

    def _open(self) -> tuple[int, int]:
        return len(self._near), sum(line.net_minor for line in self._near)

    def _shown(self, minor: int) -> str:
        return shown(minor, self._state.currency)

    def _by_key(self) -> Finding:
        batch = self._state.batches.get(self._key)
        if not self._near:
            what = batch.batch_id if batch else f"batch {self._deposit.batch_number}"
            return self._break(BreakReason.BATCH_UNKNOWN, f"nothing of {what} is open", self._deposit.deposit_minor)
        if batch is not None and not self._books.is_complete(batch):
            listed = sum(line.net_minor for line in self._near if line.kind in PAYMENT_KINDS)
            stated = self._shown(batch.net_minor)
            detail = f"PayTrace states {stated} for {batch.batch_id}, its open lines add up to {self._shown(listed)}"
            return self._break(BreakReason.BATCH_INCOMPLETE, detail, batch.net_minor - listed)
        found = self._closest(self._near)
        if isinstance(found, Break):
            return self._break(BreakReason.DIFFERENCE_IS_NO_FEE, found.reason, found.difference_minor)
        if batch is None and found.fee_minor != found.expected_fee_minor:
            detail = f"PayTrace has not stated batch {self._deposit.batch_number}, so it may have more lines"
            return self._break(BreakReason.BATCH_UNKNOWN, detail, found.fee_minor - found.expected_fee_minor)
        return self._judged(found)

    def _closest(self, lines: Sequence[OpenLine]) -> Settled | Break:
        """Return the first attempt that settles it, or the one that leaves the least over."""
        broken: list[Break] = []
        for attempt, schedule in self._attempts(lines):
            found = self._ask(attempt, schedule)
            if isinstance(found, Settled):
                return found
            broken.append(found)
        return min(broken, key=lambda one: (not one.is_near, abs(one.difference_minor)))

    def _attempts(self, lines: Sequence[OpenLine]) -> Iterator[tuple[Sequence[OpenLine], FeeSchedule]]:
        """Yield all lines first; where the processor tells its fees itself, no schedule may count them again."""
        reported = any(line.kind is SettlementLineKind.FEE for line in lines)
        yield lines, NO_FEES if reported else self._books.schedule
        payments = [line for line in lines if line.kind in PAYMENT_KINDS]
        if payments and len(payments) < len(lines):
            yield payments, self._books.schedule

    def _ask(self, lines: Sequence[OpenLine], schedule: FeeSchedule) -> Settled | Break:
        day = self._deposit.moved_on  # the engine is asked about one day, on which all of this is known
        bank = BankDeposit(
            self._deposit.bank_line_id, self._deposit.deposit_minor, self._deposit.moved_on, day, batch_key=self._key
        )
        bridge = daily_bridges([self._record(line, day) for line in lines], [bank], schedule, day)[0]
        return bridge.settled[0] if bridge.settled else bridge.breaks[0]

    def _record(self, line: OpenLine, day: date) -> GatewayRecord:
        return GatewayRecord(
            id=line.line_id,
            kind=_KINDS[line.kind],
            amount_minor=line.amount_minor,
            settled_on=self._books.settled_on(line),
            known_on=day,
            card_type=line.card_type,
            batch_key=self._books.key_of[line.line_id],
        )

    def _same_amount(self) -> Finding | None:
        """Return a fee, reserve or chargeback that the bank books on its own.

        One line and one bank line of its amount.
        """
        alone = [
            line
            for line in self._near
            if line.kind not in PAYMENT_KINDS and line.net_minor == self._deposit.deposit_minor
        ]
        if len(alone) != 1 or self._rivals():
            return None
        found = Settled(
            deposit_id=self._deposit.bank_line_id,
            record_ids=(alone[0].line_id,),
            on=self._deposit.moved_on,
            deposit_minor=self._deposit.deposit_minor,
            fee_minor=0,
            expected_fee_minor=0,
            schedule_version=NO_FEES.version,
            how=BY_SAME_AMOUNT,
        )
        return self._judged(found)

    def _rivals(self) -> list[str]:
        """Other bank lines that the same lines would explain just as well, dismissed ones among them."""
        open_lines = sorted(
            other.bank_line_id
            for other in self._state.deposits.values()
            if other.bank_line_id != self._deposit.bank_line_id
            and other.deposit_minor == self._deposit.deposit_minor
            and not other.batch_number
            and abs(other.moved_on - self._deposit.moved_on) <= REACH
        )
        dismissed = sorted(
            id_
            for id_, line in self._state.dismissed.items()
            if line.reported.deposit_minor == self._deposit.deposit_minor
            and abs(line.moved_on - self._deposit.moved_on) <= REACH
        )
        return [*open_lines, *dismissed]

    # -- how sure it is --------------------------------------------------------------------------------------------

    def _judged(self, found: Settled) -> Finding:
        rule = _RULES.get(found.how, found.how)
        if len(found.record_ids) > MOST_LINES:
            detail = f"{counted(len(found.record_ids), 'line')} in one deposit, at most {MOST_LINES} are matched"
            return self._break(BreakReason.TOO_MANY_LINES, detail, found.fee_minor)
        if found.record_ids in self._deposit.rejected:
            return self._break(BreakReason.REJECTED, "an operator has turned down the only match", found.fee_minor)
        lines = [self._books.lines[id_] for id_ in found.record_ids]
        tolerance = self._books.schedule.tolerance_minor(len(lines))
        evidence = [
            f"{counted(len(lines), 'line|lines')}, {self._shown(found.deposit_minor + found.fee_minor)}, "
            f"against {self._shown(found.deposit_minor)}",
            f"fee {self._shown(found.fee_minor)}, expected {self._shown(found.expected_fee_minor)}, "
            f"tolerance {self._shown(tolerance)}",
            f"settled {min(line.moved_on for line in lines)} to {max(line.moved_on for line in lines)}, "
            f"booked {self._deposit.moved_on}",
        ]
        if found.takes_in_cancelling:
            evidence.append("other sets fit too, and differ by lines that cancel each other out; nothing is left out")
        doubts = [*self._doubts(found, rule, lines)]
        shared: dict[str, Any] = {
            "settlement_account": self._state.account,
            "bank_line_id": self._deposit.bank_line_id,
            "line_ids": found.record_ids,
            "records_minor": found.deposit_minor + found.fee_minor,
            "deposit_minor": found.deposit_minor,
            "fee_minor": found.fee_minor,
            "expected_fee_minor": found.expected_fee_minor,
            "currency": self._state.currency,
            "schedule_version": found.schedule_version,
            "rule": rule,
            "rule_version": self._books.policy.rule_version,
            "evidence": (*evidence, *doubts),
            "book_on": self._state.day or self._deposit.book_on,
            "occurred_at": self._at,
        }
        if doubts:
            amounts = (shared["records_minor"], found.deposit_minor, found.fee_minor)
            code = suggestion_code(self._deposit.bank_line_id, list(found.record_ids), amounts)
            return DepositMatchSuggested(**shared, suggestion_code=code)
        return DepositMatched(**shared, matched_by=BY_RULE, reason="")

    def _doubts(self, found: Settled, rule: str, lines: Sequence[OpenLine]) -> Iterator[str]:
        if self._deposit.held:
            yield "not sure: an operator has turned down a match of this bank line"
        if rule in (BY_BATCH_KEY, BY_SAME_AMOUNT):
            return
        if found.fee_minor != found.expected_fee_minor:
            yield "not sure: no batch is named, and the fee is not the expected one to the cent"
        if rivals := self._rivals():
            yield f"not sure: {', '.join(rivals[:3])} has the same amount"
        for key in sorted({self._books.key_of[line.line_id] for line in lines}):
            batch = self._state.batches.get(key)
            if batch is not None and not self._books.is_complete(batch):
                yield f"not sure: lines of {key} are missing"
        sets, amounts = 1 << len(self._near), sum(line.amount_minor for line in self._near)
        if rule == BY_EXACT_SUM and sets * self._books.policy.sure_one_in > amounts:
            yield f"not sure: among {len(self._near)} open lines a sum may fit by chance"

    def _break(self, reason: BreakReason, detail: str, difference_minor: int) -> DepositBreakFound:
        open_count, open_minor = self._open()
        return DepositBreakFound(
            settlement_account=self._state.account,
            bank_line_id=self._deposit.bank_line_id,
            reason=reason,
            detail=detail,
            deposit_minor=self._deposit.deposit_minor,
            difference_minor=difference_minor,
            open_count=open_count,
            open_minor=open_minor,
            currency=self._state.currency,
            book_on=self._state.day or self._deposit.book_on,
            occurred_at=self._at,
        )
