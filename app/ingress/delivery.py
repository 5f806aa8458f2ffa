"""Hands records to the broker and says so only when every in-sync replica has them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Final

from app.ingress.problems import away
from schemas import catalog
from schemas.failures import ContractBroken, Unavailable
from schemas.records import Record
from schemas.topic import Topic
from schemas.wire.codec import Codec
from schemas.wire.envelope import header_text
from streams.edges.publishing import to_outbound
from streams.log.ports import DeliveryFailed, Log

logger = logging.getLogger(__name__)

PRODUCER: Final = "ingress"
_PROBE_TIMEOUT_S: Final = 2.0
_PROBE_LASTS_S: Final = 1.0
# Encoded and handed over before others have their turn: some 20 ms.
_AT_ONCE: Final = 500


class Delivery:
    """The broker, as the ways in see it."""

    def __init__(
        self,
        log: Log,
        codec: Codec,
        *,
        ack_timeout_s: float,
        retry_after_s: int,
        on_broken: Callable[[], None],
    ) -> None:
        """Take the log; on_broken is called when its producer gave up for good, and the process should end."""
        self._log = log
        self._codec = codec
        self._ack_timeout_s = ack_timeout_s
        self._retry_after_s = retry_after_s
        self._on_broken = on_broken
        self._asked: dict[str, asyncio.Task[int]] = {}
        self._probing: asyncio.Task[bool] | None = None
        self._probed_at = float("-inf")
        self._suspect = False

    async def publish(self, records: Sequence[Record]) -> list[str]:
        """Append records and wait for every acknowledgement.

        Shapes:  records is (n,); the result is (n,), their event ids.
        Ensures: after a return, all are durable. After a Problem, none is promised; what the broker may have taken
                 after all is the same event when it is sent again.
        Raises:  Problem (503) when the broker is away or too slow; Unreadable when a record does not fit its schema.
        """
        if self._suspect and not await self.ready():
            # What was handed to the producer stays with it until the broker is back, so nothing is added meanwhile.
            raise self._away()
        event_ids: list[str] = []
        try:
            for first in range(0, len(records), _AT_ONCE):
                async with asyncio.timeout(self._ack_timeout_s):
                    event_ids += await self._append(records[first : first + _AT_ONCE])
        except TimeoutError:
            self._suspect = True
            logger.warning("broker too slow", extra={"timeout_s": self._ack_timeout_s})
            raise self._away() from None
        except (Unavailable, ContractBroken) as error:
            self._suspect = True
            logger.warning("broker away", extra={"error": str(error)})
            raise self._away() from None
        except DeliveryFailed as error:
            logger.error("producer broken", extra={"error": str(error)})
            self._on_broken()
            raise self._away() from None
        self._suspect = False
        return event_ids

    async def _append(self, records: Sequence[Record]) -> list[str]:
        for topic in {catalog.inbox_of(type(record).__name__, producer=PRODUCER).name for record in records}:
            await self._know_partitions(topic)
        outbound = [to_outbound(record, producer=PRODUCER, log=self._log, codec=self._codec) for record in records]
        await self._log.append(outbound)
        return [header_text(record.headers, "ce_id") or "" for record in outbound]

    async def ready(self) -> bool:
        """Return whether the broker answers for our inbox; asked at most once a second, however many ask us."""
        if self._probing is None or (self._probing.done() and time.monotonic() - self._probed_at > _PROBE_LASTS_S):
            self._probing = asyncio.create_task(self._probe())
        return await asyncio.shield(self._probing)

    async def _probe(self) -> bool:
        try:
            async with asyncio.timeout(_PROBE_TIMEOUT_S):
                await self._log.watermarks(Topic.PAYMENTS_OBSERVATIONS, 0)
            return True
        except (TimeoutError, Unavailable, ContractBroken):
            return False
        finally:
            self._probed_at = time.monotonic()

    async def _know_partitions(self, topic: str) -> None:
        """Ask for the number of partitions outside the loop, one question at a time, until it was answered once."""
        asked = self._asked.get(topic)
        if asked is None or (asked.done() and (asked.cancelled() or asked.exception())):
            asked = self._asked[topic] = asyncio.create_task(asyncio.to_thread(self._log.partition_count, topic))
        if not asked.done():
            await asyncio.shield(asked)

    def _away(self) -> Exception:
        return away("broker-away", "The broker did not acknowledge in time; nothing is promised.", self._retry_after_s)
