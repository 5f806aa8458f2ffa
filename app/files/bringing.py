"""Writes what a file says: the file to its topic first, then its facts, each acknowledged before the next begins.

A crash between the two leaves a file whose facts are missing; whoever brings the same bytes again completes it.
"""

from __future__ import annotations

from app.files.reading import Understood
from schemas.wire.codec import Codec
from streams.edges.publishing import to_outbound
from streams.log.ports import Log


async def write(understood: Understood, *, producer: str, log: Log, codec: Codec) -> int:
    """Write a file and its facts; the result is the number of facts.

    Ensures: on return all are durable. Written again they are the same events.
    Raises:  Unreadable naming a record that its inbox does not take; Unavailable; DeliveryFailed.
    """
    for records in (understood.received, understood.facts):
        if records:
            await log.append([to_outbound(one, producer=producer, log=log, codec=codec) for one in records])
    return len(understood.facts)
