"""The short code of a suggestion: what a person names when a suggestion is taken or rejected.

It follows from what is suggested and from nothing else, so a suggestion that changes has another code, and a code that
was shown yesterday never means something that was not shown. For receivables and for deposits.
"""

from __future__ import annotations

import hashlib
import json

# Neither 0 and O nor 1, I and L, and no U: codes are read aloud and typed by hand.
_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 5  # 24 million codes; within one entry or bank line two of them never meet


def suggestion_code(*content: object) -> str:
    """Return the code of this content: texts, whole numbers and sequences of them, in their order."""
    digest = hashlib.sha256(json.dumps(content, ensure_ascii=True).encode("ascii")).digest()
    number, code = int.from_bytes(digest[:8], "big"), ""
    for _ in range(LENGTH):
        number, place = divmod(number, len(_ALPHABET))
        code += _ALPHABET[place]
    return code


def is_code(text: str) -> bool:
    """Return whether a text can be a code at all."""
    return len(text) == LENGTH and all(character in _ALPHABET for character in text)
