"""Who gave a command: a signature beside the record, and the ring of public keys that proves it.

A command is a record type that the topic's YAML lists below `commands`, with who may give it. Whoever gives one signs
it with the key of its role; whoever acts on one proves that first. Ed25519 is deterministic (RFC 8032): the same record
signed twice is the same bytes, and a repeat is recognised as ever. See docs/adr/0057-signed-commands.md.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from schemas import catalog
from schemas.failures import ContractBroken, Unreadable
from schemas.operator_commands import is_operator_command, person_field, same_person
from schemas.wire.envelope import KafkaHeaders, SourcePosition, header_map, header_text
from streams.log.records import Inbound

logger = logging.getLogger(__name__)

KEY_ID_HEADER = "saldo-key-id"
SIGNATURE_HEADER = "saldo-signature"
SIGNATURE_HEADERS = frozenset({KEY_ID_HEADER, SIGNATURE_HEADER})
# Says what the bytes are, so that no signature of another protocol or version fits.
_DOMAIN = b"saldo command 1"
_KEY_ID_LETTERS = 16
# In place of a record type: no record is called so, hence no signature of a link or a file fits a command.
_LINK = "saldo audit link"
_FILE = "saldo file"


class NotSigned(Unreadable):
    """A command that nobody proved to have given, or somebody who may not; the message names the remedy."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One key of the ring.

    key_id        derived from the key itself, so nobody can claim another's
    role          the role of the process that signs with it
    revoked_from  records that the broker took from this instant on are refused; None while it is good
    """

    key_id: str
    role: str
    key: bytes
    made_at: datetime
    revoked_from: datetime | None = None


class Ring(Protocol):
    """Public keys by id. A ring on disk follows its file, so that a process learns of a new or revoked key."""

    def find(self, key_id: str) -> PublicKey | None:
        """Return the key of this id; None when the installation does not know it."""
        ...


@dataclass(frozen=True, slots=True)
class RoleSigner:
    """Signs the commands that one process writes."""

    role: str
    private: Ed25519PrivateKey

    @property
    def key_id(self) -> str:
        """The id of the key that it signs with."""
        return key_id_of(self.private.public_key().public_bytes_raw())

    def headers(self, *, topic: str, key: bytes, type: str, event_id: str, value: bytes) -> KafkaHeaders:
        """Return the signature's headers for a command; none for any other record.

        Raises: ContractBroken when this role may not give the command, since nobody would act on it.
        """
        givers = givers_of(topic, type)
        if givers is None:
            return ()
        if self.role not in givers:
            raise ContractBroken(f"{self.role} may not give {type} on {topic}; schemas/topics allows {_named(givers)}")
        return self._signed(signed_bytes(topic=topic, key=key, type=type, event_id=event_id, value=value))

    def link_headers(self, *, journal: str, source: SourcePosition, link: str) -> KafkaHeaders:
        """Return the signature's headers for a journal record that carries a link of the chain of operator commands."""
        return self._signed(_link_bytes(journal, source, link))

    def file_signature(self, kind: str, content: bytes) -> str:
        """Return the signature over the content of a file that another installation shall read, in hexadecimal."""
        return self.private.sign(_file_bytes(kind, content)).hex()

    def _signed(self, message: bytes) -> KafkaHeaders:
        signature = self.private.sign(message).hex().encode()
        return ((KEY_ID_HEADER, self.key_id.encode()), (SIGNATURE_HEADER, signature))


def givers_of(topic: str, type: str) -> frozenset[str] | None:
    """Roles that may give a command; None when the record is no command there, or the topic is not ours."""
    spec = catalog.topics().get(topic)
    names = None if spec is None else spec.commands.get(type)
    return None if names is None else frozenset(catalog.role_of(name) for name in names)


def signed_bytes(*, topic: str, key: bytes, type: str, event_id: str, value: bytes) -> bytes:
    """Return what a signature covers.

    Each part with its length before it, so that no two records give the same bytes.
    """
    parts = (_DOMAIN, topic.encode(), key, type.encode(), event_id.encode(), value)
    return b"".join(len(part).to_bytes(8, "big") + part for part in parts)


def _link_bytes(journal: str, source: SourcePosition, link: str) -> bytes:
    return signed_bytes(topic=journal, key=b"", type=_LINK, event_id=str(source), value=link.encode())


def prove_link(ring: Ring, found: Inbound, source: SourcePosition, link: str) -> None:
    """Prove that an agent wrote this link into its journal; raises NotSigned naming what is wrong."""
    key_id = header_text(found.headers, KEY_ID_HEADER) or ""
    known = ring.find(key_id)
    if known is None or known.role != catalog.AGENTS_RUN_IN:
        raise NotSigned(f"the link is not signed by an agent (key {key_id[:_KEY_ID_LETTERS]!r})")
    if not _fits(known, header_map(found.headers).get(SIGNATURE_HEADER, b""), _link_bytes(found.topic, source, link)):
        raise NotSigned(f"the signature of the link does not fit (key {known.key_id})")


