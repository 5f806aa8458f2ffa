"""`saldo rebuild` after every operator command, refusal, replay and discard: everything comes back identical."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from app.proofs.rebuild import compare_agents
from schemas import catalog
from schemas.failures import Delayed, Unreadable
from schemas.records.by_topic import ErpCommands, ErpOutcomes
from schemas.records.disputes import DisputeFact, DisputeRecorded
from schemas.records.erp import DocumentRefused, PostDocument
from schemas.records.gateway import (
    CarryOutGatewayCall,
    GatewayCallBegun,
    GatewayCallDone,
    GatewayCallRefused,
    RequestGatewayCall,
)
from schemas.records.identification import AssignCustomer, ForgetReference, Movement, RememberReference
from schemas.records.payments import TransactionKind as Kind
from schemas.records.payments import TransactionStatus as Status
from schemas.records.receivables import (
    ConfirmMatch,
    DecisionRefused,
    DecisionTaken,
    HandToFinance,
    MatchRefund,
    MatchSuggested,
    PostAgain,
    PutOnAccount,
    PutRefundOnAccount,
    ReassignPayment,
    RejectMatch,
    ReverseWriteOff,
    SplitEntry,
    UnmatchEntry,
    WriteOffRest,
)
from schemas.records.rules import AdoptRules, RulesAccepted, RulesRefused
from schemas.records.tasks import ParkedDiscardRequested, ParkedReplayRequested, RecordParked
from schemas.wire.codec import from_json, to_json
from streams.agents import DECIDERS
from streams.edges.post_to_abas import post_to_abas
from streams.edges.send_to_paytrace import send_to_paytrace
from streams.log.memory import MemoryLog
from streams.log.outbound import Outbound
from streams.tasks.processor import AnyProcessor
from tests.replay import line
from tests.replay.scenarios import deposit_of_a_batch
from tests.support.adopted import offers
from tests.support.builders import CUSTOMER, at, done, identified, observation, open_item, refused
from tests.support.settlement import accept, dispute, reject
from tests.support.signing import RING, SIGNER, by_hand
from tests.support.typed import as_a
from tests.unit.streams.domain.test_payment_requests import REFUND

WHEN = datetime(2026, 11, 20, 15, tzinfo=UTC)
RECEIVABLES, COMMANDS = "receivables.inbox.v1", "erp.commands.v1"
IDENTIFICATION, RULES, RULES_JOURNAL = "identification.inbox.v1", "rules.inbox.v1", "rules.events.v1"
OTHER, THIRD = "70002", "70003"


@dataclass
class Books:
    """abas, which refuses or can't take some references, and holds each document once."""

    refuses: set[str] = field(default_factory=set)
    contradicts: set[str] = field(default_factory=set)
    locked: set[str] = field(default_factory=set)
    documents: dict[str, ErpOutcomes] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)

    async def post(self, command: ErpCommands) -> ErpOutcomes:
        document = as_a(PostDocument, command)
        reference = document.posting_reference
        self.calls[reference] += 1
        if reference in self.contradicts:
            raise Unreadable(f"{reference} contradicts the document that is there")
        if command.subject in self.locked:
            raise Delayed(f"customer {command.subject} is open in another editor")
        if reference in self.refuses:
            return refused(document, f"refusal {self.calls[reference]}")
        return self.documents.setdefault(reference, done(document))

    async def post_checked(self, command: ErpCommands, permit: str) -> ErpOutcomes:
        """A person looked into abas."""
        assert permit
        return await self.post(command)


@dataclass
class Gateway:
    """PayTrace, which refuses one refund."""

    calls: int = 0

    async def begin(self, request: RequestGatewayCall) -> GatewayCallBegun | GatewayCallRefused:
        self.calls += 1
        common = _fields(GatewayCallBegun, request) | {"merchant": "main"}
        return GatewayCallBegun(**common, seen_before=("1",), begun_at=WHEN)

    async def carry_out(self, call: CarryOutGatewayCall, taken: frozenset[str]) -> GatewayCallDone | GatewayCallRefused:
        self.calls += 1
        if call.amount_minor == 99:
            return GatewayCallRefused(**_fields(GatewayCallRefused, call), code="817", message="not settled")
        result = f"7000{self.calls}"
        return GatewayCallDone(
            **_fields(GatewayCallDone, call), result_transaction_id=result, code="106", message="refunded"
        )


