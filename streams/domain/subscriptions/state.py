"""All that is known of one vault customer's subscriptions: sets of facts, so that their order does not count.

Of each fact that can be said anew the newest counts, by its own instant and then by its content: nothing depends on
which record came first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from itertools import chain
from typing import Any

from schemas.records.subscriptions import (
    ContractFollowed,
    RecurrenceObserved,
    RunChargeAsked,
    RunChargeEnded,
    SubscriptionChange,
    SubscriptionChanged,
    SubscriptionPaymentSeen,
    SubscriptionRunChanged,
    SubscriptionSet,
    SubscriptionStatusChanged,
)


@dataclass(frozen=True, slots=True)
class State:
    """One vault customer, or the calendar. Shapes: days in keys are ISO texts.

    vaults        calendar only: vault customers that hear of each day
    day           newest day known
    dunned_on     newest day whose dunning run was asked for
    recurrences   of each recurrence of PayTrace, as last seen for each day of its next charge
    terms         of each subscription of our own, each setting of its terms by command
    changes       of each subscription, what people did, by command
    payments      of each payment, what was seen last of each kind
    asked, ended  charges by our reference
    command_ids   commands that were decided
    blocks        of each abas customer the unpaid run for which a block was asked; empty once it is not any more
    contract      of a contract of abas: its terms, as its vault customer got them; starts are their first days
    wanted_by     of an abas customer: vault customers that want a block, each with its unpaid run
    runs, shown   what was published last of each run and each subscription
    """

    vaults: tuple[str, ...] = ()
    day: date | None = None
    dunned_on: date | None = None
    recurrences: dict[str, dict[str, RecurrenceObserved]] = field(default_factory=dict)
    terms: dict[str, dict[str, SubscriptionSet]] = field(default_factory=dict)
    changes: dict[str, dict[str, SubscriptionChanged]] = field(default_factory=dict)
    payments: dict[str, dict[str, SubscriptionPaymentSeen]] = field(default_factory=dict)
    asked: dict[str, RunChargeAsked] = field(default_factory=dict)
    ended: dict[str, RunChargeEnded] = field(default_factory=dict)
    command_ids: frozenset[str] = frozenset()
    blocks: dict[str, str] = field(default_factory=dict)
    contract: ContractFollowed | None = None
    contract_starts: dict[str, date] = field(default_factory=dict)
    wanted_by: dict[str, str] = field(default_factory=dict)
    runs: dict[str, SubscriptionRunChanged] = field(default_factory=dict)
    shown: dict[str, SubscriptionStatusChanged] = field(default_factory=dict)

    @property
    def subscription_ids(self) -> tuple[str, ...]:
        """Every subscription of the vault customer, PayTrace's and our own."""
        return tuple(sorted({*self.recurrences, *self.terms}))

    @property
    def vault_customer_id(self) -> str:
        """The vault customer of this key; empty before it has a subscription."""
        observed = (one.vault_customer_id for days in self.recurrences.values() for one in days.values())
        agreed = (one.vault_customer_id for terms in self.terms.values() for one in terms.values())
        return next(chain(observed, agreed), "")

    def said(self, subscription_id: str) -> list[SubscriptionChanged]:
        """Return what people did with a subscription, oldest first."""
        return sorted(self.changes.get(subscription_id, {}).values(), key=lambda one: (one.occurred_at, one.command_id))

    def last_said(self, subscription_id: str, due_on: date, *kinds: SubscriptionChange) -> SubscriptionChanged | None:
        """Return the newest of such changes of one run."""
        found = [one for one in self.said(subscription_id) if one.change in kinds and one.change_on == due_on]
        return found[-1] if found else None


INITIAL = State()


def run_key(subscription_id: str, due_on: date) -> str:
    """Return the name of a run."""
    return f"{due_on.isoformat()} {subscription_id}"


def newer(known: Any, seen: Any, at: str = "occurred_at") -> Any:
    """Return which of two says of one thing counts; the same one whichever came first."""
    if known is None:
        return seen
    return max(known, seen, key=lambda one: (getattr(one, at), repr(one)))
