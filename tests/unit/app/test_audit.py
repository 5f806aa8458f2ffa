"""Forged commands are never acted on, and a history that somebody changed afterwards is named at its first break."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.access.access import Access
from app.access.actor import single_user
from app.access.roles import Role
from app.access.settings import AccessSettings
from app.proofs.audit import PartitionAudit, as_csv, as_jsonl, audit, audit_users, head_line, lost_since, parse_heads
from app.proofs.rebuild import compare_agents
from schemas import catalog
from schemas.files.private_files import write_private
from schemas.records.approvals import ApproveProposal, ProposeCommand
from schemas.records.identification import ForgetReference, ReferenceRemembered, RememberReference
from schemas.records.tasks import (
    DeadLetter,
    ParkedDiscardRequested,
    ParkedRecordDiscarded,
    ParkedReplayRequested,
    PositionMarked,
    RecordParked,
)
from schemas.wire.codec import Codec, to_json
from schemas.wire.envelope import header_text
from streams.agents import HOLD_APPROVALS, IDENTIFY_PAYERS
from streams.log.memory import MemoryLog
from streams.log.outbound import Outbound
from streams.log.signing import KeyRing, Ring, signed_bytes
from streams.tasks.membership import SoleOwner
from streams.tasks.ports import SilentObserver
from streams.tasks.processor import AnyProcessor
from streams.tasks.stores import MemoryStore
from streams.tasks.task import Task, TaskRules
from tests.support.signing import KEYS, RING, SIGNER, by_hand, signer_of

INBOX, JOURNAL = "identification.inbox.v1", "identification.events.v1"
CODEC = Codec()
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def remember(number: int, **changes: Any) -> RememberReference:
    given: dict[str, Any] = {
        "command_id": f"c{number}",
        "token": f"invoice:RE-{number}",
        "abas_customer_id": "70001",
        "decided_by": "mweber",
        "reason": "=customer called",
        "occurred_at": NOON + timedelta(minutes=number),
    }
    return RememberReference(**(given | changes))


@dataclass
class Room:
    """One partition of the identification, and the records that people and strangers put there."""

    log: MemoryLog = field(default_factory=lambda: MemoryLog(dict.fromkeys(catalog.topics(), 1), signer=SIGNER))
    ring: Ring = RING

    def task(self, marker_every: int = 1_000, processor: AnyProcessor = IDENTIFY_PAYERS) -> Task[Any]:
        return Task(
            processor,
            0,
            log=self.log,
            store=MemoryStore(),
            codec=CODEC,
            ring=self.ring,
            membership=SoleOwner(),
            observer=SilentObserver(),
            rules=TaskRules(marker_every=marker_every),
        )

    def give(self, record: Any) -> None:
        """A command as its giver signs it."""
        key = catalog.topic(INBOX).key_of(record)
        self.log._append(by_hand(self.log, INBOX, record, CODEC.encode(record), key=key))

    def give_as(self, role: str, record: Any) -> None:
        """A command that somebody signs who holds the key of a role."""
        key, value = catalog.topic(INBOX).key_of(record), CODEC.encode(record)
        signer = signer_of(role)
        message = signed_bytes(topic=INBOX, key=key, type=type(record).__name__, event_id="e", value=value)
        signature = signer.private.sign(message).hex().encode()
        headers = [("ce_id", b"e"), ("saldo-key-id", signer.key_id.encode()), ("saldo-signature", signature)]
        self.log._append(Outbound(topic=INBOX, partition=0, key=key, value=value, headers=headers))

    def forge(self, record: Any, headers: Callable[[list[tuple[str, bytes]]], list[tuple[str, bytes]]]) -> None:
        """A command whose headers a stranger made."""
        key, value = catalog.topic(INBOX).key_of(record), CODEC.encode(record)
        signed = by_hand(self.log, INBOX, record, value, key=key)
        self.log._append(
            Outbound(topic=INBOX, partition=0, key=key, value=value, headers=headers(list(signed.headers)))
        )

    async def settle(self) -> None:
        await self.task().catch_up()

    def reported(self, topic: str, kind: type[Any]) -> list[Any]:
        found = [CODEC.decode_as_written(record.value) for record in self.log.records(topic, 0)]
        return [one for one in found if isinstance(one, kind)]

    async def differences(self) -> list[str]:
        found = await compare_agents([IDENTIFY_PAYERS], self.log, CODEC, self.ring)
        return [one.what for one in found if not one.is_identical]

    async def broken(self) -> list[str]:
        return [str(found.broken) async for found in audit(self.log, CODEC, self.ring) if found.broken is not None]


async def decided(count: int = 4) -> Room:
    room = Room()
    for number in range(count):
        room.give(remember(number))
    await room.settle()
    assert len(room.reported(JOURNAL, ReferenceRemembered)) == count
    return room


def without(*names: str) -> Callable[[list[tuple[str, bytes]]], list[tuple[str, bytes]]]:
    return lambda headers: [pair for pair in headers if pair[0] not in names]


def with_value(name: str, value: bytes) -> Callable[[list[tuple[str, bytes]]], list[tuple[str, bytes]]]:
    return lambda headers: [(n, value if n == name else v) for n, v in headers]


# -- forged commands -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        (without("saldo-signature", "saldo-key-id"), "nobody signed it; give it by `saldo decide`"),
        (without("saldo-signature"), "nobody signed it"),
        (with_value("saldo-signature", b"ab" * 64), "does not fit"),
        (with_value("saldo-key-id", b"f" * 16), "does not know"),
        (with_value("ce_id", b"another"), "does not fit"),
    ],
)
async def test_a_forged_command_is_parked_with_the_reason_and_never_acted_on(
    headers: Callable[[list[tuple[str, bytes]]], list[tuple[str, bytes]]], words: str
) -> None:
    room, forged = Room(), remember(1, abas_customer_id="66666")
    room.forge(forged, headers)
    await room.settle()
    [letter] = room.reported(f"{INBOX}.dlq", DeadLetter)
    assert letter.error_type == "NotSigned"
    assert words in letter.message

    # What follows on its key waits, and a replay proves it again: only a discard lets the key go on.
    room.give(remember(2, token=forged.token))
    key = forged.token.encode()
    asked: dict[str, Any] = {"record_key": key, "requested_by": "dana", "reason": "looked", "requested_at": NOON}
    room.give(ParkedReplayRequested(**asked))
    await room.settle()
    assert room.reported(JOURNAL, ReferenceRemembered) == []
    room.give(ParkedDiscardRequested(offset=0, **asked))
    room.give(ParkedReplayRequested(**{**asked, "reason": "go on"}))
    await room.settle()
    assert [event.abas_customer_id for event in room.reported(JOURNAL, ReferenceRemembered)] == ["70001"]
    assert await room.broken() == []
    assert [
        one.what for one in await compare_agents([IDENTIFY_PAYERS], room.log, CODEC, RING) if not one.is_identical
    ] == []


async def test_a_forged_request_neither_frees_nor_stops_a_key() -> None:
    room = Room()
    request = ParkedDiscardRequested(
        record_key=b"invoice:RE-1", offset=0, requested_by="dana", reason="noise", requested_at=NOON
    )
    room.forge(request, without("saldo-signature"))
    room.give(remember(1))
    await room.settle()
    assert room.reported(JOURNAL, RecordParked) == []
    assert len(room.reported(JOURNAL, ReferenceRemembered)) == 1

    room.forge(remember(2), without("saldo-signature"))
    room.forge(replace(request, record_key=b"invoice:RE-2", offset=2), without("saldo-signature"))
    await room.settle()
    assert room.reported(JOURNAL, ParkedRecordDiscarded) == []
    parked = room.reported(JOURNAL, RecordParked)
    assert [(event.offset, event.behind, event.error_type) for event in parked] == [
        (2, None, "NotSigned"),
        (3, 2, "NotSigned"),
    ]


async def test_a_command_of_the_wrong_role_is_not_acted_on() -> None:
    room, record = Room(), remember(1)
    value = CODEC.encode(record)
    message: dict[str, Any] = {
        "topic": INBOX,
        "key": b"invoice:RE-1",
        "type": "RememberReference",
        "event_id": "e",
        "value": value,
    }
    stranger = signer_of("source-abas")
    signature = stranger.private.sign(signed_bytes(**message)).hex().encode()
    headers = [("ce_id", b"e"), ("saldo-key-id", stranger.key_id.encode()), ("saldo-signature", signature)]
    room.forge(record, lambda _: headers)
    await room.settle()
    [letter] = room.reported(f"{INBOX}.dlq", DeadLetter)
    assert "source-abas signed it" in letter.message
    assert room.reported(JOURNAL, ReferenceRemembered) == []


@pytest.mark.parametrize(
    ("role", "record", "words"),
    [
        ("worker", remember(1), "names nobody who approved it"),
        ("worker", remember(1, approved_by=""), "names nobody who approved it"),
        ("worker", remember(1, approved_by="MWeber "), "is approved by MWeber , who gave it"),
        ("worker", remember(1, approved_by="single-user:mweber"), "who gave it"),
        ("operators", remember(1, approved_by="dkim"), "says of itself that dkim approved it"),
    ],
)
async def test_nobody_approves_a_command_by_its_own_words(role: str, record: Any, words: str) -> None:
    room = Room()
    room.give_as(role, record)
    await room.settle()
    [letter] = room.reported(f"{INBOX}.dlq", DeadLetter)
    assert (letter.error_type, words in letter.message) == ("NotSigned", True), letter.message
    assert room.reported(JOURNAL, ReferenceRemembered) == []


async def test_the_agents_key_asks_for_no_replay_in_a_person_s_name() -> None:
    room = Room()
    room.forge(remember(1), without("saldo-signature"))
    asked: dict[str, Any] = {"record_key": b"invoice:RE-1", "requested_by": "dana", "reason": "looked"}
    asked["requested_at"] = NOON
    room.give_as("worker", ParkedReplayRequested(**asked))
    await room.settle()
    assert [(event.offset, event.error_type) for event in room.reported(JOURNAL, RecordParked)] == [
        (0, "NotSigned"),
        (1, "NotSigned"),
    ]


async def test_a_release_that_nobody_approved_is_named() -> None:
    """Whoever holds the agents' key can write a release; the approvals prove that there was none."""
    room = Room()
    room.give_as("worker", remember(1, approved_by="dkim"))
    await room.settle()
    assert len(room.reported(JOURNAL, ReferenceRemembered)) == 1
    [broken] = await room.broken()
    assert (
        broken == f"{INBOX}/0/0: put in: record 0 is a RememberReference of the agents, and nobody approved one like it"
    )


