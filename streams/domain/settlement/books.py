"""What is remembered of a merchant account: open lines, open bank lines, the day that runs, and what may be unmatched.

State is bounded. What is matched leaves it after KEPT_DAYS; what no deposit has paid out after OVERDUE_DAYS, and what
takes money from one after TAKEN_DAYS (their sum stays); the identity of what the outside may tell twice after
KNOWN_DAYS; a line that is older than that is refused, never guessed to be new. The rest of a deposit stays until
something explains it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import TypeAlias, TypeVar, assert_never

from schemas.records.by_topic import SettlementEvents
from schemas.records.settlement import (
    BankLineDismissed,
    BankTransferRecorded,
    CardTypeRecorded,
    DepositBreakFound,
    DepositMatched,
    DepositMatchRejected,
    DepositMatchSuggested,
    DepositMissing,
    DepositReportRecorded,
    DepositRestExplained,
    DepositRestSuggested,
    DepositUnmatched,
    FeeScheduleAccepted,
    FeeScheduleProposed,
    FeeStatementRecorded,
    SettlementBatchRecorded,
    SettlementDayStated,
    SettlementLineKind,
    SettlementLineRecorded,
    SettlementLineRefused,
    SettlementLinesSetAside,
    SettlementRequest,
    SettlementRequestRefused,
)
from schemas.signs import settlement_sign
from schemas.values.replacing import replace

Event: TypeAlias = SettlementEvents
Answer: TypeAlias = (
    DepositMatched
    | DepositRestExplained
    | DepositMatchRejected
    | DepositUnmatched
    | BankLineDismissed
    | BankTransferRecorded
    | FeeScheduleAccepted
    | SettlementRequestRefused
)

V = TypeVar("V")

BY_RULE = "rule"
_LETTERS = str.maketrans("0123456789abcdef", "ABCDEFGHIJKLMNOP")
KEPT_DAYS = 16  # a match can be taken apart so long; two weeks and a weekend
OVERDUE_DAYS = 21  # twice as long as a deposit may take, so that a person can still look
TAKEN_DAYS = 200  # a refund or fee may be taken out of a much later deposit
BATCH_DAYS = 60  # a batch that no deposit named by then has lost its lines to an operator long ago
KNOWN_DAYS = 400  # a year's statements may be imported again

BANK_KINDS = frozenset({SettlementLineKind.DEPOSITED, SettlementLineKind.WITHDRAWN})
# What comes from the payments context, where each movement is reported once; all else the outside may tell twice.
PAYMENT_KINDS = frozenset(
    {
        SettlementLineKind.CAPTURED,
        SettlementLineKind.AMOUNT_INCREASED,
        SettlementLineKind.AMOUNT_DECREASED,
        SettlementLineKind.VOIDED,
        SettlementLineKind.RETURNED,
        SettlementLineKind.REFUNDED,
        SettlementLineKind.REFUND_VOIDED,
    }
)
FEE_KINDS = frozenset(
    {
        SettlementLineKind.FEE,
        SettlementLineKind.FEE_GIVEN_BACK,
        SettlementLineKind.CHARGEBACK_FEE,
        SettlementLineKind.CHARGEBACK_FEE_GIVEN_BACK,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenLine:
    """A line of the gateway or processor that no bank line has paid out. Units: minor units, not negative."""

    line_id: str
    kind: SettlementLineKind
    amount_minor: int
    moved_on: date
    book_on: date
    card_type: str
    batch_number: int | None
    settled_at: datetime | None
    paytrace_transaction_id: str | None
    deposit_id: str | None = None

    @property
    def net_minor(self) -> int:
        """The amount with its direction."""
        return settlement_sign(self.kind) * self.amount_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDeposit:
    """A bank line that nothing explains yet, and what is said of it so far.

    Units: deposit_minor is signed; bank_minor too, what the bank booked in bank_currency where the processor converted.
           bank_fee_minor is what the bank charged before it. held: an operator has turned a
           match down, so only an operator confirms another.
    """

    bank_line_id: str
    deposit_minor: int
    bank_minor: int | None = None
    bank_currency: str | None = None
    bank_fee_minor: int = 0
    moved_on: date
    book_on: date
    batch_number: int | None
    deposit_id: str | None = None
    text: str = ""
    suggested: DepositMatchSuggested | None = None
    broken: DepositBreakFound | None = None
    rejected: tuple[tuple[str, ...], ...] = ()
    held: bool = False

    @property
    def paid_minor(self) -> int:
        """What its lines must come to: what the bank booked, and what it charged before that."""
        return self.deposit_minor + self.bank_fee_minor


@dataclass(frozen=True, kw_only=True)
class Match:
    """A bank line and what it paid out, kept so that an operator can take it apart.

    Units: fee_minor is what of the lines is fee now, after what was explained later; tax_minor is the tax in it,
           expected_fee_minor what the schedule expects of it.
    """

    reported: DepositMatched
    deposit: OpenDeposit
    lines: tuple[OpenLine, ...]
    fee_minor: int
    tax_minor: int = 0
    expected_fee_minor: int = 0
    statement: FeeStatementRecorded | None = None

    @cached_property
    def line_ids(self) -> frozenset[str]:
        """The ids of the lines."""
        return frozenset(line.line_id for line in self.lines)

    @property
    def due_id(self) -> str:
        """Line under which the part of its deposit is open that other bank lines bring."""
        return due_id(self.reported.bank_line_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """What a matched bank line left over, until something explains it."""

    matched: DepositMatched
    deposit: OpenDeposit
    suggested: DepositRestSuggested | None = None
    rejected: tuple[tuple[str, ...], ...] = ()

    @property
    def rest_minor(self) -> int:
        """Above zero the bank brought less than the lines, below zero more."""
        return self.matched.rest_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class Dismissed:
    """A bank line that an operator called other business, kept as long as a match can be taken apart.

    It still counts as a line that others may be taken for: that it is none of ours proves nothing about them.
    """

    reported: BankLineDismissed
    moved_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A settlement batch as PayTrace states it."""

    batch_id: str
    number: int
    settled_on: date
    settled_at: datetime
    net_minor: int
    is_consistent: bool | None
    observed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A deposit that the processor told, how many bank lines are matched to it, and the files that told it."""

    reported: DepositReportRecorded
    bank_lines: int = 0
    files: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownLine:
    """What a line's id stands for, so that another line of the same id is not taken for it."""

    kind: SettlementLineKind
    amount_minor: int
    moved_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """Sums of the day that runs. Units: minor units, signed. entry_count: what was booked on it."""

    entry_count: int = 0
    opening_minor: int = 0
    new_by_kind: dict[str, int]
    deposited_minor: int = 0
    fee_minor: int = 0
    rest_minor: int = 0
    dismissed_minor: int = 0

    @property
    def closing_minor(self) -> int:
        """What must be open, by the sums alone."""
        added = sum(self.new_by_kind.values())
        gone = self.deposited_minor + self.fee_minor + self.rest_minor
        return self.opening_minor + added - gone + self.dismissed_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """All that is remembered of one account.

    Shapes: dicts by id; stated by book day (ISO); open by book day and then by id, so that a new line copies one day
            only.
            only. reports holds the deposits that the processor told, by its id; statements those of fees that no
            bank debit has paid. transfers holds customers' payments by their names; returned what of
            those the bank took back.
    Units:  minor units; set_aside_minor is the signed sum of lines that are not kept any more.
    """

    account: str = ""
    currency: str = ""
    day: date | None = None
    running: Running
    open: dict[str, dict[str, OpenLine]]
    set_aside_minor: int = 0
    deposits: dict[str, OpenDeposit]
    matches: dict[str, Match]
    batches: dict[str, Batch]
    stated: dict[str, SettlementDayStated]
    known: dict[str, KnownLine]
    answered: dict[str, date]
    schedule: FeeScheduleAccepted | None = None
    proposal: FeeScheduleProposed | None = None
    dismissed: dict[str, Dismissed] = field(default_factory=dict)
    rests: dict[str, Rest] = field(default_factory=dict)
    reports: dict[str, Report] = field(default_factory=dict)
    statements: dict[str, FeeStatementRecorded] = field(default_factory=dict)
    transfers: dict[str, BankTransferRecorded] = field(default_factory=dict)
    returned: dict[str, int] = field(default_factory=dict)

    def lines(self) -> dict[str, OpenLine]:
        """Return every open line of the gateway, by id."""
        return {id_: line for day in self.open.values() for id_, line in day.items()}

    def line(self, line_id: str) -> OpenLine | None:
        """Return one open line, or None."""
        return next((day[line_id] for day in self.open.values() if line_id in day), None)

    @property
    def in_transit_minor(self) -> int:
        """Open lines of the gateway, counted one by one, and what is set aside."""
        return sum(line.net_minor for day in self.open.values() for line in day.values()) + self.set_aside_minor

    @property
    def unexplained_minor(self) -> int:
        """Open bank lines, counted one by one."""
        return sum(deposit.deposit_minor for deposit in self.deposits.values())


