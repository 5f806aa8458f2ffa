"""Customers of abas that abas is not to dun while Saldo tries to charge a run of theirs, by the rules dunning. Pure.

Several vault customers may be one customer of abas, so each says whether it wants a block, and the customer of abas is
blocked while one of them does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from schemas.records.erp import SaveRecord
from schemas.records.subscriptions import DunningBlockChanged, DunningBlockWanted, RunStatus
from streams.domain.subscriptions.policy import Policy
from streams.domain.subscriptions.runs import Outcome
from streams.domain.subscriptions.state import State

KIND: Final = "dunning_block"
_TRIED_AGAIN: Final = frozenset({RunStatus.CHARGING, RunStatus.DECLINED})


def wanted(state: State, found: Sequence[Outcome], policy: Policy, at: datetime) -> Iterator[DunningBlockWanted]:
    """Yield each customer of abas of whom a block is wanted otherwise than was said before."""
    runs: dict[str, str] = {}
    for one in found:
        if one.run.abas_customer_id and _status(one) in policy.blocks:
            runs.setdefault(one.run.abas_customer_id, f"{one.run.subscription_id} {one.run.due_on}")
    for customer in sorted({*runs, *state.blocks}):
        run = runs.get(customer, "")
        if bool(run) != bool(state.blocks.get(customer)):
            yield DunningBlockWanted(
                vault_customer_id=state.vault_customer_id,
                abas_customer_id=customer,
                is_wanted=bool(run),
                run=run,
                occurred_at=at,
            )


def _status(one: Outcome) -> RunStatus:
    """Return how a run stands for a block: one that is tried again, or whose code is to come, is being retried."""
    return RunStatus.RETRYING if one.attempt_count > 1 and one.status in _TRIED_AGAIN else one.status


def changed(state: State, said: DunningBlockWanted) -> tuple[DunningBlockChanged, ...]:
    """Return who wants a customer of abas blocked after this; () where nothing changes."""
    known = {vault: run for vault, run in state.wanted_by.items() if vault != said.vault_customer_id}
    if said.is_wanted:
        known[said.vault_customer_id] = said.run
    if known == state.wanted_by:
        return ()
    return (DunningBlockChanged(abas_customer_id=said.abas_customer_id, wanted_by=known, occurred_at=said.occurred_at),)


def command(event: DunningBlockChanged) -> SaveRecord:
    """Return what abas is asked to hold of a customer."""
    reason = ", ".join(f"{vault}/{run}" for vault, run in sorted(event.wanted_by.items()))
    return SaveRecord(
        kind=KIND,
        natural_key=event.abas_customer_id,
        subject=event.abas_customer_id,
        values={
            "number": event.abas_customer_id,
            "dunning_block": "BLOCKED" if event.wanted_by else "RELEASED",
            "reason": reason,
        },
        rows=(),
        occurred_at=event.occurred_at,
    )
