"""Proof that everything but the topics may be thrown away: state, journals and tables come back identical.

Each agent's inbox is decided again, from its first record, into a shadow that touches nothing. The shadow's journal
must equal the real one to the byte, and so must what was sent to other inboxes; the state that it leads to must equal
the state that the journal folds to. A sink is not run again: its outcomes are taken from its journal. Position markers
are left out, since they fall where batches happened to end. What was parked and released then is parked and released
again: whether a record could be decided depended on that day's version and on what other systems said. A sink that was
killed between its outputs and its journal asked the other system again and may have heard it in other words: what it
sent is compared with what it sent that time, both being in the topic.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from schemas import catalog
from schemas.records.tasks import BreakerReset, ParkedRecordDiscarded, ParkedRecordReleased, RecordParked, RulesAdopted
from schemas.wire.codec import Codec
from schemas.wire.envelope import SourcePosition, header_text, trusted_position
from streams.log.memory import ShadowLog
from streams.log.once import each_once, each_with_news
from streams.log.ports import Log
from streams.log.records import Inbound
from streams.log.signing import SIGNATURE_HEADERS, Ring
from streams.tasks.batch import Verdicts
from streams.tasks.membership import SoleOwner
from streams.tasks.ports import SilentObserver
from streams.tasks.processor import AnyProcessor, Effect
from streams.tasks.stores import MemoryStore, StateStore, digest
from streams.tasks.task import Task, TaskRules

Lane = tuple[str, int]
Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One thing before and after. Units: record_count counts records, or keys for a state."""

    what: str
    record_count: int
    before: str
    after: str

    @property
    def is_identical(self) -> bool:
        """Whether it came back as it was."""
        return self.before == self.after


async def compare_agents(
    processors: Sequence[AnyProcessor], log: Log, codec: Codec, ring: Ring, *, report: Report = lambda _: None
) -> list[Comparison]:
    """Decide every inbox again and compare.

    Ensures: nothing is written anywhere. Inboxes are compared up to where the real journals had come at the start, so
             a pipeline that runs meanwhile does not matter.
    """
    comparisons: list[Comparison] = []
    sent = await _sent(log)
    for processor in processors:
        for partition in range(log.partition_count(processor.inbox)):
            report(f"{processor.name}/{partition}")
            comparisons += await _compare_task(processor, partition, log, codec, ring, sent)
    return comparisons


async def _compare_task(
    processor: AnyProcessor,
    partition: int,
    log: Log,
    codec: Codec,
    ring: Ring,
    sent: Mapping[tuple[str, Lane], _Sent],
) -> list[Comparison]:
    name = f"{processor.name}/{partition}"
    past = await past_of(processor, partition, log, codec, ring)
    again = await decide_again(processor, partition, log, codec, ring, past)
    journal, kept, position, verdicts = past.journal, past.state, past.position, past.verdicts
    shadow, rebuilt = again.shadow, again.state
    topics = shadow.topics()
    shadow_journal = [r for r in shadow.records(processor.journal, partition) if not _is_marker(r)]
    results = [
        Comparison(f"journal {processor.journal}/{partition}", len(journal), _digest(journal), _digest(shadow_journal)),
        Comparison(f"state {name}", _count(kept), digest(kept.items()), digest(rebuilt.items())),
    ]
    lane = (processor.inbox, partition)
    destinations = {topic for topic in topics if (topic, lane) in sent} | shadow.written_topics() - {processor.journal}
    for topic in sorted(destinations):
        found = sent.get((topic, lane), _Sent())
        after = [record for part in range(topics[topic]) for record in shadow.records(topic, part)]
        accepted = found.reported_by(after) if isinstance(processor, Effect) else found.accepted
        if isinstance(processor, Effect) and topic == catalog.topic(processor.inbox).dlq:
            # A dead letter alone says nothing: killed before its journal, a sink may have done it the second time.
            accepted = [record for record in accepted if _cause(record) in verdicts.parked]
        before = [record for record in accepted if _caused_before(record, position)]
        results.append(
            Comparison(f"sent {name} > {topic}", len(before), _digest(_sorted(before)), _digest(_sorted(after)))
        )
    return results


@dataclass(frozen=True, slots=True)
class Past:
    """What a task has done: its journal, what that folds to, how far it came, and the verdicts of the day."""

    journal: Sequence[Inbound]
    state: StateStore[Any]
    position: int
    verdicts: Verdicts


@dataclass(frozen=True, slots=True)
class Again:
    """What deciding an inbox again would write, and leads to; stopped_because says why it didn't come to its end."""

    shadow: ShadowLog
    state: StateStore[Any]
    stopped_because: str | None


async def past_of(processor: AnyProcessor, partition: int, log: Log, codec: Codec, ring: Ring) -> Past:
    """Read what a task has done; position markers are left out."""
    journal = [record async for record in each_once(log, processor.journal, partition) if not _is_marker(record)]
    kept: StateStore[Any] = MemoryStore()
    real = _task(processor, partition, log, codec, ring, kept)
    position = (await real.restore()).position
    first_rules = {} if processor.rules is None else await real.first_rules()
    events = [codec.decode_as_written(record.value) for record in journal]
    return Past(journal, kept, position, replace(_verdicts(journal, events), rules=first_rules))


