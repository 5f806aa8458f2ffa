"""`saldo rebuild` on a real broker: identical after honest work, and DIFFERS when somebody wrote into a journal."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from schemas.records.identification import OpenItemReferenced
from schemas.records.payments import PaymentCaptured
from schemas.records.payments import TransactionStatus as Status
from schemas.wire.codec import Codec
from schemas.wire.envelope import Envelope, SourcePosition, derived_event_id, source_position
from streams.log.kafka import KafkaLog
from streams.log.outbound import Outbound
from streams.log.records import Inbound, partition_for
from tests.support.builders import CUSTOMER, NOON, observation, open_item
from tests.support.cli import saldo
from tests.support.kafka import client_options, running_broker, use_broker
from tests.support.worker_process import Workers, make_our_topics, outbound, produce, read_all, wait_until

pytestmark = pytest.mark.journey

INBOX, JOURNAL = "payments.observations.v1", "payments.events.v1"
CODEC = Codec()
PAYMENTS = 40


@pytest.fixture
def bootstrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with running_broker(tmp_path / "broker") as broker:
        make_our_topics(broker)
        use_broker(monkeypatch, broker)
        monkeypatch.setenv("SALDO_DATA_DIR", str(tmp_path / "data"))
        monkeypatch.setenv("COLUMNS", "160")
        yield broker


def records(bootstrap: str, topic: str) -> list[Inbound]:
    async def work() -> list[Inbound]:
        log = KafkaLog({**client_options(bootstrap), "log_level": 2})
        try:
            return await read_all(log, topic)
        finally:
            await asyncio.to_thread(log.close)

    return asyncio.run(work())


def course(number: int) -> list[Outbound]:
    """A payment that is seen twice, and two of three are voided."""
    payment, invoice = f"8{number:07d}", f"RE-{number % 9}"
    captured = outbound(INBOX, observation(Status.PENDING_SETTLEMENT, payment=payment, invoice=invoice))
    voided = outbound(INBOX, observation(Status.VOIDED, payment=payment, invoice=invoice, minute=1))
    return [captured, captured, *([voided] if number % 3 else [])]


def live(bootstrap: str, data_dir: Path) -> None:
    """Let a worker decide captures, voids, references, an open item and something unreadable; then stop it."""
    workers = Workers(bootstrap, data_dir)
    try:
        workers.start("one")
        produce(bootstrap, (record for number in range(PAYMENTS) for record in course(number)))
        key = b"81000000"
        produce(
            bootstrap,
            [
                Outbound(topic=INBOX, partition=partition_for(key, 4), key=key, value=b"\x07nonsense", headers=()),
                Outbound(topic=INBOX, partition=0, key=b"x", value=b"", headers=[("saldo-source", b"\xff\xfe")]),
                outbound(INBOX, observation(Status.SETTLED, payment=key.decode(), invoice=None)),
                # The amount fits nothing, so no command goes to an abas that is not there.
                outbound("receivables.inbox.v1", open_item("i1", 7_00, invoice="RE-1")),
                outbound(
                    "identification.inbox.v1",
                    OpenItemReferenced(
                        token="invoice:RE-1",
                        abas_customer_id=CUSTOMER,
                        abas_open_item_id="i1",
                        observed_at=NOON,
                    ),
                ),
            ],
        )
        wait_until(lambda: len(records(bootstrap, JOURNAL)) >= PAYMENTS + 2, "everything decided")
        wait_until(lambda: bool(records(bootstrap, "receivables.events.v1")), "identified money arrived")
        wait_until(lambda: _is_quiet(bootstrap), "nothing more to do")
    finally:
        workers.stop()


def _is_quiet(bootstrap: str) -> bool:
    def sizes() -> list[int]:
        return [
            len(records(bootstrap, topic)) for topic in (JOURNAL, "identification.events.v1", "receivables.events.v1")
        ]

    before = sizes()
    time.sleep(3)
    return sizes() == before


@pytest.mark.timeout(400)
def test_everything_comes_back_identical_until_a_journal_is_forged(bootstrap: str, tmp_path: Path) -> None:
    live(bootstrap, tmp_path / "worker")
    # Of an inbox the broker says when it took a record, of what agents write the agent does.
    assert {record.is_broker_time for record in records(bootstrap, "identification.inbox.v1")} == {True}
    assert {record.is_broker_time for record in records(bootstrap, JOURNAL)} == {False}
    honest = saldo("rebuild", "--no-tables")
    assert honest.exit_code == 0, honest.out + honest.err
    assert "Everything came back identical" in honest.out
    assert "DIFFERS" not in honest.out
    for what in (
        "journal payments.events.v1/0",
        "state fold-payments/0",
        "sent fold-payments/0 > identification.inbox",
    ):
        assert what in honest.out

    journal = [record for record in records(bootstrap, JOURNAL) if record.partition == 2]
    produce(bootstrap, [forged(journal)])
    differs = saldo("rebuild", "--no-tables")
    assert differs.exit_code == 1
    lines = [line for line in differs.out.splitlines() if "DIFFERS" in line]
    assert any("journal payments.events.v1/2" in line for line in lines), differs.out
    assert any("state fold-payments/2" in line for line in lines), differs.out
    assert not any("/1 " in line for line in lines)


def forged(journal: list[Inbound]) -> Outbound:
    """The first event once more, as if one more inbox record had caused it, in a shape that every reader accepts."""
    event = CODEC.decode(journal[0].value)
    last = source_position(journal[-1].headers)
    assert isinstance(event, PaymentCaptured)
    assert last is not None
    later = SourcePosition(last.topic, last.partition, last.offset + 1, 0)
    envelope = Envelope(
        event_id=derived_event_id(later, JOURNAL),
        type=type(event).__name__,
        source="saldo/fold-payments",
        time=NOON,
        position=later,
    )
    return Outbound(
        topic=JOURNAL,
        partition=journal[0].partition,
        key=journal[0].key or b"",
        value=CODEC.encode(replace(event, amount_minor=event.amount_minor + 1)),
        headers=[*envelope.to_headers(), ("saldo-events", b"1")],
    )
