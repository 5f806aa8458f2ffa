"""When does a day end, and is it closed? Days run by the dates of records, never by a clock.

The day that runs ends when a record of a later day comes, or when a bank statement covers it. Its bridge is stated
then, and stated again whenever its status changes: a break of the past explained, or money of the past overdue.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import reduce

from schemas.records.settlement import DepositMissing, SettlementDayStated, SettlementLinesSetAside
from schemas.values.replacing import replace
from streams.domain.settlement.books import OVERDUE_DAYS, TAKEN_DAYS, Event, OpenLine, State, evolve
from streams.domain.settlement.explaining import REACH, findings, keys_of
from streams.domain.settlement.policy import Policy

SHOWN_LINES = 100


def day_end(state: State, next_day: date, at: datetime, policy: Policy) -> tuple[Event, ...]:
    """Return what follows from the day being over because next_day has begun; () while it runs."""
    if state.day is None or next_day <= state.day:
        return ()
    ended = state.day
    recent = [id_ for id_, deposit in state.deposits.items() if next_day - deposit.book_on <= timedelta(OVERDUE_DAYS)]
    events: tuple[Event, ...] = findings(state, recent, at, policy)
    state = reduce(evolve, events, state)
    events += tuple(_missing(state, ended, next_day, at))
    if state.running.entry_count:
        stated = _statement(state, ended, next_day, at)
        events += (stated,)
        state = evolve(state, stated)
    changed = restated(state, next_day, at)
    state = reduce(evolve, changed, state)
    return (*events, *changed, *_set_aside(state, next_day, at))


def restated(state: State, today: date | None, at: datetime) -> tuple[SettlementDayStated, ...]:
    """Past days whose status is another than was stated."""
    if today is None or not state.stated:
        return ()
    unexplained, overdue = _unexplained(state), _overdue(state, today)
    events = []
    for _, reported in sorted(state.stated.items()):
        day = reported.book_on
        now = replace(
            reported,
            is_closed=not reported.residual_minor and not unexplained[day] and not overdue[day],
            open_bank_line_ids=tuple(unexplained[day]),
            overdue_count=overdue[day],
        )
        if now != reported:
            events.append(replace(now, occurred_at=at))
    return tuple(events)


def _statement(state: State, day: date, today: date, at: datetime) -> SettlementDayStated:
    running = state.running
    unexplained, overdue = _unexplained(state)[day], _overdue(state, today)[day]
    residual = running.closing_minor - (state.in_transit_minor - state.unexplained_minor)
    return SettlementDayStated(
        settlement_account=state.account,
        book_on=day,
        is_closed=not residual and not unexplained and not overdue,
        currency=state.currency,
        opening_minor=running.opening_minor,
        new_by_kind=dict(sorted(running.new_by_kind.items())),
        deposited_minor=running.deposited_minor,
        fee_minor=running.fee_minor,
        rest_minor=running.rest_minor,
        dismissed_minor=running.dismissed_minor,
        closing_minor=running.closing_minor,
        in_transit_minor=state.in_transit_minor,
        unexplained_minor=state.unexplained_minor,
        residual_minor=residual,
        open_bank_line_ids=tuple(unexplained),
        overdue_count=overdue,
        occurred_at=at,
    )


def _unexplained(state: State) -> defaultdict[date, list[str]]:
    found: defaultdict[date, list[str]] = defaultdict(list)
    for bank_line_id, deposit in sorted(state.deposits.items()):
        found[deposit.book_on].append(bank_line_id)
    return found


def _overdue(state: State, today: date) -> Counter[date]:
    return Counter(line.book_on for line in state.lines().values() if is_overdue(line, today))


def is_overdue(line: OpenLine, today: date) -> bool:
    """Return whether a deposit of today can't pay this line out any more."""
    return today - line.moved_on > REACH


def _missing(state: State, ended: date, today: date, at: datetime) -> Iterator[DepositMissing]:
    """Yield lines that became overdue now, one event for each batch or day of them."""
    keys = keys_of(state)
    groups: defaultdict[tuple[date, str], list[OpenLine]] = defaultdict(list)
    for line in state.lines().values():
        if is_overdue(line, today) and (line.book_on == ended or not is_overdue(line, ended)):
            groups[line.moved_on, keys.of_line(line)].append(line)
    for (moved_on, key), lines in sorted(groups.items()):
        yield DepositMissing(
            settlement_account=state.account,
            batch_id=key,
            moved_on=moved_on,
            line_ids=tuple(sorted(line.line_id for line in lines))[:SHOWN_LINES],
            line_count=len(lines),
            open_minor=sum(line.net_minor for line in lines),
            currency=state.currency,
            book_on=ended,
            occurred_at=at,
        )


def _set_aside(state: State, today: date, at: datetime) -> Iterator[SettlementLinesSetAside]:
    """Lines that are overdue for too long; what came late has as long from the day it became known.

    What takes money may be settled in a deposit of months later, so it stays longer than what should have been paid.
    """
    for day, lines in sorted(state.open.items()):
        book_on = date.fromisoformat(day)
        age = (today - book_on).days
        gone = [line for line in lines.values() if age > TAKEN_DAYS or (age > OVERDUE_DAYS and line.net_minor > 0)]
        if gone:
            yield SettlementLinesSetAside(
                settlement_account=state.account,
                line_count=len(gone),
                open_minor=sum(line.net_minor for line in gone),
                is_whole_day=age > TAKEN_DAYS,
                currency=state.currency,
                book_on=book_on,
                occurred_at=at,
            )
