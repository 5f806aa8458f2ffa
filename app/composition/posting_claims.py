"""The claims of documents about to be saved in the ERP, kept in a topic: they outlive every process that wrote them.

Protects against the second document. A worker that was killed between its save and the answer leaves nothing but its
claim, and a search that lags shows no document: whoever takes over reads the claim and waits instead of posting. The
rule is connectors/abas/rights.py; why so: docs/adr/0036-documents-in-doubt.md.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime

from connectors.abas.rights import ClaimBook, ended, new_claim
from schemas.failures import ContractBroken, Unavailable
from schemas.failures.doubt import Doubt
from schemas.records.erp import ClaimStage, PostingClaimed
from schemas.topic import Topic
from schemas.values.clock import utc_now
from schemas.wire.codec import Codec
from streams.edges.claim_topic import ClaimTopic
from streams.log.ports import Log

TOPIC = Topic.ERP_CLAIMS


class PostingClaims:
    """The claims of one process, held against those of all others. One per process, inside the loop that uses it."""

    def __init__(self, log: Log, codec: Codec, *, claimed_by: str, now: Callable[[], datetime] = utc_now) -> None:
        """Name the process as an operator would look for it."""
        self._topic = ClaimTopic(log, codec, TOPIC, source="saldo/post-to-abas")
        self._claimed_by = claimed_by
        self._now = now
        self._book = ClaimBook()
        self._turns: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def doubt(self, reference: str, subject: str) -> Doubt | None:
        """Return what may have been saved of this document.

        Of one that is in doubt all claims are read: whoever knew only some of them would claim, come second, and wait
        again, and two processes could give way to each other for ever. For any other `claim` reads on.

        Raises: Unavailable when the claims can't be read; ContractBroken when one of them makes no sense.
        """
        partition = self._topic.partition_of(subject)
        if partition not in self._topic.read_to or self._book.doubt(reference) is not None:
            async with self._turns[partition]:
                await self._read_on(partition)
        return self._book.doubt(reference)

    async def claim(self, reference: str, subject: str, permit: str, *, after: Doubt | None) -> PostingClaimed | None:
        """Claim a document, and say whether this process may save it now.

        Ensures: of all processes that knew the same (`after`), at most one gets its claim back.
        Raises:  DeliveryFailed when the claim is not acknowledged: the process must end, the claim may be there.
        """
        partition = self._topic.partition_of(subject)
        async with self._turns[partition]:
            claim = new_claim(reference, subject, permit, claimed_by=self._claimed_by, now=self._now())
            await self._write(partition, claim)
        return claim if self._book.is_first(claim, after) else None

    async def end(self, claim: PostingClaimed, stage: ClaimStage) -> None:
        """Write down what became of a claim of ours."""
        partition = self._topic.partition_of(claim.subject)
        async with self._turns[partition]:
            await self._write(partition, ended(claim, stage, self._now()))

    async def _write(self, partition: int, claim: PostingClaimed) -> None:
        offset = await self._topic.append(partition, claim)
        if offset == self._topic.read_to.get(partition):
            # Nobody wrote in between, so nothing has to be read: the usual case costs one append and no more.
            self._book.note(offset, claim)
            self._topic.read_to[partition] = offset + 1
            return
        await self._read_on(partition)
        if self._topic.read_to[partition] <= offset:
            raise Unavailable(f"{TOPIC}/{partition} was not read up to our own claim of {claim.posting_reference}")

    async def _read_on(self, partition: int) -> None:
        async for offset, claim in self._topic.read_on(partition):
            if not isinstance(claim, PostingClaimed):
                where = f"{TOPIC}/{partition}/{offset}"
                raise ContractBroken(f"{where} is a {type(claim).__name__} and no claim, so nothing is sent")
            self._book.note(offset, claim)
