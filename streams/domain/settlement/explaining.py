"""What does this bank line pay out? Asked of the matching engine, and judged here: sure, a suggestion, or a break.

A wrong match that counts as sure is the worst there is, so it takes the batch that the bank names, complete by what
PayTrace states, or the only set of lines that fits to the cent. The engine is reconcile.engine.deposits; nothing
here looks for sums itself. What a deposit holds that the processor reported is in reported.py.

A bank line that names its deposit or batch is booked whole where people allow it: what the lines explain, and the rest
as unidentified. A line that names nothing never has a rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
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
    DepositReportRecorded,
    FeeStatementRecorded,
    SettlementLineKind,
)
from schemas.values.counting import counted
from schemas.values.money import shown
from schemas.values.replacing import replace
from streams.domain.settlement.books import (
    BY_RULE,
    FEE_KINDS,
    PAYMENT_KINDS,
    Batch,
    OpenDeposit,
    OpenLine,
    Report,
    State,
    evolve,
)
from streams.domain.settlement.policy import Policy
from streams.domain.settlement.reported import DUE_KINDS, Found, Unclear, lines_of
from streams.domain.suggestion_codes import suggestion_code

Finding = DepositMatched | DepositMatchSuggested | DepositBreakFound

REACH = timedelta(days=PARAMETERS.deposit_reach_days)
BY_BATCH_KEY = "deposit-by-batch-key"
BY_EXACT_SUM = "deposit-by-exact-sum"
BY_SAME_AMOUNT = "deposit-by-same-amount"
BY_REPORT = "deposit-by-report"
BY_REPORTED_NET = "deposit-by-reported-net"
BY_FEE_STATEMENT = "fee-statement"
BY_GIVING_BACK = "deposit-given-back"
# How the engine names its ways, and how our events name them.
_RULES = {
    "batch key": BY_BATCH_KEY,
    WHOLE_DAYS: "deposit-by-whole-days",
    ONE_BATCH: "deposit-by-one-batch",
    "exact sum": BY_EXACT_SUM,
}
MOST_LINES = 10_000  # an event names each line; so many of 40 bytes stay well below a record's 1 MiB
STATEMENT_REACH = timedelta(days=45)  # a statement of fees is debited within the month after it
NO_MERCHANT = "unassigned"  # merchant of bank lines that do not say which one they are for
SHORTEST_ID = 4  # a shorter word of a bank's text may be anything
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
    SettlementLineKind.CHARGEBACK_FEE: RecordKind.FEE,
    # Of what brings money the engine asks only the sign, unless it is a capture, of which fees are due.
    SettlementLineKind.FEE_GIVEN_BACK: RecordKind.RESERVE_RELEASE,
    SettlementLineKind.CHARGEBACK_FEE_GIVEN_BACK: RecordKind.RESERVE_RELEASE,
    SettlementLineKind.DEPOSIT_DUE: RecordKind.RESERVE_RELEASE,
    SettlementLineKind.DEPOSIT_OWED: RecordKind.RESERVE_HOLD,
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
        key=lambda one: (one.deposit_id is None, one.batch_number is None, one.moved_on, one.bank_line_id),
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
        self.named_batches = frozenset(self.named.values()) - {""}
        self.deposit_of = {id_: self._deposit_named_by(deposit) for id_, deposit in state.deposits.items()}
        self.named_deposits = frozenset(self.deposit_of.values()) - {None}
        self.ordered = ordered

    def _deposit_named_by(self, deposit: OpenDeposit) -> str | None:
        """Return the deposit that a bank line names: in a field of its own, or the one whose id its words hold."""
        if deposit.deposit_id is not None:
            return deposit.deposit_id
        words = frozenset(deposit.text.split())
        held = [id_ for id_ in self.state.reports if len(id_) >= SHORTEST_ID and id_ in words]
        return held[0] if len(held) == 1 else None

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
        self._deposit_id = books.deposit_of[deposit.bank_line_id]
        self._near = self._eligible()

    def answer(self) -> Finding:
        """Sure, suggested, or a break."""
        deposit = self._deposit
        if deposit.bank_fee_minor > abs(deposit.deposit_minor):
            fee, amount = self._shown(deposit.bank_fee_minor), self._shown(abs(deposit.deposit_minor))
            detail = f"its fee {fee} is greater than its amount {amount}; ask the bank what it booked"
            return self._break(BreakReason.FEE_TOO_LARGE, detail, deposit.bank_fee_minor)
        statement = self._fee_statement()
        if statement is not None:
            return statement
        report = self._state.reports.get(self._deposit_id or "")
        if report is not None:
            return self._by_report(report, BY_REPORT)
        if self._key:
            return self._by_key()
        announced = self._announced()
        if self._state.account.startswith(NO_MERCHANT):
            return self._unassigned(announced)
        if len(announced) == 1 and not self._rivals():
            return self._by_report(announced[0], BY_REPORTED_NET)
        if announced:
            names = ", ".join(report.reported.deposit_id for report in announced)
            return self._break(BreakReason.SEVERAL_WAYS, f"equal candidates: {names}{self._beside()}", 0)
        return self._by_sums()

    def _unassigned(self, announced: Sequence[Report]) -> Finding:
        """Tell which deposits of which merchant accounts a line may be that names none; it is never decided here."""
        names = ", ".join(report.reported.deposit_id for report in announced)
        if not announced:
            detail = "it names no merchant account, and no account has reported a deposit of its amount"
            return self._break(BreakReason.NO_RECORDS, detail, self._deposit.deposit_minor)
        what = f"{len(announced)} equal candidates" if len(announced) > 1 else "one candidate"
        detail = f"{what}: {names}; dismiss it here and import it for its merchant account"
        return self._break(BreakReason.SEVERAL_WAYS, detail, 0)

    def _by_sums(self) -> Finding:
        """Judge a bank line that names nothing that is known."""
        deposit = self._deposit
        if not self._near:
            return self._break(self._unnamed(BreakReason.NO_RECORDS), self._nothing(), deposit.deposit_minor)
        known = deposit.broken
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
            return self._break(self._unnamed(BreakReason.NOTHING_NEAR), detail, found.difference_minor)
        if not found.difference_minor:
            return self._break(BreakReason.SEVERAL_WAYS, found.reason, 0)
        return self._break(BreakReason.DIFFERENCE_IS_NO_FEE, found.reason, found.difference_minor)

    def _eligible(self) -> list[OpenLine]:
        """Return lines that it can pay out, in a fixed order; what another bank line names is left to that one."""
        if self._key:
            return self._books.by_key.get(self._key, [])
        return [
            line
            for line in self._books.ordered
            if self._is_free(line) and timedelta(0) <= self._deposit.moved_on - self._books.settled_on(line) <= REACH
        ]

    def _is_free(self, line: OpenLine) -> bool:
        """Return whether no other bank line names the batch or deposit of a line."""
        if self._books.key_of[line.line_id] in self._books.named_batches - {self._key}:
            return False
        return line.deposit_id == self._deposit_id or line.deposit_id not in self._books.named_deposits

    def _unnamed(self, reason: BreakReason) -> BreakReason:
        return BreakReason.DEPOSIT_UNKNOWN if self._deposit_id else reason

    def _nothing(self) -> str:
        nothing = "no settled money of the days before it is open"
        named = self._deposit_id
        return f"nobody reported deposit {named}, and {nothing}" if named else nothing

    # -- a statement of fees, and a deposit that the processor reported ------------------------------------------------

    def _fee_statement(self) -> Finding | None:
        """Return what a bank debit for a statement of fees is; None where it is none."""
        deposit, statements = self._deposit, self._state.statements
        named = statements.get(deposit.deposit_id or "")
        if named is not None and named.fee_minor != -deposit.deposit_minor:
            says = f"the statement {named.fee_statement_id} says {self._shown(named.fee_minor)}"
            return self._break(BreakReason.REPORT_DIFFERS, says, deposit.deposit_minor + named.fee_minor)
        found = [named] if named is not None else self._statements_of_its_amount()
        if not found:
            return None
        if named is None and (len(found) > 1 or self._rivals() or self._alone()):
            names = ", ".join(statement.fee_statement_id for statement in found)
            return self._break(BreakReason.SEVERAL_WAYS, f"candidates: {names}{self._beside()}", 0)
        statement = found[0]
        return self._finding(
            (),
            BY_FEE_STATEMENT,
            fee_minor=statement.fee_minor,
            tax_minor=statement.tax_minor,
            fee_statement_id=statement.fee_statement_id,
            evidence=(f"statement {statement.fee_statement_id} of {statement.entered_on} says the same amount",),
        )

    def _statements_of_its_amount(self) -> list[FeeStatementRecorded]:
        deposit = self._deposit
        if self._deposit_id is not None or self._key:
            return []
        return [
            statement
            for _, statement in sorted(self._state.statements.items())
            if statement.fee_minor == -deposit.deposit_minor
            and -SAME_BATCH <= deposit.moved_on - statement.entered_on <= STATEMENT_REACH
        ]

    def _beside(self) -> str:
        """Return which bank lines have the same claim."""
        rivals = self._rivals()
        return f"; {', '.join(rivals[:3])} has the same amount" if rivals else ""

    def _announced(self) -> list[Report]:
        """Return reported deposits that no bank line has brought and that bring just this amount."""
        deposit = self._deposit
        if self._deposit_id is not None:
            return []
        return [
            report
            for _, report in sorted(self._state.reports.items())
            if not report.bank_lines
            and report.reported.net_minor == deposit.paid_minor
            and timedelta(0) <= deposit.moved_on - report.reported.reported_on <= REACH
            and report.reported.deposit_id not in self._books.named_deposits
        ]

    def _by_report(self, report: Report, rule: str) -> Finding:
        """Judge a bank line of a deposit that the processor reported."""
        deposit, reported, policy = self._deposit, report.reported, self._books.policy
        if self._gives_back(report):
            gives_back = f"it names deposit {reported.deposit_id} and gives back just what a bank line brought of it"
            return self._finding(
                (),
                BY_GIVING_BACK,
                deposit_id=reported.deposit_id,
                carried_minor=-deposit.paid_minor,
                evidence=(gives_back,),
            )
        held = self._held_by(report)
        if isinstance(held, Unclear) and self._takes_of(report) and () not in deposit.rejected:
            return self._finding(
                (),
                BY_GIVING_BACK,
                deposit_id=reported.deposit_id,
                evidence=(f"it names deposit {reported.deposit_id}",),
                doubts=("not sure: it takes a part of what came, which may be to come again, a fee or a correction",),
            )
        if isinstance(held, Unclear):
            detail = f"deposit {reported.deposit_id}: {held.why}"
            return self._break(BreakReason.REPORT_DIFFERS, detail, held.difference_minor)
        is_due = any(line.kind in DUE_KINDS for line in held.lines)
        whole = held.net_minor if is_due else reported.net_minor
        missing = whole - deposit.paid_minor
        is_part = not policy.is_small(missing, whole)
        if is_part and (whole * deposit.paid_minor <= 0 or abs(deposit.paid_minor) > abs(whole)):
            detail = f"deposit {reported.deposit_id} should bring {self._shown(whole)}"
            return self._break(BreakReason.REPORT_DIFFERS, detail, missing)
        carried = missing if is_part else 0
        rest = held.net_minor - carried - deposit.paid_minor
        # What the report itself puts into other categories may be any amount; what is missing here may not.
        unknown = rest if is_due else rest + sum(reported.other_parts.values())
        if not policy.is_small(unknown, max(abs(whole), abs(reported.gross_minor or 0))):
            explained = f"open lines explain {self._shown(held.net_minor)} of {self._shown(whole)}"
            detail = "; ".join((f"deposit {reported.deposit_id}: {explained}", *self._details(reported, 0, held.short)))
            return self._break(BreakReason.REPORT_DIFFERS, detail, rest)
        if len(held.lines) > MOST_LINES:
            detail = f"{counted(len(held.lines), 'line')} in one deposit, at most {MOST_LINES} are matched"
            return self._break(BreakReason.TOO_MANY_LINES, detail, rest)
        evidence = [
            f"{counted(len(held.lines), 'line|lines')}, {self._shown(held.net_minor + held.fee_minor)}, "
            f"fee {self._shown(held.fee_minor)}, against {self._shown(deposit.paid_minor)}"
        ]
        if carried:
            evidence.append(f"a part of deposit {reported.deposit_id}: {self._shown(carried)} is still to come")
        return self._finding(
            tuple(line.line_id for line in held.lines),
            rule,
            deposit_id=reported.deposit_id,
            fee_minor=held.fee_minor,
            tax_minor=held.tax_minor,
            rest_minor=rest,
            carried_minor=carried,
            evidence=(*evidence, *self._details(reported, rest, held.short)),
        )

    def _gives_back(self, report: Report) -> bool:
        """Return whether a bank line gives a deposit back, so that it is still to come: all that came, or one of it."""
        paid, brought = self._deposit.paid_minor, self._brought_by(report)
        return self._takes_of(report) and (-paid in brought or -paid == sum(brought))

    def _takes_of(self, report: Report) -> bool:
        """Return whether a bank line takes of what bank lines brought of a deposit, and no more than that."""
        deposit, came = self._deposit, sum(self._brought_by(report))
        is_turned = deposit.paid_minor * report.reported.net_minor < 0 and not deposit.bank_fee_minor
        return is_turned and abs(deposit.paid_minor) <= abs(came) and came * deposit.paid_minor < 0

    def _brought_by(self, report: Report) -> list[int]:
        matches = (match.reported for match in self._state.matches.values())
        return [one.deposit_minor for one in matches if one.deposit_id == report.reported.deposit_id]

    def _held_by(self, report: Report) -> Found | Unclear:
        """Return what a reported deposit holds, or still holds after bank lines have brought parts of it."""
        reported = report.reported
        due = [
            line for line in self._books.ordered if line.kind in DUE_KINDS and line.deposit_id == reported.deposit_id
        ]
        if due:
            return Found(tuple(due), 0, 0, ())
        if report.bank_lines:
            return Unclear("bank lines have brought all of it", self._deposit.deposit_minor)
        lines = [
            line
            for line in self._books.ordered
            if line.kind not in DUE_KINDS
            and line.deposit_id in (None, reported.deposit_id)
            and self._books.key_of[line.line_id] not in self._books.named_batches - {self._key}
            and self._books.settled_on(line) <= reported.reported_on
            and (line.net_minor < 0 or reported.reported_on - self._books.settled_on(line) <= REACH)
        ]
        earlier = any(
            not other.bank_lines
            and other.reported.deposit_id != reported.deposit_id
            and other.reported.reported_on <= reported.reported_on
            for other in self._state.reports.values()
        )
        return lines_of(reported, lines, self._books.settled_on, is_first=not earlier)

    def _details(self, reported: DepositReportRecorded, rest: int, short: Sequence[str]) -> Iterator[str]:
        """Yield what a person reads of a deposit: its rest, the categories that have no account, a wrong sum."""
        name = f"deposit {reported.deposit_id}"
        if reported.other_parts:
            parts = ", ".join(f"{part} {self._shown(minor)}" for part, minor in sorted(reported.other_parts.items()))
            net = self._shown(sum(reported.other_parts.values()))
            yield f"{name}: net {net} in categories without an account: {parts}"
        if reported.difference_minor:
            come_to = self._shown(reported.net_minor - reported.difference_minor)
            yield f"{name}: its parts come to {come_to}, its net is {self._shown(reported.net_minor)}"
        if rest:
            yield f"{name}: {self._shown(abs(rest))} {'less' if rest > 0 else 'more'} than its parts explain"
        if short:
            yield f"{name}: open lines are not what its report calls {', '.join(short)}"

    # -- batches and sums ----------------------------------------------------------------------------------------------

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
            with_rest = self._with_rest() if batch is not None else None
            if with_rest is not None:
                return with_rest
            return self._break(BreakReason.DIFFERENCE_IS_NO_FEE, found.reason, found.difference_minor)
        if batch is None and found.fee_minor != found.expected_fee_minor:
            detail = f"PayTrace has not stated batch {self._deposit.batch_number}, so it may have more lines"
            return self._break(BreakReason.BATCH_UNKNOWN, detail, found.fee_minor - found.expected_fee_minor)
        return self._judged(found)

    def _with_rest(self) -> Finding | None:
        """Return a match of a complete batch whose deposit is a little more or less than all that is known of it."""
        deposit, policy = self._deposit, self._books.policy
        records = sum(line.net_minor for line in self._near)
        has_fees = any(line.kind in FEE_KINDS for line in self._near)
        captured = [line for line in self._near if _KINDS[line.kind] is RecordKind.CAPTURE]
        schedule = NO_FEES if has_fees else self._books.schedule
        fee = schedule.fee_minor((line.card_type, line.amount_minor) for line in captured)
        rest = records - fee - deposit.paid_minor
        is_allowed = policy.books_rest and not deposit.held and len(self._near) <= MOST_LINES
        if not is_allowed or not policy.is_small(rest, records) or records * deposit.paid_minor <= 0:
            return None
        evidence = (
            f"{counted(len(self._near), 'line|lines')}, {self._shown(records)}, fee {self._shown(fee)}, "
            f"against {self._shown(deposit.paid_minor)}",
            f"batch {deposit.batch_number}: {self._shown(abs(rest))} {'less' if rest > 0 else 'more'} "
            "than its lines explain",
        )
        line_ids = tuple(line.line_id for line in self._near)
        return self._finding(line_ids, BY_BATCH_KEY, fee_minor=fee, rest_minor=rest, evidence=evidence)

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
        reported = any(line.kind in FEE_KINDS for line in lines)
        yield lines, NO_FEES if reported else self._books.schedule
        payments = [line for line in lines if line.kind in PAYMENT_KINDS]
        if payments and len(payments) < len(lines):
            yield payments, self._books.schedule

    def _ask(self, lines: Sequence[OpenLine], schedule: FeeSchedule) -> Settled | Break:
        day = self._deposit.moved_on  # the engine is asked about one day, on which all of this is known
        bank = BankDeposit(
            self._deposit.bank_line_id, self._deposit.paid_minor, self._deposit.moved_on, day, batch_key=self._key
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
        alone = self._alone()
        if len(alone) != 1 or self._rivals():
            return None
        found = Settled(
            deposit_id=self._deposit.bank_line_id,
            record_ids=(alone[0].line_id,),
            on=self._deposit.moved_on,
            deposit_minor=self._deposit.paid_minor,
            fee_minor=0,
            expected_fee_minor=0,
            schedule_version=NO_FEES.version,
            how=BY_SAME_AMOUNT,
        )
        return self._judged(found)

    def _alone(self) -> list[OpenLine]:
        """Lines of a fee, reserve or chargeback that are just this amount."""
        paid = self._deposit.paid_minor
        return [line for line in self._near if line.kind not in PAYMENT_KINDS and line.net_minor == paid]

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
        return self._finding(
            found.record_ids,
            rule,
            fee_minor=found.fee_minor,
            expected_fee_minor=found.expected_fee_minor,
            schedule_version=found.schedule_version,
            evidence=tuple(evidence),
            doubts=tuple(self._doubts(found, rule, lines)),
        )

    def _finding(
        self,
        line_ids: tuple[str, ...],
        rule: str,
        *,
        evidence: tuple[str, ...],
        doubts: tuple[str, ...] = (),
        fee_minor: int = 0,
        expected_fee_minor: int | None = None,
        schedule_version: str = "",
        rest_minor: int = 0,
        carried_minor: int = 0,
        deposit_id: str | None = None,
        **more: Any,
    ) -> Finding:
        """Return a match, or a suggestion where there are doubts. Units: fee_minor is without the bank's charges."""
        deposit = self._deposit
        if deposit.held:
            doubts = ("not sure: an operator has turned down a match of this bank line", *doubts)
        if rest_minor and not self._books.policy.books_rest:
            doubts = ("not sure: the rules leave a rest to a person", *doubts)
        is_of_lines = rule != BY_GIVING_BACK
        if doubts and is_of_lines and (carried_minor or line_ids in deposit.rejected or not line_ids):
            return self._break(BreakReason.REJECTED, "an operator has turned down the only match", rest_minor)
        fee = fee_minor + deposit.bank_fee_minor
        shared: dict[str, Any] = {
            "settlement_account": self._state.account,
            "bank_line_id": deposit.bank_line_id,
            "deposit_id": deposit_id or self._deposit_id,
            "line_ids": line_ids,
            "records_minor": deposit.deposit_minor + fee + rest_minor,
            "deposit_minor": deposit.deposit_minor,
            "fee_minor": fee,
            "rest_minor": rest_minor,
            "expected_fee_minor": fee if expected_fee_minor is None else expected_fee_minor + deposit.bank_fee_minor,
            "currency": self._state.currency,
            "schedule_version": schedule_version or self._books.schedule.version,
            "rule": rule,
            "rule_version": self._books.policy.rule_version,
            "evidence": (*evidence, *doubts),
            "book_on": self._state.day or deposit.book_on,
            "occurred_at": self._at,
        }
        if doubts:
            amounts = (shared["records_minor"], deposit.deposit_minor, fee)
            code = suggestion_code(deposit.bank_line_id, list(line_ids), amounts)
            return DepositMatchSuggested(**shared, suggestion_code=code)
        return DepositMatched(**shared, **more, carried_minor=carried_minor, matched_by=BY_RULE, reason="")

    def _doubts(self, found: Settled, rule: str, lines: Sequence[OpenLine]) -> Iterator[str]:
        if rule in (BY_BATCH_KEY, BY_SAME_AMOUNT):
            return
        if found.fee_minor != found.expected_fee_minor:
            yield "not sure: no batch is named, and the fee is not the expected one to the cent"
        if rivals := self._rivals():
            yield f"not sure: {', '.join(rivals[:3])} has the same amount"
        others = {line.line_id for line in self._near if line.net_minor == self._deposit.paid_minor}
        if len(lines) > 1 and (alone := sorted(others - {line.line_id for line in lines})):
            yield f"not sure: {', '.join(alone[:3])} alone has the same amount"
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
