"""A loop with its own time, in which several processes run side by side, in an order that a seed decides.

Each process keeps the order of its own callbacks, as an asyncio loop does; which process goes on next is drawn. Time
stands still while anybody has something to do and then jumps to the next timer. A killed process never runs another
line, not even a `finally`; a paused one keeps what comes meanwhile, timers that ran out included, for when it wakes up.
"""

from __future__ import annotations

import asyncio
import contextvars
import gc
import heapq
import random
import uuid
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.values.clock import running_on

BEGIN = datetime(2026, 11, 24, 16, 0, tzinfo=UTC)
# Every timer that is due counts as this late, so that equal floats never decide an order.
_TICK_S = 1e-9


class StuckForever(Exception):
    """Nobody has anything to do and no timer runs."""


class OutOfPatience(Exception):
    """The run took more steps than any story needs: something spins."""


class Process:
    """What can be killed and paused by itself."""

    def __init__(self, name: str, number: int) -> None:
        """`number` tells it in the digest; names are for people."""
        self.name = name
        self.number = number
        self.is_alive = True
        self.is_paused = False
        self.silent_since_s: float | None = None
        self.ready: deque[asyncio.Handle] = deque()
        # Held for as long as the run lasts: a coroutine that is let go of would run its `finally` blocks.
        self.tasks: list[asyncio.Task[Any]] = []
        self.steps = 0
        # Steps at which something happens to it; drawn by whoever plays the troubles.
        self.dies_at: int | None = None
        self.on_death: Callable[[], None] | None = None

    def __repr__(self) -> str:
        return self.name


_process: ContextVar[Process | None] = ContextVar("simulated_process", default=None)


def current_process() -> Process:
    """The process whose code runs now."""
    found = _process.get()
    assert found is not None, "only a simulated process does that"
    return found


class SimClock:
    """The clock of everything that runs in the simulator; ids are drawn from the seed."""

    def __init__(self, loop: SimLoop, rng: random.Random) -> None:
        self._loop = loop
        self._rng = rng

    def utc_now(self) -> datetime:
        """The begin of the story and the time since."""
        return BEGIN + timedelta(seconds=self._loop.time())

    def monotonic_s(self) -> float:
        """Seconds since the begin of the story, and some more, as after a boot."""
        return 1_000.0 + self._loop.time()

    def new_uuid(self) -> uuid.UUID:
        """The next id of the seed."""
        return uuid.UUID(int=self._rng.getrandbits(128), version=4)


class _Ready:
    """Stands where asyncio keeps its queue of callbacks, and sorts them by process."""

    def __init__(self, loop: SimLoop) -> None:
        self._loop = loop

    def append(self, handle: asyncio.Handle) -> None:
        process: Process = handle._context.get(_process) or self._loop.outside  # type: ignore[attr-defined]
        if process.is_alive:
            process.ready.append(handle)

    def clear(self) -> None:
        for process in self._loop.processes:
            process.ready.clear()


