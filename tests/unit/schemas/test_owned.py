"""The one reader of files that people own: file, line, field, value and remedy of everything that is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from schemas.files.owned import Entry, FileInvalid, parse_owned, read_owned


class Part(Entry):
    amount_minor: int = Field(default=0, ge=0)
    side: Literal["debit", "credit"] = "debit"


class Whole(Entry):
    version: int
    parts: tuple[Part, ...] = ()
    by_name: Mapping[str, Part] = Field(default_factory=dict)


@pytest.mark.parametrize(
    ("text", "reported"),
    [
        ("vesion: 1", "f.yaml:1: vesion: is no entry here; did you mean version?"),
        ("parts: []", "f.yaml:1: version: is missing; write it"),
        ("version: x", "f.yaml:1: version: is 'x'; write a whole number"),
        ("version: 1\nversion: 2", "f.yaml:2: version: is written twice; keep one"),
        ("version: 1\nparts:\n  - {sde: debit}", "f.yaml:3: parts.0.sde: is no entry here; did you mean side?"),
        (
            "version: 1\nparts:\n  - side: debt",
            "f.yaml:3: parts.0.side: is 'debt'; write 'debit' or 'credit' (did you mean debit?)",
        ),
        (
            "version: 1\nby_name:\n  a: {amount_minr: 1}",
            "f.yaml:3: by_name.a.amount_minr: is no entry here; did you mean amount_minor?",
        ),
        (
            "version: 1\nparts:\n- amount_minor: -1",
            "f.yaml:3: parts.0.amount_minor: is -1; input should be greater than or equal to 0",
        ),
        ("version: 1\nparts: 7", "f.yaml:2: parts: is 7; write a list, such as [a, b]"),
        ("", "f.yaml:1: is empty; write it, or begin with the one that ships with Saldo"),
        (
            "a: b: c",
            "f.yaml:1: no YAML: mapping values are not allowed in this context; correct indentation, colons and quotes",
        ),
    ],
)
def test_what_is_wrong_is_reported_with_place_value_and_remedy(text: str, reported: str) -> None:
    with pytest.raises(FileInvalid) as refused:
        parse_owned(text, Whole, file="f.yaml")
    assert reported in str(refused.value).splitlines()


def test_everything_is_reported_at_once() -> None:
    with pytest.raises(FileInvalid) as refused:
        parse_owned("vesion: 1\nparts:\n  - {side: debt}\n  - {amount_minor: x}\n", Whole, file="f")
    assert sorted(problem.line for problem in refused.value.problems) == [1, 1, 3, 4]


@pytest.mark.parametrize("text", ["version: '4012000098765439'x\n", "version: card 4012000098765439\n"])
def test_a_card_number_is_not_shown(text: str) -> None:
    with pytest.raises(FileInvalid) as refused:
        parse_owned(text, Whole, file="f")
    assert "4012000098765439" not in str(refused.value)


def test_a_file_that_is_missing_or_no_text_is_reported(tmp_path: Path) -> None:
    with pytest.raises(FileInvalid, match=r"nowhere\.yaml:1: can't be read \(No such file"):
        read_owned(tmp_path / "nowhere.yaml", Whole)
    (tmp_path / "f.yaml").write_bytes(b"\x80\xff")
    with pytest.raises(FileInvalid, match=r"f\.yaml:1: is no text; save it as UTF-8"):
        read_owned(tmp_path / "f.yaml", Whole)


@given(st.text(max_size=100))
def test_any_text_is_refused_in_words(text: str) -> None:
    with pytest.raises(FileInvalid):
        parse_owned(text, Whole, file="f")


def test_what_is_nested_without_end_is_refused_before_a_tree_is_built() -> None:
    with pytest.raises(FileInvalid):
        parse_owned("version: " + "[" * 100_000 + "]" * 100_000, Whole, file="f.yaml")
