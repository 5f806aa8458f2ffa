"""The rules that tests of the domain decide by: those that ship with Saldo."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from schemas.files.owned import text_of
from streams.domain import (
    alerts,
    customers,
    disputes,
    gateway,
    ledger,
    orders,
    payments,
    rates,
    receivables,
    risk,
    settlement,
    subscriptions,
)
from streams.domain.receivables.policy import Policy as ReceivablesPolicy
from streams.rules.catalogue import (
    ACCOUNT_MAPPING,
    ALERT_RULES,
    DEPOSIT_MATCHING,
    DISPUTE_DEADLINES,
    DUNNING,
    EXCHANGE_RATES,
    KINDS,
    OPEN_ITEM_MATCHING,
    ORDER_FULFILMENT,
    PAYMENT_CODES,
    PAYMENT_REQUESTS,
    RISK_RULES,
    WRITE_OFF_LIMITS,
    alert_policy,
    deposit_policy,
    disputes_policy,
    dunning_policy,
    mapping_policy,
    orders_policy,
    payments_policy,
    rates_policy,
    receivables_policy,
    requests_policy,
    risk_policy,
)
from streams.tasks.processor import Decider

ALERTS = alert_policy(text_of(ALERT_RULES.shipped))
RECEIVABLES = receivables_policy(
    *(text_of(kind.shipped) for kind in (OPEN_ITEM_MATCHING, WRITE_OFF_LIMITS, ACCOUNT_MAPPING))
)
CUSTOMERS = mapping_policy(text_of(ACCOUNT_MAPPING.shipped))
LEDGER = mapping_policy(text_of(ACCOUNT_MAPPING.shipped))
DEPOSITS = deposit_policy(text_of(DEPOSIT_MATCHING.shipped))
DISPUTES = disputes_policy(*(text_of(kind.shipped) for kind in (DISPUTE_DEADLINES, ACCOUNT_MAPPING)))
PAYMENTS = payments_policy(*(text_of(kind.shipped) for kind in (ACCOUNT_MAPPING, PAYMENT_CODES, RISK_RULES)))
RISK = risk_policy(text_of(RISK_RULES.shipped))
ORDERS = orders_policy(text_of(ORDER_FULFILMENT.shipped))
RATES = rates_policy(text_of(EXCHANGE_RATES.shipped))
REQUESTS = requests_policy(text_of(PAYMENT_REQUESTS.shipped))
DUNNING_RULES = dunning_policy(text_of(DUNNING.shipped))
_SHIPPED: Mapping[Any, Any] = {
    receivables: RECEIVABLES,
    ledger: LEDGER,
    customers: CUSTOMERS,
    alerts: ALERTS,
    settlement: DEPOSITS,
    disputes: DISPUTES,
    payments: PAYMENTS,
    rates: RATES,
    gateway: REQUESTS,
    orders: ORDERS,
    risk: RISK,
    subscriptions: DUNNING_RULES,
}


def by_shipped_rules(agent: Decider[Any, Any, Any], texts: Mapping[str, str] | None = None) -> Decider[Any, Any, Any]:
    """Return an agent that decides by the rules that ship, or by these texts, where nothing is adopted on the log."""
    if agent.rules is None:
        return agent
    policy = agent.rules.read(*((texts or {}).get(name) or text_of(KINDS[name].shipped) for name in agent.rules.names))
    decide = agent.decide
    return replace(agent, rules=None, decide=lambda state, record: decide(state, record, policy))


def chosen(**choices: Any) -> ReceivablesPolicy:
    """The policy of receivables with these choices of the mapping, the others as they ship."""
    mapping = RECEIVABLES.mapping
    return replace(RECEIVABLES, mapping=replace(mapping, policies=replace(mapping.policies, **choices)))


def decide_of(context: Any, policy: Any = None) -> Callable[[Any, Any], tuple[Any, ...]]:
    """The decide of a context, with this policy or the one that ships where it wants one."""
    policy = _SHIPPED.get(context) if policy is None else policy
    if policy is None:
        return context.decide  # type: ignore[no-any-return]
    return lambda state, record: context.decide(state, record, policy)
