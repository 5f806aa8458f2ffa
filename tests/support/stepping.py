"""Coroutines moved by hand, one await at a time, so that a test decides who is paused where and who ends where.

No event loop and no clock: a step runs up to the next `pause()`, and whoever gets no step is frozen.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator, Mapping, Sequence
from typing import Any

from streams.log.memory import MemoryLog
from streams.log.outbound import Outbound
from streams.log.records import Inbound
from tests.support.signing import SIGNER


class pause:  # noqa: N801  # reads as a verb where it is awaited
    """The point at which a step ends."""

    def __await__(self) -> Generator[None, None, None]:
        """Hand control back to whoever steps."""
        yield


class Stepped:
    """One attempt of one process."""

    def __init__(self, work: Coroutine[Any, Any, Any]) -> None:
        self._work = work

    def step(self) -> bool:
        """Run to the next pause; True when the work is over. Raises what the work raises."""
        try:
            self._work.send(None)
        except StopIteration as end:
            self.result = end.value
            return True
        return False

    def kill(self) -> None:
        """End it where it stands."""
        self._work.close()


def finish(work: Coroutine[Any, Any, Any]) -> Any:
    """Run to the end without a stop."""
    attempt = Stepped(work)
    while not attempt.step():
        continue
    return attempt.result


class SteppedLog(MemoryLog):
    """A log in memory that can be stopped before and after each answer of the broker."""

    def __init__(self, partitions: Mapping[str, int]) -> None:
        super().__init__(partitions, signer=SIGNER)

    async def append(self, records: Sequence[Outbound]) -> Sequence[int]:
        """Durable between two pauses: a process may end before, or without having heard."""
        offsets: Sequence[int] = await paused_between(lambda: super(SteppedLog, self).append(records))
        return offsets

    async def watermarks(self, topic: str, partition: int) -> tuple[int, int]:
        """True when asked, and old when heard."""
        marks: tuple[int, int] = await paused_between(lambda: super(SteppedLog, self).watermarks(topic, partition))
        return marks

    async def read(self, topic: str, partition: int, start: int, end: int) -> AsyncIterator[Sequence[Inbound]]:
        """Record by record."""
        for offset in range(start, end):
            await pause()
            yield self.records(topic, partition)[offset : offset + 1]


async def paused_between(work: Callable[[], Awaitable[Any]]) -> Any:
    """What `work` answers, with a pause on its way there and one on its way back."""
    await pause()
    answer = await work()
    await pause()
    return answer