async def decide_again(
    processor: AnyProcessor, partition: int, log: Log, codec: Codec, ring: Ring, past: Past
) -> Again:
    """Decide an inbox again, as far as its task came. Ensures: nothing is written anywhere."""
    topics = {topic: log.partition_count(topic) for topic in catalog.topics()}
    shadow = ShadowLog(log, topics, inbox=processor.inbox, end=past.position)
    store: StateStore[Any] = MemoryStore()
    task = _task(processor, partition, shadow, codec, ring, store, past.verdicts)
    while await task.catch_up():
        continue
    return Again(shadow, store, task.stalled_because)


def _task(
    processor: AnyProcessor,
    partition: int,
    log: Log,
    codec: Codec,
    ring: Ring,
    store: StateStore[Any],
    verdicts: Verdicts | None = None,
) -> Task[Any]:
    return Task(
        processor,
        partition,
        log=log,
        store=store,
        codec=codec,
        ring=ring,
        membership=SoleOwner(),
        observer=SilentObserver(),
        # Whatever was parked once is parked again here, so no run of it may stop the replay.
        rules=TaskRules(failures_in_a_row=2**62, marker_every=2**62),
        verdicts=verdicts,
    )


def _verdicts(journal: Sequence[Inbound], events: Sequence[Any]) -> Verdicts:
    """Return what was parked, released and performed: of the day, hence taken from the journal as it is.

    The events of a record that was released stand in the group of the request, before its ParkedRecordReleased.
    """
    parked: dict[int, RecordParked] = {}
    kept: dict[int, RecordParked] = {}
    released: dict[int, list[int]] = defaultdict(list)
    recorded: dict[int, list[Any]] = defaultdict(list)
    for record, event in zip(journal, events, strict=True):
        source = trusted_position(record.headers)
        if source is None:
            continue
        match event:
            case RecordParked():
                # Caused by the record itself, or by a request that decided it again and left it where it is.
                (parked if source.offset == event.offset else kept)[source.offset] = event
            case ParkedRecordReleased():
                released[source.offset].append(event.offset)
                recorded[event.offset] += recorded.pop(source.offset, [])
            case ParkedRecordDiscarded() | BreakerReset() | RulesAdopted():
                pass
            case _:
                recorded[source.offset].append(event)
    return Verdicts(parked, released, recorded, kept)


@dataclass(slots=True)
class _Sent:
    """What a task sent to a topic: what readers took, and the repeats that they dropped."""

    accepted: list[Inbound] = field(default_factory=list)
    repeats: list[Inbound] = field(default_factory=list)

    def reported_by(self, after: Sequence[Inbound]) -> list[Inbound]:
        """Return what was accepted, but the repeat in its place where that is what the journal leads to."""
        repeated = {(trusted_position(record.headers), _digest([record])) for record in self.repeats}
        by_source = {trusted_position(record.headers): record for record in after}
        found = []
        for record in self.accepted:
            source = trusted_position(record.headers)
            again = by_source.get(source, record)
            found.append(again if (source, _digest([again])) in repeated else record)
        return found


async def _sent(log: Log) -> dict[tuple[str, Lane], _Sent]:
    """Return what each task sent to each inbox or dead-letter topic, by topic and lane."""
    topics = [name for name, spec in catalog.topics().items() if spec.role in ("inbox", "dlq")]
    sent: dict[tuple[str, Lane], _Sent] = defaultdict(_Sent)
    for topic in topics:
        for partition in range(log.partition_count(topic)):
            async for record, is_new in each_with_news(log, topic, partition):
                source = trusted_position(record.headers)
                if source is not None:
                    of_task = sent[topic, source.lane]
                    (of_task.accepted if is_new else of_task.repeats).append(record)
    return sent


def _is_marker(record: Inbound) -> bool:
    return header_text(record.headers, "ce_type") == "PositionMarked"


def _caused_before(record: Inbound, position: int) -> bool:
    source = trusted_position(record.headers)
    return source is not None and source.offset < position


def _cause(record: Inbound) -> int:
    source = trusted_position(record.headers)
    return -1 if source is None else source.offset


def _sorted(records: Iterable[Inbound]) -> list[Inbound]:
    """Sort by what caused them: partitions interleave as they like."""
    return sorted(records, key=lambda record: trusted_position(record.headers) or SourcePosition("", 0, 0, 0))


def _digest(records: Iterable[Inbound]) -> str:
    # A replay proves what was signed and has no private key, so what it would send is not signed.
    sha = hashlib.sha256()
    for record in records:
        headers = (f"{n}={v!r}".encode() for n, v in record.headers if n not in SIGNATURE_HEADERS)
        for part in (record.key or b"", record.value or b"", *headers):
            sha.update(len(part).to_bytes(4, "big") + part)
    return sha.hexdigest()


def _count(store: StateStore[Any]) -> int:
    return sum(1 for _ in store.items())
