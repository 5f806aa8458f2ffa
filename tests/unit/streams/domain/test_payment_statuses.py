"""What abas is told of payments and invoices: each change once, in abas' words, by the mapping."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import catalog
from schemas.documents import faults
from schemas.files.owned import FileInvalid, text_of
from schemas.records.erp import PostDocument, SaveRecord
from schemas.records.identification import Movement
from schemas.records.receivables import HandToFinance, PutOnAccount
from schemas.topic import Topic
from schemas.wire.codec import Codec
from streams.agents import ADOPT_RULES, MATCH_OPEN_ITEMS
from streams.domain import receivables
from streams.log.memory import MemoryLog
from streams.log.outbound import Outbound
from streams.rules.catalogue import ACCOUNT_MAPPING
from streams.rules.mapping import account_mapping
from streams.tasks.membership import SoleOwner
from streams.tasks.ports import SilentObserver
from streams.tasks.stores import MemoryStore
from streams.tasks.task import Task, TaskRules
from tests.support.adopted import offers
from tests.support.builders import at, done, identified, open_item, refused
from tests.support.policies import RECEIVABLES
from tests.support.signing import RING, SIGNER

WORDS = """
statuses:
  payment:
    PAID: paid
    PARTLY_REFUNDED: partly refunded
    REFUNDED: refunded
    VOIDED: voided
    RETURNED: returned by the bank
    REVERSED: reversed
    WAITING: waits
    ON_ACCOUNT: on account
    HANDED_OVER: with finance
    PLACED: placed
  invoice: {OPEN: open, PARTLY_PAID: part, PAID: paid}
