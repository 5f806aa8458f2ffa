"""Is the history of operator commands whole? Walks each inbox beside its journal and names the first break.

The task that decided an inbox wrote the newest link of its chain beside its events (streams/log/chain.py). Here the
chain is computed again from the inbox as it is now: where it leads elsewhere, a command was cut out, changed, put in or
moved after it was accepted. For `saldo audit verify` and `saldo audit export`.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from app.access.history import Change, first_break
from app.access.users import Users
from schemas import catalog
from schemas.failures import SaldoError
from schemas.operator_commands import PERSON_FIELDS, is_operator_command
from schemas.records.approvals import ApproveProposal, ProposeCommand
from schemas.records.by_topic import TaskRequests
from schemas.records.tasks import ParkedRecordReleased, RecordParked
from schemas.topic import Topic
from schemas.values.foreign_text import for_spreadsheet
from schemas.wire.codec import Codec, to_json
from schemas.wire.envelope import header_text, source_position, trusted_position
from schemas.wire.highwater import HighWater
from streams.domain.approvals.decider import released
from streams.log.chain import NO_LINK, Link, link_of
from streams.log.ports import Log
from streams.log.records import Inbound, partition_for
from streams.log.signing import KEY_ID_HEADER, NotSigned, Ring, prove, prove_approval, prove_link
from streams.tasks.parking import why_refused

_HEAD = re.compile(
    r"^whole +(?P<inbox>[a-z0-9.-]+)/(?P<partition>\d+) +(?P<number>\d+) commands +(?P<digest>[0-9a-f]{64})$",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Break:
    """The first place of a partition at which the history is not what was accepted."""

    inbox: str
    partition: int
    offset: int
    what: str

    def __str__(self) -> str:
        return f"{self.inbox}/{self.partition}/{self.offset}: {self.what}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One operator command: who, when, what, why, what came of it, and what proves it.

    journal   offsets in the journal of what it led to, first and last; None when it led to nothing
    events    record types of that
    link      the chain with it
    about     field and value of what it is about, e.g. posting_reference and PT77
    before    last event of the journal about that before this command; after: about that, or else the last that it led
              to. JSON-ready, None where there is none
    """

    inbox: str
    partition: int
    offset: int
    at: datetime
    what: str
    key: str
    who: str
    authenticated_by: str
    why: str
    journal: str
    journal_from: int | None
    journal_to: int | None
    events: tuple[str, ...]
    key_id: str
    signed_by: str
    link: Link
    about: tuple[str, str] | None = None
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        """Return fields in a fixed order, JSON-ready."""
        return {
            "at": self.at.isoformat(),
            "who": self.who,
            "authenticated_by": self.authenticated_by,
            "what": self.what,
            "key": self.key,
            "before": self.before,
            "after": self.after,
            "why": self.why,
            "inbox": self.inbox,
            "partition": self.partition,
            "offset": self.offset,
            "journal": self.journal,
            "journal_from": self.journal_from,
            "journal_to": self.journal_to,
            "events": " ".join(self.events),
            "key_id": self.key_id,
            "signed_by": self.signed_by,
            "number": self.link.number,
            "digest": self.link.digest,
        }


@dataclass(frozen=True, slots=True)
class PartitionAudit:
    """What was found on one partition: its operator commands up to the first break, the last link, and the break."""

    inbox: str
    partition: int
    entries: tuple[Entry, ...]
    head: Link
    broken: Break | None


@dataclass(slots=True)
class _Journal:
    """What a journal says of its inbox partition.

    position  next inbox offset to decide
    links     inbox offset -> the link that was written with what it led to
    caused    inbox offset -> journal offsets and record types
    parked    inbox offsets of what could not be decided, or had to follow
    released  inbox offset of a request -> what it released, with the key under which it was parked
    forged    inbox offset -> why its link is not an agent's
    """

    position: int = 0
    links: dict[int, Link] = field(default_factory=dict)
    caused: dict[int, list[tuple[int, str]]] = field(default_factory=dict)
    parked: set[int] = field(default_factory=set)
    released: dict[int, list[tuple[int, bytes]]] = field(default_factory=dict)
    forged: dict[int, str] = field(default_factory=dict)


