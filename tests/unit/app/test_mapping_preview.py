"""A proposed mapping decides the real records of a period again: which documents differ, and nothing is written."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from app.proofs.preview import Period, Preview, preview
from schemas import catalog
from schemas.files.owned import text_of
from schemas.records.identification import Movement
from schemas.topic import Topic
from schemas.values.business_day import PAYTRACE_ZONE
from streams.agents import DECIDERS, MATCH_OPEN_ITEMS
from streams.log.memory import MemoryLog
from streams.log.outbound import Outbound
from streams.rules.catalogue import ACCOUNT_MAPPING
from streams.tasks.membership import SoleOwner
from streams.tasks.ports import SilentObserver
from streams.tasks.stores import MemoryStore
from streams.tasks.task import Task, TaskRules
from tests.support.adopted import adopt_into
from tests.support.builders import at, identified, open_item
from tests.support.signing import RING, SIGNER
from tests.support.task_lab import CODEC

SHIPPED = text_of(ACCOUNT_MAPPING.shipped).replace("version: 1\n", "version: 2\n")
OTHER = SHIPPED.replace('clearing: [{account: "1361"}]', 'clearing: [{account: "1360", cost_centre: "300"}]')
WITHOUT = SHIPPED.replace('  clearing: [{account: "1361"}]\n', "")
FIRST, SECOND = date(2026, 11, 20), date(2026, 11, 21)


async def worked(*days: date) -> MemoryLog:
    """A log on which one payment of each day was matched, with its item."""
    log = MemoryLog(dict.fromkeys(catalog.topics(), 1), signer=SIGNER)
    adopt_into(log)
    for number, day in enumerate(days, 1):
        item, payment, invoice = f"i{number}", f"7938812{number}", f"RE-{number}"
        money = identified(Movement.CAPTURED, payment=payment, invoice=invoice, minute=number)
        for record in (open_item(item, invoice=invoice, minute=number), replace(money, value_on=day)):
            topic = Topic.RECEIVABLES_INBOX
            await log.append([Outbound.of(record, topic=topic, source="test", at=at(0), codec=CODEC, log=log)])
    await _task(log).catch_up()
    return log


def _task(log: MemoryLog) -> Task[Any]:
    return Task(
        MATCH_OPEN_ITEMS, 0, log=log, store=MemoryStore(), codec=CODEC, ring=RING, membership=SoleOwner(),
        observer=SilentObserver(), rules=TaskRules(),
    )  # fmt: skip


async def previewed(log: MemoryLog, text: str, first: date = FIRST, last: date = SECOND) -> Preview:
    sizes = {name: len(log.records(name, 0)) for name in catalog.topics()}
    found = await preview(DECIDERS, text, Period(first, last, PAYTRACE_ZONE), log, CODEC, RING)
    assert {name: len(log.records(name, 0)) for name in catalog.topics()} == sizes, "nothing may be written"
    return found


async def test_the_same_accounts_make_no_difference_whatever_the_version() -> None:
    found = await previewed(await worked(FIRST, SECOND), SHIPPED)
    assert found.is_empty
    assert found.record_count == 4


async def test_another_account_shows_on_each_document_and_in_the_sums() -> None:
    found = await previewed(await worked(FIRST, SECOND), OTHER)
    assert [change.differences for change in found.changes] == [
        ("clearing: account 1361 -> 1360, cost centre none -> 300",)
    ] * 2
    assert found.sums() == {("1360", "USD"): (0, 200_00), ("1361", "USD"): (200_00, 0)}


async def test_only_the_period_is_decided_by_it() -> None:
    found = await previewed(await worked(FIRST, SECOND), OTHER, SECOND, SECOND)
    assert [change.document.values["value_on"] for change in found.changes] == ["2026-11-21"]


async def test_a_document_that_would_wait_vanishes_and_says_why() -> None:
    found = await previewed(await worked(FIRST), WITHOUT)
    (change,) = found.changes
    assert change.after is None
    assert "no account for role clearing" in change.because
    assert found.sums() == {("1361", "USD"): (100_00, 0), ("70001", "USD"): (-100_00, 0)}


@pytest.mark.parametrize("choice", ["unapplied: on_account"])
async def test_another_choice_of_finance_makes_documents_appear(choice: str) -> None:
    log = MemoryLog(dict.fromkeys(catalog.topics(), 1), signer=SIGNER)
    adopt_into(log)
    money = replace(identified(Movement.CAPTURED, invoice=None), value_on=FIRST)
    topic = Topic.RECEIVABLES_INBOX
    await log.append([Outbound.of(money, topic=topic, source="test", at=at(0), codec=CODEC, log=log)])
    await _task(log).catch_up()
    found = await previewed(log, SHIPPED.replace("unapplied: wait", choice))
    (change,) = found.changes
    assert change.before is None
    assert change.document.kind == "on_account_receipt"