async def test_a_release_that_somebody_approved_is_whole() -> None:
    room, held = Room(), remember(1)
    said: dict[str, Any] = {"decided_by": "mweber", "authenticated_by": "session", "reason": "customer called"}
    propose = ProposeCommand(
        proposal_id="P1",
        target_inbox=INBOX,
        command_type="RememberReference",
        command=json.dumps(to_json(held)),
        summary="remember",
        expires_at=NOON + timedelta(days=1),
        occurred_at=NOON,
        **said,
    )
    approve = ApproveProposal(
        command_id="a1",
        proposal_id="P1",
        approved_on=NOON.date(),
        occurred_at=NOON + timedelta(hours=1),
        **said | {"decided_by": "dkim"},
    )
    for record in (propose, approve):
        value, key = CODEC.encode(record), b"P1"
        room.log._append(by_hand(room.log, "approvals.inbox.v1", record, value, key=key))
    await room.task(processor=HOLD_APPROVALS).catch_up()
    await room.settle()
    [remembered] = room.reported(JOURNAL, ReferenceRemembered)
    assert remembered.abas_customer_id == held.abas_customer_id
    assert await room.broken() == []

    # Somebody who holds the agents' key releases another customer under the same approval.
    room.give_as("worker", remember(1, command_id="c2", abas_customer_id="66666", approved_by="dkim"))
    await room.settle()
    assert ["nobody approved one like it" in one for one in await room.broken()] == [True]


