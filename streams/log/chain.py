"""The chain of operator commands of one partition: each link covers the command and the link before it.

The task that decides an inbox computes it as it goes and writes the newest link beside its journal events, so a command
that is cut out, changed, put in or moved later no longer leads to the links that the journal holds (`saldo audit
verify`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from schemas.wire.envelope import KafkaHeaders, header_map, header_text
from streams.log.records import Inbound
from streams.log.signing import SIGNATURE_HEADER, signed_bytes

LINK_HEADER = "saldo-audit"
_NOTHING = "0" * 64


@dataclass(frozen=True, slots=True)
class Link:
    """How many commands there were, and the digest over all of them in order."""

    number: int = 0
    digest: str = _NOTHING

    def __str__(self) -> str:
        """Header form: number:digest."""
        return f"{self.number}:{self.digest}"

    @classmethod
    def parse(cls, text: str) -> Link:
        """Read the header form; raises ValueError naming the text when it is not one."""
        number, _, digest = text.partition(":")
        if not number.isascii() or not number.isdigit() or len(digest) != len(_NOTHING):
            raise ValueError(f"{LINK_HEADER} must be number:digest, got {text[:80]!r}")
        return cls(int(number), digest)

    def then(self, command: Inbound, *, type: str, key: bytes) -> Link:
        """Return the link after one more command.

        Its place in the inbox counts, so that a copy elsewhere is another.
        """
        event_id = header_text(command.headers, "ce_id") or ""
        content = signed_bytes(topic=command.topic, key=key, type=type, event_id=event_id, value=command.value or b"")
        signature = header_map(command.headers).get(SIGNATURE_HEADER, b"")
        place = f"{command.partition}/{command.offset}".encode()
        sha = hashlib.sha256()
        for part in (self.digest.encode(), place, content, signature):
            sha.update(len(part).to_bytes(8, "big") + part)
        return Link(self.number + 1, sha.hexdigest())


NO_LINK = Link()


def link_of(headers: KafkaHeaders) -> Link | None:
    """Return the link that a journal record carries; raises ValueError when it can't be read."""
    text = header_text(headers, LINK_HEADER)
    return None if text is None else Link.parse(text)
