"""What a task needs besides its log: proof that it still owns its partition, and somebody who hears what it does."""

from __future__ import annotations

from typing import Protocol


class Membership(Protocol):
    """Proof that this process still owns a partition."""

    async def holds(self, topic: str, partition: int) -> bool:
        """Return whether the group coordinator, asked recently enough, says that the partition is ours."""
        ...


class Observer(Protocol):
    """Hears what tasks do, for metrics; must not fail."""

    def decided(self, task: str, records: int) -> None:
        """Count records whose consequences are durable."""
        ...

    def dropped(self, task: str, records: int) -> None:
        """Repeats that lay at or below a high-water mark."""
        ...

    def healed(self, task: str, records: int) -> None:
        """Count records that were never delivered and that the task read itself."""
        ...

    def parked(self, task: str, records: int) -> None:
        """Count records that went to the dead letters."""
        ...

    def stalled(self, task: str, reason: str | None) -> None:
        """Note that the task waits (reason), or goes on (None)."""
        ...

    def breaker(self, task: str, *, is_open: bool) -> None:
        """Note that a run of bad records stops the task until they are mended or an operator parks them."""
        ...


class SilentObserver:
    """Hears nothing."""

    def decided(self, task: str, records: int) -> None:
        """Nothing."""

    def dropped(self, task: str, records: int) -> None:
        """Nothing."""

    def healed(self, task: str, records: int) -> None:
        """Nothing."""

    def parked(self, task: str, records: int) -> None:
        """Nothing."""

    def stalled(self, task: str, reason: str | None) -> None:
        """Nothing."""

    def breaker(self, task: str, *, is_open: bool) -> None:
        """Nothing."""
