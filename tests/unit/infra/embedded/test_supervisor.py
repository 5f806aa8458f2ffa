"""The supervisor keeps processes alive, stops them cleanly, and leaves none behind.

Every process here is a real one; the supervisor runs in this thread and a watcher thread plays the operator.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.embedded import process
from infra.embedded.supervisor import (
    MERGED_LOG,
    ProcessSpec,
    ProcessState,
    ProcessStatus,
    RestartPolicy,
    Supervisor,
    read_status,
)

QUICK = RestartPolicy(first_delay_s=0.05, longest_delay_s=0.4, stable_after_s=60.0)
SLEEPS = "import time; print('up', flush=True); time.sleep(600)"


def python(code: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-c", textwrap.dedent(code), *arguments)


class House:
    """A supervisor with its files, and an operator who acts while it runs."""

    def __init__(self, tmp_path: Path, *specs: ProcessSpec) -> None:
        self.status_path = tmp_path / "status.json"
        self.log_dir = tmp_path / "logs"
        self.lines: list[str] = []
        self.supervisor = Supervisor(specs, log_dir=self.log_dir, status_path=self.status_path, echo=self.lines.append)
        self.failure: BaseException | None = None

    def run(self, operator: Callable[[], None] | None = None) -> int:
        def act() -> None:
            try:
                assert operator is not None
                operator()
            except BaseException as error:
                self.failure = error
            finally:
                self.supervisor.request_stop()

        thread = threading.Thread(target=act)
        if operator is not None:
            thread.start()
        code = self.supervisor.run()
        if operator is not None:
            thread.join()
        if self.failure is not None:
            raise self.failure
        return code

    def see(self, name: str) -> ProcessStatus:
        status = read_status(self.status_path)
        assert status is not None
        return next(one for one in status.processes if one.name == name)

    def wait(self, condition: Callable[[], bool], timeout_s: float = 60.0) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, "\n".join(self.lines)
            time.sleep(0.01)

    def wait_running(self, *names: str) -> None:
        self.wait(lambda: read_status(self.status_path) is not None)
        self.wait(lambda: all(self.see(name).state is ProcessState.RUNNING for name in names))


def test_the_wait_before_a_restart_doubles_up_to_its_cap() -> None:
    policy = RestartPolicy(first_delay_s=0.5, longest_delay_s=30.0)
    assert [policy.delay_s(n) for n in range(1, 9)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    assert policy.delay_s(10_000) == 30


def test_a_killed_process_is_started_again(tmp_path: Path) -> None:
    house = House(tmp_path, ProcessSpec("worker", python(SLEEPS), restart=QUICK))

    def operator() -> None:
        house.wait_running("worker")
        first = house.see("worker").pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        house.wait(lambda: house.see("worker").restarts == 1)
        house.wait_running("worker")
        again = house.see("worker")
        assert again.pid not in (None, first)
        assert again.exit_code == -signal.SIGKILL

    assert house.run(operator) == 0
    assert any("worker ended (SIGKILL); starting it again in 0.05 s" in line for line in house.lines)


def test_a_process_that_keeps_failing_is_tried_ever_later_and_given_up(tmp_path: Path) -> None:
    policy = RestartPolicy(first_delay_s=0.05, longest_delay_s=0.2, stable_after_s=60, give_up_after=5)
    house = House(
        tmp_path,
        ProcessSpec("steady", python(SLEEPS)),
        ProcessSpec("broken", python("raise SystemExit(3)"), restart=policy),
    )
    assert house.run() == 1
    said = [line.split("| ", 1)[1] for line in house.lines if "broken ended" in line]
    assert said == [
        *(f"broken ended (exit code 3); starting it again in {wait} s" for wait in ("0.05", "0.1", "0.2", "0.2")),
        "broken ended (exit code 3); giving up",
    ]
    assert [one.state for one in house.supervisor.status()] == [ProcessState.STOPPED] * 2


def test_a_process_that_stayed_up_starts_over_with_the_short_wait(tmp_path: Path) -> None:
    policy = RestartPolicy(first_delay_s=0.05, longest_delay_s=10, stable_after_s=0.3)
    house = House(tmp_path, ProcessSpec("worker", python("import time; time.sleep(0.8)"), restart=policy))

    def short_waits() -> int:
        return sum("worker ended (exit code 0); starting it again in 0.05 s" in line for line in house.lines)

    assert house.run(lambda: house.wait(lambda: short_waits() >= 3)) == 0
    assert sum("starting it again" in line for line in house.lines) == short_waits()


def test_a_process_without_restart_ends_the_house(tmp_path: Path) -> None:
    house = House(
        tmp_path,
        ProcessSpec("steady", python(SLEEPS)),
        ProcessSpec("once", python("import time; time.sleep(0.3)"), restart=None),
    )
    assert house.run() == 1
    assert all(one.pid is None for one in house.supervisor.status())


def test_each_starts_when_the_one_before_is_ready_and_they_stop_in_reverse(tmp_path: Path) -> None:
    journal, gate = tmp_path / "journal", tmp_path / "gate"
    code = """
        import signal, sys, time
        name, path = sys.argv[1:]
        def note(text):
            with open(path, "a") as file:
                file.write(text + " " + name + "\\n")
        def on_term(*_):
            time.sleep(0.2)
            note("stop")
            sys.exit(0)
        signal.signal(signal.SIGTERM, on_term)
        note("start")
        print("noted", flush=True)
        time.sleep(600)
    """
    house = House(
        tmp_path,
        ProcessSpec("broker", python(code, "broker", str(journal)), ready=lambda _pid: gate.exists()),
        ProcessSpec("worker", python(code, "worker", str(journal))),
    )

    def operator() -> None:
        house.wait(lambda: journal.exists() and "start broker\n" in journal.read_text())
        time.sleep(0.3)
        assert house.see("broker").state is ProcessState.STARTING
        assert house.see("worker") == ProcessStatus("worker", ProcessState.WAITING, None, 0, None)
        gate.touch()
        house.wait(lambda: "start worker\n" in journal.read_text())

    assert house.run(operator) == 0
    assert journal.read_text().split("\n") == ["start broker", "start worker", "stop worker", "stop broker", ""]


def test_a_process_that_is_never_ready_is_ended_and_tried_again(tmp_path: Path) -> None:
    policy = RestartPolicy(first_delay_s=0.05, give_up_after=2)
    house = House(
        tmp_path,
        ProcessSpec("dumb", python(SLEEPS), ready=lambda _pid: False, ready_timeout_s=0.3, restart=policy),
    )
    assert house.run() == 1
    assert sum("dumb was not ready within" in line for line in house.lines) == 2


def test_a_command_that_does_not_exist_is_a_failure_like_any_other(tmp_path: Path) -> None:
    policy = RestartPolicy(first_delay_s=0.05, give_up_after=2)
    house = House(tmp_path, ProcessSpec("absent", (str(tmp_path / "no-such-program"),), restart=policy))
    assert house.run() == 1
    assert any("absent could not be started" in line for line in house.lines)


def test_a_process_that_ignores_sigterm_is_killed_after_its_grace(tmp_path: Path) -> None:
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
    )
    house = House(tmp_path, ProcessSpec("deaf", python(code), grace_s=0.3))
    pids: list[int] = []

    def operator() -> None:
        house.wait(lambda: any(line.endswith("| deaf") for line in house.lines))
        pids.append(house.see("deaf").pid or 0)

    assert house.run(operator) == 0
    assert process.birth_of(pids[0]) is None
    assert any("deaf did not end; killing it" in line for line in house.lines)


def test_what_a_dead_process_left_in_its_group_is_ended_too(tmp_path: Path) -> None:
    code = f"""
        import subprocess, sys, time
        helper = subprocess.Popen([sys.executable, "-c", {SLEEPS!r}])
        print("helper", helper.pid, flush=True)
        time.sleep(600)
    """
    house = House(tmp_path, ProcessSpec("parent", python(code), restart=QUICK))
    helpers: list[int] = []

    def operator() -> None:
        house.wait(lambda: any("| helper " in line for line in house.lines))
        helpers.append(int(next(line for line in house.lines if "| helper " in line).split()[-1]))

    assert house.run(operator) == 0
    house.wait(lambda: process.birth_of(helpers[0]) is None)


def test_one_log_holds_every_line_with_name_and_time_and_each_process_has_its_own(tmp_path: Path) -> None:
    talk = "import sys; print('to stdout'); print('to stderr', file=sys.stderr); sys.stdout.write('no newline')"
    once = RestartPolicy(give_up_after=1)
    house = House(
        tmp_path,
        ProcessSpec("a", python(SLEEPS)),
        ProcessSpec("talker", python(talk), restart=once),
    )
    assert house.run() == 1
    own = [line.split(" ", 1)[1] for line in (house.log_dir / "talker.out").read_text().splitlines()]
    assert sorted(own) == ["no newline", "to stderr", "to stdout"]
    merged = (house.log_dir / MERGED_LOG).read_text().splitlines()
    assert merged == house.lines
    assert any(line[10] == "T" and line[23:].startswith("Z talker     | to stderr") for line in merged)


def test_a_flood_of_output_and_an_endless_line_do_not_block_the_process(tmp_path: Path) -> None:
    flood = "import sys; [print('x' * 99) for _ in range(20_000)]; sys.stdout.write('y' * 300_000)"
    house = House(tmp_path, ProcessSpec("flood", python(flood), restart=RestartPolicy(give_up_after=1)))
    assert house.run() == 1
    words = [line.split(" ", 1)[1] for line in (house.log_dir / "flood.out").read_text().splitlines()]
    assert words[:20_000] == ["x" * 99] * 20_000
    assert "".join(words[20_000:]) == "y" * 300_000


def test_two_processes_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="names must differ"):
        House(tmp_path, ProcessSpec("a", ("true",)), ProcessSpec("a", ("true",)))


SUPERVISE = f"""
    import sys
    from pathlib import Path
    from infra.embedded.supervisor import ProcessSpec, Supervisor
    room = Path(sys.argv[1])
    specs = [ProcessSpec(name, (sys.executable, "-c", {SLEEPS!r})) for name in ("one", "two")]
    sys.exit(Supervisor(specs, log_dir=room / "logs", status_path=room / "status.json").run())
