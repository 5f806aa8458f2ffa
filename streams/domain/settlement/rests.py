"""What explains the rest of a deposit later? A payment that came late, a fee that was told later, an accepted schedule.

A rest is money on unidentified receipts. It leaves there only for one exact explanation: lines that name the deposit,
or lines of its days that became known after it, which come to the rest to the cent; or one late payment that is more
than the rest by so little that the difference is its fee. Where several explain it, a person decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from schemas.records.settlement import (
    DepositRestExplained,
    DepositRestSuggested,
    SettlementLineKind,
    SettlementLineRecorded,
)
from schemas.values.counting import counted
from schemas.values.exchange import leaves
from schemas.values.money import shown
from streams.domain.settlement.books import BY_RULE, FEE_KINDS, Match, OpenLine, Rest, State
from streams.domain.settlement.explaining import REACH, schedule_of
from streams.domain.settlement.policy import Policy
from streams.domain.settlement.reported import exact_ways
from streams.domain.suggestion_codes import suggestion_code

BY_LATE_LINES = "rest-by-late-lines"
BY_LATE_PAYMENT = "rest-by-late-payment-and-fee"
BY_SCHEDULE = "rest-by-fee-schedule"
FEE_TOLD = "fee-told-later"

RestFinding = DepositRestExplained | DepositRestSuggested


@dataclass(frozen=True, slots=True)
class _Way:
    """One explanation of a rest.

    Units: fee_minor is what of the lines was kept, tax_minor the tax in it, expected_minor what the schedule expects.
    """

    lines: tuple[OpenLine, ...]
    fee_minor: int
    tax_minor: int = 0
    expected_minor: int = 0

    @property
    def line_ids(self) -> tuple[str, ...]:
        return tuple(sorted(line.line_id for line in self.lines))


def after_line(state: State, line: SettlementLineRecorded, at: datetime, policy: Policy) -> tuple[RestFinding, ...]:
    """Return what a new line of the gateway or processor says of deposits that were matched before it."""
    opened = state.line(line.line_id)
    if opened is None:
        return ()
    told = _fee_told(state, opened, line.tax_minor, at, policy)
    own = _own_rest(state, opened)
    if not state.rests or (told and own is None):
        return told
    ways = {id_: [*_ways(state, rest, policy)] for id_, rest in state.rests.items() if _concerns(state, rest, opened)}
    claims = {id_: {line_id for way in found for line_id in way.line_ids} for id_, found in ways.items()}
    events: list[RestFinding] = []
    for id_, found in sorted(ways.items()):
        rest = state.rests[id_]
        allowed = [way for way in found if way.line_ids not in rest.rejected]
        if not allowed:
            continue
        rivals = sorted(other for other, ids in claims.items() if other != id_ and ids & set(allowed[0].line_ids))
        doubts = []
        if len(allowed) > 1:
            doubts.append(f"not sure: {len(allowed)} sets of lines explain it")
        if rivals:
            doubts.append(f"not sure: they explain the rest of {', '.join(rivals[:3])} as well")
        if told and told[0].fee_minor == -_counted_fee(state, told[0].bank_line_id):
            doubts.append("not sure: it may be the fee that was counted with its deposit")
        if rest.rejected:
            doubts.append("not sure: an operator has turned down an explanation of this rest")
        events += _finding(state, rest, allowed[0], doubts, at, policy)
    return tuple(events)


def after_schedule(state: State, at: datetime, policy: Policy) -> tuple[DepositRestExplained, ...]:
    """Return which rests are the fee of a schedule that was just accepted."""
    schedule = schedule_of(state)
    events = []
    for id_, rest in sorted(state.rests.items()):
        match = state.matches.get(id_)
        if match is None or any(line.kind in FEE_KINDS for line in match.lines):
            continue
        captured = [line for line in match.lines if line.kind is SettlementLineKind.CAPTURED]
        expected = schedule.fee_minor((line.card_type, line.amount_minor) for line in captured)
        if abs(rest.rest_minor - expected) > schedule.tolerance_minor(len(match.lines)):
            continue
        evidence = (f"schedule {schedule.version} expects a fee of {shown(expected, state.currency)}",)
        events.append(
            _explained(
                state, rest, _Way((), rest.rest_minor, 0, expected), rest.rest_minor, BY_SCHEDULE, evidence, at, policy
            )
        )
    return tuple(events)


def _concerns(state: State, rest: Rest, line: OpenLine) -> bool:
    """Return whether a line can be what a rest lacks."""
    own = rest.matched.deposit_id
    if line.deposit_id is not None:
        return line.deposit_id == own
    report = state.reports.get(own or "")
    last = report.reported.reported_on if report is not None else rest.deposit.moved_on
    batch = rest.deposit.batch_number if report is None else report.reported.batch_number
    came_late = line.book_on > line.moved_on and line.book_on >= rest.matched.book_on
    is_of_its_days = line.moved_on <= last and last - line.moved_on <= REACH
    return came_late and is_of_its_days and (line.batch_number == batch or None in (line.batch_number, batch))


def _ways(state: State, rest: Rest, policy: Policy) -> Iterator[_Way]:
    """Yield each way to explain a rest: to the cent where there is one, else by one payment less its fee."""
    lines = sorted(
        (line for line in state.lines().values() if _concerns(state, rest, line)), key=lambda line: line.line_id
    )
    exact = [*exact_ways(lines, -rest.rest_minor)]
    if exact:
        yield from (_Way(way, 0) for way in exact)
        return
    for line in lines:
        fee = line.net_minor + rest.rest_minor
        if line.kind is SettlementLineKind.CAPTURED and fee > 0 and policy.is_small(fee, line.amount_minor):
            expected = schedule_of(state).fee_minor([(line.card_type, line.amount_minor)])
            yield _Way((line,), fee, 0, expected)


def _fee_told(
    state: State, line: OpenLine, tax_minor: int, at: datetime, policy: Policy
) -> tuple[DepositRestExplained, ...]:
    """Return the correction where a fee that a match counted already comes as a line of its own."""
    if line.kind not in FEE_KINDS or line.net_minor > 0:
        return ()
    for _, match in sorted(state.matches.items()):
        kept = _counted_fee(state, match.reported.bank_line_id)
        if match.statement is None and kept >= line.amount_minor and _is_fee_of(match, line):
            evidence = (f"the fee {line.line_id} of {line.moved_on} was counted with its deposit before it was told",)
            rest = Rest(matched=match.reported, deposit=match.deposit)
            expected = leaves(match.expected_fee_minor, kept, 0, line.amount_minor)
            way = _Way((line,), -line.amount_minor, -min(tax_minor, match.tax_minor), -expected)
            return (_explained(state, rest, way, 0, FEE_TOLD, evidence, at, policy),)
    return ()


def _counted_fee(state: State, bank_line_id: str) -> int:
    """Return what a match counted as the processor's fee without a line of its own."""
    match = state.matches[bank_line_id]
    return match.fee_minor - match.deposit.bank_fee_minor


