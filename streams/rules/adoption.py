"""Which rules count from now on? Decided one name at a time, in one order for all partitions that use them.

An adoption is accepted here, then written to every partition of the inbox that uses the rules, and only then to the
journal: so what the journal holds is in force everywhere, and after a crash on the way it is written again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias, assert_never

from schemas.checks.attribution import why_not_attributed
from schemas.files.owned import FileInvalid
from schemas.records.by_topic import RulesEvents, RulesInbox
from schemas.records.rules import AdoptRules, RulesAccepted, RulesOffered, RulesRefused
from schemas.records.tasks import RulesAdopted
from schemas.topic import Topic
from streams.domain.output import Output
from streams.rules.catalogue import kind_of

AGENT = "adopt-rules"
LONGEST_TEXT = 200_000  # a fifth of what a record may have; our own rules have 2,000
Event: TypeAlias = RulesAccepted | RulesRefused


@dataclass(frozen=True, slots=True)
class State:
    """The adoption of one name that is in force; number 0 before the first."""

    number: int = 0
    version: int = 0
    digest: str = ""
    text: str = ""
    partitions: Mapping[str, int] = field(default_factory=dict)
    command_ids: frozenset[str] = frozenset()

    def reaches(self, partitions: Mapping[str, int]) -> bool:
        """Return whether every one of these partitions was written to."""
        return all(self.partitions.get(inbox, 0) >= count for inbox, count in partitions.items())


INITIAL = State()


def decide(state: State, record: RulesInbox) -> tuple[Event, ...]:
    """Return what follows from a person's adoption, or from what a worker offers at its start.

    Ensures: a command that was here yields (); an offer is accepted only where nothing is in force, and repeats what is
             where partitions lack it.
    """
    match record:
        case AdoptRules():
            return () if record.command_id in state.command_ids else (_adopted(state, record),)
        case RulesOffered():
            return _offered(state, record)
        case _:
            assert_never(record)


def evolve(state: State, event: RulesEvents) -> State:
    """Remember what is in force, and which commands were answered."""
    match event:
        case RulesAccepted():
            known = state.command_ids | {event.command_id} if event.command_id else state.command_ids
            return State(event.number, event.version, event.digest, event.text, dict(event.partitions), known)
        case RulesRefused():
            return replace(state, command_ids=state.command_ids | {event.command_id})
        case _:
            assert_never(event)


def route(_state: State, event: RulesEvents) -> tuple[Output, ...]:
    """Send an accepted adoption to every partition that uses it."""
    if not isinstance(event, RulesAccepted):
        return ()
    adopted = RulesAdopted(
        rules_name=event.rules_name,
        number=event.number,
        version=event.version,
        digest=event.digest,
        text=event.text,
        adopted_by=event.requested_by,
        occurred_at=event.occurred_at,
    )
    return tuple(
        Output(Topic(inbox), adopted, partition)
        for inbox, count in sorted(event.partitions.items())
        for partition in range(count)
    )


def digest_of(text: str) -> str:
    """Return what tells one text of rules from another."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def why_not(in_force: RulesAccepted | None, command: AdoptRules) -> str:
    """Return why a command would be refused where this is in force; empty if it would be accepted."""
    return _why_not(INITIAL if in_force is None else evolve(INITIAL, in_force), command)


def _adopted(state: State, command: AdoptRules) -> Event:
    refusal = why_not_attributed(command.requested_by, command.reason) or _why_not(state, command)
    if refusal:
        return RulesRefused(
            rules_name=command.rules_name,
            version=command.version,
            command_id=command.command_id,
            requested_by=command.requested_by,
            authenticated_by=command.authenticated_by,
            approved_by=command.approved_by,
            reason=command.reason,
            refusal=refusal,
            occurred_at=command.requested_at,
        )
    return RulesAccepted(
        rules_name=command.rules_name,
        number=state.number + 1,
        version=command.version,
        digest=digest_of(command.text),
        text=command.text,
        partitions=command.partitions,
        command_id=command.command_id,
        requested_by=command.requested_by,
        authenticated_by=command.authenticated_by,
        approved_by=command.approved_by,
        reason=command.reason,
        occurred_at=command.requested_at,
    )


def _why_not(state: State, command: AdoptRules) -> str:
    wrong = _unusable(command.rules_name, command.text, command.partitions)
    if wrong:
        return wrong
    stated = kind_of(command.rules_name).version_of(command.text, command.rules_name)
    if stated != command.version:
        return f"the text says version {stated}, the command {command.version}; give the version of the text"
    if not all(command.partitions.get(inbox, 0) >= count for inbox, count in state.partitions.items()):
        return f"it reaches fewer partitions than before ({dict(state.partitions)}); read the cluster again"
    if stated > state.version:
        return ""
    if digest_of(command.text) != state.digest:
        return f"version {state.version} is in force; raise the version of this text above it"
    return f"version {state.version} is in force already, with this very text" * state.reaches(command.partitions)


def _unusable(name: str, text: str, partitions: Mapping[str, int]) -> str:
    """Return why these rules can't be adopted by anybody; empty if they can."""
    if len(text) > LONGEST_TEXT:
        return f"the text has {len(text):,} characters; {LONGEST_TEXT:,} are the most"
    try:
        kind = kind_of(name)
        kind.read(text, name)
    except (LookupError, FileInvalid) as error:
        return str(error)
    if set(partitions) != set(kind.inboxes) or min(partitions.values()) < 1:
        return f"{name} are used by {' and '.join(kind.inboxes)}, with one partition or more"
    return ""


def _offered(state: State, offer: RulesOffered) -> tuple[Event, ...]:
    if state.number and state.reaches(offer.partitions):
        return ()
    text = state.text if state.number else offer.text
    if _unusable(offer.rules_name, text, offer.partitions):
        return ()  # a worker reads what it offers, so this is another version's; its own worker will offer again
    return (
        RulesAccepted(
            rules_name=offer.rules_name,
            number=state.number + 1,
            version=kind_of(offer.rules_name).version_of(text, offer.rules_name),
            digest=digest_of(text),
            text=text,
            partitions={inbox: max(count, state.partitions.get(inbox, 0)) for inbox, count in offer.partitions.items()},
            command_id="",
            requested_by=AGENT,
            authenticated_by="",
            reason="partitions lacked it" if state.number else "nothing was adopted before",
            occurred_at=offer.offered_at,
        ),
    )
