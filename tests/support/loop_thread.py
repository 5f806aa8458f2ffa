"""An event loop in a thread, for servers of tests, which leaves no task, no socket and no loop open behind it.

What is left open is found by the garbage collector, later, in whichever test is running then.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

Answer = TypeVar("Answer")

_LONGEST_CALL_S = 30.0
# A connection just accepted becomes a task one or two turns of the loop later.
_QUIET_TURNS = 5


class LoopThread:
    """Runs coroutines in a loop of its own; `stop` cancels what still runs there and closes the loop."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def call(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        """Run a coroutine there and wait for its answer."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_LONGEST_CALL_S)

    def stop(self) -> None:
        """Cancel every task, let closed transports go, and close the loop."""
        self.call(_until_quiet())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_LONGEST_CALL_S)
        self._loop.close()


async def _until_quiet() -> None:
    quiet = 0
    while quiet < _QUIET_TURNS:
        running = asyncio.all_tasks() - {asyncio.current_task()}
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await asyncio.sleep(0.001)
        quiet = 0 if running else quiet + 1