def _fields(kind: type[Any], record: Any) -> dict[str, Any]:
    """What a record of this kind repeats of the call."""
    shared = RequestGatewayCall.__dataclass_fields__.keys() & kind.__dataclass_fields__.keys()
    return {name: getattr(record, name) for name in shared}


class Installation:
    """Every agent on a log in memory, and an operator at it."""

    def __init__(self) -> None:
        self.log = MemoryLog(dict.fromkeys(catalog.topics(), 1), signer=SIGNER)
        self.books, self.gateway, self.minute = Books(), Gateway(), 100
        self.processors: list[AnyProcessor] = [
            *DECIDERS,
            send_to_paytrace(self.gateway),
            post_to_abas(self.books, self.books.post_checked),
        ]
        self.tasks = [line._task(processor, self.log) for processor in self.processors]

    async def take(self, topic: str, *records: Any) -> None:
        for record in records:
            key = record.record_key if hasattr(record, "record_key") else catalog.topic(topic).key_of(record)
            await self.log.append([by_hand(self.log, topic, record, line._CODEC.encode(record), key=key)])
            await line._settle(self.tasks, self.log)

    async def put(self, topic: str, key: bytes, value: bytes) -> None:
        await self.log.append([Outbound(topic=topic, partition=0, key=key, value=value, headers=())])
        await line._settle(self.tasks, self.log)

    async def decide(self, kind: type[Any], by: str = "mweber", why: str = "customer called", **fields: Any) -> None:
        self.minute += 1
        reported = {"command_id": f"c{self.minute}", "abas_customer_id": CUSTOMER, "decided_by": by, "reason": why}
        await self.take(RECEIVABLES, kind(**{**reported, "occurred_at": at(self.minute), **fields}))

    async def identify(self, kind: type[Any], by: str = "mweber", why: str = "customer called", **fields: Any) -> None:
        self.minute += 1
        reported = {"command_id": f"c{self.minute}", "decided_by": by, "reason": why, "occurred_at": at(self.minute)}
        await self.take(IDENTIFICATION, kind(**reported, **fields))

    async def replay(self, topic: str, *, key: bytes = CUSTOMER.encode(), why: str = "cause mended") -> None:
        request = ParkedReplayRequested(record_key=key, requested_by="dana", reason=why, requested_at=WHEN)
        await self.take(topic, request)

    async def discard(self, topic: str, offset: int, *, key: bytes = CUSTOMER.encode(), why: str = "not ours") -> None:
        fields: dict[str, Any] = {"record_key": key, "offset": offset, "requested_by": "dana", "reason": why}
        await self.take(topic, ParkedDiscardRequested(**fields, requested_at=WHEN))

    def events(self, topic: str, kind: type[Any]) -> list[Any]:
        found = [line._CODEC.decode(record.value) for record in self.log.records(topic, 0)]
        return [one for one in found if isinstance(one, kind)]

    def suggested(self, reference: str, *items: str) -> dict[str, Any]:
        """What a person reads of a suggestion, as a decision means it."""
        shown = next(
            one
            for one in reversed(self.events("receivables.events.v1", MatchSuggested))
            if (one.posting_reference, one.abas_open_item_ids) == (reference, items)
        )
        return {
            "posting_reference": reference,
            "abas_open_item_ids": items,
            "suggestion_code": shown.suggestion_code,
            "part_amounts": shown.part_amounts,
            "currency": "USD",
        }

    async def differences(self) -> list[str]:
        calls = (self.books.calls.total(), self.gateway.calls)
        found = await compare_agents(self.processors, self.log, line._CODEC, RING)
        assert (self.books.calls.total(), self.gateway.calls) == calls, "nothing is posted or called again"
        assert sum(one.record_count for one in found) > 20
        return [one.what for one in found if not one.is_identical]


def paid(payment: str, minor: int, invoice: str | None) -> Any:
    return identified(Movement.CAPTURED, minor, payment=payment, invoice=invoice)


async def post_again_after_two_refusals(office: Installation) -> None:
    office.books.refuses.add("PT1")
    await office.take(RECEIVABLES, open_item("i1", 103_00), paid("1", 100_00, "RE-1"))
    await office.decide(ConfirmMatch, **office.suggested("PT1", "i1"))
    again: dict[str, Any] = {"posting_reference": "PT1", "amount_minor": 100_00, "currency": "USD"}
    await office.decide(PostAgain, **again)
    office.books.refuses.clear()
    await office.decide(PostAgain, **again)
    await office.decide(PostAgain, **again)  # it is posted now: refused


