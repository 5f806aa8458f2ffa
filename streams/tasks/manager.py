"""All tasks of one process: makes them when their partitions come, tends them, lets them go.

This is the whole surface that agents see: `advance(processor, records)`. It never raises: what a record can do wrong
ends in the dead letters, what the world can do wrong makes the task wait, and what could lose something ends the
process, whose supervisor starts it again from the journals.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn

from schemas.failures import Unavailable
from schemas.values.clock import monotonic_s
from streams.log.ports import DeliveryFailed
from streams.log.records import Inbound
from streams.tasks.processor import AnyProcessor
from streams.tasks.task import Task

logger = logging.getLogger(__name__)

# A task that Faust feeds moves within milliseconds; one that has not moved for this long may have a gap at its tail.
IDLE_S = 1.0

AFTER_HALT = "nothing is lost: started again, it goes on from its journals"

Halt = Callable[[str], NoReturn]
NewTask = Callable[[AnyProcessor, int], Task[Any]]


class TaskManager:
    """The tasks of a worker process."""

    def __init__(self, processors: Iterable[AnyProcessor], new_task: NewTask, halt: Halt) -> None:
        """Name the processors; `new_task` makes a task for a partition, `halt` ends the process."""
        self._processors: Mapping[str, AnyProcessor] = {processor.inbox: processor for processor in processors}
        self._new_task = new_task
        self._halt = halt
        self._tasks: dict[tuple[str, int], Task[Any]] = {}

    @property
    def tasks(self) -> Sequence[Task[Any]]:
        """The tasks at hand, by inbox and partition."""
        return [task for _, task in sorted(self._tasks.items())]

    async def advance(self, processor: AnyProcessor, records: Sequence[Inbound]) -> None:
        """Decide records of any partitions of a processor's inbox; on return their consequences are durable."""
        by_partition: dict[int, list[Inbound]] = {}
        for record in records:
            by_partition.setdefault(record.partition, []).append(record)
        await self._guarded(
            *(self._task(processor.inbox, partition).advance(found) for partition, found in by_partition.items())
        )

    async def tend(self, assigned: Iterable[tuple[str, int]]) -> None:
        """Look after every assigned partition once: restore it, and read what was never delivered."""
        mine = {tp for tp in assigned if tp[0] in self._processors}
        idle = [
            task
            for task in (self._task(*tp) for tp in sorted(mine))
            if task.progress is None or monotonic_s() - task.moved_at >= IDLE_S
        ]
        await self._guarded(*(task.catch_up() for task in idle))
        # Also for a task that is never idle: what it holds back must not wait for a quiet moment.
        await self._guarded(*(self._task(*tp).retry_held() for tp in sorted(mine)))
        await self._guarded(*(self._task(*tp).remind() for tp in sorted(mine)))

    async def release(self, revoked: Iterable[tuple[str, int]]) -> None:
        """Finish the batches in hand of these partitions, then forget them."""
        leaving = [task for tp in revoked if (task := self._tasks.get(tp)) is not None]
        await self._guarded(*(task.settle() for task in leaving))

    def _task(self, inbox: str, partition: int) -> Task[Any]:
        task = self._tasks.get((inbox, partition))
        if task is None:
            task = self._tasks[inbox, partition] = self._new_task(self._processors[inbox], partition)
        return task

    async def _guarded(self, *work: Any) -> None:
        """Run to the end even when the caller is cancelled, and end the process on any failure."""
        running = asyncio.ensure_future(asyncio.gather(*work))
        try:
            await asyncio.shield(running)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            # A broker that is away is no fault to trace; what it means is said, and the process starts again.
            away = isinstance(error, DeliveryFailed | Unavailable)
            logger.critical(
                "worker halts",
                exc_info=None if away else error,
                extra={"reason": f"{type(error).__name__}: {error}", "next": AFTER_HALT},
            )
            self._halt(f"{type(error).__name__}: {error}")
