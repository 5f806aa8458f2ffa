"""`saldo dlq` on a real broker with a real worker: what cannot be decided is kept, shown, and let go in order."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from schemas.records.payments import TransactionStatus as Status
from schemas.wire.codec import Codec
from streams.log.outbound import Outbound
from streams.log.records import partition_for
from tests.support.builders import observation
from tests.support.cli import saldo
from tests.support.kafka import running_broker, use_broker
from tests.support.worker_process import Workers, make_our_topics, outbound, produce, wait_until

INBOX = "payments.observations.v1"
CODEC = Codec()


@dataclass(frozen=True)
class Operator:
    """What an operator has: commands, and a pipeline that runs."""

    bootstrap: str

    def parked(self, inbox: str | None = None) -> list[dict[str, Any]]:
        outcome = saldo("dlq", "list", *([inbox] if inbox else []), "--json")
        assert outcome.exit_code == 0, outcome.err
        return [json.loads(line) for line in outcome.out.splitlines()]

    def journal(self, payment: str) -> list[dict[str, Any]]:
        outcome = saldo("read", "payments.events.v1", "--key", payment, "--format", "jsonl")
        assert outcome.exit_code == 0, outcome.err
        return [json.loads(line) for line in outcome.out.splitlines()]

    def write(self, *records: Outbound) -> list[int]:
        return produce(self.bootstrap, records)

    def wait(self, payments: str, count: int) -> None:
        wait_until(lambda: len(self.journal(payments)) >= count, f"{count} events of {payments}")

    def wait_for(self, key: str, event: str) -> None:
        """Until the journal says so; the list of what is parked reads every letter, and these are large."""
        wait_until(lambda: event in types(self.journal(key)), f"{event} of {key}")


@pytest.fixture(scope="module")
def bootstrap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_broker(tmp_path_factory.mktemp("dlq")) as broker:
        make_our_topics(broker)
        workers = Workers(broker, tmp_path_factory.mktemp("dlq-worker"))
        workers.start("one")
        yield broker
        workers.stop()


@pytest.fixture
def operator(bootstrap: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Operator:
    use_broker(monkeypatch, bootstrap)
    monkeypatch.setenv("SALDO_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("SALDO_SCHEMA_REGISTRY_URL", raising=False)
    return Operator(bootstrap)


def seen(payment: str, status: Status, amount_minor: int = 100_00) -> Outbound:
    return outbound(INBOX, observation(status, amount_minor, payment=payment, invoice=None))


def garbage(key: str, value: bytes = b"\x07nonsense") -> Outbound:
    return Outbound(
        topic=INBOX, partition=partition_for(key.encode(), 4), key=key.encode(), value=value, headers=[("who", b"me")]
    )


def types(lines: list[dict[str, Any]]) -> list[str]:
    return [line["type"] for line in lines]


@pytest.mark.timeout(300)
def test_a_parked_key_waits_in_order_until_its_head_is_discarded_and_the_rest_replayed(operator: Operator) -> None:
    payment, other = "80000001", "80000002"
    (head,) = operator.write(garbage(payment))
    behind = operator.write(seen(payment, Status.PENDING_SETTLEMENT), seen(payment, Status.SETTLED))
    operator.write(seen(other, Status.PENDING_SETTLEMENT))
    operator.wait(other, 1)
    operator.wait(payment, 3)
    partition = partition_for(payment.encode(), 4)
    found = [line for line in operator.parked(INBOX) if line["key"] == payment]
    assert [(line["partition"], line["offset"], line["behind"]) for line in found] == [
        (partition, head, None),
        (partition, behind[0], head),
        (partition, behind[1], head),
    ]
    assert set(types(operator.journal(payment))) == {"RecordParked"}

    stranger = [("saldo-source", b"\xff/no/position")]
    operator.write(Outbound(topic=f"{INBOX}.dlq", partition=0, key=b"x", value=b"no letter", headers=stranger))
    listed = saldo("dlq", "list", INBOX)
    assert f"{INBOX} {partition} {head}  key {payment}\n    Unreadable: " in listed.out
    shown = saldo("dlq", "show", INBOX, str(partition), str(head))
    letter = json.loads(shown.out)
    assert letter["content"] is None
    assert letter["dead_letter"]["record_headers"]["who"]
    assert letter["dead_letter"]["record_key"] == payment
    shown = saldo("dlq", "show", INBOX, str(partition), str(behind[1]))
    assert json.loads(shown.out)["content"]["status"] == "SETTLED"

    # As long as the head cannot be read, a replay frees nobody.
    where = (INBOX, str(partition), str(head))
    assert saldo("dlq", "replay", *where, "--why", "try again").exit_code == 0
    operator.write(seen(other, Status.SETTLED))
    operator.write(garbage(payment))
    operator.wait(payment, 4)
    assert len([line for line in operator.parked(INBOX) if line["key"] == payment]) == 4

    last = max(line["offset"] for line in operator.parked(INBOX) if line["key"] == payment)
    for offset in (head, last):
        done = saldo("dlq", "discard", INBOX, str(partition), str(offset), "--why", "no record")
        assert done.exit_code == 0, done.err
    wait_until(lambda: len([line for line in operator.parked() if line["key"] == payment]) == 2, "two discarded")
    replayed = saldo("dlq", "replay", INBOX, str(partition), str(behind[0]), "--why", "go on")
    assert replayed.exit_code == 0, replayed.err
    wait_until(lambda: not [line for line in operator.parked() if line["key"] == payment], "the key is free")

    events = [line for line in operator.journal(payment) if line["type"] != "RecordParked"]
    said = types(events)
    released = [number for number, name in enumerate(said) if name == "ParkedRecordReleased"]
    assert said[:2] == ["ParkedRecordDiscarded"] * 2
    assert [events[number]["record"]["offset"] for number in released] == behind
    captured = next(number for number, line in enumerate(events) if "Captured" in line["type"])
    settled = next(number for number, line in enumerate(events) if "Settled" in line["type"])
    assert captured < released[0] < settled < released[1]


def test_a_record_under_the_wrong_key_is_parked_under_that_key_and_says_what_to_do(operator: Operator) -> None:
    payment, wrong = "80000011", "80000012"
    right = seen(payment, Status.PENDING_SETTLEMENT)
    beside = (partition_for(wrong.encode(), 4) + 1) % 4
    operator.write(Outbound(topic=INBOX, partition=beside, key=wrong.encode(), value=right.value, headers=()))
    operator.write(right)
    operator.wait(payment, 1)
    wait_until(lambda: wrong in [line["key"] for line in operator.parked()], "the wrong key is parked")
    (found,) = (line for line in operator.parked() if line["key"] == wrong)
    assert "the Kafka key is '80000012' and the record says '80000011'" in found["message"]
    # It lies beside the partition of its key, and an operator reaches it all the same.
    where = (INBOX, str(found["partition"]), str(found["offset"]))
    assert found["partition"] == beside
    assert saldo("dlq", "discard", *where, "--why", "written again").exit_code == 0
    wait_until(lambda: wrong not in [line["key"] for line in operator.parked()], "the wrong key is free")
    again = saldo("dlq", "discard", *where, "--why", "once more")
    assert (again.exit_code, "is given up already" in again.err) == (2, True)
    assert wrong not in [line["key"] for line in operator.parked()]


@pytest.mark.journey
def test_bytes_without_a_key_and_of_the_largest_size_are_parked_and_can_be_given_up(operator: Operator) -> None:
    noise = os.urandom(1_040_000)
    sent = [Outbound(topic=INBOX, partition=number % 4, key=b"", value=noise, headers=()) for number in range(2)]
    keys = {f"{INBOX}/{record.partition}/{operator.write(record)[0]}" for record in sent}
    for key in keys:
        operator.wait_for(key, "RecordParked")
    listed = [line for line in operator.parked() if "/" in line["key"]]
    assert {line["key"] for line in listed} == keys
    for line in listed:
        assert line["key"] == f"{INBOX}/{line['partition']}/{line['offset']}"
        where = (INBOX, str(line["partition"]), str(line["offset"]))
        assert saldo("dlq", "discard", *where, "--why", "noise").exit_code == 0
    assert len(keys) == 2
    for key in keys:
        operator.wait_for(key, "ParkedRecordDiscarded")
    assert not any("/" in line["key"] for line in operator.parked())


@pytest.mark.journey
def test_a_record_whose_event_would_be_larger_than_the_broker_takes_is_parked_and_others_go_on(
    operator: Operator,
) -> None:
    """The broker would refuse what follows from it; before it was asked, the worker ended at this record for ever."""
    payment, other = "80000021", "80000022"
    text = "".join(random.Random(21).choices("ABCDEFGHJKLMNPQRSTUVWXYZ23456789", k=1_040_000))
    (offset,) = operator.write(
        outbound(INBOX, observation(Status.PENDING_SETTLEMENT, 100_00, payment=payment, invoice=text)),
    )
    operator.write(seen(other, Status.PENDING_SETTLEMENT))
    operator.wait(other, 1)
    operator.wait_for(payment, "RecordParked")
    (found,) = (line for line in operator.parked() if line["key"] == payment)
    assert (found["offset"], found["error_type"]) == (offset, "RecordTooLarge")
    assert "payments.events.v1 takes 1032192; shorten its texts" in found["message"]
    where = (INBOX, str(found["partition"]), str(offset))
    assert saldo("dlq", "discard", *where, "--why", "written again, shorter").exit_code == 0
    operator.wait_for(payment, "ParkedRecordDiscarded")
    assert payment not in [line["key"] for line in operator.parked()]
    operator.write(seen(payment, Status.PENDING_SETTLEMENT))
    wait_until(lambda: any("Captured" in kind for kind in types(operator.journal(payment))), "the payment goes on")


def test_what_is_not_parked_is_refused_with_a_hint(operator: Operator) -> None:
    outcome = saldo("dlq", "replay", INBOX, "0", "99999", "--why", "try again")
    assert outcome.exit_code != 0
    assert "is not parked" in outcome.err
    assert saldo("dlq", "list", "no.such.inbox").exit_code != 0
