"""Files that their owner alone reads: keys, log-ins, users, addresses with a token in them.

Mode 0600 whatever the umask, and never half a file: whoever reads meanwhile finds the old one or the new one.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

from schemas.failures import ContractBroken


def write_private(path: Path, content: str | bytes) -> None:
    """Replace a file as a whole; on return it is on the disk. Its folder must be there."""
    with _draft_of(path, content) as draft:
        draft.replace(path)
    _sync_folder(path.parent)


def make_private(path: Path, content: str | bytes) -> None:
    """Write a file unless it is there: of several processes that come at once, the first one's content stays."""
    with _draft_of(path, content) as draft, contextlib.suppress(FileExistsError):
        os.link(draft, path)
    _sync_folder(path.parent)


def read_private(path: Path) -> bytes | None:
    """Return the content; None where there is no such file.

    Raises: ContractBroken when others can read or write it, with the command that mends it.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    with open(descriptor, "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode) or found.st_mode & 0o077 or found.st_uid not in (os.geteuid(), 0):
            raise ContractBroken(f"{path} must be a file that its owner alone can read and write: chmod 600 {path}")
        return file.read()


@contextlib.contextmanager
def locked_private(path: Path) -> Iterator[None]:
    """Nobody else changes this file until the block ends; its folder is made where it is missing."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


@contextlib.contextmanager
def _draft_of(path: Path, content: str | bytes) -> Iterator[Path]:
    """Hold the content beside its place, forced to the disk; gone when the block ends."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
