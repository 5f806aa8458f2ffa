"""What the task layer does, as Prometheus metrics. Names: saldo_task_*; the label is the agent, not the partition."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

DECIDED = Counter("saldo_task_decided_records", "Inbox records whose consequences are durable.", ["agent"])
DROPPED = Counter("saldo_task_dropped_repeats", "Repeats at or below a high-water mark.", ["agent"])
HEALED = Counter("saldo_task_healed_records", "Inbox records that a task read itself.", ["agent"])
PARKED = Counter("saldo_task_parked_records", "Inbox records that went to the dead letters.", ["agent"])
STALLED = Gauge("saldo_task_stalled", "1 while a task waits because it cannot go on.", ["task"])
BREAKER = Gauge("saldo_task_breaker_open", "1 while a task stands still after a run of bad records.", ["task"])


class TaskMetrics:
    """Hears what tasks do and counts it; satisfies streams.tasks.ports.Observer."""

    def decided(self, task: str, records: int) -> None:
        """Count records whose consequences are durable."""
        DECIDED.labels(_agent(task)).inc(records)

    def dropped(self, task: str, records: int) -> None:
        """Repeats that lay at or below a high-water mark."""
        DROPPED.labels(_agent(task)).inc(records)

    def healed(self, task: str, records: int) -> None:
        """Count records that a task read itself."""
        HEALED.labels(_agent(task)).inc(records)

    def parked(self, task: str, records: int) -> None:
        """Count records that went to the dead letters."""
        PARKED.labels(_agent(task)).inc(records)

    def stalled(self, task: str, reason: str | None) -> None:
        """Note that the task waits (reason), or goes on (None)."""
        STALLED.labels(task).set(reason is not None)

    def breaker(self, task: str, *, is_open: bool) -> None:
        """Note that a run of bad records stops the task, or that it goes on."""
        BREAKER.labels(task).set(is_open)


def _agent(task: str) -> str:
    return task.rpartition("/")[0]