def audited_inboxes() -> Mapping[str, str]:
    """Return each inbox that an agent decides and that takes operator commands, with its journal."""
    journals = {
        name: spec.name for spec in catalog.topics().values() if spec.role == "journal" for name in spec.producers
    }
    found: dict[str, str] = {}
    for spec in catalog.topics().values():
        agents = [name for name in spec.consumers if name in journals]
        if spec.role == "inbox" and len(agents) == 1 and any(is_operator_command(spec.name, t) for t in spec.commands):
            found[spec.name] = journals[agents[0]]
    return found


async def audit(log: Log, codec: Codec, ring: Ring, *, with_states: bool = True) -> AsyncIterator[PartitionAudit]:
    """Audit every partition of every inbox; nothing is written. What is not decided yet is left to the next audit.

    with_states=False leaves `before` and `after` of the entries empty, and reads each journal once less.

    Raises: Unavailable when no broker answers.
    """
    approvals = _Approvals()
    # What was approved has to be known before what was released, and may be released to any other inbox.
    inboxes = sorted(audited_inboxes().items(), key=lambda pair: (pair[0] != Topic.APPROVALS_INBOX, pair[0]))
    for inbox, journal in inboxes:
        for partition in range(log.partition_count(inbox)):
            found = await _audit_partition(log, codec, ring, inbox, journal, partition, approvals)
            if with_states:
                found = replace(found, entries=await _with_states(log, codec, journal, partition, found.entries))
            yield found


@dataclass(slots=True)
class _Approvals:
    """Proposals by id, and the commands that follow from them once they were approved, as canonical JSON."""

    proposed: dict[str, ProposeCommand] = field(default_factory=dict)
    released: set[tuple[str, str]] = field(default_factory=set)

    def take(self, value: Any, events: Sequence[str]) -> None:
        """Note an accepted command of the approvals inbox, and what it led to."""
        if isinstance(value, ProposeCommand) and "CommandProposed" in events:
            self.proposed[value.proposal_id] = value
        elif isinstance(value, ApproveProposal) and "ProposalApproved" in events:
            proposal = self.proposed.get(value.proposal_id)
            if proposal is not None:
                self.released.add((proposal.target_inbox, _canonical(released(proposal, value))))


async def _audit_partition(
    log: Log, codec: Codec, ring: Ring, inbox: str, journal: str, partition: int, approvals: _Approvals
) -> PartitionAudit:
    recorded = await _journal(log, codec, ring, journal, partition, inbox)
    start, end = await log.watermarks(inbox, partition)
    walk = _Walk(journal, recorded, ring, approvals)

    def ended(offset: int, what: str | None) -> PartitionAudit:
        broken = None if what is None else Break(inbox, partition, offset, what)
        return PartitionAudit(inbox, partition, tuple(walk.entries), walk.link, broken)

    if start > 0 and recorded.position > 0:
        return ended(0, f"cut: the inbox begins at offset {start}, and what lay before it was decided")
    marks = HighWater()
    async for batch in log.read(inbox, partition, start, min(end, recorded.position)):
        for found in batch:
            is_new = marks.accept(trusted_position(found.headers))
            what = walk.step(found, _command(log, codec, found) if is_new else None)
            if what is not None:
                return ended(found.offset, what)
    if end < recorded.position:
        return ended(end, f"cut: the inbox ends here, and records up to offset {recorded.position - 1} were decided")
    return ended(recorded.position, None)


