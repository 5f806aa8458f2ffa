"""Fixed keys for tests: one per role, derived from its name, so that golden records stay the same bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from app.composition.keys import signing_roles
from schemas import catalog
from schemas.checks.guard import masked
from schemas.failures import SaldoError
from schemas.records import Record
from schemas.wire.codec import Codec
from schemas.wire.envelope import KafkaHeaders, SourcePosition
from streams.log.memory import MemoryLog
from streams.log.outbound import Outbound
from streams.log.signing import KeyRing, RoleSigner, givers_of, public_key_of, render_ring

_CODEC = Codec()
MADE_AT = datetime(2026, 1, 1, tzinfo=UTC)


def signer_of(role: str) -> RoleSigner:
    """The signer of a role with its test key."""
    return RoleSigner(role, Ed25519PrivateKey.from_private_bytes(hashlib.sha256(f"test {role}".encode()).digest()))


class EverySigner:
    """Signs each command as the first role that may give it: the whole pipeline in one process of a test.

    What names an approver is the agents' to give.
    """

    def headers(self, *, topic: str, key: bytes, type: str, event_id: str, value: bytes) -> KafkaHeaders:
        """The signature's headers of a command; none for any other record."""
        givers = givers_of(topic, type)
        if givers is None:
            return ()
        try:
            is_released = getattr(_CODEC.decode_as_written(value), "approved_by", None) is not None
        except SaldoError:  # a test signs what nobody can read as well
            is_released = False
        role = catalog.AGENTS_RUN_IN if is_released and catalog.AGENTS_RUN_IN in givers else min(givers)
        return signer_of(role).headers(topic=topic, key=key, type=type, event_id=event_id, value=value)

    def link_headers(self, *, journal: str, source: SourcePosition, link: str) -> KafkaHeaders:
        """The signature's headers of a link: an agent's."""
        return signer_of("worker").link_headers(journal=journal, source=source, link=link)


SIGNER = EverySigner()
KEYS = [public_key_of(signer_of(role).private, role, MADE_AT) for role in signing_roles()]
RING = KeyRing.of(KEYS)


def command_headers(topic: str, record: Record, value: bytes, event_id: str = "e") -> list[tuple[str, bytes]]:
    """What a command that a test writes by itself carries, so that it is acted on; nothing for other records."""
    name, key = type(record).__name__, catalog.topic(topic).key_of(masked(record))
    signature = SIGNER.headers(topic=topic, key=key, type=name, event_id=event_id, value=value)
    return [("ce_id", event_id.encode()), *signature] if signature else []


def by_hand(log: MemoryLog, topic: str, record: Record, value: bytes, *, key: bytes, partition: int = 0) -> Outbound:
    """A record as a test puts it into a log: without an envelope, and signed where it is a command.

    Its event id is the one that a record without any has at that place (Inbound.event_id).
    """
    return at_place(topic, record, value, key=key, partition=partition, offset=len(log.records(topic, partition)))


def at_place(topic: str, record: Record, value: bytes, *, key: bytes, partition: int, offset: int) -> Outbound:
    """The same for any log, for the place where it will lie."""
    place = f"{topic}/{partition}/{offset}"
    event_id = hashlib.sha256(place.encode()).hexdigest()[:32]
    headers = command_headers(topic, record, value, event_id)
    return Outbound(topic=topic, partition=partition, key=key, value=value, headers=headers)


def write_keys(directory: Path, roles: Sequence[str] = ()) -> Path:
    """Write the test keys as an installation has them, all of them or those of some roles; returns the directory."""
    directory.mkdir(parents=True, exist_ok=True)
    for role in roles or signing_roles():
        text = signer_of(role).private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (directory / f"{role}.pem").write_bytes(text)
    (directory / "public.json").write_text(render_ring(KEYS), "utf-8")
    return directory
