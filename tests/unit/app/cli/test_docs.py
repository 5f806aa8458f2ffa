"""README, docs and the program agree both ways.

Every `saldo ...` line of a page is one that the program understands (command, options, choices), and every command and
every report of the program stands on a page.
"""

from __future__ import annotations

import functools
import re
import shlex
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
import typer

from app.cli import build
from projections.reports import questions

ROOT = Path(__file__).parents[4]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
_IN_PROSE = re.compile(r"`(?:\.venv/bin/)?(saldo(?: [^`]+)?)`")
_ON_ITS_OWN = re.compile(r"^ {4,}(?:\.venv/bin/)?(saldo .+)$", re.MULTILINE)
# A word that stands for another one.
_PLACEHOLDER = re.compile(r"^[A-Z_]+$")


@functools.cache
def root_command() -> Any:
    return typer.main.get_command(build())


def lines() -> Iterator[tuple[str, str]]:
    """Page and command line."""
    for page in PAGES:
        text = page.read_text("utf-8")
        for line in [*_IN_PROSE.findall(text), *_ON_ITS_OWN.findall(text)]:
            yield page.relative_to(ROOT).as_posix(), line


def documented() -> set[str]:
    """Commands that a page names: in a line of its own, or as `saldo dlq list`, `show`, `replay` in one paragraph."""
    found: set[str] = set()
    for page in PAGES:
        if page.parent.name == "adr":
            continue  # says why, not how
        for paragraph in re.split(r"\n\s*\n|\n(?=\|)", page.read_text("utf-8")):
            group: tuple[str, ...] = ()
            for span in [*_ON_ITS_OWN.findall(paragraph), *re.findall(r"`([^`]+)`", paragraph)]:
                words = span.removeprefix(".venv/bin/").split()
                ours = words[:1] == ["saldo"]
                command: Any = root_command()
                path: tuple[str, ...] = ()
                for word in (*(() if ours else group), *words[ours:]):
                    if word not in getattr(command, "commands", {}):
                        break
                    command, path = command.commands[word], (*path, word)
                if len(path) > (0 if ours else len(group)):
                    found.add(" ".join(path))
                if ours:
                    group = path if hasattr(command, "commands") else path[:-1]
    return found


def every_command(command: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Path of each command that does something."""
    if not hasattr(command, "commands"):
        yield " ".join(path)
    for name, child in getattr(command, "commands", {}).items():
        yield from every_command(child, (*path, name))


def words_of(line: str) -> list[str]:
    """The words up to a comment, a pipe, a redirection or dots that stand for the rest."""
    words = shlex.split(re.split(r'\s+#|\s[|>]|\s{3,}|(?<!")\.\.\.', line)[0])
    return words[1:]


def problem(line: str) -> str | None:
    """What the program would not understand of a command line; None when it would."""
    command, words, path = root_command(), words_of(line), "saldo"
    options: dict[str, Any] = {}
    while True:
        options |= {name: option for option in command.params for name in (*option.opts, *option.secondary_opts)}
        if not hasattr(command, "commands") or not words or words[0].startswith("-") or _PLACEHOLDER.match(words[0]):
            break
        if words[0] not in command.commands:
            return f"{path} has no command {words[0]!r}"
        path, command = f"{path} {words[0]}", command.commands[words.pop(0)]
    if hasattr(command, "commands"):
        return None  # a group alone, or with a word that stands for any of its commands
    arguments = [found for found in command.params if found.param_type_name == "argument"]
    given: list[str] = []
    while words:
        word = words.pop(0)
        if not word.startswith("-") or word == "-":
            given.append(word)
            continue
        name, _, value = word.partition("=")
        if name not in options and name not in ("-h", "--help"):
            return f"{path} has no option {name}"
        if name in options and not options[name].is_flag and not value:
            if not words:
                return f"{path} {name} needs a value"
            words.pop(0)
    if len(given) > len(arguments) and not any(argument.nargs == -1 for argument in arguments):
        return f"{path} takes {len(arguments)} words, not {len(given)}"
    for argument, word in zip(arguments, given, strict=False):
        kind = argument.type_descriptor.annotation
        if isinstance(kind, type) and issubclass(kind, StrEnum) and word not in list(kind) and word.islower():
            return f"{path} does not know {word!r}"
    if path == "saldo report" and given and given[0] not in questions.report_names():
        return f"there is no report {given[0]}"
    return None


def test_every_command_line_of_the_docs_is_understood() -> None:
    found = list(lines())
    assert len(found) > 50, "the pattern finds the docs' commands"
    wrong = [f"{page}: {line}: {trouble}" for page, line in found if (trouble := problem(line))]
    assert wrong == []


def test_every_command_stands_on_a_page() -> None:
    commands = set(every_command(root_command()))
    assert len(commands) > 60
    assert commands - documented() == set()


def test_every_report_is_in_the_list_of_reports_and_no_other() -> None:
    page = (ROOT / "docs/reports.md").read_text("utf-8")
    assert set(re.findall(r"^\| `([a-z_]+)` \| .*\? ?.*\|$", page, re.MULTILINE)) == set(questions.report_names())


def test_every_page_says_who_it_is_for() -> None:
    pages = sorted((ROOT / "docs").glob("*.md"))
    assert len(pages) > 10
    assert [
        page.name for page in pages if "For " not in "".join(page.read_text("utf-8").split("\n## ")[0][:1500])
    ] == []


@pytest.mark.parametrize(
    ("line", "reported"),
    [
        ("saldo statsu", "no command 'statsu'"),
        ("saldo sandbox abas", "no command 'abas'"),
        ("saldo read TOPIC --kye x", "no option --kye"),
        ("saldo run source stripe", "does not know 'stripe'"),
        ("saldo report bridge", "no report bridge"),
        ("saldo dlq list a b", "takes 1 words"),
        ("saldo write TOPIC --from", "needs a value"),
        ('saldo write TOPIC --frm "..."', "no option --frm"),
    ],
)
def test_a_wrong_line_would_be_found(line: str, reported: str) -> None:
    trouble = problem(line)
    assert trouble is not None
    assert reported in trouble