@dataclass(slots=True)
class _Walk:
    """One partition from its first record on: the chain as its inbox gives it, held against its journal."""

    journal: str
    recorded: _Journal
    ring: Ring
    approvals: _Approvals
    link: Link = NO_LINK
    reported: Link = NO_LINK
    entries: list[Entry] = field(default_factory=list)
    waiting: dict[int, _Command] = field(default_factory=dict)
    whole_up_to: int = -1

    def step(self, found: Inbound, command: _Command | None) -> str | None:
        """Take one record; returns what is broken, in words."""
        recorded, offset = self.recorded, found.offset
        for freed, key in recorded.released.get(offset, ()):
            earlier = self.waiting.pop(freed, None)
            # What turned out to belong to another key was written once more, and is a command there.
            if earlier is not None and not earlier.is_request and earlier.key == key:
                what = self._accept(earlier)
                if what is not None:
                    return what
        if command is not None and offset in recorded.parked:
            self.waiting[offset] = command
        elif command is not None and not (command.is_request and self._is_ignored(command)):
            what = self._accept(command)
            if what is not None:
                return what
        wanted = recorded.links.get(offset)
        if wanted is None:
            # The first event after a command always carries the newest link.
            if offset in recorded.caused and self.link != self.reported:
                more = self.link.number - self.reported.number
                return f"changed: {self.journal} tells no link for {more} operator commands before this record"
            return None
        if offset in recorded.forged:
            return f"changed: {recorded.forged[offset]}"
        if wanted != self.link:
            return _difference(wanted, self.link, [entry.offset for entry in self.entries], self.whole_up_to)
        self.whole_up_to, self.reported = offset, wanted
        return None

    def _accept(self, command: _Command) -> str | None:
        name = type(command.value).__name__
        try:
            giver = prove(self.ring, command.record, type=name, key=command.key)
            prove_approval(command.record.topic, command.value, giver)
        except NotSigned as error:
            return f"changed or put in: record {command.record.offset} was accepted, and {error}"
        is_released = giver == catalog.AGENTS_RUN_IN and not command.is_request
        if is_released and (command.record.topic, _canonical(command.value)) not in self.approvals.released:
            return f"put in: record {command.record.offset} is a {name} of the agents, and nobody approved one like it"
        self.link = self.link.then(command.record, type=name, key=command.key)
        self.entries.append(_entry(command, self.journal, self.recorded, self.ring, self.link))
        self.approvals.take(command.value, self.entries[-1].events)
        return None

    def _is_ignored(self, request: _Command) -> bool:
        """Return whether a request changes nothing, and so leaves nothing in the journal.

        Not signed, or without a name or reason.
        """
        if why_refused(request.value):
            return True
        try:
            prove(self.ring, request.record, type=type(request.value).__name__, key=request.key)
        except NotSigned:
            return request.record.offset not in self.recorded.caused
        return False


def _canonical(value: Any) -> str:
    return json.dumps([type(value).__name__, to_json(value)], sort_keys=True)


def _difference(wanted: Link, found: Link, offsets: Sequence[int], whole_up_to: int) -> str:
    since = [offset for offset in offsets if offset > whole_up_to]
    whole = f"the chain is whole up to offset {whole_up_to}" if whole_up_to >= 0 else "no link before this one is whole"
    if found.number < wanted.number:
        return f"cut: {wanted.number - found.number} operator commands that were accepted are missing; {whole}"
    if found.number > wanted.number:
        more, where = found.number - wanted.number, ", ".join(map(str, since))
        return f"put in: {more} operator commands more than were accepted, among offsets {where}; {whole}"
    return (
        f"changed or moved: the {found.number} operator commands up to here are not those that were accepted, in this "
        f"order and at these places; {whole}"
    )


@dataclass(frozen=True, slots=True)
class _Command:
    record: Inbound
    value: Any
    key: bytes

    @property
    def is_request(self) -> bool:
        """Whether it speaks to the task, about what is parked."""
        return isinstance(self.value, TaskRequests)


def _command(log: Log, codec: Codec, found: Inbound) -> _Command | None:
    """Return an operator command as the task saw it.

    None for anything else, and for what was moved to its own partition.
    """
    try:
        value = codec.decode(found.value)
        if not is_operator_command(found.topic, type(value).__name__):
            return None
        command = _Command(found, value, catalog.topic(found.topic).key_of(value))
    except (SaldoError, ValueError):
        return None
    here = partition_for(command.key, log.partition_count(found.topic)) == found.partition
    return command if here or command.is_request else None


async def _journal(log: Log, codec: Codec, ring: Ring, journal: str, partition: int, inbox: str) -> _Journal:
    recorded, marks = _Journal(), HighWater()
    start, end = await log.watermarks(journal, partition)
    async for batch in log.read(journal, partition, start, end):
        for found in batch:
            source = source_position(found.headers)
            if source is None or source.topic != inbox or not marks.accept(source):
                continue
            recorded.position = max(recorded.position, source.offset + 1)
            name = header_text(found.headers, "ce_type") or ""
            link = link_of(found.headers)
            if link is not None:
                recorded.links[source.offset] = link
                try:
                    prove_link(ring, found, source, str(link))
                except NotSigned as error:
                    recorded.forged[source.offset] = f"{journal}/{partition}/{found.offset}: {error}"
            if name == "PositionMarked":
                continue
            recorded.caused.setdefault(source.offset, []).append((found.offset, name))
            if name in ("RecordParked", "ParkedRecordReleased"):
                event = codec.decode_as_written(found.value)
                if isinstance(event, RecordParked) and event.offset == source.offset:
                    recorded.parked.add(event.offset)
                elif isinstance(event, ParkedRecordReleased):
                    recorded.released.setdefault(source.offset, []).append((event.offset, event.record_key))
    return recorded


