"""An answer between the engine and whoever asked: in memory while it is small, else in a file without a name.

Whole before its first byte is given on, so an error that comes late is still reported with its code; and whoever reads
slowly holds no session of the engine, whoever asks for millions of rows no memory of the projector.
"""

from __future__ import annotations

import mmap
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Final

from projections.store.errors import QueryRefused

# An answer in memory or in a file.
Content = bytes | mmap.mmap

# 5,000,000 rows, a million payments with their events, of 200 bytes each. The engine counts a result before it is
# written as text, and a constant once, so what is written is counted here as well.
LARGEST_ANSWER: Final = 1_000_000_000
_IN_MEMORY: Final = 1 << 20
_PIECE: Final = 1 << 20


class Spool:
    """Takes the pieces of one answer, and gives them back as often as asked; close it in the end.

    client_gone is set by whoever learns that nobody waits for the answer any more.
    """

    def __init__(self, directory: Path, client_gone: threading.Event | None = None) -> None:
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY, dir=str(directory))  # noqa: SIM115  # its owner closes it
        self._client_gone = client_gone
        self.size = 0

    def take(self, piece: bytes) -> None:
        """Keep the next piece.

        Raises: QueryRefused when the answer grows too large or nobody waits for it any more.
        """
        self.size += len(piece)
        if self.size > LARGEST_ANSWER:
            raise QueryRefused(
                f"the answer has more than {LARGEST_ANSWER} bytes; ask for fewer rows or columns, or a format that "
                "takes less room (Native, Parquet)",
                code="TOO_MANY_ROWS_OR_BYTES",
            )
        if self._client_gone is not None and self._client_gone.is_set():
            raise QueryRefused("the client has closed its connection", code="QUERY_WAS_CANCELLED")
        self._file.write(piece)

    def pieces(self) -> Iterator[bytes]:
        """Yield the answer from its beginning, some of it at a time."""
        self._file.seek(0)
        while piece := self._file.read(_PIECE):
            yield piece

    def content(self) -> Content:
        """Return the whole of the answer, of which the file's part is in memory only where it is looked at."""
        self._file.seek(0)
        if self.size <= _IN_MEMORY:
            return self._file.read()
        # It has rolled over to disk by then.
        return mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)

    def whole(self) -> bytes:
        """Return all of the answer in memory, for one that is known to be small or has to be."""
        self._file.seek(0)
        return self._file.read()

    def close(self) -> None:
        """Throw the answer away."""
        self._file.close()

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
