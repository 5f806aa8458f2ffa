"""Rules that a log of a test begins with, as a worker offers them at its start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from schemas.files.owned import text_of
from schemas.records.rules import RulesOffered
from schemas.records.tasks import RulesAdopted
from schemas.wire.codec import Codec
from streams.log.memory import MemoryLog
from streams.rules import adoption
from streams.rules.catalogue import KINDS
from tests.support.builders import NOON
from tests.support.signing import by_hand


def offers(
    partitions: int = 1, texts: Mapping[str, str] | None = None, at: datetime = NOON
) -> tuple[RulesOffered, ...]:
    """One offer of each name: the rules that ship with Saldo, or others."""
    return tuple(
        RulesOffered(
            rules_name=kind.name,
            text=(texts or {}).get(kind.name) or text_of(kind.shipped),
            partitions=dict.fromkeys(kind.inboxes, partitions),
            offered_at=at,
        )
        for kind in KINDS.values()
    )


def adoptions(number: int = 1, texts: Mapping[str, str] | None = None) -> tuple[tuple[str, RulesAdopted], ...]:
    """What adopt-rules makes of these offers, each with the inbox that it is for."""
    events = [event for offer in offers(texts=texts) for event in adoption.decide(adoption.INITIAL, offer)]
    routed = [output for event in events for output in adoption.route(adoption.INITIAL, event)]
    adopted = [(output.topic, output.record) for output in routed]
    return tuple((topic, replace(one, number=number)) for topic, one in adopted if isinstance(one, RulesAdopted))


def adopt_into(log: MemoryLog) -> None:
    """Put the rules that ship with Saldo onto each partition that uses them, where no agent is there to do it."""
    codec = Codec()
    for topic, adopted in adoptions():
        for partition in range(log.partition_count(topic)):
            key = adopted.rules_name.encode()
            log._append(by_hand(log, topic, adopted, codec.encode(adopted), key=key, partition=partition))
