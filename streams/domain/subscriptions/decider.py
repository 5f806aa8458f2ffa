"""Subscriptions of one vault customer. Rules of agent `run-subscriptions`.

Facts are remembered as sets; how each run stands is derived from all of them anew (runs.py), and what differs from what
was published is published. So any order and any repetition of the facts ends in the same picture. A charge is asked
once for each attempt, and never while the outcome of another one is not known.

Days come as records: one calendar hears of each new day and passes it on to every vault customer with a subscription.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date, datetime
from functools import reduce
from typing import Any, Final, TypeAlias, assert_never

from schemas.checks.attribution import why_not_attributed
from schemas.records.by_topic import SubscriptionsEvents, SubscriptionsInbox
from schemas.records.gateway import PaymentRequestKind, RequestGatewayCall
from schemas.records.subscriptions import (
    ChangeSubscription,
    ContractFollowed,
    ContractObserved,
    DunningBlockChanged,
    DunningBlockWanted,
    DunningRunDecided,
    RecurrenceObserved,
    RunChargeAsked,
    RunChargeEnded,
    RunDunning,
    RunStatus,
    SetSubscription,
    SubscriptionChange,
    SubscriptionChanged,
    SubscriptionCommandRefused,
    SubscriptionDayBegan,
    SubscriptionDayReached,
    SubscriptionPaymentSeen,
    SubscriptionRunChanged,
    SubscriptionSet,
    SubscriptionStatusChanged,
    SubscriptionWatchAsked,
)
from schemas.topic import Topic
from schemas.values.business_day import business_day
from schemas.values.replacing import replace
from streams.domain.output import Output
from streams.domain.subscriptions import blocks, contracts
from streams.domain.subscriptions.calendar import is_known
from streams.domain.subscriptions.policy import Policy
from streams.domain.subscriptions.runs import Outcome, may_try_on, outcomes
from streams.domain.subscriptions.state import INITIAL, State, newer, run_key
from streams.domain.subscriptions.terms import Plan, in_order, plans

__all__ = ["AGENT", "CALENDAR", "INITIAL", "State", "decide", "evolve", "route"]

AGENT: Final = "run-subscriptions"
CALENDAR: Final = "subscriptions"
# What payment requests of ours are called; outcomes of others are no business of subscriptions.
REQUEST_PREFIX: Final = "subscription/"
_LAST_DAY_OF_MONTH: Final = 31

Event: TypeAlias = SubscriptionsEvents
_SAME_IN_BOTH: Final = (
    "command_id",
    "vault_customer_id",
    "subscription_id",
    "decided_by",
    "authenticated_by",
    "approved_by",
    "reason",
    "occurred_at",
)
_TERMS: Final = (
    "merchant",
    "abas_customer_id",
    "amount_minor",
    "currency",
    "frequency",
    "start_on",
    "anchor_day",
    "run_count",
    "effective_on",
    "prorates",
    "description",
)


def decide(state: State, record: SubscriptionsInbox, policy: Policy) -> tuple[Event, ...]:
    """Return what follows from a fact, a command or a day; () for what is known.

    Ensures: of one run and attempt at most one RunChargeAsked ever, none while another charge of the run is open.
    """
    match record:
        case SubscriptionDayBegan():
            return () if state.day is not None and record.began_on <= state.day else (record,)
        case SubscriptionWatchAsked():
            return () if record.vault_customer_id in state.vaults else (record,)
        case RunDunning():
            return () if record.command_id in state.command_ids else (_dunning_run(state, record),)
        case DunningBlockWanted():
            return blocks.changed(state, record)
        case ContractObserved():
            return contracts.followed(state.contract, state.contract_starts, record)
        case SubscriptionDayReached() | RecurrenceObserved() | SubscriptionPaymentSeen():
            facts: tuple[Event, ...] = () if evolve(state, record) == state else (record,)
        case RunChargeEnded():
            is_open = record.call_reference in state.asked and record.call_reference not in state.ended
            facts = (record,) if is_open else ()
        case SetSubscription() | ChangeSubscription():
            facts = () if record.command_id in state.command_ids else _commanded(state, record, policy)
        case _:
            assert_never(record)
    at = record.observed_at if isinstance(record, RecurrenceObserved) else record.occurred_at
    return facts + _follow(reduce(evolve, facts, state), at, policy) if facts else ()


def evolve(state: State, event: Event) -> State:
    """Remember one event; accepts any event in any state."""
    match event:
        case SubscriptionDayBegan():
            return replace(state, day=_later(state.day, event.began_on))
        case SubscriptionDayReached():
            dunned_on = state.dunned_on if event.dunned_on is None else _later(state.dunned_on, event.dunned_on)
            return replace(state, day=_later(state.day, event.began_on), dunned_on=dunned_on)
        case DunningRunDecided():
            dunned_on = state.dunned_on if event.refused_because else _later(state.dunned_on, event.run_on)
            return replace(state, dunned_on=dunned_on, command_ids=state.command_ids | {event.command_id})
        case DunningBlockWanted():
            return replace(state, blocks={**state.blocks, event.abas_customer_id: event.run})
        case ContractFollowed():
            starts = {event.vault_customer_id: event.start_on} | state.contract_starts
            return replace(state, contract=event, contract_starts=starts)
        case DunningBlockChanged():
            return replace(state, wanted_by=dict(event.wanted_by))
        case SubscriptionWatchAsked():
            return replace(state, vaults=tuple(sorted({*state.vaults, event.vault_customer_id})))
        case RecurrenceObserved():
            days = state.recurrences.get(event.recurrence_id, {})
            on = event.next_on.isoformat() if event.next_on else ""
            days = {**days, on: newer(days.get(on), event, "observed_at")}
            return replace(state, recurrences={**state.recurrences, event.recurrence_id: days})
        case SubscriptionPaymentSeen():
            seen = state.payments.get(event.paytrace_transaction_id, {})
            seen = {**seen, event.seen.value: newer(seen.get(event.seen.value), event)}
            return replace(state, payments={**state.payments, event.paytrace_transaction_id: seen})
        case SubscriptionSet():
            known = {**state.terms.get(event.subscription_id, {}), event.command_id: event}
            return replace(_decided(state, event), terms={**state.terms, event.subscription_id: known})
        case SubscriptionChanged():
            said = {**state.changes.get(event.subscription_id, {}), event.command_id: event}
            return replace(_decided(state, event), changes={**state.changes, event.subscription_id: said})
        case SubscriptionCommandRefused():
            return _decided(state, event)
        case RunChargeAsked():
            return replace(state, asked={**state.asked, event.call_reference: event})
        case RunChargeEnded():
            ended = newer(state.ended.get(event.call_reference), event)
            return replace(state, ended={**state.ended, event.call_reference: ended})
        case SubscriptionRunChanged():
            return replace(state, runs={**state.runs, run_key(event.subscription_id, event.due_on): event})
        case SubscriptionStatusChanged():
            return replace(state, shown={**state.shown, event.subscription_id: event})
        case _:
            assert_never(event)


def route(state: State, event: Event) -> tuple[Output, ...]:
    """Charges go to the gateway, blocks to abas, days to every vault customer.

    A vault customer with a subscription goes to the calendar.
    """
    match event:
        case RunChargeAsked():
            return (Output(Topic.GATEWAY_COMMANDS, _request(event)),)
        case DunningBlockWanted():
            return (Output(Topic.SUBSCRIPTIONS_INBOX, event),)
        case ContractFollowed():
            return tuple(Output(Topic.SUBSCRIPTIONS_INBOX, one) for one in contracts.commands(event))
        case DunningBlockChanged():
            return (Output(Topic.ERP_COMMANDS, blocks.command(event)),)
        case SubscriptionDayBegan():
            return tuple(_day(state, vault, event.observed_at) for vault in state.vaults)
        case DunningRunDecided():
            return () if event.refused_because else tuple(_day(state, one, event.occurred_at) for one in state.vaults)
        case SubscriptionWatchAsked():
            return () if state.day is None else (_day(state, event.vault_customer_id, event.occurred_at),)
        case RecurrenceObserved() | SubscriptionSet():
            at = event.observed_at if isinstance(event, RecurrenceObserved) else event.occurred_at
            asked = SubscriptionWatchAsked(calendar=CALENDAR, vault_customer_id=event.vault_customer_id, occurred_at=at)
            return (Output(Topic.SUBSCRIPTIONS_INBOX, asked),)
        case _:
            return ()


# -- what follows ------------------------------------------------------------------------------------------------------


def _follow(state: State, at: datetime, policy: Policy) -> tuple[Event, ...]:
    """Ask for the charges that are due, then publish each run and subscription that stands otherwise than before."""
    if state.day is None:
        return ()
    known = tuple(plans(state, state.day))
    vault, day = state.vault_customer_id, state.day
    found = outcomes(state, known, day, policy)
    asked = tuple(_asked(one, vault, day, at) for one in found if one.charge)
    if asked:
        state = reduce(evolve, asked, state)
        found = outcomes(state, known, day, policy)
    published = _published(state, vault, known, found, at)
    return (*asked, *published, *blocks.wanted(state, found, policy, at))


def _asked(one: Outcome, vault: str, day: date, at: datetime) -> RunChargeAsked:
    run, attempt = one.run, one.charge_count + 1
    return RunChargeAsked(
        vault_customer_id=vault,
        subscription_id=run.subscription_id,
        due_on=run.due_on,
        attempt=attempt,
        call_reference=call_reference(vault, run.subscription_id, run.due_on, attempt),
        merchant=run.merchant,
        abas_customer_id=run.abas_customer_id,
        amount_minor=run.amount_minor,
        currency=run.currency,
        asked_on=day,
        is_by_person=one.charge == "person",
        occurred_at=at,
    )


def _published(
    state: State, vault: str, known: tuple[Plan, ...], found: Sequence[Outcome], at: datetime
) -> tuple[Event, ...]:
    events: list[Event] = []
    seen: set[str] = set()
    for one in found:
        key = run_key(one.run.subscription_id, one.run.due_on)
        seen.add(key)
        _add(events, state.runs.get(key), _run(one, vault, at))
    for key, before in sorted(state.runs.items()):
        if key not in seen and before.status is not RunStatus.CANCELLED:
            events.append(
                replace(
                    before, status=RunStatus.CANCELLED, next_try_on=None, why="is not planned any more", occurred_at=at
                )
            )
    for plan in known:
        _add(events, state.shown.get(plan.subscription_id), _status(plan, vault, at))
    return tuple(events)


def _add(events: list[Event], before: Any, now: Any) -> None:
    if before is None or replace(before, occurred_at=now.occurred_at) != now:
        events.append(now)


def _run(one: Outcome, vault: str, at: datetime) -> SubscriptionRunChanged:
    run = one.run
    return SubscriptionRunChanged(
        vault_customer_id=vault,
        subscription_id=run.subscription_id,
        due_on=run.due_on,
        is_of_paytrace=run.is_of_paytrace,
        status=one.status,
        amount_minor=run.amount_minor,
        currency=run.currency,
        prorated_minor=run.prorated_minor,
        paytrace_transaction_id=one.transaction_id,
        linked_by=one.linked_by,
        attempt_count=one.attempt_count,
        next_try_on=one.next_try_on,
        why=one.why,
        occurred_at=at,
    )


def _status(plan: Plan, vault: str, at: datetime) -> SubscriptionStatusChanged:
    return SubscriptionStatusChanged(
        vault_customer_id=vault,
        subscription_id=plan.subscription_id,
        is_of_paytrace=plan.is_of_paytrace,
        status=plan.status,
        amount_minor=plan.amount_minor,
        currency=plan.currency,
        frequency=plan.frequency,
        next_due_on=plan.next_due_on,
        run_count=plan.run_count,
        credit_minor=plan.credit_minor,
        description=plan.description,
        occurred_at=at,
    )


def _request(asked: RunChargeAsked) -> RequestGatewayCall:
    return RequestGatewayCall(
        payment_request_id=f"{REQUEST_PREFIX}{asked.call_reference}",
        call_reference=asked.call_reference,
        subject=f"vault/{asked.vault_customer_id}",
        kind=PaymentRequestKind.CHARGE,
        paytrace_transaction_id=None,
        vault_customer_id=asked.vault_customer_id,
        merchant=asked.merchant,
        invoice_number=None,
        description="",
        abas_customer_id=asked.abas_customer_id,
        amount_minor=asked.amount_minor,
        currency=asked.currency,
        occurred_at=asked.occurred_at,
    )


def _day(state: State, vault: str, at: datetime) -> Output:
    assert state.day is not None, "nobody hears of a day before one began"
    reached = SubscriptionDayReached(
        vault_customer_id=vault, began_on=state.day, dunned_on=state.dunned_on, occurred_at=at
    )
    return Output(Topic.SUBSCRIPTIONS_INBOX, reached)


def call_reference(vault: str, subscription_id: str, due_on: date, attempt: int) -> str:
    """Return our reference of one attempt; PayTrace shows it as the invoice number of the payment."""
    digest = hashlib.sha256(f"{vault}/{subscription_id}".encode()).hexdigest()[:12]
    return f"SALDO-S-{digest}-{due_on:%Y%m%d}-{attempt}"


# -- facts and commands ------------------------------------------------------------------------------------------------


def _dunning_run(state: State, command: RunDunning) -> DunningRunDecided:
    against = why_not_attributed(command.decided_by, command.reason)
    if not against and (state.day is None or command.run_on > state.day):
        newest = f"{state.day} is the newest" if state.day else "none has yet"
        against = f"the day {command.run_on} has not begun; {newest}"
    fields = {name: getattr(command, name) for name in RunDunning.__dataclass_fields__}
    return DunningRunDecided(**fields, refused_because=against)


def _commanded(state: State, command: SetSubscription | ChangeSubscription, policy: Policy) -> tuple[Event, ...]:
    against = why_not_attributed(command.decided_by, command.reason) or (
        _against_terms(state, command)
        if isinstance(command, SetSubscription)
        else _against_change(state, command, policy)
    )
    same = {name: getattr(command, name) for name in _SAME_IN_BOTH}
    if against:
        del same["approved_by"]
        return (SubscriptionCommandRefused(**same, refused_because=against),)
    if isinstance(command, SetSubscription):
        terms = {name: getattr(command, name) for name in _TERMS}
        if (known := _same_terms(state, command)) is not None:
            terms["effective_on"] = known.effective_on
        return (SubscriptionSet(**same, **terms),)
    return (SubscriptionChanged(**same, change=command.change, change_on=command.change_on),)


def _against_terms(state: State, asked: SetSubscription) -> str:
    """Return what stands against these terms, and what would be right; empty when nothing does."""
    today = business_day(asked.occurred_at)
    name = f"subscription {asked.subscription_id}"
    known = state.terms.get(asked.subscription_id)
    if not asked.subscription_id or "/" in asked.subscription_id:
        return "a subscription needs a number of its own, without a slash"
    if asked.subscription_id in state.recurrences:
        return f"{asked.subscription_id} is a recurrence of PayTrace; change it there, or take another number"
    if asked.amount_minor < 1:
        return f"{name}: amount must be above zero; to charge nothing, pause it"
    if not is_known(asked.frequency):
        return f"{name}: frequency {asked.frequency.value} is none; MONTHLY, WEEKLY, YEARLY are some"
    if asked.anchor_day is not None and not 1 <= asked.anchor_day <= _LAST_DAY_OF_MONTH:
        return f"{name}: anchor day {asked.anchor_day} is no day of a month; 1 to 31 are"
    if asked.run_count is not None and asked.run_count < 1:
        return f"{name}: run count {asked.run_count} is none; leave it out for a subscription without end"
    if known is None and asked.start_on < today:
        return f"{name}: its first run, {asked.start_on}, lies in the past; runs before today are not charged"
    if known is None or _same_terms(state, asked) is not None:
        return ""
    first = in_order(known.values())[0]
    for field in ("merchant", "currency", "frequency", "start_on", "anchor_day"):
        if getattr(first, field) != getattr(asked, field):
            return f"{name}: {field} is {getattr(first, field)} and stays; end it and set another subscription"
    if asked.effective_on < today:
        return f"{name}: {asked.effective_on} lies in the past; terms change from today on"
    return ""


def _same_terms(state: State, asked: SetSubscription) -> SubscriptionSet | None:
    """Return the newest terms where these say the same, so that a table may be brought again."""
    known = state.terms.get(asked.subscription_id)
    last = in_order(known.values())[-1] if known else None
    names = [name for name in _TERMS if name != "effective_on"]
    if last is None or any(getattr(last, name) != getattr(asked, name) for name in names):
        return None
    return last


def _against_change(state: State, asked: ChangeSubscription, policy: Policy) -> str:
    if asked.subscription_id not in state.subscription_ids:
        known = ", ".join(state.subscription_ids) or "none"
        return f"vault customer {asked.vault_customer_id} has no subscription {asked.subscription_id}; it has {known}"
    if asked.change is SubscriptionChange.UNKNOWN:
        return "what is to change is not said"
    if asked.change not in (SubscriptionChange.SKIP, SubscriptionChange.RETRY, SubscriptionChange.PAID_OTHERWISE):
        return ""
    run = state.runs.get(run_key(asked.subscription_id, asked.change_on))
    if run is None or run.status is RunStatus.CANCELLED:
        days = sorted(
            one.due_on.isoformat() for one in state.runs.values() if one.subscription_id == asked.subscription_id
        )
        return (
            f"no run of {asked.subscription_id} is due on {asked.change_on}; known are {', '.join(days[-6:]) or 'none'}"
        )
    if run.status in (RunStatus.PAID, RunStatus.PAID_OTHERWISE):
        return f"the run of {asked.change_on} is paid already"
    if run.status is RunStatus.CHARGING and asked.change is not SubscriptionChange.PAID_OTHERWISE:
        return f"the run of {asked.change_on} is being charged; its outcome comes first"
    if asked.change is SubscriptionChange.SKIP and run.attempt_count:
        return (
            f"the run of {asked.change_on} was tried already; say that it was paid otherwise, or end the subscription"
        )
    if asked.change is SubscriptionChange.RETRY:
        return _against_retry(state, run, policy)
    return ""


def _against_retry(state: State, run: SubscriptionRunChanged, policy: Policy) -> str:
    if run.status is RunStatus.DECLINED:
        return f"why the run of {run.due_on} was declined is not known yet; its code comes first"
    if run.status in (RunStatus.EXPECTED, RunStatus.SKIPPED, RunStatus.PAUSED):
        return f"the run of {run.due_on} is {run.status.value.lower()}; there is nothing to try again"
    if state.day is None:
        return "no day is known yet"
    may_from = may_try_on(state, state.day, policy)
    if may_from > state.day:
        return f"{run.why}; the next try of this card may be on {may_from}"
    return ""


def _decided(state: State, event: SubscriptionSet | SubscriptionChanged | SubscriptionCommandRefused) -> State:
    return replace(state, command_ids=state.command_ids | {event.command_id})


def _later(known: date | None, day: date) -> date:
    return day if known is None else max(known, day)