class SimLoop(asyncio.BaseEventLoop):
    """The loop. Use `simulated` to get one that is installed and closed again."""

    def __init__(self, rng: random.Random, *, most_steps: int) -> None:
        super().__init__()
        self._rng = rng
        self._is_ending = False
        self._now_s = 0.0
        self._most_steps = most_steps
        self.outside = Process("outside", 0)
        self.processes: list[Process] = [self.outside]
        self._ready = _Ready(self)
        self.steps = 0
        # A number that all steps so far made: the same steps give the same one.
        self.fingerprint = 0
        self._base = contextvars.copy_context()

    def time(self) -> float:
        """Virtual seconds since the begin."""
        return self._now_s

    def new_process(self, name: str) -> Process:
        """A process that lives from now on."""
        process = Process(name, len(self.processes))
        self.processes.append(process)
        return process

    def create_task(self, coro: Any, *, name: Any = None, context: Any = None) -> asyncio.Task[Any]:
        """Run a coroutine, and keep hold of it."""
        task = super().create_task(coro, name=name, context=context)
        self._hold(task, context)
        return task

    def spawn(self, process: Process, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Run this in a process."""
        return self.create_task(work, context=self.context_of(process))

    def context_of(self, process: Process) -> contextvars.Context:
        """A context whose callbacks belong to a process."""
        context = self._base.copy()
        context.run(_process.set, process)
        return context

    def kill(self, process: Process) -> None:
        """kill -9: nothing of it runs ever again."""
        if process.is_alive:
            process.is_alive = False
            process.silent_since_s = self._now_s
            process.ready.clear()
            if process.on_death is not None:
                process.on_death()

    def pause(self, process: Process) -> None:
        """SIGSTOP."""
        if process.is_alive and not process.is_paused:
            process.is_paused = True
            process.silent_since_s = self._now_s

    def resume(self, process: Process) -> None:
        """SIGCONT."""
        process.is_paused = False
        if process.is_alive:
            process.silent_since_s = None

    def _run_once(self) -> None:
        scheduled = self._scheduled  # type: ignore[attr-defined]
        runnable = [p for p in self.processes if p.ready and not p.is_paused]
        if not runnable:
            while scheduled and scheduled[0]._cancelled:
                heapq.heappop(scheduled)._scheduled = False
            if not scheduled:
                if self._stopping:  # type: ignore[attr-defined]
                    return
                raise StuckForever
            self._now_s = max(self._now_s, scheduled[0]._when)
            end = self._now_s + _TICK_S
            while scheduled and scheduled[0]._when <= end:
                handle = heapq.heappop(scheduled)
                handle._scheduled = False
                if not handle._cancelled:
                    self._ready.append(handle)
            self.processes = [p for p in self.processes if p.is_alive or p.is_paused]
            return
        process = runnable[0] if len(runnable) == 1 else runnable[int(self._rng.random() * len(runnable))]
        self.steps += 1
        if self.steps > self._most_steps:
            raise OutOfPatience(f"{self.steps} steps, {self._now_s:.0f} s of the story")
        self.fingerprint = (self.fingerprint * 1_000_003 + process.number) & 0xFFFF_FFFF_FFFF_FFFF
        process.steps += 1
        if process.dies_at is not None and process.steps >= process.dies_at:
            self.kill(process)
            return
        handle = process.ready.popleft()
        if not handle._cancelled:
            handle._run()

    def _hold(self, task: asyncio.Task[Any], context: contextvars.Context | None) -> None:
        process = (context or contextvars.copy_context()).get(_process) or self.outside
        if len(process.tasks) > 500:
            process.tasks = [held for held in process.tasks if not held.done()]
        process.tasks.append(task)

    def _asyncgen_finalizer_hook(self, agen: Any) -> None:
        if not self._is_ending:
            super()._asyncgen_finalizer_hook(agen)  # type: ignore[misc]

    # -- what BaseEventLoop leaves to its selector -----------------------------------------------------------------

    def call_soon_threadsafe(  # type: ignore[override]
        self, callback: Any, *args: Any, context: Any = None
    ) -> asyncio.Handle:
        """There are no threads."""
        return self.call_soon(callback, *args, context=context)

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:  # type: ignore[override]
        """A thread's work, done at once; that it took some time shows in when its result comes."""
        future = self.create_future()
        try:
            result, error = func(*args), None
        except Exception as raised:
            result, error = None, raised

        def done() -> None:
            if future.cancelled():
                return
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

        self.call_later(self._rng.random() * 0.01, done)
        return future

    def _process_events(self, event_list: Any) -> None:
        """No sockets, hence no events."""

    def _write_to_self(self) -> None:
        """Nobody sleeps who would have to be woken up."""


@contextmanager
def simulated(rng: random.Random, *, most_steps: int = 3_000_000) -> Iterator[SimLoop]:
    """A loop with its clock, installed for the block; what was left running is put away without a sound."""
    loop = SimLoop(rng, most_steps=most_steps)
    loop.set_exception_handler(lambda *_: None)
    # When cycles are found depends on what else the process did, and finding one runs code.
    was_collecting = gc.isenabled()
    gc.disable()
    with running_on(SimClock(loop, random.Random(rng.getrandbits(64)))):
        loop._base = contextvars.copy_context()
        asyncio.set_event_loop(loop)
        try:
            yield loop
        finally:
            _put_away(loop)
            asyncio.set_event_loop(None)
            loop.close()
            if was_collecting:
                gc.enable()


def _put_away(loop: SimLoop) -> None:
    """Close every coroutine that hangs, so that none is found by the garbage collector in another test."""
    loop._is_ending = True
    for task in asyncio.all_tasks(loop):
        task._log_destroy_pending = False  # type: ignore[attr-defined]
        coroutine: Any = task.get_coro()
        for _ in range(50):  # a `finally` that awaits gives way at its next await only
            try:
                coroutine.close()
                break
            except RuntimeError:
                continue
            except BaseException:
                break
