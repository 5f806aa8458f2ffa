"""Fee schedules of the processor: what a batch should cost, and how a schedule is learned from past deposits.

PayTrace reports no fees. So a schedule is proposed from history, a person accepts it as a new version, and from then on
a difference inside its tolerance is booked as fee. Outside it is a break, however plausible it looks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from reconcile.engine.parameters import PARAMETERS, Parameters


@dataclass(frozen=True, slots=True)
class FeeRate:
    """Price of one card type. Units: bps of the amount, plus minor units for each capture."""

    bps: int
    per_item_minor: int = 0


@dataclass(frozen=True, slots=True)
class FeeSchedule:
    """Rates of one merchant account, by version.

    Units: per_batch_minor once a deposit; the tolerance is a fixed sum and a share of a minor unit for each capture,
    since processors round each capture by itself.
    """

    version: str
    rates: Mapping[str, FeeRate]
    other: FeeRate = FeeRate(0)
    per_batch_minor: int = 0
    tolerance_fixed_minor: int = 0
    tolerance_per_item_minor: float = 0.5

    def fee_minor(self, captures: Iterable[tuple[str, int]]) -> int:
        """Return the fee of a batch of (card type, amount), each capture rounded half up to a minor unit."""
        total = 0
        for card_type, amount in captures:
            rate = self.rates.get(card_type, self.other)
            total += (amount * rate.bps + 5_000) // 10_000 + rate.per_item_minor
        return total + self.per_batch_minor

    def tolerance_minor(self, captures: int) -> int:
        """Return how far a real fee may be from the expected one."""
        return self.tolerance_fixed_minor + int(self.tolerance_per_item_minor * captures)


NO_FEES = FeeSchedule(version="none", rates={}, tolerance_per_item_minor=0.0)


@dataclass(frozen=True, slots=True)
class PastBatch:
    """A batch whose deposit is known beyond doubt (by batch key). Units: fee_minor = captures - deposit."""

    captures: tuple[tuple[str, int], ...]
    fee_minor: int


@dataclass(frozen=True, slots=True)
class Proposal:
    """A schedule for a person to accept, with what speaks for it."""

    schedule: FeeSchedule
    batches: int
    explained: int
    worst_difference_minor: int


class NotEnoughHistory(ValueError):
    """The past batches can't tell the rates; the message says what is missing."""


def propose_schedule(history: Sequence[PastBatch], version: str, parameters: Parameters = PARAMETERS) -> Proposal:
    """Learn rates by card type from past batches.

    Shapes:  history is (n,), n >= fee_batches x 2 x card types.
    Ensures: the proposal explains fee_fit_share of the batches inside its own tolerance.
    Raises:  NotEnoughHistory when there are too few batches, when the mix of cards never varies, or nothing fits.
    """
    types = sorted({card_type for batch in history for card_type, _ in batch.captures})
    unknowns = 2 * len(types)
    needed = parameters.fee_batches * unknowns
    if not types or len(history) < needed:
        raise NotEnoughHistory(f"{len(history)} batches for {len(types)} card types, {needed} needed")
    rows = np.zeros((len(history), unknowns))
    fees = np.array([float(batch.fee_minor) for batch in history])
    for at, batch in enumerate(history):
        for card_type, amount in batch.captures:
            column = 2 * types.index(card_type)
            rows[at, column] += amount
            rows[at, column + 1] += 1.0
    scale = np.maximum(1.0, np.abs(rows).max(axis=0))
    solution, _, rank, _ = np.linalg.lstsq(rows / scale, fees, rcond=None)
    if rank < unknowns:
        raise NotEnoughHistory("the mix of card types is too much the same in all batches to tell their rates apart")
    solution = solution / scale
    rates = {
        card_type: FeeRate(
            bps=max(0, round(solution[2 * at] * 10_000)), per_item_minor=max(0, round(solution[2 * at + 1]))
        )
        for at, card_type in enumerate(types)
    }
    schedule = FeeSchedule(version=version, rates=rates, tolerance_fixed_minor=1)
    differences = [abs(batch.fee_minor - schedule.fee_minor(batch.captures)) for batch in history]
    explained = sum(
        1
        for batch, difference in zip(history, differences, strict=True)
        if difference <= schedule.tolerance_minor(len(batch.captures))
    )
    if explained < parameters.fee_fit_share * len(history):
        raise NotEnoughHistory(f"the best rates explain {explained} of {len(history)} batches only: no simple schedule")
    return Proposal(schedule, len(history), explained, max(differences))
