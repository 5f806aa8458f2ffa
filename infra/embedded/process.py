"""Start, recognise and end single processes by pid, for the servers and the supervisor of this room.

A pid alone can be reused, so a process is named by pid and birth (its start tick), and only that one is ever
signalled.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform.startswith("linux") else None
_HAS_PROC = Path("/proc/self/stat").exists()
# Below the range from which Linux takes outgoing ports (32768 up): a client that reconnects to a stopped server
# on an outgoing port can connect to itself and then hold the port against the server's return.
_FIRST_PORT, _LAST_PORT = 18_000, 32_000
_POLL_S = 0.02


def free_port() -> int:
    """Find a loopback TCP port that nobody listens on.

    Ensures: the port was bindable a moment ago and lies outside the range of outgoing ports.
    Raises:  OSError when 200 tries found none.
    """
    for _ in range(200):
        port = _FIRST_PORT + secrets.randbelow(_LAST_PORT - _FIRST_PORT)
        if is_free(port):
            return port
    raise OSError(f"no free loopback port between {_FIRST_PORT} and {_LAST_PORT}")


def is_free(port: int) -> bool:
    """Tell whether a server could listen on this loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def birth_of(pid: int) -> str | None:
    """Name the moment a process was born, or None when it no longer lives (a zombie is dead).

    Ensures: (pid, birth) names one process for as long as the machine is up. Where there is no /proc, birth is
             the constant "alive" and only the pid counts.
    """
    if _HAS_PROC:
        try:
            stat = Path(f"/proc/{pid}/stat").read_bytes()
        except OSError:
            return None
        # The command name may hold spaces and brackets; fields count from the last bracket: state is the first
        # after it, start tick the twentieth.
        fields = stat[stat.rindex(b")") + 2 :].split()
        return None if fields[0] in (b"Z", b"X") else fields[19].decode()
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return "alive"


def spawn(
    argv: Sequence[str],
    *,
    output: IO[bytes],
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    die_with_parent: bool,
) -> subprocess.Popen[bytes]:
    """Start a process in its own session, with stdout and stderr going to output.

    Ensures: a Ctrl-C in our terminal does not reach it; we decide when it ends. With die_with_parent (Linux) the
             kernel kills it when the calling thread ends, so start it from a thread that lives on.
    """
    parent = os.getpid()

    def follow_parent() -> None:
        assert _LIBC is not None
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before we could ask
            os._exit(1)

    return subprocess.Popen(  # noqa: S603
        list(argv),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=None if env is None else dict(env),
        cwd=cwd,
        start_new_session=True,
        preexec_fn=follow_parent if die_with_parent and _LIBC is not None else None,
    )


def end(pid: int, birth: str, *, grace_s: float) -> bool:
    """End one process: SIGTERM, and SIGKILL when it still lives after the grace.

    Ensures: on return that process is dead; another one that took over its pid is not touched.
    Returns: True when it ended by itself within the grace.
    """
    if not _signal(pid, birth, signal.SIGTERM) or _wait_for_end(pid, birth, grace_s):
        return True
    kill(pid, birth)
    return False


def kill(pid: int, birth: str) -> None:
    """End one process with SIGKILL and wait until it is dead."""
    if _signal(pid, birth, signal.SIGKILL):
        _wait_for_end(pid, birth, timeout_s=30.0)


def _signal(pid: int, birth: str, number: int) -> bool:
    if birth_of(pid) != birth:
        return False
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def _wait_for_end(pid: int, birth: str, timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while birth_of(pid) == birth:
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True


def tail(path: Path, line_count: int = 25) -> str:
    """Return the last lines of a text file, or '' when there is none."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 16_384))
            lines = file.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return ""
    return "\n".join(lines[-line_count:])