async def test_a_key_revoked_meanwhile_leaves_what_it_signed_before_and_a_rebuild_is_identical() -> None:
    room = await decided(3)  # the log in memory gives each record its offset as its time, in milliseconds
    start = datetime.fromtimestamp(0.003, UTC)
    room.ring = KeyRing.of([replace(key, revoked_from=start) if key.role == "operators" else key for key in KEYS])
    room.give(remember(3))
    await room.settle()
    assert len(room.reported(JOURNAL, ReferenceRemembered)) == 3
    [letter] = room.reported(f"{INBOX}.dlq", DeadLetter)
    assert (letter.offset, "revoked from" in letter.message) == (3, True)
    assert await room.differences() == []
    assert await room.broken() == []


async def test_a_forged_command_that_was_acted_on_makes_a_rebuild_differ() -> None:
    room = await decided(2)
    records = room.log.records(INBOX, 0)
    records[1] = replace(records[1], value=CODEC.encode(remember(1, abas_customer_id="66666")))
    assert f"journal {JOURNAL}/0" in await room.differences()


# -- the chain -----------------------------------------------------------------------------------------------------


async def test_the_chain_is_the_same_bytes_whatever_the_batches_and_markers_were() -> None:
    whole, one_by_one = Room(), Room()
    for number in range(6):
        for room in (whole, one_by_one):
            room.give(remember(number, command_id=f"c{number // 2}", token="invoice:RE-1"))
        await one_by_one.task(marker_every=1).catch_up()
    await whole.settle()

    def bytes_of(room: Room) -> list[Any]:
        return [
            (record.value, record.headers)
            for record in room.log.records(JOURNAL, 0)
            if header_text(record.headers, "ce_type") != PositionMarked.__name__
        ]

    assert bytes_of(whole) == bytes_of(one_by_one)
    for room in (whole, one_by_one):
        assert await room.broken() == []


