"""Values that say who somebody is, sealed with a key of that person: destroy the key, and nobody can read them again.

Protects people who ask to be forgotten, on a log that keeps everything. A field of the contract names whose value it is
(`saldo_subject` in the .avsc: the field of the same record that names that person); whoever publishes such a record
seals it, and the codec refuses one in plain text. Agents pass sealed texts on as they are: nothing is decided by what
is in them, so money rebuilds identically whether the key is there or not (docs/adr/0107).

    sealed:BCDFGHJKLMNPQRST:DFGH...     key id, then AES-256-SIV of the text; letters alone, so no mask meets a digit
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final, TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from schemas import catalog
from schemas.checks.guard import masked
from schemas.checks.sensitive.identity import LETTERS, SHORTEST_KEY
from schemas.failures import ContractBroken, Unreadable

R = TypeVar("R")

ERASED: Final = "[erased]"  # in place of a value whose key was destroyed before it was sealed, or since
SEALED: Final = "[sealed]"  # where people read, in place of a sealed value
_SEALED: Final = re.compile(rf"sealed:([{LETTERS}]{{16}}):([{LETTERS}]+)", re.ASCII)
_KEY_BYTES: Final = 64  # AES-256-SIV has two keys of 32
_PURPOSE: Final = b"saldo keys of data subjects v1"


class NotSealed(Unreadable):
    """A record holds a personal value in plain text where only a sealed one may stand."""


@dataclass(frozen=True, slots=True)
class SubjectKey:
    """A key of one person. Units: key is 64 bytes; without it, what it sealed is lost for good."""

    key_id: str
    key: bytes


# -- keys -----------------------------------------------------------------------------------------------------------


def new_key(random_bytes: Callable[[int], bytes] = secrets.token_bytes) -> SubjectKey:
    """Make a key, by the machine's own randomness; a simulation gives its own, to come out alike each time."""
    return SubjectKey(_letters(random_bytes(8)), random_bytes(_KEY_BYTES))


def wrapping_key(secret: bytes) -> bytes:
    """Return what keys are wrapped with, made of the installation's privacy key.

    Raises: ContractBroken for a secret of fewer than 16 bytes.
    """
    if len(secret) < SHORTEST_KEY:
        raise ContractBroken(f"the privacy key has {len(secret)} bytes and needs {SHORTEST_KEY} at least")
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(secret)


def wrapped(key: bytes, by: bytes) -> str:
    """Return a key as a topic may hold it. Shapes: `by` is 32 bytes, of `wrapping_key`."""
    return _letters(aes_key_wrap(by, key))


def unwrapped(text: str, by: bytes) -> bytes:
    """Return the key in a text.

    Raises: ContractBroken when another privacy key wrapped it, or it is no wrapped key.
    """
    try:
        return aes_key_unwrap(by, _bytes_of(text))
    except (InvalidUnwrap, ValueError) as error:
        raise ContractBroken(
            "a key in privacy.keys.v1 was wrapped with another privacy key; give every process of the installation the "
            "same SALDO_PRIVACY_KEY (docs/security.md)"
        ) from error


# -- texts ----------------------------------------------------------------------------------------------------------


def is_sealed(text: str) -> bool:
    """Return whether a text is sealed, or says that it was erased."""
    return text == ERASED or _SEALED.fullmatch(text) is not None


def sealed(text: str, by: SubjectKey | None) -> str:
    """Return a text as a topic may hold it; ERASED where the person has no key any more, an empty text as it is.

    Ensures: the same text and key give the same result, so that a fact observed twice is one fact.
    """
    if not text or is_sealed(text):
        return text
    if by is None:
        return ERASED
    return f"sealed:{by.key_id}:{_letters(AESSIV(by.key).encrypt(text.encode(), [by.key_id.encode()]))}"


def holds_sealed(text: str) -> bool:
    """Return whether something in a text is sealed, or says that it was erased."""
    return ERASED in text or _SEALED.search(text) is not None


def without_sealed(text: str) -> str:
    """Return a text for people who see that something is sealed in it, and not what."""
    return _SEALED.sub(SEALED, text)


