"""Accounts of documents: by the mapping of then, and what has none waits until a mapping has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from typing import Any

from schemas import catalog
from schemas.files.owned import text_of
from schemas.records.erp import PostDocument
from schemas.records.identification import Movement, WaitingReason
from schemas.records.receivables import DecideAgain, DecisionRefused, EntryWaiting, PutOnAccount
from schemas.records.rules import AdoptRules
from schemas.topic import Topic
from schemas.wire.codec import Codec
from streams.agents import ADOPT_RULES, MATCH_OPEN_ITEMS
from streams.domain import receivables
from streams.domain.receivables.policy import Policy
from streams.log.memory import MemoryLog
from streams.log.outbound import Outbound
from streams.rules.catalogue import ACCOUNT_MAPPING
from streams.rules.mapping import account_mapping
from streams.tasks.membership import SoleOwner
from streams.tasks.ports import SilentObserver
from streams.tasks.stores import MemoryStore
from streams.tasks.task import Task, TaskRules
from tests.support.adopted import offers
from tests.support.builders import at, done, identified, open_item
from tests.support.policies import RECEIVABLES
from tests.support.signing import RING, SIGNER

SHIPPED = text_of(ACCOUNT_MAPPING.shipped)
WITHOUT = SHIPPED.replace('  clearing: [{account: "1361"}]\n', "")
OTHER = SHIPPED.replace(
    'clearing: [{account: "1361"}]', 'clearing: [{account: "1360", cost_centre: "100", tax_code: "V0"}]'
)


def policy(text: str, version: int = 1) -> Policy:
    mapping = account_mapping(text.replace("version: 1\n", f"version: {version}\n"), "m.yaml")
    return replace(RECEIVABLES, mapping=mapping)


class Customer:
    """One customer under the policy of the moment."""

    def __init__(self, text: str = SHIPPED) -> None:
        self.state, self.policy = receivables.INITIAL, policy(text)
        self.documents: list[PostDocument] = []

    def when(self, record: Any) -> Sequence[Any]:
        events = receivables.decide(self.state, record, self.policy)
        for event in events:
            self.state = reduce(receivables.evolve, [event], self.state)
            sent = [output.record for output in receivables.route(self.state, event)]
            self.documents += [one for one in sent if isinstance(one, PostDocument)]
        return events


def test_both_lines_name_their_account_and_the_version_of_the_mapping() -> None:
    customer = Customer(OTHER)
    customer.when(open_item())
    customer.when(identified(Movement.CAPTURED))
    (document,) = customer.documents
    assert [(one.role, one.account, one.side.value) for one in document.lines] == [
        ("receivable", document.subject, "CREDIT"),
        ("clearing", "1360", "DEBIT"),
    ]
    assert (document.lines[1].cost_centre, document.lines[1].tax_code) == ("100", "V0")
    assert document.mapping_version == "1"


def test_a_reversal_is_on_the_accounts_of_its_receipt_whatever_the_mapping_says_now() -> None:
    customer = Customer(OTHER)
    customer.when(open_item())
    customer.when(identified(Movement.CAPTURED))
    customer.when(done(customer.documents[0]))
    customer.policy = policy(WITHOUT, 2)
    customer.when(identified(Movement.VOIDED, minute=9))
    receipt, reversal = customer.documents
    assert reversal.kind == "cash_receipt_reversal"
    assert (reversal.lines[1].account, reversal.lines[1].cost_centre) == ("1360", "100")
    assert receipt.lines[1].side != reversal.lines[1].side


def test_money_of_one_company_never_pays_a_customer_of_another() -> None:
    customer = Customer(f"{SHIPPED}companies: {{main: de}}\n")
    item = replace(open_item(), abas_customer_id="at/70001", abas_open_item_id="at/i1")
    paid = replace(identified(Movement.CAPTURED), abas_customer_id="at/70001", settlement_account="main/USD")
    customer.when(item)
    *_, waits = customer.when(paid)
    assert customer.documents == []
    assert isinstance(waits, EntryWaiting)
    assert waits.reason is WaitingReason.ACCOUNT_UNMAPPED
    assert waits.detail.startswith("merchant account main is of company de, the customer at/70001 of another")
    customer.policy = policy(f"{SHIPPED}companies: {{main: at}}\n", 2)
    customer.when(DecideAgain(abas_customer_id="at/70001", occurred_at=at(9)))
    assert [one.subject for one in customer.documents] == ["at/70001"]


def test_without_an_account_money_waits_and_goes_on_when_a_mapping_has_it() -> None:
    customer = Customer(WITHOUT)
    customer.when(open_item())
    (waiting,) = [one for one in customer.when(identified(Movement.CAPTURED)) if isinstance(one, EntryWaiting)]
    assert waiting.reason is WaitingReason.ACCOUNT_UNMAPPED
    assert "no account for role clearing" in waiting.detail
    assert "add a line below accounts.clearing" in waiting.detail
    assert customer.documents == []
    again = receivables.reminder(customer.state, at(30))
    assert again is not None
    assert customer.when(again) == (), "under the same mapping nothing new is to be said"
    customer.policy = policy(SHIPPED, 2)
    customer.when(again)
    assert [one.kind for one in customer.documents] == ["cash_receipt"]
    assert customer.documents[0].mapping_version == "2"
    assert receivables.reminder(customer.state, at(31)) is None


def test_a_persons_decision_without_an_account_is_refused_with_the_remedy() -> None:
    customer = Customer(WITHOUT)
    customer.when(identified(Movement.CAPTURED))
    command = PutOnAccount(
        abas_customer_id=customer.state.abas_customer_id,
        posting_reference="PT79388123",
        command_id="c1",
        decided_by="jo",
        reason="called the customer",
        occurred_at=at(20),
    )
    (refused,) = [one for one in customer.when(command) if isinstance(one, DecisionRefused)]
    assert "no account for role clearing" in refused.refused_because


def test_merchant_account_company_and_event_choose_the_account() -> None:
    lines = """clearing:
    - {account: "1362", when: {merchant_account: second, company: at, event: CAPTURE}}
    - {account: "1360", when: {merchant_account: second}}
    - {account: "1361"}"""
    text = SHIPPED.replace('clearing: [{account: "1361"}]', lines)
    for subject, account, number in (
        ("at/70001", "second/USD", "1362"),
        ("70001", "second/USD", "1360"),
        ("70001", "main/USD", "1361"),
        ("70001", None, "1361"),
    ):
        customer = Customer(text)
        customer.when(replace(open_item(), abas_customer_id=subject))
        customer.when(replace(identified(Movement.CAPTURED, customer=subject), settlement_account=account))
        (document,) = customer.documents
        assert [one.account for one in document.lines] == [subject, number]


async def test_a_task_reminds_itself_of_what_waits_once_for_each_adoption() -> None:
    codec, log = Codec(), MemoryLog(dict.fromkeys(catalog.topics(), 1))
    log.signer = SIGNER
    texts = {ACCOUNT_MAPPING.name: WITHOUT}

    def task(processor: Any) -> Task[Any]:
        return Task(
            processor, 0, log=log, store=MemoryStore(), codec=codec, ring=RING, membership=SoleOwner(),
            observer=SilentObserver(), rules=TaskRules(),
        )  # fmt: skip

    async def put(topic: Topic, *records: Any) -> None:
        for record in records:
            await log.append([Outbound.of(record, topic=topic, source="test", at=at(0), codec=codec, log=log)])

    await put(Topic.RULES_INBOX, *offers(1, texts))
    adopting, matching = task(ADOPT_RULES), task(MATCH_OPEN_ITEMS)
    await adopting.catch_up()
    await put(Topic.RECEIVABLES_INBOX, open_item(), identified(Movement.CAPTURED))
    await matching.catch_up()
    await matching.remind()
    reminders = len(log.records(Topic.RECEIVABLES_INBOX, 0))
    await matching.remind()
    assert len(log.records(Topic.RECEIVABLES_INBOX, 0)) == reminders, "once for each adoption"
    adoption = AdoptRules(
        rules_name=ACCOUNT_MAPPING.name,
        version=2,
        text=SHIPPED.replace("version: 1\n", "version: 2\n"),
        partitions=dict.fromkeys(ACCOUNT_MAPPING.inboxes, 1),
        command_id="a2",
        requested_by="jo",
        authenticated_by="session",
        reason="the account was missing",
        requested_at=at(40),
    )
    await put(Topic.RULES_INBOX, adoption)
    await adopting.catch_up()
    await matching.catch_up()
    assert log.records(Topic.ERP_COMMANDS, 0) == []
    await matching.remind()
    await matching.catch_up()
    sent = [codec.decode(record.value) for record in log.records(Topic.ERP_COMMANDS, 0)]
    assert [type(one) for one in sent] == [PostDocument]
