"""Which open lines make a deposit that the processor reported? Each category of the report is looked for by itself.

A report says how much of each kind a deposit holds, and seldom which payments. So the lines of a kind are taken only
where they are certain: those that name the deposit, its batch or a transaction that it lists, all that are open up to
its day, the oldest days first, or the one set that comes to the amount. Where a kind is short of what the report says,
its lines are taken and the difference is the deposit's rest; where there are more lines than the report says and no one
set of them fits, nothing is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from reconcile.engine.parameters import PARAMETERS
from reconcile.engine.subset import subset_sums
from schemas.records.settlement import DepositReported, DepositReportRecorded, SettlementLineKind
from streams.domain.settlement.books import FEE_KINDS, PAYMENT_KINDS, OpenLine

_REFUNDED = frozenset({SettlementLineKind.REFUNDED, SettlementLineKind.REFUND_VOIDED, SettlementLineKind.RETURNED})
_CATEGORIES: tuple[tuple[str, frozenset[SettlementLineKind]], ...] = (
    ("captured", PAYMENT_KINDS - _REFUNDED),
    ("refunded", _REFUNDED),
    ("charged back", frozenset({SettlementLineKind.CHARGED_BACK, SettlementLineKind.CHARGEBACK_REVERSED})),
    ("fees", FEE_KINDS),
    ("reserve", frozenset({SettlementLineKind.RESERVE_HELD, SettlementLineKind.RESERVE_RELEASED})),
)
DUE_KINDS = frozenset({SettlementLineKind.DEPOSIT_DUE, SettlementLineKind.DEPOSIT_OWED})


@dataclass(frozen=True, slots=True)
class Found:
    """The lines of a deposit, and what the report calls fees and is no line. Units: minor units, fees with tax."""

    lines: tuple[OpenLine, ...]
    fee_minor: int
    tax_minor: int
    short: tuple[str, ...]

    @property
    def net_minor(self) -> int:
        """What the bank should bring by all that is recognised."""
        return sum(line.net_minor for line in self.lines) - self.fee_minor


@dataclass(frozen=True, slots=True)
class Unclear:
    """Why no lines are taken. Units: difference_minor is what the open lines are more than the report says."""

    why: str
    difference_minor: int


def sum_of_parts(report: DepositReported | DepositReportRecorded) -> int | None:
    """Return what the parts of a report come to, in minor units; None where it does not say what was captured."""
    if report.gross_minor is None:
        return None
    taken = report.refunds_minor + report.returns_minor + report.chargebacks_minor + report.reserve_minor
    return report.gross_minor - taken - report.fees_minor - report.tax_minor + sum(report.other_parts.values())


def lines_of(
    report: DepositReportRecorded,
    lines: Sequence[OpenLine],
    settled_on: Callable[[OpenLine], date],
    *,
    is_first: bool,
) -> Found | Unclear:
    """Return the lines that a reported deposit holds.

    lines     what is open up to its day and not named by another deposit
    is_first  whether no earlier deposit is still to come: only then may all open lines be this one's
    """
    if report.gross_minor is None and (whole := _oldest(lines, report.net_minor, settled_on)):
        return Found(tuple(whole), 0, 0, ())
    wanted = _wanted(report)
    chosen: list[OpenLine] = []
    short: list[str] = []
    fee_minor = 0
    for name, kinds in _CATEGORIES:
        pool = [line for line in lines if line.kind in kinds]
        amount = wanted[name]
        taken = _taken(report, pool, amount, settled_on)
        if taken is None:
            found = sum(line.net_minor for line in pool)
            is_less = amount is None or not found or (found * amount > 0 and abs(found) < abs(amount))
            if not is_less or (name == "captured" and not is_first):
                return Unclear(f"no one set of the open lines is what its report calls {name}", found - (amount or 0))
            taken = pool
        chosen += taken
        missing = 0 if amount is None else amount - sum(line.net_minor for line in taken)
        if missing and name == "fees":
            fee_minor = -missing  # the report itself says that they are fees
        elif missing:
            short.append(name)
    has_fees = any(line.kind in FEE_KINDS for line in chosen)
    return Found(
        tuple(sorted(chosen, key=lambda line: line.line_id)),
        fee_minor,
        report.tax_minor if fee_minor and not has_fees else 0,
        tuple(short),
    )


def _wanted(report: DepositReportRecorded) -> dict[str, int | None]:
    """Signed amount of each category; None where the report does not say it."""
    amounts = {
        "captured": report.gross_minor,
        "refunded": -report.refunds_minor - report.returns_minor,
        "charged back": -report.chargebacks_minor,
        "fees": -report.fees_minor - report.tax_minor,
        "reserve": -report.reserve_minor,
    }
    if report.gross_minor is None:  # then a 0 says nothing either
        return {name: amount or None for name, amount in amounts.items()}
    return dict(amounts)


def _taken(
    report: DepositReportRecorded,
    pool: Sequence[OpenLine],
    amount: int | None,
    settled_on: Callable[[OpenLine], date],
) -> list[OpenLine] | None:
    """Return the lines of one category that are certain; None where none are."""
    own = [line for line in pool if line.deposit_id == report.deposit_id]
    if amount is None:
        return None
    if not amount:
        return own
    named = [line for line in pool if _is_named(report, line)]
    for group in (named, list(pool)):
        if _net(group) == amount:
            return group
    return _oldest(pool, amount, settled_on) or _only_set(pool, amount)


def _oldest(lines: Iterable[OpenLine], amount: int, settled_on: Callable[[OpenLine], date]) -> list[OpenLine] | None:
    """Return all lines of the oldest days that come to an amount: a processor pays in their order."""
    oldest: list[OpenLine] = []
    for _, of_day in groupby(sorted(lines, key=lambda line: (settled_on(line), line.line_id)), key=settled_on):
        oldest += of_day
        if _net(oldest) == amount:
            return oldest
    return None


def _is_named(report: DepositReportRecorded, line: OpenLine) -> bool:
    if line.deposit_id == report.deposit_id or line.paytrace_transaction_id in report.transaction_ids:
        return True
    return report.batch_number is not None and line.batch_number == report.batch_number


def _only_set(lines: Sequence[OpenLine], amount: int) -> list[OpenLine] | None:
    ways = [*exact_ways(lines, amount)]
    return list(ways[0]) if len(ways) == 1 else None


def exact_ways(lines: Sequence[OpenLine], amount: int) -> Iterator[tuple[OpenLine, ...]]:
    """Yield each set of lines that comes to an amount to the cent: one line, then several where they are few enough."""
    yield from ((line,) for line in lines if line.net_minor == amount)
    if 2 <= len(lines) <= PARAMETERS.deposit_records:
        nets = [line.net_minor for line in lines]
        yield from (tuple(lines[at] for at in way) for way in subset_sums(nets, amount, len(lines), PARAMETERS).ways)


def _net(lines: Iterable[OpenLine]) -> int:
    return sum(line.net_minor for line in lines)