INITIAL = State(
    running=Running(new_by_kind={}),
    open={},
    deposits={},
    matches={},
    batches={},
    stated={},
    known={},
    answered={},
)


def answer_key(request: SettlementRequest, requested_by: str, subject: str, requested_at: datetime) -> str:
    """Return what makes an operator's request the same one again.

    Two requests of one instant may differ in what they ask.
    """
    return f"{requested_at.isoformat()} {request.value} {requested_by} {subject}"


def due_id(bank_line_id: str) -> str:
    """Return the name of the line that is left of a deposit after a bank line brought a part of it."""
    return f"{bank_line_id}:due"


def refusal_id(line_id: str, kind: SettlementLineKind, amount_minor: int, moved_on: date) -> str:
    """Return where it is remembered that a line with the id of another one was refused, so that it is said once."""
    return f"refused {line_id} {kind.value} {amount_minor} {moved_on}"


def evolve(state: State, event: SettlementEvents) -> State:
    """Remember one event; accepts any event in any state."""
    match event:
        case SettlementLineRecorded():
            return _with_line(state, event)
        case SettlementBatchRecorded():
            return replace(state, batches={**state.batches, event.batch_id: _batch(event)})
        case CardTypeRecorded():
            return _with_card_type(state, event)
        case DepositMatched():
            matched = _matched(state, event)
            return matched if event.matched_by == BY_RULE else _answered(matched, event)
        case DepositMatchSuggested():
            return _with_deposit(state, event.bank_line_id, suggested=event, broken=None)
        case DepositBreakFound():
            return _with_deposit(state, event.bank_line_id, suggested=None, broken=event)
        case DepositReportRecorded():
            named = replace(state, account=event.settlement_account, currency=event.currency)
            before = state.reports.get(event.deposit_id) or Report(reported=event)
            report = replace(before, reported=event, files=before.files | {event.source_file})
            return replace(named, reports={**state.reports, event.deposit_id: report})
        case FeeStatementRecorded():
            return _with_statement(state, event)
        case DepositRestSuggested():
            return _with_rest(state, event.bank_line_id, suggested=event)
        case DepositRestExplained():
            explained = _explained(state, event)
            return explained if event.matched_by == BY_RULE else _answered(explained, event)
        case DepositMatchRejected():
            return _answered(_turned_down(state, event.bank_line_id, event.line_ids), event)
        case DepositUnmatched():
            return _answered(_unmatched(state, event), event)
        case BankLineDismissed():
            return _answered(_dismissed(state, event), event)
        case BankTransferRecorded():
            transferred = _transferred(state, event)
            return transferred if event.matched_by == BY_RULE else _answered(transferred, event)
        case FeeScheduleProposed():
            return replace(state, proposal=event)
        case FeeScheduleAccepted():
            return _answered(replace(state, schedule=event, proposal=None), event)
        case SettlementDayStated():
            return _stated(state, event)
        case SettlementRequestRefused():
            return _answered(state, event)
        case SettlementLinesSetAside():
            aside = event.book_on.isoformat()
            gone = [line for line in state.open.get(aside, {}).values() if event.is_whole_day or line.net_minor > 0]
            # The day of these lines was stated as not closed, and so it stays.
            return replace(
                state,
                open=_closed(state.open, gone),
                stated={day: reported for day, reported in state.stated.items() if day != aside},
                set_aside_minor=state.set_aside_minor + event.open_minor,
            )
        case SettlementLineRefused() if event.detail:
            refused = refusal_id(event.line_id, event.kind, event.amount_minor, event.moved_on)
            known = KnownLine(kind=event.kind, amount_minor=event.amount_minor, moved_on=event.moved_on)
            return replace(state, known={**state.known, refused: known})
        case SettlementLineRefused() | DepositMissing():
            return state
        case _:
            assert_never(event)


