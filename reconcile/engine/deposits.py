"""The daily bridge of a merchant account: what was captured, what the bank deposited, and what lies between.

Decides which gateway records a deposit settles and what of the difference is a fee. It protects two sentences that
finance relies on: open(t) = open(t-1) + new - closed on every day, and a day is shown as closed only if every cent of
its deposits is explained. A difference is a fee only inside the tolerance of a fee schedule; anything else is a break.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum

from reconcile.engine.fees import FeeSchedule
from reconcile.engine.parameters import PARAMETERS, Parameters
from reconcile.engine.subset import reaches, subset_sums
from schemas.values.replacing import replace

WHOLE_DAYS, ONE_BATCH = "whole days", "records of one batch"  # what a processor pays out: nothing left out, none added


class RecordKind(StrEnum):
    """What a gateway record does to the money that is on its way."""

    CAPTURE = "captured"
    REFUND = "refunded"
    CHARGEBACK = "charged_back"
    CHARGEBACK_REVERSAL = "chargeback_reversed"
    FEE = "fee"
    RESERVE_HOLD = "reserve_held"
    RESERVE_RELEASE = "reserve_released"

    @property
    def sign(self) -> int:
        """+1 for money towards us."""
        return 1 if self in (RecordKind.CAPTURE, RecordKind.CHARGEBACK_REVERSAL, RecordKind.RESERVE_RELEASE) else -1


@dataclass(frozen=True, slots=True)
class GatewayRecord:
    """One settled fact of the gateway.

    Units: amount_minor is not negative, its direction is in kind. settled_on is the batch's day; known_on the day on
    which we learned of it, later for a late item.
    """

    id: str
    kind: RecordKind
    amount_minor: int
    settled_on: date
    known_on: date
    card_type: str = ""
    batch_key: str = ""

    @property
    def net_minor(self) -> int:
        """The amount with its direction."""
        return self.kind.sign * self.amount_minor


@dataclass(frozen=True, slots=True)
class BankDeposit:
    """One line of the bank statement on the deposit account. Units: amount_minor is signed, positive is money in."""

    id: str
    amount_minor: int
    on: date
    known_on: date
    batch_key: str = ""


@dataclass(frozen=True, slots=True)
class Settled:
    """A deposit and the records that it settles.

    Ensures: sum of records = deposit + fee. takes_in_cancelling: other sets fit too, and each differs from this one by
             records that cancel each other out, no more.
    """

    deposit_id: str
    record_ids: tuple[str, ...]
    on: date
    deposit_minor: int
    fee_minor: int
    expected_fee_minor: int
    schedule_version: str
    how: str
    takes_in_cancelling: bool = False


@dataclass(frozen=True, slots=True)
class Break:
    """A deposit that nothing explains yet, with the closest attempt and what that leaves over.

    is_near: whether an attempt comes so near that it is worth naming; without one, all of the deposit is left over.
    """

    deposit_id: str
    reason: str
    difference_minor: int
    is_near: bool = True


@dataclass(frozen=True, slots=True)
class DayBridge:
    """One day of one account and currency.

    Units:   minor units; new_by_kind holds signed sums of what became known that day.
    Ensures: opening + sum(new_by_kind) - deposited - fees = closing, residual 0; closing is also the sum of the open
             records less the open deposits, counted one by one (drill-down ids).
    """

    on: date
    opening_minor: int
    new_by_kind: Mapping[RecordKind, int]
    deposited_minor: int
    fees_minor: int
    closing_minor: int
    settled: tuple[Settled, ...]
    breaks: tuple[Break, ...]
    open_record_ids: tuple[str, ...]
    open_deposit_ids: tuple[str, ...]
    residual_minor: int

    @property
    def is_closed(self) -> bool:
        """Green: nothing unexplained. A day with a break or a residual never is."""
        return not self.breaks and not self.residual_minor


@dataclass(slots=True)
class _Open:
    parameters: Parameters
    records: dict[str, GatewayRecord] = field(default_factory=dict)
    deposits: dict[str, BankDeposit] = field(default_factory=dict)


def daily_bridges(
    records: Sequence[GatewayRecord],
    deposits: Sequence[BankDeposit],
    schedule: FeeSchedule,
    last_day: date,
    parameters: Parameters = PARAMETERS,
) -> list[DayBridge]:
    """Return the bridge of each day from the first known item to last_day.

    Shapes:  one account and one currency, any order.
    Ensures: a day's bridge depends only on what was known that day, so a later run gives the same past days; a late
             record changes the day on which it became known.
    """
    days = [record.known_on for record in records] + [deposit.known_on for deposit in deposits]
    if not days:
        return []
    new_records: dict[date, list[GatewayRecord]] = {}
    new_deposits: dict[date, list[BankDeposit]] = {}
    for record in sorted(records, key=lambda one: one.id):
        new_records.setdefault(record.known_on, []).append(record)
    for deposit in sorted(deposits, key=lambda one: one.id):
        new_deposits.setdefault(deposit.known_on, []).append(deposit)
    books = _Open(parameters)
    opening = 0
    bridges: list[DayBridge] = []
    day = min(days)
    while day <= last_day:
        bridge = _one_day(books, day, opening, new_records.get(day, []), new_deposits.get(day, []), schedule)
        bridges.append(bridge)
        opening = bridge.closing_minor
        day += timedelta(days=1)
    return bridges


def _one_day(
    books: _Open,
    day: date,
    opening: int,
    records: Sequence[GatewayRecord],
    deposits: Sequence[BankDeposit],
    schedule: FeeSchedule,
) -> DayBridge:
    new_by_kind: dict[RecordKind, int] = {}
    for record in records:
        books.records[record.id] = record
        new_by_kind[record.kind] = new_by_kind.get(record.kind, 0) + record.net_minor
    for deposit in deposits:
        books.deposits[deposit.id] = deposit
    settled: list[Settled] = []
    breaks: list[Break] = []
    for deposit in sorted(books.deposits.values(), key=lambda one: (not one.batch_key, one.on, one.id)):
        found = _settle(books, deposit, schedule)
        if isinstance(found, Settled):
            settled.append(found)
            del books.deposits[deposit.id]
            for record_id in found.record_ids:
                del books.records[record_id]
        else:
            breaks.append(found)
    deposited = sum(deposit.amount_minor for deposit in deposits)
    fees = sum(one.fee_minor for one in settled)
    closing = opening + sum(new_by_kind.values()) - deposited - fees
    counted = sum(record.net_minor for record in books.records.values())
    counted -= sum(deposit.amount_minor for deposit in books.deposits.values())
    return DayBridge(
        on=day,
        opening_minor=opening,
        new_by_kind=new_by_kind,
        deposited_minor=deposited,
        fees_minor=fees,
        closing_minor=closing,
        settled=tuple(settled),
        breaks=tuple(breaks),
        open_record_ids=tuple(sorted(books.records)),
        open_deposit_ids=tuple(sorted(books.deposits)),
        residual_minor=closing - counted,
    )


# -- which records a deposit settles --------------------------------------------------------------------------------


def _settle(books: _Open, deposit: BankDeposit, schedule: FeeSchedule) -> Settled | Break:
    """Find the one set of records that explains a deposit, or say how far off the closest one is."""
    closest: Break | None = None
    fitting: list[Settled] = []
    for how, group in _groups(books, deposit):
        attempt = _attempt(deposit, group, schedule, how)
        if isinstance(attempt, Settled):
            if attempt.record_ids not in [one.record_ids for one in fitting]:
                fitting.append(attempt)
            if how == "batch key":
                break  # the key decides; sums without it could only meet by chance
        elif closest is None or abs(attempt.difference_minor) < abs(closest.difference_minor):
            closest = attempt
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        exact = [one for one in fitting if one.fee_minor == one.expected_fee_minor]
        if len(exact) == 1:
            return exact[0]
        whole = _whole(books, deposit, exact)
        if whole is not None:
            return whole
        return Break(deposit.id, f"{len(fitting)} sets of records explain it equally well", 0)
    if closest is None:
        return Break(deposit.id, "no record that it could settle is known", deposit.amount_minor, is_near=False)
    farthest_bps = books.parameters.farthest_bps
    # A key names the batch, so what it leaves over is the news however much it is; a sum alone must come near.
    if deposit.batch_key or abs(closest.difference_minor) * 10_000 <= farthest_bps * abs(deposit.amount_minor):
        return closest
    nothing_near = f"no days, batch or sum of open lines comes within {farthest_bps / 100:g} % of it"
    return Break(deposit.id, nothing_near, deposit.amount_minor, is_near=False)


def _whole(books: _Open, deposit: BankDeposit, exact: Sequence[Settled]) -> Settled | None:
    """Return the whole days or batch that fit to the cent, if all else that fits differs by what cancels out.

    A capture and its return in one day can be left out or taken in, and the sum is the same. A processor pays whole
    days and batches, so both are taken in. Sets of which each has a record that the other lacks stay a tie.
    """
    wholes = [one for one in exact if one.how in (WHOLE_DAYS, ONE_BATCH) and not one.fee_minor]
    for whole in sorted(wholes, key=lambda one: (-len(one.record_ids), one.record_ids)):
        if not _has_rival(books, deposit, whole, exact):
            return replace(whole, takes_in_cancelling=True)
    return None


def _has_rival(books: _Open, deposit: BankDeposit, whole: Settled, exact: Sequence[Settled]) -> bool:
    """Return whether a set fits that has a record which the whole lacks, and lacks one which the whole has."""
    taken = set(whole.record_ids)
    if any(set(one.record_ids) - taken and taken - set(one.record_ids) for one in exact):
        return True
    near = _near(books, deposit)
    if not _is_searched(books, near):
        return False  # no sums were looked for, so whole days and batches are all that can fit
    nets = {record.id: record.net_minor for record in near}
    return any(
        reaches(
            [net for id_, net in nets.items() if id_ not in (added, lacked)],
            deposit.amount_minor - nets[added],
            books.parameters,
        )
        for added in nets.keys() - taken
        for lacked in taken
    )


def _attempt(deposit: BankDeposit, group: Sequence[GatewayRecord], schedule: FeeSchedule, how: str) -> Settled | Break:
    net = sum(record.net_minor for record in group)
    fee = net - deposit.amount_minor
    expected = schedule.fee_minor((record.card_type, record.amount_minor) for record in _charged(group))
    if abs(fee - expected) > schedule.tolerance_minor(len(group)):
        return Break(deposit.id, f"{how}: the difference is not the fee of the schedule", fee - expected)
    return Settled(
        deposit_id=deposit.id,
        record_ids=tuple(sorted(record.id for record in group)),
        on=deposit.on,
        deposit_minor=deposit.amount_minor,
        fee_minor=fee,
        expected_fee_minor=expected,
        schedule_version=schedule.version,
        how=how,
    )


def _charged(group: Iterable[GatewayRecord]) -> Iterator[GatewayRecord]:
    return (record for record in group if record.kind is RecordKind.CAPTURE)


def _groups(books: _Open, deposit: BankDeposit) -> Iterator[tuple[str, list[GatewayRecord]]]:
    """Yield sets of open records that one deposit may settle, the most distinctive first."""
    if deposit.batch_key:
        keyed = [record for record in books.records.values() if record.batch_key == deposit.batch_key]
        if keyed:
            yield "batch key", keyed
            return
    near = _near(books, deposit)
    by_day: dict[date, list[GatewayRecord]] = {}
    for record in near:
        by_day.setdefault(record.settled_on, []).append(record)
    days = sorted(by_day)
    for first in range(len(days)):
        run: list[GatewayRecord] = []
        for last in range(first, min(len(days), first + books.parameters.longest_run_days)):
            run = run + by_day[days[last]]
            yield WHOLE_DAYS, list(run)
    keys = {record.batch_key for record in near} - {""}
    for key in sorted(keys):
        yield ONE_BATCH, [record for record in near if record.batch_key == key]
    if _is_searched(books, near):
        ordered = sorted(near, key=lambda one: one.id)
        nets = [record.net_minor for record in ordered]
        for way in subset_sums(nets, deposit.amount_minor, len(ordered), books.parameters).ways:
            yield "exact sum", [ordered[at] for at in way]


def _near(books: _Open, deposit: BankDeposit) -> list[GatewayRecord]:
    """Open records of the days before a deposit that names no batch."""
    return [
        record
        for record in books.records.values()
        if timedelta(0) <= deposit.on - record.settled_on <= timedelta(days=books.parameters.deposit_reach_days)
    ]


def _is_searched(books: _Open, near: Sequence[GatewayRecord]) -> bool:
    return 2 <= len(near) <= books.parameters.deposit_records
