"""How far the workers of this machine are, reported in files that count while their writer lives."""

from __future__ import annotations

import json
from pathlib import Path

from app.status.tasks import FILE, StatusFile, TaskStatus, read_all, read_status
from tests.support.task_lab import Lab


async def test_a_living_worker_is_believed_and_a_dead_one_is_not(tmp_path: Path) -> None:
    lab = Lab()
    file = StatusFile(tmp_path / "worker-1")
    file.write([lab.task], assigned=1)
    early = read_status(tmp_path / "worker-1")
    assert early is not None
    assert not early.is_restored, "assigned and not restored yet"
    await lab.task.restore()
    file.write([lab.task], assigned=1)
    reported = read_status(tmp_path / "worker-1")
    assert reported is not None
    assert reported.is_restored
    assert read_all(tmp_path) == {lab.task.name: TaskStatus(0, 0, None)}

    raw = json.loads((tmp_path / "worker-1" / FILE).read_text())
    (tmp_path / "worker-1" / FILE).write_text(json.dumps({**raw, "birth": "another life"}))
    assert read_status(tmp_path / "worker-1") is None
    assert read_all(tmp_path) == {}


def test_of_two_words_on_one_task_the_later_counts(tmp_path: Path) -> None:
    StatusFile(tmp_path / "seed").write([], assigned=0)
    raw = json.loads((tmp_path / "seed" / FILE).read_text())
    for worker, position in (("a", 9), ("b", 4)):
        (tmp_path / worker).mkdir()
        tasks = {"fold-payments/0": {"position": position, "parked": 0, "waits": None}}
        (tmp_path / worker / FILE).write_text(json.dumps({**raw, "tasks": tasks}))
    assert read_all(tmp_path) == {"fold-payments/0": TaskStatus(9, 0, None)}


def test_a_damaged_file_reports_nothing(tmp_path: Path) -> None:
    (tmp_path / "worker-1").mkdir()
    (tmp_path / "worker-1" / FILE).write_text("{")
    assert read_status(tmp_path / "worker-1") is None


async def test_a_task_that_waits_says_since_when(tmp_path: Path) -> None:
    lab = Lab()
    await lab.task.restore()
    file = StatusFile(tmp_path / "worker-1")
    for reason in ("AbasUnavailable: away", "AbasUnavailable: away still", None):
        lab.task.stalled_because = reason
        file.write([lab.task], assigned=1)
        reported = read_all(tmp_path)[lab.task.name]
        assert reported.waits == reason
        assert (reported.waits_since is None) is (reason is None)
