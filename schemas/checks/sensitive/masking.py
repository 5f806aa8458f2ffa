"""Masks what must not stay in a text, and keeps its identity where that is allowed.

Of a card or bank number the last four digits and a keyed digest stay, of a security code and of track data nothing
does. A text in which something hides in an encoding is withheld whole. Masking a masked text changes nothing.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator, Set
from typing import Final

from schemas.checks.sensitive.identity import GuardKeyMissing, has_guard_key, mask_of
from schemas.checks.sensitive.scanning import decoded_base64, scan
from schemas.checks.sensitive.spans import (
    SensitiveKind,
    Span,
    apart,
    labelled_spans,
    may_hold_a_label,
    may_hold_a_number,
    number_spans,
    plain_text_of,
)

# Nothing hides in a text without an escape, the beginning of JSON, or a word long enough for base64 of a card number.
_SHORTEST_BASE64: Final = 16  # of twelve digits
_ENCODED: Final = re.compile(r"[%&\\]|\A\s*[\[{\"]|[A-Za-z0-9+/_-]{16}")
# The same ids, codes and names pass by again and again, and so do long texts: adopted rules, in each partition of each
# inbox; an observation's raw answer, by each reader. They are remembered apart, so that none pushes out the other.
_LONG: Final = 200
_MOST_CHARACTERS: Final = 2_000_000


class CleanTexts:
    """Texts in which nothing was found, up to so many characters in all; then it begins anew. No number is kept."""

    def __init__(self, most_characters: int) -> None:
        self._most = self._room = most_characters
        self._texts: set[str] = set()

    @property
    def texts(self) -> Set[str]:
        """Return them, as they are now and become; whoever asks for each field of each record asks these."""
        return self._texts

    def __contains__(self, text: str) -> bool:
        return text in self._texts

    def add(self, text: str) -> None:
        """Remember a text; one that is longer than all that may be remembered is not."""
        if len(text) > self._most:
            return
        if len(text) > self._room:
            self._texts.clear()
            self._room = self._most
        self._texts.add(text)
        self._room -= len(text)


_CLEAN: dict[str, Set[str]] = {}


def known_clean(mask: Callable[[str], str]) -> Set[str]:
    """Return the short texts that a mask is known to leave as they are; none for one that remembers nothing."""
    return _CLEAN.get(getattr(mask, "__name__", ""), frozenset())


def _remembers_clean_texts(mask: Callable[[str], str]) -> Callable[[str], str]:
    """Look through a text once."""
    short, long = CleanTexts(_MOST_CHARACTERS), CleanTexts(_MOST_CHARACTERS)
    _CLEAN[mask.__name__] = short.texts

    @functools.wraps(mask)
    def remembering(text: str) -> str:
        clean = short if len(text) <= _LONG else long
        if text in clean:
            return text
        masked = mask(text)
        if masked is text:
            clean.add(text)
        return masked

    return remembering


def mask_card_numbers(text: str) -> str:
    """Mask every card number, IBAN and track in a text that is no prose: a key, an id, a message of another system.

    Ensures: the answer holds no card number that find_sensitive can see; when one hides in an encoding (JSON in a
             string, percent signs, base64), or the text is encoded too deeply to tell, the whole text is withheld.
    """
    if not may_hold_a_number(text) and _ENCODED.search(text) is None:
        return text
    masked = _replaced(text, number_spans(plain_text_of(text)))
    return _withheld_if_hidden(masked, {SensitiveKind.CARD_NUMBER, SensitiveKind.TOO_DEEP})


@_remembers_clean_texts
def mask_reference(text: str) -> str:
    """Mask what a field of ids may hold by mistake; a name that Saldo derived (a hash) stays.

    Raises: GuardKeyMissing when a number is masked without a key: it would no longer be the one that it refers to.
    """
    masked = text
    if may_hold_a_number(text) or may_hold_a_label(text):
        plain = plain_text_of(text)
        masked = _replaced(text, apart([*number_spans(plain, own_names=True), *labelled_spans(plain, own_names=True)]))
    if len(masked) >= _SHORTEST_BASE64 and (hidden := list(_in_base64(masked))):
        masked = _replaced(masked, hidden)
    if masked is not text and not has_guard_key():
        raise GuardKeyMissing
    return masked


@_remembers_clean_texts
def mask_sensitive(text: str) -> str:
    """Mask card numbers, track data, security codes and bank numbers in a text that people typed.

    Ensures: find_sensitive sees nothing in the answer.
    """
    encoded = _ENCODED.search(text) is not None
    if not encoded and not may_hold_a_number(text) and not may_hold_a_label(text):
        return text
    plain = plain_text_of(text)
    masked = _replaced(text, apart([*number_spans(plain), *labelled_spans(plain)]))
    if not encoded and masked is text:
        return text
    return _withheld_if_hidden(masked, set(SensitiveKind))


def _in_base64(text: str) -> Iterator[Span]:
    """Words of base64 that hold a card number or an IBAN, each with the first number in it."""
    for token, inner in decoded_base64(text):
        found = next(number_spans(plain_text_of(inner)), None)
        if found is not None:
            yield Span(*token, found.kind, found.number)


def _replaced(text: str, spans: Iterable[Span]) -> str:
    parts, done = [], 0
    for span in spans:
        kept = mask_of(span.number) if span.number else "*" * (span.end - span.start)
        parts += [text[done : span.start], kept, span.note]
        done = span.end
    return "".join([*parts, text[done:]]) if parts else text


def _withheld_if_hidden(masked: str, kinds: set[SensitiveKind]) -> str:
    kind = min(({finding.kind for finding in scan(masked)} & kinds), default=None)
    return masked if kind is None else f"[withheld: {kind}]"
