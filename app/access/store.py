"""The file of users: readable by its owner alone, replaced as a whole, changed by one process at a time.

Beside it lies the key that signs sessions. Whoever can read these files is the installation (docs/adr/0054).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec

from app.access.actor import Actor
from app.access.history import changed
from app.access.tokens import KEY_BYTES
from app.access.users import Users
from schemas.failures import ContractBroken
from schemas.files.private_files import locked_private, read_private, write_private


class UserStore:
    """The users of one installation."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._key_path = path.with_suffix(".key")

    @property
    def path(self) -> Path:
        """Where the users are."""
        return self._path

    def read(self) -> Users:
        """Return all users; none where no user was ever added.

        Raises: ContractBroken when the file can be read or written by others, can't be understood, or is gone although
                there were users: then nobody gets in, rather than everybody.
        """
        content = read_private(self._path)
        if content is None:
            if self._key_path.exists():
                raise ContractBroken(
                    f"{self._path} is gone, and this installation had users; restore it from a backup, or remove "
                    f"{self._key_path} too if it shall be used without log-in"
                )
            return Users()
        try:
            users = msgspec.json.decode(content, type=Users)
        except msgspec.MsgspecError as error:
            raise ContractBroken(f"{self._path} is no file of users ({error}); restore it from a backup") from None
        if not users:
            raise ContractBroken(f"{self._path} holds no user; restore it from a backup")
        return users

    def change(
        self, step: Callable[[Users], Users], *, by: Actor, now: datetime, what: str, subject: str, detail: str = ""
    ) -> Users:
        """Replace the users by what step makes of them, and record who did what.

        Ensures: two changes at once are done one after the other; a crash leaves the file as it was or as it shall be.
        """
        with locked_private(self._path):
            users = step(self.read())
            changes = changed(users.changes, users.users, by=by, now=now, what=what, subject=subject, detail=detail)
            users = msgspec.structs.replace(users, changes=changes)
            write_private(self._path, msgspec.json.format(msgspec.json.encode(users), indent=1) + b"\n")
            self._make_key()
        return users

    def signing_key(self) -> bytes:
        """Return the key that signs sessions; made when it is first needed."""
        content = read_private(self._key_path)
        if content is None:
            with locked_private(self._path):
                self._make_key()
            content = read_private(self._key_path)
        try:
            key = bytes.fromhex((content or b"").decode("ascii"))
        except ValueError:
            key = b""
        if len(key) < KEY_BYTES:
            raise ContractBroken(f"{self._key_path} is no key; remove it, and everybody logs in again")
        return key

    def _make_key(self) -> None:
        if not self._key_path.exists():
            write_private(self._key_path, secrets.token_hex(KEY_BYTES) + "\n")


class PrivateFile:
    """One text that only its owner reads: a session token, a machine's key."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> str | None:
        """Return the text; None where there is none.

        Raises: ContractBroken when others can read or write it.
        """
        content = read_private(self.path)
        return None if content is None else content.decode("utf-8", "replace").strip()

    def write(self, text: str) -> None:
        """Replace the text as a whole."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(self.path, f"{text}\n")

    def remove(self) -> bool:
        """Forget the text; says whether there was one."""
        try:
            self.path.unlink()
        except FileNotFoundError:
            return False
        return True
