"""What the watch sees becomes records, once; it tells the time; it survives tables that are away, restarts, repeats."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from app.alerts.watch import Watch
from app.settings.settings import AlertSettings
from app.sources.status import PollStatus
from app.status.tasks import TaskStatus
from schemas import catalog
from schemas.failures import Unavailable
from schemas.records.alerts import AlertClosed, AlertOpened, AlertsNotified, NotificationSent
from schemas.records.disputes import DisputeRecorded
from schemas.records.erp import DocumentPosted, DocumentRefused, SubjectKind
from schemas.records.rules import RulesOffered
from schemas.records.settlement import SettlementLineKind, SettlementLineRecorded
from schemas.records.tasks import ParkedRecordReleased, RecordParked
from schemas.topic import Topic
from schemas.wire.codec import Codec
from streams.agents import ADOPT_RULES, RAISE_ALERTS
from streams.edges.notify import send_mail, send_webhooks
from streams.log.memory import MemoryLog
from streams.log.outbound import Outbound
from streams.rules import adoption
from streams.tasks.membership import SoleOwner
from streams.tasks.ports import SilentObserver
from streams.tasks.processor import AnyProcessor
from streams.tasks.stores import MemoryStore
from streams.tasks.task import Task, TaskRules
from tests.support.alerts import Postbox
from tests.support.builders import NOON
from tests.support.examples import example
from tests.support.signing import RING, SIGNER, by_hand

CODEC = Codec()
RULES = """
version: {version}
hours: {{}}
receivers:
  finance: {{by: [mail], gather: 1m, every: 1h}}
rules:
  - {{name: refused, when: document refused, after: {after}, to: [finance], title: Refused, remedy: Mend}}
  - {{name: parked, when: record parked, to: [finance], title: Parked, remedy: Look}}
  - {{name: task, when: task waits, after: 5m, to: [finance], title: Waits, remedy: Look}}
  - {{name: poll, when: no poll, after: 10m, to: [finance], title: Silent, remedy: Look}}
  - {{name: money, when: money waits, to: [finance], title: Waits, remedy: Decide}}
  - {{name: residual, when: residual, after: 30m, to: [finance], title: Residual, remedy: Look}}
  - {{name: away, when: tables away, to: [finance], title: Away, remedy: Start}}
  - {{name: dispute, when: dispute deadline, before_due: 1d, to: [finance], title: Soon, remedy: Answer}}
  - {{name: deposit, when: no deposit, after: 2d, to: [finance], title: No deposit, remedy: Ask}}
