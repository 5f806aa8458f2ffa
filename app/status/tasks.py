"""How far each task of this machine is: reported by each worker in a small file, for `saldo status` and `saldo up`.

Nothing depends on these files: positions live in the journals. A file counts while the worker that wrote it lives.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.embedded import process

if TYPE_CHECKING:
    from streams.tasks.task import Task

FILE = "tasks.json"


@dataclass(frozen=True, slots=True)
class TaskStatus:
    """One task. position is the next inbox offset to decide, parked counts records.

    waits says why it can't go on, waits_since since when: an ISO text in UTC, None while it goes on. held counts the
    keys among the parked that are tried again by themselves. breaker_open: it waits because of a run of bad records.
    """

    position: int
    parked: int
    waits: str | None
    waits_since: str | None = None
    held: int = 0
    breaker_open: bool = False


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """What a living worker last reported: its tasks by name (agent/partition); one not yet restored is absent."""

    pid: int
    assigned: int
    tasks: Mapping[str, TaskStatus]

    @property
    def is_restored(self) -> bool:
        """Whether every partition that it was given has been restored."""
        return len(self.tasks) >= self.assigned


class StatusFile:
    """The file of one worker."""

    def __init__(self, directory: Path) -> None:
        """Name the directory; it is made with the first writing."""
        self._path = directory / FILE
        self._birth = process.birth_of(os.getpid())
        self._written = ""
        self._waits_since: dict[str, str] = {}

    def write(self, tasks: Iterable[Task[Any]], *, assigned: int) -> None:
        """Say how far these tasks are; does nothing when that has been said."""
        reported = {
            task.name: asdict(
                TaskStatus(
                    progress.position,
                    sum(map(len, progress.parked.values())),
                    task.stalled_because,
                    self._since(task.name, task.stalled_because),
                    len(progress.held),
                    task.breaker_open,
                )
            )
            for task in tasks
            if (progress := task.progress) is not None
        }
        text = json.dumps({"pid": os.getpid(), "birth": self._birth, "assigned": assigned, "tasks": reported})
        if text == self._written:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_name(f".{FILE}.{os.getpid()}")
        draft.write_text(text, "utf-8")
        draft.replace(self._path)
        self._written = text

    def _since(self, task: str, reason: str | None) -> str | None:
        """Return when this wait was first seen; a reason that changes meanwhile does not begin a new one."""
        if reason is None:
            self._waits_since.pop(task, None)
            return None
        return self._waits_since.setdefault(task, f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")


def read_status(directory: Path) -> WorkerStatus | None:
    """Return what the worker of this directory reported; None when it lives no more or has reported nothing."""
    try:
        raw = json.loads((directory / FILE).read_text("utf-8"))
        tasks = {name: TaskStatus(**fields) for name, fields in raw["tasks"].items()}
        found = WorkerStatus(raw["pid"], raw["assigned"], tasks)
        return found if process.birth_of(found.pid) == raw["birth"] else None
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return None


def read_all(state: Path) -> Mapping[str, TaskStatus]:
    """Return every task that a living worker holds; where two tell of one, a paused worker's word is the older one."""
    tasks: dict[str, TaskStatus] = {}
    for directory in sorted(path.parent for path in state.glob(f"*/{FILE}")):
        worker = read_status(directory)
        for name, reported in (worker.tasks if worker else {}).items():
            known = tasks.get(name)
            if known is None or known.position <= reported.position:
                tasks[name] = reported
    return tasks