async def write_off_and_back(office: Installation) -> None:
    await office.take(RECEIVABLES, open_item("i1", 3_00, minute=99_000, amount_minor=103_00))
    give_up: dict[str, Any] = {"abas_open_item_id": "i1", "amount_minor": 3_00, "currency": "USD"}
    office.books.refuses.add("PT1W1")
    await office.decide(WriteOffRest, **give_up)
    await office.decide(WriteOffRest, **give_up)
    await office.decide(WriteOffRest, **give_up)
    office.books.refuses.add("PT1W2U1")
    await office.decide(ReverseWriteOff, posting_reference="PT1W2")
    await office.decide(ReverseWriteOff, posting_reference="PT1W2")
    await office.decide(ReverseWriteOff, by="", posting_reference="PT1W2")


async def rules_change(office: Installation) -> None:
    for version, name in ((2, "maria"), (2, "anna"), (3, "anna")):
        office.minute += 1
        command = AdoptRules(
            rules_name="write-off-limits",
            version=version,
            text=f"version: {version}\nlimits_minor: {{USD: {version}000}}\n",
            partitions={RECEIVABLES: 1},
            command_id=f"c{office.minute}",
            requested_by=name,
            authenticated_by="session",
            reason="agreed",
            requested_at=at(office.minute),
        )
        await office.take(RULES, command)


async def reject_account_unmatch_split(office: Installation) -> None:
    tie = [open_item(item, 55_00, invoice=invoice) for item, invoice in (("i2", "RE-2"), ("i3", "RE-3"))]
    await office.take(RECEIVABLES, *tie, paid("2", 55_00, None), paid("3", 20_00, None))
    second = office.suggested("PT2", "i3")
    first = {k: v for k, v in office.suggested("PT2", "i2").items() if k not in ("part_amounts", "currency")}
    await office.decide(RejectMatch, **first)
    await office.decide(RejectMatch, **first)
    await office.decide(ConfirmMatch, **second)
    await office.decide(ConfirmMatch, **second)
    await office.decide(UnmatchEntry, posting_reference="PT2")
    await office.decide(PutOnAccount, posting_reference="PT3", why="test")
    await office.decide(PutOnAccount, posting_reference="PT3", amount_minor=19_00, currency="USD")
    await office.decide(PutOnAccount, posting_reference="PT3", amount_minor=20_00, currency="USD")
    parts: dict[str, Any] = {"abas_open_item_ids": ("i2", ""), "part_amounts": (50_00, 5_00), "currency": "USD"}
    await office.decide(SplitEntry, posting_reference="PT2A1", **parts)
    await office.decide(UnmatchEntry, posting_reference="PT2A1S1")


async def park_replay_and_discard(office: Installation) -> None:
    office.books.contradicts.add("PT4")
    await office.take(RECEIVABLES, open_item("i4", 44_00, invoice="RE-4"), paid("4", 44_00, "RE-4"))
    await office.decide(PutOnAccount, posting_reference="PT1")
    await office.take(RECEIVABLES, open_item("i5", 45_00, invoice="RE-5"), paid("5", 45_00, "RE-5"))
    await office.replay(COMMANDS, why="n/a")  # refused: no reason
    await office.replay(COMMANDS)  # still contradicts
    await office.discard(COMMANDS, 0, why="")  # refused as well
    office.books.contradicts.clear()
    office.books.refuses.add("PT5")
    await office.replay(COMMANDS)
    office.books.refuses.clear()
    await office.decide(PostAgain, posting_reference="PT5")
    office.books.contradicts.add("PT6")
    await office.take(RECEIVABLES, open_item("i6", 46_00, invoice="RE-6"), paid("6", 46_00, "RE-6"))
    parked = office.events("erp.outcomes.v1", RecordParked)[-1]
    await office.discard(COMMANDS, parked.offset)
    await office.put(RECEIVABLES, b"nobody", b"\x07nonsense")
    await office.discard(RECEIVABLES, len(office.log.records(RECEIVABLES, 0)) - 1, key=b"nobody")
    await office.replay(RECEIVABLES, key=b"nothing is parked here", why="")


