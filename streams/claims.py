"""Which process may make a call that the gateway would carry out twice: the first that claimed it, and nobody else.

Protects money that goes out. A worker that was paused within a call wakes up believing that the call is its own,
although another one took it over; no look-up can tell that the call is still on its way. So a process writes down that
it is about to make a call, and makes it only when nobody else ever wrote the same. A claim is never given up: whoever
comes later can only look. Why so: docs/adr/0024-claims-before-calls.md.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from confluent_kafka import KafkaException

from schemas import catalog
from schemas.codec import Codec
from schemas.envelope import Envelope, content_event_id
from schemas.failures import ContractBroken, Unavailable, Unreadable
from schemas.records.gateway import CarryOutGatewayCall, GatewayCallClaimed
from streams.tasks.ports import Log
from streams.tasks.records import Inbound, Outbound, partition_for

TOPIC = "gateway.claims.v1"


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim as it lies in the topic; the lowest offset of a reference came first."""

    offset: int
    is_repeatable: bool
    claimed_by: str
    claimed_at: datetime


class Claims:
    """The claims of one process, held against those of all others. One per process, inside the loop that uses it."""

    def __init__(self, log: Log, codec: Codec, *, claimed_by: str, now: Callable[[], datetime] | None = None) -> None:
        """Name the process as an operator would look for it."""
        self._log = log
        self._codec = codec
        self._claimed_by = claimed_by
        self._now = now or (lambda: datetime.now(UTC))
        self._read_to: dict[int, int] = {}
        self._of: defaultdict[str, list[Claim]] = defaultdict(list)
        self._own: dict[str, int] = {}
        self._used: set[str] = set()
        self._turn = asyncio.Lock()

    async def may_make(self, call: CarryOutGatewayCall, *, is_repeatable: bool) -> bool:
        """Claim a call, and say whether this process may make it now, once.

        Ensures: of all processes that ever ask for a reference, at most one hears yes, and hears it once (again only
                 after `not_made`). Calls that the gateway takes once however often they come (is_repeatable) are the
                 exception: yes, as long as nobody claimed the reference for one that it takes again.
        Raises:  DeliveryFailed when the claim is not acknowledged (the process must end: it may be there all the
                 same); Unavailable when the claims can't be read; ContractBroken when one of them makes no sense.
        """
        async with self._turn:
            reference = call.call_reference
            try:
                partition = partition_for(call.subject.encode(), self._log.partition_count(TOPIC))
                if reference not in self._own:
                    self._own[reference] = await self._append(call, partition, is_repeatable)
                await self._read_on(partition)
            except KafkaException as error:
                raise Unavailable(f"{TOPIC} can't be read: {error}") from error
            claims = self._of[reference]
            if self._own[reference] not in [claim.offset for claim in claims]:
                raise Unavailable(f"{TOPIC}/{partition} was not read up to our own claim of {reference}")
            if is_repeatable and all(claim.is_repeatable for claim in claims):
                return True
            is_free = [claim.offset for claim in claims] == [self._own[reference]] and reference not in self._used
            self._used.add(reference)
            return is_free

    def not_made(self, call: CarryOutGatewayCall) -> None:
        """The call that was allowed did certainly not reach the gateway: unless somebody else came, it may be again."""
        self._used.discard(call.call_reference)

    def first_of(self, call: CarryOutGatewayCall) -> str:
        """The process that may have made the call, and when it claimed it; for the person who looks into it."""
        first = next(iter(self._of[call.call_reference]), None)
        if first is None:
            return f"the process that {TOPIC} names"
        return f"{first.claimed_by}, claimed at {first.claimed_at:%Y-%m-%d %H:%M:%S} UTC"

    async def _append(self, call: CarryOutGatewayCall, partition: int, is_repeatable: bool) -> int:
        claim = GatewayCallClaimed(
            wish_id=call.wish_id,
            call_reference=call.call_reference,
            subject=call.subject,
            kind=call.kind,
            amount_minor=call.amount_minor,
            currency=call.currency,
            is_repeatable=is_repeatable,
            claimed_by=self._claimed_by,
            occurred_at=self._now(),
        )
        name, value = type(claim).__name__, self._codec.encode(claim)
        envelope = Envelope(
            event_id=content_event_id(name, value), type=name, source="saldo/send-to-paytrace", time=claim.occurred_at
        )
        key = catalog.topic(TOPIC).key_of(claim)
        (offset,) = await self._log.append(
            [Outbound(topic=TOPIC, partition=partition, key=key, value=value, headers=envelope.to_headers())]
        )
        return offset

    async def _read_on(self, partition: int) -> None:
        """Read what was claimed since the last time, to the end: whoever came after us counts too."""
        start, end = await self._log.watermarks(TOPIC, partition)
        async for batch in self._log.read(TOPIC, partition, self._read_to.get(partition, start), end):
            for record in batch:
                self._note(record)
                # As far as was read and not as far as was asked for, so that no claim is ever stepped over.
                self._read_to[partition] = record.offset + 1

    def _note(self, record: Inbound) -> None:
        try:
            claim = self._codec.decode_as_told(record.value)  # a claim counts whatever it says of the call
        except Unreadable as error:
            where = f"{record.topic}/{record.partition}/{record.offset}"
            raise ContractBroken(
                f"{where} is no claim that this version can read, so nothing is sent: {error}"
            ) from error
        if isinstance(claim, GatewayCallClaimed):
            self._of[claim.call_reference].append(
                Claim(record.offset, claim.is_repeatable, claim.claimed_by, claim.occurred_at)
            )