"""
SHIPPED = text_of(ACCOUNT_MAPPING.shipped)
TOLD = replace(RECEIVABLES, mapping=account_mapping(SHIPPED + WORDS, "m.yaml"))


class Customer:
    """One customer whose statuses are written back."""

    def __init__(self, policy: Any = TOLD) -> None:
        self.state, self.policy = receivables.INITIAL, policy
        self.documents: list[PostDocument] = []
        self.saved: list[SaveRecord] = []

    def when(self, record: Any) -> Sequence[tuple[str, ...]]:
        """Return what is written back: key, status of the payment and of the invoice, amount, reason."""
        before = len(self.saved)
        for event in receivables.decide(self.state, record, self.policy):
            self.state = reduce(receivables.evolve, [event], self.state)
            for output in receivables.route(self.state, event):
                if isinstance(output.record, SaveRecord):
                    assert not list(faults(output.record))
                    self.saved.append(output.record)
                elif isinstance(output.record, PostDocument):
                    self.documents.append(output.record)
        return [_said(one) for one in self.saved[before:]]

    def posted(self) -> Sequence[tuple[str, ...]]:
        return self.when(done(self.documents[-1]))


def _said(record: SaveRecord) -> tuple[str, ...]:
    values = record.values
    names = ("payment_status", "invoice_status", "payment_amount", "reason")
    return (record.natural_key, *(values[name] for name in names))


def decided(command: type[Any]) -> Any:
    return command(
        abas_customer_id="70001",
        posting_reference="PT79388123",
        command_id="c1",
        decided_by="jo",
        reason="called the customer",
        occurred_at=at(20),
    )


def paid() -> Customer:
    customer = Customer()
    customer.when(open_item())
    customer.when(identified(Movement.CAPTURED))
    return customer


def test_nothing_is_written_back_as_shipped() -> None:
    customer = Customer(RECEIVABLES)
    customer.when(open_item())
    customer.when(identified(Movement.CAPTURED))
    assert customer.posted() == []


def test_a_payment_is_paid_once_abas_confirmed_it_and_not_before() -> None:
    customer = paid()
    assert customer.saved == []
    (said,) = customer.posted()
    assert said == ("i1/79388123", "paid", "paid", "100.00", "")
    assert customer.posted() == []  # the same outcome again
    assert customer.when(identified(Movement.CAPTURED)) == []
    (record,) = customer.saved
    assert (record.subject, record.values["customer"], record.values["invoice_number"]) == ("70001", "70001", "RE-1")


def test_a_pending_status_has_a_word_or_is_left_out() -> None:
    words = WORDS.replace("    PAID: paid\n", "    PAID: paid\n    PENDING: pending\n", 1)
    customer = Customer(replace(RECEIVABLES, mapping=account_mapping(SHIPPED + words, "m.yaml")))
    customer.when(open_item())
    assert [said[1] for said in customer.when(identified(Movement.CAPTURED))] == ["pending"]
    assert [said[1] for said in customer.posted()] == ["paid"]


@pytest.mark.parametrize(
    ("movement", "word"),
    [(Movement.VOIDED, "voided"), (Movement.RETURNED, "returned by the bank")],
)
def test_money_that_goes_back_opens_the_invoice_again(movement: Movement, word: str) -> None:
    customer = paid()
    customer.posted()
    assert [said[1] for said in customer.when(identified(movement, minute=9))] == []
    assert customer.posted() == [("i1/79388123", word, "open", "0.00", "")]


def test_a_part_that_goes_back_leaves_the_invoice_partly_paid() -> None:
    customer = paid()
    customer.posted()
    customer.when(identified(Movement.AMOUNT_DECREASED, 30_00, minute=9))
    assert customer.posted() == [("i1/79388123", "partly refunded", "part", "70.00", "")]


def test_money_that_waits_says_why_until_it_is_placed() -> None:
    customer = Customer()
    waits = customer.when(identified(Movement.CAPTURED))
    assert waits == [("70001/79388123", "waits", "", "100.00", "NO_OPEN_ITEM")]
    assert customer.saved[-1].values["invoice_number"] == ""
    assert customer.when(open_item(minute=1)) == [("70001/79388123", "placed", "", "0.00", "")]
    assert [said[1] for said in customer.posted()] == ["paid"]


def test_a_refused_document_waits_and_is_placed_when_abas_takes_it_after_all() -> None:
    customer = paid()
    document = customer.documents[-1]
    assert [said[1:] for said in customer.when(refused(document))] == [("waits", "", "100.00", "POSTING_REFUSED")]
    assert [said[1] for said in customer.when(done(document))] == ["paid", "placed"]


def test_a_person_puts_money_on_account_or_leaves_it_to_finance() -> None:
    customer = Customer()
    customer.when(identified(Movement.CAPTURED))
    customer.when(decided(PutOnAccount))
    assert [said[1:3] for said in customer.posted()] == [("on account", "")]
    customer = Customer()
    customer.when(identified(Movement.REFUNDED))
    assert [said[1] for said in customer.when(decided(HandToFinance))] == ["with finance"]


def test_the_invoice_shows_what_somebody_else_paid() -> None:
    customer = Customer()
    customer.when(open_item())
    customer.when(identified(Movement.CAPTURED))
    customer.posted()
    assert customer.when(open_item(open_minor=0, amount_minor=100_00, is_open=False, minute=90)) == []


@given(st.lists(st.sampled_from(range(6)), max_size=12))
def test_nothing_is_said_twice_whatever_repeats(steps: list[int]) -> None:
    """A record may come again, and so may an outcome: of one key no status follows an equal one."""
    customer = Customer()
    records: list[Any] = [
        open_item(),
        identified(Movement.CAPTURED),
        identified(Movement.AMOUNT_DECREASED, 30_00, minute=8),
        identified(Movement.VOIDED, 70_00, minute=9),
        open_item(minute=20),
    ]
    for step in steps:
        if step < len(records):
            customer.when(records[step])
        elif customer.documents:
            customer.posted()
    last: dict[str, Any] = {}
    for record in customer.saved:
        assert last.get(record.natural_key) != record.values
        last[record.natural_key] = record.values


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("statuses: {payment: {PAYED: x}}", "payment.PAYED: is no status; did you mean PLACED or PAID"),
        ("statuses: {payment: {PAID: ''}}", "PAID"),
        ("statuses: {payment: {PAID: x}, invoice: {OPEN: o}}", "says nothing for PARTLY_PAID, PAID"),
        ("statuses: {invoice: {OPEN: o, PARTLY_PAID: p, PAID: q}}", "payment"),
    ],
)
def test_words_are_checked_when_the_file_is_read(text: str, problem: str) -> None:
    with pytest.raises(FileInvalid, match=r"m\.yaml:") as raised:
        account_mapping(f"{SHIPPED}\n{text}\n", "m.yaml")
    assert problem in str(raised.value)


def test_off_is_off() -> None:
    assert account_mapping(f"{SHIPPED}\nstatuses: off\n", "m.yaml").statuses is None


async def test_a_repeat_or_a_restart_writes_no_status_twice() -> None:
    """Every task restores from its journal alone; abas' outcomes come twice, as after a crash before the journal."""
    codec, log = Codec(), MemoryLog(dict.fromkeys(catalog.topics(), 1))
    log.signer = SIGNER

    def task(processor: Any) -> Task[Any]:
        return Task(
            processor, 0, log=log, store=MemoryStore(), codec=codec, ring=RING, membership=SoleOwner(),
            observer=SilentObserver(), rules=TaskRules(),
        )  # fmt: skip

    async def put(topic: Topic, *records: Any) -> None:
        for record in records:
            await log.append([Outbound.of(record, topic=topic, source="test", at=at(0), codec=codec, log=log)])

    def sent() -> list[Any]:
        return [codec.decode(record.value) for record in log.records(Topic.ERP_COMMANDS, 0)]

    await put(Topic.RULES_INBOX, *offers(1, {ACCOUNT_MAPPING.name: SHIPPED + WORDS}))
    await task(ADOPT_RULES).catch_up()
    for record in (open_item(), identified(Movement.CAPTURED), identified(Movement.CAPTURED)):
        await put(Topic.RECEIVABLES_INBOX, record)
        await task(MATCH_OPEN_ITEMS).catch_up()
    (document,) = sent()
    for _ in range(3):
        await put(Topic.RECEIVABLES_INBOX, done(document))
        await task(MATCH_OPEN_ITEMS).catch_up()
        await task(MATCH_OPEN_ITEMS).catch_up()
    assert [_said(one)[1] for one in sent()[1:]] == ["paid"]