def _with_line(state: State, event: SettlementLineRecorded) -> State:
    state = replace(state, account=event.settlement_account, currency=event.currency)
    known = state.known
    if event.kind not in PAYMENT_KINDS:
        reported = KnownLine(kind=event.kind, amount_minor=event.amount_minor, moved_on=event.moved_on)
        known = {**known, event.line_id: reported}
    running, signed = state.running, settlement_sign(event.kind) * event.amount_minor
    running = replace(running, entry_count=running.entry_count + 1)
    day = event.book_on if state.day is None else max(state.day, event.book_on)
    if event.kind in BANK_KINDS:
        deposit = OpenDeposit(
            bank_line_id=event.line_id,
            deposit_minor=signed,
            bank_minor=None if event.bank_minor is None else settlement_sign(event.kind) * event.bank_minor,
            bank_currency=event.bank_currency,
            bank_fee_minor=event.fee_minor,
            moved_on=event.moved_on,
            book_on=event.book_on,
            batch_number=event.batch_number,
            deposit_id=event.deposit_id,
            text=event.text,
        )
        running = replace(running, deposited_minor=running.deposited_minor + signed)
        deposits = {**state.deposits, event.line_id: deposit}
        return replace(state, day=day, known=known, running=running, deposits=deposits)
    line = OpenLine(
        line_id=event.line_id,
        kind=event.kind,
        amount_minor=event.amount_minor,
        moved_on=event.moved_on,
        book_on=event.book_on,
        card_type=event.card_type,
        batch_number=event.batch_number,
        settled_at=event.settled_at,
        paytrace_transaction_id=event.paytrace_transaction_id,
        deposit_id=event.deposit_id,
    )
    new = {**running.new_by_kind, event.kind.value: running.new_by_kind.get(event.kind.value, 0) + signed}
    opened = _opened(state.open, (line,))
    return replace(state, day=day, known=known, running=replace(running, new_by_kind=new), open=opened)