async def test_a_whole_history_has_no_break_and_says_who_did_what() -> None:
    room = await decided()
    room.give(
        ForgetReference(token="invoice:RE-1", command_id="c9", decided_by="dana", reason="wrong", occurred_at=NOON)
    )
    await room.settle()
    [found] = [one async for one in audit(room.log, CODEC, RING) if one.entries]
    assert (found.broken, found.head.number, len(found.entries)) == (None, 5, 5)
    assert [(one.what, one.who, one.key_id) for one in found.entries[-1:]] == [
        ("ForgetReference", "dana", next(key.key_id for key in KEYS if key.role == "operators"))
    ]
    rows = list(csv.DictReader(io.StringIO(as_csv(found.entries))))
    assert (rows[0]["who"], rows[0]["why"]) == ("mweber", "'=customer called")
    assert rows[0]["events"] == "DecisionTaken ReferenceRemembered"
    assert (rows[0]["journal"], rows[0]["journal_from"]) == (f"{JOURNAL}/0", "0")
    lines = [json.loads(line) for line in as_jsonl(found.entries).splitlines()]
    assert [line["number"] for line in lines] == [1, 2, 3, 4, 5]
    assert lines[-1]["digest"] == found.head.digest
    # The last command is about what the first one had said.
    last = lines[-1]
    assert (last["before"]["event"], last["after"]["event"]) == ("ReferenceRemembered", "ReferenceForgotten")
    assert last["before"]["token"] == last["after"]["token"] == "invoice:RE-1"
    assert lines[0]["before"] is None
    assert json.loads(rows[-1]["after"]) == last["after"]


def _renumbered(room: Room, change: Callable[[list[Any]], None]) -> None:
    """What somebody who restores a topic by hand leaves: other records at the offsets that follow."""
    records = room.log.records(INBOX, 0)
    change(records)
    records[:] = [replace(record, offset=number) for number, record in enumerate(records)]


def _swap(records: list[Any]) -> None:
    records[1], records[2] = records[2], records[1]


@pytest.mark.parametrize(
    ("change", "offset"),
    [
        (lambda records: records.pop(1), 1),
        (lambda records: records.pop(0), 0),
        (lambda records: records.pop(), 3),
        (_swap, 1),
        (lambda records: records.insert(2, records[0]), 2),
    ],
    ids=["cut in the middle", "cut at the front", "cut at the end", "reordered", "put in"],
)
async def test_a_chain_cut_on_purpose_is_named_where_it_breaks(
    change: Callable[[list[Any]], None], offset: int
) -> None:
    room = await decided()
    _renumbered(room, change)
    [broken] = await room.broken()
    assert broken.startswith(f"{INBOX}/0/{offset}: ")


async def test_a_changed_command_is_named() -> None:
    room = await decided()
    records = room.log.records(INBOX, 0)
    records[2] = replace(records[2], value=CODEC.encode(remember(2, decided_by="somebody else")))
    [broken] = await room.broken()
    assert broken.startswith(f"{INBOX}/0/2: changed or put in: record 2 was accepted, and")


async def test_a_journal_written_anew_without_the_agents_key_is_named() -> None:
    room = await decided()
    journal = room.log.records(JOURNAL, 0)
    for number, record in enumerate(journal):
        headers = [(name, value) for name, value in record.headers if not name.startswith(("saldo-key", "saldo-sig"))]
        journal[number] = replace(record, headers=headers)
    [broken] = await room.broken()
    assert f"{INBOX}/0/0: changed: {JOURNAL}/0/0: the link is not signed by an agent" in broken


async def test_a_command_put_in_among_facts_and_one_cut_out_between_them() -> None:
    """Commands that led to nothing leave no event of their own, and count all the same."""
    room = Room()
    for _ in range(3):
        room.give(remember(1, command_id="c1"))  # the same command three times: one event
        await room.settle()
    room.give(remember(2))
    await room.settle()
    assert await room.broken() == []
    _renumbered(room, lambda records: records.pop(1))
    [broken] = await room.broken()
    assert "cut: the inbox ends here" in broken


