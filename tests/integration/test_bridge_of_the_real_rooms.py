"""The bridge over the real deciders and the real task layer: at every moment each cent is where the report says it is.

No broker: the tasks run on the log in memory, in a random order, and after each step everything written so far is
projected. What the rooms do to a payment (voids, refunds, ACH returns, changed amounts, refusals, parked records) is
theirs to decide; what must hold is that nothing is unexplained, by currency, by instant and by payment.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from projections.reports import questions
from projections.store.client import Store, open_store
from projections.store.migrate import migrate
from schemas import catalog
from schemas.failures import Unreadable
from schemas.records.by_topic import ErpCommands, ErpOutcomes
from schemas.records.erp import PostDocument
from schemas.records.identification import (
    AssignCustomer,
    CustomerReferenced,
    OpenItemReferenced,
    PaymentIdentified,
    PaymentPassedOn,
    PaymentToIdentify,
    RememberReference,
)
from schemas.records.payments import TransactionKind as Kind
from schemas.records.payments import TransactionStatus as Status
from schemas.records.receivables import EntryMoved, HandToFinance, MatchRefund, PutRefundOnAccount, ReassignPayment
from schemas.records.tasks import ParkedDiscardRequested, ParkedReplayRequested, RecordParked
from schemas.wire.codec import Codec
from streams.agents import FOLD_PAYMENTS, IDENTIFY_PAYERS, MATCH_OPEN_ITEMS
from streams.edges.post_to_abas import post_to_abas
from streams.log.memory import MemoryLog
from streams.log.outbound import Outbound
from streams.log.records import Inbound, partition_for
from streams.tasks.membership import SoleOwner
from streams.tasks.ports import SilentObserver
from streams.tasks.processor import AnyProcessor, Decider, Effect
from streams.tasks.stores import MemoryStore
from streams.tasks.task import Task, TaskRules
from tests.support.adopted import adopt_into
from tests.support.builders import NOON, at, done, observation, open_item, refused
from tests.support.projecting import project, wipe
from tests.support.signing import RING, SIGNER, by_hand
from tests.support.typed import as_a

PARTITIONS = 2
MINUTES = 160
# Mostly the records that carry money, so that much of it is parked and little else; the factor of the odds.
WHAT_CHOKES: dict[type, float] = {
    PostDocument: 2.0,
    PaymentIdentified: 1.5,
    PaymentToIdentify: 1.5,
    PaymentPassedOn: 1.5,
    EntryMoved: 4.0,
}
_CODEC = Codec()


@dataclass
class Abas:
    """Books that refuse every so many-th document."""

    rng: random.Random
    refuse_one_in: int

    async def post(self, command: ErpCommands) -> ErpOutcomes:
        document = as_a(PostDocument, command)
        return refused(document) if self.rng.randrange(self.refuse_one_in) == 0 else done(document)


@dataclass
class Rooms:
    """Every task of the pipeline on one log in memory."""

    rng: random.Random
    poison: float = 0.0
    log: MemoryLog = field(
        default_factory=lambda: MemoryLog(dict.fromkeys(catalog.topics(), PARTITIONS), signer=SIGNER)
    )
    seen: dict[tuple[str, int], int] = field(default_factory=dict)
    reported: list[tuple[str, int]] = field(default_factory=list)
    moved_to: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        adopt_into(self.log)
        abas = post_to_abas(Abas(self.rng, 6))
        self.processors = (FOLD_PAYMENTS, IDENTIFY_PAYERS, MATCH_OPEN_ITEMS, abas)
        self.poisoned: dict[str, bool] = {}
        self.tasks = [
            Task(
                self._poisonous(processor),
                partition,
                log=self.log,
                store=MemoryStore(),
                codec=_CODEC,
                ring=RING,
                membership=SoleOwner(),
                observer=SilentObserver(),
                rules=TaskRules(failures_in_a_row=1_000_000, marker_every=5),
            )
            for processor in self.processors
            for partition in range(PARTITIONS)
        ]

    def _poisonous(self, processor: AnyProcessor) -> AnyProcessor:
        """The same rules, which choke on some records until `mend`."""

        def check(record: Any) -> None:
            name = repr(record)
            odds = self.poison * WHAT_CHOKES.get(type(record), 0.05)
            if self.poisoned.setdefault(name, self.rng.random() < odds):
                raise Unreadable("this version has no rule for it")

        if isinstance(processor, Decider):
            inner = processor.decide

            def decide(state: Any, record: Any, *policy: Any) -> Any:
                check(record)
                return inner(state, record, *policy)

            return replace(processor, decide=decide)
        assert isinstance(processor, Effect)
        act = processor.perform

        async def perform(state: Any, record: Any) -> tuple[Any, ...]:
            check(record)
            return await act(state, record)

        return replace(processor, perform=perform)

    def mend(self) -> None:
        """A deploy that knows what to do."""
        self.poison = 0.0
        self.poisoned = dict.fromkeys(self.poisoned, False)

    def write(self, topic: str, record: Any) -> None:
        key = catalog.topic(topic).key_of(record)
        partition = partition_for(key, PARTITIONS)
        self._append(by_hand(self.log, topic, record, _CODEC.encode(record), key=key, partition=partition))

    def _append(self, record: Outbound) -> None:
        self.log._append(record)

    async def step(self) -> None:
        """One task, any task, gets to what it has not decided yet."""
        await self.rng.choice(self.tasks).catch_up()

    async def settle(self) -> None:
        """Until nobody has anything left to do."""
        quiet = 0
        while quiet < 2:
            before = sum(len(records) for records in self.log._records.values())
            for task in self.tasks:
                await task.catch_up()
            quiet = quiet + 1 if sum(len(r) for r in self.log._records.values()) == before else 0

    def news(self) -> list[Inbound]:
        """What was written since the last look, partition by partition, as a consumer may well deliver it."""
        found = []
        for (topic, partition), records in sorted(self.log._records.items()):
            start = self.seen.get((topic, partition), 0)
            self.seen[topic, partition] = len(records)
            found += [
                Inbound(
                    topic=topic,
                    partition=partition,
                    offset=record.offset,
                    key=record.key,
                    value=record.value,
                    headers=tuple(record.headers),
                    timestamp_ms=record.timestamp_ms,
                )
                for record in records[start:]
            ]
        return found

    def parked(self) -> list[tuple[str, RecordParked]]:
        """What journals say was parked, with the inbox to ask."""
        return [
            (processor.inbox, event)
            for processor in self.processors
            for partition in range(PARTITIONS)
            for record in self.log.records(processor.journal, partition)
            if isinstance(event := _CODEC.decode(record.value), RecordParked)
        ]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    opened = open_store(f"chdb://{tmp_path_factory.mktemp('rooms') / 'store'}")
    try:
        migrate(opened)
        yield opened
    finally:
        opened.close()


@pytest.mark.parametrize("seed", range(2))
async def test_nothing_is_unexplained_at_any_moment(engine: Store, seed: int) -> None:
    wipe(engine)
    rooms = Rooms(random.Random(seed))
    seen: set[str] = set()
    for minute in range(MINUTES):
        something_happens(rooms, minute)
        for _ in range(rooms.rng.randrange(7)):
            await rooms.step()
        if minute % 10 == 0:
            project(engine, rooms.news())
            assert unexplained(engine) == []
            seen |= terms(engine)
    await rooms.settle()
    project(engine, rooms.news())
    assert_closed(engine)
    # What was not there was not tested.
    assert seen | terms(engine) >= {"captured", "refunded", "voided", "posted", "waiting", "netted", "on_the_way"}


@pytest.mark.parametrize("seed", range(2))
async def test_parked_money_is_parked_until_it_is_released(engine: Store, seed: int) -> None:
    wipe(engine)
    rooms = Rooms(random.Random(100 + seed), poison=0.1)
    for minute in range(MINUTES):
        something_happens(rooms, minute)
        await rooms.step()
        if minute % 20 == 0:
            project(engine, rooms.news())
            assert unexplained(engine) == []
    await rooms.settle()
    project(engine, rooms.news())
    assert_closed(engine)
    parked = rooms.parked()
    assert engine.rows("SELECT count() FROM fct_parked WHERE state = 'PARKED'") == [(len(parked),)]
    inboxes = {str(inbox) for (inbox,) in engine.rows("SELECT inbox_topic FROM fct_parked WHERE signed_minor != 0")}
    assert inboxes == {"identification.inbox.v1", "receivables.inbox.v1", "erp.commands.v1"}

    rooms.mend()
    while still := unreleased(engine):
        for inbox, key in still:
            rooms.write(inbox, replay(key))
        await rooms.settle()
        project(engine, rooms.news())
        assert_closed(engine)
    assert "parked" not in terms(engine)


@pytest.mark.parametrize("poison", [0.0, 0.1])
async def test_money_that_people_move_is_where_the_report_says(engine: Store, poison: float) -> None:
    """Assigned, reassigned while documents are on their way, refunds matched or handed over, all at random."""
    wipe(engine)
    rooms = Rooms(random.Random(31), poison=poison)
    seen: set[str] = set()
    for minute in range(MINUTES):
        if rooms.rng.random() < 0.4:
            somebody_decides(rooms, minute)
        else:
            something_happens(rooms, minute)
        for _ in range(rooms.rng.randrange(7)):
            await rooms.step()
        if minute % 20 == 0:
            project(engine, rooms.news())
            assert unexplained(engine) == []
            seen |= terms(engine)
    await rooms.settle()
    for number in range(1, 25):
        rooms.write("receivables.inbox.v1", handed_over(number))
        await rooms.step()
    for payment, number in sorted(set(rooms.reported)):
        rooms.write("receivables.inbox.v1", reassigned(payment, f"7000{number % 6}"))
        await rooms.step()
        if number % 8 == 0:
            project(engine, rooms.news())
            assert unexplained(engine) == []
    await rooms.settle()
    project(engine, rooms.news())
    assert_closed(engine)
    assert seen | terms(engine) >= {"captured", "refunded", "posted", "waiting", "on_the_way"}
    assert poison or "handed_over" in terms(engine)
    if poison:
        rooms.mend()
        while still := unreleased(engine):
            for inbox, key in still:
                rooms.write(inbox, replay(key))
            await rooms.settle()
            project(engine, rooms.news())
            assert_closed(engine)
        # Poison had parked the keys of most customers before they were asked; now each is asked again.
        for payment, number in sorted(set(rooms.reported)):
            rooms.write("receivables.inbox.v1", reassigned(payment, f"7000{(number + 1) % 6}"))
            await rooms.step()
        await rooms.settle()
        project(engine, rooms.news())
        assert_closed(engine)
    moved = "SELECT count() FROM fct_entries FINAL WHERE record_type = 'EntryMoved' AND moved_to = abas_customer_id"
    ((count,),) = engine.rows(moved)
    assert int(count) > 2
    # One row for each movement that waits for its payer, however many tokens were asked.
    twice = "SELECT movement_id FROM rpt_movements_now GROUP BY movement_id HAVING count() > 1"
    assert engine.rows(twice) == []


def reassigned(payment: str, customer: str) -> ReassignPayment:
    return ReassignPayment(
        command_id=f"r{payment}",
        abas_customer_id=customer,
        paytrace_transaction_id=payment,
        to_customer_id="70009",
        decided_by="dana",
        reason="letter",
        occurred_at=at(MINUTES),
    )


def handed_over(number: int) -> HandToFinance:
    return HandToFinance(
        command_id=f"h{number}",
        abas_customer_id=f"7000{number % 6}",
        posting_reference=f"PT8{number}",
        decided_by="dana",
        reason="letter",
        occurred_at=at(number),
    )


def somebody_decides(rooms: Rooms, minute: int) -> None:
    """A command of a person, which may well be refused."""
    rng = rooms.rng
    payment, number = rng.choice(rooms.reported or [("11", 1)])
    customer, other = rooms.moved_to.get(payment, f"7000{number % 6}"), f"7000{rng.randrange(6)}"
    who: dict[str, Any] = {
        "command_id": f"c{minute}",
        "decided_by": "dana",
        "reason": "letter",
        "occurred_at": at(minute),
    }
    refund = {**who, "abas_customer_id": customer, "posting_reference": f"PT8{number}"}
    match rng.randrange(7):
        case 0 | 1 | 2:
            rooms.moved_to[payment] = other
            asked_ = ReassignPayment(
                **who, abas_customer_id=customer, paytrace_transaction_id=payment, to_customer_id=other
            )
            rooms.write("receivables.inbox.v1", asked_)
        case 3:
            assigned = AssignCustomer(
                **who,
                payment_token=f"payment:{payment}",
                paytrace_transaction_id=payment,
                abas_customer_id=customer,
            )
            rooms.write("identification.inbox.v1", assigned)
        case 4:
            rooms.write("receivables.inbox.v1", MatchRefund(**refund, payment_id=f"1{number}"))
        case 5:
            kind = rng.choice([HandToFinance, PutRefundOnAccount])
            rooms.write("receivables.inbox.v1", kind(**refund))
        case _:
            token = f"order:RE-{number}"
            fact = CustomerReferenced(token=token, abas_customer_id=customer, observed_at=at(minute))
            remembered = RememberReference(**who, token=token, abas_customer_id=customer)
            rooms.write("identification.inbox.v1", rng.choice([fact, remembered]))


async def test_discarded_money_explains_the_residual(engine: Store) -> None:
    wipe(engine)
    rooms = Rooms(random.Random(8), poison=0.1)
    for minute in range(MINUTES):
        something_happens(rooms, minute)
    await rooms.settle()
    for inbox, event in rooms.parked():
        rooms.write(inbox, discard(event))
    await rooms.settle()
    project(engine, rooms.news())
    assert unexplained(engine) == []
    assert engine.rows("SELECT count() FROM fct_parked WHERE state = 'PARKED'") == [(0,)]
    (row,) = asked(engine, "bridge_by_currency")
    assert row["residual_minor"] == row["discarded_minor"] != 0


def something_happens(rooms: Rooms, minute: int) -> None:
    """One thing that PayTrace or abas tells at this minute; some of it contradicts what was reported before."""
    rng = rooms.rng
    number = rng.randrange(1, 25)
    match rng.randrange(12):
        case 0 | 1 | 2 | 3:
            invoiced(rooms, number, minute)
        case 4 | 5 | 6 | 7:
            sold(rooms, number, minute, rng.choice([Status.PENDING_SETTLEMENT, Status.SETTLED]))
        case 8:
            sold(rooms, number, minute, Status.VOIDED)
        case 9:
            # A partial refund with an id of its own, found by the invoice it names; sometimes it is voided.
            status = rng.choice([Status.SETTLED, Status.SETTLED, Status.VOIDED])
            reported(rooms, f"8{number}", number, minute, status, Kind.REFUND, number * 5_00)
        case 10:
            status = rng.choice([Status.ACH_PENDING, Status.ACH_CLEARED, Status.ACH_RETURNED])
            reported(rooms, f"3{number}", number, minute, status, Kind.ACH_SALE, number * 10_00)
        case _:
            # A tip, or a status out of the blue.
            sold(rooms, number, minute, rng.choice([Status.SETTLED, *Status]), extra=rng.choice([0, 1_00, -1_00]))


def invoiced(rooms: Rooms, number: int, minute: int) -> None:
    """abas shows the open item of this invoice, and its source tells both contexts."""
    customer = f"7000{number % 6}"
    # Every third customer was billed another amount than they pay, so their money waits and a void finds it waiting.
    billed = number * 10_00 + (7_00 if number % 3 == 0 else 0)
    item = open_item(f"i{number}", billed, invoice=f"RE-{number}", minute=minute, customer=customer)
    token = OpenItemReferenced(
        token=f"invoice:RE-{number}", abas_customer_id=customer, abas_open_item_id=f"i{number}", observed_at=at(minute)
    )
    rooms.write("receivables.inbox.v1", item)
    rooms.write("identification.inbox.v1", token)


def sold(rooms: Rooms, number: int, minute: int, status: Status, *, extra: int = 0) -> None:
    reported(rooms, f"1{number}", number, minute, status, Kind.SALE, number * 10_00 + extra)


def reported(rooms: Rooms, payment: str, number: int, minute: int, status: Status, kind: Kind, amount: int) -> None:
    """One observation; payments are created on different days, so each day has its own bridge."""
    rooms.reported.append((payment, number))
    seen = observation(status, amount, minute=minute, kind=kind, payment=payment, invoice=f"RE-{number}", vault=None)
    rooms.write("payments.observations.v1", replace(seen, created_at=at(24 * 60 * (number % 5) + number)))


def asked(store: Store, name: str) -> tuple[dict[str, Any], ...]:
    report = questions.load(name)
    values = questions.values_for(report, {}, day_zone="UTC", now=NOON)
    return questions.ask(store, report, values).records


def unexplained(store: Store) -> list[dict[str, Any]]:
    """Currencies whose residual is more than what is on its way or was discarded."""
    return [row for row in asked(store, "bridge_by_currency") if row["unexplained_minor"] != 0]


def assert_closed(store: Store) -> None:
    """At rest: no residual in any currency, at any instant, for any payment."""
    assert [row for row in asked(store, "bridge_by_currency") if row["residual_minor"] or row["on_the_way_minor"]] == []
    assert asked(store, "payments_that_do_not_balance") == ()
    open_instants = store.rows(
        "SELECT money_at, sumIf(minor, term = 'captured') - sumIf(minor, term != 'captured') AS residual "
        "FROM rpt_money GROUP BY money_at HAVING residual != 0"
    )
    assert open_instants == []


def unreleased(store: Store) -> list[tuple[str, bytes]]:
    rows = store.rows("SELECT DISTINCT inbox_topic, record_key FROM fct_parked WHERE state = 'PARKED' ORDER BY ALL")
    return [(str(topic), str(key).encode()) for topic, key in rows]


def replay(key: bytes) -> ParkedReplayRequested:
    return ParkedReplayRequested(record_key=key, requested_by="dana", reason="mended", requested_at=NOON)


def discard(parked: RecordParked) -> ParkedDiscardRequested:
    return ParkedDiscardRequested(
        record_key=parked.record_key, offset=parked.offset, requested_by="dana", reason="noise", requested_at=NOON
    )


def terms(store: Store) -> set[str]:
    return {str(term) for (term,) in store.rows("SELECT DISTINCT term FROM rpt_money WHERE minor != 0")}
