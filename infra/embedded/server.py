"""What every embedded server has in common: one process, one data directory, ports that stay, a state file.

The state file (`<data_dir>/<name>/server.json`) tells clients of a later command where the server is. It is
believed only while the process it names (pid and birth) lives, so a `kill -9` leaves no lock to clean up.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import ClassVar, Self

from infra.embedded import jars, process
from infra.embedded.errors import AlreadyRunning, PortTaken, ServerFailed
from infra.embedded.jars import ProgressListener

STATE_FILE = "server.json"
_READY_POLL_S = 0.05


@dataclass(frozen=True)
class RunningServer:
    """A living server found through the state file of its data directory."""

    name: str
    pid: int
    birth: str
    address: str

    def stop(self, *, grace_s: float = 20.0) -> bool:
        """End it cleanly, also when another command started it; True when no force was needed."""
        return process.end(self.pid, self.birth, grace_s=grace_s)


@dataclass(frozen=True)
class Command:
    """How to start a prepared server."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: Path


@dataclass(frozen=True)
class _State:
    pid: int | None = None
    birth: str | None = None
    ports: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def read(cls, home: Path) -> _State:
        try:
            return cls(**json.loads((home / STATE_FILE).read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            # Half a file or one from another version says nothing about a living server.
            return cls()

    def write(self, home: Path) -> None:
        home.mkdir(parents=True, exist_ok=True)
        draft = home / f".{STATE_FILE}.{os.getpid()}"
        draft.write_text(json.dumps(asdict(self)))
        draft.replace(home / STATE_FILE)


class EmbeddedServer(ABC):
    """One server process for one data directory.

    A subclass names its ports, prepares files and command line (`prepare`) and recognises readiness (`answers`).
    """

    name: ClassVar[str]
    port_names: ClassVar[tuple[str, ...]]
    usual_heap_mb: ClassVar[int]

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int = 0,
        heap_mb: int | None = None,
        die_with_parent: bool = False,
        ready_timeout_s: float = 180.0,
        cache_dir: Path | None = None,
        on_progress: ProgressListener | None = None,
    ) -> None:
        """Describe the server; nothing is written or started yet.

        Units:   heap_mb in MiB; the usual where none is given.
        Ensures: with port 0 the directory's earlier ports are kept when they are free, else free ones are taken.
                 With die_with_parent the server is killed when the thread that called start() ends (Linux).
        """
        self.data_dir = data_dir.absolute()
        self.home = self.data_dir / self.name
        self.log_path = self.data_dir / "logs" / f"{self.name}.log"
        self.console_path = self.data_dir / "logs" / f"{self.name}.out"
        self.cache_dir = cache_dir
        self.on_progress = on_progress
        self.heap_mb = heap_mb or self.usual_heap_mb
        self._wanted_port = port
        self._die_with_parent = die_with_parent
        self._ready_timeout_s = ready_timeout_s
        self._ports: dict[str, int] = {}
        self._child: subprocess.Popen[bytes] | None = None
        self._birth = ""

    def prepare(self) -> Command:
        """Write what the server needs and return how to start it: for `start`, or for a supervisor with `ready`.

        Ensures: every file that the command runs was proved against the lock in this call.
        Raises:  AlreadyRunning, PortTaken, FilesNotAsLocked, FetchFailed, PartMissing, ServerFailed.
        """
        if found := self.running(self.data_dir):
            raise AlreadyRunning(self.name, found.pid, found.address)
        return self._prepare()

    @abstractmethod
    def _prepare(self) -> Command:
        """Do what `prepare` promises, on a directory without a living server."""

    @abstractmethod
    def answers(self) -> bool:
        """Tell whether this very server answers a real request now."""

    @classmethod
    @abstractmethod
    def address_at(cls, port: int) -> str:
        """Return where clients reach a server on this port, in the form they expect."""

    @property
    def address(self) -> str:
        """Where clients reach this server."""
        return self.address_at(self.port)

    @property
    def port(self) -> int:
        """The port for clients; chosen by `prepare` or `start`."""
        return self.ports()[self.port_names[0]]

    @property
    def pid(self) -> int | None:
        """The living server process that this object started."""
        return self._child.pid if self._child is not None and self._child.poll() is None else None

    def start(self) -> Self:
        """Start the server and return when it answers.

        Raises: AlreadyRunning, ServerFailed (with the end of the log), or what `prepare` raises. In each case no
                process is left behind.
        """
        command = self.prepare()
        self.console_path.parent.mkdir(parents=True, exist_ok=True)
        with self.console_path.open("wb") as console:
            self._child = process.spawn(
                command.argv,
                env=command.env,
                cwd=command.cwd,
                output=console,
                die_with_parent=self._die_with_parent,
            )
        self._birth = process.birth_of(self._child.pid) or ""
        try:
            self._wait_until_ready(self._child)
        except BaseException:
            self.kill()
            raise
        return self

    def ready(self, pid: int) -> bool:
        """Tell whether the server answers, and if so write the state file, so that later commands find it."""
        if not self.answers():
            return False
        _State(pid, process.birth_of(pid), self.ports()).write(self.home)
        return True

    def stop(self, *, grace_s: float = 20.0) -> None:
        """End the server cleanly, by force after the grace; a server that is not running is fine."""
        if self._child is not None:
            process.end(self._child.pid, self._birth, grace_s=grace_s)
            self._child.wait()
            self._child = None

    def kill(self) -> None:
        """End the server as a power cut would: SIGKILL, nothing is flushed or closed."""
        if self._child is not None:
            process.kill(self._child.pid, self._birth)
            self._child.wait()
            self._child = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @classmethod
    def running(cls, data_dir: Path) -> RunningServer | None:
        """Find the living server of a data directory, started by whomever."""
        state = _State.read(data_dir.absolute() / cls.name)
        if state.pid is None or state.birth is None or process.birth_of(state.pid) != state.birth:
            return None
        return RunningServer(cls.name, state.pid, state.birth, cls.address_at(state.ports[cls.port_names[0]]))

    def ports(self) -> Mapping[str, int]:
        """Choose the ports once per object and remember them in the data directory; a living server has chosen.

        Raises: PortTaken.
        """
        if not self._ports and self.running(self.data_dir):
            self._ports = dict(_State.read(self.home).ports)
        if not self._ports:
            earlier = _State.read(self.home).ports
            chosen: dict[str, int] = {}
            for name in self.port_names:
                wanted = self._wanted_port if name == self.port_names[0] else 0
                if wanted and not process.is_free(wanted):
                    raise PortTaken(self.name, wanted)
                kept = earlier.get(name, 0)
                chosen[name] = wanted or (kept if kept and process.is_free(kept) else process.free_port())
            self._ports = chosen
            _State(ports=chosen).write(self.home)
        return self._ports

    def _java(self) -> tuple[str, ...]:
        """Return java with what every server here wants: a quick start and a small footprint before throughput."""
        return (
            str(jars.java()),
            f"-Xmx{self.heap_mb}m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-XX:+ExitOnOutOfMemoryError",
            "-XX:-UsePerfData",
            "--enable-native-access=ALL-UNNAMED",
            "--sun-misc-unsafe-memory-access=allow",
            # Native libraries unpack themselves here, and a killed JVM leaves them.
            "-Djava.io.tmpdir=tmp",
        )

    def _environment(self) -> dict[str, str]:
        # A server needs none of our settings, and some of them are secrets. A JVM in the C locale cannot open a path
        # with an umlaut in it.
        others = {name: value for name, value in os.environ.items() if not name.upper().startswith("SALDO_")}
        return {**others, "LC_ALL": "C.UTF-8"}

    def _lay_out(self) -> None:
        shutil.rmtree(self.home / "tmp", ignore_errors=True)
        (self.home / "tmp").mkdir(parents=True)
        self.log_path.parent.mkdir(parents=True, exist_ok=True)

    def _wait_until_ready(self, child: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + self._ready_timeout_s
        while not self.ready(child.pid):
            if child.poll() is not None:
                raise self._failed(f"it ended with code {child.returncode}")
            if time.monotonic() > deadline:
                raise self._failed(f"no answer on {self.address} within {self._ready_timeout_s:.0f} s")
            time.sleep(_READY_POLL_S)

    def _failed(self, reason: str) -> ServerFailed:
        # The JVM itself writes to the console file; a server that got as far as logging says more in its log.
        parts = (process.tail(path) for path in (self.log_path, self.console_path))
        return ServerFailed(self.name, reason, self.log_path, "\n".join(part for part in parts if part))