async def test_links_that_were_taken_out_of_the_journal_are_missed() -> None:
    """Without this, whoever takes the links out can put in an old command for one that was cut out."""
    room = await decided()
    journal = room.log.records(JOURNAL, 0)
    for number, record in enumerate(journal):
        journal[number] = replace(record, headers=[pair for pair in record.headers if pair[0] != "saldo-audit"])
    records = room.log.records(INBOX, 0)
    records[2] = replace(records[0], offset=2)
    [broken] = await room.broken()
    assert broken == f"{INBOX}/0/0: changed: {JOURNAL} tells no link for 1 operator commands before this record"


async def audited(room: Room) -> list[PartitionAudit]:
    return [found async for found in audit(room.log, CODEC, room.ring)]


async def test_what_was_cut_off_with_its_journal_is_missed_by_who_kept_an_earlier_audit() -> None:
    room = await decided(4)
    printed = "\n".join(head_line(one) for one in await audited(room) if one.head.number)
    earlier = parse_heads(f"{printed}\nno break: 4 commands on 41 partitions, users among them\n")
    assert earlier == {(INBOX, 0): next(one.head for one in await audited(room) if one.inbox == INBOX)}
    room.give(remember(9))
    await room.settle()
    assert lost_since(earlier, await audited(room)) == []

    # An old copy of both topics: whole in itself, and shorter than it was.
    old = await decided(3)
    assert await old.broken() == []
    assert [str(one) for one in lost_since(earlier, await audited(old))] == [
        f"{INBOX}/0/3: cut: there are 3 commands, and an earlier audit saw 4"
    ]
    # Topics made anew.
    assert [one.offset for one in lost_since(earlier, await audited(Room()))] == [0]
    assert [one.offset for one in lost_since(earlier, [])] == [0]
    # A fork: as many commands, other ones.
    fork = Room()
    for number in range(5):
        fork.give(remember(number, reason="another history"))
    await fork.settle()
    assert await fork.broken() == []
    [lost] = lost_since(earlier, await audited(fork))
    assert "another history: up to command 4" in lost.what


def test_what_no_audit_printed_is_refused() -> None:
    with pytest.raises(ValueError, match="whole"):
        parse_heads("no break: 0 commands\n")


def test_users_are_audited_like_a_partition(tmp_path: Path) -> None:
    access = Access(AccessSettings(), tmp_path)
    assert audit_users(access.store.read()).broken is None
    keeper = access.keeper(single_user(), now=NOON)
    keeper.add_user("maria", [Role.ADMIN], "correct horse battery")
    keeper.add_user("dkim", [Role.APPROVER], "correct horse battery")
    found = audit_users(access.store.read())
    assert (found.broken, found.head.number) == (None, 2)
    assert [(one.what, one.key, one.why) for one in found.entries] == [
        ("add", "maria", "admin"),
        ("add", "dkim", "approver"),
    ]
    assert "users,0,2" in as_csv(found.entries)
    assert parse_heads(head_line(found)) == {("users", 0): found.head}
    text = access.store.path.read_text().replace('"approver"\n', '"admin"\n')
    write_private(access.store.path, text)
    broken = audit_users(access.store.read()).broken
    assert str(broken).startswith("users/0/2: the users are not those that change 2 left")


def test_a_change_of_a_user_names_what_was_before(tmp_path: Path) -> None:
    keeper = (access := Access(AccessSettings(), tmp_path)).keeper(single_user(), now=NOON)
    keeper.add_user("maria", [Role.ADMIN], "correct horse battery")
    keeper.add_user("dkim", [Role.APPROVER], None)
    keeper.set_disabled("dkim", is_disabled=True)
    keeper.set_roles("dkim", [Role.VIEWER])
    *_, disabled, last = (one.as_json() for one in audit_users(access.store.read()).entries)
    assert (disabled["before"], disabled["after"]["event"]) == (None, "disable")
    assert last["before"] == {"event": "add", "detail": "approver, machine"}
    assert last["after"] == {"event": "set-roles", "detail": "viewer"}


def test_an_export_of_nothing_has_its_columns() -> None:
    assert as_csv(()).split(",")[:4] == ["at", "who", "authenticated_by", "what"]
    assert len(as_csv(()).splitlines()) == 1
