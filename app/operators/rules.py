"""Rules in force: read from the journal of adopt-rules, offered by a worker, adopted by a person.

For `saldo rules` and for a worker at its start. What that journal holds is in force on every partition that uses it
(docs/adr/0085-rules-are-adopted.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from schemas.files.owned import FileInvalid, FileProblem, text_of
from schemas.records.rules import RulesAccepted, RulesOffered, RulesRefused
from schemas.topic import Topic
from schemas.values.clock import utc_now
from schemas.wire.codec import Codec
from streams.log.once import each_once
from streams.log.outbound import Outbound
from streams.log.ports import Log
from streams.rules import adoption
from streams.rules.catalogue import KINDS, RulesKind, kind_of
from streams.rules.settings import RulesSettings

_SOURCE = f"saldo/{adoption.AGENT}"


@dataclass(frozen=True, slots=True)
class RulesFile:
    """Rules as a file holds them."""

    kind: RulesKind
    path: Path
    text: str
    version: int

    @property
    def digest(self) -> str:
        """What distinguishes it from another text."""
        return adoption.digest_of(self.text)


def file_of(name: str, settings: RulesSettings, path: Path | None = None) -> RulesFile:
    """Return the rules of a name: of this file, else of the one that the settings name, else those that ship.

    Raises: LookupError for a name that there is not; FileInvalid.
    """
    kind = kind_of(name)
    where = path or settings.path_of(name) or kind.shipped
    text = text_of(where)
    if len(text) > adoption.LONGEST_TEXT:
        what = f"has {len(text):,} characters; {adoption.LONGEST_TEXT:,} are the most"
        raise FileInvalid([FileProblem(str(where), 1, "", what)])
    return RulesFile(kind, where, text, kind.version_of(text, str(where)))


def partitions_of(kind: RulesKind, log: Log) -> Mapping[str, int]:
    """Return the partitions that use these rules, as the cluster has them now."""
    return {inbox: log.partition_count(inbox) for inbox in kind.inboxes}


async def history(log: Log, codec: Codec) -> Sequence[RulesAccepted | RulesRefused]:
    """Return everything that was decided about rules, oldest first."""
    found: list[RulesAccepted | RulesRefused] = []
    for partition in range(log.partition_count(Topic.RULES_EVENTS)):
        async for record in each_once(log, Topic.RULES_EVENTS, partition):
            event = codec.decode_as_written(record.value)
            if isinstance(event, RulesAccepted | RulesRefused):
                found.append(event)
    return sorted(found, key=lambda event: event.occurred_at)


async def in_force(log: Log, codec: Codec) -> Mapping[str, RulesAccepted]:
    """Return the adoption of each name that is in force; a name without one is left out."""
    accepted = [event for event in await history(log, codec) if isinstance(event, RulesAccepted)]
    return {event.rules_name: event for event in sorted(accepted, key=lambda event: event.number)}


async def offer(log: Log, codec: Codec, settings: RulesSettings) -> Sequence[str]:
    """Offer what nothing was adopted of, and again what not every partition has.

    Any number of workers may do so at once: an offer counts only where it is needed.
    Shapes: the result says of each name in force whose file says something else, or can't be used, what that is.
    Raises: FileInvalid for a file that can't be used while nothing of its name is in force; DeliveryFailed.
    """
    known, now, notes = await in_force(log, codec), utc_now(), []
    for kind in KINDS.values():
        partitions, held = partitions_of(kind, log), known.get(kind.name)
        if held is not None:
            notes += difference(held, settings)
        text = file_of(kind.name, settings).text if held is None else held.text
        if held is None or any(held.partitions.get(inbox, 0) < count for inbox, count in partitions.items()):
            offered = RulesOffered(rules_name=kind.name, text=text, partitions=partitions, offered_at=now)
            topic = Topic.RULES_INBOX
            await log.append([Outbound.of(offered, topic=topic, source=_SOURCE, at=now, codec=codec, log=log)])
    return notes


def difference(held: RulesAccepted, settings: RulesSettings) -> list[str]:
    """Return what the file says other than what is in force, and the way out; empty where they agree."""
    name, raised = held.rules_name, ""
    try:
        file = file_of(name, settings)
    except FileInvalid as error:
        return [f"{name} version {held.version} stays in force; its file can't be used: {error}"]
    if file.digest == held.digest:
        return []
    if file.version <= held.version:
        raised = f"raise its version above {held.version} and "
    return [
        f"{file.path} is version {file.version} and says something else; "
        f"to let it count, {raised}adopt it: saldo rules adopt {name} --why ..."
    ]