def opened(text: str, key_of: Callable[[str], bytes | None]) -> str:
    """Return a text with what is sealed in it opened, wherever in the text it stands.

    Shapes: key_of gives the key of a key id, None where it is destroyed or was never here.
    Raises: Unreadable when a sealed text was changed.
    """
    return _SEALED.sub(lambda found: _opened(found, key_of), text)


def _opened(found: re.Match[str], key_of: Callable[[str], bytes | None]) -> str:
    key = key_of(found[1])
    if key is None:
        return ERASED
    try:
        return AESSIV(key).decrypt(_bytes_of(found[2]), [found[1].encode()]).decode()
    except (InvalidTag, ValueError) as error:
        raise Unreadable(f"what is sealed with key {found[1]} was changed or cut; read it from its topic") from error


# -- records --------------------------------------------------------------------------------------------------------


@cache
def sealed_fields(name: str) -> tuple[tuple[str, str], ...]:
    """Return the fields of a record type that are sealed: the field, and the one that names whose value it is."""
    return tuple(
        (field["name"], field["saldo_subject"]) for field in catalog.fields_of(name) if "saldo_subject" in field
    )


def subjects_of(records: Iterable[Any]) -> frozenset[str]:
    """Return whose values these records hold in plain text."""
    return frozenset(
        getattr(record, subject)
        for record in records
        for field, subject in sealed_fields(type(record).__name__)
        if not all(map(is_sealed, _texts(getattr(record, field))))
    )


def sealed_record(record: R, keys: Mapping[str, SubjectKey | None]) -> R:
    """Return a record with its personal values sealed; the same object where it has none.

    Card and bank numbers are masked first: in what is sealed, no guard could see one. Of a person whose values are
    erased, the digests by which systems are compared are left out as well.

    Shapes: keys has each of `subjects_of`; None for a person whose values are erased.
    Raises: GuardKeyMissing when a number has to be masked and this process has no guard key.
    """
    if not subjects_of((record,)):
        return record
    record = masked(record)
    changes = {
        field: _sealed_value(getattr(record, field), keys[getattr(record, subject)])
        for field, subject in sealed_fields(type(record).__name__)
        if not all(map(is_sealed, _texts(getattr(record, field))))
    }
    erased = {subject for _, subject in sealed_fields(type(record).__name__) if keys[getattr(record, subject)] is None}
    if erased:
        changes |= _without_digests(record)
    return replace(record, **changes)  # type: ignore[type-var]  # every record is a dataclass


def _without_digests(record: Any) -> dict[str, Any]:
    """Return the fields by which an erased person would still be recognised, empty."""
    fields = {field["name"]: field["type"] for field in catalog.fields_of(type(record).__name__)}
    optional = {name: None for name in ("email_digest", "name_digest", "place_digest") if name in fields}
    return optional | ({"value_digests": {}} if "value_digests" in fields else {})


def refuse_unsealed(record: Any) -> None:
    """Raise NotSealed, naming the field and never the value, for a record that may not enter a topic."""
    name = type(record).__name__
    for field, _ in sealed_fields(name):
        if not all(isinstance(text, str) and is_sealed(text) for text in _texts(getattr(record, field))):
            raise NotSealed(
                f"{name}.{field} holds a personal value in plain text; publish the record through a publisher with the "
                "keys of data subjects, which seals it (docs/security.md)"
            )


def _texts(value: Any) -> tuple[Any, ...]:
    """Return the texts of a field that is sealed, the empty ones left out: itself, or each of a map."""
    return tuple(filter(None, value.values() if isinstance(value, Mapping) else (value,)))


def _sealed_value(value: Any, by: SubjectKey | None) -> Any:
    """Return a text sealed, or a map with each of its texts sealed by itself."""
    if isinstance(value, Mapping):
        return {name: sealed(text, by) for name, text in value.items()}
    return sealed(value, by)


def _letters(value: bytes) -> str:
    return "".join(LETTERS[byte >> 4] + LETTERS[byte & 15] for byte in value)


def _bytes_of(text: str) -> bytes:
    numbers = [LETTERS.index(letter) for letter in text]
    return bytes(high << 4 | low for high, low in zip(numbers[::2], numbers[1::2], strict=True))
