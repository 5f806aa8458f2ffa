"""Keeps a list of processes alive: `saldo up` is this and a list.

It starts them in order, each when the one before is ready; starts one again that ended unexpectedly, later and
later while it keeps failing; merges what they print; and stops them in reverse order. It knows nothing of what
they do, and they never outlive it, not even a `kill -9`.
"""

from __future__ import annotations

import contextlib
import enum
import json
import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import IO

from infra.embedded import process

MERGED_LOG = "saldo.log"
_OWN_NAME = "supervisor"
_TICK_S = 0.1
_SHORT_TICK_S = 0.03
_LOG_LIMIT_BYTES = 20 << 20
_LONGEST_LINE_BYTES = 64 << 10


@dataclass(frozen=True)
class RestartPolicy:
    """How long to wait before a process that ended is started again.

    The wait doubles with each failure in a row, up to a cap, and starts over once the process stayed up for
    stable_after_s. With give_up_after, that many failures in a row end the supervisor with exit code 1.
    """

    first_delay_s: float = 0.5
    longest_delay_s: float = 30.0
    stable_after_s: float = 60.0
    give_up_after: int | None = None

    def delay_s(self, failures: int) -> float:
        """Return the wait after the given number of failures in a row (1 for the first)."""
        # 2 ** 30 s is past any cap, and a larger exponent would overflow a float one day.
        return float(min(self.first_delay_s * 2 ** min(failures - 1, 30), self.longest_delay_s))


