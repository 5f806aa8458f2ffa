"""Passwords as argon2id hashes, by argon2-cffi with its defaults (RFC 9106, low-memory profile)."""

from __future__ import annotations

import os
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from app.access.errors import AccessDenied

# NIST SP 800-63B asks for 8 of a password that stands alone, 15 without a second factor is its newer advice.
SHORTEST = 12
LONGEST = 256  # hashing takes as long as the text; nobody types more
_HASHER = PasswordHasher()


def hashed(password: str) -> str:
    """Return the hash that the file of users keeps; the password is kept nowhere.

    Raises: AccessDenied when it is too short or too long.
    """
    if not SHORTEST <= len(password) <= LONGEST or len(set(password)) < SHORTEST // 3:
        raise AccessDenied(f"a password has {SHORTEST} to {LONGEST} characters, and not the same few again and again")
    return _HASHER.hash(password)


def fits(password: str, kept: str | None) -> bool:
    """Return whether this is the password; of a user who has none or is not there, no, and it takes as long."""
    nobodys = _nobodys()
    try:
        return _HASHER.verify(kept or nobodys, password[: LONGEST + 1]) and kept is not None
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobodys() -> str:
    """Return a hash that no password fits, so that an unknown user can't be known from a wrong password by the time."""
    return _HASHER.hash(os.urandom(16).hex())
