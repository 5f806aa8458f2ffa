"""What every embedded server promises about its life, shown on a server that is quick to start."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import ClassVar

import pytest

from infra.embedded import process
from infra.embedded.errors import AlreadyRunning, PortTaken, ServerFailed
from infra.embedded.server import Command, EmbeddedServer

SERVE = """
import socket, sys, time
print("listening soon", flush=True)
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as server:
    while True:
        server.accept()[0].close()
"""


class Door(EmbeddedServer):
    """A server that only opens its port, or does what the test's code says."""

    name: ClassVar[str] = "door"
    port_names: ClassVar[tuple[str, ...]] = ("front", "back")

    def __init__(
        self, data_dir: Path, *, port: int = 0, code: str = SERVE, die_with_parent: bool = True, patience_s: float = 15
    ) -> None:
        super().__init__(data_dir, port=port, heap_mb=1, die_with_parent=die_with_parent, ready_timeout_s=patience_s)
        self.code = code

    @classmethod
    def address_at(cls, port: int) -> str:
        return f"127.0.0.1:{port}"

    def answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def _prepare(self) -> Command:
        self._lay_out()
        return Command((sys.executable, "-c", self.code, str(self.port)), dict(os.environ), self.home)


def wait_for_end(pid: int, birth: str) -> bool:
    deadline = time.monotonic() + 60
    while process.birth_of(pid) == birth and time.monotonic() < deadline:
        time.sleep(0.02)
    return process.birth_of(pid) != birth


def test_it_is_found_while_it_lives_and_not_after(tmp_path: Path) -> None:
    with Door(tmp_path) as door:
        found = Door.running(tmp_path)
        assert found is not None
        assert (found.pid, found.address) == (door.pid, f"127.0.0.1:{door.port}")
    assert Door.running(tmp_path) is None
    assert door.pid is None


def test_after_kill_9_the_state_file_is_not_believed_and_the_ports_are_kept(tmp_path: Path) -> None:
    with Door(tmp_path) as door:
        ports = dict(door.ports())
        door.kill()
        assert json.loads((tmp_path / "door" / "server.json").read_text())["pid"] is not None
        assert Door.running(tmp_path) is None
        with Door(tmp_path) as again:
            assert again.ports() == ports


def test_a_reused_pid_is_not_taken_for_the_server(tmp_path: Path) -> None:
    with Door(tmp_path) as door:
        path = tmp_path / "door" / "server.json"
        state = json.loads(path.read_text())
        path.write_text(json.dumps({**state, "pid": os.getpid()}))
        assert Door.running(tmp_path) is None
        assert door.pid is not None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', '{"unknown": 1}'])
def test_a_damaged_state_file_means_not_running(tmp_path: Path, text: str) -> None:
    (tmp_path / "door").mkdir()
    (tmp_path / "door" / "server.json").write_text(text)
    assert Door.running(tmp_path) is None


def test_a_second_start_names_the_first(tmp_path: Path) -> None:
    with Door(tmp_path) as door:
        assert Door(tmp_path).address == door.address
        with pytest.raises(AlreadyRunning, match=f"pid {door.pid}, {door.address}"):
            Door(tmp_path).start()
        assert Door.running(tmp_path) is not None


def test_another_process_may_stop_it(tmp_path: Path) -> None:
    with Door(tmp_path) as door:
        pid = door.pid
        found = Door.running(tmp_path)
        assert found is not None
        assert pid is not None
        assert found.stop()
        assert process.birth_of(pid) is None


def test_a_server_that_ignores_sigterm_is_ended_by_force(tmp_path: Path) -> None:
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SERVE
    with Door(tmp_path, code=deaf):
        found = Door.running(tmp_path)
        assert found is not None
        assert not found.stop(grace_s=0.2)
        assert process.birth_of(found.pid) is None


def test_an_occupied_port_of_an_earlier_run_is_replaced(tmp_path: Path) -> None:
    earlier = dict(Door(tmp_path).ports())
    with socket.create_server(("127.0.0.1", earlier["front"])):
        ports = Door(tmp_path).ports()
    assert ports["front"] != earlier["front"]
    assert ports["back"] == earlier["back"]


def test_a_port_that_was_asked_for_and_is_taken_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        port = somebody.getsockname()[1]
        with pytest.raises(PortTaken, match=str(port)):
            Door(tmp_path, port=port).start()


def test_one_that_ends_early_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    door = Door(tmp_path, code="raise SystemExit('the hinge is missing')")
    with pytest.raises(ServerFailed, match=r"ended with code 1(.|\n)*the hinge is missing"):
        door.start()
    assert door.pid is None
    assert Door.running(tmp_path) is None


def test_one_that_never_answers_is_ended(tmp_path: Path) -> None:
    door = Door(tmp_path, code="import time; print('thinking', flush=True); time.sleep(600)", patience_s=3)
    with pytest.raises(ServerFailed, match=r"no answer on 127\.0\.0\.1:\d+ within(.|\n)*thinking"):
        door.start()
    assert door.pid is None


def start_in_another_process(tmp_path: Path, *, die_with_parent: bool) -> subprocess.Popen[str]:
    code = (
        "import sys, time; from pathlib import Path; from tests.unit.infra.embedded.test_server import Door\n"
        f"Door(Path(sys.argv[1]), die_with_parent={die_with_parent}).start()\n"
        "print('up', flush=True); time.sleep(600)"
    )
    return subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel ends orphans on Linux only")
@pytest.mark.parametrize("die_with_parent", [True, False])
def test_it_outlives_kill_9_of_its_starter_only_when_it_may(tmp_path: Path, die_with_parent: bool) -> None:
    with start_in_another_process(tmp_path, die_with_parent=die_with_parent) as starter:
        assert starter.stdout is not None
        assert starter.stdout.readline() == "up\n"
        found = Door.running(tmp_path)
        assert found is not None
        starter.kill()
        starter.wait()
    try:
        if die_with_parent:
            assert wait_for_end(found.pid, found.birth)
        else:
            time.sleep(0.3)
            assert Door.running(tmp_path) == found
            socket.create_connection(("127.0.0.1", int(found.address.split(":")[1])), timeout=5).close()
    finally:
        process.kill(found.pid, found.birth)


def test_free_ports_lie_outside_the_range_of_outgoing_connections() -> None:
    ports = {process.free_port() for _ in range(50)}
    assert len(ports) > 40
    assert all(18_000 <= port < 32_000 for port in ports)
