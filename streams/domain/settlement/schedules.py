"""What does the processor charge? Learned from deposits whose batch is known beyond doubt, proposed to an operator.

PayTrace shows no fees. A proposal explains nothing until somebody accepts it; see reconcile.engine.fees.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from reconcile.engine.fees import FeeSchedule, NotEnoughHistory, PastBatch, propose_schedule
from schemas.records.settlement import BreakReason, FeeScheduleProposed, SettlementLineKind
from streams.domain.settlement.books import OpenLine, State
from streams.domain.settlement.explaining import BY_BATCH_KEY, keys_of, payments_of

# More batches or captures tell no better rates and cost time at every further break.
MOST_BATCHES = 60
MOST_CAPTURES = 20_000
CHARGED = frozenset({SettlementLineKind.CAPTURED, SettlementLineKind.AMOUNT_INCREASED})


def proposal(state: State, at: datetime) -> tuple[FeeScheduleProposed, ...]:
    """Return a schedule that past batches suggest, unless it is the accepted or the proposed one."""
    try:
        found = propose_schedule(_history(state), "proposed")
    except NotEnoughHistory:
        return ()
    newest = state.proposal or state.schedule
    version = 1 + max(
        (known.version for known in (state.proposal, state.schedule) if known is not None),
        default=0,
    )
    schedule = found.schedule
    proposed = FeeScheduleProposed(
        settlement_account=state.account,
        version=version,
        rate_bps_by_card_type={name: rate.bps for name, rate in sorted(schedule.rates.items())},
        per_item_by_card_type={name: rate.per_item_minor for name, rate in sorted(schedule.rates.items())},
        per_batch_minor=schedule.per_batch_minor,
        tolerance_fixed_minor=schedule.tolerance_fixed_minor,
        tolerance_per_item_hundredths=_hundredths(schedule),
        currency=state.currency,
        batch_count=found.batches,
        explained_count=found.explained,
        worst_difference_minor=found.worst_difference_minor,
        occurred_at=at,
    )
    if newest is not None and _rates(newest) == _rates(proposed):
        return ()
    return (proposed,)


def _rates(schedule: object) -> tuple[object, ...]:
    names = ("rate_bps_by_card_type", "per_item_by_card_type", "per_batch_minor")
    return tuple(getattr(schedule, name) for name in names)


def _hundredths(schedule: FeeSchedule) -> int:
    return round(schedule.tolerance_per_item_minor * 100)


def _history(state: State) -> list[PastBatch]:
    """Return the newest batches of which both the lines and the deposit are known."""
    keys = keys_of(state)
    past: list[tuple[str, PastBatch]] = []
    for match in state.matches.values():
        if match.reported.rule == BY_BATCH_KEY:
            order = f"{match.deposit.moved_on} {match.deposit.bank_line_id}"
            past.append((order, _past(match.lines, match.reported.records_minor - match.deposit.paid_minor)))
    for deposit in state.deposits.values():
        broken = deposit.broken
        if broken is None or broken.reason is not BreakReason.DIFFERENCE_IS_NO_FEE or deposit.batch_number is None:
            continue
        lines = payments_of(state, keys, keys.of_deposit(deposit))
        fee_minor = sum(line.net_minor for line in lines) - deposit.deposit_minor
        past.append((f"{deposit.moved_on} {deposit.bank_line_id}", _past(lines, fee_minor)))
    kept: list[PastBatch] = []
    captures = 0
    for _, batch in sorted(past, key=lambda one: one[0], reverse=True)[:MOST_BATCHES]:
        captures += len(batch.captures)
        if captures > MOST_CAPTURES:
            break
        kept.append(batch)
    return kept


def _past(lines: Iterable[OpenLine], fee_minor: int) -> PastBatch:
    charged = sorted((line for line in lines if line.kind in CHARGED), key=lambda line: line.line_id)
    return PastBatch(tuple((line.card_type, line.amount_minor) for line in charged), fee_minor)
