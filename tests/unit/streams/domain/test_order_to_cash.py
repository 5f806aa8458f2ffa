"""An order through every context at once: the records of shop, PayTrace, customers and abas in any order of topics."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import replace
from typing import Any

import pytest

from schemas import catalog
from schemas.files.owned import text_of
from schemas.records.customers import ErpCustomerObserved
from schemas.records.erp import PostDocument, SaveRecord
from schemas.records.orders import OrderObserved, WriteToShop
from schemas.records.payments import TransactionObserved
from schemas.records.receivables import OpenItemObserved
from schemas.topic import Topic
from schemas.wire.codec import Codec
from streams.agents import DECIDERS
from streams.rules.catalogue import ORDER_FULFILMENT
from tests.support.builders import open_item
from tests.support.examples import example
from tests.support.policies import by_shipped_rules

RULES = {ORDER_FULFILMENT.name: text_of(ORDER_FULFILMENT.shipped).replace('shipping: ""', 'shipping: "FREIGHT"')}
IN_THE_STORY = {
    Topic.ORDERS_INBOX,
    Topic.PAYMENTS_OBSERVATIONS,
    Topic.CUSTOMERS_INBOX,
    Topic.IDENTIFICATION_INBOX,
    Topic.RECEIVABLES_INBOX,
}
AGENTS = {agent.inbox: by_shipped_rules(agent, RULES) for agent in DECIDERS if agent.inbox in IN_THE_STORY}
CODEC = Codec()
ORDER: OrderObserved = replace(example("OrderObserved"), name_digest="MILL")
PAID: TransactionObserved = replace(
    example("TransactionObserved"),
    paytrace_transaction_id="395970002",
    amount_minor=7304,
    invoice_number="W1203",
    vault_customer_id=None,
)
CUSTOMER: ErpCustomerObserved = replace(
    example("ErpCustomerObserved"),
    abas_customer_id="70001",
    data_subject="abas/70001",
    email_digest=ORDER.email_digest,
    name_digest="MILL",
    recorded_vault_customer=None,
)
INVOICE: OpenItemObserved = open_item("i7", 7304, invoice="RE-7", order_number="AU-30001")


class Story:
    """Every context in memory; abas answers each command, and records of one key keep their order."""

    def __init__(self, seed: str) -> None:
        self._chance = random.Random(seed)
        self._states: dict[tuple[Topic, str], Any] = {}
        self._due: dict[tuple[Topic, str], list[Any]] = defaultdict(list)
        self.documents: list[tuple[str, int, str | None]] = []
        self.sales_orders: list[SaveRecord] = []
        self.statuses: list[str | None] = []

    def send(self, topic: Topic, record: Any) -> None:
        if topic not in IN_THE_STORY:
            return self._outside(record)
        field = next(one.key_field for one in catalog.topic(topic).records if one.name == type(record).__name__)
        key = getattr(record, field)
        self._due[topic, key[0] if isinstance(key, tuple) else key].append(record)
        return None

    def end(self) -> None:
        while waiting := [place for place, records in self._due.items() if records]:
            topic, key = place = self._chance.choice(waiting)
            agent, record = AGENTS[topic], CODEC.decode(CODEC.encode(self._due[place].pop(0)))
            state = self._states.get(place, agent.initial)
            for event in agent.decide(state, record):
                state = agent.evolve(state, CODEC.decode(CODEC.encode(event)))
                for output in agent.route(state, event):
                    self.send(Topic(output.topic), output.record)
            self._states[topic, key] = state

    def _outside(self, record: Any) -> None:
        match record:
            case SaveRecord() if record.kind == "sales_order":
                self.sales_orders.append(record)
                saved = {"kind": record.kind, "natural_key": record.natural_key, "erp_number": "AU-30001"}
                self.send(Topic.ORDERS_INBOX, replace(example("RecordSaved"), **saved, subject=record.subject))
            case PostDocument():
                line = record.lines[0]
                self.documents.append((record.kind, line.amount_minor, line.open_item))
                asked = {name: getattr(record, name) for name in _OF_A_DOCUMENT}
                self.send(Topic.RECEIVABLES_INBOX, replace(example("DocumentPosted"), **asked))
            case WriteToShop():
                self.statuses.append(record.shop_status)
            case _:
                pass


_OF_A_DOCUMENT = (
    "kind",
    "posting_reference",
    "reverses_reference",
    "subject",
    "subject_kind",
    "settlement_account",
    "values",
    "lines",
)


@pytest.mark.parametrize("seed", range(12))
def test_a_paid_order_ends_in_one_sales_order_one_receipt_and_one_status(seed: int) -> None:
    story, facts = (
        Story(f"order {seed}"),
        [
            (Topic.ORDERS_INBOX, ORDER),
            (Topic.PAYMENTS_OBSERVATIONS, PAID),
            (Topic.CUSTOMERS_INBOX, CUSTOMER),
            (Topic.RECEIVABLES_INBOX, INVOICE),
        ],
    )
    random.Random(seed).shuffle(facts)
    for topic, fact in (*facts, *facts):
        story.send(topic, fact)
        if seed % 2:
            story.end()
    story.end()
    assert [(one.natural_key, one.subject) for one in story.sales_orders] == [("main/1203", "70001")]
    assert story.statuses == ["processing"]
    on_invoice = [(-minor if kind.endswith("_reversal") else minor) for kind, minor, item in story.documents if item]
    assert sum(on_invoice) == 7304
    assert all(item in (None, "i7") for _, _, item in story.documents)
