"""Poison in every inbox, written by a stranger straight to Kafka: it is decided or parked, and nothing stops."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from app.topics import writing
from schemas import catalog
from schemas.checks.plausibility import findings_of
from schemas.failures import Unreadable
from schemas.records.tasks import DeadLetter, RulesAdopted
from schemas.wire.codec import Codec, to_json
from streams.agents import DECIDERS
from streams.edges.post_to_abas import post_to_abas
from streams.log.memory import MemoryLog
from streams.log.outbound import Outbound
from streams.tasks.membership import SoleOwner
from streams.tasks.ports import SilentObserver
from streams.tasks.processor import AnyProcessor
from streams.tasks.stores import MemoryStore
from streams.tasks.task import Task, TaskRules
from tests.replay.line import Books
from tests.support.adopted import adopt_into
from tests.support.poison import poisoned
from tests.support.sealing import sealed_alike
from tests.support.signing import RING, SIGNER, command_headers
from tests.support.typed import as_a

CODEC = Codec()
# Records of each type; 200 pass as well and take a minute and a half.
POISON = int(os.environ.get("SALDO_TEST_POISON", "15"))
INBOXES = sorted(spec.name for spec in catalog.topics().values() if spec.role == "inbox")


@pytest.mark.parametrize("inbox", sorted(processor.inbox for processor in (*DECIDERS, post_to_abas(Books()))))
async def test_an_agent_decides_or_parks_whatever_lies_in_its_inbox(inbox: str) -> None:
    (processor,) = [one for one in (*DECIDERS, post_to_abas(Books())) if one.inbox == inbox]
    log = MemoryLog(dict.fromkeys(catalog.topics(), 1), signer=SIGNER)
    adopt_into(log)
    spec = catalog.topic(inbox)
    implausible = set()
    for carried in spec.records:
        for plain in poisoned(carried.name, POISON):
            # In plain text no personal value gets into a topic (tests/unit/schemas/test_sealing.py).
            record = sealed_alike(plain)
            try:
                key = spec.key_of(record)
            except Unreadable:
                key = b"no key"
            value = CODEC.encode_as_written(record)
            # Rules that an agent adopted and nobody can read stop the task (tests/unit/streams/tasks/test_rules.py).
            is_signed = key != b"no key" and not isinstance(record, RulesAdopted)
            headers = command_headers(inbox, record, value) if is_signed else []
            (offset,) = await log.append([Outbound(topic=inbox, partition=0, key=key, value=value, headers=headers)])
            if findings_of(record):
                implausible.add(offset)
    await _settle(processor, log)
    dlq = catalog.topic(inbox).dlq
    assert dlq is not None
    letters = [as_a(DeadLetter, CODEC.decode(record.value)) for record in log.records(dlq, 0)]
    assert implausible <= {letter.offset for letter in letters}
    for topic in catalog.topics():
        if topic != inbox:
            for record in log.records(topic, 0):
                assert findings_of(CODEC.decode(record.value)) == ()


async def _settle(processor: AnyProcessor, log: MemoryLog) -> None:
    task: Task[Any] = Task(
        processor,
        0,
        log=log,
        store=MemoryStore(),
        codec=CODEC,
        ring=RING,
        membership=SoleOwner(),
        observer=SilentObserver(),
        rules=TaskRules(failures_in_a_row=1_000_000),
    )
    while await task.catch_up():
        assert task.stalled_because is None


@pytest.mark.parametrize("inbox", INBOXES)
def test_saldo_write_takes_what_is_plausible_and_lists_the_rest_by_line(inbox: str) -> None:
    spec = catalog.topic(inbox)
    records = [record for carried in spec.records for record in poisoned(carried.name, POISON)]
    lines = [json.dumps({"type": type(record).__name__, "record": to_json(record)}) for record in records]
    good, bad = writing.prepare(spec, lines, CODEC, MemoryLog({spec.name: 1}, signer=SIGNER))
    assert len(good) + len(bad) == len(lines)
    refused = {line.number for line in bad}
    for number, record in enumerate(records, start=1):
        findings = findings_of(record)
        if findings:
            assert number in refused
    for line in bad:
        findings = findings_of(records[line.number - 1])
        if "is not plausible" in line.reason:
            assert all(finding.field in line.reason for finding in findings)
