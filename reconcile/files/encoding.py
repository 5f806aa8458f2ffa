"""The encoding of a text file that does not state it.

Decided by bytes that only one reading explains: a byte order mark, zero bytes, valid UTF-8, then the code pages of the
desks that export bank files. A wrong guess costs an accent in a text, never an amount.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

CHUNK = 1 << 20
SAMPLE = 200_000  # bytes that are beyond ASCII are looked at in this much text
_CYRILLIC = re.compile(rb"[\xc0-\xff\xa8\xb8]{3}")  # three accented letters in a row are no Western word
_DOS = re.compile(rb"(?<=[A-Za-z])[\x81\x82\x84\x85\x87\x88\x94](?=[A-Za-z])")  # in Windows pages: quotes, dagger, dots
_EASTERN_ONLY = re.compile(rb"(?<=[A-Za-z])[\xb3\xb9\x9d\xbe](?=[A-Za-z])|[\xb3\xbf](?=[a-z]{2})")
_CZECH = re.compile(rb"[\xc8\xe8\xec\xf2\xf8\xf9](?=[A-Za-z])")  # c, e, n, r with caron, u with ring; or grave accents
# Words of headers: an encoding in which one of them stands is that of the file.
_FAR_EAST = {"cp932": ("日付", "金額", "残高", "摘要", "取引"), "gb18030": ("日期", "金额", "余额", "摘要", "交易")}
_ACUTE = re.compile(rb"[\xe1\xed\xfa\xfd]")


def encoding_of(path: Path) -> str:
    """Return the encoding of a whole file, read once in pieces."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    sample, valid = b"", True
    with path.open("rb") as file:
        first = file.read(CHUNK)
        marked = _marked(first)
        if marked:
            return marked
        for chunk in _chunks(first, file):
            if len(sample) < SAMPLE:
                sample += b"\n".join(row for row in chunk.splitlines() if not row.isascii())[:SAMPLE]
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError:
                valid = False
            if not valid and len(sample) >= SAMPLE:
                break
    return "utf-8" if valid else _code_page(sample)


def decoded(data: bytes, encoding: str = "") -> str:
    """Return text of bytes in an encoding that nobody states, without a byte order mark."""
    if not encoding:
        encoding = _marked(data[:4_000])
    if not encoding:
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError:
            encoding = _code_page(b"\n".join(row for row in data.splitlines() if not row.isascii())[:SAMPLE])
    return data.decode(encoding, errors="replace").removeprefix("\ufeff")


def _chunks(first: bytes, file: BinaryIO) -> Iterator[bytes]:
    yield first
    while chunk := file.read(CHUNK):
        yield chunk


def _marked(head: bytes) -> str:
    """Return what a byte order mark or zero bytes say; nothing if there are none."""
    if head.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig"
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if head and head.count(0) > len(head) // 4:
        return "utf-16-be" if head[0] == 0 else "utf-16-le"
    return ""


def _code_page(sample: bytes) -> str:
    for code, words in _FAR_EAST.items():
        if any(word in sample.decode(code, errors="replace") for word in words):
            return code
    if _CYRILLIC.search(sample):
        return "cp1251"
    if _DOS.search(sample):
        return "cp850"
    if _EASTERN_ONLY.search(sample) or (_CZECH.search(sample) and _ACUTE.search(sample)):
        return "cp1250"
    return "cp1252"