"""


def start_supervisor(tmp_path: Path) -> tuple[subprocess.Popen[bytes], list[int]]:
    """Start a supervisor with two sleepers as a process of its own; return it and the sleepers' pids."""
    supervisor = subprocess.Popen(python(SUPERVISE, str(tmp_path)))
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        status = read_status(tmp_path / "status.json")
        if status is not None and all(one.state is ProcessState.RUNNING for one in status.processes):
            return supervisor, [one.pid for one in status.processes if one.pid is not None]
        time.sleep(0.02)
    supervisor.kill()
    supervisor.wait()
    raise AssertionError("the supervisor did not come up")


def wait_for_end(pids: list[int]) -> list[int]:
    """Return the pids that still live after a minute."""
    deadline = time.monotonic() + 60
    while any(process.birth_of(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.02)
    return [pid for pid in pids if process.birth_of(pid)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_everything_cleanly_with_exit_code_0(tmp_path: Path, number: signal.Signals) -> None:
    supervisor, pids = start_supervisor(tmp_path)
    supervisor.send_signal(number)
    assert supervisor.wait(15) == 0
    assert wait_for_end(pids) == []
    assert read_status(tmp_path / "status.json") is None
    states = [one["state"] for one in json.loads((tmp_path / "status.json").read_text())["processes"]]
    assert states == ["stopped", "stopped"]


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel ends orphans on Linux only")
def test_kill_9_on_the_supervisor_leaves_no_orphan(tmp_path: Path) -> None:
    supervisor, pids = start_supervisor(tmp_path)
    supervisor.kill()
    supervisor.wait()
    assert wait_for_end(pids) == []
    assert read_status(tmp_path / "status.json") is None