def _entry(command: _Command, journal: str, recorded: _Journal, ring: Ring, link: Link) -> Entry:
    found, value = command.record, command.value
    caused = recorded.caused.get(found.offset, [])
    key_id = header_text(found.headers, KEY_ID_HEADER) or ""
    known = ring.find(key_id)
    return Entry(
        inbox=found.topic,
        partition=found.partition,
        offset=found.offset,
        at=found.entered_at,
        what=type(value).__name__,
        key=command.key.decode("utf-8", "backslashreplace"),
        who=next((str(getattr(value, name)) for name in PERSON_FIELDS if hasattr(value, name)), ""),
        authenticated_by=str(getattr(value, "authenticated_by", "")),
        why=str(getattr(value, "reason", "")),
        journal=f"{journal}/{found.partition}",
        journal_from=caused[0][0] if caused else None,
        journal_to=caused[-1][0] if caused else None,
        events=tuple(name for _, name in caused),
        key_id=key_id,
        signed_by=known.role if known else "",
        link=link,
        about=_about(to_json(value)),
    )


# -- before and after --------------------------------------------------------------------------------------------------

# What a command may be about, the narrowest first; its events name it by the same field.
_SUBJECTS = (
    *("posting_reference", "reverses_reference", "abas_open_item_id", "bank_line_id", "paytrace_transaction_id"),
    *("payment_token", "token", "dispute_case", "proposal_id", "alert_id", "rules_name", "data_subject", "shop_order"),
)
_LONGEST_VALUE = 300


def _about(fields: Mapping[str, Any]) -> tuple[str, str] | None:
    return next(((name, str(fields[name])) for name in _SUBJECTS if fields.get(name)), None)


async def _with_states(
    log: Log, codec: Codec, journal: str, partition: int, found_entries: Sequence[Entry]
) -> tuple[Entry, ...]:
    """Return the entries of a partition with before and after, by one more pass over its journal."""
    entries = list(found_entries)
    starts = {entry.journal_from: number for number, entry in enumerate(entries) if entry.journal_from is not None}
    if not starts:
        return tuple(entries)
    keys, wanted = {entry.key for entry in entries}, {entry.about for entry in entries if entry.about is not None}
    last: dict[tuple[str, str], Mapping[str, Any]] = {}
    first, end = await log.watermarks(journal, partition)
    by_source = {entry.offset: number for number, entry in enumerate(entries)}
    async for batch in log.read(journal, partition, first, min(end, max(e.journal_to or 0 for e in entries) + 1)):
        for found in batch:
            if (number := starts.get(found.offset)) is not None and (about := entries[number].about) is not None:
                entries[number] = replace(entries[number], before=last.get(about))
            if (found.key or b"").decode("utf-8", "backslashreplace") not in keys:
                continue
            shown = _shown(codec, found)
            if shown is None:
                continue
            named = _named_in(shown) & wanted
            last |= dict.fromkeys(named, shown)
            source = source_position(found.headers)
            number = None if source is None else by_source.get(source.offset)
            if number is None or source is None or source.topic != entries[number].inbox:
                continue
            entry = entries[number]
            # The last about the same; until there is one, the last of all.
            if entry.about in named or entry.after is None or entry.about not in _named_in(entry.after):
                entries[number] = replace(entry, after=shown)
    return tuple(entries)


def _named_in(shown: Mapping[str, Any]) -> set[tuple[str, str]]:
    return {(name, str(shown[name])) for name in _SUBJECTS if shown.get(name)}


def _shown(codec: Codec, found: Inbound) -> Mapping[str, Any] | None:
    """Return an event, JSON-ready, with long texts cut; None for what only says how far a task is."""
    name = header_text(found.headers, "ce_type") or ""
    if name == "PositionMarked":
        return None
    try:
        fields = to_json(codec.decode_as_written(found.value))
    except SaldoError:
        return None
    return {"event": name, "offset": found.offset, **{field: _short(value) for field, value in fields.items()}}


