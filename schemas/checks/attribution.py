"""Who decided, and why: what counts as an answer. For every command of a person, at its door and where it is decided.

A decision about money is kept for ever, so a name or a reason that says nothing is as bad as none. This module knows
empty words and placeholders; it can't know whether a sentence is true.
"""

from __future__ import annotations

import re
import unicodedata

LEAST_REASON = 4  # letters and digits; "paid" says something, "ok" does not
LEAST_NAME = 2

# What people type to get past a question. Words of a reason that holds nothing else.
_PLACEHOLDER_TEXT = """
    test tests testing tested todo tbd fixme none null nil nan void empty blank nothing unknown undefined na
    asd asdf asdfg asdfgh jkl jklm qwer qwert qwerty qwertz yxcv zxcv abc aaa foo bar baz foobar
    blah bla dummy placeholder lorem ipsum sample example reason reasons why because cause comment note text string
    ok okay yes no yep nope dunno idk whatever something anything any some
    a an the my this that it is to do be
    kein keine keiner nichts egal ohne grund leer weil dito ditto same siehe oben above
"""
_NO_NAME_TEXT = "me myself i you we us he she they someone somebody anyone anybody nobody user anonymous"
_PLACEHOLDERS, _NO_NAMES = frozenset(_PLACEHOLDER_TEXT.split()), frozenset(_NO_NAME_TEXT.split())
_KEYBOARD_ROWS = ("qwertyuiop", "qwertzuiop", "asdfghjkl", "zxcvbnm", "yxcvbnm", "abcdefghijklmnopqrstuvwxyz")
_WORDS = re.compile(r"[^\W_]+")


def why_not_attributed(by: str, why: str) -> str:
    """Return what is missing of a decision's person and reason, with the remedy; empty if nothing is.

    Ensures: text that shows nothing (spaces, blanks of any script, punctuation alone) never counts, nor does a
             placeholder; letter case, width and marks around the words make no difference.
    """
    return name_problem(by) or reason_problem(why)


def name_problem(by: str) -> str:
    """Return why this names nobody; empty if it names somebody."""
    words = _words_of(by)
    said = "".join(words)
    says_nothing = all(_is_placeholder(word) or word in _NO_NAMES for word in words)
    letters = sum(_weight(character) for character in said if character.isalpha())
    if letters < LEAST_NAME or says_nothing:
        return f"{_shown(by)} names nobody; say who decides, by a name or login"
    return ""


def reason_problem(why: str) -> str:
    """Return why this is no reason; empty if it is one."""
    words = _words_of(why)
    if sum(_weight(character) for word in words for character in word) < LEAST_REASON or all(
        _is_placeholder(word) for word in words
    ):
        return f"{_shown(why)} is no reason; say in a few words why, it is kept for ever"
    return ""


def _words_of(text: str) -> list[str]:
    """Return the words of a text as they compare: without marks, invisible characters and case."""
    plain = unicodedata.normalize("NFKC", text)
    # Letters that show nothing, as the Hangul fillers, are letters by their category alone.
    seen = "".join(" " if "FILLER" in unicodedata.name(one, "") or one == "\u2800" else one for one in plain)
    visible = "".join(one for one in seen if unicodedata.category(one) not in ("Cf", "Cc", "Mn", "Me"))
    return _WORDS.findall(visible.casefold())


def _is_placeholder(word: str) -> bool:
    return (
        word in _PLACEHOLDERS
        or word.isdigit()
        or (len(set(word)) == 1 and not _is_wide(word))
        or any(len(word) > 2 and word in row for row in _KEYBOARD_ROWS)
    )


def _weight(character: str) -> int:
    return 2 if _is_wide(character) else 1


def _is_wide(text: str) -> bool:
    """Scripts in which one character is a syllable or a word."""
    return any(unicodedata.east_asian_width(character) in ("W", "F") for character in text)


def _shown(text: str) -> str:
    """Return a short text as it is, so that an invisible one can be seen."""
    return ascii(text[:40])