def _own_rest(state: State, line: OpenLine) -> Rest | None:
    """Return the rest of the deposit that a fee names, where it is that fee to the cent: it was kept besides."""
    if line.kind not in FEE_KINDS or line.deposit_id is None:
        return None
    named = (rest for rest in state.rests.values() if rest.matched.deposit_id == line.deposit_id)
    return next((rest for rest in named if rest.rest_minor == -line.net_minor), None)


def _is_fee_of(match: Match, fee: OpenLine) -> bool:
    if fee.deposit_id is not None:
        return fee.deposit_id == match.reported.deposit_id
    if fee.batch_number is not None and any(line.batch_number == fee.batch_number for line in match.lines):
        return abs(match.deposit.moved_on - fee.moved_on) <= REACH
    payment = fee.paytrace_transaction_id
    return payment is not None and any(line.paytrace_transaction_id == payment for line in match.lines)


def _finding(
    state: State, rest: Rest, way: _Way, doubts: Iterable[str], at: datetime, policy: Policy
) -> tuple[RestFinding, ...]:
    first = way.lines[0]
    what = f"{counted(len(way.lines), 'line|lines')}, {shown(way.fee_minor - rest.rest_minor, state.currency)}"
    evidence = (
        f"{what}, the rest is {shown(rest.rest_minor, state.currency)}, fee {shown(way.fee_minor, state.currency)}",
        f"{first.line_id} is of {first.moved_on} and became known on {first.book_on}",
    )
    rule = BY_LATE_PAYMENT if way.fee_minor else BY_LATE_LINES
    explained = _explained(state, rest, way, rest.rest_minor, rule, evidence, at, policy)
    if not (doubts := tuple(doubts)):
        return (explained,)
    suggested = DepositRestSuggested(
        settlement_account=explained.settlement_account,
        bank_line_id=explained.bank_line_id,
        deposit_id=explained.deposit_id,
        line_ids=explained.line_ids,
        records_minor=explained.records_minor,
        fee_minor=explained.fee_minor,
        rest_minor=explained.rest_minor,
        currency=explained.currency,
        rule=rule,
        rule_version=explained.rule_version,
        evidence=(*evidence, *doubts),
        book_on=explained.book_on,
        occurred_at=at,
        suggestion_code=suggestion_code(rest.matched.bank_line_id, list(way.line_ids), (way.fee_minor,)),
    )
    known = rest.suggested
    is_known = known is not None and known.suggestion_code == suggested.suggestion_code
    return () if is_known else (suggested,)


def _explained(
    state: State,
    rest: Rest,
    way: _Way,
    rest_minor: int,
    rule: str,
    evidence: tuple[str, ...],
    at: datetime,
    policy: Policy,
) -> DepositRestExplained:
    return DepositRestExplained(
        settlement_account=state.account,
        bank_line_id=rest.matched.bank_line_id,
        deposit_id=rest.matched.deposit_id,
        line_ids=way.line_ids,
        records_minor=way.fee_minor - rest_minor,
        fee_minor=way.fee_minor,
        tax_minor=way.tax_minor,
        expected_fee_minor=way.expected_minor,
        rest_minor=rest_minor,
        currency=state.currency,
        rule=rule,
        rule_version=policy.rule_version,
        evidence=evidence,
        matched_by=BY_RULE,
        reason="",
        book_on=state.day or rest.matched.book_on,
        occurred_at=at,
    )
