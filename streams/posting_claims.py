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

from confluent_kafka import KafkaException

from connectors.abas.documents.kind import Command
from connectors.abas.rights import ClaimBook, ended, new_claim, utc_now
from schemas import catalog
from schemas.codec import Codec
from schemas.doubt import Doubt
from schemas.envelope import Envelope, content_event_id
from schemas.failures import ContractBroken, Unavailable, Unreadable
from schemas.records.erp import ClaimStage, PostingClaimed
from streams.tasks.ports import Log
from streams.tasks.records import Inbound, Outbound, partition_for

TOPIC = "erp.claims.v1"


class PostingClaims:
    """The claims of one process, held against those of all others. One per process, inside the loop that uses it."""

    def __init__(self, log: Log, codec: Codec, *, claimed_by: str, now: Callable[[], datetime] = utc_now) -> None:
        """Name the process as an operator would look for it."""
        self._log = log
        self._codec = codec
        self._claimed_by = claimed_by
        self._now = now
        self._book = ClaimBook()
        self._read_to: dict[int, int] = {}
        self._turns: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def doubt(self, command: Command) -> Doubt | None:
        """What may have been saved of this document, as far as was read; `claim` reads on.

        Raises: Unavailable when the claims can't be read; ContractBroken when one of them makes no sense.
        """
        partition = self._partition(command.abas_customer_id)
        if partition not in self._read_to:
            async with self._turns[partition]:
                await self._read_on(partition)
        return self._book.doubt(command.posting_reference)

    async def claim(self, command: Command, permit: str, *, after: Doubt | None) -> PostingClaimed | None:
        """Claim a document, and say whether this process may save it now.

        Ensures: of all processes that knew the same (`after`), at most one gets its claim back.
        Raises:  DeliveryFailed when the claim is not acknowledged: the process must end, the claim may be there.
        """
        partition = self._partition(command.abas_customer_id)
        async with self._turns[partition]:
            claim = new_claim(command, permit, claimed_by=self._claimed_by, now=self._now())
            await self._write(partition, claim)
        return claim if self._book.is_first(claim, after) else None

    async def end(self, claim: PostingClaimed, stage: ClaimStage) -> None:
        """Write down what became of a claim of ours."""
        partition = self._partition(claim.abas_customer_id)
        async with self._turns[partition]:
            await self._write(partition, ended(claim, stage, self._now()))

    async def _write(self, partition: int, claim: PostingClaimed) -> None:
        name, value = type(claim).__name__, self._codec.encode(claim)
        envelope = Envelope(
            event_id=content_event_id(name, value), type=name, source="saldo/post-to-abas", time=claim.occurred_at
        )
        key = catalog.topic(TOPIC).key_of(claim)
        (offset,) = await self._log.append(
            [Outbound(topic=TOPIC, partition=partition, key=key, value=value, headers=envelope.to_headers())]
        )
        if offset == self._read_to.get(partition):
            # Nobody wrote in between, so nothing has to be read: the usual case costs one append and no more.
            self._book.note(offset, claim)
            self._read_to[partition] = offset + 1
            return
        await self._read_on(partition)
        if self._read_to[partition] <= offset:
            raise Unavailable(f"{TOPIC}/{partition} was not read up to our own claim of {claim.posting_reference}")

    def _partition(self, customer: str) -> int:
        try:
            return partition_for(customer.encode(), self._log.partition_count(TOPIC))
        except KafkaException as error:
            raise Unavailable(f"{TOPIC} can't be read: {error}") from error

    async def _read_on(self, partition: int) -> None:
        """Read what was claimed since the last time, to the end."""
        try:
            start, end = await self._log.watermarks(TOPIC, partition)
            self._read_to.setdefault(partition, start)
            async for batch in self._log.read(TOPIC, partition, self._read_to[partition], end):
                for record in batch:
                    self._book.note(record.offset, self._decoded(record))
                    # As far as was read and not as far as was asked for, so that no claim is ever stepped over.
                    self._read_to[partition] = record.offset + 1
        except KafkaException as error:
            raise Unavailable(f"{TOPIC} can't be read: {error}") from error

    def _decoded(self, record: Inbound) -> PostingClaimed:
        where = f"{record.topic}/{record.partition}/{record.offset}"
        try:
            claim = self._codec.decode(record.value)
        except Unreadable as error:
            raise ContractBroken(
                f"{where} is no claim that this version can read, so nothing is sent: {error}"
            ) from error
        if not isinstance(claim, PostingClaimed):
            raise ContractBroken(f"{where} is a {type(claim).__name__} and no claim, so nothing is sent")
        return claim
