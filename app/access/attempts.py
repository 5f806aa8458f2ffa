"""How often somebody has failed to log in, and how long the next attempt has to wait. Durable, one file.

An attempt is counted before its password is looked at, so that many at once are many; a log-in that succeeds forgets
them. Names that are nobody's are counted alike: else the wait would say who is a user.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from app.access.errors import LoginNeeded
from schemas.files.private_files import locked_private, read_private, write_private

# Somebody who mistypes is not held up; from then on the wait doubles, up to a quarter of an hour, some hundred a day.
FREE = 5
_FIRST_S = 2.0
_LONGEST_S = 900.0
_FORGOTTEN_AFTER = timedelta(days=1)
_MOST_NAMES = 1_000


class Failures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Failed attempts in a row of one name, and the last of them."""

    count: int
    last_at: datetime


class Attempts:
    """The failed log-ins of one installation."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def begin(self, user_id: str, *, now: datetime) -> None:
        """Count an attempt.

        Raises: LoginNeeded while the name has to wait; that is no attempt, and prolongs nothing.
        """
        with locked_private(self._path):
            found = self._read(now)
            name = _name(user_id)
            earlier = found.get(name, Failures(0, now))
            left_s = _wait_s(earlier.count) - (now - earlier.last_at).total_seconds()
            if left_s > 0:
                raise LoginNeeded(
                    f"{earlier.count} log-ins as {user_id.strip()[:40]!a} have failed in a row; wait {_shown(left_s)}, "
                    "then try again. An admin gives a new password with `saldo user set-password`"
                )
            found[name] = Failures(earlier.count + 1, now)
            self._write(found)

    def succeeded(self, user_id: str, *, now: datetime) -> None:
        """Forget the failures of a name: it has logged in, or an admin gave it a new password."""
        with locked_private(self._path):
            found = self._read(now)
            if found.pop(_name(user_id), None) is not None:
                self._write(found)

    def _read(self, now: datetime) -> dict[str, Failures]:
        content = read_private(self._path)
        try:
            kept = {} if content is None else msgspec.json.decode(content, type=dict[str, Failures])
        except msgspec.MsgspecError:
            kept = {}  # damaged: nobody is kept out by it, and the next attempt writes it anew
        # A last attempt ahead of now means that the clock went back.
        return {
            name: failures if failures.last_at <= now else Failures(failures.count, now)
            for name, failures in kept.items()
            if now - failures.last_at < _FORGOTTEN_AFTER
        }

    def _write(self, found: dict[str, Failures]) -> None:
        newest = sorted(found.items(), key=lambda item: item[1].last_at)[-_MOST_NAMES:]
        write_private(self._path, msgspec.json.encode(dict(newest)))


def _name(user_id: str) -> str:
    """Return what stands for a name that anybody may have typed, a password by mistake among them."""
    return hashlib.sha256(user_id.strip().casefold().encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _wait_s(count: int) -> float:
    return 0.0 if count < FREE else min(_FIRST_S * 2.0 ** min(count - FREE, 20), _LONGEST_S)


def _shown(seconds: float) -> str:
    whole = max(1, round(seconds))
    return f"{whole} s" if whole < 120 else f"{-(-whole // 60)} min"