def _opened(open_lines: dict[str, dict[str, OpenLine]], lines: Iterable[OpenLine]) -> dict[str, dict[str, OpenLine]]:
    by_day: dict[str, dict[str, OpenLine]] = {}
    for line in lines:
        by_day.setdefault(line.book_on.isoformat(), {})[line.line_id] = line
    return open_lines | {day: open_lines.get(day, {}) | new for day, new in by_day.items()}


def _closed(open_lines: dict[str, dict[str, OpenLine]], gone: Iterable[OpenLine]) -> dict[str, dict[str, OpenLine]]:
    by_day: dict[str, set[str]] = {}
    for line in gone:
        by_day.setdefault(line.book_on.isoformat(), set()).add(line.line_id)
    kept = {
        day: {id_: line for id_, line in lines.items() if id_ not in by_day[day]} if day in by_day else lines
        for day, lines in open_lines.items()
    }
    return {day: lines for day, lines in kept.items() if lines}


def _batch(event: SettlementBatchRecorded) -> Batch:
    return Batch(
        batch_id=event.batch_id,
        number=event.batch_number,
        settled_on=event.settled_on,
        settled_at=event.settled_at,
        net_minor=event.net_minor,
        is_consistent=event.is_consistent,
        observed_at=event.occurred_at,
    )


