"""Work that takes longer than a page may: it goes on beside, and its page says how far it is and then what it found."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from projections.console.decisions import Result

_MOST_KEPT: Final = 50
_AT_ONCE: Final = 2


@dataclass(frozen=True, slots=True)
class Job:
    """One piece of work of a person; about says in words what it does."""

    person: str
    about: str
    begun: float
    future: Future[Result]

    @property
    def result(self) -> Result | None:
        """What it found; None while it runs. Raises: what the work raised."""
        return self.future.result() if self.future.done() else None

    @property
    def seconds(self) -> int:
        """How long ago it was asked for."""
        return int(time.monotonic() - self.begun)


class Jobs:
    """Jobs of this process: two at once, the others wait; the last ones are kept for their person."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None

    def begin(self, person: str, about: str, work: Callable[[], Result]) -> str:
        """Begin a job and return what names it."""
        name = secrets.token_urlsafe(12)
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="workbench-job")
            self._jobs[name] = Job(person, about, time.monotonic(), self._pool.submit(work))
            while len(self._jobs) > _MOST_KEPT:
                self._jobs.popitem(last=False)[1].future.cancel()
        return name

    def find(self, person: str, name: str) -> Job | None:
        """Return a job of this person; None for one that is gone, or somebody else's."""
        with self._lock:
            job = self._jobs.get(name)
        return job if job is not None and job.person == person else None
