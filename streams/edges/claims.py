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
from datetime import datetime

from schemas.failures import Unavailable
from schemas.records.gateway import CarryOutGatewayCall, GatewayCallClaimed
from schemas.topic import Topic
from schemas.values.clock import utc_now
from schemas.wire.codec import Codec
from streams.edges.claim_topic import ClaimTopic
from streams.log.ports import Log

TOPIC = Topic.GATEWAY_CLAIMS


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
        self._topic = ClaimTopic(log, codec, TOPIC, source="saldo/send-to-paytrace")
        self._claimed_by = claimed_by
        self._now = now or utc_now
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
            partition = self._topic.partition_of(call.subject)
            if reference not in self._own:
                self._own[reference] = await self._topic.append(partition, self._claim(call, is_repeatable))
            # Whoever came after us counts too.
            async for offset, claim in self._topic.read_on(partition):
                if isinstance(claim, GatewayCallClaimed):
                    known = Claim(offset, claim.is_repeatable, claim.claimed_by, claim.occurred_at)
                    self._of[claim.call_reference].append(known)
            claims = self._of[reference]
            if self._own[reference] not in [claim.offset for claim in claims]:
                raise Unavailable(f"{TOPIC}/{partition} was not read up to our own claim of {reference}")
            if is_repeatable and all(claim.is_repeatable for claim in claims):
                return True
            is_free = [claim.offset for claim in claims] == [self._own[reference]] and reference not in self._used
            self._used.add(reference)
            return is_free

    def not_made(self, call: CarryOutGatewayCall) -> None:
        """Note that the allowed call certainly did not reach the gateway: it may be made again."""
        self._used.discard(call.call_reference)

    def first_of(self, call: CarryOutGatewayCall) -> str:
        """Return the process that may have made the call, and when it claimed it; for the person who looks into it."""
        first = next(iter(self._of[call.call_reference]), None)
        if first is None:
            return f"the process that {TOPIC} names"
        return f"{first.claimed_by}, claimed at {first.claimed_at:%Y-%m-%d %H:%M:%S} UTC"

    def _claim(self, call: CarryOutGatewayCall, is_repeatable: bool) -> GatewayCallClaimed:
        return GatewayCallClaimed(
            payment_request_id=call.payment_request_id,
            call_reference=call.call_reference,
            subject=call.subject,
            kind=call.kind,
            amount_minor=call.amount_minor,
            currency=call.currency,
            is_repeatable=is_repeatable,
            claimed_by=self._claimed_by,
            occurred_at=self._now(),
        )
