"""The whole line on a log in memory: the three deciders, the sink, and books that take each document once.

A scenario is played record by record; after each one every task gets to the end of its inbox. With `restarts`, every
task is made anew before each record and knows only what its journal says.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from schemas import catalog
from schemas.records.by_topic import ErpCommands, ErpOutcomes
from schemas.records.erp import PostDocument, RecordSaved, SaveRecord
from schemas.wire.codec import Codec, from_json, to_json
from schemas.wire.envelope import header_text, source_position
from schemas.wire.highwater import HighWater
from streams.agents import DECIDERS
from streams.edges.post_to_abas import post_to_abas
from streams.log.memory import MemoryLog
from streams.log.records import Inbound
from streams.tasks.membership import SoleOwner
from streams.tasks.ports import SilentObserver
from streams.tasks.processor import AnyProcessor
from streams.tasks.stores import MemoryStore, digest
from streams.tasks.task import Task, TaskRules
from tests.support.builders import done
from tests.support.signing import RING, SIGNER, by_hand
from tests.support.typed import as_a

COMMANDS = "erp.commands.v1"
# The rules that every scenario begins with. They stay as they are when those that ship with Saldo change, and so does
# what the scenarios end in.
RULES = tuple(json.loads(line) for line in Path(__file__).with_name("rules.jsonl").read_text("utf-8").splitlines())
_CODEC = Codec()
Line = dict[str, Any]


class NoStandstill(SilentObserver):
    """A scenario in which a task can't go on records nothing: its files would be those of a pipeline that stands."""

    def stalled(self, task: str, reason: str | None) -> None:
        assert reason is None, f"{task} waits: {reason}"


@dataclass
class Books:
    """abas: looks a document up by its reference before it makes one."""

    documents: dict[str, ErpOutcomes] = field(default_factory=dict)

    async def post(self, command: ErpCommands) -> ErpOutcomes:
        """See streams.edges.ports.Ledger."""
        if isinstance(command, SaveRecord):
            return _saved(command)
        document = as_a(PostDocument, command)
        return self.documents.setdefault(document.posting_reference, done(document))


def _saved(command: SaveRecord) -> RecordSaved:
    return RecordSaved(
        kind=command.kind,
        natural_key=command.natural_key,
        subject=command.subject,
        erp_id=command.natural_key,
        erp_number=command.natural_key,
        erp_version=1,
        occurred_at=command.occurred_at,
    )


@dataclass(frozen=True)
class Run:
    """What came of a scenario: journals and commands as files hold them, every record to the byte, and the states."""

    events: Sequence[Line]
    commands: Sequence[Line]
    records: Sequence[tuple[str, bytes | None, bytes | None, object]]
    states: Sequence[str]
    documents: Sequence[str]


async def run(reported: Iterable[Line], *, restarts: bool) -> Run:
    """Tell a scenario to the line.

    Shapes:  reported has `topic`, `type` and `record` per line.
    Ensures: the same lines give the same run, to the byte, with restarts and without.
    """
    log = MemoryLog(dict.fromkeys(catalog.topics(), 1), signer=SIGNER)
    books = Books()
    processors: Sequence[AnyProcessor] = (*DECIDERS, post_to_abas(books))
    tasks = [_task(processor, log) for processor in processors]
    for line in (*RULES, *reported):
        record = from_json(line["type"], line["record"])
        key = catalog.topic(line["topic"]).key_of(record)
        await log.append([by_hand(log, line["topic"], record, _CODEC.encode(record), key=key)])
        if restarts:
            tasks = [_task(processor, log) for processor in processors]
        await _settle(tasks, log)
    journals = [processor.journal for processor in processors]
    written = sorted({*journals, *(processor.inbox for processor in processors)})
    return Run(
        events=[_shown(record) for journal in journals for record in _accepted(log, journal)],
        commands=[_shown(record) for record in _accepted(log, COMMANDS)],
        records=[(name, r.key, r.value, r.headers) for name in written for r in _accepted(log, name)],
        states=[digest(task._store.items()) for task in tasks],
        documents=sorted(books.documents),
    )


def _task(processor: AnyProcessor, log: MemoryLog) -> Task[Any]:
    return Task(
        processor,
        0,
        log=log,
        store=MemoryStore(),
        codec=_CODEC,
        ring=RING,
        membership=SoleOwner(),
        observer=NoStandstill(),
        rules=TaskRules(),
    )


async def _settle(tasks: Sequence[Task[Any]], log: MemoryLog) -> None:
    size = -1
    while size != (size := sum(len(log.records(topic, 0)) for topic in catalog.topics())):
        for task in tasks:
            await task.catch_up()


def _accepted(log: MemoryLog, topic: str) -> list[Inbound]:
    marks = HighWater()
    return [
        record
        for record in log.records(topic, 0)
        if marks.accept(source_position(record.headers)) and header_text(record.headers, "ce_type") != "PositionMarked"
    ]


def _shown(record: Inbound) -> Line:
    """A record as a golden file holds it: without scores, which move whenever the matching engine weighs better."""
    content = _CODEC.decode(record.value)
    fields = {name: value for name, value in to_json(content).items() if not name.endswith("_hundredths")}
    if "digest" in fields:  # rules: their text stands once, where they were offered
        fields.pop("text")
    return {
        "topic": record.topic,
        "type": type(content).__name__,
        "source": header_text(record.headers, "saldo-source"),
        "record": fields,
    }
