"""Which process may write a thing into a shop now: one that claimed it, while nobody else may be writing it.

A shop has no idempotency key, and a look-up can't tell that a write is still on its way from a worker that was killed
or paused. So a process claims a write before the call. Whoever comes later looks, and writes only once the last claim
is so old that its call can't be on its way any more: what is written moves no money, so it need not wait for a person.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from schemas.failures import ContractBroken, Unavailable
from schemas.records.orders import ShopWriteClaimed, WriteToShop
from schemas.topic import Topic
from schemas.values.clock import utc_now
from schemas.wire.codec import Codec
from streams.edges.claim_topic import ClaimTopic
from streams.log.ports import Log

TOPIC = Topic.SHOP_CLAIMS
# So many times as long as a call may take before we give it up: one that a killed process sent is over then.
PATIENCE: Final = 10
AGAIN_AFTER: Final = PATIENCE * timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class _Claim:
    offset: int
    claimed_at: datetime


class ShopClaims:
    """The claims of one process, held against those of all others. One per process, inside the loop that uses it."""

    def __init__(
        self,
        log: Log,
        codec: Codec,
        *,
        claimed_by: str,
        again_after: timedelta = AGAIN_AFTER,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """Name the process as an operator would look for it, and how long a call may be on its way."""
        self._topic = ClaimTopic(log, codec, TOPIC, source="saldo/write-to-shop")
        self._claimed_by = claimed_by
        self._again_after = again_after
        self._now = now
        self._of: defaultdict[str, list[_Claim]] = defaultdict(list)
        self._free: set[str] = set()
        self._turn = asyncio.Lock()

    async def may_write(self, command: WriteToShop) -> bool:
        """Claim a write, and say whether this process may make it now, once.

        Ensures: of all processes that ask within again_after, at most one hears yes, and hears it again only after
                 `not_made`.
        Raises:  DeliveryFailed when the claim is not acknowledged (the process must end: it may be there all the same);
                 Unavailable when the claims can't be read; ContractBroken when one of them makes no sense.
        """
        async with self._turn:
            name, partition = command.command_id, self._topic.partition_of(command.shop_order)
            await self._read_on(partition)
            if name in self._free:
                self._free.discard(name)
                return True
            known, at = self._of[name], self._now()
            if known and at - known[-1].claimed_at < self._again_after:
                return False
            seen = len(known)
            claim = ShopWriteClaimed(
                command_id=name, shop_order=command.shop_order, claimed_by=self._claimed_by, occurred_at=at
            )
            own = await self._topic.append(partition, claim)
            await self._read_on(partition)
            newer = [one.offset for one in self._of[name][seen:]]
            if own not in newer:
                raise Unavailable(f"{TOPIC}/{partition} was not read up to our own claim of {name}")
            return newer[0] == own

    def not_made(self, command: WriteToShop) -> None:
        """Note that the allowed write certainly did not reach the shop: this process may make it again."""
        self._free.add(command.command_id)

    async def _read_on(self, partition: int) -> None:
        async for offset, claim in self._topic.read_on(partition):
            if not isinstance(claim, ShopWriteClaimed):
                raise ContractBroken(f"{TOPIC}/{partition}/{offset} is a {type(claim).__name__} and no claim")
            self._of[claim.command_id].append(_Claim(offset, claim.occurred_at))
