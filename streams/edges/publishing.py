"""Turns what a source knows into a record for its inbox: one way for pollers and for the ingress.

Decides the identity of a fact: its event id is a digest of what it says. When and by which way it was observed is no
part of that, so the hook, the Silent Post and the poll of one fact carry one event id, and it folds to one event.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from schemas import catalog
from schemas.records import Record
from schemas.wire.codec import Codec, to_json
from schemas.wire.envelope import content_event_id
from streams.log.outbound import Outbound
from streams.log.ports import Log

NOT_CONTENT = frozenset({"observed_at", "observed_on", "observed_by"})


def to_outbound(record: Any, *, producer: str, log: Log, codec: Codec) -> Outbound:
    """Return one observation as its inbox takes it, key and partition chosen.

    Shapes:  record is any dataclass with observed_at, or a command with occurred_at, that this producer writes to
             exactly one inbox.
    Ensures: equal content gives the equal event id, whoever tells it and whenever.
             What cannot be true is a fact all the same, since the other side states it: it is written as stated, and
             the agent of the inbox parks it where people see it.
    Raises:  LookupError when the catalogue gives the producer no inbox; Unreadable when a field does not fit, a text
             holds a card or bank number that no edge masked, or all of it is too large for the inbox.
    """
    spec = catalog.inbox_of(type(record).__name__, producer=producer)
    return Outbound.of(
        record,
        topic=spec.name,
        source=f"saldo/{producer}",
        at=getattr(record, "observed_at", None) or record.occurred_at,
        codec=codec,
        log=log,
        event_id=observation_id(record),
        as_written=True,
    )


def observation_id(record: Record) -> str:
    """Return the event id of an observation: a digest of what it says."""
    return content_event_id(type(record).__name__, _content(record))


def content_digest(records: Sequence[Record]) -> str:
    """Digest of what the records say, leaving out when it was said and how it was observed."""
    return hashlib.sha256(b"\n".join(_content(record, {"occurred_at"}) for record in records)).hexdigest()


def _content(record: Record, left_out: AbstractSet[str] = frozenset()) -> bytes:
    fields = {name: value for name, value in to_json(record).items() if name not in NOT_CONTENT | left_out}
    return json.dumps([type(record).__name__, fields], sort_keys=True, ensure_ascii=False).encode()