"""
WAITS: Mapping[str, Any] = {
    "kind": "money waits",
    "currency": "USD",
    "item_count": 3,
    "amount_minor": -1200,
    "oldest_since": "2026-11-19 10:00:00.000",
}


class Installation:
    """Agents, watch and everything that it looks at, on a log in memory and by a clock of the test."""

    def __init__(self) -> None:
        self.log = MemoryLog(dict.fromkeys(catalog.topics(), 1), signer=SIGNER)
        self.now = NOON
        self.postbox = Postbox()
        self.tasks: dict[str, TaskStatus] = {}
        self.polls: list[tuple[str, PollStatus]] = []
        self.needs: list[Mapping[str, Any]] = []
        self.bridge: list[Mapping[str, Any]] = []
        self.away = False
        self.processors: tuple[AnyProcessor, ...] = (
            ADOPT_RULES,
            RAISE_ALERTS,
            send_mail(self.postbox),
            send_webhooks(self.postbox),
        )
        self.agents = [self.task(processor) for processor in self.processors]
        self.restart_watch()

    def task(self, processor: AnyProcessor) -> Task[Any]:
        return Task(
            processor,
            0,
            log=self.log,
            store=MemoryStore(),
            codec=CODEC,
            ring=RING,
            membership=SoleOwner(),
            observer=SilentObserver(),
            rules=TaskRules(),
        )

    def restart_watch(self) -> None:
        self.watch = Watch(
            self.log,
            CODEC,
            AlertSettings(),
            tasks=lambda: self.tasks,
            polls=lambda: self.polls,
            tables=self.rows,
            now=lambda: self.now,
        )
        self.feed: Any = None

    def rows(self) -> tuple[Sequence[Mapping[str, Any]], Sequence[Mapping[str, Any]]]:
        if self.away:
            raise Unavailable("no projector answers")
        return self.needs, self.bridge

    async def offer(self, version: int = 1, after: str = "10m") -> None:
        offered = RulesOffered(
            rules_name="alert-rules",
            text=RULES.format(version=version, after=after),
            partitions={Topic.ALERTS_INBOX: 1},
            offered_at=self.now,
        )
        key = b"alert-rules"
        await self.log.append([by_hand(self.log, Topic.RULES_INBOX, offered, CODEC.encode(offered), key=key)])

    async def written(self, topic: Topic, record: Any) -> None:
        """An agent that is not here writes a record to its journal, now."""
        outbound = Outbound.of(record, topic=topic, source="saldo/test", at=self.now, codec=CODEC, log=self.log)
        await self.log.append([outbound])
        kept = self.log.records(topic, 0)
        kept[-1] = replace(kept[-1], timestamp_ms=int(self.now.timestamp() * 1000))

    async def settle(self) -> None:
        """Everything that is written is decided, and the watch has read and looked."""
        if self.feed is None:
            self.feed = await self.watch.begin()
        size = -1
        looked = False
        while size != (size := sum(len(self.log.records(topic, 0)) for topic in catalog.topics())) or not looked:
            for agent in self.agents:
                await agent.catch_up()
            await self.watch.read(self.feed.take(1000, 0))
            if not looked:
                await self.watch.look()
                looked = True
            await self.watch.tell_time()
        await self.watch.mark()

    async def at(self, minutes: float) -> None:
        self.now = NOON + timedelta(minutes=minutes)
        await self.settle()

    def of(self, kind: type[Any], topic: Topic = Topic.ALERTS_EVENTS) -> list[Any]:
        return [
            event
            for event in map(CODEC.decode, (r.value for r in self.log.records(topic, 0)))
            if isinstance(event, kind)
        ]

    @property
    def open(self) -> list[str]:
        closed = {event.alert_id for event in self.of(AlertClosed)}
        return [event.rule_name for event in self.of(AlertOpened) if event.alert_id not in closed]


@pytest.fixture
async def here() -> Installation:
    found = Installation()
    await found.offer()
    await found.settle()
    return found


def refused(reference: str = "pt:1:CAPTURED") -> DocumentRefused:
    return DocumentRefused(
        kind="cash_receipt",
        posting_reference=reference,
        subject_kind=SubjectKind.CUSTOMER,
        subject="70001",
        values={},
        lines=(),
        code="PERIOD",
        message="period is closed",
        occurred_at=NOON,
    )


def posted(reference: str = "pt:1:CAPTURED") -> DocumentPosted:
    return DocumentPosted(
        kind="cash_receipt",
        posting_reference=reference,
        subject_kind=SubjectKind.CUSTOMER,
        subject="70001",
        values={},
        lines=(),
        document_id="(1,2,3)",
        document_number="4711",
        occurred_at=NOON,
    )


async def test_a_refused_document_raises_an_alert_that_its_posting_closes(here: Installation) -> None:
    await here.written(Topic.ERP_OUTCOMES, refused())
    await here.at(9)
    assert here.open == []
    await here.at(10)
    assert here.open == ["refused"]
    await here.at(11)
    (message,) = here.postbox.messages
    assert message.lines[0].detail == "cash_receipt pt:1:CAPTURED of 70001: period is closed (PERIOD)"
    assert message.lines[0].place == "search?id=pt%3A1%3ACAPTURED"
    assert [sent.notification_id for sent in here.of(NotificationSent, Topic.MAIL_OUTCOMES)] == [
        message.notification_id
    ]
    await here.written(Topic.ERP_OUTCOMES, posted())
    await here.at(20)
    assert here.open == []


async def test_documents_that_abas_takes_are_not_told(here: Installation) -> None:
    before = len(here.log.records(Topic.ALERTS_INBOX, 0))
    for number in range(50):
        await here.written(Topic.ERP_OUTCOMES, posted(f"pt:{number}:CAPTURED"))
    await here.at(1)
    assert len(here.log.records(Topic.ALERTS_INBOX, 0)) == before


async def test_of_a_parked_key_the_first_record_raises_an_alert(here: Installation) -> None:
    def parked(offset: int, behind: int | None) -> RecordParked:
        return RecordParked(
            topic="receivables.inbox.v1",
            partition=0,
            offset=offset,
            record_key=b"70001",
            behind=behind,
            error_type="Unreadable",
            message="no amount",
            stack_digest="x",
            is_held=False,
        )

    await here.written(Topic.RECEIVABLES_EVENTS, parked(7, None))
    await here.written(Topic.RECEIVABLES_EVENTS, parked(8, 7))
    await here.at(1)
    assert here.open == ["parked"]
    released = ParkedRecordReleased(
        topic="receivables.inbox.v1",
        partition=0,
        offset=7,
        record_key=b"70001",
        requested_by="mweber",
        authenticated_by="session",
    )
    await here.written(Topic.RECEIVABLES_EVENTS, released)
    await here.at(2)
    assert here.open == []


async def test_a_restart_reads_on_and_tells_nothing_twice(here: Installation) -> None:
    await here.written(Topic.ERP_OUTCOMES, refused())
    here.needs = [WAITS]
    await here.at(30)
    assert sorted(here.open) == ["money", "refused"]
    told = len(here.log.records(Topic.ALERTS_INBOX, 0))
    for _ in range(3):
        here.restart_watch()
        await here.settle()
    assert len(here.log.records(Topic.ALERTS_INBOX, 0)) == told
    await here.at(200)
    assert len(here.postbox.messages) == 1


async def test_one_that_forgot_how_far_it_read_changes_nothing(here: Installation) -> None:
    await here.written(Topic.ERP_OUTCOMES, refused())
    await here.at(1)
    await here.written(Topic.ERP_OUTCOMES, posted())
    await here.at(30)
    here.log.records(Topic.SOURCES_CURSORS, 0).clear()
    here.restart_watch()
    await here.at(31)
    assert here.open == []
    assert not here.of(AlertOpened)


async def test_it_wakes_keys_after_a_restart(here: Installation) -> None:
    await here.written(Topic.ERP_OUTCOMES, refused())
    await here.at(1)
    here.restart_watch()
    await here.at(600)
    await here.at(602)
    assert here.open == ["refused"]
    assert len(here.postbox.messages) == 1


async def test_tables_that_are_away_are_an_alert_and_hide_nothing_else(here: Installation) -> None:
    here.needs = [WAITS]
    await here.at(1)
    here.away = True
    await here.written(Topic.ERP_OUTCOMES, refused())
    await here.at(20)
    assert sorted(here.open) == ["away", "money", "refused"]
    here.away, here.needs = False, []
    await here.at(21)
    assert here.open == ["refused"]


async def test_amounts_are_told_as_they_change(here: Installation) -> None:
    here.needs = [WAITS]
    await here.at(1)
    (opened,) = here.of(AlertOpened)
    assert (opened.amount_minor, opened.item_count, opened.currency) == (1200, 3, "USD")
    told = len(here.log.records(Topic.ALERTS_INBOX, 0))
    await here.at(2)
    assert len(here.log.records(Topic.ALERTS_INBOX, 0)) == told + 1  # the time of the message, and no sighting


async def test_a_residual_must_last(here: Installation) -> None:
    here.bridge = [{"currency": "USD", "residual_minor": 55}]
    await here.at(1)
    await here.at(29)
    assert here.open == []
    here.bridge = [{"currency": "USD", "residual_minor": 56}]
    await here.at(31)
    assert here.open == ["residual"]
    here.bridge = [{"currency": "USD", "residual_minor": 0}]
    await here.at(32)
    assert here.open == []


async def test_a_task_that_waits_for_a_side_that_is_away(here: Installation) -> None:
    here.tasks = {"post-to-abas/0": TaskStatus(7, 0, "AbasUnavailable: refused", waits_since="2026-11-20T12:00:00Z")}
    await here.at(4)
    assert here.open == []
    await here.at(5)
    assert here.open == ["task"]
    here.tasks = {"post-to-abas/0": TaskStatus(8, 0, None)}
    await here.at(6)
    assert here.open == []


async def test_a_poll_that_does_not_come_though_no_error_says_so(here: Installation) -> None:
    here.polls = [("paytrace", PollStatus(reads=False, last_success_at="2026-11-20T12:00:00Z"))]
    await here.at(9)
    assert here.open == []
    await here.at(10)
    assert here.open == ["poll"]
    here.polls = [("paytrace", PollStatus(reads=True, last_success_at="2026-11-20T12:10:30Z"))]
    await here.at(11)
    assert here.open == []


async def test_deposits_that_stop_coming(here: Installation) -> None:
    def deposit(at: datetime) -> SettlementLineRecorded:
        line: SettlementLineRecorded = example("SettlementLineRecorded")
        return replace(line, kind=SettlementLineKind.DEPOSITED, occurred_at=at)

    await here.written(Topic.SETTLEMENT_EVENTS, deposit(NOON))
    await here.at(1440)
    await here.written(Topic.SETTLEMENT_EVENTS, deposit(here.now))
    await here.at(2 * 1440 + 1)
    assert here.open == []
    await here.at(3 * 1440)
    assert here.open == ["deposit"]


async def test_a_dispute_that_must_be_answered(here: Installation) -> None:
    dispute: DisputeRecorded = example("DisputeRecorded", deadline_on="2026-11-25")
    await here.written(Topic.DISPUTES_EVENTS, dispute)
    await here.at(1)
    assert here.open == []
    await here.at(4 * 1440)
    assert here.open == []
    await here.at(4 * 1440 + 721)
    assert here.open == ["dispute"]
    await here.written(Topic.DISPUTES_EVENTS, replace(dispute, deadline_on=None))
    await here.at(4 * 1440 + 800)
    assert here.open == []


async def test_changed_rules_count_for_what_holds_already(here: Installation) -> None:
    await here.written(Topic.ERP_OUTCOMES, refused())
    await here.at(1)
    assert here.open == []
    adopted = RulesOffered(
        rules_name="alert-rules",
        text=RULES.format(version=2, after="0s"),
        partitions={Topic.ALERTS_INBOX: 1},
        offered_at=here.now,
    )
    (first,) = adoption.route(adoption.INITIAL, adoption.decide(adoption.INITIAL, adopted)[0])
    routed: Any = first.record
    record = replace(routed, number=2)
    await here.log.append([by_hand(here.log, Topic.ALERTS_INBOX, record, CODEC.encode(record), key=b"alert-rules")])
    await here.at(2)
    assert here.open == ["refused"]


async def test_a_mail_server_that_is_away_loses_nothing(here: Installation) -> None:
    here.postbox.errors = [Unavailable("mail server away")]
    here.needs = [WAITS]
    await here.at(1)
    await here.at(3)
    mail = here.agents[2]
    assert mail.stalled_because is not None
    assert "mail server away" in mail.stalled_because
    assert not here.postbox.messages
    here.agents[2] = here.task(here.processors[2])
    await here.at(4)
    assert [line.alert_id for line in here.postbox.messages[0].lines] == [here.of(AlertOpened)[0].alert_id]
    assert len(here.of(AlertsNotified)) == 1


async def test_a_crash_between_sending_and_journal_sends_the_same_name_again(here: Installation) -> None:
    here.needs = [WAITS]
    await here.at(1)
    await here.at(3)
    here.log.records(Topic.MAIL_OUTCOMES, 0).clear()  # what the crash kept from being written
    here.agents[2] = here.task(here.processors[2])
    await here.at(4)
    first, second = here.postbox.messages
    assert first == second
