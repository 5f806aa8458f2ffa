"""Uploads and hooks of disputes: durable before the answer, the same answer twice, refused with a clear text."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from app.files.settings import FilesSettings
from app.ingress.files import UPLOAD_TYPE
from schemas.failures import Unavailable
from schemas.wire.codec import Codec
from streams.log.memory import MemoryLog
from streams.log.outbound import Outbound
from tests.support.ingress import Answer, Direct, memory_log, new_app, settings, signed

REPORT = b"Case,Status,Date,Amount,Holder\nCB-1,Chargeback,2026-11-20,100.00,Jane 4111 1111 1111 1111\n"
DEPOSITS = b"Deposit ID,Deposit Date,Gross,Fees,Net\nD-1,2026-11-20,100.00,3.00,97.00\n"
BANK = b"Date,Description,Reference,Amount\n2026-11-24,PAYTRACE DEP,R1,146.10\n2026-11-24,RENT,R2,-9.00\n"
HOOK = {"case": "CB-2", "stage": "DEBITED", "date": "2026-11-20", "amount": "100.00"}


@pytest.fixture
def log() -> MemoryLog:
    return memory_log()


@pytest.fixture
def client(log: MemoryLog) -> Iterator[Direct]:
    with Direct(new_app(log)) as direct:
        yield direct


def records(log: MemoryLog, topic: str) -> list[Any]:
    return [
        Codec().decode(record.value)
        for partition in range(log.partition_count(topic))
        for record in log.records(topic, partition)
    ]


def problem(answer: Answer) -> tuple[int, str, str, str]:
    return answer.status, answer.json["code"], answer.json["field"], answer.json["remedy"]


def test_a_dispute_report_is_kept_masked_before_its_facts(client: Direct, log: MemoryLog) -> None:
    answer = client.upload("disputes", REPORT)
    (file,) = records(log, "files.v1")
    assert (answer.status, answer.json["accepted"], answer.json["file_digest"]) == (200, 2, file.file_digest)
    assert (file.origin, file.file_name, file.merchant) == ("upload", "report.csv", "main")
    assert "4111" not in file.content
    assert [fact.origin for fact in records(log, "disputes.inbox.v1")] == [f"file:{file.file_digest}#2"] * 2


def test_the_same_file_is_the_same_answer_and_counts_from_its_first_reading(log: MemoryLog) -> None:
    clock = [1_795_500_000.0]
    with Direct(new_app(log, now=lambda: clock[0])) as client:
        answers = []
        for _ in range(2):
            data = {"purpose": "disputes", "file_name": "r.csv", "content": base64.b64encode(REPORT).decode()}
            raw = json.dumps({"type": UPLOAD_TYPE, "data": data}).encode()
            answers.append(client.request("POST", "/files", raw, signed(raw, at=clock[0])))
            clock[0] += 3600
    assert answers[0].body == answers[1].body
    facts = records(log, "disputes.inbox.v1")
    assert len(facts) == 4
    assert len({(fact.fact, fact.observed_at) for fact in facts}) == 2


def test_deposits_and_bank_lines_come_in_too(log: MemoryLog) -> None:
    with Direct(new_app(log, files=FilesSettings(bank_only="paytrace"))) as client:
        assert client.upload("deposits", DEPOSITS).json["accepted"] == 1
        assert client.upload("bank", BANK, name="bank.csv", account="giro", intraday=True).json["accepted"] == 1
    deposit, line = sorted(records(log, "settlement.inbox.v1"), key=lambda one: type(one).__name__, reverse=True)
    assert (deposit.deposit_id, line.bank_line_id.partition("/")[0], line.amount_minor) == ("D-1", "giro", 146_10)
    kept = {file.purpose: file for file in records(log, "files.v1")}
    assert line.statement == f"{kept['bank'].file_digest}#1"
    assert "RENT" not in kept["bank"].content


def test_what_can_t_be_read_is_said_row_by_row(client: Direct) -> None:
    answer = client.upload("disputes", REPORT + b"CB-9,Sent to the moon,2026-11-20,1.00,\n")
    assert answer.json["left_out"] == [
        {"line": 3, "reason": "stage 'Sent to the moon' is not known; add it below stages: of a profile"}
    ]
    assert problem(client.upload("disputes", b"%PDF-1.7"))[1:3] == ("unfit", "data.content")
    assert (
        "no column for stage and date among: Case, Amount"
        in problem(client.upload("disputes", b"Case,Amount\nCB-1,2.00\n"))[3]
    )
    assert problem(client.upload("taxes", REPORT))[2] == "data.purpose"
    assert problem(client.upload("disputes", REPORT, merchant="stroe"))[2:] == ("data.merchant", "one of main")
    assert problem(client.upload("disputes", REPORT, more="x"))[2] == "data"


def test_among_several_merchant_accounts_none_is_guessed(log: MemoryLog) -> None:
    with Direct(new_app(log, currencies={"main": "USD", "store": "EUR"})) as client:
        for purpose, content in (("disputes", REPORT), ("deposits", DEPOSITS), ("bank", BANK)):
            assert "there are several: main, store" in problem(client.upload(purpose, content))[3]
        assert client.upload("disputes", REPORT, merchant="store").status == 200
        assert "there are several: main, store" in problem(client.dispute_hook(HOOK))[3]
        assert client.dispute_hook({**HOOK, "merchant": "main"}).status == 200
    assert {fact.settlement_account for fact in records(log, "disputes.inbox.v1")} == {"store/EUR", "main/USD"}


def test_only_a_signed_body_that_is_small_enough_and_clean_is_taken(log: MemoryLog) -> None:
    with Direct(new_app(log, settings(max_upload_bytes=2048))) as client:
        assert client.upload("disputes", REPORT * 40).json["code"] == "body-too-large"
        raw = json.dumps({"type": UPLOAD_TYPE, "data": {}}).encode()
        assert client.request("POST", "/files", raw, {**signed(raw), "webhook-id": "other"}).status == 401
        assert client.request("POST", "/files", raw, signed(raw)).status == 422
        named = client.upload("disputes", REPORT, name="4111111111111111.csv")
        assert problem(named)[:3] == (422, "sensitive-data", "body.data.file_name")
        assert client.dispute_hook({**HOOK, "note": "4111 1111 1111 1111"}).json["code"] == "sensitive-data"
    with Direct(new_app(log, settings(upload_secrets=(), dispute_hook_secrets=()))) as client:
        assert client.upload("disputes", REPORT).status == 404
        assert client.dispute_hook(HOOK).status == 404
    assert records(log, "files.v1") == []


def test_a_broker_that_takes_the_file_and_not_its_facts_gets_both_again(
    client: Direct, log: MemoryLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = log.append

    async def half(batch: Sequence[Outbound]) -> Sequence[int]:
        if batch[0].topic != "files.v1":
            raise Unavailable("the broker is away")
        return await append(batch)

    with monkeypatch.context() as patch:
        patch.setattr(log, "append", half)
        assert client.upload("disputes", REPORT).json["code"] == "broker-away"
    assert records(log, "disputes.inbox.v1") == []
    assert client.upload("disputes", REPORT).status == 200
    assert len(records(log, "disputes.inbox.v1")) == 2


async def test_only_two_files_are_read_at_once(log: MemoryLog) -> None:
    waits = asyncio.Event()

    class Slow(MemoryLog):
        async def watermarks(self, topic: str, partition: int) -> tuple[int, int]:
            await waits.wait()
            return await super().watermarks(topic, partition)

    app = new_app(Slow({"files.v1": 1, "disputes.inbox.v1": 1, "payments.observations.v1": 1}))
    ways = app._ways["/files"]
    data = {"purpose": "disputes", "file_name": "r.csv", "content": base64.b64encode(REPORT).decode()}
    body = json.dumps({"type": UPLOAD_TYPE, "data": data}).encode()
    reading = [asyncio.create_task(asyncio.wait_for(ways.read(body), 20)) for _ in range(2)]
    await asyncio.sleep(0.2)
    with pytest.raises(Exception, match="503 busy"):
        await ways.read(body)
    waits.set()
    assert [len((await one).records) for one in reading] == [2, 2]


def test_a_hook_of_disputes_is_a_fact(client: Direct, log: MemoryLog) -> None:
    first, again = client.dispute_hook(HOOK), client.dispute_hook(HOOK, webhook_id="msg_2")
    assert (first.status, first.json) == (200, again.json)
    fact = records(log, "disputes.inbox.v1")[0]
    assert (fact.dispute_case, fact.fact.value, fact.amount_minor, fact.origin) == (
        "main/USD/CB-2",
        "DEBITED",
        100_00,
        "hook",
    )
    assert "amounts: minor or amounts: major" in problem(client.dispute_hook({**HOOK, "amount": 10000}))[3]


def test_a_hook_of_a_processor_is_mapped_by_a_profile(tmp_path: Path, log: MemoryLog) -> None:
    profile = tmp_path / "p.yaml"
    profile.write_text(
        "stages: {charge.dispute.created: [OPENED]}\n"
        "hook:\n  amounts: minor\n  fields: {case: data.object.id, stage: type, date: data.object.created,\n"
        "    amount: data.object.amount, currency: data.object.currency}\n",
        "utf-8",
    )
    body = {
        "type": "charge.dispute.created",
        "data": {"object": {"id": "dp_1", "created": 1795500000, "amount": 10000, "currency": "usd"}},
    }
    with Direct(new_app(log, files=FilesSettings(dispute_profile_path=profile))) as client:
        assert client.dispute_hook(body).json["accepted"] == 1
    (fact,) = records(log, "disputes.inbox.v1")
    assert (fact.dispute_id, fact.fact.value, fact.amount_minor, fact.currency) == ("dp_1", "OPENED", 100_00, "USD")