def _with_card_type(state: State, event: CardTypeRecorded) -> State:
    typed = [
        replace(line, card_type=event.card_type)
        for line in state.lines().values()
        if line.paytrace_transaction_id == event.paytrace_transaction_id and line.card_type
    ]
    return replace(state, open=_opened(state.open, typed))


def _with_deposit(
    state: State, bank_line_id: str, *, suggested: DepositMatchSuggested | None, broken: DepositBreakFound | None
) -> State:
    deposit = state.deposits.get(bank_line_id)
    if deposit is None:
        return state
    changed = replace(deposit, suggested=suggested, broken=broken)
    return replace(state, deposits={**state.deposits, bank_line_id: changed})


def _matched(state: State, event: DepositMatched) -> State:
    deposit = state.deposits.get(event.bank_line_id)
    if deposit is None:
        return state
    known = state.lines()
    lines = [known[id_] for id_ in event.line_ids if id_ in known]
    statement = state.statements.get(event.fee_statement_id or "")
    match = Match(
        reported=event,
        deposit=deposit,
        lines=tuple(lines),
        fee_minor=event.fee_minor,
        tax_minor=event.tax_minor,
        expected_fee_minor=event.expected_fee_minor,
        statement=statement,
    )
    opened = _closed(state.open, lines)
    if event.carried_minor:
        opened = _opened(opened, (_due(event, deposit),))
    rests = state.rests
    if event.rest_minor:
        rests = {**rests, event.bank_line_id: Rest(matched=event, deposit=deposit)}
    running = state.running
    return replace(
        state,
        open=opened,
        deposits=_without(state.deposits, event.bank_line_id),
        matches={**state.matches, event.bank_line_id: match},
        rests=rests,
        reports=_counted(state.reports, event.deposit_id, 1),
        statements=_without(state.statements, event.fee_statement_id or ""),
        running=replace(
            running,
            entry_count=running.entry_count + 1,
            fee_minor=running.fee_minor + event.fee_minor,
            rest_minor=running.rest_minor + event.rest_minor,
        ),
    )


def _counted(reports: dict[str, Report], deposit_id: str | None, change: int) -> dict[str, Report]:
    report = reports.get(deposit_id or "")
    if report is None:
        return reports
    return {**reports, report.reported.deposit_id: replace(report, bank_lines=report.bank_lines + change)}


def _due(event: DepositMatched, deposit: OpenDeposit) -> OpenLine:
    """Return the line that is left of a deposit of which a bank line brought a part."""
    is_due = event.carried_minor > 0
    return OpenLine(
        line_id=due_id(event.bank_line_id),
        kind=SettlementLineKind.DEPOSIT_DUE if is_due else SettlementLineKind.DEPOSIT_OWED,
        amount_minor=abs(event.carried_minor),
        moved_on=deposit.moved_on,
        book_on=event.book_on,
        card_type="",
        batch_number=None,
        settled_at=None,
        paytrace_transaction_id=None,
        deposit_id=event.deposit_id,
    )


def _explained(state: State, event: DepositRestExplained) -> State:
    known = state.lines()
    lines = tuple(known[id_] for id_ in event.line_ids if id_ in known)
    running, match = state.running, state.matches.get(event.bank_line_id)
    matches = state.matches
    if match is not None:
        more = replace(
            match,
            lines=(*match.lines, *lines),
            fee_minor=match.fee_minor + event.fee_minor,
            tax_minor=match.tax_minor + event.tax_minor,
            expected_fee_minor=match.expected_fee_minor + event.expected_fee_minor,
        )
        matches = {**matches, event.bank_line_id: more}
    return replace(
        state,
        open=_closed(state.open, lines),
        matches=matches,
        rests=_without(state.rests, event.bank_line_id) if event.rest_minor else state.rests,
        running=replace(
            running,
            entry_count=running.entry_count + 1,
            fee_minor=running.fee_minor + event.fee_minor,
            rest_minor=running.rest_minor - event.rest_minor,
        ),
    )


