"""What happened, step by step: a digest always, and the lines as well where a person wants to read them."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable
from typing import TextIO

from schemas.wire.envelope import header_text
from streams.log.outbound import Outbound


class Trace:
    """The story of one run. The same seed gives the same lines, hence the same digest."""

    def __init__(self, now_s: Callable[[], float], out: TextIO | None = None) -> None:
        self._now_s = now_s
        self._out = out
        self._sha = hashlib.sha256()
        self.lines = 0

    def say(self, line: str) -> None:
        """Write down one thing that happened."""
        text = f"{self._now_s():12.6f} {line}\n"
        self._sha.update(text.encode())
        self.lines += 1
        if self._out is not None:
            self._out.write(text)

    def record(self, record: Outbound, offset: int) -> None:
        """A record that the broker took, by its place, its content and its headers."""
        content = zlib.crc32(record.value)
        for name, value in record.headers:
            content = zlib.crc32(value, zlib.crc32(name.encode(), content))
        kind, source = header_text(record.headers, "ce_type"), header_text(record.headers, "saldo-source") or "-"
        key = record.key.decode("utf-8", "replace")
        self.say(f"log   {record.topic}/{record.partition}/{offset} {kind} {key} from {source} {content:08x}")

    @property
    def digest(self) -> str:
        """Digest over all lines so far."""
        return self._sha.hexdigest()[:16]