@dataclass(frozen=True)
class ProcessSpec:
    """One process to keep alive.

    env None inherits ours. ready gets the pid and tells whether the process does its work; None means at once.
    restart None means that its end, of whatever kind, ends the supervisor. With gate False the next process is not
    kept waiting until this one is ready: for what others wait for by themselves, with something to do meanwhile. A
    Python child should run with PYTHONUNBUFFERED=1, or its lines arrive late.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] | None = None
    cwd: Path | None = None
    ready: Callable[[int], bool] | None = None
    # A cold broker on an overloaded machine took 37 s; a limit that is generous costs nothing where all is well.
    ready_timeout_s: float = 180.0
    gate: bool = True
    restart: RestartPolicy | None = field(default_factory=RestartPolicy)
    grace_s: float = 20.0


class ProcessState(enum.StrEnum):
    """Where a process stands in its life."""

    WAITING = "waiting"
    STARTING = "starting"
    RUNNING = "running"
    BACKING_OFF = "backing-off"
    STOPPED = "stopped"


@dataclass(frozen=True)
class ProcessStatus:
    """What `saldo status` shows of one process. exit_code is that of its last end, negative for a signal."""

    name: str
    state: ProcessState
    pid: int | None
    restarts: int
    exit_code: int | None


@dataclass(frozen=True)
class SupervisorStatus:
    """What a living supervisor last wrote into its status file."""

    pid: int
    birth: str
    processes: tuple[ProcessStatus, ...]


def read_status(path: Path) -> SupervisorStatus | None:
    """Return what the supervisor of this status file keeps alive, or None when no supervisor lives."""
    try:
        raw = json.loads(path.read_text())
        processes = tuple(ProcessStatus(**{**one, "state": ProcessState(one["state"])}) for one in raw["processes"])
        status = SupervisorStatus(raw["pid"], raw["birth"], processes)
    except (FileNotFoundError, ValueError, TypeError, KeyError):
        return None
    return status if process.birth_of(status.pid) == status.birth else None


class Supervisor:
    """Runs the processes until it is asked to stop. Use it from the main thread: signals arrive there."""

    def __init__(
        self,
        processes: Sequence[ProcessSpec],
        *,
        log_dir: Path,
        status_path: Path,
        echo: Callable[[str], object] | None = None,
        in_words: Callable[[str], str] = str,
        on_ready: Callable[[], object] | None = None,
    ) -> None:
        """Describe the work; nothing is started yet.

        Each line, with time and process before it, also goes to echo, in the words of in_words; on_ready is called
        once, when every process has been ready.
        """
        names = [spec.name for spec in processes]
        if len(set(names)) != len(names):
            raise ValueError(f"process names must differ: {names}")
        self._log_dir = log_dir
        self._status_path = status_path
        self._echo = echo
        self._in_words = in_words
        self._on_ready = on_ready
        self._width = max((len(name) for name in [*names, _OWN_NAME]), default=0)
        self._children = [_Child(spec) for spec in processes]
        self._selector = selectors.DefaultSelector()
        self._logs: dict[str, _LogFile] = {}
        self._stop_requests = 0
        self._given_up = False
        self._written = ""

    def request_stop(self) -> None:
        """Ask for a clean stop; a second request ends the patience with processes that don't follow."""
        self._stop_requests += 1

    def run(self) -> int:
        """Start everything, keep it alive, and return after the clean stop.

        Returns: 0 when the stop was asked for (request_stop, SIGTERM, SIGINT); 1 when a process ended that may
                 not be restarted or failed too often in a row.
        Ensures: when it returns, or raises, none of the processes lives.
        """
        self._log_dir.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as stack:
            stack.callback(self._close)
            stack.enter_context(self._signals())
            stack.callback(self._stop_all)
            while not self._stop_requests and not self._given_up:
                self._start_waiting()
                settled = all(child.state is ProcessState.RUNNING for child in self._children)
                self._pump(_TICK_S if settled else _SHORT_TICK_S)
                for child in self._children:
                    self._look_after(child)
                self._write_status()
                self._report_ready()
        return 1 if self._given_up else 0

    def status(self) -> tuple[ProcessStatus, ...]:
        """Return each process as it stands, in the order of their start."""
        return tuple(child.status() for child in self._children)

    def _report_ready(self) -> None:
        if self._on_ready is not None and all(child.was_ready for child in self._children):
            reported, self._on_ready = self._on_ready, None
            reported()

    def _start_waiting(self) -> None:
        """Start the processes that never ran, in their order, up to the first gate that has not been ready."""
        for child in self._children:
            if child.state is ProcessState.WAITING:
                self._spawn(child)
            if child.spec.gate and not child.was_ready:
                return

    def _look_after(self, child: _Child) -> None:
        now = time.monotonic()
        match child.state:
            case ProcessState.STARTING | ProcessState.RUNNING if child.ended():
                self._reap(child)
                self._after_end(child, now)
            case ProcessState.STARTING if child.is_ready():
                child.state, child.was_ready, child.ready_at = ProcessState.RUNNING, True, now
                if child.spec.ready is not None:
                    self._say(f"{child.spec.name} is ready, pid {child.pid}")
            case ProcessState.STARTING if now - child.started_at > child.spec.ready_timeout_s:
                self._say(f"{child.spec.name} was not ready within {child.spec.ready_timeout_s:.0f} s")
                self._end(child, grace_s=child.spec.grace_s)
                self._after_end(child, time.monotonic())
            case ProcessState.RUNNING if child.failures and now - child.ready_at > child.stable_after_s:
                child.failures = 0
            case ProcessState.BACKING_OFF if now >= child.start_again_at:
                child.restarts += 1
                self._spawn(child)
            case _:
                pass

    def _spawn(self, child: _Child) -> None:
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        child.started_at = time.monotonic()
        try:
            with open(writer, "wb") as sink:
                child.start(sink)
        except OSError as error:
            os.close(reader)
            self._say(f"{child.spec.name} could not be started: {error}")
            self._after_end(child, time.monotonic())
            return
        child.output = _Lines(reader)
        self._selector.register(reader, selectors.EVENT_READ, child)
        self._say(f"started {child.spec.name}, pid {child.pid}")

    def _after_end(self, child: _Child, now: float) -> None:
        policy = child.spec.restart
        child.failures += 1
        if policy is None or (policy.give_up_after is not None and child.failures >= policy.give_up_after):
            child.state = ProcessState.STOPPED
            self._given_up = True
            self._say(f"{child.spec.name} ended ({child.end_in_words()}); giving up")
            return
        delay_s = policy.delay_s(child.failures)
        child.state, child.start_again_at = ProcessState.BACKING_OFF, now + delay_s
        self._say(f"{child.spec.name} ended ({child.end_in_words()}); starting it again in {delay_s:g} s")

    def _stop_all(self) -> None:
        for child in reversed(self._children):
            if child.pid is not None:
                self._say(f"stopping {child.spec.name}")
                self._end(child, grace_s=child.spec.grace_s)
                self._say(f"{child.spec.name} ended ({child.end_in_words()})")
            child.state = ProcessState.STOPPED
            self._write_status()

    def _end(self, child: _Child, *, grace_s: float) -> None:
        """End one process, reading what it still has to say; a second stop request cuts the grace short."""
        child.send(signal.SIGTERM)
        deadline = time.monotonic() + grace_s
        patient = True
        while not child.ended():
            if patient and (time.monotonic() > deadline or self._stop_requests > 1):
                patient = False
                self._say(f"{child.spec.name} did not end; killing it")
                child.send(signal.SIGKILL)
            self._pump(_SHORT_TICK_S)
        self._reap(child)

    def _reap(self, child: _Child) -> None:
        """Take the exit code, end what the process left behind in its group, and read its last words."""
        group = child.reap()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
        while child.output is not None and (lines := child.output.read()):
            self._log_lines(child.spec.name, lines)
        self._forget_output(child)

    def _pump(self, timeout_s: float) -> None:
        """Move what the processes printed into the logs, waiting for at most the time-out."""
        if not self._selector.get_map():
            time.sleep(timeout_s)
            return
        for key, _ in self._selector.select(timeout_s):
            child: _Child = key.data
            assert child.output is not None
            self._log_lines(child.spec.name, child.output.read())
            if child.output.at_end:
                self._forget_output(child)

    def _forget_output(self, child: _Child) -> None:
        if child.output is not None:
            self._log_lines(child.spec.name, child.output.rest())
            self._selector.unregister(child.output.descriptor)
            child.output.close()
            child.output = None

    def _say(self, text: str) -> None:
        self._log_lines(_OWN_NAME, [text])
        self._write_status()

    def _log_lines(self, name: str, lines: Sequence[str]) -> None:
        for line in lines:
            at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            before = f"{at} {name:<{self._width}} | "
            self._log(MERGED_LOG).write(f"{before}{line}")
            if name != _OWN_NAME:
                self._log(f"{name}.out").write(f"{at} {line}")
            if self._echo is not None:
                try:
                    self._echo(f"{before}{self._in_words(line)}")
                except OSError:
                    self._echo = None  # the terminal went away; the work goes on

    def _log(self, file_name: str) -> _LogFile:
        if file_name not in self._logs:
            self._logs[file_name] = _LogFile(self._log_dir / file_name)
        return self._logs[file_name]

    def _write_status(self) -> None:
        status = SupervisorStatus(os.getpid(), process.birth_of(os.getpid()) or "", self.status())
        text = json.dumps(asdict(status))
        if text != self._written:
            self._status_path.parent.mkdir(parents=True, exist_ok=True)
            draft = self._status_path.with_name(f".{self._status_path.name}.{os.getpid()}")
            draft.write_text(text)
            draft.replace(self._status_path)
            self._written = text

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        def on_signal(_number: int, _frame: FrameType | None) -> None:
            self.request_stop()

        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("run the supervisor in the main thread: its children die with their thread")
        earlier = {number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in earlier.items():
                signal.signal(number, handler)

    def _close(self) -> None:
        self._selector.close()
        for log in self._logs.values():
            log.close()


class _Child:
    """One process over all its lives."""

    def __init__(self, spec: ProcessSpec) -> None:
        self.spec = spec
        self.state = ProcessState.WAITING
        self.restarts = 0
        self.failures = 0
        self.was_ready = False
        self.started_at = self.ready_at = self.start_again_at = 0.0
        self.output: _Lines | None = None
        self.exit_code: int | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    @property
    def stable_after_s(self) -> float:
        return self.spec.restart.stable_after_s if self.spec.restart else 0.0

    def start(self, sink: IO[bytes]) -> None:
        spec = self.spec
        self._process = process.spawn(spec.argv, output=sink, env=spec.env, cwd=spec.cwd, die_with_parent=True)
        self.state = ProcessState.STARTING

    def is_ready(self) -> bool:
        assert self._process is not None
        return self.spec.ready is None or self.spec.ready(self._process.pid)

    def ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def send(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)  # does nothing once the process was reaped

    def reap(self) -> int:
        assert self._process is not None
        group = self._process.pid  # it leads its own session, so its pid names its group
        self.exit_code = self._process.wait()
        self._process = None
        return group

    def end_in_words(self) -> str:
        if self.exit_code is not None and self.exit_code < 0:
            return signal.Signals(-self.exit_code).name
        return f"exit code {self.exit_code}"

    def status(self) -> ProcessStatus:
        return ProcessStatus(self.spec.name, self.state, self.pid, self.restarts, self.exit_code)


class _Lines:
    """Cuts what arrives on a non-blocking pipe into lines of bounded length."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.at_end = False
        self._rest = b""

    def read(self) -> list[str]:
        """Return the lines that have arrived whole; none when nothing waits or the writers are gone."""
        lines: list[bytes] = []
        while not lines:
            try:
                chunk = os.read(self.descriptor, 65_536)
            except BlockingIOError:
                break
            if not chunk:
                self.at_end = True
                break
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            if len(self._rest) > _LONGEST_LINE_BYTES:
                lines.append(self._rest)
                self._rest = b""
        return [_text(line) for line in lines]

    def rest(self) -> list[str]:
        """Return the last line when no newline ended it."""
        rest, self._rest = self._rest, b""
        return [_text(rest)] if rest else []

    def close(self) -> None:
        os.close(self.descriptor)


def _text(line: bytes) -> str:
    return line.decode(errors="replace").rstrip("\r")


class _LogFile:
    """A text log that keeps itself and one predecessor (`.1`), each up to 20 MiB."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("a", encoding="utf-8")

    def write(self, line: str) -> None:
        self._file.write(line + "\n")
        self._file.flush()
        if self._file.tell() > _LOG_LIMIT_BYTES:
            self._file.close()
            self._path.replace(self._path.with_name(self._path.name + ".1"))
            self._file = self._path.open("a", encoding="utf-8")

    def close(self) -> None:
        self._file.close()
