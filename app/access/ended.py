"""Sessions that somebody ended by logging out. Durable, one file for every process."""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path

import msgspec

from schemas.failures import ContractBroken
from schemas.files.private_files import locked_private, read_private, write_private


class EndedSessions:
    """Digests of tokens, with the instant at which each is over by itself."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def holds(self, token: str, *, now: datetime) -> bool:
        """Return whether this session was ended."""
        return _digest(token) in self._read(now)

    def add(self, token: str, expires_at: datetime, *, now: datetime) -> None:
        """End a session. Ensures: it is on disk when this returns."""
        with locked_private(self._path):
            found = {**self._read(now), _digest(token): expires_at}
            write_private(self._path, msgspec.json.encode(found))

    def _read(self, now: datetime) -> dict[str, datetime]:
        content = read_private(self._path)
        try:
            found = msgspec.json.decode(content or b"{}", type=dict[str, datetime])
        except msgspec.MsgspecError as error:
            raise ContractBroken(
                f"{self._path} is no list of ended sessions ({error}); remove it, and users.key beside it, so that "
                "everybody logs in again"
            ) from None
        return {digest: ends for digest, ends in found.items() if ends > now}


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
