"""The language of a page: English as it stands in the code, any other from a catalogue of gettext (docs: ADR 0125).

A text is looked up when a page is made, in the language of whoever asked for it. Catalogues are read as they are, by
Babel, at first use: nothing is compiled, neither here nor at the user's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any, Final

from babel import Locale, negotiate_locale
from babel.messages.pofile import read_po
from starlette.requests import Request

CATALOGUES: Final = Path(__file__).parent / "languages"
# The languages that a person may choose, each in its own words, with its customs for numbers and dates.
LANGUAGES: Final[Mapping[str, tuple[str, Locale]]] = {
    "en": ("English", Locale("en", "GB")),  # day before month, as the books say it
    "de": ("Deutsch", Locale("de", "DE")),
}
# The cookie that keeps what a person chose.
COOKIE: Final = "saldo_language"
_current: ContextVar[str] = ContextVar("language", default="en")


def current() -> str:
    """Return the language of this request."""
    return _current.get()


def locale() -> Locale:
    """Return how this request's language writes numbers and dates."""
    return LANGUAGES[current()][1]


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Make pages in this language while the block runs."""
    token = _current.set(language)
    try:
        yield
    finally:
        _current.reset(token)


def chosen(kept: str, accepted: str) -> str:
    """Return the language that somebody kept, else the first one that the browser asks for and we have."""
    if kept in LANGUAGES:
        return kept
    wanted = [part.split(";")[0].strip().replace("-", "_") for part in accepted[:200].split(",")]
    return (negotiate_locale(wanted, LANGUAGES) or "en").partition("_")[0]


def of_request(request: Request) -> AbstractContextManager[None]:
    """Speak the language of whoever sent a request while the block runs."""
    return speaking(chosen(request.cookies.get(COOKIE, ""), request.headers.get("accept-language", "")))


@cache
def catalogue(language: str) -> Mapping[str, str | tuple[str, ...]]:
    """Return the texts of a language by their English: one, or the forms of a plural."""
    path = CATALOGUES / f"{language}.po"
    if not path.exists():
        return {}
    with path.open("rb") as file:
        messages = read_po(file, locale=language)
    found: dict[str, str | tuple[str, ...]] = {}
    for one in messages:
        if not one.id:
            continue  # what the file says about itself
        if isinstance(one.id, str):
            found[one.id] = str(one.string or "")
        else:
            found[one.id[0]] = tuple(one.string or ())
    return found


def _(text: str, /, **values: Any) -> str:
    """Return a text in the language of this request, with what %(name)s stands for."""
    found = catalogue(current()).get(text)
    said = found if isinstance(found, str) and found else text
    return said % values if values else said


def _n(one: str, many: str, number: int, /, **values: Any) -> str:
    """Return the form of a text for a number, which %(n)s stands for, written as the language does."""
    found = catalogue(current()).get(one)
    forms = found if isinstance(found, tuple) and all(found) else (one, many)
    return forms[abs(number) != 1] % {"n": whole(number), **values}


def N_(text: str, /) -> str:  # noqa: N802 - the name under which gettext's tools know it
    """Mark a text that is looked up later, where it is shown."""
    return text


def whole(number: int) -> str:
    """Write a number with the separators of the language: 2,000."""
    return separated(f"{number:,}")


def separated(text: str) -> str:
    """Put the separators of the language where English has its own."""
    if current() == "en":
        return text
    symbols = locale().number_symbols["latn"]
    return text.translate({ord(","): symbols["group"], ord("."): symbols["decimal"]})


def as_in_english(text: str) -> str:
    """Return a number that a person wrote in the language of this request with the separators of English."""
    if current() == "en":
        return text
    symbols = locale().number_symbols["latn"]
    return text.translate({ord(symbols["group"]): ",", ord(symbols["decimal"]): "."})


def listed(words: Iterable[str]) -> str:
    """Join words as a sentence does: a, b and c."""
    *most, last = list(words)
    return _("%(most)s and %(last)s", most=", ".join(most), last=last) if most else last