def _with_statement(state: State, event: FeeStatementRecorded) -> State:
    reported = KnownLine(kind=SettlementLineKind.UNKNOWN, amount_minor=event.fee_minor, moved_on=event.entered_on)
    return replace(
        state,
        account=event.settlement_account,
        currency=event.currency,
        statements={**state.statements, event.fee_statement_id: event},
        known={**state.known, event.fee_statement_id: reported},
    )


def _with_rest(state: State, bank_line_id: str, *, suggested: DepositRestSuggested | None) -> State:
    rest = state.rests.get(bank_line_id)
    if rest is None:
        return state
    return replace(state, rests={**state.rests, bank_line_id: replace(rest, suggested=suggested)})


def _turned_down(state: State, bank_line_id: str, line_ids: tuple[str, ...]) -> State:
    rest = state.rests.get(bank_line_id)
    if rest is not None:
        turned = replace(rest, suggested=None, rejected=(*rest.rejected, line_ids))
        return replace(state, rests={**state.rests, bank_line_id: turned})
    deposit = state.deposits.get(bank_line_id)
    if deposit is None:
        return state
    changed = replace(deposit, suggested=None, broken=None, held=True, rejected=(*deposit.rejected, line_ids))
    return replace(state, deposits={**state.deposits, bank_line_id: changed})


def _unmatched(state: State, event: DepositUnmatched) -> State:
    match = state.matches.get(event.bank_line_id)
    if match is None:
        return state
    running, statements = state.running, state.statements
    if match.statement is not None:
        statements = {**statements, match.statement.fee_statement_id: match.statement}
    due = state.line(match.due_id)
    open_lines = _closed(state.open, (due,)) if due is not None else state.open
    opened = replace(
        state,
        open=_opened(open_lines, match.lines),
        deposits={**state.deposits, event.bank_line_id: match.deposit},
        matches=_without(state.matches, event.bank_line_id),
        rests=_without(state.rests, event.bank_line_id),
        reports=_counted(state.reports, event.deposit_id, -1),
        statements=statements,
        running=replace(
            running,
            entry_count=running.entry_count + 1,
            fee_minor=running.fee_minor - event.fee_minor,
            rest_minor=running.rest_minor - event.rest_minor,
        ),
    )
    return _turned_down(opened, event.bank_line_id, event.line_ids)


def _dismissed(state: State, event: BankLineDismissed) -> State:
    running, deposit = state.running, state.deposits.get(event.bank_line_id)
    moved_on = event.book_on if deposit is None else deposit.moved_on
    return replace(
        state,
        dismissed={**state.dismissed, event.bank_line_id: Dismissed(reported=event, moved_on=moved_on)},
        deposits=_without(state.deposits, event.bank_line_id),
        running=replace(
            running,
            entry_count=running.entry_count + 1,
            dismissed_minor=running.dismissed_minor + event.deposit_minor,
        ),
    )


def transfer_id(bank_line_id: str) -> str:
    """Return the name of the payment that a bank line is: letters alone, so that none is taken for a card number."""
    digest = hashlib.blake2b(bank_line_id.encode(), digest_size=7).hexdigest()
    return f"BT{digest.translate(_LETTERS)}"


