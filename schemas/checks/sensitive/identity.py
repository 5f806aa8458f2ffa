"""What stands for a card or bank number once it is masked: its last four and a keyed digest, so that it stays itself.

    ************1111#BCDFGHJKLMNPQRST

Two texts that hold the same number hold the same mask, whatever spaces or dashes stood in it, so they match; without
the key of the installation nobody can try out numbers until one gives this digest. The digest is 64 bits in sixteen
capital letters without vowels: no digit of it can join the digits beside it, upper case changes nothing (references
are compared in capitals), and it spells no word.

The key is installed once, when a process starts (app/settings/guard_key.py); this is the only place that keeps it.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from schemas.failures import ContractBroken

SHORTEST_KEY: Final = 16  # bytes
MASK: Final = re.compile(r"\*{12}([0-9]{1,4})#([BCDFGHJKLMNPQRST]{16})", re.ASCII)
LETTERS: Final = "BCDFGHJKLMNPQRST"
_STARS: Final = "*" * 12
_PURPOSE: Final = b"saldo number identity v1\0"

_installed: bytes | None = None
_source: Callable[[], bytes] | None = None


class GuardKeyMissing(ContractBroken):
    """A number has to be masked with its identity, and this process was started without the key for it."""

    def __init__(self) -> None:
        super().__init__(
            "a card or bank number has to be masked and there is no guard key; set SALDO_GUARD_KEY to the same secret "
            "for every process of the installation (docs/security.md)"
        )


def install_guard_key(key: bytes | None) -> None:
    """Set the key of this process; None removes it.

    Raises: ContractBroken for a key of fewer than 16 bytes.
    """
    if key is not None and len(key) < SHORTEST_KEY:
        raise ContractBroken(f"the guard key has {len(key)} bytes and needs {SHORTEST_KEY} at least")
    global _installed  # one key per process, kept here and nowhere else
    _installed = key


def install_guard_key_source(source: Callable[[], bytes] | None) -> None:
    """Let the process ask for its key when it first needs it; a key that is installed counts before it."""
    global _source  # as above
    _source = source


@contextmanager
def guard_key(key: bytes | None) -> Iterator[None]:
    """Hold the key for as long as a block lasts, in which no other source of a key counts."""
    key_before, source_before = _installed, _source
    install_guard_key(key)
    install_guard_key_source(None)
    try:
        yield
    finally:
        install_guard_key(key_before)
        install_guard_key_source(source_before)


def has_guard_key() -> bool:
    """Return whether this process can mask with identity. Raises.

    ContractBroken when it has to look for a key in vain.
    """
    if _installed is None and _source is not None:
        install_guard_key(_source())
    return _installed is not None


def mask_of(number: str) -> str:
    """Return what is kept of a number: last four and digest, without the digest where no key is installed.

    Shapes: number is what was typed without its separators: digits, or an IBAN in capitals.
    """
    shown = f"{_STARS}{number[-4:]}"
    with contextlib.suppress(ContractBroken):
        has_guard_key()
    return shown if _installed is None else f"{shown}#{digest_of(number, _installed)}"


def digest_of(number: str, key: bytes) -> str:
    """64 bits of HMAC-SHA256 in sixteen capital letters."""
    value = hmac.digest(key, _PURPOSE + number.encode(), hashlib.sha256)[:8]
    return "".join(LETTERS[byte >> 4] + LETTERS[byte & 15] for byte in value)


def keyed_digest(of: str, text: str) -> str:
    """Return what two systems' values are compared by without being shown: equal for equal texts of one kind.

    Shapes: of is the kind, such as "e-mail"; text is normalised by whoever compares.
    Raises: GuardKeyMissing when this process has no key.
    """
    if not has_guard_key() or _installed is None:
        raise GuardKeyMissing
    return digest_of(f"{of}\0{text}", _installed)


def same_length_number(mask: re.Match[str]) -> str:
    """Sixteen digits in place of a mask, for whoever compares numbers digit by digit. No card number begins with 99.

    Units: 46 bits of the digest, so two of a million masks meet with a chance below one in a hundred.
    """
    value = 0
    for letter in mask[2]:
        value = value << 4 | LETTERS.index(letter)
    return f"99{value % 10**14:014d}"
