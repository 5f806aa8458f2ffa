"""Where an installation has users, every command asks who uses it, but for those that docs/access.md lists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, get_args

import pytest
import typer

from app.cli import build
from tests.support.cli import saldo

ROOT = Path(__file__).parents[4]
STARTS_SERVERS = {"up", "demo", "run", "serve", "dev", "sandbox", "rebuild"}
# Where a value of the right type is not enough to be read.
_VALUES = {"why": "agreed with the customer", "parts": "RE-1=60.00"}


def open_by_the_docs() -> set[str]:
    """First words of the commands of which access.md says that they ask for no log-in."""
    text = (ROOT / "docs/access.md").read_text("utf-8")
    [paragraph] = [block for block in text.split("\n\n") if "ask for no log-in" in " ".join(block.split())]
    return set(re.findall(r"`saldo ([a-z]+)`", paragraph))


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command, with the words that its parser wants."""
    if hasattr(command, "commands"):
        for name, child in command.commands.items():
            yield from commands(child, (*path, name))
        return
    words = [*path]
    for parameter in command.params:
        if parameter.required:
            words += [parameter.opts[-1]] if parameter.param_type_name == "option" else []
            words.append(_VALUES.get(parameter.name) or value_of(parameter.type_descriptor.annotation))
    yield tuple(words)


def value_of(kind: Any) -> str:
    """A word that reads as this type."""
    kind = next(iter(get_args(kind)), kind)
    if issubclass(kind, StrEnum):
        return str(next(iter(kind)))
    return {datetime: "2026-11-24", Path: __file__}.get(kind, "1")


@pytest.mark.thorough
def test_every_command_asks_for_a_log_in_or_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before, anybody could replace the keys that sign commands, and export who decided what."""
    monkeypatch.setenv("SALDO_DATA_DIR", str(tmp_path))
    added = saldo("user", "add", "bot", "--role", "admin", "--machine")
    assert added.exit_code == 2, "the first user is a person"
    (tmp_path / "access").mkdir(exist_ok=True)
    root = typer.main.get_group(build())
    is_open = open_by_the_docs()
    assert STARTS_SERVERS <= is_open < set(root.commands), "access.md names them, and commands that are there"
    (tmp_path / "access" / "users.key").write_text("users were added once")
    asked = [words for words in commands(root) if words[0] not in is_open and words != ("report",)]
    asked.append(("report", "bridge_by_currency"))
    assert len(asked) > 40
    answers = {" ".join(words): saldo(*words) for words in asked}
    silent = {words: answer for words, answer in answers.items() if answer.exit_code != 2 or "users" not in answer.err}
    assert silent == {}
