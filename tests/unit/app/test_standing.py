"""How far the workers of this machine are, told in files that count while their writer lives."""

from __future__ import annotations

import json
from pathlib import Path

from app.status.tasks import FILE, StandingFile, TaskStanding, read_all, read_standing
from tests.support.task_lab import Lab


async def test_a_living_worker_is_believed_and_a_dead_one_is_not(tmp_path: Path) -> None:
    lab = Lab()
    file = StandingFile(tmp_path / "worker-1")
    file.write([lab.task], assigned=1)
    early = read_standing(tmp_path / "worker-1")
    assert early is not None
    assert not early.is_restored, "assigned and not restored yet"
    await lab.task.restore()
    file.write([lab.task], assigned=1)
    told = read_standing(tmp_path / "worker-1")
    assert told is not None
    assert told.is_restored
    assert read_all(tmp_path) == {lab.task.name: TaskStanding(0, 0, None)}

    raw = json.loads((tmp_path / "worker-1" / FILE).read_text())
    (tmp_path / "worker-1" / FILE).write_text(json.dumps({**raw, "birth": "another life"}))
    assert read_standing(tmp_path / "worker-1") is None
    assert read_all(tmp_path) == {}


def test_of_two_words_on_one_task_the_later_counts(tmp_path: Path) -> None:
    StandingFile(tmp_path / "seed").write([], assigned=0)
    raw = json.loads((tmp_path / "seed" / FILE).read_text())
    for worker, position in (("a", 9), ("b", 4)):
        (tmp_path / worker).mkdir()
        tasks = {"fold-payments/0": {"position": position, "parked": 0, "waits": None}}
        (tmp_path / worker / FILE).write_text(json.dumps({**raw, "tasks": tasks}))
    assert read_all(tmp_path) == {"fold-payments/0": TaskStanding(9, 0, None)}


def test_a_damaged_file_tells_nothing(tmp_path: Path) -> None:
    (tmp_path / "worker-1").mkdir()
    (tmp_path / "worker-1" / FILE).write_text("{")
    assert read_standing(tmp_path / "worker-1") is None


async def test_a_task_that_waits_says_since_when(tmp_path: Path) -> None:
    lab = Lab()
    await lab.task.restore()
    file = StandingFile(tmp_path / "worker-1")
    for reason in ("AbasUnavailable: away", "AbasUnavailable: away still", None):
        lab.task.stalled_because = reason
        file.write([lab.task], assigned=1)
        told = read_all(tmp_path)[lab.task.name]
        assert told.waits == reason
        assert (told.waits_since is None) is (reason is None)
