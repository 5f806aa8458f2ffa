"""Which agents there are, and how one is hung onto Faust: a table, and one function for every row of it.

The two agents that act on another system are made with it: streams/edges/post_to_abas.py, send_to_paytrace.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import faust
from faust.types import AgentT, EventT, StreamT

from schemas.topic import Topic
from streams.domain import (
    alerts,
    approvals,
    cases,
    customers,
    disputes,
    gateway,
    identification,
    ledger,
    orders,
    payments,
    rates,
    receivables,
    risk,
    settlement,
    subscriptions,
)
from streams.log.records import Inbound
from streams.rules import adoption
from streams.rules.catalogue import (
    ACCOUNT_MAPPING,
    ALERT_RULES,
    DEPOSIT_MATCHING,
    DISPUTE_DEADLINES,
    DUNNING,
    EXCHANGE_RATES,
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
from streams.tasks.manager import TaskManager
from streams.tasks.processor import AnyProcessor, Decider
from streams.tasks.rules import RulesUsed

_BROKER_TIME = 1  # Kafka's own number for LogAppendTime, which aiokafka hands on


def _decider(name: str, inbox: Topic, journal: Topic, context: Any, **more: Any) -> Decider[Any, Any, Any]:
    """Make one row of the table. That the rules take all that the inbox carries, mypy sees in the rules."""
    return Decider(
        name=name,
        inbox=inbox,
        journal=journal,
        state_type=context.State,
        initial=context.INITIAL,
        decide=context.decide,
        evolve=context.evolve,
        route=context.route,
        **more,
    )


# What PayTrace says becomes the state of each payment; each movement goes to identification and settlement.
FOLD_PAYMENTS = _decider(
    "fold-payments",
    Topic.PAYMENTS_OBSERVATIONS,
    Topic.PAYMENTS_EVENTS,
    payments,
    version=5,
    rules=RulesUsed((ACCOUNT_MAPPING.name, PAYMENT_CODES.name, RISK_RULES.name), payments_policy),
)
# Whether a payment may go to its customer, by rules of risk and by people. A card, customer, address or merchant
# account remembers what was attempted; attempts come in any order (docs/adr/0121).
ASSESS_RISK = _decider(
    "assess-risk",
    Topic.RISK_INBOX,
    Topic.RISK_EVENTS,
    risk,
    rules=RulesUsed((RISK_RULES.name,), risk_policy),
)
# The abas customer behind each movement of money, or it waits for a reference.
IDENTIFY_PAYERS = _decider(
    "identify-payers", Topic.IDENTIFICATION_INBOX, Topic.IDENTIFICATION_EVENTS, identification, version=4
)
# Identified money meets a customer's open items; abas is asked to post what is certain.
MATCH_OPEN_ITEMS = _decider(
    "match-open-items",
    Topic.RECEIVABLES_INBOX,
    Topic.RECEIVABLES_EVENTS,
    receivables,
    version=12,
    rules=RulesUsed((OPEN_ITEM_MATCHING.name, WRITE_OFF_LIMITS.name, ACCOUNT_MAPPING.name), receivables_policy),
    reminder=receivables.reminder,
)
# Which payment requests of people at abas are carried out at the gateway.
DECIDE_PAYMENT_REQUESTS = _decider(
    "decide-payment-requests",
    Topic.GATEWAY_INBOX,
    Topic.GATEWAY_EVENTS,
    gateway,
    version=2,
    rules=RulesUsed((PAYMENT_REQUESTS.name,), requests_policy),
)
# Where each dispute stands by its last fact. Facts of a case come in any order anyway, so one that can't be decided
# waits alone (docs/adr/0047).
FOLLOW_DISPUTES = _decider(
    "follow-disputes",
    Topic.DISPUTES_INBOX,
    Topic.DISPUTES_EVENTS,
    disputes,
    rules=RulesUsed((DISPUTE_DEADLINES.name, ACCOUNT_MAPPING.name), disputes_policy),
    is_order_free=True,
)
# Each bank deposit is explained by the money that PayTrace settled; the bridge of every day. The key is a whole
# merchant account, and lines, batches and requests come in any order anyway (docs/adr/0047).
RECONCILE_DEPOSITS = _decider(
    "reconcile-deposits",
    Topic.SETTLEMENT_INBOX,
    Topic.SETTLEMENT_EVENTS,
    settlement,
    version=7,
    rules=RulesUsed((DEPOSIT_MATCHING.name,), deposit_policy),
    is_order_free=True,
)
# What all of that means in lines on roles of accounts, and the documents that are no customer's. Facts are booked by
# their names, in any order (docs/adr/0088).
KEEP_LEDGER = _decider(
    "keep-ledger",
    Topic.LEDGER_INBOX,
    Topic.LEDGER_ENTRIES,
    ledger,
    version=3,
    rules=RulesUsed((ACCOUNT_MAPPING.name,), mapping_policy),
    is_order_free=True,
    reminder=ledger.reminder,
)
# What a currency was worth on a day; a payment that asks waits until there is a rate young enough.
KEEP_RATES = _decider(
    "keep-rates", Topic.RATES_INBOX, Topic.RATES_EVENTS, rates, rules=RulesUsed((EXCHANGE_RATES.name,), rates_policy)
)
# Which vault customer is which customer of abas; their payments then find them. An unknown one is created there, and
# what it can be charged by written beside it.
LINK_CUSTOMERS = _decider(
    customers.AGENT,
    Topic.CUSTOMERS_INBOX,
    Topic.CUSTOMERS_EVENTS,
    customers,
    version=2,
    rules=RulesUsed((ACCOUNT_MAPPING.name,), mapping_policy),
    reminder=customers.reminder,
)
# What becomes of each order of a shop: its money by PayTrace, its sales order in abas, its status in the shop.
FULFIL_ORDERS = _decider(
    orders.AGENT,
    Topic.ORDERS_INBOX,
    Topic.ORDERS_EVENTS,
    orders,
    version=2,
    rules=RulesUsed((ORDER_FULFILMENT.name,), orders_policy),
    reminder=orders.reminder,
)
# Which runs of subscriptions are expected, what became of each, and when one is charged again. Facts come in any order.
RUN_SUBSCRIPTIONS = _decider(
    "run-subscriptions",
    Topic.SUBSCRIPTIONS_INBOX,
    Topic.SUBSCRIPTIONS_EVENTS,
    subscriptions,
    rules=RulesUsed((DUNNING.name,), dunning_policy),
    is_order_free=True,
)
# Who looks after money that waits, and what people say of it.
NOTE_CASES = _decider(cases.AGENT, Topic.CASES_INBOX, Topic.CASES_EVENTS, cases)
# Each command that needs a second person is held until one approves it, rejects it, or comes too late.
HOLD_APPROVALS = _decider(approvals.AGENT, Topic.APPROVALS_INBOX, Topic.APPROVALS_EVENTS, approvals)
# Which conditions become alerts, and who is told of them when.
RAISE_ALERTS = _decider(
    alerts.AGENT, Topic.ALERTS_INBOX, Topic.ALERTS_EVENTS, alerts, rules=RulesUsed((ALERT_RULES.name,), alert_policy)
)
# Which rules the agents above decide by, from which record on.
ADOPT_RULES = _decider(adoption.AGENT, Topic.RULES_INBOX, Topic.RULES_EVENTS, adoption)

# In the order in which a payment meets them; what people ask for comes last.
DECIDERS: tuple[Decider[Any, Any, Any], ...] = (
    FOLD_PAYMENTS,
    ASSESS_RISK,
    IDENTIFY_PAYERS,
    MATCH_OPEN_ITEMS,
    DECIDE_PAYMENT_REQUESTS,
    FOLLOW_DISPUTES,
    RECONCILE_DEPOSITS,
    KEEP_LEDGER,
    KEEP_RATES,
    LINK_CUSTOMERS,
    FULFIL_ORDERS,
    RUN_SUBSCRIPTIONS,
    NOTE_CASES,
    HOLD_APPROVALS,
    RAISE_ALERTS,
    ADOPT_RULES,
)


@dataclass(frozen=True, slots=True)
class Flow:
    """How much an agent takes at once. Units: linger_s is how long it waits for batch_size records, in seconds."""

    batch_size: int
    linger_s: float


def register(app: faust.App, manager: TaskManager, flow: Flow, processor: AnyProcessor) -> AgentT[bytes]:
    """Hang one agent onto the app.

    Its inbox comes as raw bytes: the task layer decodes, so that bytes that don't decode are parked and not lost.
    """

    async def advance(stream: StreamT[bytes]) -> None:
        # StreamT, which agents are annotated with, does not list take_events; every stream has it.
        batches = cast("faust.Stream[bytes]", stream).take_events(flow.batch_size, within=flow.linger_s)
        async for events in batches:
            await manager.advance(processor, [_as_record(event) for event in events])

    inbox = app.topic(processor.inbox, key_serializer="raw", value_serializer="raw")
    return app.agent(inbox, name=processor.name)(advance)


def _as_record(event: EventT[bytes]) -> Inbound:
    message = event.message
    headers = message.headers or {}
    pairs = headers.items() if hasattr(headers, "items") else headers
    return Inbound(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        key=message.key,
        value=message.value,
        headers=tuple(pairs),
        timestamp_ms=int(message.timestamp * 1000),
        is_broker_time=message.timestamp_type == _BROKER_TIME,
    )