def _transferred(state: State, event: BankTransferRecorded) -> State:
    """Remember a customer's payment; a line that was open as a deposit leaves the bridge."""
    is_return = event.returns_line_id is not None
    kind = SettlementLineKind.WITHDRAWN if is_return else SettlementLineKind.DEPOSITED
    charged = event.fee_minor if is_return else -event.fee_minor
    line = KnownLine(kind=kind, amount_minor=event.amount_minor + charged, moved_on=event.booked_on)
    running, name, returned = state.running, event.paytrace_transaction_id, state.returned
    if event.returns_line_id is not None:
        paid = transfer_id(event.returns_line_id)
        returned = {**returned, paid: returned.get(paid, 0) + event.amount_minor}
    if event.deposit_minor:
        dismissed = running.dismissed_minor + event.deposit_minor
        running = replace(running, entry_count=running.entry_count + 1, dismissed_minor=dismissed)
    return replace(
        state,
        account=event.settlement_account,
        currency=event.currency,
        known={**state.known, event.bank_line_id: line},
        deposits=_without(state.deposits, event.bank_line_id),
        transfers=state.transfers if is_return else {**state.transfers, name: event},
        returned=returned,
        running=running,
    )


def _answered(state: State, event: Answer) -> State:
    match event:
        case DepositMatched() | DepositRestExplained():
            asked, who, subject = SettlementRequest.CONFIRM_MATCH, event.matched_by, event.bank_line_id
        case FeeScheduleAccepted():
            asked, who, subject = SettlementRequest.ACCEPT_FEES, event.requested_by, schedule_subject(event.version)
        case SettlementRequestRefused():
            asked, who, subject = event.request, event.requested_by, event.subject
        case DepositMatchRejected():
            asked, who, subject = SettlementRequest.REJECT_MATCH, event.requested_by, event.bank_line_id
        case DepositUnmatched():
            asked, who, subject = SettlementRequest.UNMATCH, event.requested_by, event.bank_line_id
        case BankLineDismissed():
            asked, who, subject = SettlementRequest.DISMISS_LINE, event.requested_by, event.bank_line_id
        case BankTransferRecorded():
            asked, who, subject = SettlementRequest.TAKE_TRANSFER, event.matched_by, event.bank_line_id
    key = answer_key(asked, who, subject, event.occurred_at)
    return replace(state, answered={**state.answered, key: event.occurred_at.date()})


def schedule_subject(version: int) -> str:
    """Return how a fee schedule is named where a bank line could stand."""
    return f"fee schedule {version}"


def _stated(state: State, event: SettlementDayStated) -> State:
    kept = replace(state, stated={**state.stated, event.book_on.isoformat(): event})
    if state.day is None or event.book_on < state.day:
        return kept
    begun = replace(
        kept, day=event.book_on + timedelta(days=1), running=Running(opening_minor=event.closing_minor, new_by_kind={})
    )
    return _let_go(begun, event.book_on)


def _let_go(state: State, ended: date) -> State:
    """Forget what no rule can need any more, once a day."""
    open_days = {*state.open, *(deposit.book_on.isoformat() for deposit in state.deposits.values())}
    undoable, named, known = (ended - timedelta(days=days) for days in (KEPT_DAYS, BATCH_DAYS, KNOWN_DAYS))
    return replace(
        state,
        matches={id_: match for id_, match in state.matches.items() if match.reported.book_on >= undoable},
        dismissed={id_: line for id_, line in state.dismissed.items() if line.reported.book_on >= undoable},
        batches={id_: batch for id_, batch in state.batches.items() if batch.settled_on >= named},
        stated={
            day: reported for day, reported in state.stated.items() if reported.book_on >= undoable or day in open_days
        },
        known={
            id_: reported
            for id_, reported in state.known.items()
            if reported.moved_on >= known or id_ in state.deposits
        },
        reports={id_: report for id_, report in state.reports.items() if report.reported.reported_on >= known},
        statements={id_: statement for id_, statement in state.statements.items() if statement.entered_on >= known},
        transfers={id_: paid for id_, paid in state.transfers.items() if paid.booked_on >= known},
        returned={id_: minor for id_, minor in state.returned.items() if id_ in state.transfers},
        answered={id_: day for id_, day in state.answered.items() if day >= known},
    )


def _without(mapping: dict[str, V], key: str) -> dict[str, V]:
    return {id_: value for id_, value in mapping.items() if id_ != key}