async def deposits_and_refunds(office: Installation) -> None:
    for topic, record in deposit_of_a_batch():
        await office.take(topic, record)
    await office.take("settlement.inbox.v1", reject("b1", "1:CAPTURED", minute=50), accept(1, minute=51))
    payment_requests = [
        ("w1", 10_00),
        ("w2", 99),
        ("w1", 10_00),
    ]
    for payment_request, minor in payment_requests:
        record = from_json(
            "PaymentRequestObserved", to_json(REFUND) | {"payment_request_id": payment_request, "amount_minor": minor}
        )
        await office.take("gateway.inbox.v1", record)


async def money_goes_to_other_customers(office: Installation) -> None:
    """Assigned, remembered, forgotten, reassigned while refused, posted or held back, and back again."""
    seen = observation(Status.SETTLED, 61_00, payment="61", invoice="RE-61", vault="vera", kind=Kind.SALE)
    await office.take("payments.observations.v1", seen)
    who = {"payment_token": "payment:61", "paytrace_transaction_id": "61"}
    await office.identify(AssignCustomer, why="-", abas_customer_id=CUSTOMER, **who)
    await office.identify(AssignCustomer, abas_customer_id=CUSTOMER, **who)
    await office.identify(AssignCustomer, abas_customer_id=OTHER, **who)  # refused: it has one
    await office.identify(RememberReference, token="vault:vera", abas_customer_id=OTHER)
    await office.identify(RememberReference, token="vault:vera", abas_customer_id=OTHER)
    await office.identify(ForgetReference, token="vault:vera")
    await office.identify(ForgetReference, token="vault:vera")
    for item, number, customer in (("i61", "RE-61", CUSTOMER), ("i62", "RE-61", OTHER)):
        await office.take(RECEIVABLES, open_item(item, 61_00, invoice=number, customer=customer))
    await office.decide(ReassignPayment, paytrace_transaction_id="61", to_customer_id=OTHER)
    await office.decide(ReassignPayment, paytrace_transaction_id="61", to_customer_id=OTHER)  # refused: it went
    office.books.refuses.add("PT61A1U1")
    moved_back = {"paytrace_transaction_id": "61", "to_customer_id": CUSTOMER, "abas_customer_id": OTHER}
    await office.decide(ReassignPayment, **moved_back)
    office.books.refuses.clear()
    await office.decide(PostAgain, posting_reference="PT61A1U1", abas_customer_id=OTHER)


async def refunds_find_a_way_out(office: Installation) -> None:
    await office.take(RECEIVABLES, open_item("i70", 70_00, invoice="RE-70"), paid("70", 70_00, "RE-70"))
    refunds = [("71", 10_01), ("72", 10_02), ("73", 10_03)]
    for payment, minor in refunds:
        await office.take(RECEIVABLES, identified(Movement.REFUNDED, minor, payment=payment, invoice=None))
    await office.decide(MatchRefund, posting_reference="PT71", payment_id="no such payment")
    await office.decide(MatchRefund, posting_reference="PT71", payment_id="70")
    office.books.refuses.add("PT72")
    await office.decide(PutRefundOnAccount, posting_reference="PT72")
    office.books.refuses.clear()
    await office.decide(MatchRefund, posting_reference="PT72", payment_id="70")
    await office.decide(HandToFinance, posting_reference="PT73")
    await office.decide(HandToFinance, posting_reference="PT73")
    voided = identified(Movement.REFUND_VOIDED, 10_03, payment="73", invoice=None)
    await office.take(RECEIVABLES, voided)
    office.books.refuses.add("PT70U1")
    await office.decide(UnmatchEntry, posting_reference="PT70")
    await office.decide(HandToFinance, posting_reference="PT70U1")  # refused: no money went back to a payer
    office.books.refuses.clear()


async def a_payment_is_unreadable_then_charged_back_and_forth(office: Installation) -> None:
    async def shows(status: Status, minute: int) -> None:
        seen = observation(status, 80_00, payment="80", invoice="RE-80", vault=None, minute=minute)
        await office.take("payments.observations.v1", seen)

    await shows(Status.UNKNOWN, 1)
    for sequence, kind in enumerate((DisputeFact.DEBITED, DisputeFact.CREDITED, DisputeFact.DEBITED), 1):
        fact = dispute("d80", 80_00, sequence, kind)
        await office.take("disputes.inbox.v1", replace(fact, paytrace_transaction_id="80", sequence=sequence))
        await shows(Status.SETTLED if sequence == 2 else Status.UNKNOWN, 1 + sequence)


