"""`saldo rebuild` in memory: honest work comes back identical whatever was parked and mended; forgery shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from app.proofs.rebuild import Comparison, compare_agents
from schemas import catalog
from schemas.failures import Unreadable
from schemas.records.by_topic import ErpCommands, ErpOutcomes
from schemas.records.erp import PostDocument
from schemas.records.payments import RefundApplied
from schemas.records.tasks import ParkedDiscardRequested, ParkedReplayRequested
from streams.edges.post_to_abas import post_to_abas
from streams.log.memory import MemoryLog
from streams.log.outbound import Outbound
from streams.tasks.ports import SilentObserver
from streams.tasks.processor import AnyProcessor
from streams.tasks.stores import MemoryStore
from streams.tasks.task import Task
from tests.support.abas_commands import post_receipt
from tests.support.builders import done
from tests.support.signing import RING, by_hand
from tests.support.task_lab import CODEC, COUNTING, DLQ, INBOX, JOURNAL, NEXT, FragileLog, Lab, decide_mended, refund
from tests.support.typed import as_a

COMMANDS, OUTCOMES = "erp.commands.v1", "erp.outcomes.v1"
WHEN = datetime(2026, 11, 20, tzinfo=UTC)


def replay(key: bytes) -> ParkedReplayRequested:
    return ParkedReplayRequested(record_key=key, requested_by="dana", reason="mended", requested_at=WHEN)


def discard(key: bytes, offset: int) -> ParkedDiscardRequested:
    return ParkedDiscardRequested(
        record_key=key, offset=offset, requested_by="dana", reason="not ours", requested_at=WHEN
    )


async def compared(log: MemoryLog, processor: AnyProcessor) -> dict[str, Comparison]:
    sizes = {name: len(log.records(name, 0)) for name in catalog.topics()}
    found = await compare_agents([processor], log, CODEC, RING)
    assert {name: len(log.records(name, 0)) for name in catalog.topics()} == sizes, "nothing may be written"
    return {comparison.what: comparison for comparison in found}


def differing(found: dict[str, Comparison]) -> list[str]:
    return [what for what, comparison in found.items() if not comparison.is_identical]


async def worked() -> Lab:
    lab = Lab()
    await lab.task.advance(lab.write(refund("p", "r1"), refund("q", "r2", 3000), refund("p", "r1"), refund("p", "r3")))
    return lab


async def test_honest_work_comes_back_identical_and_is_counted() -> None:
    found = await compared((await worked()).log, COUNTING)
    assert differing(found) == []
    assert found[f"journal {JOURNAL}/0"].record_count == 4
    assert found["state counting/0"].record_count == 2
    assert found[f"sent counting/0 > {NEXT}"].record_count == 4


async def test_repeats_after_a_crash_and_work_that_is_still_ahead_make_no_difference() -> None:
    lab = await worked()
    journal = lab.log.records(JOURNAL, 0)
    for record in list(journal[-2:]):
        lab.log._append(
            Outbound(
                topic=JOURNAL, partition=0, key=record.key or b"", value=record.value or b"", headers=record.headers
            )
        )
    lab.write(refund("p", "not decided yet"))
    assert differing(await compared(lab.log, COUNTING)) == []


async def test_a_forged_event_and_a_lost_output_show() -> None:
    lab = await worked()
    first = lab.log.records(JOURNAL, 0)[0]
    event = as_a(RefundApplied, CODEC.decode(first.value))
    lab.log.records(JOURNAL, 0)[0] = replace(first, value=CODEC.encode(replace(event, amount_minor=101)))
    assert differing(await compared(lab.log, COUNTING)) == [f"journal {JOURNAL}/0", "state counting/0"]

    lab = await worked()
    del lab.log.records(NEXT, 0)[-1]
    assert differing(await compared(lab.log, COUNTING)) == [f"sent counting/0 > {NEXT}"]


async def test_rules_that_say_something_else_today_show() -> None:
    changed = replace(COUNTING, route=lambda _state, _event: ())
    assert differing(await compared((await worked()).log, changed)) == [f"sent counting/0 > {NEXT}"]


async def test_what_was_parked_mended_and_replayed_comes_back_under_the_mended_rules() -> None:
    lab = Lab()
    await lab.task.advance(
        lab.write(refund("p", "r1", 13), refund("p", "r2"), refund("q", "r3"), refund("s", "r4", 13))
    )
    await lab.task.advance([lab.write_record(replay(b"p")), lab.write_record(discard(b"s", 3))])
    mended = lab.new_task(MemoryStore(), decide_mended)
    await mended.advance([lab.write_record(replay(b"p")), *lab.write(refund("p", "r5", 13))])
    assert mended.progress is not None
    assert mended.progress.parked == {}
    found = await compared(lab.log, replace(COUNTING, decide=decide_mended))
    assert differing(found) == []
    assert found[f"sent counting/0 > {DLQ}"].record_count == 3


async def test_a_record_that_is_still_unreadable_comes_back_parked() -> None:
    lab = Lab()
    await lab.task.advance([lab.write_bytes(None, b"\x07nonsense", []), *lab.write(refund("p", "r1"))])
    assert differing(await compared(lab.log, COUNTING)) == []


async def test_a_record_that_can_be_read_today_comes_back_as_it_was_parked() -> None:
    lab = Lab()
    lab.write_bytes(None, CODEC.encode(refund("p", "r1")), [("saldo-source", b"?")])
    await lab.task.catch_up()
    lab.log.records(INBOX, 0)[0] = replace(lab.log.records(INBOX, 0)[0], headers=())
    found = await compared(lab.log, COUNTING)
    assert found[f"journal {JOURNAL}/0"].is_identical


# -- sinks ---------------------------------------------------------------------------------------------------------


@dataclass
class Books:
    """abas, which turns some documents down as unreadable."""

    turned_down: set[str] = field(default_factory=set)
    calls: int = 0

    async def post(self, command: ErpCommands) -> ErpOutcomes:
        self.calls += 1
        document = as_a(PostDocument, command)
        if document.posting_reference in self.turned_down:
            raise Unreadable(f"{document.posting_reference} contradicts the document that is there")
        return done(document)


def put(log: MemoryLog, record: Any) -> None:
    log._append(by_hand(log, COMMANDS, record, CODEC.encode(record), key=b"70001"))


def commands(*references: str) -> Sequence[PostDocument]:
    return [
        replace(post_receipt(reference, "i1", minor=100, value_on=WHEN.date()), occurred_at=WHEN)
        for reference in references
    ]


async def test_a_sink_is_not_run_again_and_comes_back_with_what_it_parked_and_posted() -> None:
    books = Books({"PT2"})
    sink = post_to_abas(books)
    lab = Lab(log=FragileLog())
    task = _sink_task(lab, sink)
    for command in commands("PT1", "PT2", "PT3"):
        put(lab.log, command)
    await task.catch_up()
    put(lab.log, replay(b"70001"))
    await task.catch_up()
    books.turned_down.clear()
    put(lab.log, replay(b"70001"))
    await task.catch_up()
    calls = books.calls
    found = await compared(lab.log, sink)
    assert differing(found) == []
    assert found[f"journal {OUTCOMES}/0"].record_count == 7
    assert books.calls == calls


async def test_an_outcome_that_the_journal_lost_shows() -> None:
    lab = Lab(log=FragileLog())
    sink = post_to_abas(Books())
    for command in commands("PT1", "PT2"):
        put(lab.log, command)
    await _sink_task(lab, sink).catch_up()
    del lab.log.records(OUTCOMES, 0)[0]
    assert f"journal {OUTCOMES}/0" in differing(await compared(lab.log, sink))


def _sink_task(lab: Lab, sink: AnyProcessor) -> Task[Any]:
    return Task(
        sink,
        0,
        log=lab.log,
        store=MemoryStore(),
        codec=CODEC,
        ring=RING,
        membership=lab.membership,
        observer=SilentObserver(),
        rules=lab.rules,
    )


async def test_records_that_waited_alone_come_back_in_the_order_in_which_they_were_decided() -> None:
    free = replace(COUNTING, is_order_free=True)
    lab = Lab(processor=free)
    await lab.task.advance(
        [lab.write_bytes(b"p", b"no record", []), *lab.write(refund("p", "r1", 13), refund("p", "r2"))]
    )
    mended = lab.new_task(MemoryStore(), decide_mended)
    await mended.advance([lab.write_record(replay(b"p")), *lab.write(refund("p", "r3"))])
    await mended.advance([lab.write_record(discard(b"p", 0))])
    found = await compared(lab.log, replace(free, decide=decide_mended))
    assert differing(found) == []
    assert found["state counting/0"].record_count == 1
