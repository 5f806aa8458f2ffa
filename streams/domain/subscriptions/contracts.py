"""Contracts of abas become terms of a subscription, set by the same commands that people give. Pure.

A contract is a key of its own, since it may move from one vault customer to another: the one that it leaves is paused,
the other one begins, or goes on, with the next run after that day. Runs before the day on which a contract was seen
are not charged.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final

from schemas.records.subscriptions import (
    ChangeSubscription,
    ContractFollowed,
    ContractObserved,
    RecurrenceFrequency,
    SetSubscription,
    SubscriptionChange,
)
from schemas.values.business_day import business_day
from schemas.values.replacing import replace
from streams.domain.subscriptions.calendar import due_days, is_by_month

# Who sets terms that stand in abas; it takes abas at its word.
BY_ABAS: Final = "abas"
NO_END: Final = date.max
_ONE_DAY: Final = timedelta(days=1)


def followed(
    before: ContractFollowed | None, starts: Mapping[str, date], seen: ContractObserved
) -> tuple[ContractFollowed, ...]:
    """Return what a contract means for its vault customer; () where nothing of it changed, or it charges nobody.

    Shapes: starts has the day of the first run of each vault customer that the contract was followed for.
    """
    today = business_day(seen.observed_at)
    was = before.vault_customer_id if before is not None else ""
    vault, ends_on = seen.vault_customer_id, seen.ends_on
    if not seen.is_active:
        ended_on = before.ends_on if before is not None else None
        ends_on = ended_on if ended_on is not None and ended_on <= today else min(today, ends_on or today)
    if before is not None and was == vault:
        resumes_on, left = before.resumes_on, ""
    else:
        # A move counts from the next day, so that the run of this one is charged to one of the two.
        resumes_on, left = _first_run(seen, today if before is None else today + _ONE_DAY), was
        if not vault or (ends_on is not None and ends_on <= resumes_on):
            vault = ""
    now = ContractFollowed(
        abas_contract_number=seen.abas_contract_number,
        vault_customer_id=vault,
        left_vault_customer_id=left,
        merchant=seen.merchant,
        abas_customer_id=seen.abas_customer_id,
        amount_minor=seen.amount_minor,
        currency=seen.currency,
        frequency=seen.frequency,
        start_on=starts.get(vault, resumes_on),
        resumes_on=resumes_on,
        anchor_day=seen.start_on.day if is_by_month(seen.frequency) else None,
        ends_on=ends_on,
        description=seen.description,
        occurred_at=seen.observed_at,
    )
    if not vault and not was:
        return ()
    known = None if before is None else replace(before, left_vault_customer_id="", occurred_at=now.occurred_at)
    return () if known == now else (now,)


def _first_run(seen: ContractObserved, since: date) -> date:
    """Return the first day of a run since a day; of a frequency that nobody knows that day, which is refused."""
    if seen.frequency is RecurrenceFrequency.UNKNOWN:
        return max(seen.start_on, since)
    return next(day for day in due_days(seen.start_on, seen.frequency) if day >= since)


def commands(event: ContractFollowed) -> Iterator[SetSubscription | ChangeSubscription]:
    """Yield what is asked of the vault customers: the one left is paused, the other has these terms and this end."""
    today = business_day(event.occurred_at)
    if event.left_vault_customer_id and event.left_vault_customer_id != event.vault_customer_id:
        yield _changed(event, event.left_vault_customer_id, SubscriptionChange.PAUSE, today + _ONE_DAY)
    if not event.vault_customer_id:
        return
    yield SetSubscription(
        **_by_abas(event, event.vault_customer_id, "terms"),
        merchant=event.merchant,
        abas_customer_id=event.abas_customer_id,
        amount_minor=event.amount_minor,
        currency=event.currency,
        frequency=event.frequency,
        start_on=event.start_on,
        anchor_day=event.anchor_day,
        run_count=None,
        effective_on=max(today, event.start_on),
        prorates=False,
        description=event.description,
    )
    # Runs between leaving and coming back were another's.
    yield _changed(event, event.vault_customer_id, SubscriptionChange.RESUME, event.resumes_on)
    yield _changed(event, event.vault_customer_id, SubscriptionChange.END, event.ends_on or NO_END)


def _changed(event: ContractFollowed, vault: str, what: SubscriptionChange, on: date) -> ChangeSubscription:
    return ChangeSubscription(**_by_abas(event, vault, what.value), change=what, change_on=on)


def _by_abas(event: ContractFollowed, vault: str, what: str) -> dict[str, Any]:
    at: datetime = event.occurred_at
    name = f"{event.abas_contract_number}/{vault}/{what}/{at.isoformat()}"
    return {
        "command_id": hashlib.sha256(name.encode()).hexdigest()[:32],
        "vault_customer_id": vault,
        "subscription_id": event.abas_contract_number.replace("/", "-"),  # of several companies: at/V-77
        "decided_by": BY_ABAS,
        "authenticated_by": BY_ABAS,
        "approved_by": None,
        "reason": f"contract {event.abas_contract_number} of abas",
        "occurred_at": at,
    }