def _file_bytes(kind: str, content: bytes) -> bytes:
    return signed_bytes(topic="", key=b"", type=_FILE, event_id=kind, value=content)


def prove_file(ring: Ring, kind: str, content: bytes, *, key_id: str, signature: str, role: str) -> None:
    """Prove that a role of the ring's installation signed this content of a file, with a key that is still good.

    Raises: NotSigned naming what is wrong.
    """
    known, shown = ring.find(key_id), key_id[:_KEY_ID_LETTERS]
    if known is None:
        raise NotSigned(f"it is signed by key {shown!r}, which this ring of public keys does not know; give the ring "
                        "of the installation that exported it")  # fmt: skip
    if known.role != role:
        raise NotSigned(f"it is signed by {known.role} (key {shown}), and only {role} may do that")
    if known.revoked_from is not None:  # what it says of its own time proves nothing
        raise NotSigned(f"it is signed by key {shown}, which is revoked; export it again with the key of today")
    if not _fits(known, signature.encode(), _file_bytes(kind, content)):
        raise NotSigned(
            f"its signature by key {shown} does not fit: it was changed after it was signed; export it again"
        )


def _fits(known: PublicKey, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(known.key).verify(bytes.fromhex(signature.decode("ascii")), message)
    except (InvalidSignature, ValueError):
        return False
    return True


def prove(ring: Ring, found: Inbound, *, type: str, key: bytes) -> str:
    """Return the role that gave a command and may give it; empty when the record is no command.

    `type` and `key` are what its value says, not what its headers claim.

    Raises: NotSigned, naming what is wrong and the remedy.
    """
    givers = givers_of(found.topic, type)
    if givers is None:
        return ""
    headers = header_map(found.headers)
    key_id, signature = header_text(found.headers, KEY_ID_HEADER), headers.get(SIGNATURE_HEADER)
    what = f"{type} on {found.topic} is a command"
    if not key_id or not signature:
        raise NotSigned(f"{what} and nobody signed it; {_remedy(givers)}")
    known = ring.find(key_id)
    shown = key_id[:_KEY_ID_LETTERS]
    if known is None:
        raise NotSigned(
            f"{what}, signed by a key that the ring of public keys does not know ({shown!r}); if `saldo keys list` "
            f"shows it on another machine, copy the ring here and replay, else {_remedy(givers)}"
        )
    if known.role not in givers:
        raise NotSigned(f"{what} of {_named(givers)}, and {known.role} signed it (key {shown}); {_remedy(givers)}")
    if known.revoked_from is not None and not found.is_broker_time:
        raise NotSigned(
            f"{what}, signed by key {shown} of {known.role}, which is revoked, and its time is the writer's own; let "
            f"the broker set it: `saldo topics apply` (message.timestamp.type of {found.topic}); {_remedy(givers)}"
        )
    if known.revoked_from is not None and found.entered_at >= known.revoked_from:
        raise NotSigned(
            f"{what}, signed by key {shown} of {known.role}, which is revoked from {known.revoked_from.isoformat()}, "
            f"and the broker took it at {found.entered_at.isoformat()}; {_remedy(givers)}"
        )
    event_id = header_text(found.headers, "ce_id") or ""
    message = signed_bytes(topic=found.topic, key=key, type=type, event_id=event_id, value=found.value or b"")
    if not _fits(known, signature, message):
        raise NotSigned(
            f"{what}, and its signature by key {shown} of {known.role} does not fit: it was changed after it was "
            f"signed, or signed for another topic or key; {_remedy(givers)}"
        )
    return known.role


def prove_approval(topic: str, value: Any, giver: str) -> None:
    """Prove that an operator command names an approver exactly if the agents gave it, which release what was approved.

    So the agents' key gives none of what a person gives alone, and nobody writes his own approval into a command.
    Raises: NotSigned naming what is wrong and the remedy.
    """
    name = type(value).__name__
    if not is_operator_command(topic, name):
        return
    approver, what = getattr(value, "approved_by", None), f"{name} on {topic}"
    if giver == catalog.AGENTS_RUN_IN:
        if not approver and not getattr(value, "retry", 0):
            raise NotSigned(f"{what} is given by the agents and names nobody who approved it; {_discard(name)}")
        if approver and same_person(approver, getattr(value, person_field(name))):
            raise NotSigned(f"{what} is approved by {approver}, who gave it; {_discard(name)}")
    elif approver:
        raise NotSigned(f"{what} says of itself that {approver} approved it, and {giver} gave it; {_discard(name)}")


def _discard(name: str) -> str:
    return f"discard this record, look who wrote it, and propose {name} again if it is wanted"


def _named(givers: frozenset[str]) -> str:
    return " or ".join(sorted(givers))


def refuse_command(topic: str, type: str) -> None:
    """Raise NotSigned, naming the remedy, when somebody without a signature is about to write a command."""
    givers = givers_of(topic, type)
    if givers is not None:
        raise NotSigned(f"{type} on {topic} is a command, on which nobody acts unsigned; {_way(givers)}")


def _way(givers: frozenset[str]) -> str:
    if "operators" in givers:
        return "give it by `saldo decide`, `saldo deposits` or `saldo dlq`"
    return f"only {_named(givers)} may give it"


def _remedy(givers: frozenset[str]) -> str:
    if "operators" in givers:
        return f"{_way(givers)}, and discard this record"
    return f"{_way(givers)}; discard this record, and look who wrote it"


# -- keys on disk --------------------------------------------------------------------------------------------------


def key_id_of(public: bytes) -> str:
    """Return the id of a public key: the beginning of its digest."""
    return hashlib.sha256(public).hexdigest()[:_KEY_ID_LETTERS]


def public_key_of(private: Ed25519PrivateKey, role: str, made_at: datetime) -> PublicKey:
    """Return what the ring holds of a private key."""
    public = private.public_key().public_bytes_raw()
    return PublicKey(key_id_of(public), role, public, made_at)


@dataclass(frozen=True, slots=True)
class KeyRing:
    """A ring that does not change."""

    keys: Mapping[str, PublicKey]

    @classmethod
    def of(cls, keys: Sequence[PublicKey]) -> KeyRing:
        """Return a ring of these keys."""
        return cls({key.key_id: key for key in keys})

    def find(self, key_id: str) -> PublicKey | None:
        """Return the key of this id."""
        return self.keys.get(key_id)


class RingFile:
    """The ring of an installation, read again whenever its file changes.

    A worker that runs while an operator's key is rotated must know the new one before it meets a command signed by it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: tuple[int, int, int] | None = None
        self._ring = KeyRing({})

    def find(self, key_id: str) -> PublicKey | None:
        """Return the key of this id, as the file says now.

        Raises: ContractBroken when there is no file, or it is no ring.
        """
        return self.read().find(key_id)

    def read(self) -> KeyRing:
        """Return the ring as the file says now; raises ContractBroken as `find` does.

        Once it was read, a file that can't be read any more leaves the ring as it was: half a file judges nobody.
        """
        try:
            stat = self._path.stat()
            stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if stamp != self._stamp:
                self._ring = KeyRing.of(parse_ring(self._path.read_text("utf-8"), str(self._path)))
                self._stamp = stamp
        except (OSError, ContractBroken) as error:
            if self._stamp is not None:
                logger.error("ring of public keys", extra={"path": str(self._path), "error": str(error)})
                return self._ring
            if isinstance(error, ContractBroken):
                raise
            raise ContractBroken(
                f"{self._path} holds the public keys that prove commands and can't be read ({error.strerror}); "
                "restore it from a backup or from another machine, or name its place in SALDO_KEYS_PUBLIC_PATH; a new "
                "installation gets one by `saldo keys make`"
            ) from None
        return self._ring


def parse_ring(text: str, where: str) -> Sequence[PublicKey]:
    """Public keys of a file; raises ContractBroken naming it when a key is not what its id says."""
    try:
        keys = [_parse_key(entry) for entry in json.loads(text)["keys"]]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ContractBroken(f"{where} is no ring of public keys ({error}); restore it from backup") from None
    wrong = [key.key_id for key in keys if key_id_of(key.key) != key.key_id]
    if wrong or len({key.key_id for key in keys}) < len(keys):
        raise ContractBroken(f"{where} holds keys that are not what their ids say, or twice; restore it from backup")
    return keys


def render_ring(keys: Sequence[PublicKey]) -> str:
    """Return the file of a ring."""
    entries = [
        {
            "key_id": key.key_id,
            "role": key.role,
            "public": key.key.hex(),
            "made_at": key.made_at.isoformat(),
            "revoked_from": key.revoked_from and key.revoked_from.isoformat(),
        }
        for key in keys
    ]
    return json.dumps({"keys": entries}, indent=1) + "\n"


def _parse_key(entry: Mapping[str, Any]) -> PublicKey:
    revoked = entry["revoked_from"]
    return PublicKey(
        entry["key_id"],
        entry["role"],
        bytes.fromhex(entry["public"]),
        _instant(entry["made_at"]),
        None if revoked is None else _instant(revoked),
    )


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"{text!r} names no time zone")
    return instant.astimezone(UTC)
