"""A person has one key that counts, whoever makes it when; destroyed, it opens nothing and no new one is made."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from app.sources.polling import Publisher
from schemas import catalog
from schemas.checks.sealing import ERASED, is_sealed, opened
from schemas.failures import ContractBroken, Unreadable
from schemas.records.customers import ChangeVaultCustomer, VaultCustomerNotChanged
from schemas.records.erp import RecordRefused, SaveRecord
from schemas.records.privacy import EraseSubject, ErasureRefused, ReadmitSubject, SubjectErased, SubjectReadmitted
from schemas.topic import Topic
from schemas.wire.codec import Codec, from_json
from schemas.wire.envelope import header_text
from streams.edges.erase_subjects import erase_subjects
from streams.edges.opening import save_opened
from streams.edges.stateless import Stateless
from streams.edges.subject_keys import KEYS, SubjectKeys
from streams.edges.write_to_vault import write_to_vault
from streams.log.memory import MemoryLog
from tests.support.examples import example

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
CODEC = Codec()
ADA = "paytrace/main/acme-inc"
PERSON = "Ada Lovelace"


def a_log() -> MemoryLog:
    return MemoryLog(dict.fromkeys(catalog.topics(), 2))


def keys_on(log: MemoryLog, secret: bytes = b"the privacy key of the tests") -> SubjectKeys:
    return SubjectKeys(log, CODEC, lambda: secret, source="source-paytrace", now=lambda: NOW)


def customer(person: str = PERSON, subject: str = ADA) -> Any:
    text = (catalog.ROOT / "examples/customers/VaultCustomerObserved.v1.json").read_text("utf-8")
    record: Any = from_json("VaultCustomerObserved", json.loads(text))
    return replace(
        record,
        person={"name": person} if person else {},
        data_subject=subject,
        vault_customer_id=subject.rpartition("/")[2],
    )


async def sealed_by(keys: SubjectKeys, **about: str) -> str:
    (record,) = await keys.seal([customer(**about)])
    return str(record.person["name"])  # type: ignore[attr-defined]


async def test_two_processes_seal_one_value_alike_also_after_a_restart() -> None:
    log = a_log()
    one, other = keys_on(log), keys_on(log)
    await asyncio.gather(one.seal([customer()]), other.seal([customer()]))  # both may have made a key
    assert await sealed_by(one) == await sealed_by(other) == await sealed_by(keys_on(log))
    assert await sealed_by(one) != await sealed_by(one, subject="paytrace/main/other")


async def test_the_topic_of_keys_shows_no_key_without_the_privacy_key() -> None:
    log = a_log()
    text = await sealed_by(keys_on(log))
    stranger = keys_on(log, b"another privacy key, of somebody")
    await stranger.refresh()
    with pytest.raises(ContractBroken, match="SALDO_PRIVACY_KEY"):
        opened(text, stranger.key_of)


async def test_a_destroyed_key_opens_nothing_and_nothing_is_sealed_for_that_person() -> None:
    log = a_log()
    source, reader = keys_on(log), keys_on(log)
    text, others = await sealed_by(source), await sealed_by(source, subject="paytrace/main/other")
    await reader.refresh()
    assert opened(text, reader.key_of) == PERSON
    assert await keys_on(log).destroy(ADA, NOW) == 1
    await reader.refresh()
    assert opened(text, reader.key_of) == ERASED
    assert opened(others, reader.key_of) == PERSON
    assert await sealed_by(source) == ERASED
    assert reader.subjects() == {ADA: True, "paytrace/main/other": False}


async def test_who_comes_back_gets_a_new_key_and_the_old_values_stay_lost() -> None:
    log = a_log()
    source = keys_on(log)
    old = await sealed_by(source)
    await keys_on(log).destroy(ADA, NOW)
    assert await keys_on(log).readmit(ADA)
    assert not await keys_on(log).readmit(ADA)
    new = await sealed_by(source)
    assert is_sealed(new)
    assert new not in (old, ERASED)
    assert opened(old + new, source.key_of) == ERASED + PERSON
    assert await keys_on(log).destroy(ADA, NOW.replace(hour=13)) == 1
    assert await sealed_by(source) == ERASED


@pytest.mark.parametrize("readmitted", [False, True])
async def test_an_erasure_that_a_crash_cut_off_is_done_again_with_the_same_outcome(readmitted: bool) -> None:
    log = a_log()
    await keys_on(log).seal([customer()])
    work = erase_subjects(lambda: keys_on(log))
    fields = {"data_subject": ADA, "decided_by": "anna", "authenticated_by": "session", "reason": "asked for it"}
    command = EraseSubject(command_id="1", **fields, approved_by="bert", occurred_at=NOW)
    first = await work.perform(work.initial, command)
    assert first == await work.perform(work.initial, command)
    assert isinstance(first[0], SubjectErased)
    assert first[0].key_count == 1
    if readmitted:
        again = ReadmitSubject(command_id="2", **fields, occurred_at=NOW)
        (outcome,) = await work.perform(work.initial, again)
        assert isinstance(outcome, SubjectReadmitted)
    stranger = replace(command, command_id="3", data_subject="paytrace/main/nobody")
    (refused,) = await work.perform(work.initial, stranger)
    assert isinstance(refused, ErasureRefused)
    assert "ever sealed" in refused.refused_because


async def test_a_destroyed_key_s_record_is_written_twice_more_so_that_compaction_reaches_the_key() -> None:
    log, clock = a_log(), [NOW]
    keys = SubjectKeys(
        log, CODEC, lambda: b"the privacy key of the tests", source="source-paytrace", now=lambda: clock[0]
    )
    await keys.seal([customer()])
    await keys.destroy(ADA, NOW)
    others = [customer(subject="paytrace/main/other")]
    written = []
    for hours in (0, 1, 1, 2, 3, 9):
        clock[0] = NOW.replace(hour=NOW.hour + hours)
        await keys.seal(others)
        written.append(sum(len(log.records(KEYS, one)) for one in range(2)))
    assert written == [3, 4, 4, 5, 5, 5]  # two keys and the destroyed one's record to begin with
    assert keys.subjects()[ADA]


async def shown(*records: Any) -> AsyncIterator[tuple[str, tuple[Any, ...]]]:
    for record in records:
        yield record.vault_customer_id, (record,)


async def test_a_publisher_seals_and_reports_an_unchanged_person_once_and_an_erased_one_once_more() -> None:
    log = a_log()
    keys = keys_on(log)
    for expected in (1, 0):
        publisher = Publisher("paytrace", log, CODEC, keys.seal)
        await publisher.remember()
        assert await publisher.publish(shown(customer())) == expected
    await keys_on(log).destroy(ADA, NOW)
    publisher = Publisher("paytrace", log, CODEC, keys.seal)
    await publisher.remember()
    assert [await publisher.publish(shown(customer())) for _ in range(2)] == [1, 0]
    raw = [record for topic in (KEYS, Topic.CUSTOMERS_INBOX) for one in range(2) for record in log.records(topic, one)]
    assert not any(b"Ada" in (record.value or b"") for record in raw)
    assert len({header_text(record.headers, "ce_id") for record in raw}) == len(raw)


async def test_a_publisher_without_keys_refuses_a_personal_value_and_reports_the_others() -> None:
    log = a_log()
    publisher = Publisher("paytrace", log, CODEC)
    await publisher.remember()
    with pytest.raises(Unreadable, match=r"VaultCustomerObserved\.person"):
        await publisher.publish(shown(customer(), customer(person="", subject="paytrace/main/other")))
    assert sum(len(log.records(Topic.CUSTOMERS_INBOX, one)) for one in range(2)) == 1


class Books:
    """An ERP that quotes what it refuses."""

    def __init__(self) -> None:
        self.saved: list[Any] = []

    async def post(self, command: Any) -> Any:
        self.saved.append(command)
        return RecordRefused(
            kind=command.kind,
            natural_key=command.natural_key,
            subject=command.subject,
            code="INVALID",
            message=f"no such town: {command.values['town']}",
            occurred_at=command.occurred_at,
        )


async def test_a_sealed_value_is_opened_for_the_erp_and_stays_out_of_what_comes_back() -> None:
    log = a_log()
    keys = keys_on(log)
    text = await sealed_by(keys, person="Springfield")
    command = SaveRecord(
        kind="customer",
        natural_key="acme",
        subject="acme",
        values={"town": text, "group": "7"},
        rows=(),
        occurred_at=NOW,
    )
    books = Books()
    outcome = await save_opened(books, command, keys)
    assert books.saved[0].values == {"town": "Springfield", "group": "7"}
    assert isinstance(outcome, RecordRefused)
    assert outcome.message == "no such town: <town>"
    await keys_on(log).destroy(ADA, NOW)
    refused = await save_opened(books, command, keys)
    assert isinstance(refused, RecordRefused)
    assert refused.code == "SUBJECT_ERASED"
    assert len(books.saved) == 1


class Vault:
    """A vault that quotes in its answer what it was asked to keep."""

    def __init__(self) -> None:
        self.asked: list[ChangeVaultCustomer] = []

    async def change(self, command: ChangeVaultCustomer) -> VaultCustomerNotChanged:
        self.asked.append(command)
        return VaultCustomerNotChanged(
            data_subject=command.data_subject,
            vault_customer_id=command.vault_customer_id,
            fields=command.fields,
            code="NOT_KEPT",
            message=f"{command.person['name']} is too long",
            occurred_at=command.occurred_at,
        )


async def test_values_are_opened_for_the_vault_alone_and_never_come_back_in_its_answer() -> None:
    log = a_log()
    keys = keys_on(log)
    vault, sealed = Vault(), await sealed_by(keys)
    agent = write_to_vault(vault, lambda: keys_on(log))
    command = example("ChangeVaultCustomer", person={"name": sealed}, erp_subject=ADA, fields=["name"])
    (refused,) = await agent.perform(Stateless(), command)
    assert vault.asked[0].person == {"name": PERSON}
    assert isinstance(refused, VaultCustomerNotChanged)
    assert refused.message == "<name> is too long"
    await keys.destroy(ADA, NOW)
    (erased,) = await agent.perform(Stateless(), command)
    assert isinstance(erased, VaultCustomerNotChanged)
    assert (erased.code, len(vault.asked)) == ("SUBJECT_ERASED", 1)
