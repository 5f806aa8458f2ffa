"""Languages: every text of the pages has a German one with the same names; numbers and days are written as read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import chain
from pathlib import Path

import pytest
from babel.messages.extract import extract_from_dir

from app.cli.forms import CliCommands
from projections.console import language
from projections.console.language import _, _n, as_in_english, chosen, speaking
from projections.console.shown import age, long_day, money, short_day
from schemas.documents import kinds, roles
from schemas.records.settlement import SettlementLineKind
from streams.domain.accounts import FACTS
from streams.rules.mapping import policy_choices
from tests.support.projecting import NOW

CONSOLE = Path(language.__file__).parent
ROOMS = (CONSOLE, CONSOLE.parents[1] / "app" / "api")
WORDS = {"_": None, "N_": None, "_n": (1, 2)}
METHODS = [("**.py", "python"), ("**.html", "jinja2")]


def texts() -> Iterator[tuple[str, Sequence[str]]]:
    """Where each text stands, and the text: one, or singular and plural."""
    for room in ROOMS:
        for path, line, message, _comments, _context in extract_from_dir(room, METHODS, keywords=WORDS):
            yield f"{path}:{line}", (message,) if isinstance(message, str) else message


def named(text: str) -> list[str]:
    return sorted(re.findall(r"%\(\w+\)[a-z]", text))


def test_every_text_has_a_german_one_that_names_the_same() -> None:
    german = language.catalogue("de")
    problems = []
    found = list(texts())
    assert len(found) > 600
    for place, forms in found:
        known = german.get(forms[0], "")
        said = (known,) if isinstance(known, str) else known
        if len(said) != len(forms) or not all(said):
            problems.append(f"{place}: {forms[0]!r} has no German text")
        elif any(named(form) != named(other) for form, other in zip(forms, said, strict=True)):
            problems.append(f"{place}: {forms[0]!r} names other things than {said}")
    assert problems == []


def test_no_template_shows_a_word_that_is_in_no_catalogue() -> None:
    """Outside of tags and of what is computed, a template has no words; nor has an attribute that people hear."""
    shown = []
    for path in sorted(path for room in ROOMS for path in (room / "templates").glob("*.html")):
        text = re.sub(
            r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}|<(code|script|style)\b.*?</\1>",
            "\x00",
            path.read_text("utf-8"),
            flags=re.DOTALL,
        )
        words = [
            *re.findall(r">([^<>]+)<", text),
            *re.findall(r'\b(?:aria-label|placeholder|title|alt)="([^"]*)"', text),
        ]
        plain = (re.sub(r"<kbd.*?>.*|&\w+;", "", word) for word in words)
        shown += [f"{path.name}: {word.strip()}" for word in plain if re.search(r"[^\W\d_]{2,}", word)]
    assert [
        one for one in shown if one.partition(": ")[2] not in {"\x00 · Saldo", "Saldo", "saldo \x00", "csv", "jsonl"}
    ] == []


def test_every_name_that_a_page_reads_from_a_mapping_or_a_bank_has_a_german_one() -> None:
    names = {*kinds(), *roles(), *FACTS, *policy_choices(), *chain(*policy_choices().values())}
    lines = {kind.value.replace("_", " ").capitalize() for kind in SettlementLineKind}
    german = language.catalogue("de")
    assert sorted(({name.replace("_", " ") for name in names} | lines) - german.keys()) == []


def test_every_command_and_what_it_asks_for_has_a_german_text() -> None:
    german = language.catalogue("de")
    shown = set()
    for form in CliCommands().forms():
        shown |= {form.name.partition("/")[0].capitalize(), form.title, *filter(None, [form.help])}
        shown |= {words for field in form.fields for words in (field.label.capitalize(), field.help) if words}
    assert sorted(shown - german.keys()) == []


@pytest.mark.parametrize(
    ("kept", "accepted", "expected"),
    [
        ("", "", "en"),
        ("de", "en-US,en;q=0.9", "de"),
        ("", "de-AT,de;q=0.9,en;q=0.8", "de"),
        ("", "fr-FR, en", "en"),
        ("xx", "*;q=0.1", "en"),
        ("../../etc", "de" * 4_000, "en"),
    ],
)
def test_a_kept_language_goes_before_the_browser_s(kept: str, accepted: str, expected: str) -> None:
    assert chosen(kept, accepted) == expected


def test_german_writes_numbers_days_and_plurals_as_it_does() -> None:
    with speaking("de"):
        assert money("-1454.40") == "\N{MINUS SIGN}1.454,40"
        assert long_day(date(2026, 11, 19)) == "Donnerstag, 19. November 2026"
        assert short_day(date(2026, 11, 19)).startswith("Do")
        assert age(NOW, NOW) == "1 Min."
        assert _n("%(n)s day", "%(n)s days", 2_000) == "2.000 Tage"
        assert _n("%(n)s day", "%(n)s days", 1) == "1 Tag"
        assert as_in_english("1.454,48") == "1,454.48"
        assert _("nobody wrote this down") == "nobody wrote this down"
        assert _("") == ""
    assert money("1454.40") == "1,454.40"
    assert as_in_english("1,454.48") == "1,454.48"