def _short(value: Any) -> Any:
    is_long = isinstance(value, str) and len(value) > _LONGEST_VALUE
    return f"{value[:_LONGEST_VALUE]}... ({len(value)} characters)" if is_long else value


# -- users, and what an earlier audit saw ----------------------------------------------------------------------------

USERS = "users"


def audit_users(found: Users) -> PartitionAudit:
    """Return the changes of users as one more chain, up to its first break; empty where there are no users.

    A break of the users themselves lies behind the last change.
    """
    what = first_break(found.changes, found.users) if found else ""
    last: dict[tuple[str, str], Change] = {}
    listed = []
    for change in found.changes:
        about = (change.subject, _KINDS_OF_CHANGE.get(change.what, change.what))
        listed.append(_entry_of(change, last.get(about)))
        last[about] = change
    entries = tuple(listed)
    head = entries[-1].link if entries else NO_LINK
    return PartitionAudit(USERS, 0, entries, head, Break(USERS, 0, len(entries), what) if what else None)


# Changes that are about the same: what one made is what the next one found.
_KINDS_OF_CHANGE = {"add": "roles", "set-roles": "roles", "disable": "let in", "enable": "let in"}


def _entry_of(change: Change, before: Change | None) -> Entry:
    return Entry(
        before=None if before is None else {"event": before.what, "detail": before.detail},
        after={"event": change.what, "detail": change.detail},
        inbox=USERS,
        partition=0,
        offset=change.number,
        at=change.at,
        what=change.what,
        key=change.subject,
        who=change.who,
        authenticated_by=change.authenticated_by,
        why=change.detail,
        journal="",
        journal_from=None,
        journal_to=None,
        events=(),
        key_id="",
        signed_by="",
        link=Link(change.number, change.digest),
    )


def parse_heads(text: str) -> Mapping[tuple[str, int], Link]:
    """Return the links that an earlier `saldo audit verify` printed; raises ValueError when there are none."""
    heads = {
        (line["inbox"], int(line["partition"])): Link(int(line["number"]), line["digest"])
        for line in _HEAD.finditer(text)
    }
    if not heads:
        raise ValueError("it holds no line that begins with `whole`")
    return heads


def head_line(one: PartitionAudit) -> str:
    """Return the newest link of a partition, to be kept elsewhere."""
    return f"whole   {one.inbox}/{one.partition}  {one.head.number} commands  {one.head.digest}"


def lost_since(earlier: Mapping[tuple[str, int], Link], found: Sequence[PartitionAudit]) -> Sequence[Break]:
    """Return where the history no longer passes a link that it had.

    Cut at its end, restored from an old copy, or another.
    """
    now = {(one.inbox, one.partition): one for one in found}
    lost = []
    for (inbox, partition), link in sorted(earlier.items()):
        one = now.get((inbox, partition))
        entries = () if one is None else one.entries
        if len(entries) < link.number:
            offset = entries[-1].offset + 1 if entries else 0
            what = f"cut: there are {len(entries)} commands, and an earlier audit saw {link.number}"
            lost.append(Break(inbox, partition, offset, what))
        elif entries[link.number - 1].link != link:
            offset = entries[link.number - 1].offset
            lost.append(
                Break(inbox, partition, offset, f"another history: up to command {link.number} it is not what it was")
            )
    return lost


# Of Entry.as_json: a table without rows has its columns too.
COLUMNS = (
    *(
        "at",
        "who",
        "authenticated_by",
        "what",
        "key",
        "before",
        "after",
        "why",
        "inbox",
        "partition",
        "offset",
        "journal",
    ),
    *("journal_from", "journal_to", "events", "key_id", "signed_by", "number", "digest"),
)


def as_csv(entries: Sequence[Entry]) -> str:
    """Return a table for a spreadsheet, in which no cell is executed; without entries it is the header alone."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for entry in entries:
        writer.writerow({name: for_spreadsheet(_flat(value)) for name, value in entry.as_json().items()})
    return out.getvalue()


def _flat(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, Mapping) else value


def as_jsonl(entries: Sequence[Entry]) -> str:
    """Return one JSON object a line."""
    return "".join(json.dumps(entry.as_json(), ensure_ascii=False) + "\n" for entry in entries)
