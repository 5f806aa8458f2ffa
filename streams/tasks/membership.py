"""Who owns a partition: the group coordinator's word, recent enough to act on.

A process that was paused (SIGSTOP, a frozen machine) wakes up believing that it still owns its partitions, although
its session ended and another one took over. So before a batch is decided and again before it is written, ownership
must have been confirmed within half the session timeout; else the coordinator is asked first. What can still slip
through is the one batch in hand at the moment of the pause, and readers drop it.
"""

from __future__ import annotations

import asyncio
import logging

from schemas.failures import ContractBroken, Unavailable
from schemas.values.clock import monotonic_s
from streams.log.cluster import Cluster

logger = logging.getLogger(__name__)


class GroupMembership:
    """Asks the coordinator of a consumer group which partitions the member with our client id holds."""

    def __init__(self, cluster: Cluster, *, group: str, client_id: str, session_timeout_s: float) -> None:
        """Describe the group; `client_id` must be this process's alone, for it is how we know ourselves."""
        self._cluster = cluster
        self._group = group
        self._client_id = client_id
        self._fresh_s = session_timeout_s / 2
        self._confirmed_at = float("-inf")
        self._held: frozenset[tuple[str, int]] = frozenset()
        self._lock = asyncio.Lock()

    async def holds(self, topic: str, partition: int) -> bool:
        """Return whether the coordinator, asked within half a session timeout, says that the partition is ours."""
        if monotonic_s() - self._confirmed_at >= self._fresh_s:
            async with self._lock:
                if monotonic_s() - self._confirmed_at >= self._fresh_s:
                    await self.confirm()
        return (topic, partition) in self._held

    async def confirm(self) -> None:
        """Ask now. When the coordinator cannot be asked, nothing is ours until it can."""
        asked_at = monotonic_s()
        try:
            self._held = await asyncio.to_thread(self._ask)
        except (Unavailable, ContractBroken) as error:
            logger.warning("cannot ask the group coordinator", extra={"group": self._group, "error": str(error)})
            self._held = frozenset()
        self._confirmed_at = asked_at

    def _ask(self) -> frozenset[tuple[str, int]]:
        return self._cluster.held_by(self._group, self._client_id)


class SoleOwner:
    """Everything is ours: for a rebuild, a test, or a process that is alone by construction."""

    async def holds(self, topic: str, partition: int) -> bool:
        """Return True, always."""
        return True