async def a_customer_is_locked(office: Installation) -> None:
    """Held keys: decisions, more money and a person's replay while abas has the customer open, then its release."""
    office.books.locked.add(THIRD)
    item = open_item("i90", 90_00, invoice="RE-90", customer=THIRD)
    await office.take(
        RECEIVABLES, item, identified(Movement.CAPTURED, 90_00, payment="90", invoice="RE-90", customer=THIRD)
    )
    await office.take(RECEIVABLES, identified(Movement.CAPTURED, 5_00, payment="91", invoice=None, customer=THIRD))
    await office.decide(PutOnAccount, posting_reference="PT91", abas_customer_id=THIRD)
    await office.decide(UnmatchEntry, posting_reference="PT90", abas_customer_id=THIRD)  # refused: being posted
    await office.decide(ReassignPayment, paytrace_transaction_id="90", to_customer_id=CUSTOMER, abas_customer_id=THIRD)
    await office.replay(COMMANDS, key=THIRD.encode())  # still locked
    office.books.locked.clear()
    office.books.refuses.add("PT91")
    await office.replay(COMMANDS, key=THIRD.encode())
    office.books.refuses.clear()
    await office.replay(COMMANDS, key=THIRD.encode())  # nothing is left
    office.books.locked.add(THIRD)
    await office.decide(PostAgain, posting_reference="PT91", abas_customer_id=THIRD)
    held = office.events("erp.outcomes.v1", RecordParked)[-1]
    assert held.is_held
    await office.discard(COMMANDS, held.offset, key=THIRD.encode(), why="posted by hand")
    office.books.locked.clear()


STEPS: tuple[Callable[[Installation], Any], ...] = (
    post_again_after_two_refusals,
    write_off_and_back,
    rules_change,
    reject_account_unmatch_split,
    park_replay_and_discard,
    deposits_and_refunds,
    money_goes_to_other_customers,
    refunds_find_a_way_out,
    a_payment_is_unreadable_then_charged_back_and_forth,
    a_customer_is_locked,
)


async def test_everything_comes_back_identical_after_every_operator_command_refusal_replay_and_discard() -> None:
    office = Installation()
    await office.take(RULES, *offers())
    for step in STEPS:
        await step(office)
        assert await office.differences() == [], step.__name__
    taken = Counter(one.decision.value for one in office.events("receivables.events.v1", DecisionTaken))
    turned_down = Counter(one.decision.value for one in office.events("receivables.events.v1", DecisionRefused))
    every = {"CONFIRM", "REJECT", "SPLIT", "WRITE_OFF", "ON_ACCOUNT", "UNMATCH", "POST_AGAIN", "REVERSE_WRITE_OFF"}
    every |= {"REASSIGN", "MATCH_REFUND", "REFUND_ON_ACCOUNT", "HAND_OVER"}
    assert set(taken) == every
    payers = {one.decision.value for one in office.events("identification.events.v1", DecisionTaken)}
    assert payers == {"ASSIGN_CUSTOMER", "REMEMBER", "FORGET"}
    assert set(turned_down) >= {"CONFIRM", "REJECT", "ON_ACCOUNT", "POST_AGAIN"}
    refusals = [one.code for one in office.events("erp.outcomes.v1", DocumentRefused) if one.posting_reference == "PT1"]
    assert refusals == ["refusal 1", "refusal 2"], "one reference, three outcomes"
    assert {"PT1", "PT2", "PT3", "PT4", "PT5", "PT1W2"} <= set(office.books.documents)
    assert {"PT61", "PT61U1", "PT61A1", "PT61A1U1", "PT61A1A1", "PT71", "PT72", "PT90", "PT90U1"} <= set(
        office.books.documents
    )
    (now, *_) = reversed(office.events("disputes.events.v1", DisputeRecorded))
    assert now.charged_back_minor == 80_00
    assert {"PT6"}.isdisjoint(office.books.documents)
    assert office.gateway.calls == 4
    limits = [one for one in office.events(RULES_JOURNAL, RulesAccepted) if one.rules_name == "write-off-limits"]
    assert [(one.number, one.version) for one in limits] == [(1, 1), (2, 2), (3, 3)]
    assert [one.requested_by for one in office.events(RULES_JOURNAL, RulesRefused)] == ["anna"]
