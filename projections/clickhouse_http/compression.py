"""Bodies as clients pack them: HTTP encodings, and ClickHouse's own blocks (`compress=1`, `decompress=1`).

A block is 16 bytes of CityHash128 (the version of ClickHouse, 1.0.2) over what follows, then method, size with this
head, size of the content, and the content as LZ4.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, Protocol

import lz4.block
import lz4.frame
from backports import zstd
from clickhouse_cityhash.cityhash import CityHash128

from projections.store.errors import QueryRefused

_LZ4: Final = 0x82
_HEAD: Final = struct.Struct("<BII")
_CHECKSUM_BYTES: Final = 16
# As large as the server's own blocks; clients hold one at a time.
_BLOCK_BYTES: Final = 1 << 20
# In the order in which they are taken when a client takes several: fast ones first.
_ENCODINGS: Final = ("lz4", "zstd", "gzip", "deflate")
_UNPACK: Final[Mapping[str, Callable[[bytes, int], bytes]]] = {
    "gzip": lambda content, most: _inflated(content, most, 31),
    "deflate": lambda content, most: _inflated(content, most, 15),
    "lz4": lambda content, most: bytes(lz4.frame.LZ4FrameDecompressor().decompress(content, max_length=most)),
    "zstd": lambda content, most: zstd.ZstdDecompressor().decompress(content, max_length=most),
}


class _Packer(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


def chosen_encoding(accepted: str) -> str | None:
    """Return the encoding for an answer, out of an Accept-Encoding header; None is none."""
    offered = {
        part.partition(";")[0].strip().lower() for part in accepted.split(",") if "q=0" not in part.replace(" ", "")
    }
    return next((name for name in _ENCODINGS if name in offered), None)


def packed(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Yield the pieces in that encoding, as one stream."""
    match encoding:
        case "lz4":
            frame = lz4.frame.LZ4FrameCompressor()
            yield frame.begin()
            yield from _packed(pieces, frame)
        case "zstd":
            yield from _packed(pieces, zstd.ZstdCompressor())
        case _:
            yield from _packed(pieces, zlib.compressobj(1, wbits=31 if encoding == "gzip" else 15))


def _packed(pieces: Iterable[bytes], packer: _Packer) -> Iterator[bytes]:
    for piece in pieces:
        if packed_piece := packer.compress(piece):
            yield packed_piece
    yield packer.flush()


def unpacked(content: bytes, encoding: str, *, most: int) -> bytes:
    """Return the content of a body in that encoding, at most so many bytes.

    Raises: QueryRefused when it is damaged, larger or of another encoding.
    """
    if encoding not in _UNPACK:
        raise QueryRefused(
            f"Content-Encoding {encoding[:40]!r} is not known; send gzip or none", code="NOT_IMPLEMENTED"
        )
    try:
        plain: bytes = _UNPACK[encoding](content, most)
    except (OSError, EOFError, RuntimeError, ValueError, zlib.error, zstd.ZstdError) as error:
        raise QueryRefused(f"the body is no {encoding}: {error}", code="BAD_ARGUMENTS") from error
    return plain


def as_blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the content of the pieces as ClickHouse's compressed blocks."""
    for piece in pieces:
        for start in range(0, len(piece), _BLOCK_BYTES):
            yield _block(piece[start : start + _BLOCK_BYTES])


def from_blocks(content: bytes, *, most: int) -> bytes:
    """Return the content of compressed blocks, at most so many bytes.

    Raises: QueryRefused when a checksum does not fit or the blocks are no LZ4.
    """
    return b"".join(_contents(content, most))


def _block(content: bytes) -> bytes:
    body = lz4.block.compress(content, store_size=False)
    rest: bytes = _HEAD.pack(_LZ4, len(body) + _HEAD.size, len(content)) + body
    return _checksum(rest) + rest


def _contents(content: bytes, most: int) -> Iterator[bytes]:
    place = 0
    while place < len(content):
        checksum = content[place : place + _CHECKSUM_BYTES]
        place += _CHECKSUM_BYTES
        if len(content) < place + _HEAD.size:
            raise QueryRefused("the body ends within a compressed block", code="BAD_ARGUMENTS")
        method, size, plain_size = _HEAD.unpack_from(content, place)
        rest = content[place : place + size]
        most -= plain_size
        if method != _LZ4 or len(rest) != size or checksum != _checksum(rest) or most < 0:
            raise QueryRefused(
                "the body holds a compressed block that is damaged, too large or no LZ4", code="BAD_ARGUMENTS"
            )
        try:
            yield lz4.block.decompress(rest[_HEAD.size :], uncompressed_size=plain_size)
        except lz4.block.LZ4BlockError as error:
            raise QueryRefused(
                f"a compressed block of the body can't be read: {error}", code="BAD_ARGUMENTS"
            ) from error
        place += size


def _checksum(content: bytes) -> bytes:
    # ClickHouse writes two numbers of 64 bits, the first of which the library gives as the upper half of one.
    first, second = divmod(CityHash128(content), 1 << 64)
    return struct.pack("<QQ", first, second)


def _inflated(content: bytes, most: int, window: int) -> bytes:
    reader = zlib.decompressobj(window)
    plain = reader.decompress(content, most)
    if reader.unconsumed_tail:
        raise ValueError(f"it holds more than {most} bytes")
    return plain
